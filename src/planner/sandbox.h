/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the planner gives up before it parses anything. */
#ifndef QB_PLANNER_SANDBOX_H
#define QB_PLANNER_SANDBOX_H

#include <quietbench/error.h>

/*
 * No new privileges, and only the system calls that reading a host takes (libseccomp): no socket,
 * no process, no file opened for writing. A breach kills the planner; its caller sees the signal.
 */
int qb_sandbox_enter(struct qb_error *err);
/*
 * Makes the folder behind `fd` this process's root. Takes root, or a user namespace of one's own.
 * Still permitted inside the sandbox.
 */
int qb_sandbox_chroot(int fd, struct qb_error *err);

#endif
