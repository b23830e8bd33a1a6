/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.h: the benchmark's CPUs: their clock, and who shares their cores. */
#include "counters.h"
#include "findings_internal.h"
#include "ticks.h"
#include <base/macros.h>
#include <base/text.h>

#define CPU_DIR "/sys/devices/system/cpu/"
/* A sibling that was busy for less of the time is no finding: a tick of /proc/stat is 10 ms. */
#define BUSY_SHARE 0.01

/* kHz; 0 or "": this host does not tell. */
struct clock {
	char driver[32], governor[32];
	long long min, max; /* what is allowed now */
	long long top;	    /* what the hardware can */
	long long base;	    /* what it holds for ever */
};

/* False: no cpufreq for this CPU. */
static bool read_clock(const struct qb_look *look, unsigned cpu, struct clock *ret)
{
	long long mhz;

	*ret = (struct clock){0};
	qb_look_read(look, ret->driver, sizeof(ret->driver), CPU_DIR "cpu%u/cpufreq/scaling_driver",
		cpu);
	qb_look_read(look, ret->governor, sizeof(ret->governor),
		CPU_DIR "cpu%u/cpufreq/scaling_governor", cpu);
	qb_look_number(look, &ret->min, CPU_DIR "cpu%u/cpufreq/scaling_min_freq", cpu);
	qb_look_number(look, &ret->max, CPU_DIR "cpu%u/cpufreq/scaling_max_freq", cpu);
	qb_look_number(look, &ret->top, CPU_DIR "cpu%u/cpufreq/cpuinfo_max_freq", cpu);
	if (!qb_look_number(look, &ret->base, CPU_DIR "cpu%u/cpufreq/base_frequency", cpu) &&
		qb_look_number(look, &mhz, CPU_DIR "cpu%u/acpi_cppc/nominal_freq", cpu))
		ret->base = mhz * 1000;
	return ret->min > 0 && ret->max > 0;
}

static void no_clock(const struct qb_look *look, struct qb_finding *ret)
{
	if (look->host->guest)
		qb_finding_unknown(
			ret, "the hypervisor keeps the clock to itself (no cpufreq here)");
	else
		qb_finding_missing(look, ret, "no cpufreq here");
}

static const char *hertz(long long khz, char buf[32])
{
	qb_quantity_format(QB_QUANTITY_FREQUENCY, khz, buf, 32);
	return buf;
}

/* ---- turbo ---- */

/* 1: on, 0: off, -1: this host has no such switch. A policy's own counts before the one for all. */
static int turbo_switch(const struct qb_look *look, unsigned cpu)
{
	long long value;

	if (qb_look_number(look, &value, CPU_DIR "cpu%u/cpufreq/boost", cpu) ||
		qb_look_number(look, &value, CPU_DIR "cpufreq/boost"))
		return value != 0;
	if (qb_look_number(look, &value, CPU_DIR "intel_pstate/no_turbo"))
		return value == 0;
	return -1;
}

/*
 * May the clock rise above what it can hold? The limits of acpi-cpufreq do not include what boost
 * adds (Documentation/admin-guide/pm/cpufreq.rst), those of the other drivers do: there a limit at
 * the base is as good as the switch. Where the base is not known, any limit may be one.
 */
static bool rises(const struct clock *clock, int on)
{
	if (on == 0 || (on < 0 && !clock->base))
		return false;
	if (on > 0 && strcmp(clock->driver, "acpi-cpufreq") == 0)
		return clock->max >= clock->base;
	return clock->base ? clock->max > clock->base : clock->max >= clock->top;
}

/* Worth a line: the same work then takes as long as heat and the neighbours like. */
void qb_find_turbo(const struct qb_look *look, struct qb_finding *ret)
{
	const unsigned cpu = qb_cpus_next(&look->chosen->bench, 0);
	struct clock clock;
	char low[32], high[32];
	int on;

	if (!read_clock(look, cpu, &clock)) {
		no_clock(look, ret);
		return;
	}
	on = turbo_switch(look, cpu);
	if (on < 0 && !clock.base)
		qb_finding_unknown(ret, "no switch for turbo here, and no base clock is told");
	if (!rises(&clock, on))
		return;
	if (clock.base && clock.max > clock.base)
		qb_finding_say(ret,
			"turbo is on: the clock of CPU %u may be anywhere between %s and %s, as heat "
			"and the load of other cores let it: the same work may take up to %.1f times "
			"as long",
			cpu, hertz(clock.base, low), hertz(clock.max, high),
			(double)clock.max / (double)clock.base);
	else
		qb_finding_say(ret,
			"turbo is on: the clock of CPU %u may rise %s %s, as heat and the load of "
			"other cores let it",
			cpu, strcmp(clock.driver, "acpi-cpufreq") == 0 ? "above" : "as far as",
			hertz(clock.max, high));
	qb_finding_advise(ret, "%s: steadier, slower",
		on < 0 ? "frequency.range=base" : "frequency.turbo=false");
}

/* ---- the governor ---- */

enum pace { STEADY, FOLLOWS, LOWEST };

/*
 * What powersave means depends on the driver: with intel_pstate and amd-pstate in active mode it
 * follows the load (Documentation/admin-guide/pm/intel_pstate.rst, amd-pstate.rst), with all others
 * it is the lowest clock (cpufreq.rst).
 */
static enum pace pace_of(const struct clock *clock)
{
	if (!clock->governor[0] || clock->min == clock->max ||
		strcmp(clock->governor, "performance") == 0 ||
		strcmp(clock->governor, "userspace") == 0)
		return STEADY;
	if (strcmp(clock->governor, "powersave") == 0 &&
		strcmp(clock->driver, "intel_pstate") != 0 &&
		strcmp(clock->driver, "amd-pstate-epp") != 0)
		return LOWEST;
	return FOLLOWS;
}

