/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frequency.h: the judge of governors, preferences and limits: only what the policy offers. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/frequency.h>

#define POLICY "/sys/devices/system/cpu/cpufreq/policy%u/"

static int judge_offered(const char *path, const char *text, struct qb_error *err)
{
	char offered[1024];
	ssize_t n = qb_file_read(path, offered, sizeof(offered), err);

	if (n < 0)
		return (int)n;
	if (!qb_text_has_word(offered, text))
		return qb_error_set(err, EINVAL, "expected one of: %s; found '%s'", offered, text);
	return 0;
}

static int judge_governor(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[128];

	qb_text_format(path, sizeof(path), POLICY "scaling_available_governors", unit->number);
	return judge_offered(path, text, err);
}

static int judge_epp(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[128];

	qb_text_format(path, sizeof(path), POLICY "energy_performance_available_preferences",
		unit->number);
	return judge_offered(path, text, err);
}

static int judge_limit(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	long long low, high, value;
	int64_t number;
	char path[128];
	int r;

	r = qb_number_parse(text, &number);
	if (r < 0)
		return qb_error_set(err, -r, "expected kHz, found '%s'", text);
	value = number;
	qb_text_format(path, sizeof(path), POLICY "cpuinfo_min_freq", unit->number);
	r = qb_file_read_number(path, &low, err);
	if (r < 0)
		return r;
	qb_text_format(path, sizeof(path), POLICY "cpuinfo_max_freq", unit->number);
	r = qb_file_read_number(path, &high, err);
	if (r < 0)
		return r;
	if (value < low || value > high)
		return qb_error_set(
			err, ERANGE, "expected %lld to %lld kHz, found %lld", low, high, value);
	return 0;
}

const struct qb_lever_ops qb_governor_ops = {.judge = judge_governor};
const struct qb_lever_ops qb_epp_ops = {.judge = judge_epp};
const struct qb_lever_ops qb_limit_ops = {.judge = judge_limit};
