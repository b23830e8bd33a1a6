/* SPDX-License-Identifier: GPL-2.0-or-later */
/* value.h: the judge of single values, the same for planner and monitor. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <quietbench/step.h>
#include <quietbench/value.h>

static int judge_number(const struct qb_spec *spec, const char *text, struct qb_error *err)
{
	int64_t value;

	if (qb_number_parse(text, &value) < 0)
		return qb_error_set(err, EINVAL, "expected a number, found '%s'", text);
	if (value < spec->min || value > spec->max)
		return qb_error_set(err, ERANGE, "expected a number from %lld to %lld, found %lld",
			(long long)spec->min, (long long)spec->max, (long long)value);
	return 0;
}

static int judge_word(const struct qb_spec *spec, const char *text, struct qb_error *err)
{
	if (spec->choices && *spec->choices) {
		if (qb_text_has_word(spec->choices, text))
			return 0;
		return qb_error_set(
			err, EINVAL, "expected one of: %s; found '%s'", spec->choices, text);
	}
	if (qb_text_is_word(text))
		return 0;
	return qb_error_set(err, EINVAL, "expected a word, found '%s'", text);
}

static int judge_cpus(int (*parse)(const char *, struct qb_cpus *), const char *syntax,
	const char *text, struct qb_error *err)
{
	struct qb_cpus set;

	if (strlen(text) >= QB_TEXT_MAX || parse(text, &set) < 0)
		return qb_error_set(err, EINVAL, "expected a CPU %s, found '%.64s'", syntax, text);
	if (qb_cpus_empty(&set))
		return qb_error_set(err, EINVAL,
			"expected a CPU %s that names a CPU, found '%.64s'", syntax, text);
	return 0;
}

static int judge_text(const char *text, struct qb_error *err)
{
	size_t len = strlen(text);

	if (len >= QB_TEXT_MAX)
		return qb_error_set(
			err, EINVAL, "expected at most %d bytes, found %zu", QB_TEXT_MAX - 1, len);
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return qb_error_set(err, EINVAL, "expected printable text");
	return 0;
}

int qb_spec_judge(const struct qb_spec *spec, const char *text, struct qb_error *err)
{
	switch (spec->type) {
	case QB_VALUE_NUMBER: return judge_number(spec, text, err);
	case QB_VALUE_WORD: return judge_word(spec, text, err);
	case QB_VALUE_LIST: return judge_cpus(qb_cpus_parse_list, "list", text, err);
	case QB_VALUE_MASK: return judge_cpus(qb_cpus_parse_hex, "mask", text, err);
	case QB_VALUE_TEXT: return judge_text(text, err);
	}
	return qb_error_set(err, EINVAL, "a specification of unknown type %d", (int)spec->type);
}
