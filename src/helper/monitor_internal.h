/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What serves a session, in the order in which it calls, downwards only:
 *
 *	main.c      starts, judges its peer, gives up what it does not need
 *	guardian.c  forks the monitor, watches it, and recovers when it dies
 *	monitor.c   when: the loop, the table of states, signals, time. Its MUSTs
 *	requests.c  what each request of the client's does
 *	door.c      who else comes to a host that this session holds, and what becomes of them
 *	plan.c      what is planned: alone, for all shared runs, within what was joined
 *	join.c      the other side: a run on a host that another session holds
 *	hold.c      to hold the host: condition it, keep it so, restore it
 *	helper.h    the pieces, which know nothing of all this
 *
 * Joining. A session that holds a conditioned host has a door (protocol.h). The owner of a lease, and
 * whoever is inside a run, needs no privilege to run there: a child of the monitor's serves them. A
 * shared run (`run --shared`) has a helper of its own, which proves the privilege, waits in the queue
 * like any other, and joins when it finds the session of shared runs at its turn. Either way the run
 * is served by the same monitor.c, with `joined` set: it plans within the CPUs of the session, places
 * its command into a group below that one's, and has neither its lock nor its journal.
 *
 * The session of shared runs is a lease that serves nobody. Who finds the host free at its turn
 * founds it (qb_join_found): the helper becomes that lease's, conditions the host for as many CPUs as
 * are free (the pool), and a child of its serves the founder's client as one that has joined. Each
 * of the runs, the first included, has taken its CPUs of the pool (qb_claims_take), and an open
 * connection to the lease, whose closing is its leaving. With the last of them the lease ends.
 */
#ifndef QB_HELPER_MONITOR_INTERNAL_H
#define QB_HELPER_MONITOR_INTERNAL_H

#include "helper.h"
#include "policy.h"
#include <assert.h>
#include <host/program.h>

enum qb_state {
	QB_STATE_HELLO,
	QB_STATE_PLAN,
	QB_STATE_APPLY,
	QB_STATE_RUN,	  /* conditioned; the benchmark comes or runs */
	QB_STATE_OFFER,	  /* conditioned; the client must confirm that it is to stay so */
	QB_STATE_LEASE,	  /* conditioned, and the client is dismissed */
	QB_STATE_RESTORE, /* nothing (any more) to restore but what RESTORE reports */
	QB_STATE_OVER,	  /* restored before the client asked; its command may still run */
	QB_STATE_END,
};

/* What a session was asked for, kept to be asked again. */
struct qb_wanted {
	struct qb_request request;
	int fds[QB_REQUEST_FILES]; /* its profiles, as many as request.n_files */
};

/* The session that a run has joined, as its monitor told it. */
struct qb_joined {
	struct qb_wire wire; /* to that monitor; the end of file on it is the end of that session */
	bool shared;	     /* the run has CPUs that no other shared run has */
	bool founding;	     /* and is the first of them: the host is not conditioned yet */
	struct qb_journal_owner owner;
	struct qb_profile profile;     /* of shared runs: what they agree on */
	struct qb_selection selection; /* its benchmark CPUs are what there is to choose from */
	struct qb_steps steps;	       /* the host's */
	struct qb_wanted wanted;       /* what a run without a profile of its own has */
	uint64_t journal;	       /* which file is the journal: it vanishes with the restore */
	int claims;		       /* qb_claims_open, or -1 */
	struct qb_cpus claimed;
	unsigned seat;		     /* on each of them */
	bool around[QB_CLAIM_SEATS]; /* seats of runs that have joined and that it is inside of */
};
#define QB_JOINED_NONE ((struct qb_joined){.wire = QB_WIRE_NONE, .claims = -1})

enum qb_guest_kind {
	QB_GUEST_NONE,	   /* the seat is free */
	QB_GUEST_VISITOR,  /* at the door; it has not said HELLO yet */
	QB_GUEST_ADMITTED, /* a child of ours: it serves a run that has joined */
	QB_GUEST_HELPER,   /* of a shared run, which looks around, or has left */
	QB_GUEST_SHARED,   /* the same: it keeps the session of shared runs up */
};

