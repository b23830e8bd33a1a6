/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Levers: what can be read, set and put back on a host. One table of all (src/levers/table.c).
 *
 * A row is one attribute; several rows may serve one profile key (`frequency.turbo` is no_turbo
 * under intel_pstate, `boost` under acpi-cpufreq). In reports a lever bears its key's name
 * everywhere. Most rows need no code: `path` and `spec` say all.
 *
 * The monitor's judge (qb_lever_judge) trusts nobody: a step is accepted only if its lever can be
 * written, its unit exists on this host now, and its value fits the specification.
 *
 * Ranks: steps are applied in ascending `apply` and undone in ascending `restore`
 * (levers.md §13; where order within a family matters the row says why).
 */
#ifndef QUIETBENCH_LEVER_H
#define QUIETBENCH_LEVER_H

#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>
#include <quietbench/value.h>

enum qb_lever_id {
	/* frequency: src/levers/frequency.c */
	QB_LEVER_GOVERNOR,
	QB_LEVER_TUNABLE, /* of a governor: lost while no policy has it */
	QB_LEVER_POLICY_TUNABLE,
	QB_LEVER_NO_TURBO,
	QB_LEVER_BOOST,
	QB_LEVER_POLICY_BOOST,
	QB_LEVER_MIN_PERF_PCT,
	QB_LEVER_MAX_PERF_PCT,
	QB_LEVER_MAX_FREQ,
	QB_LEVER_MIN_FREQ,
	QB_LEVER_EPP,
	/* interrupts: src/levers/irqs.c */
	QB_LEVER_IRQBALANCE_BAN,
	QB_LEVER_IRQBALANCE_STOP,
	QB_LEVER_IRQ_DEFAULT,
	QB_LEVER_IRQ,
	/* isolation: src/levers/isolation.c */
	QB_LEVER_SLICE,	     /* systemd: quietbench.slice with AllowedCPUs */
	QB_LEVER_CONTROLLER, /* root cgroup.subtree_control, +cpuset */
	QB_LEVER_GROUP,	     /* the run's cgroup: absent | present */
	QB_LEVER_GROUP_CPUS, /* its cpuset.cpus */
	QB_LEVER_PARTITION,  /* cpuset.cpus.partition: member | root | isolated */
	QB_LEVER_SHIELD,     /* v1: the housekeeping cpuset: absent | present */
	QB_LEVER_SHIELD_CPUS,
	QB_LEVER_SHIELD_MEMS,
	QB_LEVER_SHIELD_EXCLUSIVE, /* v1: the benchmark's cpuset.cpu_exclusive */
	QB_LEVER_LOAD_BALANCE,	   /* v1: root's cpuset.sched_load_balance */
	QB_LEVER_TASK_GROUP,	   /* v1: a thread's cpuset */
	QB_LEVER_TASK_AFFINITY,	   /* a thread's mask; coupled under a partition */
	/* applied by the benchmark's own process before exec; nothing to restore */
	QB_LEVER_PROCESS_PIN,
	QB_LEVER_PROCESS_POLICY,
	QB_LEVER_PROCESS_NICE,
	QB_LEVER_PROCESS_ASLR,
	QB_LEVER_PROCESS_NUMA,
	/* the clock's smaller switches: src/levers/frequency.c */
	QB_LEVER_EPB,
	QB_LEVER_DYNAMIC_BOOST,
	QB_LEVER_UNCORE_MAX,
	QB_LEVER_UNCORE_MIN,
	/* idle states: src/levers/idle.c */
	QB_LEVER_IDLE,
	QB_LEVER_RESUME_LATENCY,
	QB_LEVER_DMA_LATENCY,
	/* the kernel's own work: src/levers/kernel.c */
	QB_LEVER_WATCHDOG,
	QB_LEVER_NMI_WATCHDOG,
	QB_LEVER_SOFT_WATCHDOG,
	QB_LEVER_WATCHDOG_CPUS,
	QB_LEVER_TIMER_MIGRATION,
	QB_LEVER_WORKQUEUES,
	QB_LEVER_WORKQUEUE, /* one that has a name and a mask of its own */
	QB_LEVER_STAT_INTERVAL,
	QB_LEVER_AUTOGROUP,
	QB_LEVER_NETWORK,      /* a queue's rps_cpus */
	QB_LEVER_NETWORK_SEND, /* and xps_cpus */
	QB_LEVER_PARANOID,
	QB_LEVER_KPTR_RESTRICT,
	QB_LEVER_SAMPLE_RATE,
	QB_LEVER_CPU_PERCENT,
	/* memory: src/levers/memory.c */
	QB_LEVER_THP,
	QB_LEVER_THP_DEFRAG,
	QB_LEVER_THP_SHMEM,
	QB_LEVER_MIN_FREE,
	QB_LEVER_KSM,
	QB_LEVER_NUMA_BALANCING,
	QB_LEVER_COMPACTION,
	QB_LEVER_ZONE_RECLAIM,
	QB_LEVER_DIRTY_BYTES,
	QB_LEVER_DIRTY_RATIO,
	QB_LEVER_DIRTY_BACKGROUND_BYTES,
	QB_LEVER_DIRTY_BACKGROUND_RATIO,
	QB_LEVER_DROP_CACHES,
	QB_LEVER_PROCESS_LOCK,
	/* caches: src/levers/cache.c */
	QB_LEVER_CACHE_MOUNT,
	QB_LEVER_CACHE_GROUP, /* the benchmark's: absent | present */
	QB_LEVER_CACHE_L3,    /* its ways */
	QB_LEVER_CACHE_CPUS,  /* its CPUs */
	QB_LEVER_CACHE_REST,  /* everybody else's ways */
	/* units and logind: src/levers/services.c */
	QB_LEVER_SERVICES_STOP,
	QB_LEVER_SERVICES_FREEZE,
	QB_LEVER_INHIBIT,
	/* siblings: src/levers/smt.c */
	QB_LEVER_SMT_OFFLINE,
	QB_LEVER_SMT_CPUSET, /* v1: a cpuset of another program, which loses an offline CPU for good */
	QB_LEVER_CORE_SCHED,
	QB_LEVER_COUNT
};

