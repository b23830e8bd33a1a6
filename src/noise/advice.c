/* SPDX-License-Identifier: GPL-2.0-or-later */
/* advice.h */
#include "advice.h"
#include <base/macros.h>
#include <string.h>

#define BIT(kind) (1U << QB_CAUSE_##kind)
#define TASKS	  (BIT(TASK) | BIT(KERNEL_TASK) | BIT(UNKNOWN_TASK))
/* Gaps in which nobody was switched in. */
#define OTHERS                                                                                     \
	(BIT(TICK) | BIT(DEVICE) | BIT(IPI) | BIT(STEAL) | BIT(HYPERVISOR) | BIT(FIRMWARE) |       \
		BIT(UNEXPLAINED) | BIT(QUOTA))

/* Kinds with a share, the greatest counts; and kinds that have none and go first where they are. */
static const struct {
	unsigned kinds, first;
} of_metric[QB_NOISE_METRIC_COUNT] = {
	[QB_NOISE_PREEMPTED_METRIC] = {.kinds = TASKS},
	[QB_NOISE_GAPS_METRIC] = {.kinds = TASKS | OTHERS},
	[QB_NOISE_SPEED_METRIC] = {.kinds = BIT(SPEED), .first = BIT(THROTTLED)},
	[QB_NOISE_STEAL_METRIC] = {.kinds = BIT(STEAL)},
	[QB_NOISE_LONGEST_METRIC] = {.kinds = TASKS | OTHERS},
};

static bool goes_before(
	const struct qb_cause *cause, unsigned kinds, unsigned first, const struct qb_cause *best)
{
	const unsigned kind = 1U << cause->kind;

	if (kind & first)
		return true;
	if (!(kind & kinds) || cause->share <= 0)
		return false;
	return !best || (!(1U << best->kind & first) && cause->share > best->share);
}

static void search(
	const struct qb_measure_cpu *of, unsigned kinds, unsigned first, struct qb_cause_on *found)
{
	for (size_t i = 0; of->causes && i < of->causes->n; i++)
		if (goes_before(&of->causes->v[i], kinds, first, found->cause))
			*found = (struct qb_cause_on){.cause = &of->causes->v[i], .cpu = of->cpu};
}

static const struct qb_measure_cpu *cpu_of_longest(const struct qb_measure *m)
{
	const struct qb_measure_cpu *longest = &m->of[0];

	for (size_t i = 1; i < m->n; i++)
		if (m->of[i].loop->longest[0].ns > longest->loop->longest[0].ns)
			longest = &m->of[i];
	return longest;
}

struct qb_cause_on qb_cause_of_metric(const struct qb_measure *m, enum qb_noise_metric metric)
{
	const unsigned kinds = of_metric[metric].kinds, first = of_metric[metric].first;
	struct qb_cause_on found = {0};

	if (metric == QB_NOISE_LONGEST_METRIC) {
		const struct qb_measure_cpu *of = cpu_of_longest(m);

		search(of, kinds & (of->loop->longest[0].preempted ? TASKS : OTHERS), first,
			&found);
		return found;
	}
	for (size_t i = 0; i < m->n; i++)
		search(&m->of[i], kinds, first, &found);
	return found;
}

/*
 * What helps against a cause: the first row of its kind whose beginning of a name fits. A lever in
 * effect (either of two) is not advised again: then `otherwise` is what is left to do.
 */
