/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who ran on a CPU, and for how long: perf's record of every context switch there.
 *
 * A software event of the kernel's (perf_event_open(2), PERF_COUNT_SW_DUMMY with context_switch):
 * neither a PMU nor tracefs is needed, but CAP_PERFMON, or perf_event_paranoid below 1. The ring is
 * read from another CPU; what did not fit in it is counted as lost, never guessed.
 */
#ifndef QB_NOISE_SWITCHES_H
#define QB_NOISE_SWITCHES_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QB_RUNNERS_MAX 256

struct qb_runner {
	pid_t pid, tid;
	char comm[32];
	int64_t ns;	/* on this CPU */
	uint64_t times; /* so often it came there */
	int64_t since;	/* of one that is there: since when; else 0 */
	int64_t waits;	/* of one that was put off and wants to go on: since when; else 0 */
	int64_t waited; /* so long all together */
	bool own;	/* the process that qb_switches_follow names, or a descendant */
};

struct qb_switches {
	int fd;
	void *ring; /* struct perf_event_mmap_page and the data behind it */
	struct qb_runner v[QB_RUNNERS_MAX];
	size_t n;
	int64_t rest_ns; /* of runners that had to make room for others: the least of them all */
	uint64_t lost;	 /* records that did not fit into the ring */
	int64_t from_ns; /* given: what was before (CLOCK_MONOTONIC) does not count; 0: all does */
	int64_t until_ns;
};

/* -EACCES, -EPERM: not allowed (perf_event_paranoid). -ENOENT, -EOPNOTSUPP: no such event here. */
int qb_switches_open(struct qb_switches *ret, unsigned cpu, struct qb_error *err);
/* This process and all that it forks on the CPU from now on are `own`. */
void qb_switches_follow(struct qb_switches *switches, pid_t pid);
/* Takes in what has been recorded since. */
void qb_switches_drain(struct qb_switches *switches);
/* The same for the last time: what came after `until_ns` (CLOCK_MONOTONIC) counts no more, and who
 * is on the CPU has been there until then. */
void qb_switches_end(struct qb_switches *switches, int64_t until_ns);
void qb_switches_close(struct qb_switches *switches);

#endif
