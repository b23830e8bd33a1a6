/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.smt: offline - the benchmark's siblings are taken offline for the run, each through its own
 * switch. Never through smt/control: its `on` wakes CPUs that the admin had taken offline.
 *
 * What the kernel forgets with a CPU is remembered by the steps of whoever knows it: the masks of
 * threads and interrupts, the attributes of a cpufreq policy that has no other CPU, cpusets of v1.
 * Planning is in smt_plan.c.
 */
#ifndef QB_LEVERS_SMT_H
#define QB_LEVERS_SMT_H

#include <quietbench/lever.h>

extern const struct qb_lever_ops qb_smt_online_ops; /* "1" | "0" */
/* unit.key is the cpuset's id (cgroups.h), unit.name the end of its path, for people */
extern const struct qb_lever_ops qb_smt_cpuset_ops;

/*
 * Is this step the mask of a thread that had none but CPUs that we took offline? The kernel widens
 * such a mask whenever the thread wakes, so whatever it is now is no rival's doing.
 */
bool qb_smt_widened(const struct qb_steps *steps, const struct qb_step *step);

/* The topology without these CPUs, as hwloc would tell of it then. ret->pus is the caller's. */
int qb_smt_without(const struct qb_topology *topology, const struct qb_cpus *gone,
	struct qb_topology *ret, struct qb_error *err);

#endif
