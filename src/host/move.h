/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving, binding and ending tasks that are known by a number, which is another's once they ended.
 * The rules head move.c.
 *
 *	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
 *
 *	r = qb_held_open(pid, start, &held, err);	from now on it is this task, or none
 *	qb_held_task, qb_held_group			look at it
 *	qb_move, qb_bind, qb_end			-ESRCH: it has ended; nobody else was touched for good
 *
 * What is held is a folder of /proc, which is a pidfd, too (pidfd_send_signal(2)): of a thread, whose
 * number a pidfd of before Linux 6.9 does not hold.
 */
#ifndef QB_HOST_MOVE_H
#define QB_HOST_MOVE_H

#include <host/cgroups.h>
#include <host/tasks.h>

struct qb_held {
	int fd; /* /proc/TID */
	pid_t tid;
};
#define QB_HELD_NONE ((struct qb_held){.fd = -1})

/* The task that has this number and, unless `start` is 0, began then. -ESRCH: there is none (any more). */
int qb_held_open(pid_t tid, uint64_t start, struct qb_held *ret, struct qb_error *err);
void qb_held_close(const struct qb_held *held);
/* Has the number been its own until now? That of one that ended is, until its parent has waited for it. */
bool qb_held_stands(const struct qb_held *held);
int qb_held_task(const struct qb_held *held, struct qb_task *ret, struct qb_error *err);
/* Its group, as long as it lives: v1 then tells the root's. -ENOENT: no such hierarchy. */
int qb_held_group(const struct qb_held *held, enum qb_hierarchy hierarchy, char *buf, size_t size,
	struct qb_error *err);

/*
 * Moves the process (`thread`, v1 only: this thread of it) to the group `to`. Not unless it is in `from`, or
 * below: -ESRCH, as when it has ended. NULL: wherever it is.
 */
int qb_move(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const struct qb_held *held, const char *from, const char *to, bool thread,
	struct qb_error *err);
/* Sets the affinity of this thread. The kernel cuts it down to what its cpuset allows. */
int qb_bind(const struct qb_held *held, const struct qb_cpus *cpus, struct qb_error *err);
/* Sends SIGKILL to its process. */
int qb_end(const struct qb_held *held, struct qb_error *err);

#endif
