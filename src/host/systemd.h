/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd: where it is process 1 it owns the tree of control groups, and what we want there we ask
 * of it: a transient slice with CPUs of its own, a transient scope in it. Transient units leave
 * nothing behind: no drop-in, nothing to reload (seen with systemd 252 on Linux 6.1: stopping the
 * slice turns the root's cpuset controller off again).
 *
 * Units that are there already can be stopped, started, frozen and thawed; never enabled or
 * disabled. All of it is asked by quietbench-bus, which is started when this process asks for the
 * first time, and ends with it; this one neither links nor loads libsystemd. logind.h asks the same
 * way. Built without HAVE_SYSTEMD, or where the system bus cannot be reached, everything but
 * qb_systemd_booted and qb_systemd_available fails with -ENOTSUP or -ENOTCONN and the reason; never
 * with -ENOENT or -ESRCH but where it says so.
 */
#ifndef QB_HOST_SYSTEMD_H
#define QB_HOST_SYSTEMD_H

#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stddef.h>
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
	uint64_t cpu_usec;		/* CPU time per second, microseconds */
	uint64_t cpu_weight, io_weight; /* 100: as everybody's */
	struct qb_cpus nodes;		/* of memory; empty: all */
	const struct qb_cpus *cpus;	/* NULL: all of its slice's */
};

/* A slice below the root whose AllowedCPUs are `cpus` (NULL: all). Done when it returns. */
int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err);
/* A scope with this process in it. */
int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err);

/* The unit's own name, of which `name` may be an alias. -ESRCH: there is no such unit here. */
int qb_systemd_id(const char *name, char *buf, size_t size, struct qb_error *err);
/* The name of the unit that a process lives in. -ESRCH: it is in none, or gone. */
int qb_systemd_unit_of(pid_t pid, char *buf, size_t size, struct qb_error *err);

/* Does this unit run? Waits while it is changing; one that does not exist does not run. */
int qb_systemd_active(const char *name, bool *ret, struct qb_error *err);
/* Can it be stopped without stopping other units, and started again? 0, or -EOPNOTSUPP with the reason. */
int qb_systemd_check_stop(const char *name, struct qb_error *err);
/* Stops a unit. One that does not exist is stopped. */
int qb_systemd_stop(const char *name, struct qb_error *err);
/* Starts a unit that exists, and waits until it runs. */
int qb_systemd_start(const char *name, struct qb_error *err);

/* The timers that are due within so long, the next one first. `ret` gets at most `max` of them, and at
 * most QB_TOLD_TIMERS; *ret_n says how many there are. */
int qb_systemd_timers(int64_t within_us, struct qb_systemd_timer *ret, size_t max, size_t *ret_n,
	struct qb_error *err);

/* Is it frozen? Waits while it is changing. -ESRCH: it does not run. -EOPNOTSUPP: it cannot be. */
int qb_systemd_frozen(const char *name, bool *ret, struct qb_error *err);
/* Freezes or thaws a unit, and waits until it is. -ESRCH: it does not run. */
int qb_systemd_freeze(const char *name, bool freeze, struct qb_error *err);

#endif
