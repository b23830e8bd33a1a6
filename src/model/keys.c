/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench/profile.h: the table of keys, finding one in it, and what a value looks like. */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
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

/* "a, b or c" of a blank-separated list, after what is in buf already. */
static void append_choices(char *buf, size_t size, const char *choices)
{
	while (*choices) {
		size_t n = strcspn(choices, " ");
		const char *rest = choices + n + strspn(choices + n, " ");

		qb_text_join(buf, size, *rest ? ", " : " or ", "%.*s", (int)n, choices);
		choices = rest;
	}
}

static void describe_words(enum qb_key key, char *buf, size_t size)
{
	if (key == QB_KEY_REQUIRE)
		qb_text_copy(buf, size, "a list of keys like [cpus.isolation]");
	else if (qb_keys[key].choices[0])
		qb_text_format(buf, size, "a list of words among [%s]", qb_keys[key].choices);
	else
		qb_text_copy(buf, size, "a list of words like [sshd, cron]");
}

void qb_key_describe_bounds(enum qb_key key, const char *what, char *buf, size_t size)
{
	struct qb_setting min = {.kind = QB_SETTING_NUMBER, .number = qb_keys[key].min};
	struct qb_setting max = {.kind = QB_SETTING_NUMBER, .number = qb_keys[key].max};
	char bounds[2][64];

	qb_setting_format(key, &min, bounds[0], sizeof(bounds[0]));
	qb_setting_format(key, &max, bounds[1], sizeof(bounds[1]));
	qb_text_format(buf, size, "%s from %s to %s", what, bounds[0], bounds[1]);
}

void qb_key_describe(enum qb_key key, char *buf, size_t size)
{
	const struct qb_key_info *info = &qb_keys[key];
	char words[64];

	buf[0] = '\0';
	switch (info->type) {
	case QB_KEY_BOOL:
		qb_text_format(words, sizeof(words), "true false %s", info->choices);
		append_choices(buf, size, words);
		return;
	case QB_KEY_NUMBER: qb_key_describe_bounds(key, "a number", buf, size); break;
	case QB_KEY_DURATION: qb_key_describe_bounds(key, "a duration", buf, size); break;
	case QB_KEY_PERCENT: qb_key_describe_bounds(key, "a percentage", buf, size); break;
	case QB_KEY_FREQUENCY:
		qb_key_describe_bounds(key, "{min: FREQUENCY, max: FREQUENCY}", buf, size);
		break;
	case QB_KEY_CPULIST: qb_text_copy(buf, size, "a list of CPUs like \"2-3,8\""); break;
	case QB_KEY_WORD:
		if (!info->choices[0])
			qb_text_copy(buf, size, "a word of letters, digits and _.:@+-");
		break;
	case QB_KEY_WORDS: describe_words(key, buf, size); return;
	}
	append_choices(buf, size, info->choices);
}
