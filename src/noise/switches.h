/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who ran on a CPU, and for how long: perf's record of every context switch there.
 *
 * A software event of the kernel's (perf_event_open(2), PERF_COUNT_SW_DUMMY with context_switch):
 * neither a PMU nor tracefs is needed, but CAP_PERFMON, or perf_event_paranoid below 1. The ring is
 * read from another CPU; what did not fit in it is counted as lost, never guessed.
 *
 * Who may not use perf can be lent what another process saw (`lent`): the helper watches for the
 * benchmarks that it places.
 */
#ifndef QB_NOISE_SWITCHES_H
#define QB_NOISE_SWITCHES_H

#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QB_RUNNERS_MAX 256

struct qb_runner {
	pid_t pid, tid;
	uid_t uid; /* whose; -1: it was gone before we looked */
	char comm[32];
	int64_t ns;	/* on this CPU */
	uint64_t times; /* so often it came there */
	int64_t since;	/* of the one that is there: since when; else 0 */
	int64_t waits;	/* of one that was put off and wants to go on: since when; else 0 */
	int64_t waited; /* so long all together */
	bool ended;
	bool own; /* the process that qb_switches_follow names, or a descendant */
};

struct qb_switches {
	int fd;	    /* -1: not watched here */
	bool lent;  /* what is below was seen by somebody else */
	void *ring; /* struct perf_event_mmap_page and the data behind it */
	size_t size;
	pid_t follow;
	struct qb_runner v[QB_RUNNERS_MAX];
	size_t n;
	struct qb_runner *on; /* that has the CPU; NULL: nobody whom we know */
	int64_t rest_ns; /* of runners that had to make room for others: the least of them all */
	uint64_t lost;	 /* records that did not fit into the ring */
	int64_t from_ns; /* given: what was before (CLOCK_MONOTONIC) does not count; 0: all does */
	int64_t until_ns;
};

/* "cron (pid 812)"; the comm alone of who is not to be named (pid 0). */
void qb_runner_name(const char *comm, pid_t pid, char *buf, size_t size);

/* -EACCES, -EPERM: not allowed (perf_event_paranoid). -ENOENT, -EOPNOTSUPP: no such event here. */
int qb_switches_open(struct qb_switches *ret, unsigned cpu, struct qb_error *err);
/* This process and all that it forks on the CPU from now on are `own`. */
void qb_switches_follow(struct qb_switches *switches, pid_t pid);
/* Is it known who ran there? */
static inline bool qb_switches_known(const struct qb_switches *switches)
{
	return switches->fd >= 0 || switches->lent;
}
/* Takes in what has been recorded since. */
void qb_switches_drain(struct qb_switches *switches);
/* The same for the last time: what came after `until_ns` (CLOCK_MONOTONIC) counts no more, and who
 * is on the CPU has been there until then. */
void qb_switches_end(struct qb_switches *switches, int64_t until_ns);
/* What another process saw, as it was told of it (protocol.h). */
void qb_switches_lend(struct qb_switches *switches, const struct qb_switches_message *message);
void qb_switches_close(struct qb_switches *switches);

#endif
