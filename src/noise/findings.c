/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * findings.h: what follows from the table of levers. Each value is read through its lever, and the
 * lever's row says whether it is worth a line, what it does and what changes it (struct qb_effect);
 * here are only the words for what stands on this host. Opinions beyond levers: findings_host.c.
 */
#include "counters.h"
#include "findings_internal.h"
#include "ticks.h"
#include <base/macros.h>
#include <base/text.h>
#include <inttypes.h>
#include <levers/frequency.h>
#include <quietbench/lever.h>

#define CPU_DIR "/sys/devices/system/cpu/"
/* A sibling that was busy for less of the time is no finding: a tick of /proc/stat is 10 ms. */
#define BUSY_SHARE 0.01
#define VALUE_SIZE 256

/* ---- from a lever's row ---- */

/* What stands here, and what that does. */
static void say_effect(struct qb_finding *ret, const char *lead, unsigned lever)
{
	qb_finding_say(ret, "%s: %s", lead, qb_levers[lever].effect.text);
	qb_finding_advise(ret, "%s", qb_levers[lever].effect.advice);
}

/* False: not here, and the finding says why. */
static bool read_lever(
	const struct qb_look *look, unsigned lever, char value[VALUE_SIZE], struct qb_finding *ret)
{
	const struct qb_unit unit = qb_unit_none();
	struct qb_error err = {0};

	if (qb_lever_read_below(look->root, lever, &unit, value, VALUE_SIZE, &err) == 0)
		return true;
	qb_finding_missing(look, ret, err.text);
	return false;
}

/* "CPU 2", "CPUs 2-3". */
static void name_cpus(const struct qb_cpus *cpus, char *buf, size_t size)
{
	char list[128];

	qb_text_format(buf, size, "CPU%s %s", qb_cpus_count(cpus) == 1 ? "" : "s",
		qb_cpus_text(cpus, list, sizeof(list)));
}

/* ---- the clock ---- */

static const char *hertz(int64_t khz, char buf[32])
{
	qb_quantity_format(QB_QUANTITY_FREQUENCY, khz, buf, 32);
	return buf;
}

static void no_clock(const struct qb_look *look, struct qb_finding *ret)
{
	if (look->host->guest)
		qb_finding_unknown(
			ret, "the hypervisor keeps the clock to itself (no cpufreq here)");
	else
		qb_finding_missing(look, ret, "no cpufreq here");
}

static void find_turbo(const struct qb_look *look, struct qb_finding *ret)
{
	const unsigned cpu = qb_cpus_next(&look->chosen->bench, 0);
	struct qb_clock clock;
	char lead[256], low[32], high[32];

	if (!qb_clock_read(look->root, cpu, &clock)) {
		no_clock(look, ret);
		return;
	}
	if (clock.turbo == QB_TURBO_NO_SWITCH && !clock.base)
		qb_finding_unknown(ret, "no switch for turbo here, and no base clock is told");
	if (!qb_clock_rises(&clock))
		return;
	if (qb_clock_hides_boost(&clock) || !clock.base)
		qb_text_format(lead, sizeof(lead),
			"turbo is on: the clock of CPU %u may rise %s %s", cpu,
			qb_clock_hides_boost(&clock) ? "above" : "as far as",
			hertz(clock.base ? clock.base : clock.max, high));
	else
		qb_text_format(lead, sizeof(lead),
			"turbo is on: the clock of CPU %u may be anywhere between %s and %s "
			"(%.1f times as fast)",
			cpu, hertz(clock.base, low), hertz(clock.max, high),
			(double)clock.max / (double)clock.base);
	say_effect(ret, lead, QB_LEVER_NO_TURBO);
	if (clock.turbo == QB_TURBO_NO_SWITCH)
		qb_finding_advise(ret, "%s", qb_levers[QB_LEVER_MAX_FREQ].effect.advice);
}

