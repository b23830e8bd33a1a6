/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process of ours that stays in the run's group, so that commands and probes are born there.
 *
 * Whoever moves a process into a control group waits until the kernel has seen every CPU pass by, some
 * 20 ms (synchronize_rcu, for cgroup_threadgroup_rwsem); whoever is forked in a group is there at once. So
 * the helper places the keeper, once, and the keeper forks each child: as one of ours, not of its own
 * (CLONE_PARENT), with all that a child has from us.
 *
 *	struct qb_keeper keeper = {0};
 *	r = qb_keeper_place(&keeper, &child, &order, session, &answer, &err);    instead of qb_child_place
 *	… qb_child_prepare and so on …
 *	qb_keeper_end(&keeper);             before the session's RESTORE: it is no leftover
 *
 * The keeper is a copy of us as we were when it began: what an order points to is there by then, and
 * stays as it is until the keeper ends. Whoever a command leaves in the group is not the next one's
 * neighbour: the keeper ends, and the helper moves all of them out when it places the next one.
 */
#ifndef QB_CLIENT_KEEPER_H
#define QB_CLIENT_KEEPER_H

#include <client/child.h>
#include <host/cgroups.h>

struct qb_keeper {
	pid_t pid; /* 0: there is none */
	int socket;
	bool useless; /* placed children enter no group here, or it has failed */
	char groups[QB_HIERARCHY_COUNT][QB_GROUP_MAX]; /* that it was placed in; "": none */
};

/* As qb_child_place. Where there is no session, or it was joined, the keeper has no part in it. */
int qb_keeper_place(struct qb_keeper *keeper, struct qb_child *ret,
	const struct qb_child_order *order, struct qb_session *session, struct qb_answer *answer,
	struct qb_error *err);
void qb_keeper_end(struct qb_keeper *keeper);

#endif
