/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pieces of the planner: its answers (answer.c), and what it gives up (sandbox.c). */
#ifndef QB_PLANNER_PLANNER_H
#define QB_PLANNER_PLANNER_H

#include <quietbench/protocol.h>
#include <stdbool.h>

/* ---- answers, on fd 0. Negative: the client is gone ---- */

/* A PROFILE with a name and no file: the client may own what is missing. */
void qb_answer_missing(const char *name);
int qb_answer_profile(const struct qb_profile *profile, struct qb_error *err);
int qb_answer_policy(struct qb_policy_message *policy, struct qb_error *err);
int qb_answer_host(const struct qb_topology *topology, const struct qb_selection *selection,
	struct qb_error *err);
int qb_answer_pus(const struct qb_topology *topology, struct qb_error *err);
int qb_answer_selection(const struct qb_selection *selection, struct qb_error *err);
int qb_answer_steps(const struct qb_steps *steps, struct qb_error *err);

/* ---- what the planner gives up before it parses anything ---- */

/*
 * Not dumpable, no new privileges, and only the system calls that reading a host takes (libseccomp).
 * A breach kills the planner; its caller sees the signal. A user's own may enter a captured host.
 */
int qb_sandbox_enter(bool own, struct qb_error *err);
/*
 * Makes the folder behind `fd` this process's root. Takes root, or a user namespace of one's own.
 * Permitted inside the sandbox of a user's own planner.
 */
int qb_sandbox_chroot(int fd, struct qb_error *err);

#endif
