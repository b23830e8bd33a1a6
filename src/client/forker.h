/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process of ours that stays in the run's group, so that commands and probes are born there.
 *
 * Whoever moves a process into a control group waits until the kernel has seen every CPU pass by, some
 * 20 ms (synchronize_rcu, for cgroup_threadgroup_rwsem); whoever is forked in a group is there at once. So
 * the helper places the forker, once, and the forker forks each child: as one of ours, not of its own
 * (CLONE_PARENT), with all that a child has from us. The helper is told which is the command (BORN), so that
 * it looks after that one as if it had placed it.
 *
 *	struct qb_forker forker = {0};
 *	r = qb_forker_place(&forker, &child, &order, session, &answer, &err);    instead of qb_child_place
 *	… qb_child_prepare and so on …
 *	qb_forker_end(&forker);             before the session's RESTORE: it is no leftover
 *
 * It sleeps while a command runs: all its signals are blocked, and nothing wakes it but the next order, or our
 * end. That it is called quietbench-fork tells people so who look for strangers on the benchmark CPUs.
 *
 * The forker is a copy of us as we were when it began: what an order points to is there by then, and
 * stays as it is until the forker ends. Whoever a command leaves in the group is not the next one's
 * neighbour: the forker ends, and the helper moves all of them out when it places the next one.
 */
#ifndef QB_CLIENT_FORKER_H
#define QB_CLIENT_FORKER_H

#include <client/child.h>
#include <host/cgroups.h>

struct qb_forker {
	pid_t pid; /* 0: there is none */
	int socket;
	bool useless; /* placed children enter no group here, or it has failed */
	char groups[QB_HIERARCHY_COUNT][QB_GROUP_MAX]; /* that it was placed in; "": none */
};

/* As qb_child_place. Where there is no session, or it was joined, the forker has no part in it. */
int qb_forker_place(struct qb_forker *forker, struct qb_child *ret,
	const struct qb_child_order *order, struct qb_session *session, struct qb_answer *answer,
	struct qb_error *err);
void qb_forker_end(struct qb_forker *forker);

#endif
