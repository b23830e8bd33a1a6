/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel accounts for a control group (cgroup v2): time lost to a quota, and pressure, the
 * time in which somebody wanted to run and could not (Documentation/accounting/psi.rst, "some").
 */
#ifndef QB_NOISE_CGROUP_H
#define QB_NOISE_CGROUP_H

#include <host/cgroups.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum qb_pressure { QB_PRESSURE_CPU, QB_PRESSURE_MEMORY, QB_PRESSURE_IO, QB_PRESSURE_COUNT };

/* It outlives the process by which it was found. */
struct qb_cgroup {
	struct qb_cgroups cgroups;
	char name[QB_GROUP_MAX]; /* "/a/b" */
};

/* False: it has none, or is gone. */
bool qb_cgroup_find(pid_t pid, struct qb_cgroup *ret);
/* Microseconds for which the group, or one above it, was kept from its CPUs by a quota; false:
 * nothing counts that. */
bool qb_cgroup_quota(const struct qb_cgroup *group, uint64_t *ret_us);
/* Microseconds of CPU time that was used in the group (`above`: in the one above it, for where it is gone) and
 * below; false: it is the root, or gone. */
bool qb_cgroup_used(const struct qb_cgroup *group, bool above, uint64_t *ret_us);
/* Processes of the group and of those below it that the kernel ended for lack of memory; false: nothing
 * counts that there. */
bool qb_cgroup_oom_kills(const struct qb_cgroup *group, uint64_t *ret);
/* NULL: of the whole host. False: this kernel does not account for it (there). */
bool qb_cgroup_pressure(const struct qb_cgroup *group, enum qb_pressure what, uint64_t *ret_us);
/* The microseconds in the text of such a file. */
bool qb_pressure_parse(const char *text, uint64_t *ret_us);
const char *qb_pressure_name(enum qb_pressure what); /* "cpu", "memory", "io" */

#endif
