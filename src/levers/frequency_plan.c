/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: planning the clock. For the planner alone (libcpupower reads the policies).
 *
 * If anything of the clock is to be changed, every attribute of the policies is remembered: one
 * write changes others (a governor forces the EPP, turbo moves the limits), and those come back too.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cpufreq.h>
#include <quietbench/lever.h>
#include <quietbench/profile.h>

#define CPU_DIR	   "/sys/devices/system/cpu/"
#define POLICY_DIR CPU_DIR "cpufreq/policy%u/"

struct clock {
	const struct qb_profile *profile;
	struct qb_cpufreq cpufreq;
	struct qb_steps *steps;
};

static const struct qb_setting *setting(const struct clock *c, enum qb_key key)
{
	return &c->profile->set[key];
}

static bool asked(const struct clock *c, enum qb_key key)
{
	return !qb_setting_is(setting(c, key), "keep");
}

/* Reads `before`; a lever that this policy does not have makes no step (returns 0). */
static int add(struct clock *c, enum qb_lever_id lever, struct qb_unit unit, const char *wanted)
{
	char before[QB_TEXT_MAX];
	struct qb_step *step;

	if (qb_lever_read(lever, &unit, before, sizeof(before), NULL) < 0)
		return 0;
	step = qb_steps_add(c->steps, lever, unit, before, wanted);
	if (!step)
		return -ENOMEM;
	if (wanted && qb_lever_same(lever, before, wanted))
		step->status = QB_STATUS_UNCHANGED;
	return 1;
}

static int plan_governor(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	const char *wanted = setting(c, QB_KEY_FREQUENCY_GOVERNOR)->text;

	if (!asked(c, QB_KEY_FREQUENCY_GOVERNOR))
		return add(c, QB_LEVER_GOVERNOR, qb_unit_number(policy->number), NULL);
	if (!qb_text_has_word(policy->governors, wanted))
		return qb_steps_refuse(c->steps, QB_LEVER_GOVERNOR, QB_STATUS_UNSUPPORTED,
			"policy%u (%s) offers no governor '%s', only: %s", policy->number,
			policy->driver, wanted, policy->governors);
	return add(c, QB_LEVER_GOVERNOR, qb_unit_number(policy->number), wanted);
}

/* The frequencies on offer, highest first (acpi-cpufreq); returns how many, at most `max`. */
static size_t available(unsigned policy, int64_t *list, size_t max)
{
	char path[128], text[1024], *at = text;
	size_t n = 0;

	qb_text_format(path, sizeof(path), POLICY_DIR "scaling_available_frequencies", policy);
	if (qb_file_read(path, text, sizeof(text), NULL) < 0)
		return 0;
	while (n < max && *(at += strspn(at, " "))) {
		char *end;

		list[n++] = strtoll(at, &end, 10);
		if (end == at)
			return 0;
		at = end;
	}
	return n;
}

/*
 * The clock that holds without turbo: what Intel HWP and CPPC tell; else, by ACPI's convention,
 * the state below a turbo state that is listed 1 MHz above it. 0: nobody tells.
 */
static int64_t base_khz(const struct qb_cpufreq_policy *policy)
{
	int64_t list[2];
	long long khz, mhz;
	char path[128];

	qb_text_format(path, sizeof(path), POLICY_DIR "base_frequency", policy->number);
	if (qb_file_read_number(path, &khz, NULL) == 0 && khz > 0)
		return khz;
	qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/acpi_cppc/nominal_freq",
		qb_cpus_next(&policy->cpus, 0));
	if (qb_file_read_number(path, &mhz, NULL) == 0 && mhz > 0)
		return mhz * 1000;
	if (available(policy->number, list, 2) == 2 && list[0] - list[1] == 1000)
		return list[1];
	return 0;
}

/* Both limits, in the order in which neither write is cut off by the other limit. */
static int add_limits(
	struct clock *c, const struct qb_cpufreq_policy *policy, int64_t min, int64_t max)
{
	const struct qb_unit unit = qb_unit_number(policy->number);
	char low[24], high[24];
	int r;

	snprintf(low, sizeof(low), "%lld", (long long)min);
	snprintf(high, sizeof(high), "%lld", (long long)max);
	if (max >= policy->min_khz) {
		r = add(c, QB_LEVER_MAX_FREQ, unit, high);
		return r < 0 ? r : add(c, QB_LEVER_MIN_FREQ, unit, low);
	}
	r = add(c, QB_LEVER_MIN_FREQ, unit, low);
	return r < 0 ? r : add(c, QB_LEVER_MAX_FREQ, unit, high);
}

static int plan_range(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	const struct qb_setting *range = setting(c, QB_KEY_FREQUENCY_RANGE);
	const struct qb_unit unit = qb_unit_number(policy->number);
	int64_t min = range->number, max = range->upper;

	if (!asked(c, QB_KEY_FREQUENCY_RANGE)) {
		int r = add(c, QB_LEVER_MAX_FREQ, unit, NULL);

		return r < 0 ? r : add(c, QB_LEVER_MIN_FREQ, unit, NULL);
	}
	if (qb_setting_is(range, "base")) {
		min = max = base_khz(policy);
		if (!min)
			return qb_steps_refuse(c->steps, QB_LEVER_MAX_FREQ, QB_STATUS_UNSUPPORTED,
				"the driver %s tells no base frequency; give one: "
				"-s 'frequency.range={min: …, max: …}'",
				policy->driver);
	} else if (qb_setting_is(range, "max")) {
		min = max = policy->high_khz;
	}
	if (min < policy->low_khz || max > policy->high_khz)
		return qb_steps_refuse(c->steps, QB_LEVER_MAX_FREQ, QB_STATUS_UNSUPPORTED,
			"policy%u runs from %lld to %lld kHz; %lld to %lld is not within",
			policy->number, (long long)policy->low_khz, (long long)policy->high_khz,
			(long long)min, (long long)max);
	return add_limits(c, policy, min, max);
}

