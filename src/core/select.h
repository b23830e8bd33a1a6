/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which CPUs the benchmark gets, which are kept idle beside it, and which do the housekeeping.
 *
 * Pure: a topology, a profile and the CPUs the caller may use (empty: all that are online) go in,
 * a selection comes out; the same input always gives the same answer. The profile's settings must
 * be finished (no setting unset but cpus.list).
 *
 * The rules, in their order of weight:
 *  1. Only CPUs that are online and allowed; of one NUMA node with cpus.node.
 *  2. cpus.list is obeyed as it stands (avoid and kind do not apply); with an explicit cpus.count,
 *     N of those in it that are allowed.
 *  3. Never the core of the boot CPU while the asked-for kind and node have another: the kernel
 *     keeps there what it cannot move.
 *  4. One kind of core. `performance` is the fastest, `efficiency` the slowest; `any` takes the
 *     fastest kind that has enough, and mixes (with a note) only when none has.
 *     count all is all of the kind, and says so.
 *  5. One CPU: of those isolated at boot (isolcpus=), which were set aside for this. Several: never
 *     of those, for the scheduler does not spread threads over them; with a list or count all they
 *     may be, and a note says so.
 *  6. Several within one last-level cache, package or node (cpus.within); outwards with a note.
 *  7. Cores whose siblings can all be reserved.
 *  8. Then away from the boot CPU, and the highest number: interrupts, timers and daemons settle on
 *     low numbers first, and whole groups (L3, package) come before fragments.
 *
 * smt idle (and offline: which of the reserved go offline is planned later): count counts cores, one CPU of each runs the
 * benchmark, its siblings are reserved. smt share: count counts CPUs, whole cores first (the
 * neighbour on a core is then the benchmark itself), nothing is reserved.
 *
 * Of the other CPUs those that are isolated at boot are left as they are, and are no housekeeping CPUs
 * unless there are none else.
 *
 * There is always a housekeeping CPU, except where that is impossible or was not wished (one CPU,
 * count all where it takes every core, a list of everything); then housekeeping is every online CPU and overlaps bench.
 */
#ifndef QB_CORE_SELECT_H
#define QB_CORE_SELECT_H

#include <quietbench/profile.h>
#include <quietbench/topology.h>

/*
 * -EINVAL: the wish names CPUs or a node that are not available; -ERANGE: more than there are. The
 * error says which, and what would do. ret->isolation is QB_ISOLATION_NONE: decided elsewhere.
 */
int qb_select(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, struct qb_selection *ret, struct qb_error *err);

#endif
