/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/plan.h>
#include <errno.h>
#include <levers/smt.h>

/* For doctor: every lever, with a value that differs from most hosts' own. */
static const struct {
	enum qb_key key;
	const char *value;
} wishes[] = {
	{QB_KEY_CPUS_SMT, "offline"},
	{QB_KEY_CPUS_ISOLATION, "auto"},
	{QB_KEY_FREQUENCY_GOVERNOR, "performance"},
	{QB_KEY_FREQUENCY_TURBO, "false"},
	{QB_KEY_FREQUENCY_RANGE, "base"},
	{QB_KEY_FREQUENCY_EPP, "performance"},
	{QB_KEY_FREQUENCY_EPB, "0"},
	{QB_KEY_FREQUENCY_DYNAMIC_BOOST, "false"},
	{QB_KEY_FREQUENCY_UNCORE, "max"},
	{QB_KEY_IDLE_MAX_LATENCY, "10us"},
	{QB_KEY_IDLE_RESUME_LATENCY, "10us"},
	{QB_KEY_IDLE_DMA_LATENCY, "10us"},
	{QB_KEY_IRQS_MOVE, "true"},
	{QB_KEY_IRQS_IRQBALANCE, "ban"},
	{QB_KEY_IRQS_NETWORK, "housekeeping"},
	{QB_KEY_KERNEL_NMI_WATCHDOG, "false"},
	{QB_KEY_KERNEL_WATCHDOG, "false"},
	{QB_KEY_KERNEL_SOFT_WATCHDOG, "false"},
	{QB_KEY_KERNEL_WATCHDOG_CPUS, "housekeeping"},
	{QB_KEY_KERNEL_TIMER_MIGRATION, "false"},
	{QB_KEY_KERNEL_WORKQUEUES, "housekeeping"},
	{QB_KEY_KERNEL_STAT_INTERVAL, "120s"},
	{QB_KEY_KERNEL_AUTOGROUP, "false"},
	{QB_KEY_MEMORY_THP, "never"},
	{QB_KEY_MEMORY_THP_DEFRAG, "never"},
	{QB_KEY_MEMORY_THP_SHMEM, "never"},
	{QB_KEY_MEMORY_KSM, "false"},
	{QB_KEY_MEMORY_NUMA_BALANCING, "false"},
	{QB_KEY_MEMORY_COMPACTION, "0"},
	{QB_KEY_MEMORY_ZONE_RECLAIM, "0"},
	{QB_KEY_MEMORY_DIRTY_RATIO, "10"},
	{QB_KEY_MEMORY_DIRTY_BACKGROUND_RATIO, "5"},
	{QB_KEY_MEMORY_DROP_CACHES, "true"},
	{QB_KEY_PROCESS_PIN, "true"},
	{QB_KEY_PROCESS_ASLR, "false"},
	{QB_KEY_PROCESS_NUMA, "bind"},
	{QB_KEY_PROCESS_LOCK, "true"},
	{QB_KEY_CACHE_L3, "50%"},
	{QB_KEY_SERVICES_STOP, "[cron.service]"},
	{QB_KEY_SERVICES_FREEZE, "[cron.service]"},
	{QB_KEY_SERVICES_INHIBIT, "true"},
	{QB_KEY_PERF_PARANOID, "2"},
	{QB_KEY_PERF_KPTR_RESTRICT, "0"},
	{QB_KEY_PERF_MAX_SAMPLE_RATE, "100000"},
	{QB_KEY_PERF_CPU_PERCENT, "25"},
	{QB_KEY_PROCESS_CORE_SCHED, "true"},
};

