/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of all levers (lever.h). The record, doctor, plan, the monitor's judge and the manual
 * read it.
 *
 * Ranks (levers.md §13).
 * Apply: rivals 10–12 (irqbalance, units), siblings 20, memory 30–33, clock 40–49, the kernel's own
 * work 50–55, interrupts and packets 60–62, groups and partition 70–79, threads 80–81, cache 82,
 * freeze 85, idle states 90, actions 95.
 * Restore: thaw 5, idle states 10–12, cache 15, partition and groups 20–29, siblings 30, the kernel's
 * own work 35–39, packets and interrupts 40–42, clock 50–59 (turbo, perf_pct, governor, limits, EPP, EPB:
 * each later one is changed by an earlier; uncore by itself), memory 60–66, threads 80, rivals 90–91
 * (timers may fire at once when they run again), compaction 95 (putting it back starts one), sleep 96.
 * A group goes before its CPUs are cleared, which the kernel refuses as long as anybody is in it.
 */
#include <levers/frequency.h>
#include <levers/idle.h>
#include <levers/irqs.h>
#include <levers/isolation.h>
#include <levers/services.h>
#include <quietbench/lever.h>

#define POLICY(file) "/sys/devices/system/cpu/cpufreq/policy%u/" file
#define CPU(file)    "/sys/devices/system/cpu/cpu%u/" file
#define UNCORE(file) "/sys/devices/system/cpu/intel_uncore_frequency/%s/" file

/* clang-format off */
#define NUMBER(low, high) {QB_VALUE_NUMBER, (low), (high), NULL}
#define WORD(words)       {QB_VALUE_WORD, 0, 0, (words)}
#define MASK              {QB_VALUE_MASK, 0, 0, NULL}
#define LIST              {QB_VALUE_LIST, 0, 0, NULL}
#define TEXT              {QB_VALUE_TEXT, 0, 0, NULL}
#define KEY(id) .key = QB_KEY_##id
#define SAFE .risk = QB_RISK_SAFE
#define DISRUPTIVE .risk = QB_RISK_DISRUPTIVE
/* A key whose lever this version does not have. */
#define LATER(id, words) {KEY(id), .part = "", .text = (words), .where = QB_LEVER_LATER}
/* A lever that the benchmark's own process applies to itself before exec. */
#define CHILD(id, words) {KEY(id), .part = "", .text = (words), .where = QB_LEVER_CHILD, .spec = TEXT}

