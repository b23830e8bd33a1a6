/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark's process: a child of ours that is held before exec until the host is ready.
 *
 *	qb_child_find        the command, before anything is touched
 *	qb_child_place       fork; the child waits, and a session, if there is one, may place it
 *	qb_child_prepare     it lets itself be placed, and sets its own levers
 *	qb_child_release     it becomes the command
 *	qb_child_wait        to its end; or qb_child_cancel instead of the last two
 *
 * The command gets from the caller: user, environment byte for byte, folder, limits, terminal,
 * process group, signal mask and dispositions, and every descriptor that was open.
 */
#ifndef QB_CLIENT_CHILD_H
#define QB_CLIENT_CHILD_H

#include <client/job.h>
#include <client/planner.h>
#include <client/session.h>
#include <noise/watch.h>
#include <quietbench/error.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * Finds the command as execvp would. `buf` gets a path with a slash in it. -ENOENT: not found;
 * -EACCES or another error: found, and cannot be executed.
 */
int qb_child_find(const char *command, char *buf, size_t size, struct qb_error *err);

struct qb_child {
	pid_t pid;
	int control;	    /* to the held child; closed when it executes */
	struct qb_job *job; /* the order's */
	int64_t started_ns; /* CLOCK_MONOTONIC, at the release */
};

struct qb_child_order {
	const char *path;
	char *const *argv;
	/* Instead of a command: what the child does, and its exit status; NULL: it executes `path`.
	 * Such a child is killed with its parent. */
	int (*run)(void *data);
	void *data;
	int out, errors; /* its standard output and error; 0: the caller's */
	struct qb_job *job;
	const struct qb_answer *answer; /* steps and selection for the levers */
};
/* With a session (NULL: there is none) the helper is told to place it. */
int qb_child_place(struct qb_child *ret, const struct qb_child_order *order,
	struct qb_session *session, struct qb_answer *answer, struct qb_error *err);

/* Writes what became of the process levers into `steps`; NULL: this is not the command. An error: the
 * child must be cancelled. */
int qb_child_prepare(struct qb_child *child, struct qb_steps *steps, struct qb_error *err);

/* 0: the command runs. Negative: exec failed (-ENOENT, …), and the child has ended. Ctrl-Z that reaches it before
 * that stops us, too. */
int qb_child_release(struct qb_child *child, struct qb_error *err);

struct qb_child_end {
	int status; /* as of wait(2) */
	int64_t wall_ns;
	struct rusage usage;
};
/* Relays signals, stops and continues with the child, listens to the session and serves the watch
 * (either may be NULL). */
int qb_child_wait(struct qb_child *child, struct qb_job *job, struct qb_session *session,
	struct qb_watch *watch, struct qb_child_end *ret, struct qb_error *err);

/* Ends a held child. */
void qb_child_cancel(struct qb_child *child);

/*
 * Prepares and releases a child that does `run`. What became of the levers of its process is nobody's
 * business. -EBUSY: it would disturb the command of another run, which has joined the same session and is on
 * one of its CPUs. After an error there is no child any more.
 */
int qb_child_begin(struct qb_child *child, const struct qb_session *session,
	const struct qb_answer *answer, struct qb_error *err);

/* The forker's (forker.h): in a child that is placed already, what else is done between fork and exec. */
_Noreturn void qb_child_become(int control, const struct qb_child_order *order, pid_t parent);

/*
 * The levers of section process: what the benchmark's own process sets for itself before exec
 * (process.c). They need no privilege (but for fifo, rr and a negative nice) and leave nothing to
 * restore. process.lock it finds done: it is a limit of the group that the helper moved it to.
 */
struct qb_process_result {
	uint16_t lever; /* enum qb_lever_id */
	uint8_t status; /* APPLIED, UNCHANGED, UNSUPPORTED or FAILED */
	int32_t code;	/* of the last two: the errno */
};
#define QB_PROCESS_LEVERS 7

/* In the child: does what the plan's steps say of its own process. Returns how many results. */
unsigned qb_process_apply(const struct qb_steps *steps, const struct qb_selection *selection,
	struct qb_process_result ret[QB_PROCESS_LEVERS]);

/* In the parent: what became of those steps. */
void qb_process_note(const struct qb_process_result *results, unsigned n, struct qb_steps *steps);

#endif
