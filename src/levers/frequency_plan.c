/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: planning the clock. For the planner alone (libcpupower reads the policies).
 * If anything of the clock is to be changed, every attribute of the policies is remembered: one
 * write changes other values (a governor forces the EPP, turbo moves the limits), and those come back too.
 * So it is when siblings go offline: a policy that has no other CPU refuses all writes meanwhile, and
 * may come back with its turbo switch reset.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cpufreq.h>
#include <host/identity.h>
#include <levers/frequency.h>
#include <quietbench/lever.h>

#define CPU_DIR	   "/sys/devices/system/cpu/"
#define POLICY_DIR CPU_DIR "cpufreq/policy%u/"

struct clock {
	const struct qb_wish *wish;
	bool gone; /* this policy will have no CPU online: it is only remembered */
	struct qb_cpufreq cpufreq;
	const char
		*remembered; /* the governor whose common tunables were remembered last, or NULL */
	struct qb_steps *steps;
};

static const struct qb_setting *setting(const struct clock *c, enum qb_key key)
{
	return &c->wish->profile->set[key];
}

static bool asked(const struct clock *c, enum qb_key key)
{
	return !c->gone && !qb_setting_is(setting(c, key), "keep");
}

static bool is_gone(const struct clock *c, const struct qb_cpufreq_policy *policy)
{
	return !qb_cpus_intersect(&policy->cpus, &c->wish->topology->online);
}

/*
 * ---- tunables of governors (schedutil/rate_limit_us, ondemand/up_threshold) ----
 *
 * The kernel frees them when the last policy leaves a governor (cpufreq_governor.c, gov_attr_set_put),
 * and a governor that comes back comes with defaults: what somebody tuned is remembered.
 */

/* One file; the folder may hold what is no tunable (a subfolder, an action that cannot be read). */
static int remember(struct qb_steps *steps, unsigned lever, const char *name)
{
	struct qb_unit unit = {0};
	char before[QB_TEXT_MAX];

	if (!qb_text_copy(unit.name, sizeof(unit.name), name) ||
		qb_steps_find(steps, lever, unit) ||
		qb_lever_read(lever, &unit, before, sizeof(before), NULL) < 0)
		return 0;
	return qb_steps_add(steps, lever, unit, before, NULL) ? 0 : -ENOMEM;
}

