/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pieces of the helper, from the bottom up. What serves a session is in monitor_internal.h. */
#ifndef QB_HELPER_HELPER_H
#define QB_HELPER_HELPER_H

#include <core/restore.h>
#include <quietbench/error.h>
#include <quietbench/journal.h>
#include <quietbench/protocol.h>
#include <quietbench/topology.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct qb_limits; /* policy.h */

/* ---- peer ---- */

/* Who is at the other end of the session, and may they be there. */
struct qb_peer {
	pid_t pid;
	uid_t uid;
	int pidfd;	/* of the client; readable when it is dead */
	bool activated; /* came through QB_SOCKET_PATH: this process is a unit of systemd's */
};

/* Who is at the other end of a socket (SO_PEERCRED: the kernel's word, not theirs). */
int qb_peer_look(int session, struct qb_peer *ret, struct qb_error *err);
/*
 * The same for the session that the helper is started with, and may they be there? `sudo_uid` is
 * SUDO_UID of the helper's environment, NULL when sudo did not start it.
 *
 *	sudo               a socketpair (neither end has a name) of the user whom sudo let through
 *	QB_SOCKET_PATH     root, and the members of the group that the socket's file has
 *	anything else      a socketpair of root's
 */
int qb_peer_identify(int session, const char *sudo_uid, struct qb_peer *ret, struct qb_error *err);
/*
 * The groups that they had when they connected, the effective one first (SO_PEERCRED, SO_PEERGROUPS).
 * *ret is malloc'd.
 */
int qb_peer_groups(int session, gid_t **ret, size_t *ret_n, struct qb_error *err);
/* Has the client ended? */
bool qb_peer_dead(const struct qb_peer *peer);
/*
 * 0 in the first PID namespace; -QB_NOT_FROM_HERE in a container, whose /run and lock are its own.
 * It is asked of the client: this process sees it, so its own namespace is the client's or one above.
 */
int qb_peer_host_namespace(const struct qb_peer *peer, struct qb_error *err);

/* ---- wire ---- */

/*
 * A socket that somebody else has an end of: the client's, the planner's, a guest's, another
 * session's. Root's side sends and receives in no other way, and never waits for any of them:
 *
 *	qb_wire_send…     appends to the wire's queue; nothing is sent yet, and nothing can fail: a wire
 *	                  that has `gone` swallows it
 *	qb_wire_flush     sends what there is room for: in the monitor's loop, and while it waits
 *	qb_message_receive_now    after poll
 *	qb_wire_wait      the only way to wait for one
 *
 * Whose queue does not get shorter for QB_WIRE_MS, or longer than memory that one session may cost, is
 * gone. Whatever they do to a socket that they have a copy of (its buffers, marks and flags, what lies
 * in it) costs them their own session.
 */
#define QB_WIRE_MS 10000

struct qb_packet;
struct qb_wire {
	int fd;	  /* -1: closed */
	int gone; /* why nothing can be sent any more: an errno */
	struct qb_packet *first, *last;
	size_t queued;
	int64_t since_ns; /* the first of them waits */
};
#define QB_WIRE_NONE ((struct qb_wire){.fd = -1})

void qb_wire_send(
	struct qb_wire *wire, enum qb_message_type type, const void *message, size_t size);
/* With descriptors, which no queue keeps: at once, or the wire has gone. */
void qb_wire_send_fds(struct qb_wire *wire, enum qb_message_type type, void *message, size_t size,
	const int *fds, unsigned n_fds);
