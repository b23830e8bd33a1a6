/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control groups: where the hierarchies are mounted, who is in a group, emptying and removing it.
 *
 * A group is named by its path below a hierarchy's mount point ("/quietbench"), as
 * /proc/PID/cgroup has it; "/" is the root. Nothing here knows what the groups are for.
 */
#ifndef QB_HOST_CGROUPS_H
#define QB_HOST_CGROUPS_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QB_GROUP_MAX  256
#define QB_GROUP_PATH (2 * QB_GROUP_MAX + 64) /* room for a mount point, a group and a file */

enum qb_hierarchy {
	QB_HIERARCHY_V2,     /* the unified one */
	QB_HIERARCHY_CPUSET, /* v1's cpuset */
	QB_HIERARCHY_COUNT
};

struct qb_cgroups {
	char mount[QB_HIERARCHY_COUNT][QB_GROUP_MAX]; /* "": not mounted */
	bool cpuset2; /* the cpuset controller is v2's: a v1 mount takes it away */
};

/*
 * From /proc/self/mountinfo; each mount is verified by its magic number. Only a mount of the
 * hierarchy's root counts: a container's or a bind mount of a part is none of ours. Looked for once
 * per process; after qb_cgroups_forget (a lease that ended, hours later) once more.
 */
int qb_cgroups_load(struct qb_cgroups *ret, struct qb_error *err);
void qb_cgroups_forget(void);

/* The path of a file of a group, or (file NULL) of the group itself. -ENAMETOOLONG. */
int qb_cgroups_path(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, const char *file, char *buf, size_t size, struct qb_error *err);
bool qb_cgroups_exists(
	const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, const char *group);

/* The group of a process or thread; -ESRCH: it is gone. -ENOENT: no such hierarchy. */
int qb_cgroups_of(
	pid_t pid, enum qb_hierarchy hierarchy, char *buf, size_t size, struct qb_error *err);
/* Is it `top`, or below it? The root has nothing below it here: it is meant alone. */
bool qb_cgroups_below(const char *group, const char *top);
/*
 * Calls `visit` with the folder and the id (which is not reused while the host runs) of a group and
 * of all below it, parents first, until one returns what is not 0: that is returned. An absent
 * group has none.
 */
int qb_cgroups_walk(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, int (*visit)(void *data, const char *folder, uint64_t id), void *data,
	struct qb_error *err);

/* Is this task the only one in the group and those below it? Not if that cannot be told. */
bool qb_cgroups_alone(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, pid_t tid);
/* -EEXIST is no error: the group is there. */
int qb_cgroups_create(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err);
/*
 * Calls `each` for every process (v1: every thread) in a group and below it, until there is none: it
 * moves it out, or ends it. 1 means that it is not the run's user's, so that nobody here may be
 * frozen; a negative errno is told when all had their turn, but -ESRCH: it has ended. Those that fork
 * faster than that are frozen meanwhile, where all are the run's user's. -ETIMEDOUT names one that
 * is still there.
 */
struct qb_held;
int qb_cgroups_empty(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group,
	int (*each)(void *data, const struct qb_held *held, struct qb_error *err), void *data,
	struct qb_error *err);
/* Removes a group and those below it, first moving whoever is left to the root. Absent: 0. */
int qb_cgroups_remove(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err);

#endif