int qb_plan_wish_everything(struct qb_profile *profile, struct qb_error *err)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(wishes); i++) {
		int r = qb_setting_parse(
			wishes[i].key, wishes[i].value, &profile->set[wishes[i].key], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static void topology_cleanup(struct qb_topology *topology)
{
	free(topology->pus);
}

/*
 * ---- captured hosts ----
 *
 * What is not there may be missing in the capture alone. A family's own folder tells: where it was
 * captured, what is not in it is not on that host.
 */

#define CPU_DIR "/sys/devices/system/cpu"

/* For keys whose levers' paths do not say where they would be seen. */
static const struct {
	enum qb_key key;
	const char *seen_by;
} seen_by[] = {
	{QB_KEY_IDLE_MAX_LATENCY, CPU_DIR "/cpuidle"},
	{QB_KEY_IDLE_RESUME_LATENCY, CPU_DIR "/cpuidle"},
	{QB_KEY_IDLE_DMA_LATENCY, CPU_DIR "/cpuidle"},
	{QB_KEY_FREQUENCY_EPB, CPU_DIR "/cpu0/power"},
	{QB_KEY_FREQUENCY_DYNAMIC_BOOST, CPU_DIR "/cpufreq"},
	{QB_KEY_CACHE_L3, "/proc/filesystems"},
	{QB_KEY_PROCESS_LOCK, "/proc/self/mountinfo"},
	{QB_KEY_IRQS_IRQBALANCE, "/run"},
	{QB_KEY_IRQS_NETWORK, "/sys/class/net"},
	{QB_KEY_SERVICES_STOP, "/run"},
	{QB_KEY_SERVICES_FREEZE, "/run"},
	{QB_KEY_SERVICES_INHIBIT, "/run"},
};

/* The folder in which this lever would be seen; "": it is none that can be missing. */
static void find_folder(const struct qb_lever *lever, char *buf, size_t size)
{
	char *end;

	buf[0] = '\0';
	for (size_t i = 0; i < QB_ARRAY_SIZE(seen_by); i++)
		if (seen_by[i].key == lever->key) {
			qb_text_copy(buf, size, seen_by[i].seen_by);
			return;
		}
	if (!lever->path || !qb_text_copy(buf, size, lever->path))
		return;
	buf[strcspn(buf, "%")] = '\0';
	end = strrchr(buf, '/');
	if (end)
		*end = '\0';
}

/* Kernels before 4.3 have the clock of each CPU apart. */
static bool is_captured(const char *folder)
{
	return qb_file_exists(folder) ||
	       (strcmp(folder, CPU_DIR "/cpufreq") == 0 && qb_file_exists(CPU_DIR "/cpu0/cpufreq"));
}

static int tell_unknown(struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];
		char folder[192], text[256];

		/* Neither planned nor read: refused. */
		if (step->before || step->wanted || !step->reason)
			continue;
		find_folder(&qb_levers[step->lever], folder, sizeof(folder));
		if (!folder[0] || is_captured(folder))
			continue;
		qb_text_format(text, sizeof(text), "unknown: this captured host has no %s", folder);
		step->status = QB_STATUS_UNSUPPORTED;
		step->reason = qb_steps_text(steps, text);
		if (!step->reason)
			return -ENOMEM;
	}
	return 0;
}

int qb_plan_make(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	static int (*const families[])(
		const struct qb_wish *, struct qb_steps *, struct qb_error *) = {qb_frequency_plan,
		qb_uncore_plan, qb_isolation_plan, qb_irqs_plan, qb_network_plan, qb_kernel_plan,
		qb_memory_plan, qb_cache_plan, qb_idle_plan, qb_process_plan, qb_services_plan};
	_cleanup_(topology_cleanup) struct qb_topology left = {0};
	const struct qb_wish rest = {wish->profile, &left, wish->selection, wish->captured};
	int r = qb_smt_plan(wish, steps, err);

	if (r == 0)
		r = qb_smt_without(wish->topology, &wish->selection->offline, &left, err);
	for (size_t i = 0; i < QB_ARRAY_SIZE(families) && r == 0; i++)
		r = families[i](&rest, steps, err);
	if (r == 0 && wish->captured && tell_unknown(steps) < 0)
		return qb_error_errno(err, ENOMEM, "plan on a captured host");
	return r;
}
