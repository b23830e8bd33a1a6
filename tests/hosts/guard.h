/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard: under a substituted host, the program under test finds the machine's real processes
 * in /proc, and a sweep that moves every task off a CPU would move the developer's. Once the guard
 * stands, system calls that name another process (affinity, scheduling, priority, signals, limits)
 * reach only processes in the caller's own mount namespace, and fail with EPERM for all others.
 * It is for safety, not security: a 32-bit program, or one that shares a mount namespace with the
 * world, is not held.
 */
#ifndef QB_TESTS_GUARD_H
#define QB_TESTS_GUARD_H

/*
 * Puts the calling process and all that it will start under the guard, for good. Needs
 * CAP_SYS_ADMIN in its user namespace, and a mount namespace of its own. Leaves a supervisor behind
 * that ends when the last guarded process has. Returns 0, or a negative errno with *ret_step saying
 * what was attempted.
 */
int qb_guard_install(const char **ret_step);

#endif
