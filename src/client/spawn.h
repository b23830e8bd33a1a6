/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting the other two programs, and sudo; and reaching a helper that listens.
 *
 * They are found beside this program (build folder), else in QB_LIBEXECDIR. Each gets a socket as
 * its fd 0 and nothing else of the caller's: a pipe that somebody reads to its end must not be held
 * open by a helper that outlives us.
 */
#ifndef QB_CLIENT_SPAWN_H
#define QB_CLIENT_SPAWN_H

#include <client/job.h>
#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The path of "quietbench-helper" or "quietbench-planner". */
int qb_spawn_find(const char *program, char *buf, size_t size, struct qb_error *err);

struct qb_spawn {
	char *const *argv; /* argv[0] is a path, or a name for PATH */
	bool clean;	   /* an empty environment */
	bool background;   /* a process group of its own: the terminal's signals pass it by */
	bool silent;	   /* its stderr goes nowhere */
	int said; /* its stderr goes to this fd, also why it cannot be executed; 0: as above */
};

/* Starts it with one end of a new SOCK_SEQPACKET pair as fd 0; the other is *ret_fd. */
int qb_spawn_start(const struct qb_spawn *spawn, int *ret_fd, pid_t *ret_pid, struct qb_error *err);
/*
 * Connects to a socket of root's. Returns the fd; -ENOTCONN: no process listens there; -EACCES: it is not
 * for this user; -EPERM: the listening process is not root's (err says who).
 */
int qb_spawn_connect(const char *path, struct qb_error *err);
/*
 * Runs it in the caller's terminal to its end; `silent`: without its output. What tells the caller to end
 * is passed on to it; some seconds later it is killed. Returns the wait status, or a negative errno.
 */
int qb_spawn_wait(const struct qb_spawn *spawn, struct qb_job *job, struct qb_error *err);

#endif
