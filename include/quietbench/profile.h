/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A profile: what a user wishes of the host, every key of the contract in one table.
 *
 * QB_PROFILE_KEYS is the only list of keys. It generates the parser, the bounds, `-s KEY=VALUE`,
 * `--require`, `profile show` and the manual. A row:
 *
 *	X(ENUM, "section.key", TYPE, min, max, "choices", "default", "one line of help")
 *
 * A setting holds exactly one of: nothing, a word (keep, auto, …), a number in the unit of its
 * type, a list of words, or a range. Fixed size, no ownership: copy it. A loaded profile
 * (core/profile.h) has its defaults filled in; what may be left unset there is
 *
 *	cpus.list     no list was given
 *	cpus.count    a list was given and no count with it: all of the list. A count with a list
 *	              is "that many of the list".
 */
#ifndef QUIETBENCH_PROFILE_H
#define QUIETBENCH_PROFILE_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>

enum qb_key_type {
	QB_KEY_BOOL,	  /* number 0 or 1; `keep` allowed when choices say so */
	QB_KEY_NUMBER,	  /* number */
	QB_KEY_DURATION,  /* number, ns */
	QB_KEY_PERCENT,	  /* number, millionths */
	QB_KEY_WORD,	  /* text, one of choices; any word when choices is "" */
	QB_KEY_CPULIST,	  /* text, kernel list */
	QB_KEY_WORDS,	  /* n words in text, each ended by NUL */
	QB_KEY_FREQUENCY, /* frequency.range: word base|max|keep, or {min, max} in kHz */
};

