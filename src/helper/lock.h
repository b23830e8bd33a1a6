/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host lock: one exclusive session at a time, first come first served.
 *
 * The lock is flock on one open description, opened by the guardian and inherited by the monitor:
 * it is held as long as either lives, and may be taken by either. Waiters stand in a queue of
 * ticket files, each flocked by its waiter; whoever finds no living ticket before his own may take
 * the lock. A dead waiter's flock is gone, and so is his place; one who is stopped, or whose client
 * is (Ctrl-Z), keeps his place and is passed meanwhile.
 */
#ifndef QB_HELPER_LOCK_H
#define QB_HELPER_LOCK_H

#include "peer.h"
#include <quietbench/error.h>
#include <quietbench/journal.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes /run/quietbench (root's, 0755) and opens the lock file (root's, 0600) without taking it. */
int qb_lock_open(struct qb_error *err);
struct qb_lock_wait {
	int64_t ns;		    /* 0: not to wait (-EWOULDBLOCK); -1: for ever */
	const struct qb_peer *peer; /* whose death ends the wait (-ECANCELED) */
	void (*told)(void *data, const char *holder); /* called once: whom we wait for */
	bool names;				      /* what another user runs may be told */
	/* Shared runs: may it go on beside this holder? NULL: it wants the lock itself. */
	bool (*admitted)(void *data, const struct qb_journal_owner *holder);
	void *data;
};
/* Waits for its turn. 0: the lock is ours; 1: it is not, but `admitted`. */
int qb_lock_take(int lock, const struct qb_lock_wait *wait, struct qb_error *err);
/* Leaves it, before this process ends. */
void qb_lock_leave(int lock);
/* Is it free, or ours? Never waits. */
int qb_lock_try(int lock);

#endif
