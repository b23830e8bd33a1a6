/* SPDX-License-Identifier: GPL-2.0-or-later */
/* profile_internal.h and qb_setting_parse: is this a value of that key, and if not, what would be? */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <core/profile_internal.h>
#include <errno.h>
#include <stdio.h>

/* How much of a wrong value an error repeats. */
#define FOUND_MAX 48

/* The units to try on a bare number, the likeliest first. */
static const char *const frequency_units[] = {"GHz", "MHz", "kHz", NULL};
static const char *const long_units[] = {"s", "ms", "us", NULL};
static const char *const short_units[] = {"us", "ns", NULL};
static const char *const percent_units[] = {"%", NULL};

static const char *const *units_of(const struct qb_key_info *info)
{
	if (info->type == QB_KEY_FREQUENCY)
		return frequency_units;
	if (info->type == QB_KEY_PERCENT)
		return percent_units;
	if (info->type == QB_KEY_DURATION)
		return info->max > INT64_C(1000000000) ? long_units : short_units;
	return NULL;
}

static enum qb_quantity quantity_of(enum qb_key_type type)
{
	switch (type) {
	case QB_KEY_DURATION: return QB_QUANTITY_DURATION;
	case QB_KEY_PERCENT: return QB_QUANTITY_PERCENT;
	case QB_KEY_FREQUENCY: return QB_QUANTITY_FREQUENCY;
	case QB_KEY_BOOL:
	case QB_KEY_NUMBER:
	case QB_KEY_WORD:
	case QB_KEY_CPULIST:
	case QB_KEY_WORDS: break;
	}
	return QB_QUANTITY_NONE;
}

/* `found` is what was written, `meant` what may have been meant ("": no idea). */
static int reject_as(const char *name, const char *expected, int code, const char *found,
	const char *meant, struct qb_error *err)
{
	char shown[FOUND_MAX];

	qb_text_copy(shown, sizeof(shown), found);
	qb_text_printable(shown);
	return qb_error_set(err, code, "%s: expected %s, found '%s'%s%s%s", name, expected, shown,
		meant[0] ? "; did you mean '" : "", meant, meant[0] ? "'?" : "");
}

static int reject(
	enum qb_key key, int code, const char *found, const char *meant, struct qb_error *err)
{
	char expected[256];

	qb_key_describe(key, expected, sizeof(expected));
	return reject_as(qb_keys[key].name, expected, code, found, meant, err);
}

static int reject_kind(enum qb_key key, const struct qb_yaml_entry *value, struct qb_error *err)
{
	char expected[256];

	qb_key_describe(key, expected, sizeof(expected));
	return qb_error_set(err, EINVAL, "%s: expected %s, found %s", qb_keys[key].name, expected,
		value->kind == QB_YAML_LIST || value->kind == QB_YAML_SERIES ? "a list"
									     : "a mapping");
}

