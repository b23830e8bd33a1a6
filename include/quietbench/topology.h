/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of a host as one flat table, and the choice made among them.
 *
 * One row per online CPU (PU), in kernel numbering. Groups (core, package, node, L3) are logical
 * indexes counted from 0 over the whole machine, -1 where the host does not tell; `os_*` are the
 * kernel's numbers. Filled by qb_topology_load (src/host/topology.c, the only user of hwloc);
 * chosen from by qb_select (src/core/select.c); drawn by `quietbench topology`.
 */
#ifndef QUIETBENCH_TOPOLOGY_H
#define QUIETBENCH_TOPOLOGY_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>

struct qb_pu {
	uint16_t cpu;			      /* kernel number */
	int16_t core, package, node;	      /* logical */
	int16_t l2, l3;			      /* cache instances, logical */
	int16_t kind;			      /* 0 = slowest … kinds - 1 = fastest */
	int32_t os_core, os_package, os_node; /* the kernel's; firmware likes big ones */
	uint32_t l2_kib, l3_kib;	      /* 0 when the host does not tell */
};

struct qb_topology {
	struct qb_pu *pus; /* sorted by cpu; owned */
	unsigned n;
	int16_t kinds; /* how many kinds of core; 1 when all are alike or unknown */
	unsigned n_cores, n_packages;
	unsigned n_nodes;  /* with those that have memory and no CPU */
	unsigned boot_cpu; /* 0 where it is online, else the lowest online CPU */
	struct qb_cpus online;
	struct qb_cpus possible; /* which numbers a CPU may have; not all need exist */
	struct qb_cpus isolated; /* from the scheduler's domains, at boot (isolcpus=) */
	bool guest;		 /* a hypervisor is below: SMT and caches may be fiction */
	char hypervisor[32];	 /* "KVM", …; "" on bare metal or when unknown */
	char cpu_model[96];
};

enum qb_isolation {
	QB_ISOLATION_NONE,
	QB_ISOLATION_AFFINITY,
	QB_ISOLATION_SHIELD,	/* cgroup v1 cpuset */
	QB_ISOLATION_PARTITION, /* cgroup v2 cpuset partition */
};
const char *qb_isolation_name(enum qb_isolation isolation);

/*
 * The choice. bench, reserved, offline and housekeeping are disjoint, but for one case: where no other task could be kept
 * off the benchmark's CPUs (one CPU, count: all, a list of everything) housekeeping is every online CPU.
 * So `qb_cpus_intersect(&bench, &housekeeping)` means: isolation is impossible.
 */
struct qb_selection {
	struct qb_cpus bench;	 /* the benchmark runs here */
	struct qb_cpus reserved; /* its siblings, kept idle (cpus.smt: idle) */
	struct qb_cpus offline;	 /* or those taken offline for the run; src/levers/smt_plan.c */
	struct qb_cpus
		housekeeping; /* everything else runs here: the other online CPUs but these */
	struct qb_cpus
		isolated;  /* at boot, and not chosen: nothing runs there that was not put there */
	uint32_t nodes[8]; /* one bit per NUMA node (kernel number) of bench; < 256 */
	uint8_t isolation; /* enum qb_isolation; decided by src/levers/isolation.c */
	bool balanced;	   /* several unpinned threads: partition type root, not isolated */
	bool unspread; /* some of several were isolated at boot: the scheduler moves no thread there */
	bool named;    /* the caller said which or how many, beside the profile */
	uint32_t most;	/* so many benchmark CPUs would cpus.count: max give */
	char why[256];	/* one line for people: why these */
	char note[256]; /* what had to give ("core 3 spans two L3s"); "" when nothing */
};

#endif
