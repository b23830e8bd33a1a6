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
#include <stdint.h>

/* Makes /run/quietbench (root's, 0755) and opens the lock file (root's, 0600) without taking it. */
int qb_lock_open(struct qb_error *err);
/*
 * Takes the lock. wait_ns: 0 not to wait (-EWOULDBLOCK), -1 for ever. While waiting, `told` is
 * called once with whom we wait for, and the peer's death ends the wait (-ECANCELED).
 */
int qb_lock_take(int lock, int64_t wait_ns, const struct qb_peer *peer,
	void (*told)(void *data, const char *holder), void *data, struct qb_error *err);
/* Is it free, or ours? Never waits. */
int qb_lock_try(int lock);

#endif