const struct qb_lever qb_levers[QB_LEVER_COUNT] = {
[QB_LEVER_GOVERNOR] = {KEY(FREQUENCY_GOVERNOR), .part = "", SAFE, .coupled = true,
	.text = "the cpufreq governor of every policy; performance costs power",
	.unit = QB_UNIT_POLICY, .path = POLICY("scaling_governor"),
	.spec = WORD(NULL), .apply = 40, .restore = 53, .ops = &qb_governor_ops},
[QB_LEVER_TUNABLE] = {KEY(FREQUENCY_GOVERNOR), .part = "", SAFE, .coupled = true,
	.text = "what somebody tuned a governor with; remembered, because the kernel forgets it",
	.unit = QB_UNIT_NAMED, .path = "/sys/devices/system/cpu/cpufreq/%s/%s",
	.spec = TEXT, .apply = 40, .restore = 54},
[QB_LEVER_POLICY_TUNABLE] = {KEY(FREQUENCY_GOVERNOR), .part = "", SAFE, .coupled = true,
	.text = "the same, of the governor of one policy",
	.unit = QB_UNIT_NAMED, .path = "/sys/devices/system/cpu/cpufreq/%s/%s/%s",
	.spec = TEXT, .apply = 40, .restore = 54},
[QB_LEVER_NO_TURBO] = {KEY(FREQUENCY_TURBO), .part = "no_turbo", SAFE, .coupled = true,
	.text = "turbo off under intel_pstate",
	.unit = QB_UNIT_HOST, .path = "/sys/devices/system/cpu/intel_pstate/no_turbo",
	.spec = NUMBER(0, 1), .apply = 41, .restore = 50},
[QB_LEVER_BOOST] = {KEY(FREQUENCY_TURBO), .part = "boost", SAFE, .coupled = true,
	.text = "turbo of all policies (acpi-cpufreq, amd-pstate, cppc_cpufreq)",
	.unit = QB_UNIT_HOST, .path = "/sys/devices/system/cpu/cpufreq/boost",
	.spec = NUMBER(0, 1), .apply = 41, .restore = 50},
[QB_LEVER_POLICY_BOOST] = {KEY(FREQUENCY_TURBO), .part = "boost", SAFE, .coupled = true,
	.text = "turbo of one policy; a global switch sets them all, so they come back after it",
	.unit = QB_UNIT_POLICY, .path = POLICY("boost"),
	.spec = NUMBER(0, 1), .apply = 42, .restore = 51},
[QB_LEVER_MAX_PERF_PCT] = {KEY(FREQUENCY_RANGE), .part = "max_perf_pct", SAFE, .coupled = true,
	.text = "intel_pstate's upper limit; remembered, because no_turbo moves it",
	.unit = QB_UNIT_HOST, .path = "/sys/devices/system/cpu/intel_pstate/max_perf_pct",
	.spec = NUMBER(0, 100), .apply = 43, .restore = 52},
[QB_LEVER_MIN_PERF_PCT] = {KEY(FREQUENCY_RANGE), .part = "min_perf_pct", SAFE, .coupled = true,
	.text = "intel_pstate's lower limit; no_turbo squashes it for good",
	.unit = QB_UNIT_HOST, .path = "/sys/devices/system/cpu/intel_pstate/min_perf_pct",
	.spec = NUMBER(0, 100), .apply = 43, .restore = 52},
[QB_LEVER_MAX_FREQ] = {KEY(FREQUENCY_RANGE), .part = "max", SAFE, .coupled = true,
	.text = "the highest clock of a policy",
	.unit = QB_UNIT_POLICY, .path = POLICY("scaling_max_freq"),
	.spec = NUMBER(1000, 20000000), .apply = 44, .restore = 54, .ops = &qb_limit_ops},
[QB_LEVER_MIN_FREQ] = {KEY(FREQUENCY_RANGE), .part = "min", SAFE, .coupled = true,
	.text = "the lowest clock of a policy",
	.unit = QB_UNIT_POLICY, .path = POLICY("scaling_min_freq"),
	.spec = NUMBER(1000, 20000000), .apply = 44, .restore = 54, .ops = &qb_limit_ops},
[QB_LEVER_EPP] = {KEY(FREQUENCY_EPP), .part = "", SAFE, .coupled = true,
	.text = "energy performance preference (Intel HWP, amd-pstate); the governor moves it",
	.unit = QB_UNIT_POLICY, .path = POLICY("energy_performance_preference"),
	.spec = WORD(NULL), .apply = 45, .restore = 56, .ops = &qb_epp_ops},

[QB_LEVER_IRQBALANCE_BAN] = {KEY(IRQS_IRQBALANCE), .part = "ban", SAFE,
	.text = "irqbalance is told, through its socket, to keep off the benchmark's CPUs",
	.unit = QB_UNIT_HOST, .spec = TEXT, .apply = 10, .restore = 90,
	.ops = &qb_irqbalance_ban_ops},
[QB_LEVER_IRQBALANCE_STOP] = {KEY(IRQS_IRQBALANCE), .part = "stop", DISRUPTIVE,
	.text = "irqbalance.service is stopped for the run",
	.unit = QB_UNIT_HOST, .spec = WORD(QB_SERVICE_INACTIVE), .apply = 10, .restore = 90,
	.ops = &qb_irqbalance_stop_ops},
[QB_LEVER_IRQ_DEFAULT] = {KEY(IRQS_MOVE), .part = "default", SAFE,
	.text = "where interrupts activated during the run go",
	.unit = QB_UNIT_HOST, .path = "/proc/irq/default_smp_affinity",
	.spec = MASK, .apply = 60, .restore = 41},
[QB_LEVER_IRQ] = {KEY(IRQS_MOVE), .part = "", SAFE,
	.text = "the CPUs of one interrupt; kernel-managed ones stay",
	.unit = QB_UNIT_IRQ, .path = "/proc/irq/%u/smp_affinity",
	.spec = MASK, .apply = 61, .restore = 40, .ops = &qb_irq_ops},

[QB_LEVER_SLICE] = {KEY(CPUS_ISOLATION), .part = "slice", DISRUPTIVE,
	.text = "systemd's own slice for the benchmark's CPUs, where systemd owns the groups",
	.unit = QB_UNIT_HOST, .spec = TEXT, .apply = 70, .restore = 25,
	.ops = &qb_isolation_slice_ops},
[QB_LEVER_CONTROLLER] = {KEY(CPUS_ISOLATION), .part = "controller", DISRUPTIVE,
	.text = "the cpuset controller of the root group",
	.unit = QB_UNIT_HOST, .spec = WORD("on off"), .apply = 70, .restore = 25,
	.ops = &qb_isolation_controller_ops},
[QB_LEVER_GROUP] = {KEY(CPUS_ISOLATION), .part = "group", SAFE,
	.text = "the run's control group",
	.unit = QB_UNIT_HOST, .spec = WORD("absent present"), .apply = 71, .restore = 22,
	.ops = &qb_isolation_group_ops},
[QB_LEVER_GROUP_CPUS] = {KEY(CPUS_ISOLATION), .part = "cpuset.cpus", DISRUPTIVE,
	.text = "the CPUs of the run's group",
	.unit = QB_UNIT_HOST, .spec = LIST, .apply = 72, .restore = 23,
	.ops = &qb_isolation_group_cpus_ops},
[QB_LEVER_PARTITION] = {KEY(CPUS_ISOLATION), .part = "partition", DISRUPTIVE,
	.text = "the run's CPUs leave everybody else's scheduling domain (cgroup v2)",
	.unit = QB_UNIT_HOST, .spec = WORD("member root isolated"), .apply = 73, .restore = 20,
	.ops = &qb_isolation_partition_ops},
[QB_LEVER_SHIELD] = {KEY(CPUS_ISOLATION), .part = "shield", DISRUPTIVE,
	.text = "two cpusets, the benchmark's and everybody else's (cgroup v1)",
	.unit = QB_UNIT_HOST, .spec = WORD("absent present"), .apply = 70, .restore = 24,
	.ops = &qb_isolation_shield_ops},
[QB_LEVER_SHIELD_CPUS] = {KEY(CPUS_ISOLATION), .part = "cpuset.cpus", DISRUPTIVE,
	.text = "the CPUs of a cpuset",
	.unit = QB_UNIT_HOST, .spec = LIST, .apply = 71, .restore = 25,
	.ops = &qb_isolation_shield_file_ops},
[QB_LEVER_SHIELD_MEMS] = {KEY(CPUS_ISOLATION), .part = "cpuset.mems", DISRUPTIVE,
	.text = "the memory nodes of a cpuset: all that the root has",
	.unit = QB_UNIT_HOST, .spec = LIST, .apply = 72, .restore = 25,
	.ops = &qb_isolation_shield_file_ops},
[QB_LEVER_SHIELD_EXCLUSIVE] = {KEY(CPUS_ISOLATION), .part = "cpuset.cpu_exclusive", DISRUPTIVE,
	.text = "no other cpuset beside may have these CPUs",
	.unit = QB_UNIT_HOST, .spec = NUMBER(0, 1), .apply = 73, .restore = 22,
	.ops = &qb_isolation_shield_file_ops},
[QB_LEVER_LOAD_BALANCE] = {KEY(CPUS_ISOLATION), .part = "sched_load_balance", DISRUPTIVE,
	.text = "one scheduling domain over all CPUs: off, so that each cpuset has its own",
	.unit = QB_UNIT_HOST, .spec = NUMBER(0, 1), .apply = 74, .restore = 21,
	.ops = &qb_isolation_load_balance_ops},
[QB_LEVER_TASK_GROUP] = {KEY(CPUS_ISOLATION), .part = "cpuset", DISRUPTIVE,
	.text = "which cpuset a thread is in (cgroup v1)",
	.unit = QB_UNIT_TASK, .spec = TEXT, .apply = 80, .restore = 23,
	.ops = &qb_isolation_task_group_ops},
[QB_LEVER_TASK_AFFINITY] = {KEY(CPUS_ISOLATION), .part = "", DISRUPTIVE,
	.text = "the CPUs a thread may run on; the kernel forgets them when groups change",
	.unit = QB_UNIT_TASK, .spec = MASK, .apply = 81, .restore = 80,
	.ops = &qb_isolation_task_affinity_ops},

[QB_LEVER_SERVICES_STOP] = {KEY(SERVICES_STOP), .part = "", DISRUPTIVE,
	.text = "a service, timer, socket or path unit is stopped for the run, if it is active",
	.unit = QB_UNIT_NAMED, .spec = WORD(QB_SERVICE_INACTIVE), .apply = 11, .restore = 91,
	.ops = &qb_services_stop_ops},
[QB_LEVER_SERVICES_FREEZE] = {KEY(SERVICES_FREEZE), .part = "", DISRUPTIVE,
	.text = "a service or scope is frozen for the run, if it is active",
	.unit = QB_UNIT_NAMED, .spec = WORD(QB_SERVICE_FROZEN), .apply = 85, .restore = 5,
	.ops = &qb_services_freeze_ops},
[QB_LEVER_INHIBIT] = {KEY(SERVICES_INHIBIT), .part = "", DISRUPTIVE,
	.text = "logind holds off sleep and shutdown for the run",
	.unit = QB_UNIT_HOST, .spec = WORD(QB_LOGIND_WHAT), .apply = 12, .restore = 96,
	.ops = &qb_services_inhibit_ops},

[QB_LEVER_PROCESS_PIN] = CHILD(PROCESS_PIN, "the benchmark runs on its CPUs only"),
[QB_LEVER_PROCESS_POLICY] = CHILD(PROCESS_POLICY, "the benchmark's scheduling policy"),
[QB_LEVER_PROCESS_NICE] = CHILD(PROCESS_NICE, "the benchmark's nice value"),
[QB_LEVER_PROCESS_ASLR] = CHILD(PROCESS_ASLR, "a fixed memory layout, for the benchmark alone"),
[QB_LEVER_PROCESS_NUMA] = CHILD(PROCESS_NUMA, "memory from the nodes of the benchmark's CPUs"),

/* Siblings or a package may share the register: one write is seen by all of them. */
[QB_LEVER_EPB] = {KEY(FREQUENCY_EPB), .part = "", SAFE, .coupled = true,
	.text = "the energy performance bias (Intel); without an EPP register, EPP is kept in it",
	.unit = QB_UNIT_CPU, .path = CPU("power/energy_perf_bias"),
	.spec = NUMBER(0, 15), .apply = 46, .restore = 57},
/* With turbo: a change makes the driver set all its policies anew. */
[QB_LEVER_DYNAMIC_BOOST] = {KEY(FREQUENCY_DYNAMIC_BOOST), .part = "", SAFE,
	.text = "intel_pstate's boost of a CPU that waited for a device (active mode with HWP)",
	.unit = QB_UNIT_HOST, .path = "/sys/devices/system/cpu/intel_pstate/hwp_dynamic_boost",
	.spec = NUMBER(0, 1), .apply = 41, .restore = 50},
[QB_LEVER_UNCORE_MAX] = {KEY(FREQUENCY_UNCORE), .part = "max", DISRUPTIVE,
	.text = "the highest clock of caches and memory controller (Intel), for all its cores",
	.unit = QB_UNIT_NAMED, .path = UNCORE("max_freq_khz"),
	.spec = NUMBER(100000, 20000000), .apply = 48, .restore = 58},
[QB_LEVER_UNCORE_MIN] = {KEY(FREQUENCY_UNCORE), .part = "min", DISRUPTIVE,
	.text = "the lowest clock of caches and memory controller (Intel), for all its cores",
	.unit = QB_UNIT_NAMED, .path = UNCORE("min_freq_khz"),
	.spec = NUMBER(100000, 20000000), .apply = 48, .restore = 58},

[QB_LEVER_IDLE] = {KEY(IDLE_MAX_LATENCY), .part = "", SAFE,
	.text = "deep idle states off on the benchmark's cores; costs power",
	.unit = QB_UNIT_STATE, .path = CPU("cpuidle/state%u/disable"),
	.spec = NUMBER(0, 1), .apply = 90, .restore = 10},
[QB_LEVER_RESUME_LATENCY] = {KEY(IDLE_RESUME_LATENCY), .part = "", SAFE,
	.text = "the wake-up latency of the benchmark's CPUs; the kernel writes none at all as n/a",
	.unit = QB_UNIT_CPU, .path = CPU("power/pm_qos_resume_latency_us"),
	.spec = TEXT, .apply = 90, .restore = 11, .ops = &qb_resume_latency_ops},
[QB_LEVER_DMA_LATENCY] = {KEY(IDLE_DMA_LATENCY), .part = "", DISRUPTIVE, .held = true,
	.text = "the wake-up latency of all CPUs; the kernel forgets it when the monitor ends",
	.unit = QB_UNIT_HOST, .spec = WORD(NULL), .apply = 90, .restore = 12,
	.ops = &qb_dma_latency_ops},

[QB_LEVER_WATCHDOG] = LATER(KERNEL_WATCHDOG, "both lockup detectors"),
[QB_LEVER_NMI_WATCHDOG] = LATER(KERNEL_NMI_WATCHDOG, "the hard lockup detector off"),
[QB_LEVER_SOFT_WATCHDOG] = LATER(KERNEL_SOFT_WATCHDOG, "the soft lockup detector off"),
[QB_LEVER_WATCHDOG_CPUS] = LATER(KERNEL_WATCHDOG_CPUS,
	"the lockup detectors on the housekeeping CPUs"),
[QB_LEVER_TIMER_MIGRATION] = LATER(KERNEL_TIMER_MIGRATION, "timers stay where they were started"),
[QB_LEVER_WORKQUEUES] = LATER(KERNEL_WORKQUEUES, "unbound kernel work on the housekeeping CPUs"),
[QB_LEVER_STAT_INTERVAL] = LATER(KERNEL_STAT_INTERVAL, "memory statistics less often"),
[QB_LEVER_AUTOGROUP] = LATER(KERNEL_AUTOGROUP, "one share of the CPU per session"),
[QB_LEVER_NETWORK] = LATER(IRQS_NETWORK, "packets are handled on the housekeeping CPUs"),
[QB_LEVER_PARANOID] = LATER(PERF_PARANOID, "who may use perf"),
[QB_LEVER_KPTR_RESTRICT] = LATER(PERF_KPTR_RESTRICT, "who may see kernel addresses"),
[QB_LEVER_SAMPLE_RATE] = LATER(PERF_MAX_SAMPLE_RATE, "perf's sampling rate"),
[QB_LEVER_CPU_PERCENT] = LATER(PERF_CPU_PERCENT, "how much of a CPU perf may take"),

[QB_LEVER_THP] = LATER(MEMORY_THP, "transparent huge pages"),
[QB_LEVER_THP_DEFRAG] = LATER(MEMORY_THP_DEFRAG, "who waits for a huge page"),
[QB_LEVER_THP_SHMEM] = LATER(MEMORY_THP_SHMEM, "huge pages of shared memory"),
[QB_LEVER_KSM] = LATER(MEMORY_KSM, "merging of equal pages"),
[QB_LEVER_NUMA_BALANCING] = LATER(MEMORY_NUMA_BALANCING, "automatic page migration"),
[QB_LEVER_COMPACTION] = LATER(MEMORY_COMPACTION, "compaction of free memory"),
[QB_LEVER_ZONE_RECLAIM] = LATER(MEMORY_ZONE_RECLAIM, "reclaim on the own node first"),
[QB_LEVER_DIRTY_RATIO] = LATER(MEMORY_DIRTY_RATIO, "when writers wait for the disk"),
[QB_LEVER_DIRTY_BACKGROUND_RATIO] = LATER(MEMORY_DIRTY_BACKGROUND_RATIO,
	"when writing back begins"),
[QB_LEVER_DROP_CACHES] = LATER(MEMORY_DROP_CACHES, "cached files are forgotten once"),
[QB_LEVER_PROCESS_LOCK] = LATER(PROCESS_LOCK, "the benchmark's memory is not swapped out"),

[QB_LEVER_CACHE_L3] = LATER(CACHE_L3, "a part of the L3 cache for the benchmark alone"),
[QB_LEVER_SMT_OFFLINE] = LATER(CPUS_SMT, "the benchmark's siblings offline"),
[QB_LEVER_CORE_SCHED] = LATER(PROCESS_CORE_SCHED, "nobody else on the siblings"),
[QB_LEVER_CHECK] = LATER(CHECK_DURATION, "the noise check before the run"),
};
/* clang-format on */
