/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared runs (`run --shared`): several at a time on one host, each on CPUs of its own.
 *
 * The first one founds a session for all that come: its plan is made once more, for as many CPUs as
 * can be had (the pool), and this is what the host is conditioned with. From then on its monitor is
 * that of a lease, and every run, the first included, is a guest (guests.h) who takes CPUs of the
 * pool that nobody else has. The session ends with the last of them.
 *
 * A run that comes later has a helper of its own, which finds the lock taken. It hands its
 * client's session to the holder, through the door, and ends. Whoever waits in the queue before it
 * goes first, so an exclusive run waits only for the shared ones that were there before it.
 *
 * Runs agree on the host's levers, or are refused: settings that change nothing but their own
 * process are theirs, all others must be those of the session.
 */
#ifndef QB_HELPER_SHARE_H
#define QB_HELPER_SHARE_H

#include "guests.h"
#include <quietbench/journal.h>
#include <quietbench/value.h>

/* Memory of the monitor's and of all its guests'. */
struct qb_share {
	pid_t monitor;
	_Atomic int32_t holder[QB_CPUS_MAX]; /* the guest that has the CPU; 0: nobody */
	struct {
		_Atomic bool claimed, placed;
		struct qb_cpus cpus;	       /* valid once claimed */
		struct qb_journal_bench bench; /* valid once placed */
	} runs[QB_GUESTS_MAX];		       /* by seat */
};

/* HELLO, while another holds the lock: hands the session over. True: it is no longer ours. */
bool qb_share_hand_over(struct qb_monitor *m, const struct qb_journal_owner *holder);
/* PLAN of the first run: makes the pool, m->host. */
int qb_share_found(struct qb_monitor *m, struct qb_error *err);
/* PLAN of any of them: CPUs of the pool that are free, and the host's levers as they are. */
int qb_share_plan(struct qb_monitor *m, struct qb_error *err);
/*
 * APPLY of the first: conditions the host. Then this is two processes: the monitor of all shared
 * runs, and a guest that serves the first of them and never returns.
 */
int qb_share_open(struct qb_monitor *m, struct qb_error *err);

/* The monitor's. A seat is taken; a guest has gone; is there a CPU left for one more? */
void qb_share_sit(struct qb_share *share, int seat);
void qb_share_release(struct qb_share *share, pid_t guest);
bool qb_share_has_room(const struct qb_monitor *host);
/* The seat of the run that this process is inside of, or -1. */
int qb_share_inside(const struct qb_monitor *host, pid_t pid);

/* The guest's: its benchmark is placed. */
void qb_share_placed(struct qb_monitor *m);
/* It has nothing left on the host. False: the monitor is gone, or restores: there is nobody to
 * answer in its stead. */
bool qb_share_leave(const struct qb_monitor *m);

#endif
