/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host as a command has it: conditioned for it, joined (somebody else has conditioned it), or
 * left as it is.
 *
 *	struct qb_condition condition = QB_CONDITION_NONE;
 *	… what is asked for, and the job …
 *	r = qb_condition_open(&condition, &hello, &err);        or qb_condition_bare
 *	… execute commands (execute.h), measure …
 *	r = qb_condition_restore(&condition, &err);
 *	qb_condition_close(&condition);                         also after an error: then it restores
 */
#ifndef QB_CLIENT_CONDITION_H
#define QB_CLIENT_CONDITION_H

#include <client/forker.h>
#include <client/job.h>
#include <client/planner.h>
#include <client/session.h>
#include <noise/probe.h>

struct qb_condition {
	struct qb_asked asked;
	struct qb_job job;
	bool has_job;
	struct qb_session session;
	struct qb_answer answer;
	struct qb_forker forker; /* of commands and probes (execute.h) */
	struct qb_probe probe;	 /* their memory: prepared before the forker begins */
	bool applied;		 /* the host is conditioned, or joined: RESTORE is owed */
	bool complete; /* the host is as it was: nothing was changed, or all of it is back */
};
#define QB_CONDITION_NONE                                                                          \
	((struct qb_condition){.session = {.fd = -1}, .asked = {.n_fds = 0}, .complete = true})

/* How much of what the profile asks for is so. */
enum qb_conditioned {
	QB_CONDITIONED_NONE,	/* nothing of the host was changed */
	QB_CONDITIONED_PARTIAL, /* some of what the profile asks for is not available here */
	QB_CONDITIONED_FULL,
	QB_CONDITIONED_JOINED, /* another session conditioned the host; this run only used it */
};

/* Begins with what is asked for (`asked`, complete but for what own profiles extend) and the job. */
int qb_condition_begin(struct qb_condition *condition, struct qb_error *err);

/*
 * Opens a session, plans, judges what is required, applies, judges again. A lease that was only renewed
 * (session.joined) has nothing to apply. Errors are those of qb_session_open, which leaves session.fd
 * at -1, and those of its requests.
 */
int qb_condition_open(
	struct qb_condition *condition, const struct qb_session_hello *hello, struct qb_error *err);
/* Did qb_condition_open fail with `r` because no way to privilege is open, or is of no use from here? */
bool qb_condition_lacks_privilege(const struct qb_condition *condition, int r);
/* Plans, and leaves the host as it is. With `why` (may be NULL), its steps are refused for that
 * reason, and what is required is lacking: -EACCES. */
int qb_condition_bare(
	struct qb_condition *condition, const struct qb_error *why, struct qb_error *err);

/* Was it said which CPUs, or how many (-c, -n)? */
bool qb_condition_chooses(const struct qb_condition *condition);
/* The session that places processes on the benchmark's CPUs; NULL: none. */
struct qb_session *qb_condition_placer(struct qb_condition *condition);
/* -QB_TOLD_TO_END: the caller was told to end (job.signal). */
int qb_condition_interrupted(struct qb_condition *condition, struct qb_error *err);

/*
 * Has the helper put the host back; what came of it is in answer.done and the steps. After an error
 * the helper goes on doing so by itself. Nothing to do where nothing was applied.
 */
int qb_condition_restore(struct qb_condition *condition, struct qb_error *err);
/* After that: was it this session whose end brought the host back? Of shared runs it is the last. */
bool qb_condition_was_ours(const struct qb_condition *condition);
/* For the record. */
enum qb_conditioned qb_condition_reached(const struct qb_condition *condition);

/* Ends the session and the job, and frees. job.signal stays. */
void qb_condition_close(struct qb_condition *condition);

#endif