/* Worth a line: anything but a clock that stands still or is as high as it may be. */
static void find_governor(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_clock clock, first = {0};
	struct qb_cpus same;
	char lead[320], cpus[160], low[32], high[32];
	bool any = false;

	qb_cpus_zero(&same);
	qb_cpus_foreach (cpu, &look->chosen->bench) {
		if (!qb_clock_read(look->root, cpu, &clock))
			continue;
		any = true;
		if (qb_clock_pace(&clock) == QB_PACE_STEADY)
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
	name_cpus(&same, cpus, sizeof(cpus));
	hertz(first.min, low);
	hertz(first.max, high);
	if (qb_clock_pace(&first) == QB_PACE_LOWEST) {
		qb_finding_say(ret, "governor %s keeps the clock of %s at the lowest, %s of %s",
			first.governor, cpus, low, high);
		qb_finding_advise(ret, "%s", qb_levers[QB_LEVER_GOVERNOR].effect.advice);
		return;
	}
	qb_text_format(lead, sizeof(lead),
		"governor %s: the clock of %s follows the load between %s and %s", first.governor,
		cpus, low, high);
	say_effect(ret, lead, QB_LEVER_GOVERNOR);
}

/* ---- memory and the kernel ---- */

/*
 * With `always` a program gets huge pages without asking, when a free one is found at the fault, or
 * later through khugepaged (Documentation/admin-guide/mm/transhuge.rst); with `madvise` it is the
 * program's own wish.
 */
static void find_thp(const struct qb_look *look, struct qb_finding *ret)
{
	char value[VALUE_SIZE], lead[256], of[48] = "", size[32];
	long long bytes;

	if (!read_lever(look, QB_LEVER_THP, value, ret) || !qb_lever_costs(QB_LEVER_THP, value))
		return;
	if (qb_look_number(look, &bytes, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")) {
		qb_finding_kib((unsigned long long)bytes / 1024, size, sizeof(size));
		qb_text_format(of, sizeof(of), " of %s", size);
	}
	qb_text_format(lead, sizeof(lead), "transparent huge pages%s are made %s", of, value);
	say_effect(ret, lead, QB_LEVER_THP);
}

/*
 * Documentation/admin-guide/sysctl/kernel.rst: 1 mmap base, stack and VDSO page, 2 the heap as well.
 * On almost every host, and worth its line: it is why a program that does the same differs.
 */
static void find_aslr(const struct qb_look *look, struct qb_finding *ret)
{
	char value[VALUE_SIZE], lead[384];

	if (!read_lever(look, QB_LEVER_PROCESS_ASLR, value, ret) ||
		!qb_lever_costs(QB_LEVER_PROCESS_ASLR, value))
		return;
	qb_text_format(lead, sizeof(lead),
		"addresses of %s are random (kernel.randomize_va_space is %s)",
		strcmp(value, "1") == 0 ? "stack and libraries" : "stack, libraries and heap",
		value);
	say_effect(ret, lead, QB_LEVER_PROCESS_ASLR);
}

/* Which of the benchmark's CPUs are watched? All where that is not told. */
static void find_watched(const struct qb_look *look, struct qb_cpus *ret)
{
	static char mask[QB_CPUS_TEXT];
	const struct qb_unit unit = qb_unit_none();

	if (qb_lever_read_below(
		    look->root, QB_LEVER_WATCHDOG_CPUS, &unit, mask, sizeof(mask), NULL) < 0 ||
		qb_cpus_parse_list(mask, ret) < 0)
		*ret = look->chosen->bench;
	qb_cpus_and(ret, &look->chosen->bench);
}

/*
 * Documentation/admin-guide/lockup-watchdogs.rst: a timer every 2/5 of watchdog_thresh on each CPU
 * of watchdog_cpumask, whose job of the soft detector runs in the CPU's stopper thread; an NMI of a
 * perf event every watchdog_thresh. Worth a line where a benchmark's CPU is among those.
 */
static void find_watchdogs(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_finding neither = {0};
	struct qb_cpus watched;
	long long every = 10;
	char soft[VALUE_SIZE], hard[VALUE_SIZE], cpus[160], nmi[48] = "", lead[256];
	const bool has_soft = read_lever(look, QB_LEVER_SOFT_WATCHDOG, soft, &neither);
	const bool has_hard = read_lever(look, QB_LEVER_NMI_WATCHDOG, hard, &neither);
	const bool soft_on = has_soft && qb_lever_costs(QB_LEVER_SOFT_WATCHDOG, soft);
	const bool hard_on = has_hard && qb_lever_costs(QB_LEVER_NMI_WATCHDOG, hard);

	if (!has_soft && !has_hard) {
		*ret = neither;
		return;
	}
	qb_look_number(look, &every, "/proc/sys/kernel/watchdog_thresh");
	find_watched(look, &watched);
	if ((!soft_on && !hard_on) || every <= 0 || qb_cpus_empty(&watched))
		return;
	name_cpus(&watched, cpus, sizeof(cpus));
	if (hard_on)
		qb_text_format(nmi, sizeof(nmi), ", and by an NMI every %lld s", every);
	qb_text_format(lead, sizeof(lead), "lockup detectors watch %s by a timer every %g s%s",
		cpus, (double)every * 2 / 5, nmi);
	say_effect(ret, lead, soft_on ? QB_LEVER_SOFT_WATCHDOG : QB_LEVER_NMI_WATCHDOG);
	if (soft_on && hard_on)
		qb_finding_say(ret, "%s: %s; %s", lead,
			qb_levers[QB_LEVER_SOFT_WATCHDOG].effect.text,
			qb_levers[QB_LEVER_NMI_WATCHDOG].effect.text);
}

/* The limit by itself costs nothing, but the kernel lowers it where samples took more than
 * perf_cpu_time_max_percent of the time (Documentation/admin-guide/sysctl/kernel.rst). */
static void find_perf(const struct qb_look *look, struct qb_finding *ret)
{
	char value[VALUE_SIZE], lead[384];

	if (!read_lever(look, QB_LEVER_SAMPLE_RATE, value, ret) ||
		!qb_lever_costs(QB_LEVER_SAMPLE_RATE, value))
		return;
	qb_text_format(lead, sizeof(lead),
		"perf may take %s samples a second, not %d: the kernel lowers that where samples "
		"took too long, so this host has been profiled",
		value, QB_PERF_RATE_DEFAULT);
	say_effect(ret, lead, QB_LEVER_SAMPLE_RATE);
}

/* ---- siblings ---- */

static bool find_siblings(const struct qb_look *look, struct qb_cpus *ret)
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

/* Worth a line: a sibling that is not kept free of other tasks. What it did is seen with time only. */
static void find_sibling(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_cpus siblings;
	char cpus[160], bench[160], lead[384];

	if (!find_siblings(look, &siblings)) {
		qb_finding_missing(look, ret, "this host does not tell which CPUs share a core");
		return;
	}
	qb_cpus_andnot(&siblings, &look->chosen->reserved);
	if (qb_cpus_empty(&siblings))
		return;
	name_cpus(&siblings, cpus, sizeof(cpus));
	name_cpus(&look->chosen->bench, bench, sizeof(bench));
	qb_text_format(lead, sizeof(lead), "%s %s with %s and %s not kept free", cpus,
		qb_cpus_count(&siblings) == 1 ? "shares a core" : "share cores", bench,
		qb_cpus_count(&siblings) == 1 ? "is" : "are");
	say_effect(ret, lead, QB_LEVER_SMT_OFFLINE);
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

static void begin_siblings(const struct qb_look *look, struct qb_findings *findings)
{
	if (find_siblings(look, &findings->siblings) &&
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
	char bench[160], lead[256];
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
	name_cpus(&look->chosen->bench, bench, sizeof(bench));
	qb_text_format(lead, sizeof(lead),
		"CPU %u, which shares a core with %s, was busy %.0f %% of the time", busiest, bench,
		(most < 1 ? most : 1) * 100);
	say_effect(ret, lead, QB_LEVER_SMT_OFFLINE);
}

/* ---- the table ---- */

static const struct {
	const char *name;
	enum qb_key key;
	void (*look)(const struct qb_look *look, struct qb_finding *ret);
} table[QB_FINDING_COUNT] = {
#define X(id, name, key) [QB_FINDING_##id] = {#name, QB_KEY_##key, find_##name},
#define Y(id, name, key) [QB_FINDING_##id] = {#name, QB_KEY_##key, qb_find_##name},
	QB_FINDINGS(X, Y)
#undef X
#undef Y
};

const char *qb_finding_name(enum qb_finding_id id)
{
	return table[id].name;
}

enum qb_key qb_finding_key(enum qb_finding_id id)
{
	return table[id].key;
}

void qb_findings_look(const struct qb_look *look, struct qb_findings *ret)
{
	*ret = (struct qb_findings){0};
	for (int id = 0; id < QB_FINDING_COUNT; id++)
		table[id].look(look, &ret->of[id]);
	begin_siblings(look, ret);
}
