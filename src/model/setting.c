/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench/profile.h: reading and writing out one setting. Judging one: core/profile_judge.c. */
#include <base/macros.h>
#include <base/text.h>
#include <quietbench/profile.h>

bool qb_setting_is(const struct qb_setting *setting, const char *word)
{
	return setting->kind == QB_SETTING_WORD && strcmp(setting->text, word) == 0;
}

const char *qb_setting_next(const struct qb_setting *setting, const char *word)
{
	const char *at = setting->text;

	if (setting->kind != QB_SETTING_WORDS)
		return NULL;
	for (unsigned i = 0; i < setting->n; i++, at += strlen(at) + 1) {
		if (!word)
			return at;
		if (at == word)
			word = NULL;
	}
	return NULL;
}

/* With its unit and without the blank before it: one word of YAML. */
static void format_quantity(enum qb_quantity quantity, int64_t value, char *buf, size_t size)
{
	char *to = buf;

	qb_quantity_format(quantity, value, buf, size);
	for (const char *from = buf; *from; from++)
		if (*from != ' ')
			*to++ = *from;
	*to = '\0';
}

static void format_number(enum qb_key_type type, int64_t value, char *buf, size_t size)
{
	switch (type) {
	case QB_KEY_BOOL: qb_text_copy(buf, size, value ? "true" : "false"); return;
	case QB_KEY_DURATION: format_quantity(QB_QUANTITY_DURATION, value, buf, size); return;
	case QB_KEY_PERCENT: format_quantity(QB_QUANTITY_PERCENT, value, buf, size); return;
	case QB_KEY_FREQUENCY: format_quantity(QB_QUANTITY_FREQUENCY, value, buf, size); return;
	case QB_KEY_NUMBER:
	case QB_KEY_WORD:
	case QB_KEY_CPULIST:
	case QB_KEY_WORDS: qb_quantity_format(QB_QUANTITY_NONE, value, buf, size); return;
	}
}

static void format_words(const struct qb_setting *setting, char *buf, size_t size)
{
	const char *gap = "";

	qb_text_copy(buf, size, "[");
	for (const char *word = NULL; (word = qb_setting_next(setting, word)); gap = ", ")
		if (!qb_text_append(buf, size, "%s%s", gap, word))
			return;
	qb_text_append(buf, size, "]");
}

void qb_setting_format(enum qb_key key, const struct qb_setting *setting, char *buf, size_t size)
{
	char lower[64], upper[64];

	switch ((enum qb_setting_kind)setting->kind) {
	case QB_SETTING_UNSET: qb_text_copy(buf, size, ""); return;
	case QB_SETTING_WORD: qb_text_copy(buf, size, setting->text); return;
	case QB_SETTING_WORDS: format_words(setting, buf, size); return;
	case QB_SETTING_NUMBER:
		format_number(qb_keys[key].type, setting->number, buf, size);
		return;
	case QB_SETTING_RANGE:
		format_number(qb_keys[key].type, setting->number, lower, sizeof(lower));
		format_number(qb_keys[key].type, setting->upper, upper, sizeof(upper));
		qb_text_format(buf, size, "{min: %s, max: %s}", lower, upper);
		return;
	}
}
