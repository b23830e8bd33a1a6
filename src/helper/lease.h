/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What keeps a host conditioned when its client has gone, and the door through which others come.
 *
 * A lease ends when its timer (CLOCK_BOOTTIME: a suspended host's time counts) or its process does,
 * whichever it was given; its monitor then restores, whoever still runs there: the runs that joined
 * are moved back and go on, and say at their end that it ended before them. It also ends with
 * SIGTERM to the helper, with `quietbench restore`, and with the monitor's death. The session of
 * shared runs (share.h) is a lease that ends with the last of them, and is root's alone to restore.
 *
 * The door (protocol.h) is open on every conditioned host, a run's too. Only the owner of the
 * session, root, and who is inside the run get an answer there; nobody can hold up the monitor
 * longer than QB_DOOR_MS, and only those three can at all.
 */
#ifndef QB_HELPER_LEASE_H
#define QB_HELPER_LEASE_H

#include "peer.h"
#include "policy.h"
#include <quietbench/journal.h>
#include <quietbench/protocol.h>

#define QB_DOOR_MS 1000

struct qb_lease {
	int timer, pidfd; /* readable: the lease is over; -1: it does not depend on that */
	int64_t ns;	  /* of the timer */
	int32_t pid;
};
#define QB_LEASE_NONE ((struct qb_lease){.timer = -1, .pidfd = -1})

/*
 * What HELLO asks for, judged. A process must be one that the peer could end himself. With limits
 * it lasts no longer than their rule says, whatever lives.
 */
int qb_lease_make(struct qb_lease *ret, const struct qb_hello *hello, const struct qb_peer *peer,
	const struct qb_limits *limits, struct qb_error *err);
/* From now on it counts. The summary says until when. */
int qb_lease_start(const struct qb_lease *lease, struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err);
void qb_lease_close(struct qb_lease *lease);

/* Opens the door. */
int qb_door_open(int *ret, struct qb_error *err);
/* Who is there? A connection, or -1 when it is nobody after all. */
int qb_door_answer(int door, struct qb_peer *ret);
/* Waits for his HELLO, but not for long. 1: there is one; its fds are the caller's to close. */
int qb_door_listen(int connection, struct qb_message *ret);

/* "the run of user 1000 (process 812), since 12:00:01: make bench", "the apply of …". */
void qb_lease_describe(const struct qb_journal_owner *owner, char *buf, size_t size);

#endif
