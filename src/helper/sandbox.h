/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the helper's processes give up. */
#ifndef QB_HELPER_SANDBOX_H
#define QB_HELPER_SANDBOX_H

#include <quietbench/error.h>

/* At start, before the peer is looked at: limits, environment, umask, folder, fds, terminal, signals.
 * `*ret_session` is the session, moved away from fd 0. */
int qb_sandbox_start(int *ret_session, struct qb_error *err);
/* The monitor's and the guardian's: the capabilities and system calls that levers need, no new
 * privileges. Nobody is executed by a path after this. */
int qb_sandbox_limit(struct qb_error *err);
/* In the child that becomes the planner: nobody, without capabilities, with small limits. */
int qb_sandbox_enter_planner(void);

#endif
