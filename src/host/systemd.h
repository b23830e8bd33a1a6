/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd: where it is process 1 it owns the tree of control groups, and what we want there we ask
 * of it: a transient slice with CPUs of its own, a transient scope in it. Transient units leave
 * nothing behind: no drop-in, nothing to reload (seen with systemd 252 on Linux 6.1: stopping the
 * slice turns the root's cpuset controller off again).
 *
 * The only user of libsystemd (sd-bus). Built without HAVE_SYSTEMD, or where the system bus cannot
 * be reached, everything but qb_systemd_booted fails with -ENOTSUP and the reason.
 */
#ifndef QB_HOST_SYSTEMD_H
#define QB_HOST_SYSTEMD_H

#include <quietbench/error.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Is systemd process 1? */
bool qb_systemd_booted(void);
/* Can it be asked, as far as an unprivileged look can tell? 0 or -ENOTSUP with the reason. */
int qb_systemd_available(struct qb_error *err);

/*
 * Waits until whatever a process that has died meanwhile asked of systemd is done: until the bus
 * has dropped the dead's connections, then for one answer, then until `unit` has no job.
 */
int qb_systemd_settle(const char *unit, struct qb_error *err);

/* Limits of a scope; UINT64_MAX: none. */
struct qb_systemd_limits {
	uint64_t memory_max, memory_high, swap_max, tasks_max; /* bytes, bytes, bytes, tasks */
	uint64_t cpu_usec; /* CPU time per second, microseconds */
};

/* A slice below the root whose AllowedCPUs are `cpus` (NULL: all). Done when it returns. */
int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err);
/* A scope with this process in it. -ESRCH: the process is gone. */
int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err);
/* Does this unit run? Waits while it is changing; one that does not exist does not run. */
int qb_systemd_active(const char *name, bool *ret, struct qb_error *err);
/* Starts a unit that exists, and waits until it runs. */
int qb_systemd_start(const char *name, struct qb_error *err);
/* Stops a unit. One that does not exist is stopped. */
int qb_systemd_stop(const char *name, struct qb_error *err);

#endif
