/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A session with the helper: from nothing to HELLO, and the requests of protocol.h.
 *
 * First comes the door of a conditioned host (protocol.h), where a run joins and a lease is renewed
 * or ended. Then privilege is sought in this order: root; the socket of systemd's (QB_SOCKET_PATH);
 * `sudo -n`; on a terminal `sudo` with its prompt. What the helper tells without being asked (it waits, something was left running) is said or kept as
 * it comes.
 *
 * Every request returns 0, or a negative errno with the helper's own words in err; after an error
 * the helper restores by itself, and qb_session_close waits for that. No request waits for ever, and
 * each hears the caller being told to end: PLAN and APPLY then end with -EINTR, all else is given
 * the time of a restore.
 */
#ifndef QB_CLIENT_SESSION_H
#define QB_CLIENT_SESSION_H

#include <client/job.h>
#include <client/planner.h>
#include <quietbench/error.h>
#include <quietbench/protocol.h>

#define QB_SESSION_LEFTOVERS 16

struct qb_session {
	int fd;		    /* -1: lost */
	struct qb_job *job; /* whose signals end a wait for an answer */
	pid_t pid;	    /* the helper, or the sudo before it; 0: it was reached by a socket */
	bool joined;	    /* at the door; a renewed lease needs nothing more */
	bool shared;	    /* and what was joined are shared runs: this is one of them */
	struct qb_joined_message with; /* the session that was joined; holder is "": none */
	pid_t forker;		       /* forker.h: it is no leftover; 0: none was placed */
	unsigned n_leftovers;	       /* how many there are; only the first few are kept */
	struct qb_leftover leftovers[QB_SESSION_LEFTOVERS];
	/* who gets what was seen; set for the time of qb_session_switches */
	void (*seen)(void *data, const struct qb_switches_message *message);
	void *seen_data;
};
#define QB_SESSION_NONE ((struct qb_session){.fd = -1})

struct qb_session_hello {
	enum qb_purpose purpose;
	bool force;
	bool shared;	/* RUN: beside other shared runs */
	bool knocks;	/* -QB_COME_IN, rather than wait for the end of the caller's own lease */
	bool join_only; /* no way but the door of a host that is conditioned already */
	int64_t lock_wait_ns; /* -1: for ever */
	int64_t lease_ns;     /* LEASE: how long, or 0 and as long as this process lives */
	pid_t lease_while;
	char *const *command; /* for `status`: what is to be run; NULL: nothing */
};

/*
 * -EACCES: no way to privilege is open, and why. -QB_NOT_FROM_HERE: one is, and of no use (a
 * container). -QB_TOLD_TO_END: the caller was told to end while we
 * waited (job->signal). Anything else: the helper was reached and refused.
 */
int qb_session_open(struct qb_session *ret, const struct qb_session_hello *hello,
	struct qb_job *job, struct qb_error *err);

int qb_session_plan(struct qb_session *session, const struct qb_asked *asked,
	struct qb_answer *answer, struct qb_error *err);
int qb_session_apply(struct qb_session *session, struct qb_answer *answer, struct qb_error *err);
/* Confirms the lease: from now on the helper does not need us. The session is over (fd -1). */
int qb_session_lease(struct qb_session *session, struct qb_answer *answer, struct qb_error *err);
/* Hands over `place`, the helper's end of the throw-away socket; the caller closes its copy. */
int qb_session_run(
	struct qb_session *session, int place, struct qb_answer *answer, struct qb_error *err);
/* From now on `pid` is the benchmark, a child of ours that what was placed has forked in the run's group. */
int qb_session_born(
	struct qb_session *session, pid_t pid, struct qb_answer *answer, struct qb_error *err);
/* From now on the helper sees who runs on the CPUs of the process that was placed. -EOPNOTSUPP: even
 * root does not see that here. */
int qb_session_watch(struct qb_session *session, struct qb_answer *answer, struct qb_error *err);
/* What it has seen until then (CLOCK_MONOTONIC): `seen` is called for every CPU. -EOPNOTSUPP: nothing,
 * for it was told to end meanwhile. */
int qb_session_switches(struct qb_session *session, int64_t until_ns,
	void (*seen)(void *data, const struct qb_switches_message *message), void *data,
	struct qb_answer *answer, struct qb_error *err);
int qb_session_restore(struct qb_session *session, struct qb_answer *answer, struct qb_error *err);

/* While the benchmark runs: takes what the helper says by itself. Its end makes fd -1. */
void qb_session_listen(struct qb_session *session);

/*
 * Whose commands run on these CPUs of the session that was joined: "CPU 2 has another run's command (pid
 * 812, user 1000)". False, and "": nobody's. QB_ERROR_MAX suffices for some.
 */
bool qb_session_others(
	const struct qb_joined_message *with, const struct qb_cpus *cpus, char *buf, size_t size);

/* Says BYE (unless lost), and waits until the helper has restored and ended. NONE is allowed. */
void qb_session_close(struct qb_session *session);

#endif