static int plan_epp(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	const struct qb_unit unit = qb_unit_number(policy->number);
	const char *wanted = setting(c, QB_KEY_FREQUENCY_EPP)->text;
	char path[128], offered[512];

	if (!asked(c, QB_KEY_FREQUENCY_EPP))
		return add(c, QB_LEVER_EPP, unit, NULL);
	qb_text_format(path, sizeof(path), POLICY_DIR "energy_performance_available_preferences",
		policy->number);
	if (qb_file_read(path, offered, sizeof(offered), NULL) < 0)
		return qb_steps_refuse(c->steps, QB_LEVER_EPP, QB_STATUS_UNSUPPORTED,
			"the driver %s has no energy performance preference (HWP or amd-pstate have)",
			policy->driver);
	if (!qb_text_has_word(offered, wanted))
		return qb_steps_refuse(c->steps, QB_LEVER_EPP, QB_STATUS_UNSUPPORTED,
			"policy%u offers no preference '%s', only: %s", policy->number, wanted,
			offered);
	return add(c, QB_LEVER_EPP, unit, wanted);
}

/* no_turbo, or the global boost, or each policy's own: the first there is. */
static int plan_turbo(struct clock *c)
{
	const bool on = setting(c, QB_KEY_FREQUENCY_TURBO)->number != 0;
	const bool wish = asked(c, QB_KEY_FREQUENCY_TURBO);
	bool has_global, any = false;
	int r;

	r = add(c, QB_LEVER_NO_TURBO, qb_unit_none(), !wish ? NULL : on ? "0" : "1");
	if (r > 0) {
		/* Writing 1 squashes min_perf_pct for good (intel_pstate.c). */
		r = add(c, QB_LEVER_MAX_PERF_PCT, qb_unit_none(), NULL);
		return r < 0 ? r : add(c, QB_LEVER_MIN_PERF_PCT, qb_unit_none(), NULL);
	}
	if (r < 0)
		return r;
	r = add(c, QB_LEVER_BOOST, qb_unit_none(), !wish ? NULL : on ? "1" : "0");
	if (r < 0)
		return r;
	has_global = r > 0;
	for (size_t i = 0; i < c->cpufreq.n; i++) {
		const struct qb_unit unit = qb_unit_number(c->cpufreq.policies[i].number);

		/* A global write sets every policy's own: remembered, not written. */
		r = add(c, QB_LEVER_POLICY_BOOST, unit,
			has_global || !wish ? NULL
			: on		    ? "1"
					    : "0");
		if (r < 0)
			return r;
		any |= r > 0;
	}
	if (!has_global && !any && wish)
		return qb_steps_refuse(c->steps, QB_LEVER_BOOST, QB_STATUS_UNSUPPORTED,
			"the driver %s has neither no_turbo nor boost: this CPU has no turbo, or the "
			"firmware keeps the switch (its setup menu)",
			c->cpufreq.policies[0].driver);
	return 0;
}

static int plan_policies(struct clock *c)
{
	for (size_t i = 0; i < c->cpufreq.n; i++) {
		const struct qb_cpufreq_policy *policy = &c->cpufreq.policies[i];
		int r;

		if (qb_cpus_empty(&policy->cpus))
			continue; /* all its CPUs are offline */
		r = plan_governor(c, policy);
		if (r >= 0)
			r = plan_range(c, policy);
		if (r >= 0)
			r = plan_epp(c, policy);
		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_all(struct clock *c, bool guest)
{
	static const struct {
		enum qb_key key;
		enum qb_lever_id lever;
	} rows[] = {
		{QB_KEY_FREQUENCY_GOVERNOR, QB_LEVER_GOVERNOR},
		{QB_KEY_FREQUENCY_TURBO, QB_LEVER_BOOST},
		{QB_KEY_FREQUENCY_RANGE, QB_LEVER_MAX_FREQ},
		{QB_KEY_FREQUENCY_EPP, QB_LEVER_EPP},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(rows); i++)
		if (asked(c, rows[i].key) &&
			qb_steps_refuse(c->steps, rows[i].lever, QB_STATUS_UNSUPPORTED, "%s",
				guest ? "the hypervisor keeps the clock to itself (no cpufreq here)"
				      : "no cpufreq driver is loaded (modprobe acpi-cpufreq, or "
					"look for intel_pstate=disable in the boot parameters)") <
				0)
			return -ENOMEM;
	return 0;
}

int qb_frequency_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct clock c = {.profile = wish->profile, .steps = steps};
	int r;

	if (!asked(&c, QB_KEY_FREQUENCY_GOVERNOR) && !asked(&c, QB_KEY_FREQUENCY_TURBO) &&
		!asked(&c, QB_KEY_FREQUENCY_RANGE) && !asked(&c, QB_KEY_FREQUENCY_EPP))
		return 0;
	r = qb_cpufreq_load(&c.cpufreq, err);
	if (r < 0)
		return r;
	if (c.cpufreq.n == 0) {
		r = refuse_all(&c, wish->topology->guest);
	} else {
		r = plan_turbo(&c);
		if (r >= 0)
			r = plan_policies(&c);
	}
	qb_cpufreq_free(&c.cpufreq);
	return r < 0 ? qb_error_errno(err, -r, "plan the clock") : 0;
}
