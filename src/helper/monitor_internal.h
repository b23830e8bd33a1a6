/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the monitor share: monitor.c (when), requests.c (what), door.c (who else). */
#ifndef QB_HELPER_MONITOR_INTERNAL_H
#define QB_HELPER_MONITOR_INTERNAL_H

#include "helper.h"
#include "policy.h"
#include <noise/watcher.h>
#include <quietbench/value.h>

struct qb_monitor;

/* ---- join ---- */

/*
 * Joining: a run on a host that somebody else conditioned.
 *
 * It wishes CPUs among the quiet ones, and levers for its own process, no others. Without -p it has
 * the profile of the session it joins, and its own -s on top of that one's.
 */
/* What a session was asked for, kept for those that join it. */
struct qb_wanted {
	struct qb_request request;
	int fds[QB_REQUEST_FILES]; /* its profiles, as many as request.n_files */
};
int qb_join_keep(const struct qb_message *plan, struct qb_wanted *ret, struct qb_error *err);

/* Makes of a joining run's PLAN one that can be planned: within `quiet`, all of it by default. */
int qb_join_ask(struct qb_message *plan, const struct qb_wanted *wanted,
	const struct qb_cpus *quiet, struct qb_error *err);
/* The same request as it was kept, with copies of its files. */
int qb_join_ask_again(const struct qb_wanted *wanted, struct qb_message *ret, struct qb_error *err);
/*
 * Puts what was planned into the place that there is: its CPUs must be quiet ones; everything else
 * is as the session that it joins has it. Of its steps only those of its own process stay.
 */
int qb_join_fit(struct qb_planned *planned, const struct qb_selection *quiet, struct qb_error *err);

/* Leaves only the steps of the benchmark's process, or (child false) only the others. */
void qb_join_keep_steps(struct qb_steps *steps, bool child);

/* ---- guests ---- */

/*
 * Guests: the runs that join a conditioned host, each served by a child of its monitor's.
 *
 * A child has the session of its run, the host's profiles, and nothing else of the host's: neither
 * lock nor journal. The monitor learns of its end by SIGCHLD. What shared runs need beyond that is
 * in share.h.
 */
/* So many at a time: each is a process of root's. */
#define QB_GUESTS_MAX 128

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

/* ---- shared runs ---- */

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

/* ---- the monitor ---- */
enum qb_state {
	QB_STATE_HELLO,
	QB_STATE_PLAN,
	QB_STATE_APPLY,
	QB_STATE_RUN,	  /* conditioned; the benchmark comes or runs */
	QB_STATE_OFFER,	  /* conditioned; the client must confirm that it is to stay so */
	QB_STATE_LEASE,	  /* conditioned, and the client is dismissed */
	QB_STATE_RESTORE, /* nothing (any more) to restore but what RESTORE reports */
	QB_STATE_END,
};

struct qb_monitor {
	struct qb_helper *helper;
	struct qb_monitor *host; /* of a run that joins: the session it joins, as it was then */
	int signals;		 /* signalfd */
	enum qb_state state;
	struct qb_hello hello;
	struct qb_wanted wanted;
	struct qb_planned planned;
	struct qb_conditioning session;
	struct qb_limits limits;
	struct qb_lease lease;
	struct qb_undo_summary summary;
	struct qb_watcher watcher;
	bool begun;			       /* the log has a line of its begin */
	bool restored;			       /* summary tells of this session */
	bool early;			       /* restored before the client asked (SIGTERM) */
	bool over;			       /* the same: the policy's time for a run is over */
	int place;			       /* our end of the throw-away socket, or -1 */
	int door;			       /* -1: nobody can join yet */
	struct qb_guest guests[QB_GUESTS_MAX]; /* by seat */
	struct qb_share *share; /* shared runs keep this session up; NULL: they do not */
	/* of a guest: */
	int seat;
	bool claims; /* a shared run that takes CPUs of its own from the host's */
	bool left;   /* nothing of it is left, and the host answers its RESTORE */
	struct qb_message message;
};
/* A place for no session yet. */
#define QB_MONITOR_NONE                                                                            \
	((struct qb_monitor){.session.journal.fd = -1,                                             \
		.lease = QB_LEASE_NONE,                                                            \
		.limits = QB_LIMITS_NONE,                                                          \
		.place = -1,                                                                       \
		.door = -1})

/* APPLY: conditions the host, and opens the door. */
int qb_monitor_condition(struct qb_monitor *m, struct qb_error *err);
/* It stays so from now on, whatever becomes of the client. */
int qb_monitor_stay(struct qb_monitor *m, struct qb_error *err);
/* Tells the client that its APPLY is done. */
int qb_monitor_applied(struct qb_monitor *m, struct qb_error *err);
/* Serves until the session has ended. */
void qb_monitor_loop(struct qb_monitor *m);
/* Restores, once. `end`: the client is gone, and with him goes his benchmark. */
int qb_monitor_restore(struct qb_monitor *m, bool end, struct qb_error *err);
/* The session's end without BYE: restored first, told afterwards, if anybody is there. */
void qb_monitor_end(struct qb_monitor *m, const struct qb_error *why);

/* One function for each request; the message is in m->message. Negative: the session is over. */
int qb_request_hello(struct qb_monitor *m, struct qb_error *err);
int qb_request_plan(struct qb_monitor *m, struct qb_error *err);
int qb_request_apply(struct qb_monitor *m, struct qb_error *err);
int qb_request_lease(struct qb_monitor *m, struct qb_error *err);
int qb_request_run(struct qb_monitor *m, struct qb_error *err);
int qb_request_watch(struct qb_monitor *m, struct qb_error *err);
int qb_request_restore(struct qb_monitor *m, struct qb_error *err);
int qb_request_bye(struct qb_monitor *m, struct qb_error *err);

/* Somebody is at the door: a run that joins, or who renews or ends the lease (lease.h). */
void qb_door_serve(struct qb_monitor *m);
/* The lease is over. `by` asked for it, if anybody did, and is told all in a session. */
void qb_door_expire(struct qb_monitor *m, const struct qb_helper *by);

#endif