/* Worth a line: anything but a clock that stands still or is as high as it may be. */
void qb_find_governor(const struct qb_look *look, struct qb_finding *ret)
{
	struct clock clock, first = {0};
	struct qb_cpus same;
	char cpus[160], low[32], high[32];
	bool any = false;

	qb_cpus_zero(&same);
	qb_cpus_foreach (cpu, &look->chosen->bench) {
		if (!read_clock(look, cpu, &clock))
			continue;
		any = true;
		if (pace_of(&clock) == STEADY)
			continue;
		if (qb_cpus_empty(&same))
			first = clock;
		if (strcmp(clock.governor, first.governor) == 0 && clock.min == first.min &&
			clock.max == first.max)
			qb_cpus_add(&same, cpu);
	}
	if (!any)
		no_clock(look, ret);
	if (qb_cpus_empty(&same))
		return;
	qb_text_one_line(first.governor);
	qb_finding_cpus(&same, cpus, sizeof(cpus));
	if (pace_of(&first) == LOWEST)
		qb_finding_say(ret, "governor %s keeps the clock of %s at the lowest, %s of %s",
			first.governor, cpus, hertz(first.min, low), hertz(first.max, high));
	else
		qb_finding_say(ret,
			"governor %s: the clock of %s follows the load between %s and %s, so a "
			"run begins at a lower one than it ends with",
			first.governor, cpus, hertz(first.min, low), hertz(first.max, high));
	qb_finding_advise(ret, "frequency.governor=performance");
}

/* ---- siblings ---- */

bool qb_find_siblings(const struct qb_look *look, struct qb_cpus *ret)
{
	static char text[QB_CPUS_TEXT];
	struct qb_cpus core;
	bool any = false;

	qb_cpus_zero(ret);
	qb_cpus_foreach (cpu, &look->chosen->bench) {
		if (qb_look_read(look, text, sizeof(text),
			    CPU_DIR "cpu%u/topology/thread_siblings_list", cpu) < 0 ||
			qb_cpus_parse_list(text, &core) < 0)
			continue;
		any = true;
		qb_cpus_or(ret, &core);
	}
	qb_cpus_andnot(ret, &look->chosen->bench);
	qb_cpus_andnot(ret, &look->chosen->offline);
	return any;
}

/* Worth a line: a sibling that is not kept free of others. What it did is seen with time only. */
void qb_find_sibling(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_cpus siblings;
	char cpus[160], bench[160];

	if (!qb_find_siblings(look, &siblings)) {
		qb_finding_missing(look, ret, "this host does not tell which CPUs share a core");
		return;
	}
	qb_cpus_andnot(&siblings, &look->chosen->reserved);
	if (qb_cpus_empty(&siblings))
		return;
	qb_finding_cpus(&siblings, cpus, sizeof(cpus));
	qb_finding_cpus(&look->chosen->bench, bench, sizeof(bench));
	qb_finding_say(ret,
		"%s %s with %s and %s not kept free: what runs there takes execution units and "
		"caches from it",
		cpus, qb_cpus_count(&siblings) == 1 ? "shares a core" : "share cores", bench,
		qb_cpus_count(&siblings) == 1 ? "is" : "are");
	qb_finding_advise(ret, "cpus.smt=idle keeps it free, cpus.smt=offline takes it away");
}

/* Ticks so far of the first siblings, in ascending order. */
static bool read_busy(const struct qb_look *look, const struct qb_cpus *siblings,
	uint64_t busy[QB_FINDING_SIBLINGS])
{
	_cleanup_free_ char *stat = NULL;
	size_t n = 0;

	if (!qb_look_read_all(look, "/proc/stat", &stat))
		return false;
	qb_cpus_foreach (cpu, siblings)
		if (n < QB_FINDING_SIBLINGS && qb_counters_busy(stat, cpu, &busy[n++]) < 0)
			return false;
	return true;
}

void qb_findings_begin(const struct qb_look *look, struct qb_findings *findings)
{
	if (qb_find_siblings(look, &findings->siblings) &&
		read_busy(look, &findings->siblings, findings->busy))
		findings->looked_ns = qb_ns_now(CLOCK_MONOTONIC);
}

void qb_findings_measured(const struct qb_look *look, struct qb_findings *findings)
{
	const double ns = (double)(qb_ns_now(CLOCK_MONOTONIC) - findings->looked_ns);
	struct qb_finding *ret = &findings->of[QB_FINDING_SIBLING];
	uint64_t busy[QB_FINDING_SIBLINGS];
	unsigned busiest = QB_CPUS_MAX;
	double most = BUSY_SHARE;
	char bench[160];
	size_t n = 0;

	if (!findings->looked_ns || !read_busy(look, &findings->siblings, busy))
		return;
	qb_cpus_foreach (cpu, &findings->siblings) {
		double share;

		if (n == QB_FINDING_SIBLINGS)
			break;
		share = ((double)busy[n] - (double)findings->busy[n]) * 1e9 /
			(double)sysconf(_SC_CLK_TCK) / ns;
		n++;
		if (share <= most)
			continue;
		most = share;
		busiest = cpu;
	}
	if (busiest == QB_CPUS_MAX)
		return;
	qb_finding_cpus(&look->chosen->bench, bench, sizeof(bench));
	qb_finding_say(ret,
		"CPU %u, which shares a core with %s, was busy %.0f %% of the time: what runs there "
		"takes execution units and caches from it",
		busiest, bench, (most < 1 ? most : 1) * 100);
	qb_finding_advise(ret, "cpus.smt=idle keeps it free, cpus.smt=offline takes it away");
}