/* `choices` of a typed key are words allowed beside the typed value (keep, auto, max, all). */
/* clang-format off */
#define QB_PROFILE_KEYS(X) \
	X(CPUS_COUNT, "cpus.count", NUMBER, 1, 8192, "max all", "1", "how many CPUs (cores, when smt is idle) the benchmark gets") \
	X(CPUS_LIST, "cpus.list", CPULIST, 0, 0, "", "", "exactly these CPUs, instead of a count") \
	X(CPUS_KIND, "cpus.kind", WORD, 0, 0, "performance efficiency any", "performance", "which kind of core on a hybrid machine") \
	X(CPUS_WITHIN, "cpus.within", WORD, 0, 0, "core l3 package node any", "l3", "keep several CPUs together; falls back outwards and says so") \
	X(CPUS_NODE, "cpus.node", NUMBER, 0, 1023, "auto", "auto", "NUMA node to choose from") \
	X(CPUS_AVOID, "cpus.avoid", WORDS, 0, 0, "boot-cpu", "[boot-cpu]", "CPUs never chosen: boot-cpu") \
	X(CPUS_SMT, "cpus.smt", WORD, 0, 0, "idle share offline", "idle", "what becomes of the benchmark's SMT siblings") \
	X(CPUS_ISOLATION, "cpus.isolation", WORD, 0, 0, "auto partition shield affinity none", "auto", "how other tasks are kept off the benchmark's CPUs") \
	X(CPUS_EXEMPT, "cpus.exempt", WORDS, 0, 0, "", "[sshd]", "processes never moved (PID 1 never is)") \
	X(FREQUENCY_GOVERNOR, "frequency.governor", WORD, 0, 0, "", "keep", "cpufreq governor of every policy") \
	X(FREQUENCY_TURBO, "frequency.turbo", BOOL, 0, 1, "keep", "keep", "clock above the base frequency") \
	X(FREQUENCY_RANGE, "frequency.range", FREQUENCY, 1000, 20000000, "base max keep", "keep", "lowest and highest clock") \
	X(FREQUENCY_EPP, "frequency.epp", WORD, 0, 0, "", "keep", "energy performance preference") \
	X(FREQUENCY_EPB, "frequency.epb", NUMBER, 0, 15, "keep", "keep", "energy performance bias: 0 performance, 15 power saving") \
	X(FREQUENCY_DYNAMIC_BOOST, "frequency.dynamic_boost", BOOL, 0, 1, "keep", "keep", "intel_pstate raises the clock of a CPU that waited for a device") \
	X(FREQUENCY_UNCORE, "frequency.uncore", FREQUENCY, 100000, 20000000, "max keep", "keep", "lowest and highest clock of caches and memory controller") \
	X(IDLE_MAX_LATENCY, "idle.max_latency", DURATION, 0, 1000000000, "keep", "keep", "deepest idle state by wake-up latency") \
	X(IDLE_RESUME_LATENCY, "idle.resume_latency", DURATION, 0, 1000000000, "keep", "keep", "wake-up latency the benchmark's CPUs may have, asked of the kernel") \
	X(IDLE_DMA_LATENCY, "idle.dma_latency", DURATION, 0, 1000000000, "keep", "keep", "the same for every CPU of the host") \
	X(IRQS_MOVE, "irqs.move", BOOL, 0, 1, "", "false", "move interrupts to the housekeeping CPUs") \
	X(IRQS_IRQBALANCE, "irqs.irqbalance", WORD, 0, 0, "ban stop keep", "keep", "what irqbalance is told about the benchmark's CPUs") \
	X(IRQS_NETWORK, "irqs.network", WORD, 0, 0, "housekeeping keep", "keep", "which CPUs handle packets (RPS, XPS)") \
	X(KERNEL_NMI_WATCHDOG, "kernel.nmi_watchdog", BOOL, 0, 1, "keep", "keep", "hard lockup detector: costs a PMU counter and an NMI") \
	X(KERNEL_WATCHDOG, "kernel.watchdog", BOOL, 0, 1, "keep", "keep", "both lockup detectors") \
	X(KERNEL_SOFT_WATCHDOG, "kernel.soft_watchdog", BOOL, 0, 1, "keep", "keep", "soft lockup detector: a thread that wakes on every CPU") \
	X(KERNEL_WATCHDOG_CPUS, "kernel.watchdog_cpus", WORD, 0, 0, "housekeeping keep", "keep", "which CPUs the lockup detectors watch") \
	X(KERNEL_TIMER_MIGRATION, "kernel.timer_migration", BOOL, 0, 1, "keep", "keep", "may timers move to other CPUs") \
	X(KERNEL_WORKQUEUES, "kernel.workqueues", WORD, 0, 0, "housekeeping keep", "keep", "where unbound kernel work runs") \
	X(KERNEL_STAT_INTERVAL, "kernel.stat_interval", DURATION, 1000000000, 3600000000000, "keep", "keep", "how often memory statistics are gathered") \
	X(KERNEL_AUTOGROUP, "kernel.autogroup", BOOL, 0, 1, "keep", "keep", "one share of the CPU per session: nice counts only within it") \
	X(MEMORY_THP, "memory.thp", WORD, 0, 0, "always madvise never keep", "keep", "transparent huge pages") \
	X(MEMORY_THP_DEFRAG, "memory.thp_defrag", WORD, 0, 0, "always defer defer+madvise madvise never keep", "keep", "which programs wait for a huge page to be made") \
	X(MEMORY_THP_SHMEM, "memory.thp_shmem", WORD, 0, 0, "always within_size advise never deny force keep", "keep", "huge pages for shared memory") \
	X(MEMORY_KSM, "memory.ksm", BOOL, 0, 1, "keep", "keep", "merging of equal pages") \
	X(MEMORY_NUMA_BALANCING, "memory.numa_balancing", BOOL, 0, 1, "keep", "keep", "automatic page migration between nodes") \
	X(MEMORY_COMPACTION, "memory.compaction", NUMBER, 0, 100, "keep", "keep", "how eagerly free memory is made contiguous") \
	X(MEMORY_ZONE_RECLAIM, "memory.zone_reclaim", NUMBER, 0, 7, "keep", "keep", "reclaim on the own node before memory of another") \
	X(MEMORY_DIRTY_RATIO, "memory.dirty_ratio", NUMBER, 0, 100, "keep", "keep", "percent of memory that may wait to be written before writers wait") \
	X(MEMORY_DIRTY_BACKGROUND_RATIO, "memory.dirty_background_ratio", NUMBER, 0, 100, "keep", "keep", "percent of memory from which writing back begins") \
	X(MEMORY_DROP_CACHES, "memory.drop_caches", BOOL, 0, 1, "", "false", "forget cached files before the run") \
	X(PROCESS_PIN, "process.pin", BOOL, 0, 1, "", "true", "bind the benchmark to its CPUs") \
	X(PROCESS_POLICY, "process.policy", WORD, 0, 0, "other batch fifo rr", "other", "scheduling policy of the benchmark") \
	X(PROCESS_NICE, "process.nice", NUMBER, -20, 19, "", "0", "nice value of the benchmark") \
	X(PROCESS_ASLR, "process.aslr", BOOL, 0, 1, "keep", "keep", "address space randomisation of the benchmark alone") \
	X(PROCESS_NUMA, "process.numa", WORD, 0, 0, "bind preferred interleave keep", "keep", "where the benchmark's memory comes from") \
	X(PROCESS_LOCK, "process.lock", BOOL, 0, 1, "", "false", "keep the benchmark's memory from being swapped out") \
	X(PROCESS_CORE_SCHED, "process.core_sched", BOOL, 0, 1, "", "false", "no other task on the siblings while it runs (core scheduling)") \
	X(PERF_PARANOID, "perf.paranoid", NUMBER, -1, 4, "keep", "keep", "who may use perf") \
	X(PERF_KPTR_RESTRICT, "perf.kptr_restrict", NUMBER, 0, 2, "keep", "keep", "who may see kernel addresses") \
	X(PERF_MAX_SAMPLE_RATE, "perf.max_sample_rate", NUMBER, 1, 1000000, "keep", "keep", "perf samples per second") \
	X(PERF_CPU_PERCENT, "perf.cpu_percent", NUMBER, 0, 100, "keep", "keep", "how much of a CPU perf may take; 0: no limit") \
	X(CACHE_L3, "cache.l3", PERCENT, 10000, 900000, "keep", "keep", "share of the L3 cache for the benchmark alone (resctrl)") \
	X(SERVICES_STOP, "services.stop", WORDS, 0, 0, "", "[]", "units stopped during the run") \
	X(SERVICES_FREEZE, "services.freeze", WORDS, 0, 0, "", "[]", "units frozen during the run") \
	X(SERVICES_INHIBIT, "services.inhibit", BOOL, 0, 1, "", "false", "no sleep and no shutdown during the run (logind)") \
	X(CHECK_DURATION, "check.duration", DURATION, 0, 3600000000000, "", "0", "length of the preflight") \
	X(CHECK_PROBE, "check.probe", DURATION, 0, 1000000000, "", "0", "length of the probes of the CPUs right before and after the command") \
	X(CHECK_MAX_PREEMPTED, "check.max_preempted", PERCENT, 0, 1000000, "", "0.05%", "limit: time taken by other tasks") \
	X(CHECK_MAX_GAPS, "check.max_gaps", PERCENT, 0, 1000000, "", "0.5%", "limit: time taken by anything") \
	X(CHECK_MAX_GAP, "check.max_gap", DURATION, 0, 1000000000, "", "200us", "limit: longest single gap") \
	X(CHECK_MAX_STEAL, "check.max_steal", PERCENT, 0, 1000000, "", "0", "limit: time taken by the hypervisor") \
	X(CHECK_MAX_SPEED_DEVIATION, "check.max_speed_deviation", PERCENT, 0, 1000000, "", "0.5%", "limit: wander of the core's speed") \
	X(CHECK_ON_NOISE, "check.on_noise", WORD, 0, 0, "warn wait fail", "warn", "what a noisy preflight does") \
	X(CHECK_MAX_WAIT, "check.max_wait", DURATION, 0, 86400000000000, "", "1m", "with on_noise: wait, how long to wait for quiet before running all the same") \
	X(REQUIRE, "require", WORDS, 0, 0, "", "[]", "keys that must apply, or nothing runs")