/* Who has a connection to this session beside its client. */
struct qb_guest {
	enum qb_guest_kind kind;
	struct qb_wire wire;
	struct qb_peer peer; /* of a visitor, ... */
	int64_t until_ns;    /* ... who has said HELLO by then (CLOCK_MONOTONIC) */
	bool founder;	     /* of the shared runs */
	int32_t pid;	     /* its benchmark, once it is placed, ... */
	uint64_t start;
	struct qb_cpus cpus; /* ... and that one's CPUs */
	uint32_t seat;	     /* on each of them */
};
/* So many at a time: each is a process of root's. */
#define QB_GUESTS_MAX 128
static_assert(QB_GUESTS_MAX <= QB_CLAIM_SEATS, "a seat on a CPU for each run");

struct qb_monitor {
	struct qb_helper *helper;
	struct qb_joined *joined; /* NULL: this session holds the host itself, or will */
	enum qb_state state;
	int64_t heard_ns; /* the client had its last word (CLOCK_MONOTONIC) */
	struct qb_hello hello;
	struct qb_wanted wanted;
	struct qb_planned planned;
	struct qb_conditioning session;
	struct qb_limits limits;
	struct qb_lease lease;
	struct qb_undo_summary summary;
	struct qb_program watcher; /* quietbench-watcher */
	struct {
		int32_t pid;
		uint64_t start;
	} watched;     /* the process that it watched last: once for each */
	bool begun;    /* the log has a line of its begin */
	bool restored; /* summary tells of this session */
	bool early;    /* restored before the client asked (SIGTERM) */
	bool over;     /* the same: the policy's time for a run is over */
	int place;     /* our end of the throw-away socket, or -1 */
	int door;      /* -1: nobody can join (yet) */
	bool pool; /* this is the session of all shared runs; its client is the founder's monitor */
	/* Of a pool: the session of the founder's client, which is not ours to serve, but has our guardian's
	 * end, too; and the guardian of who serves it, 0 when that has ended. */
	int founder;
	pid_t keeper;
	struct qb_guest guests[QB_GUESTS_MAX];
	struct qb_message message;
};
/* A place for no session yet. */
#define QB_MONITOR_NONE                                                                            \
	((struct qb_monitor){.session.journal.fd = -1,                                             \
		.lease = QB_LEASE_NONE,                                                            \
		.limits = QB_LIMITS_NONE,                                                          \
		.watcher = QB_PROGRAM_NONE,                                                        \
		.place = -1,                                                                       \
		.door = -1,                                                                        \
		.founder = -1})

/* ---- hold.c ---- */

/* Tells the watchdog how long the host is held at most. */
void qb_hold_expect(const struct qb_monitor *m);
/* APPLY: conditions the host, and opens the door. On error it is to be restored. */
int qb_hold_condition(struct qb_monitor *m, struct qb_error *err);
/* The host stays conditioned from now on, whatever becomes of the client, which is told to go. */
int qb_hold_stay(struct qb_monitor *m, struct qb_error *err);
/*
 * Restores, once. `end`: the client is gone, and with it goes its benchmark. Whoever has joined sees
 * the end of its connection before the host changes.
 */
int qb_hold_restore(struct qb_monitor *m, bool end, struct qb_error *err);
/* Leaves the host, which is as it was, to whoever is next: a client that never says BYE holds nobody up. */
void qb_hold_leave(struct qb_monitor *m);
/* The session's end without BYE: restored first, told afterwards, if anybody is there. */
void qb_hold_end(struct qb_monitor *m, const struct qb_error *why);
/* Nothing of this session touches the host any more: the lock is free for the next. */
void qb_hold_let_go(struct qb_monitor *m);
/*
 * Restores before the client asks: SIGTERM, or (`over`) the policy's time is. The command goes on, and
 * the client is told how it went when it asks.
 */
void qb_hold_break_off(struct qb_monitor *m, const struct qb_error *why, bool over);
/* The lease is over. `by` asked for it, if anybody did, and becomes the client of what is left. */
void qb_hold_expire(struct qb_monitor *m, struct qb_guest *by);

