/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_internal.h: one document */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <core/profile_internal.h>
#include <errno.h>

/* The keys beside the settings. */
static const char head_keys[] = "version name description extends";

static bool is_section(const char *name)
{
	size_t len = strlen(name);

	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (strncmp(qb_keys[key].name, name, len) == 0 && qb_keys[key].name[len] == '.')
			return true;
	return false;
}

static int reject_key(const struct qb_yaml_entry *entry, struct qb_error *err)
{
	struct qb_nearest nearest = {.word = entry->name};
	const char *near = NULL;

	if (!entry->section[0]) {
		qb_nearest_offer_words(&nearest, head_keys);
		for (int key = 0; key < QB_KEY_COUNT; key++) {
			char section[QB_YAML_KEY];

			qb_text_copy(section, sizeof(section), qb_keys[key].name);
			section[strcspn(section, ".")] = '\0';
			qb_nearest_offer(&nearest, section);
		}
		near = nearest.best[0] ? nearest.best : NULL;
	}
	if (!near)
		near = qb_key_nearest(entry->name);
	return qb_entry_reject_text(entry, "a key of a profile", entry->name, near, err);
}

static int judge_name(
	const struct qb_yaml_entry *entry, char ret[QB_PROFILE_NAME], struct qb_error *err)
{
	if (entry->kind != QB_YAML_SCALAR || !qb_profile_is_name(entry->items[0].text))
		return qb_entry_reject(
			entry, "the name of one profile (letters, digits, _ and -)", err);
	qb_text_copy(ret, QB_PROFILE_NAME, entry->items[0].text);
	return 0;
}

/* UTF-8 (libyaml saw to that) without control characters: it goes to terminals. */
static int judge_description(
	const struct qb_yaml_entry *entry, char ret[QB_PROFILE_DESCRIPTION], struct qb_error *err)
{
	bool good = entry->kind == QB_YAML_SCALAR;

	if (good)
		good = strlen(entry->items[0].text) < QB_PROFILE_DESCRIPTION;
	for (const unsigned char *c = (const unsigned char *)entry->items[0].text; good && *c; c++)
		good = *c >= ' ' && *c != 0x7f && !(c[0] == 0xc2 && c[1] < 0xa0);
	if (!good)
		return qb_entry_reject(entry, "one line of at most 255 bytes", err);
	qb_text_copy(ret, QB_PROFILE_DESCRIPTION, entry->items[0].text);
	return 0;
}

static int judge_setting(const struct qb_yaml_entry *entry, struct qb_layer *layer,
	struct qb_yaml_mark *at, struct qb_error *err)
{
	int key = qb_key_find(entry->name), r;

	if (!entry->section[0] && is_section(entry->key))
		return qb_entry_reject(entry, "a section of keys", err);
	*at = entry->key_at;
	if (key >= 0 && !entry->section[0] && strchr(entry->key, '.'))
		return qb_error_set(err, EINVAL, "%s: expected a section (%.*s: {%s: ...})",
			entry->name, (int)strcspn(entry->name, "."), entry->name,
			strchr(entry->name, '.') + 1);
	if (key < 0)
		return reject_key(entry, err);
	r = qb_setting_judge((enum qb_key)key, entry, &layer->set[key], at, err);
	layer->at[key] = entry->at;
	return r;
}

static int judge_entry(const struct qb_yaml_entry *entry, struct qb_layer *layer, bool *version,
	struct qb_yaml_mark *at, struct qb_error *err)
{
	*at = entry->at;
	if (entry->section[0])
		return judge_setting(entry, layer, at, err);
	if (strcmp(entry->key, "version") == 0) {
		*version = true;
		return qb_entry_version(entry, err);
	}
	if (strcmp(entry->key, "name") == 0)
		return judge_name(entry, layer->name, err);
	if (strcmp(entry->key, "description") == 0)
		return judge_description(entry, layer->description, err);
	if (strcmp(entry->key, "extends") == 0) {
		layer->parent_at = entry->at;
		return judge_name(entry, layer->parent, err);
	}
	if (entry->kind == QB_YAML_SECTION && is_section(entry->key))
		return 0;
	return judge_setting(entry, layer, at, err);
}

int qb_layer_read(const char *label, const void *bytes, size_t size, struct qb_layer *ret,
	struct qb_error *err)
{
	_cleanup_(qb_yaml_freep) struct qb_yaml *yaml = NULL;
	const struct qb_yaml_entry *entry;
	struct qb_layer layer = {0};
	bool version = false;
	int r = qb_yaml_open(label, bytes, size, &yaml, err);

	while (r >= 0 && (r = qb_yaml_next(yaml, &entry, err)) > 0) {
		struct qb_yaml_mark at;

		if (judge_entry(entry, &layer, &version, &at, err) >= 0)
			continue;
		return qb_error_wrap(err, "%s:%u:%u", label, at.line, at.column);
	}
	if (r < 0)
		return r;
	if (!version)
		return qb_entry_no_version(label, err);
	*ret = layer;
	return 0;
}
