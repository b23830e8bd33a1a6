/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of topology.h that need no hwloc. */
#ifndef QB_HOST_TOPOLOGY_INTERNAL_H
#define QB_HOST_TOPOLOGY_INTERNAL_H

#include <quietbench/topology.h>

#define QB_CPU_DIR "/sys/devices/system/cpu"

/*
 * Numbers the cores anew, by the siblings that the kernel tells (core_cpus, thread_siblings), in the
 * order in which hwloc has them: it makes two cores of an AMD module of family 15h, whose halves
 * share what matters. Where the kernel does not tell, the cores stay hwloc's.
 */
int qb_topology_fill_cores(struct qb_topology *t, struct qb_error *err);
/*
 * Ranks the kinds from slowest to fastest: by type, capacity, maximum and base clock, and (arm) by
 * design, the newer of two designs last. Clocks differ in small steps also where cores are favoured
 * for turbo (on AMD in many): those are one kind. What hwloc makes of kinds is not asked: it knows
 * none without cpufreq, and no designs.
 */
int qb_topology_fill_kinds(struct qb_topology *t, struct qb_error *err);
/* The CPUs that the boot parameters take from the scheduler's domains, where no file tells them. */
void qb_topology_boot_isolated(struct qb_cpus *ret);

#endif
