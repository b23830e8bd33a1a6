/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench/profile.h: the table of keys, and finding one in it. */
#include <base/macros.h>
#include <base/nearest.h>
#include <quietbench/profile.h>

const struct qb_key_info qb_keys[QB_KEY_COUNT] = {
#define X(id, name, type, min, max, choices, dflt, help)                                           \
	[QB_KEY_##id] = {name, QB_KEY_##type, min, max, choices, dflt, help},
	QB_PROFILE_KEYS(X)
#undef X
};

int qb_key_find(const char *name)
{
	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (strcmp(qb_keys[key].name, name) == 0)
			return key;
	return -1;
}

/* "section.key" without its section. */
static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

const char *qb_key_nearest(const char *name)
{
	struct qb_nearest nearest = {.word = name};

	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (strcmp(last_part(qb_keys[key].name), last_part(name)) == 0)
			return qb_keys[key].name;
	for (int key = 0; key < QB_KEY_COUNT; key++)
		qb_nearest_offer(&nearest, qb_keys[key].name);
	return nearest.best[0] ? qb_keys[qb_key_find(nearest.best)].name : NULL;
}
