/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * provision.h: the table of all that can be provisioned, each with its reason and its price.
 *
 * What lowers security (perf.*) is not here: it is a matter of one session, not of every boot. The limits of
 * the clock are not, either: with turbo off the highest is the base clock already.
 */
#include <base/macros.h>
#include <provision/provision.h>
#include <quietbench/lever.h>

/* clang-format off */
#define ARGUMENT(id, word, words) .name = (word), .key = QB_KEY_##id, .kind = QB_PROVISION_KERNEL, .lever = -1, .text = (words)
#define SYSCTL(id, word)   .name = (word), .key = QB_KEY_##id, .kind = QB_PROVISION_SYSCTL
#define TMPFILES(id, word) .name = (word), .key = QB_KEY_##id, .kind = QB_PROVISION_TMPFILES
#define LEVER(id) .lever = QB_LEVER_##id

const struct qb_provision_row qb_provisions[] = {
	/* Documentation/admin-guide/kernel-parameters.txt */
	{ARGUMENT(CPUS_ISOLATION, "isolcpus", "isolcpus=managed_irq,domain,<cpus>"),
		.why = "from the first moment the scheduler puts no task on the benchmark's CPUs, and interrupts that the "
			"kernel manages itself keep off them, too: no run-time setting moves those",
		.price = "nothing balances threads there: several threads stay on the CPU where they start, unless each is "
			"pinned. All other programs lose these CPUs until the host boots without it"},
	{ARGUMENT(CPUS_ISOLATION, "isolcpus-managed", "isolcpus=managed_irq,<cpus>"),
		.why = "interrupts that the kernel manages itself keep off the benchmark's CPUs: no run-time setting moves those "
			"(cpus.isolation names a way of its own, so the scheduler is left to that)",
		.price = "fewer CPUs serve disks and networks whose queues are managed"},
	{ARGUMENT(CPUS_ISOLATION, "nohz_full", "nohz_full=<cpus>"),
		.why = "no timer tick while one task alone runs on a CPU, but for one in a second",
		.price = "every system call, fault and interrupt of these CPUs takes longer, and CPU time is counted at each"},
	{ARGUMENT(CPUS_ISOLATION, "rcu_nocbs", "rcu_nocbs=<cpus>"),
		.why = "what the kernel frees late (RCU callbacks) is freed by threads on other CPUs",
		.price = "those threads take time from the housekeeping CPUs; freeing takes longer"},
	{ARGUMENT(IRQS_MOVE, "irqaffinity", "irqaffinity=<housekeeping>"),
		.why = "interrupts go to the housekeeping CPUs from the first moment, those of devices added later included",
		.price = "fewer CPUs serve all devices"},
	{ARGUMENT(CPUS_ISOLATION, "skew_tick", "skew_tick=1"),
		.why = "the CPUs' timer ticks come one after the other, so they do not wait for the same locks",
		.price = "CPUs wake up at different moments, which draws more power when idle"},
	{ARGUMENT(FREQUENCY_GOVERNOR, "governor", "cpufreq.default_governor=<value>"),
		.why = "the clock does not ramp up at the start of each run, whenever the driver is loaded",
		.price = "more power, on all CPUs, also when nothing is measured"},
	{ARGUMENT(CPUS_ISOLATION, "cgroup-v2", "systemd.unified_cgroup_hierarchy=1"),
		.why = "cgroup v2 has partitions, the best way to keep other tasks off during a run",
		.price = "programs that know cgroup v1 alone (old container engines) no longer work"},

	{TMPFILES(FREQUENCY_TURBO, "frequency.turbo"), LEVER(NO_TURBO),
		.why = "turbo depends on heat and on what other cores do", .price = "all programs are slower"},
	{TMPFILES(FREQUENCY_TURBO, "frequency.turbo.boost"), LEVER(BOOST),
		.why = "turbo depends on heat and on what other cores do", .price = "all programs are slower"},
	{.name = "late", .key = QB_KEY_FREQUENCY_TURBO, .kind = QB_PROVISION_UNIT, .lever = -1,
		.text = "quietbench-provision.service",
		.why = "a clock's driver that is a module appears after the files of tmpfiles.d were read: they are read again "
			"once devices have settled",
		.price = "one more unit at boot"},
	{TMPFILES(KERNEL_WORKQUEUES, "kernel.workqueues"), LEVER(WORKQUEUES),
		.why = "unbound kernel work stays off the benchmark's CPUs", .price = "it has fewer CPUs"},
	{TMPFILES(MEMORY_THP, "memory.thp"), LEVER(THP),
		.why = "whether pages are huge does not depend on the moment", .price = "programs find other pages than by default"},
	{TMPFILES(MEMORY_THP_DEFRAG, "memory.thp_defrag"), LEVER(THP_DEFRAG),
		.why = "no page fault waits until memory has been moved", .price = "fewer pages are huge"},
	{TMPFILES(MEMORY_THP_SHMEM, "memory.thp_shmem"), LEVER(THP_SHMEM),
		.why = "the same for shared memory", .price = "the same for shared memory"},
	{TMPFILES(MEMORY_KSM, "memory.ksm"), LEVER(KSM),
		.why = "no kernel thread compares pages", .price = "virtual machines with equal pages take more memory"},

	{SYSCTL(KERNEL_WATCHDOG, "kernel.watchdog"), LEVER(WATCHDOG),
		.why = "no timer and no NMI of the lockup detectors", .price = "nobody learns of a kernel that hangs"},
	{SYSCTL(KERNEL_NMI_WATCHDOG, "kernel.nmi_watchdog"), LEVER(NMI_WATCHDOG),
		.why = "no NMI now and then, and one hardware counter more", .price = "hard lockups go unnoticed"},
	{SYSCTL(KERNEL_SOFT_WATCHDOG, "kernel.soft_watchdog"), LEVER(SOFT_WATCHDOG),
		.why = "no timer and thread of the soft lockup detector", .price = "soft lockups go unnoticed"},
	{SYSCTL(KERNEL_WATCHDOG_CPUS, "kernel.watchdog_cpus"), LEVER(WATCHDOG_CPUS),
		.why = "the lockup detectors interrupt the housekeeping CPUs alone",
		.price = "lockups of the benchmark's CPUs go unnoticed"},
	{SYSCTL(KERNEL_TIMER_MIGRATION, "kernel.timer_migration"), LEVER(TIMER_MIGRATION),
		.why = "timers of other CPUs stay where they are", .price = "idle CPUs are woken by their own timers: more power"},
	{SYSCTL(KERNEL_STAT_INTERVAL, "kernel.stat_interval"), LEVER(STAT_INTERVAL),
		.why = "statistics of memory are gathered more rarely", .price = "meminfo and vmstat lag behind"},
	{SYSCTL(KERNEL_AUTOGROUP, "kernel.autogroup"), LEVER(AUTOGROUP),
		.why = "nice counts for all the host", .price = "a busy terminal slows other users down more"},
	{SYSCTL(MEMORY_NUMA_BALANCING, "memory.numa_balancing"), LEVER(NUMA_BALANCING),
		.why = "no pages are unmapped to see who uses them", .price = "memory stays on the node where it was first used"},
	{SYSCTL(MEMORY_COMPACTION, "memory.compaction"), LEVER(COMPACTION),
		.why = "no kernel thread moves pages in the background", .price = "free memory breaks into pieces faster"},
	{SYSCTL(MEMORY_ZONE_RECLAIM, "memory.zone_reclaim"), LEVER(ZONE_RECLAIM),
		.why = "memory of another node rather than reclaim", .price = "more memory may be remote"},
	{SYSCTL(MEMORY_DIRTY_RATIO, "memory.dirty_ratio"), LEVER(DIRTY_RATIO),
		.why = "programs that write wait for the disk at the same fill", .price = "more or less is lost when the host fails"},
	{SYSCTL(MEMORY_DIRTY_BACKGROUND_RATIO, "memory.dirty_background_ratio"), LEVER(DIRTY_BACKGROUND_RATIO),
		.why = "writing back begins at the same fill", .price = "more or less is lost when the host fails"},

	{.name = "irqbalance", .key = QB_KEY_IRQS_IRQBALANCE, .kind = QB_PROVISION_UNIT, .lever = -1,
		.text = "IRQBALANCE_BANNED_CPULIST=<cpus>",
		.why = "irqbalance moves interrupts every 10 s, and is told to keep off the benchmark's CPUs",
		.price = "it has fewer CPUs to spread them over"},
	{.name = "mask", .key = QB_KEY_SERVICES_STOP, .kind = QB_PROVISION_MASK, .lever = -1, .text = "<unit>",
		.why = "a timer starts work at a moment of its own",
		.price = "what it starts never happens by itself: updates, trims, clean-ups are yours to start"},
};
/* clang-format on */
const size_t qb_provisions_n = QB_ARRAY_SIZE(qb_provisions);

int qb_provision_find(const char *name)
{
	for (size_t i = 0; i < qb_provisions_n; i++)
		if (strcmp(qb_provisions[i].name, name) == 0)
			return (int)i;
	return -1;
}

static const struct {
	const char *name, *where;
} kinds[QB_PROVISION_KINDS] = {
	[QB_PROVISION_KERNEL] = {"kernel", "kernel arguments"},
	[QB_PROVISION_SYSCTL] = {"sysctl", "/etc/sysctl.d/quietbench.conf"},
	[QB_PROVISION_TMPFILES] = {"tmpfiles", "/etc/tmpfiles.d/quietbench.conf"},
	[QB_PROVISION_UNIT] = {"unit", "units of systemd"},
	[QB_PROVISION_MASK] = {"mask", "masked timers"},
};

const char *qb_provision_kind_name(enum qb_provision_kind kind)
{
	return kinds[kind].name;
}

const char *qb_provision_kind_where(enum qb_provision_kind kind)
{
	return kinds[kind].where;
}
