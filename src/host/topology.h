/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the host's CPUs into the flat table of <quietbench/topology.h>.
 *
 * For the planner alone: hwloc parses a great deal of the host and obeys environment variables,
 * so all HWLOC_* are removed from this process's environment first, and set as we need them. What
 * is read is the /sys and /proc of the calling process: for a captured host, chroot before.
 */
#ifndef QB_HOST_TOPOLOGY_H
#define QB_HOST_TOPOLOGY_H

#include <quietbench/topology.h>

/*
 * -ENODATA: the host tells nothing of its cores (the error says what is missing). Everything else
 * that is missing is filled in as unknown: an incomplete capture is normal.
 */
int qb_topology_load(struct qb_topology *ret, struct qb_error *err);
void qb_topology_free(struct qb_topology *topology);

#endif
