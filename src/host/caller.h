/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The caller's control group: what it lets the caller use, and how a helper gets out of it. */
#ifndef QB_HOST_CALLER_H
#define QB_HOST_CALLER_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <sys/types.h>

/*
 * The CPUs that the cpuset of this process grants (its effective mask). The caller's affinity mask is
 * no limit: it is a wish about one process. Without any cpuset: the empty set, meaning all.
 */
int qb_caller_cpus(pid_t pid, struct qb_cpus *ret, struct qb_error *err);
/*
 * The affinity mask of this process, where somebody has set one: empty where it has all CPUs that it
 * may have by default, which are those that are online and granted and were not isolated at boot.
 */
int qb_caller_affinity(struct qb_cpus *ret, struct qb_error *err);
/*
 * What qb_caller_cpus tells, of a captured host, for a process that is chrooted into it: what the cpuset of whoever
 * captured it granted (/proc/self/cpuset or cgroup, and the hierarchy where /proc/mounts has it),
 * and the CPUs that are near the memory nodes it granted. Empty: the capture tells of no limit.
 */
void qb_captured_cpus(struct qb_cpus *ret_cpus, struct qb_cpus *ret_near);
/* The CPUs that are online: what a caller may use whom no cpuset limits. */
int qb_host_online(struct qb_cpus *ret, struct qb_error *err);
/*
 * What they would grant on a host that nobody has conditioned: the effective mask lacks the CPUs
 * of a partition of ours, so this is what the caller's groups are set to, each within the one above. `ours`
 * is the v1 group into which we moved everybody: its setting is not the caller's.
 */
int qb_caller_cpus_set(pid_t pid, const char *ours, struct qb_cpus *ret, struct qb_error *err);
/*
 * Moves this process to the root of every hierarchy of control groups, so that what is done to the
 * caller's (a cancelled CI job's) ends, stops and starves nobody who restores; and gives it the CPUs
 * that no group and no caller limits, but those that were isolated at boot.
 */
int qb_caller_leave(struct qb_error *err);

#endif