enum qb_risk {
	QB_RISK_SAFE,	    /* S: safe on a shared host */
	QB_RISK_DISRUPTIVE, /* D: other tasks notice */
	QB_RISK_EXPOSING,   /* X: lowers security */
};
#define QB_RISK_LETTERS "SDX" /* by enum qb_risk */

enum qb_unit_kind {
	QB_UNIT_HOST,	/* one per host: prints as "" */
	QB_UNIT_CPU,	/* "cpu3" */
	QB_UNIT_POLICY, /* "policy3" */
	QB_UNIT_IRQ,	/* "irq33" */
	QB_UNIT_STATE,	/* "cpu3/state2": number is the CPU, key the state */
	QB_UNIT_NAMED,	/* its name: "eth0/rx-0", "writeback" */
	QB_UNIT_TASK,	/* "task 812": number is the tid, key its start time */
};

struct qb_lever;

/*
 * exists: is there still what the unit meant, and not something else under its recycled number?
 * 0, or -ENOENT or -ESRCH. Asked once before the snapshot and once before the undo. NULL: numbers
 * of this lever are not recycled.
 * read: the current text, without the newline; -ENOENT when this host has no such thing.
 * write: one write; the text is never a path. 1: the next best was done, and err says what and
 * why. -EOPNOTSUPP: the host does not offer it for this unit (its step is unsupported, not
 * failed). Either may be NULL: then `path` is read, or written
 * with one write(2).
 */
struct qb_lever_ops {
	int (*exists)(
		const struct qb_lever *lever, const struct qb_unit *unit, struct qb_error *err);
	int (*read)(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
		size_t size, struct qb_error *err);
	int (*write)(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
		struct qb_error *err);
	/* Further judgement of a value against this host (a CPU that is not online, a governor that
	 * is not offered). NULL: the specification is all. */
	int (*judge)(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
		struct qb_error *err);
	/* Do two texts mean the same ("3" and "00000003")? NULL: equal byte for byte,
	 * or as sets where the specification is a mask. */
	bool (*same)(const char *a, const char *b);
	/* Of a value that was not taken, or not all of it: does this host lack something for it, which
	 * may come back? Then err says what. NULL: see qb_lever_lacks. */
	bool (*lacks)(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
		struct qb_error *err);
	/* A value that is neither `before` nor `left`: caused by another step of ours?
	 * NULL: no, it is another program's. */
	bool (*ours)(const struct qb_steps *steps, const struct qb_step *step, const char *now);
};

/*
 * What its values do to a benchmark. The manual tells it; doctor and check tell it of a host whose
 * value is worth a finding (qb_lever_costs).
 */
struct qb_effect {
	const char *text;   /* what it costs, or brings; NULL: nothing to say */
	const char *advice; /* what changes it; NULL: see the key */
	const char *fine;   /* worth a finding: all but these words, which cost nothing */
	int64_t low, high;  /* if that is NULL: numbers from low to high; both 0: never */
};
/* The kernel's own limit; what is below it was lowered because samples took too long. */
#define QB_PERF_RATE_DEFAULT 100000