/* In bounds? -EINVAL when it is no quantity at all, -ERANGE when it is outside. */
static int parse_bounded(enum qb_key key, const char *text, int64_t *ret)
{
	const struct qb_key_info *info = &qb_keys[key];
	int64_t value;
	int r = qb_quantity_parse(quantity_of(info->type), text, &value);

	if (r < 0)
		return r;
	if (value < info->min || value > info->max)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* A bare number with the first unit that makes it a value of this key; "" when none does. */
static void guess_unit(enum qb_key key, const char *text, char *buf, size_t size)
{
	const char *const *units = units_of(&qb_keys[key]);
	int64_t value;

	for (; units && *units; units++)
		if (qb_text_format(buf, size, "%s%s", text, *units) &&
			parse_bounded(key, buf, &value) >= 0)
			return;
	buf[0] = '\0';
}

static void guess_bool(const char *text, char *buf, size_t size)
{
	static const char *const yes[] = {"true", "yes", "on", "y", "1"};
	static const char *const no[] = {"false", "no", "off", "n", "0"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			qb_text_copy(buf, size, yes[0]);
		if (strcasecmp(text, no[i]) == 0)
			qb_text_copy(buf, size, no[0]);
	}
}

static int reject_scalar(enum qb_key key, int code, const char *text, struct qb_error *err)
{
	const struct qb_key_info *info = &qb_keys[key];
	struct qb_nearest nearest = {.word = text};
	char meant[2 * FOUND_MAX] = "";
	int64_t value;

	if (info->type == QB_KEY_BOOL)
		guess_bool(text, meant, sizeof(meant));
	else if (info->type == QB_KEY_WORDS && qb_text_is_word(text))
		qb_text_format(meant, sizeof(meant), "[%s]", text);
	else if (info->type == QB_KEY_FREQUENCY && parse_bounded(key, text, &value) >= 0)
		qb_text_format(meant, sizeof(meant), "{min: %s, max: %s}", text, text);
	else if (info->type != QB_KEY_FREQUENCY)
		guess_unit(key, text, meant, sizeof(meant));
	if (!meant[0]) {
		qb_nearest_offer_words(&nearest, info->choices);
		qb_text_copy(meant, sizeof(meant), nearest.best);
	}
	return reject(key, code, text, meant, err);
}

static bool is_cpulist(const char *text)
{
	struct qb_cpus cpus;

	return !strpbrk(text, " \t\r\n") && qb_cpus_parse_list(text, &cpus) >= 0 &&
	       !qb_cpus_empty(&cpus);
}

static int judge_scalar(
	enum qb_key key, const char *text, struct qb_setting *setting, struct qb_error *err)
{
	const struct qb_key_info *info = &qb_keys[key];
	bool word = qb_text_has_word(info->choices, text);
	int r = -EINVAL;

	setting->kind = QB_SETTING_NUMBER;
	switch (info->type) {
	case QB_KEY_BOOL:
		setting->number = strcmp(text, "true") == 0;
		if (setting->number || strcmp(text, "false") == 0)
			return 0;
		break;
	case QB_KEY_NUMBER:
	case QB_KEY_DURATION:
	case QB_KEY_PERCENT:
		r = parse_bounded(key, text, &setting->number);
		if (r >= 0)
			return 0;
		break;
	case QB_KEY_WORD: word = word || (!info->choices[0] && qb_text_is_word(text)); break;
	case QB_KEY_CPULIST: word = is_cpulist(text); break;
	case QB_KEY_WORDS: word = false; break;
	case QB_KEY_FREQUENCY: break;
	}
	if (!word)
		return reject_scalar(key, -r, text, err);
	setting->kind = QB_SETTING_WORD;
	qb_text_copy(setting->text, sizeof(setting->text), text);
	return 0;
}

static int judge_word(enum qb_key key, const char *word, struct qb_error *err)
{
	const char *choices = qb_keys[key].choices, *near;
	struct qb_nearest nearest = {.word = word};

	if (key == QB_KEY_REQUIRE) {
		int required = qb_key_find(word);

		if (required >= 0 && required != QB_KEY_REQUIRE)
			return 0;
		near = required < 0 ? qb_key_nearest(word) : NULL;
		return reject(key, EINVAL, word, near ? near : "", err);
	}
	if (choices[0] ? qb_text_has_word(choices, word) : qb_text_is_word(word))
		return 0;
	qb_nearest_offer_words(&nearest, choices);
	return reject(key, EINVAL, word, nearest.best, err);
}

static int judge_words(enum qb_key key, const struct qb_yaml_entry *value,
	struct qb_setting *setting, struct qb_yaml_mark *at, struct qb_error *err)
{
	size_t used = 0;

	setting->kind = QB_SETTING_WORDS;
	for (size_t i = 0; i < value->n; i++) {
		const char *word = value->items[i].text;
		int r = judge_word(key, word, err);

		*at = value->items[i].at;
		if (r < 0)
			return r;
		if (!qb_text_copy(setting->text + used, sizeof(setting->text) - used, word))
			return qb_error_set(err, ERANGE, "%s: longer than %zu bytes in all",
				qb_keys[key].name, sizeof(setting->text));
		used += strlen(word) + 1;
		setting->n++;
	}
	return 0;
}

/* One end of {min: …, max: …}. */
static int judge_end(enum qb_key key, const struct qb_yaml_item *item, struct qb_setting *setting,
	struct qb_error *err)
{
	bool min = strcmp(item->key, "min") == 0;
	char meant[2 * FOUND_MAX], name[64], expected[128];
	int r;

	if (!min && strcmp(item->key, "max") != 0)
		return reject(key, EINVAL, item->key, "", err);
	r = parse_bounded(key, item->text, min ? &setting->number : &setting->upper);
	if (r >= 0)
		return 0;
	guess_unit(key, item->text, meant, sizeof(meant));
	qb_text_format(name, sizeof(name), "%s.%s", qb_keys[key].name, item->key);
	qb_key_describe_bounds(key, "a frequency", expected, sizeof(expected));
	return reject_as(name, expected, -r, item->text, meant, err);
}

static int judge_range(enum qb_key key, const struct qb_yaml_entry *value,
	struct qb_setting *setting, struct qb_yaml_mark *at, struct qb_error *err)
{
	char text[128];

	setting->kind = QB_SETTING_RANGE;
	for (size_t i = 0; i < value->n; i++) {
		int r = judge_end(key, &value->items[i], setting, err);

		*at = value->items[i].at;
		if (r < 0)
			return r;
	}
	*at = value->at;
	if (value->n != 2)
		return qb_error_set(err, EINVAL, "%s: expected both min and max, found %s",
			qb_keys[key].name, value->n ? value->items[0].key : "neither");
	if (setting->number <= setting->upper)
		return 0;
	qb_setting_format(key, setting, text, sizeof(text));
	return reject_as(qb_keys[key].name, "a min not above its max", EINVAL, text, "", err);
}

int qb_setting_judge(enum qb_key key, const struct qb_yaml_entry *value, struct qb_setting *ret,
	struct qb_yaml_mark *ret_at, struct qb_error *err)
{
	const enum qb_key_type type = qb_keys[key].type;
	struct qb_setting setting = {0};
	int r;

	*ret_at = value->at;
	if (value->kind == QB_YAML_SCALAR)
		r = judge_scalar(key, value->items[0].text, &setting, err);
	else if (value->kind == QB_YAML_LIST && type == QB_KEY_WORDS)
		r = judge_words(key, value, &setting, ret_at, err);
	else if (value->kind == QB_YAML_MAP && type == QB_KEY_FREQUENCY)
		r = judge_range(key, value, &setting, ret_at, err);
	else
		r = reject_kind(key, value, err);
	if (r >= 0)
		*ret = setting;
	return r;
}

int qb_setting_parse(
	enum qb_key key, const char *text, struct qb_setting *ret, struct qb_error *err)
{
	_cleanup_(qb_yaml_freep) struct qb_yaml *yaml = NULL;
	const bool list = qb_keys[key].type == QB_KEY_WORDS && text[0] != '[';
	const struct qb_yaml_entry *value;
	char document[QB_SETTING_FORMAT];
	struct qb_yaml_mark at;
	int r = -EINVAL;

	if (qb_text_format(document, sizeof(document), list ? "[%s]" : "%s", text))
		r = qb_yaml_open(qb_keys[key].name, document, strlen(document), &yaml, err);
	if (r >= 0)
		r = qb_yaml_value(yaml, &value, err);
	if (r >= 0)
		return qb_setting_judge(key, value, ret, &at, err);
	/* Positions within this text do not help the user: say what would be a value. */
	return r == -EINVAL ? reject(key, EINVAL, text, "", err) : r;
}