static int remember_folder(struct qb_steps *steps, unsigned lever, const char *folder)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[128], name[96];

	qb_text_format(path, sizeof(path), CPU_DIR "cpufreq/%s", folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		qb_text_format(name, sizeof(name), "%s/%.32s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && remember(steps, lever, name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int remember_tunables(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	char folder[64];
	int r = 0;

	/* One folder for all policies, or (arm clusters) one in each. */
	if (!c->remembered || strcmp(c->remembered, policy->governor) != 0)
		r = remember_folder(c->steps, QB_LEVER_TUNABLE, policy->governor);
	c->remembered = policy->governor;
	qb_text_format(folder, sizeof(folder), "policy%u/%s", policy->number, policy->governor);
	return r < 0 ? r : remember_folder(c->steps, QB_LEVER_POLICY_TUNABLE, folder);
}

/* ---- policies ---- */

/* A step of what libcpupower has read already; what it could not is read again. */
static int add(
	struct clock *c, unsigned lever, const struct qb_cpufreq_policy *policy, const char *wanted)
{
	const struct qb_unit unit = qb_unit_number(policy->number);
	const int64_t khz = lever == QB_LEVER_MAX_FREQ ? policy->max_khz : policy->min_khz;
	char now[32];

	snprintf(now, sizeof(now), "%lld", (long long)khz);
	if (lever == QB_LEVER_GOVERNOR)
		qb_text_copy(now, sizeof(now), policy->governor);
	return *now && strcmp(now, "0") != 0
		       ? qb_lever_plan_from(c->steps, lever, unit, now, wanted)
		       : qb_lever_plan(c->steps, lever, unit, wanted);
}

static int plan_governor(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	const char *wanted = setting(c, QB_KEY_FREQUENCY_GOVERNOR)->text;

	if (c->gone && remember_tunables(c, policy) < 0)
		return -ENOMEM;
	if (!asked(c, QB_KEY_FREQUENCY_GOVERNOR))
		return add(c, QB_LEVER_GOVERNOR, policy, NULL);
	if (!qb_text_has_word(policy->governors, wanted))
		return qb_steps_refuse(c->steps, QB_LEVER_GOVERNOR, QB_STATUS_UNSUPPORTED,
			"policy%u (%s) offers no governor '%s', only: %s", policy->number,
			policy->driver, wanted, policy->governors);
	if (strcmp(policy->governor, wanted) != 0 && remember_tunables(c, policy) < 0)
		return -ENOMEM;
	return add(c, QB_LEVER_GOVERNOR, policy, wanted);
}

/* Both limits, in the order in which neither write is cut off by the other limit. */
static int add_limits(
	struct clock *c, const struct qb_cpufreq_policy *policy, int64_t min, int64_t max)
{
	const bool max_first = max >= policy->min_khz;
	char low[24], high[24];

	snprintf(low, sizeof(low), "%lld", (long long)min);
	snprintf(high, sizeof(high), "%lld", (long long)max);
	if ((max_first && add(c, QB_LEVER_MAX_FREQ, policy, high) < 0) ||
		add(c, QB_LEVER_MIN_FREQ, policy, low) < 0)
		return -ENOMEM;
	return max_first ? 0 : add(c, QB_LEVER_MAX_FREQ, policy, high);
}

static int plan_range(struct clock *c, const struct qb_cpufreq_policy *policy)
{
	const struct qb_setting *range = setting(c, QB_KEY_FREQUENCY_RANGE);
	int64_t min = range->number, max = range->upper;

	if (!asked(c, QB_KEY_FREQUENCY_RANGE))
		return add(c, QB_LEVER_MAX_FREQ, policy, NULL) < 0
			       ? -ENOMEM
			       : add(c, QB_LEVER_MIN_FREQ, policy, NULL);
	if (qb_setting_is(range, "base")) {
		struct qb_clock clock = {.low = policy->low_khz, .high = policy->high_khz};

		qb_text_copy(clock.driver, sizeof(clock.driver), policy->driver);
		min = max = qb_clock_base("", qb_cpus_next(&policy->cpus, 0), &clock);
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
		return qb_lever_plan(c->steps, QB_LEVER_EPP, unit, NULL);
	qb_text_format(path, sizeof(path), POLICY_DIR "energy_performance_available_preferences",
		policy->number);
	if (qb_file_read(path, offered, sizeof(offered), NULL) < 0)
		return qb_steps_refuse(c->steps, QB_LEVER_EPP, QB_STATUS_UNSUPPORTED,
			"the driver %s has no energy performance preference (HWP or amd-pstate-epp have)",
			policy->driver);
	if (!qb_text_has_word(offered, wanted))
		return qb_steps_refuse(c->steps, QB_LEVER_EPP, QB_STATUS_UNSUPPORTED,
			"policy%u offers no preference '%s', only: %s", policy->number, wanted,
			offered);
	return qb_lever_plan(c->steps, QB_LEVER_EPP, unit, wanted);
}

/*
 * no_turbo, or the global boost, or each policy's own: the first there is. AMD's policyN/cpb is no
 * further one: the kernel takes it only where boost is there too, and it reads as boost whatever
 * was written, so nobody could put it back.
 */
static int plan_turbo(struct clock *c)
{
	const bool on = setting(c, QB_KEY_FREQUENCY_TURBO)->number != 0;
	const bool wish = asked(c, QB_KEY_FREQUENCY_TURBO);
	const char *boost = !wish ? NULL : on ? "1" : "0";
	const char *no_turbo = !wish ? NULL : on ? "0" : "1";
	bool has_global, any = false;
	int r;

	r = qb_lever_plan(c->steps, QB_LEVER_NO_TURBO, qb_unit_none(), no_turbo);
	if (r > 0) {
		/* Writing 1 squashes min_perf_pct for good (intel_pstate.c). */
		r = qb_lever_plan(c->steps, QB_LEVER_MAX_PERF_PCT, qb_unit_none(), NULL);
		return r < 0 ? r
			     : qb_lever_plan(c->steps, QB_LEVER_MIN_PERF_PCT, qb_unit_none(), NULL);
	}
	if (r < 0)
		return r;
	r = qb_lever_plan(c->steps, QB_LEVER_BOOST, qb_unit_none(), boost);
	if (r < 0)
		return r;
	has_global = r > 0;
	for (size_t i = 0; i < c->cpufreq.n; i++) {
		const struct qb_unit unit = qb_unit_number(c->cpufreq.policies[i].number);

		/* A global write sets every policy's own: remembered, not written. */
		r = qb_lever_plan(c->steps, QB_LEVER_POLICY_BOOST, unit,
			has_global || is_gone(c, &c->cpufreq.policies[i]) ? NULL : boost);
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
		c->gone = is_gone(c, policy);
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

static int plan_dynamic_boost(struct clock *c)
{
	const struct qb_setting *wish = setting(c, QB_KEY_FREQUENCY_DYNAMIC_BOOST);
	int r;

	if (!asked(c, QB_KEY_FREQUENCY_DYNAMIC_BOOST))
		return 0;
	r = qb_lever_plan(
		c->steps, QB_LEVER_DYNAMIC_BOOST, qb_unit_none(), wish->number ? "1" : "0");
	if (r != 0)
		return r;
	return qb_steps_refuse(c->steps, QB_LEVER_DYNAMIC_BOOST, QB_STATUS_UNSUPPORTED,
		"the driver %s does not boost after waiting: intel_pstate does, in active mode with HWP",
		c->cpufreq.policies[0].driver);
}

static int plan_epb(struct clock *c)
{
	char text[24];
	bool any = false;

	snprintf(text, sizeof(text), "%lld", (long long)setting(c, QB_KEY_FREQUENCY_EPB)->number);
	qb_cpus_foreach (cpu, &c->wish->topology->online) {
		int r = qb_lever_plan(c->steps, QB_LEVER_EPB, qb_unit_number(cpu),
			asked(c, QB_KEY_FREQUENCY_EPB) ? text : NULL);

		if (r < 0)
			return r;
		any |= r > 0;
	}
	if (any || !asked(c, QB_KEY_FREQUENCY_EPB))
		return 0;
	return qb_steps_refuse(c->steps, QB_LEVER_EPB, QB_STATUS_UNSUPPORTED, "%s",
		c->wish->topology->guest
			? "the hypervisor keeps the energy performance bias to itself"
			: "no CPU here has an energy performance bias (power/energy_perf_bias; "
			  "Intel's have)");
}

/* Why there are no policies. */
static const char *why_none(const struct clock *c)
{
	struct qb_clock clock;

	if (qb_clock_read("", qb_cpus_next(&c->wish->topology->online, 0), &clock))
		return "the clock of each CPU is apart (cpuN/cpufreq, as with kernels before 4.3): it is "
		       "read, but set only where there are policies (cpufreq/policyN)";
	if (c->wish->topology->guest)
		return "the hypervisor keeps the clock to itself (no cpufreq here)";
	if (qb_identity_x86())
		return "no cpufreq driver is loaded (modprobe acpi-cpufreq, or look for "
		       "intel_pstate=disable in the boot parameters)";
	return "no cpufreq driver is loaded (the firmware or the device tree tells which it needs)";
}

static int refuse_all(struct clock *c)
{
	static const struct {
		enum qb_key key;
		enum qb_lever_id lever;
	} rows[] = {
		{QB_KEY_FREQUENCY_GOVERNOR, QB_LEVER_GOVERNOR},
		{QB_KEY_FREQUENCY_TURBO, QB_LEVER_BOOST},
		{QB_KEY_FREQUENCY_RANGE, QB_LEVER_MAX_FREQ},
		{QB_KEY_FREQUENCY_EPP, QB_LEVER_EPP},
		{QB_KEY_FREQUENCY_DYNAMIC_BOOST, QB_LEVER_DYNAMIC_BOOST},
	};

	const char *why = why_none(c);

	for (size_t i = 0; i < QB_ARRAY_SIZE(rows); i++)
		if (asked(c, rows[i].key) && qb_steps_refuse(c->steps, rows[i].lever,
						     QB_STATUS_UNSUPPORTED, "%s", why) < 0)
			return -ENOMEM;
	return 0;
}

/* ---- all of it ---- */

/* Is anything asked that a policy's attributes depend on? */
static bool policies_asked(const struct clock *c)
{
	return asked(c, QB_KEY_FREQUENCY_GOVERNOR) || asked(c, QB_KEY_FREQUENCY_TURBO) ||
	       asked(c, QB_KEY_FREQUENCY_RANGE) || asked(c, QB_KEY_FREQUENCY_EPP) ||
	       asked(c, QB_KEY_FREQUENCY_DYNAMIC_BOOST);
}

static int plan_cpufreq(struct clock *c)
{
	int r;

	if (c->cpufreq.n == 0)
		return refuse_all(c);
	r = plan_turbo(c);
	if (r >= 0)
		r = plan_dynamic_boost(c);
	return r < 0 ? r : plan_policies(c);
}

int qb_frequency_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct clock c = {.wish = wish, .steps = steps};
	const bool policies = policies_asked(&c) || !qb_cpus_empty(&wish->selection->offline);
	int r = 0;

	if (policies) {
		r = qb_cpufreq_load(&c.cpufreq, err);
		if (r < 0)
			return r;
		r = plan_cpufreq(&c);
	}
	/* Without a register of its own the EPP is kept in the EPB, so that is remembered too. */
	if (r >= 0 && (policies || asked(&c, QB_KEY_FREQUENCY_EPB)))
		r = plan_epb(&c);
	qb_cpufreq_free(&c.cpufreq);
	return r < 0 ? qb_error_errno(err, -r, "plan the clock") : 0;
}