/* ---- join.c ---- */

/* HELLO of a shared run whose turn it is, while another holds the host. True: it has joined that one. */
bool qb_join_beside(struct qb_monitor *m, const struct qb_journal_owner *holder);
/* HELLO of who waits for the end of a lease: is it their own, and does anybody open at its door by now? */
bool qb_join_may_come_in(const struct qb_monitor *m, const struct qb_journal_owner *holder);
/*
 * HELLO of a shared run that has got the lock. From here on this is two processes: the monitor of all
 * shared runs (m->pool), and a child of its that has joined it and serves the client.
 */
int qb_join_found(struct qb_monitor *m, struct qb_error *err);
/*
 * In a child of m's, which holds the host: closes what is the host's - its lock and journal, a lever's
 * promise of some latency must end with that session - but keeps these, and becomes the monitor of the
 * run at the other end of client->session, joined by `connection`, within `cpus`, with `claims` (-1:
 * none). It gets a guardian of its own, which this process becomes: who returns is that one's child.
 */
int qb_join_become(struct qb_monitor *m, const struct qb_helper *client, int connection, int claims,
	const struct qb_cpus *cpus);
/*
 * One request to the session that is joined: what it tells goes into m->joined, NOTEs to the client.
 * That session must not end meanwhile (-EPIPE).
 */
int qb_join_ask(struct qb_monitor *m, enum qb_message_type type, void *body, size_t size,
	const int *fds, unsigned n_fds, struct qb_error *err);
/* Leaves only the steps of the benchmark's process, or (child false) only the other steps. */
void qb_join_keep_steps(struct qb_steps *steps, bool child);
/* Tells the client what it has joined, and who else is there. */
void qb_join_tell(const struct qb_monitor *m);
/* APPLY and RESTORE of a run that has joined. RESTORE sends the answer itself. */
int qb_join_apply(struct qb_monitor *m, struct qb_error *err);
int qb_join_leave(struct qb_monitor *m, struct qb_error *err);
/* Its benchmark is placed: a run that connects from inside it gets its CPUs, other runs see its pid. */
void qb_join_placed(struct qb_monitor *m);

/* ---- plan.c ---- */

/* PLAN: into m->planned. */
int qb_monitor_plan(struct qb_monitor *m, struct qb_error *err);

/* ---- door.c ---- */

int qb_door_open(int *ret, struct qb_error *err);
/* Somebody is at the door. It is the kernel's word who; nobody is waited for. */
void qb_door_serve(struct qb_monitor *m);
/* A guest has something to say, or has gone. */
void qb_door_hear(struct qb_monitor *m, struct qb_guest *guest);
/* Says to the guests what there is to say, and forgets who is too late; when that is next. */
int64_t qb_door_tend(struct qb_monitor *m);
/* Gives the connection a seat; NULL: there is none. */
struct qb_guest *qb_door_sit(struct qb_monitor *m, int connection, enum qb_guest_kind kind);
/* When nobody serves the founder's client any more, it is to see that. */
void qb_door_dismiss(struct qb_monitor *m);
/* Nobody comes any more, and who is there sees the end of its connection. */
void qb_door_close(struct qb_monitor *m);

/* ---- requests.c: one function for each; the message is in m->message. Negative: it is over. ---- */

int qb_request_hello(struct qb_monitor *m, struct qb_error *err);
int qb_request_plan(struct qb_monitor *m, struct qb_error *err);
int qb_request_apply(struct qb_monitor *m, struct qb_error *err);
int qb_request_lease(struct qb_monitor *m, struct qb_error *err);
int qb_request_join(struct qb_monitor *m, struct qb_error *err);
int qb_request_run(struct qb_monitor *m, struct qb_error *err);
int qb_request_born(struct qb_monitor *m, struct qb_error *err);
int qb_request_watch(struct qb_monitor *m, struct qb_error *err);
int qb_request_restore(struct qb_monitor *m, struct qb_error *err);
int qb_request_bye(struct qb_monitor *m, struct qb_error *err);

#endif
