/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's own work: workqueues, lockup detectors, timers, perf. */
#include "table_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/planning.h>

#define REQUESTED	 "/sys/devices/virtual/workqueue/cpumask_requested"
#define WATCHDOG	 "/proc/sys/kernel/watchdog"
#define PERF_PERCENT	 "/proc/sys/kernel/perf_cpu_time_max_percent"
#define PERCENT_ORDINARY "25" /* the kernel's default */
#define KERNEL_ENOTSUPP	 524  /* internal to the kernel; nmi_watchdog leaks it */

/* Newer kernels take isolated partitions out of `cpumask` themselves, and put them back. */
static int read_workqueues(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	int r = qb_file_read_or(REQUESTED, "", buf, size, err);

	if (r == 0 && !*buf)
		r = (int)qb_file_read(lever->path, buf, size, err);
	return r < 0 ? r : 0;
}

/*
 * With the master off a detector stays off, and with both detectors off so does the master; reading
 * one of the three makes the kernel forget what was written to it. So both in one go.
 */
static int write_detector(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	int r = strcmp(text, "1") == 0 ? qb_file_write(WATCHDOG, text, err) : 0;

	if (r == 0)
		r = qb_file_write(lever->path, text, err);
	/* EACCES: a kernel built without the detector shows its switch, read-only. */
	if (r == -KERNEL_ENOTSUPP || r == -EACCES)
		return qb_error_set(err, EOPNOTSUPP,
			"the hard lockup detector has no performance counter here (in a guest: the "
			"hypervisor keeps them)");
	return r;
}

/*
 * With 0 or 100 percent perf's rate refuses to be written (EINVAL). What stands there is put back
 * at once; should we die in between, the percentage is a remembered step as well.
 */
