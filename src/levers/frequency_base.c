/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frequency.h: the clock that a policy holds without turbo. For the planner alone.
 *
 * Asked of each policy, for kinds of core differ, and before anything is changed: cpuinfo_max_freq
 * would be this clock only once turbo is off, and not with every driver.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <host/cpufreq.h>
#include <levers/frequency.h>

#define CPU_DIR	   "/sys/devices/system/cpu/"
#define POLICY_DIR CPU_DIR "cpufreq/policy%u/"
#define PSTATE_DIR CPU_DIR "intel_pstate/"

/* How far apart the P-states of Intel's Core and Xeon are. */
#define PSTATE_KHZ 100000
/* With more states a percentage would not tell their number. */
#define PSTATES_MAX 64

static int64_t told_by_hwp(const struct qb_cpufreq_policy *policy)
{
	long long khz;
	char path[128];

	qb_text_format(path, sizeof(path), POLICY_DIR "base_frequency", policy->number);
	return qb_file_read_number(path, &khz, NULL) == 0 ? khz : 0;
}

/* 0 where the firmware does not know it. */
static int64_t told_by_cppc(const struct qb_cpufreq_policy *policy)
{
	long long mhz;
	char path[128];

	qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/acpi_cppc/nominal_freq",
		qb_cpus_next(&policy->cpus, 0));
	return qb_file_read_number(path, &mhz, NULL) == 0 ? mhz * 1000 : 0;
}

/* The frequencies on offer, highest first; returns how many, at most `max`. */
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
 * The highest state of a driver that lists its states, for boost has a list of its own. But Intel's
 * firmware lists turbo as a state 1 MHz above the base; where acpi-cpufreq can switch turbo, has no
 * such state and is not on AMD (cpb tells), it may be listed in a way that nobody can tell.
 */
static int64_t listed(const struct qb_cpufreq_policy *policy)
{
	int64_t list[2];
	char cpb[128];
	size_t n = available(policy->number, list, 2);

	if (n == 2 && list[0] - list[1] == 1000)
		return list[1];
	qb_text_format(cpb, sizeof(cpb), POLICY_DIR "cpb", policy->number);
	if (n && strcmp(policy->driver, "acpi-cpufreq") == 0 &&
		qb_file_exists(CPU_DIR "cpufreq/boost") && !qb_file_exists(cpb))
		return 0;
	return n ? list[0] : 0;
}

/*
 * intel_pstate without HWP tells how many states there are, and which share of them is turbo, in
 * whole percent (reckoned here as in show_turbo_pct of intel_pstate.c). Believed if the states then
 * span what the policy says it runs from and to: up to turbo, or up to the base where turbo is off.
 */
static int64_t counted(const struct qb_cpufreq_policy *policy)
{
	const int64_t span = policy->high_khz - policy->low_khz;
	long long states, percent;

	if (qb_file_read_number(PSTATE_DIR "num_pstates", &states, NULL) < 0 ||
		qb_file_read_number(PSTATE_DIR "turbo_pct", &percent, NULL) < 0 ||
		states > PSTATES_MAX)
		return 0;
	for (long long n = 1; n <= states; n++) {
		if (100 - (n * 256 / states * 100 >> 8) != percent)
			continue;
		if (span != (states - 1) * PSTATE_KHZ && span != (n - 1) * PSTATE_KHZ)
			return 0;
		return policy->low_khz + (n - 1) * PSTATE_KHZ;
	}
	return 0;
}

int64_t qb_frequency_base_khz(const struct qb_cpufreq_policy *policy)
{
	/* A listed state before what CPPC tells, which need not be one of the states. */
	static int64_t (*const sources[])(const struct qb_cpufreq_policy *) = {
		told_by_hwp, listed, told_by_cppc, counted};
	int64_t base = 0;
	long long limit;
	char path[128];

	for (size_t i = 0; i < QB_ARRAY_SIZE(sources) && base <= 0; i++)
		base = sources[i](policy);
	/* The firmware may cap all clocks, for heat or a weak supply: then this is what holds. */
	qb_text_format(path, sizeof(path), POLICY_DIR "bios_limit", policy->number);
	if (qb_file_read_number(path, &limit, NULL) == 0 && limit > 0 && limit < base)
		base = limit;
	return base;
}