void qb_wire_send_steps(struct qb_wire *wire, const struct qb_steps *steps);
void qb_wire_send_done(struct qb_wire *wire, enum qb_message_type of);
void qb_wire_send_error(struct qb_wire *wire, const struct qb_error *err);
void qb_wire_send_note(struct qb_wire *wire, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What answers RESTORE. */
void qb_wire_send_restored(struct qb_wire *wire, const struct qb_steps *steps,
	const struct qb_undo_summary *summary, bool recovered, bool over);
/* qb_isolation_seen: names every process that is moved back; `wire` is one. */
void qb_wire_send_leftover(void *wire, pid_t pid, const char *comm);
/* 0: all is sent; 1: there is no room now (POLLOUT); negative: gone. */
int qb_wire_flush(struct qb_wire *wire);
/* When what is queued comes too late (CLOCK_MONOTONIC). */
int64_t qb_wire_until(const struct qb_wire *wire);
/* Sends what goes at once, and closes it; nobody else receives from it any more, whoever has a copy. */
void qb_wire_close(struct qb_wire *wire);

struct qb_helper;
struct pollfd;
/* poll(2) until then (CLOCK_MONOTONIC); INT64_MAX: for ever. */
int qb_wire_poll(struct pollfd *fds, size_t n, int64_t until_ns);
/*
 * Waits until there is something to receive from `wire` (1), or it is time (0); NULL: for the time
 * alone. The client is told meanwhile what is queued for it. -ECANCELED: SIGTERM, which is still there for
 * the next one who waits; -EPIPE: the client is gone.
 */
int qb_wire_wait(
	struct qb_helper *helper, struct qb_wire *wire, int64_t until_ns, struct qb_error *err);
/* The last words: until they are sent, or nobody takes them, or SIGTERM. */
void qb_wire_drain(struct qb_helper *helper, struct qb_wire *wire);

/* ---- session ---- */

/* What guardian, monitor and recovery tell each other: shared memory. */
struct qb_shared {
	/* The request that is being served, 0 between two: noted before it is taken off the socket, so
	 * that a recovery knows whether the client is waiting for an answer. BYE stays: nothing is to be
	 * heard after it. */
	_Atomic uint16_t pending;
	_Atomic bool lease;	/* the session does not end with its client */
	_Atomic bool restoring; /* the monitor, or a recovery, is about it, now; ... */
	_Atomic int64_t
		until_ns; /* ... the monitor until then (CLOCK_BOOTTIME) as long as it does something */
	_Atomic bool restored; /* `summary` tells of it, and the lock may be another's */
	struct qb_undo_summary summary;
	/* What is to end with the client, and no journal tells: the benchmark of a run that joined, or of
	 * one whose host is restored. */
	_Atomic bool placed;
	struct qb_journal_bench bench;
};

/* What they share of one session. */
struct qb_helper {
	struct qb_wire client;
	int lock; /* the host lock's description */
	int lost; /* qb_lock_watch; and */
	int sign; /* of queue.c's: -1 as long as it does not hold the host */
	struct qb_peer peer;
	char kept[96];	    /* of the caller's, which root cannot reset here (qb_sandbox_start) */
	int term, children; /* signalfds: SIGTERM, SIGCHLD */
	int watchdog; /* a timerfd: when it expires, the guardian ends the monitor; -1: none */
	struct qb_shared *shared;
	_Atomic uint16_t *pending; /* of `shared`, or one that no recovery reads */
};

/* ---- audit ---- */

/*
 * The log: lines for the host's log (facility authpriv, as sudo's).
 *
 * Each session has at most one line when it begins to change the host and one when it ends, or one
 * that says why it was refused; so connections bound them. Best effort: where nobody listens at
 * /dev/log, or cannot keep up, a restore does not wait for it (which syslog(3) would).
 */
/* A line "user 1000, process 812: …", cut where it is long, and printable. */
void qb_audit(const struct qb_peer *peer, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- sandbox ---- */

/* What the helper's processes have of their caller (nothing), and what they give up. */
/*
 * At start, before the peer is looked at. `*ret_session` is the session, moved away from fd 0; `kept`
 * names what root cannot reset here and matters ("limits, keyring"), or is "".
 */
int qb_sandbox_start(int *ret_session, char *kept, size_t size, struct qb_error *err);
/* Does a shortage of memory spare this process, and its guardian? Only when they have a host to restore. */
void qb_sandbox_survive(bool survive);
/* The monitor's and the guardian's: the capabilities and system calls that levers need, no new
 * privileges. Nobody is executed by a path after this. */
int qb_sandbox_limit(struct qb_error *err);
/* ---- planner ---- */

/* Executing quietbench-planner as nobody, and believing as little of its answer as possible. */
struct qb_planned {
	struct qb_profile profile;
	struct qb_selection selection;
	struct qb_policy policy; /* asked for alone */
	struct qb_steps steps;	 /* judged; their `before`s are not the planner's to say */
};

/*
 * Hands request and memfds to a fresh planner and takes its plan. PROFILE, HOST and SELECTION are
 * passed on to the client as they come. Steps that the levers' own specification does not accept
 * become refused, CPUs that cannot be are an error. Errors: the planner's own word, its crash, or silence for too long.
 */
int qb_planner_ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *ret,
	struct qb_error *err);

/* Profiles must be what cannot change or hang any more. What is not is not to be closed either: the session is over. */
int qb_planner_judge_files(const struct qb_message *request, struct qb_error *err);

/* Turns the policy's file (a sealed memfd, which is closed) into its table. */
int qb_planner_ask_policy(
	struct qb_helper *helper, int file, struct qb_policy *ret, struct qb_error *err);

/* ---- place ---- */

/* Placing the benchmark: the held child asks for itself, on a throw-away socket. */
/* Takes the socket out of RUN's message and has the kernel attach credentials to what comes. */
int qb_place_take(struct qb_message *message, int *ret_socket, struct qb_error *err);
/*
 * Receives PLACE, places its sender, answers it, and closes the socket. Only a child of the peer's
 * with the peer's uid is placed. A failure is the child's to hear; the session goes on. The bench is
 * remembered in the session's journal, or, `joined`, by the guardian; `confined` to its CPUs.
 */
void qb_place_serve(int *socket, const struct qb_helper *helper, struct qb_conditioning *session,
	const struct qb_selection *selection, bool joined, bool confined);
/* MUST 18 of the monitor: from now on this process is the benchmark, for the session's journal, too. */
int qb_place_born(const struct qb_helper *helper, struct qb_conditioning *session, pid_t pid,
	struct qb_error *err);
/* What RUN, BORN and PLACE hear once the host is restored. Closes the socket, if there is one. */
extern const struct qb_error qb_place_late;
void qb_place_refuse(int *socket);

/* ---- lease ---- */

/*
 * What keeps a host conditioned when its client has gone, and the door through which other runs come.
 *
 * A lease ends when its timer (CLOCK_BOOTTIME: a suspended host's time counts) or its process does,
 * whichever it was given; its monitor then restores, whoever still runs there: the runs that joined
 * are moved back and go on, and say at their end that it ended before them. It also ends with
 * SIGTERM to the helper, with `quietbench restore`, and with the monitor's death. The session of
 * shared runs is a lease that ends with the last of them, and is root's alone to restore.
 *
 * The door (protocol.h) is open on every conditioned host, a run's too. Only the owner of the
 * session, root, and who is inside the run get an answer there.
 */
struct qb_lease {
	int timer, pidfd; /* readable: the lease is over; -1: it does not depend on that */
	int64_t ns;	  /* of the timer */
	int32_t pid;
};
#define QB_LEASE_NONE ((struct qb_lease){.timer = -1, .pidfd = -1})

/*
 * What HELLO asks for, judged. A process must be one that the peer could end without us. With limits
 * it lasts no longer than their rule says, whatever lives.
 */
int qb_lease_make(struct qb_lease *ret, const struct qb_hello *hello, const struct qb_peer *peer,
	const struct qb_limits *limits, struct qb_error *err);
/* From now on it counts. The summary says until when. */
int qb_lease_start(const struct qb_lease *lease, struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err);
void qb_lease_close(struct qb_lease *lease);

/* "the run of user 1000 (process 812), since 12:00:01: make bench", "the apply of …". */
void qb_lease_describe(const struct qb_journal_owner *owner, char *buf, size_t size);

/* ---- lock ---- */

/*
 * The host lock: flock on one open description, opened by the guardian and inherited by the monitor: it
 * is held as long as either lives, and may be taken by either. Who takes it for a session waits in the
 * queue; a recovery only tries.
 */
/* Makes /run/quietbench (root's, 0755) and opens the lock file (root's, 0600) without taking it. */
int qb_lock_open(struct qb_error *err);
/* Is it free, or ours? Never waits. */
int qb_lock_try(int lock);
/* Leaves it, before this process ends. */
void qb_lock_leave(int lock);

/*
 * The lock is where the state is. Whoever removes or replaces /run/quietbench under a session takes its
 * lock away from it: that session ends, and nobody else gets the host before. qb_lock_watch: a
 * descriptor that is readable when it may have happened (to be asked for before the lock is taken);
 * qb_lock_unwatch: it need not be any more (who closes one that watches waits some 15 ms for the kernel to
 * forget the watches, which it does meanwhile when it is told before); qb_lock_lost: has it happened?
 */
int qb_lock_watch(struct qb_error *err);
void qb_lock_unwatch(int watch);
bool qb_lock_lost(int lock);
/* Does a helper hold one that had the name before this file (`ours`) got it? */
bool qb_lock_is_elsewhere(const struct stat *ours);

/* ---- queue ---- */

/* Who has the host next; its MUSTs head queue.c. */
#define QB_QUEUE_DIR QB_STATE_DIR "/queue"
struct qb_queue_wait {
	int64_t ns; /* 0: not to wait (-EWOULDBLOCK); -1: for ever */
	/* So long the peer's user may have had the host, with no other user in between, before other
	 * users who wait go first. */
	int64_t limit_ns;
	int signals; /* signalfd: SIGTERM ends the wait (-ECANCELED), as the client's end does */
	void (*told)(void *data, const char *holder); /* called once: whom we wait for */
	bool names;				      /* what another user runs may be told */
	/* May it go on beside this holder? NULL: it wants the lock itself. */
	bool (*admitted)(void *data, const struct qb_journal_owner *holder);
	void *data;
};
/*
 * Waits for its turn. 0: the lock is ours, and the peer's user has had the host since *ret_since
 * (CLOCK_BOOTTIME); 1: it is not, but `admitted`.
 */
int qb_queue_take(struct qb_helper *helper, const struct qb_queue_wait *wait, int64_t *ret_since,
	struct qb_error *err);
/* Leaves the host to whoever is next. It may be ours no more. */
void qb_queue_leave(struct qb_helper *helper);
/* Does another user wait than this one? 1, 0 or an error. */
int qb_queue_others(uint32_t uid, struct qb_error *err);

/*
 * Claims: which CPUs a shared run has, or one that joined. Each CPU has seats in one file, each locked
 * by the run that has it (an open file description's lock: a dead run's claims are free by themselves).
 * A shared run takes seat 0, so that it is alone; runs that join may have to sit side by side. The file
 * is one session's: who gets the lock forgets it, so that no claim outlives the session it was made in,
 * whatever became of that and of the run.
 */
#define QB_CLAIMS_PATH QB_STATE_DIR "/claims"
#define QB_CLAIM_SEATS 128
int qb_claims_open(struct qb_error *err);
/* By the lock's holder, before anybody can join. */
void qb_claims_forget(void);
/* False: another has this seat. What one has already can be taken again. */
bool qb_claims_take(int claims, unsigned cpu, unsigned seat);
/* Leaves all of our seats there. */
void qb_claims_leave(int claims, unsigned cpu);
/* A shared run has left: those who wait for CPUs beside other runs look again. */
void qb_claims_ring(void);
/* The first seat from *seat on that another has, into *seat; but for those that are true in `around`
 * (NULL: none), of the runs that this one is inside of. False: there is none. */
bool qb_claims_find(int claims, unsigned cpu, const bool around[QB_CLAIM_SEATS], unsigned *seat);
/* Who has a seat, by their own word; pid is 0 where they gave none. */
struct qb_claimant {
	int32_t pid;
	uint32_t uid;
};
void qb_claims_sign(int claims, unsigned cpu, unsigned seat, const struct qb_claimant *who);
struct qb_claimant qb_claims_signed(int claims, unsigned cpu, unsigned seat);

/* ---- guardian ---- */

/*
 * The guardian sleeps: it is the watchdog, and its only job is recovery when the monitor dies. Each monitor
 * has one, also that of a run that joined (which holds no lock).
 *
 * It forks the monitor, answers a stopped one with SIGCONT, passes SIGTERM on (restore, then end), and
 * ends one that does not come back in time: from SIGTERM, from its client's death, from the restore, from
 * the policy's limit (qb_guardian_expect). Should the monitor end without having settled its journal,
 * the guardian forks a recovery that takes the session over where it stands: the client is told the
 * truth on the same socket. A recovery that crashes is forked again; the journal skips a step after two
 * crashes on it.
 */
/*
 * Forks. 0 in the child, which is the monitor; the caller guards it, and ends with the helper's exit status:
 * 0 when everything of ours is back. The client may be waiting for the answer to `pending` already; these
 * descriptors are the monitor's alone.
 */
int qb_guardian_fork(
	struct qb_helper *helper, enum qb_message_type pending, const int *fds, size_t n);
/* One that somebody has stopped goes on: it may be the only one who can heal. */
void qb_guardian_wake(const struct qb_journal_owner *holder);
/* The monitor's word to the watchdog: within so long it has done the next thing; 0: whenever. */
void qb_guardian_expect(const struct qb_helper *helper, int64_t ns);
/* It begins to restore, or is no longer about it. */
void qb_guardian_restoring(const struct qb_helper *helper, bool restoring);
/* That benchmark ends with the client, whatever becomes of the monitor; no journal has it. */
void qb_guardian_remember(const struct qb_helper *helper, const struct qb_journal_bench *bench);

/*
 * At the start of a session: restores what a session left of which nobody lives. 1: there was one
 * (ret tells how it went), 0: there was none, negative: there is one that cannot be trusted.
 */
int qb_guardian_recover(
	struct qb_conditioning *ret_session, struct qb_undo_summary *ret, struct qb_error *err);

/* ---- monitor ---- */

/* The monitor: the only process that changes the host. Its MUSTs head monitor.c. */
/* Exit status: the session ended and its journal could not be settled; the guardian takes over. */
#define QB_MONITOR_UNSETTLED 70

/* Serves the session to its end. Exit status: 0, 1 (not everything could be restored), or 70. */
int qb_monitor_run(struct qb_helper *helper);

#endif
