/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the monitor share: monitor.c (when), requests.c (what), door.c (who else). */
#ifndef QB_HELPER_MONITOR_INTERNAL_H
#define QB_HELPER_MONITOR_INTERNAL_H

#include "conduct.h"
#include "guests.h"
#include "join.h"
#include "lease.h"
#include "policy.h"
#include "session.h"
#include "watch.h"

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
