/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of cpus.isolation share: the names of our groups, and looking steps up. */
#ifndef QB_LEVERS_ISOLATION_INTERNAL_H
#define QB_LEVERS_ISOLATION_INTERNAL_H

#include <host/cgroups.h>
#include <host/move.h>
#include <host/systemd.h>
#include <levers/isolation.h>
#include <quietbench/step.h>
#include <quietbench/value.h>

/* Below the hierarchies' roots. The names are ours alone: what bears them is a session's. */
#define QB_UNIT_RUN    "quietbench" /* the benchmark's, in v2 and in v1's cpuset */
#define QB_GROUP_RUN   "/" QB_UNIT_RUN
#define QB_SLICE_NAME  "quietbench.slice"
#define QB_GROUP_SLICE "/" QB_SLICE_NAME

/* The v2 group whose CPUs are the benchmark's. Below it sit those of runs that joined, and under
 * systemd the run's own. */
const char *qb_isolation_cpus_group(void);

/* Lists of CPUs as sets: "0-1" is "0,1". */
bool qb_isolation_same_list(const char *a, const char *b);

/*
 * Are these CPUs still the root's, in no partition of somebody else's? Linux 6.1 would invalidate
 * theirs rather than refuse ours. 0 or -EBUSY.
 */
int qb_isolation_check_free(
	const struct qb_cgroups *cgroups, const struct qb_cpus *cpus, struct qb_error *err);

/* The steps of one lever by thread; of several of one thread, the last. Valid until the next add.
 */
struct qb_task_index {
	struct qb_task_entry *v;
	size_t n;
	const struct qb_steps *steps;
};
int qb_task_index_make(struct qb_task_index *ret, const struct qb_steps *steps, unsigned lever,
	struct qb_error *err);
void qb_task_index_free(struct qb_task_index *index);
struct qb_step *qb_task_index_find(const struct qb_task_index *index, pid_t tid, uint64_t start);
/* The step of the nearest ancestor that has one: its process' leader, then parents. Or NULL. */
struct qb_step *qb_task_index_ancestor(
	const struct qb_task_index *index, const struct qb_task *task);

/* A walk's tasks that could not be read get one step that says so, and what becomes of them: "stay …". */
int qb_isolation_tell_unread(const struct qb_tasks *walk, struct qb_steps *steps, const char *what);

/* The masks a session put on threads: every distinct one that a thread was seen with, and those
 * that its groups imply. The texts are the steps'. */
struct qb_imposed {
	const char **v;
	size_t n, cap;
	bool cpusets; /* groups of ours tell some of them */
};
int qb_imposed_collect(struct qb_imposed *imposed, struct qb_steps *steps, struct qb_error *err);
/* As sets, offline CPUs and all: what was imposed may be that just an offline sibling is missing. */
bool qb_masks_equal(const char *a, const char *b);
bool qb_imposed_has(const struct qb_imposed *imposed, const char *mask);
void qb_imposed_free(struct qb_imposed *imposed);
/*
 * Did somebody change the CPUs of our cpuset, or break its partition with one that overlaps, and is this
 * mask what that made of a thread which had step->before: all that its cpuset grants now, or what it had
 * of it? Then it is nobody's choice, and as much ours to undo as the mask we left.
 */
bool qb_isolation_displaced(
	const struct qb_steps *steps, const struct qb_step *step, const char *mask);

/* ---- isolation_limits.c: its MUSTs head it ---- */

/*
 * What a v2 group and those above it limit, but those that `group`, the run's, is in as well. -EPERM:
 * something that the run's group cannot take over.
 */
int qb_isolation_limits_of(const struct qb_cgroups *cgroups, const char *origin, const char *group,
	struct qb_systemd_limits *ret, struct qb_error *err);
/* Limits the group, which is there, in the same way, where systemd has not been asked for that. */
int qb_isolation_limits_impose(const struct qb_cgroups *cgroups, const char *group,
	const struct qb_systemd_limits *limits, struct qb_error *err);
/* Of v1's cpusets: -EPERM where the run's has memory nodes that the caller's has not. */
int qb_isolation_check_nodes(const struct qb_cgroups *cgroups, const char *origin,
	const char *group, struct qb_error *err);
/* Has every BPF program that is in effect for `origin` be in effect for `group`, too. */
int qb_isolation_keep_programs(const struct qb_cgroups *cgroups, const char *origin,
	const char *group, struct qb_error *err);

#endif