struct qb_lever {
	enum qb_key key;  /* the profile key it serves; its name is the lever's name */
	const char *part; /* which attribute of several ("boost"); "" when the key has one */
	const char *text; /* one line for doctor and the manual */
	struct qb_effect effect;
	enum qb_risk risk;
	enum qb_unit_kind unit;
	/* absolute; %u: the unit's number, then its key; %s: the words of its name, each an entry that
	 * its folder shows. NULL when ops do it all. Of what the benchmark's process does: the host's
	 * value, which is only read. */
	const char *path;
	struct qb_spec spec;
	bool coupled;			/* other levers' writes move it: looked at again last */
	bool held;			/* lasts as long as the process that wrote it: only
					   that process can read it */
	uint8_t apply, restore;		/* ranks */
	const struct qb_lever_ops *ops; /* NULL: an attribute file */
	enum {
		QB_LEVER_HOST,
		QB_LEVER_CHILD, /* the benchmark's own process does it, before exec */
	} where;
};
extern const struct qb_lever qb_levers[QB_LEVER_COUNT];

const char *qb_lever_name(unsigned lever); /* its key's name */
/* "policy3", "policy3/boost", "irq33", "task 812": for people and the record. */
void qb_lever_unit_name(unsigned lever, const struct qb_unit *unit, char *buf, size_t size);

int qb_lever_exists(unsigned lever, const struct qb_unit *unit, struct qb_error *err);
int qb_lever_read(
	unsigned lever, const struct qb_unit *unit, char *buf, size_t size, struct qb_error *err);
/* The same on a captured host, of a lever that is a file of its own: `root` is put before its path. */
int qb_lever_read_below(const char *root, unsigned lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err);
/* Does this value have the effect of its row? (Another one may have it, too, by way of another lever.) */
bool qb_lever_costs(unsigned lever, const char *value);
/* The one function through which the host changes. 0, 1 (see write above) or a negative errno. */
int qb_lever_write(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err);
int qb_lever_judge(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err);
/* Its row's class; of the benchmark's own process, what puts it before all other tasks is class D.
 * `wanted` NULL: the row's. */
enum qb_risk qb_lever_risk(unsigned lever, const char *wanted);
bool qb_lever_same(unsigned lever, const char *a, const char *b);
bool qb_lever_ours(const struct qb_steps *steps, const struct qb_step *step, const char *now);
/*
 * What was taken from this unit cannot be given back as long as the host lacks something: its CPU, or
 * all of its policy's, or of the mask's, are offline; or what its ops know of. True, and *err says what.
 */
bool qb_lever_lacks(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err);

/*
 * Appends the step that makes `unit` read `wanted` (NULL: remembered only), with what it reads now;
 * one that is already set is marked unchanged. 1; 0 when this unit has no such attribute; -ENOMEM.
 */
int qb_lever_plan(struct qb_steps *steps, unsigned lever, struct qb_unit unit, const char *wanted);
/* The same for those who have read the attribute already. */
int qb_lever_plan_from(struct qb_steps *steps, unsigned lever, struct qb_unit unit,
	const char *before, const char *wanted);

/*
 * Planning: each family looks at the host and appends its steps (before and wanted filled in), or
 * says why not (qb_steps_refuse). Reads only; runs unprivileged in the planner. Returns 0 or a
 * negative errno when planning itself failed (no memory); a missing feature is no failure.
 */
struct qb_wish {
	const struct qb_profile *profile;
	const struct qb_topology *topology;
	struct qb_selection *selection;
	bool captured; /* of a captured host: what it lacks is unknown, not absent */
};
/* First: it may take siblings from selection->reserved, and the CPUs that are left are the
 * topology of all other CPUs. */
int qb_smt_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_frequency_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_uncore_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_idle_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_irqs_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_isolation_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_kernel_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_memory_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_network_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_cache_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_process_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);
int qb_services_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);

/* Said by the plan and, where the host changed since, by the benchmark's process. */
#define QB_PROCESS_NO_V2 "only cgroup v2 keeps a group from swap, and it is not mounted here"
#define QB_PROCESS_NO_MEMORY                                                                        \
	"the benchmark's group has no memory.swap.max: without systemd the memory controller must " \
	"be on for all groups (echo +memory >/sys/fs/cgroup/cgroup.subtree_control), and the "      \
	"kernel must count swap (no swapaccount=0)"
#define QB_PROCESS_NO_SMT "no core has two CPUs online (no SMT): there is no sibling to keep free"

#endif
