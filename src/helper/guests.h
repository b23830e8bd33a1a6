/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests: the runs that join a conditioned host, each served by a child of its monitor's.
 *
 * A child has the session of its run, the host's profiles, and nothing else of the host's: neither
 * lock nor journal. The monitor learns of its end by SIGCHLD. What shared runs need beyond that is
 * in share.h.
 */
#ifndef QB_HELPER_GUESTS_H
#define QB_HELPER_GUESTS_H

#include "session.h"

/* So many at a time: each is a process of root's. */
#define QB_GUESTS_MAX 128

struct qb_monitor;

struct qb_guest {
	pid_t pid;   /* of the child; 0: the seat is free */
	int session; /* of a shared run; -1: the child alone has it */
	struct qb_peer peer;
};

/* A free seat, or -1. */
int qb_guests_seat(const struct qb_monitor *host);
/*
 * Forks for the run at the other end of guest->session, which sits down on `seat`. 0: this is the
 * child, and nothing of the host's is open any more; else its pid, and the two descriptors are the
 * child's (closed here) unless runs are shared. Negative: nobody was forked, nothing is closed.
 */
pid_t qb_guests_fork(struct qb_monitor *host, int seat, const struct qb_helper *guest);
/* The child's: serves from the state that `m` is in to the end of the run. */
_Noreturn void qb_guests_serve(struct qb_monitor *m);

/* Children have ended: gives their seats back, and ends the host's session when shared runs kept
 * it up and none is left. */
void qb_guests_reap(struct qb_monitor *host);

#endif