static int write_sample_rate(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char percent[16];
	ssize_t n = qb_file_read(PERF_PERCENT, percent, sizeof(percent), err);
	int r, back;

	if (n < 0)
		return (int)n;
	if (strcmp(percent, "0") != 0 && strcmp(percent, "100") != 0)
		return qb_file_write(lever->path, text, err);
	r = qb_file_write(PERF_PERCENT, PERCENT_ORDINARY, err);
	if (r < 0)
		return r;
	r = qb_file_write(lever->path, text, err);
	back = qb_file_write(PERF_PERCENT, percent, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

const struct qb_lever_ops qb_workqueues_ops = {.read = read_workqueues};
const struct qb_lever_ops qb_detector_ops = {.write = write_detector};
/* The kernel lowers the rate by itself when samples take too long, for good; no user asked for that. */
static bool lowered(const struct qb_steps *steps, const struct qb_step *step, const char *now)
{
	int64_t left, current;

	return qb_number_parse(step->left, &left) == 0 && qb_number_parse(now, &current) == 0 &&
	       current < left;
}

const struct qb_lever_ops qb_sample_rate_ops = {.write = write_sample_rate, .ours = lowered};

/* ---- planning ---- */

#define WORKQUEUES  "/sys/devices/virtual/workqueue"
#define NO_HOUSE    "the benchmark has every CPU: none is left for the kernel's own work"
#define NO_PERF	    "this kernel has no perf (CONFIG_PERF_EVENTS)"
#define NO_WATCHDOG "this kernel has no such lockup detector (CONFIG_LOCKUP_DETECTOR)"

struct kernel {
	const struct qb_wish *wish;
	struct qb_steps *steps;
	struct qb_housekeeping housekeeping;
};

static const struct qb_plan_number numbers[] = {
	{QB_KEY_KERNEL_TIMER_MIGRATION, QB_LEVER_TIMER_MIGRATION,
		"this kernel moves no timers (CONFIG_NO_HZ_COMMON)"},
	{QB_KEY_KERNEL_AUTOGROUP, QB_LEVER_AUTOGROUP,
		"this kernel has no groups per session (CONFIG_SCHED_AUTOGROUP)"},
	{QB_KEY_PERF_PARANOID, QB_LEVER_PARANOID, NO_PERF},
	{QB_KEY_PERF_KPTR_RESTRICT, QB_LEVER_KPTR_RESTRICT,
		"this kernel cannot hide its addresses (kernel.kptr_restrict is missing)"},
};

static int plan_stat_interval(const struct kernel *k)
{
	const int64_t ns = k->wish->profile->set[QB_KEY_KERNEL_STAT_INTERVAL].number;
	char wanted[24];

	if (!qb_plan_asks(k->wish, QB_KEY_KERNEL_STAT_INTERVAL))
		return 0;
	if (ns % QB_NS_PER_S)
		return qb_steps_refuse(k->steps, QB_LEVER_STAT_INTERVAL, QB_STATUS_UNSUPPORTED,
			"the kernel takes whole seconds: %llds or %llds",
			(long long)(ns / QB_NS_PER_S), (long long)(ns / QB_NS_PER_S + 1));
	snprintf(wanted, sizeof(wanted), "%lld", (long long)(ns / QB_NS_PER_S));
	return qb_plan_add(k->steps, QB_LEVER_STAT_INTERVAL, qb_unit_none(), wanted,
		"this kernel gathers no such statistics (vm.stat_interval is missing)");
}

/* One of the two detectors, under the wish for the master switch, which goes for both. */
static int plan_detector(
	const struct kernel *k, enum qb_key key, enum qb_lever_id lever, const char *master)
{
	char number[24];
	const char *wanted = qb_plan_number(k->wish, key, number);
	int r = 0;

	if (wanted && master && *wanted == '1' && *master == '0') {
		r = qb_steps_refuse(k->steps, lever, QB_STATUS_UNSUPPORTED,
			"kernel.watchdog=false switches both lockup detectors off");
		wanted = NULL;
	} else if (!wanted && master && *master == '1') {
		wanted = master; /* the switch alone leaves off what is off */
	}
	return r < 0 ? r : qb_plan_add(k->steps, lever, qb_unit_none(), wanted, NO_WATCHDOG);
}

static int plan_watchdog_cpus(const struct kernel *k)
{
	const struct qb_unit unit = qb_unit_none();
	char wanted[QB_TEXT_MAX] = "";
	struct qb_cpus cpus;

	if (!qb_plan_asks(k->wish, QB_KEY_KERNEL_WATCHDOG_CPUS))
		return qb_plan_add(k->steps, QB_LEVER_WATCHDOG_CPUS, unit, NULL, NULL);
	if (qb_cpus_empty(&k->housekeeping.cpus))
		return qb_steps_refuse(
			k->steps, QB_LEVER_WATCHDOG_CPUS, QB_STATUS_UNSUPPORTED, NO_HOUSE);
	if (qb_lever_read(QB_LEVER_WATCHDOG_CPUS, &unit, wanted, sizeof(wanted), NULL) == 0 &&
		qb_cpus_parse_list(wanted, &cpus) == 0 &&
		qb_housekeeping_clear(&k->housekeeping, &cpus) &&
		qb_cpus_format_list(&cpus, wanted, sizeof(wanted)) < 0)
		return qb_steps_refuse(k->steps, QB_LEVER_WATCHDOG_CPUS, QB_STATUS_UNSUPPORTED,
			"the list of the housekeeping CPUs is too long");
	return qb_plan_add(k->steps, QB_LEVER_WATCHDOG_CPUS, unit, wanted, NO_WATCHDOG);
}

/* Whichever is asked for, all are remembered: each write changes what the other two read. */
static int plan_watchdogs(const struct kernel *k)
{
	char number[24];
	const char *master = qb_plan_number(k->wish, QB_KEY_KERNEL_WATCHDOG, number);
	int r;

	if (!master && !qb_plan_asks(k->wish, QB_KEY_KERNEL_NMI_WATCHDOG) &&
		!qb_plan_asks(k->wish, QB_KEY_KERNEL_SOFT_WATCHDOG) &&
		!qb_plan_asks(k->wish, QB_KEY_KERNEL_WATCHDOG_CPUS))
		return 0;
	r = qb_plan_add(k->steps, QB_LEVER_WATCHDOG, qb_unit_none(), master, NO_WATCHDOG);
	if (r == 0)
		r = plan_detector(k, QB_KEY_KERNEL_NMI_WATCHDOG, QB_LEVER_NMI_WATCHDOG, master);
	if (r == 0)
		r = plan_detector(k, QB_KEY_KERNEL_SOFT_WATCHDOG, QB_LEVER_SOFT_WATCHDOG, master);
	return r == 0 ? plan_watchdog_cpus(k) : r;
}

/* Keeping off the benchmark's CPUs, a mask is as it should be. 1; 0 without a mask; -ENOMEM. */
static int plan_workqueue(const struct kernel *k, enum qb_lever_id lever, struct qb_unit unit)
{
	char mask[QB_TEXT_MAX] = "", moved[QB_TEXT_MAX];
	bool moves = qb_lever_read(lever, &unit, mask, sizeof(mask), NULL) == 0 &&
		     qb_housekeeping_clear_mask(&k->housekeeping, mask, moved, sizeof(moved));

	return qb_lever_plan(k->steps, lever, unit, moves ? moved : mask);
}

static int plan_named_workqueue(void *data, const char *name)
{
	struct qb_unit unit = qb_unit_none();
	int r = 0;

	/* Most of them, and what else lies there, have no mask. */
	if (qb_text_copy(unit.name, sizeof(unit.name), name))
		r = plan_workqueue(data, QB_LEVER_WORKQUEUE, unit);
	return r < 0 ? r : 0;
}

static int plan_workqueues(struct kernel *k)
{
	int r;

	if (!qb_plan_asks(k->wish, QB_KEY_KERNEL_WORKQUEUES))
		return 0;
	if (qb_cpus_empty(&k->housekeeping.cpus))
		return qb_steps_refuse(
			k->steps, QB_LEVER_WORKQUEUES, QB_STATUS_UNSUPPORTED, NO_HOUSE);
	r = plan_workqueue(k, QB_LEVER_WORKQUEUES, qb_unit_none());
	if (r == 0)
		r = qb_steps_refuse(k->steps, QB_LEVER_WORKQUEUES, QB_STATUS_UNSUPPORTED,
			"this kernel has no mask for unbound work (" WORKQUEUES
			"/cpumask is missing)");
	return r < 0 ? r : qb_plan_each_name(WORKQUEUES, plan_named_workqueue, k);
}

/* Both are remembered if one is asked for: the rate's write may have to lift the percentage. */
static int plan_perf(const struct kernel *k)
{
	char texts[2][24];
	const char *rate = qb_plan_number(k->wish, QB_KEY_PERF_MAX_SAMPLE_RATE, texts[0]);
	const char *percent = qb_plan_number(k->wish, QB_KEY_PERF_CPU_PERCENT, texts[1]);
	int r;

	if (!rate && !percent)
		return 0;
	r = qb_plan_add(k->steps, QB_LEVER_SAMPLE_RATE, qb_unit_none(), rate, NO_PERF);
	return r < 0 ? r
		     : qb_plan_add(
			       k->steps, QB_LEVER_CPU_PERCENT, qb_unit_none(), percent, NO_PERF);
}

int qb_kernel_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct kernel k = {.wish = wish, .steps = steps};
	int r;

	qb_housekeeping_find(wish, &k.housekeeping);
	r = plan_workqueues(&k);
	if (r == 0)
		r = plan_watchdogs(&k);
	if (r == 0)
		r = qb_plan_numbers(wish, steps, numbers, QB_ARRAY_SIZE(numbers));
	if (r == 0)
		r = plan_stat_interval(&k);
	if (r == 0)
		r = plan_perf(&k);
	return r < 0 ? qb_error_errno(err, -r, "plan the kernel's own work") : 0;
}
