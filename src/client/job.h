/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals and job control of `run`: the benchmark shall notice nothing of quietbench, and a shell
 * nothing but one job.
 *
 * All signals that can be are blocked and read from a descriptor; no handler, no race. Blocked
 * SIGTTOU also means that a line on stderr never stops us in the middle of conditioning. Before the
 * benchmark runs, a signal that would have ended us ends the session (qb_job_interrupted). While it
 * runs, what was sent to quietbench alone is relayed; what the whole process group got, from the
 * terminal or from kill(-pgid), reached the benchmark already.
 *
 * When the benchmark stops, so do we, and a shell with job control sees that its job has. Whoever stopped
 * it need not know of us, and continues it alone (cpulimit, a debugger, kill -CONT), or kills it. So a
 * waker, a process in a group of its own, sees to it that we are not stopped when the benchmark is not.
 *
 * A sentinel tells the two kinds of kill apart: a process in our group that blocks everything and
 * sleeps. What was sent to the group is pending there; the kernel signals a group's newest members
 * first, so it is pending there before we read it. systemd ends a service or session by signalling
 * each process of its control group, the sentinel as well as us; a benchmark that was placed is in
 * another and gets nothing, so that is relayed.
 */
#ifndef QB_CLIENT_JOB_H
#define QB_CLIENT_JOB_H

#include <quietbench/error.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct qb_job {
	int fd;			  /* readable: a signal for qb_job_relay */
	int early;		  /* readable: a signal for qb_job_interrupted */
	sigset_t mask;		  /* the caller's */
	struct sigaction sigchld; /* the caller's: ignored, children could not be waited for */
	int signal;		  /* what asked us to end; 0: nothing did */
	int heard;		  /* the same while a command ran, which got it, too */
	pid_t sentinel;		  /* 0: none */
	pid_t waker;		  /* the last one: its SIGCONT is for us alone; 0: none */
	uint64_t group;		  /* signals the group got that we have not read yet */
};

int qb_job_begin(struct qb_job *ret, struct qb_error *err);
/* Ends the sentinel. The signals stay blocked: nothing may disturb what comes after. */
void qb_job_end(struct qb_job *job);
/* In a child that will be the benchmark: mask and disposition as the caller left them. */
void qb_job_inherit(const struct qb_job *job);

/* Has a signal asked us to end (job->signal)? Ctrl-Z stops us here. Does not block. */
bool qb_job_interrupted(struct qb_job *job);
/* Ends this process by the signal, as if nothing had been blocked. */
_Noreturn void qb_job_die(int signal);

/* Starts the sentinel, if it is not there; without it (no more processes allowed) group signals are relayed too. */
void qb_job_watch(struct qb_job *job);
/* Reads the signals that have come; relays to `pid` (our child). */
void qb_job_relay(struct qb_job *job, pid_t pid);
/* `pid` (our child) stopped by `signal`: stop likewise, return when continued, or when it is not stopped
 * any more. */
void qb_job_stop(struct qb_job *job, int signal, pid_t pid);

#endif