/* clang-format on */

enum qb_key {
#define X(id, ...) QB_KEY_##id,
	QB_PROFILE_KEYS(X)
#undef X
		QB_KEY_COUNT
};

struct qb_key_info {
	const char *name;
	enum qb_key_type type;
	int64_t min, max;
	const char *choices; /* space-separated */
	const char *dflt;    /* as one would write it; "": stays unset */
	const char *help;
};
extern const struct qb_key_info qb_keys[QB_KEY_COUNT];

/* The key of this name, or -1. */
int qb_key_find(const char *name);
/* The known name most like `name` (few typing errors, or the right name without its section, or
 * with a wrong one), or NULL. */
const char *qb_key_nearest(const char *name);
/* "true, false or keep"; "a number from 0 to 15 or keep". */
void qb_key_describe(enum qb_key key, char *buf, size_t size);
/* "WHAT from MIN to MAX", with units. */
void qb_key_describe_bounds(enum qb_key key, const char *what, char *buf, size_t size);

#define QB_SETTING_TEXT	  512
#define QB_SETTING_FORMAT 1024

enum qb_setting_kind {
	QB_SETTING_UNSET,
	QB_SETTING_NUMBER,
	QB_SETTING_WORD, /* also keep, auto, max, all, base */
	QB_SETTING_WORDS,
	QB_SETTING_RANGE,
};

struct qb_setting {
	uint8_t kind;	/* enum qb_setting_kind */
	uint8_t n;	/* number of words */
	bool explicit_; /* written by somebody, not a default (qb_setting_parse: false) */
	int64_t number; /* or the lower end of a range */
	int64_t upper;
	char text[QB_SETTING_TEXT];
};

#define QB_PROFILE_NAME	       64
#define QB_PROFILE_FILE	       256
#define QB_PROFILE_DESCRIPTION 256

struct qb_profile {
	char name[QB_PROFILE_NAME];
	char file[QB_PROFILE_FILE]; /* where it was found, for people */
	char sha256[65];	    /* of that file's bytes, hex */
	char description[QB_PROFILE_DESCRIPTION];
	struct qb_setting set[QB_KEY_COUNT];
};

/* Is this setting the given word? `keep` when the key leaves the host alone. */
bool qb_setting_is(const struct qb_setting *setting, const char *word);
/* Walk a list of words: start with NULL; NULL at the end. */
const char *qb_setting_next(const struct qb_setting *setting, const char *word);
/* As one would write it on a line of YAML (lists in [], units restored): what qb_setting_parse
 * reads back as the same setting. "" when unset. QB_SETTING_FORMAT always suffices. */
void qb_setting_format(enum qb_key key, const struct qb_setting *setting, char *buf, size_t size);

/*
 * Judge one value as written ("true", "2.4GHz", "{min: 2GHz, max: 3GHz}", "[sshd, cron]") and
 * store it. The same judge serves profiles, `-s` and the defaults; here the brackets of a list may
 * be left out ("sshd,cron"). 0 or -EINVAL/-ERANGE with the key, what was expected and what was
 * found; *ret is untouched then. (Needs libyaml; the other functions of this header do not.)
 */
int qb_setting_parse(
	enum qb_key key, const char *text, struct qb_setting *ret, struct qb_error *err);

#endif