/* clang-format off */
static const struct {
	enum qb_cause_kind kind;
	const char *begins;
	enum qb_key key, or; /* QB_KEY_COUNT: no lever */
	const char *advice, *otherwise;
} rows[] = {
	{QB_CAUSE_TASK, "", QB_KEY_CPUS_ISOLATION, QB_KEY_COUNT,
		"keep it off: quietbench run or apply isolates CPUs (cpus.isolation); or stop it (services.stop)",
		"it runs here though these CPUs are isolated: stop it (services.stop), or end what pins it here"},
	{QB_CAUSE_KERNEL_TASK, "migration/", QB_KEY_KERNEL_WATCHDOG, QB_KEY_KERNEL_WATCHDOG_CPUS,
		"the lockup detector runs in it: kernel.watchdog=false, or kernel.watchdog_cpus=housekeeping",
		"it moves tasks between CPUs: fewer tasks that come and go, or cpus.isolation"},
	{QB_CAUSE_KERNEL_TASK, "kworker/u", QB_KEY_KERNEL_WORKQUEUES, QB_KEY_COUNT,
		"kernel.workqueues=housekeeping keeps the kernel's unbound work off",
		"kernel work that was queued for this CPU: no lever keeps it off"},
	{QB_CAUSE_KERNEL_TASK, "kworker/", QB_KEY_KERNEL_STAT_INTERVAL, QB_KEY_COUNT,
		"work that is bound to this CPU: kernel.stat_interval makes the most frequent of it rare",
		"work that is bound to this CPU: no lever keeps it off"},
	{QB_CAUSE_KERNEL_TASK, "irq/", QB_KEY_IRQS_MOVE, QB_KEY_COUNT,
		"irqs.move=true moves it with its interrupt",
		"its interrupt stays: the kernel manages it, or its driver has moved it back"},
	{QB_CAUSE_KERNEL_TASK, "ksoftirqd/", QB_KEY_IRQS_MOVE, QB_KEY_COUNT,
		"it does the work of interrupts: irqs.move=true moves these",
		"it does the work of interrupts that stay, and of timers"},
	{QB_CAUSE_KERNEL_TASK, "rcu", QB_KEY_COUNT, QB_KEY_COUNT,
		"boot with rcu_nocbs= for these CPUs", NULL},
	{QB_CAUSE_KERNEL_TASK, "", QB_KEY_KERNEL_WORKQUEUES, QB_KEY_COUNT,
		"kernel.workqueues=housekeeping and irqs.move=true keep most of the kernel's own work off",
		"no lever keeps this kernel thread off: repeat, or choose other CPUs (-c)"},
	{QB_CAUSE_UNKNOWN_TASK, "", QB_KEY_COUNT, QB_KEY_COUNT, "measure as root to see its name", NULL},
	{QB_CAUSE_TICK, "timers beside", QB_KEY_COUNT, QB_KEY_COUNT,
		"programs or kernel parts on this CPU set these timers: end what sets them", NULL},
	{QB_CAUSE_TICK, "", QB_KEY_COUNT, QB_KEY_COUNT, "boot with nohz_full= for these CPUs", NULL},
	{QB_CAUSE_DEVICE, "", QB_KEY_IRQS_MOVE, QB_KEY_COUNT,
		"irqs.move=true moves it (quietbench run or apply)",
		"it stays: the kernel manages it, or its driver has moved it back"},
	{QB_CAUSE_IPI, "interrupts that other tasks", QB_KEY_CPUS_ISOLATION, QB_KEY_COUNT,
		"they end with the tasks that they woke: isolate these CPUs (cpus.isolation)",
		"they end with the tasks that they woke"},
	{QB_CAUSE_IPI, "", QB_KEY_CPUS_ISOLATION, QB_KEY_COUNT,
		"caused by other CPUs: end what runs there, or isolate these CPUs",
		"caused by other CPUs: end what runs there"},
	{QB_CAUSE_STEAL, "", QB_KEY_COUNT, QB_KEY_COUNT,
		"a busy neighbour: repeat, or use dedicated vCPUs", NULL},
	{QB_CAUSE_HYPERVISOR, "", QB_KEY_COUNT, QB_KEY_COUNT,
		"no setting of this guest stops it: ask for dedicated CPUs that their host leaves alone (nohz_full there), or repeat more often", NULL},
	{QB_CAUSE_FIRMWARE, "", QB_KEY_COUNT, QB_KEY_COUNT,
		"no kernel counter changed: look for SMIs (turbostat counts them), and for firmware settings that make fewer", NULL},
	{QB_CAUSE_UNEXPLAINED, "", QB_KEY_COUNT, QB_KEY_COUNT,
		"nothing more is known about it: keep the sibling idle (cpus.smt), or measure longer", NULL},
	{QB_CAUSE_SPEED, "", QB_KEY_FREQUENCY_RANGE, QB_KEY_COUNT,
		"fix the clock (frequency.*), keep the sibling idle (cpus.smt); in a guest it is the neighbours",
		"the clock is fixed: keep the sibling idle (cpus.smt), and look for heat; in a guest it is the neighbours"},
	{QB_CAUSE_THROTTLED, "", QB_KEY_FREQUENCY_TURBO, QB_KEY_COUNT,
		"cool the machine, or lower its clock (frequency.turbo=false)",
		"cool the machine, or lower its clock (frequency.range)"},
	{QB_CAUSE_QUOTA, "", QB_KEY_COUNT, QB_KEY_COUNT,
		"this control group has a CPU quota (cpu.max): measure outside of it", NULL},
	{QB_CAUSE_SWAP, "", QB_KEY_PROCESS_LOCK, QB_KEY_COUNT,
		"memory is short: free some, or process.lock=true", "memory is short: free some"},
};
/* clang-format on */

const char *qb_cause_advice(const struct qb_cause *cause, const bool applied[QB_KEY_COUNT])
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(rows); i++) {
		const bool done =
			applied && ((rows[i].key != QB_KEY_COUNT && applied[rows[i].key]) ||
					   (rows[i].or != QB_KEY_COUNT && applied[rows[i].or ]));

		if (rows[i].kind == cause->kind &&
			strncmp(cause->name, rows[i].begins, strlen(rows[i].begins)) == 0)
			return done ? rows[i].otherwise : rows[i].advice;
	}
	return "";
}
