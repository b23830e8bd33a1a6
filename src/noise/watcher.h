/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watcher of a set of CPUs: perf's record of every context switch there.
 *
 *	qb_watcher_open      before the benchmark is let go
 *	qb_watcher_drain     when qb_watcher_patience is over, from another CPU
 *	qb_watcher_end       when it has ended; then `seen` (runners.h) says who ran
 *	qb_watcher_close
 *
 * A software event of the kernel's (perf_event_open(2), PERF_COUNT_SW_DUMMY with context_switch):
 * neither a PMU nor tracefs is needed, but CAP_PERFMON, or perf_event_paranoid below 1. What did not
 * fit in a ring is counted as lost, never guessed. Forks, exits and names are recorded on all CPUs
 * that are online when there is a benchmark to follow, for its family may be anywhere. (An event that
 * the benchmark inherits would be told less, and each of its forks would pay for it.)
 *
 * A process that may not use perf can be lent what another process saw: the helper watches for the benchmarks
 * that it places (protocol.h, SWITCHES).
 */
#ifndef QB_NOISE_WATCHER_H
#define QB_NOISE_WATCHER_H

#include "runners.h"
#include <quietbench/error.h>
#include <quietbench/protocol.h>

/* What perf recorded on a CPU and nobody has taken in yet. */
struct qb_watcher_ring {
	unsigned cpu;
	struct perf_event_mmap_page *page; /* and the data behind it */
	size_t size;
	uint64_t head, tail;
	struct qb_event next; /* that lies at the tail */
	uint64_t after;	      /* the tail behind it */
};

struct qb_watcher {
	struct qb_runners seen;
	bool lent;		       /* by somebody else */
	struct qb_watcher_ring *rings; /* owned; NULL: it does not watch itself */
	size_t n_rings, n_watched;     /* the first ones: of CPUs whose switches are seen */
	int64_t interval_ns, next_ns;  /* of draining */
	uint64_t start;		       /* of the benchmark's process, in clock ticks */
	char *group; /* owned; its control group, if that is its alone; else NULL */
};

/*
 * Watches these CPUs, and follows `child`, a process that has no child and no thread yet (0: nobody is
 * own). -EACCES, -EPERM: not allowed (perf_event_paranoid). -ENOENT, -EOPNOTSUPP: no such event here.
 */
int qb_watcher_open(
	struct qb_watcher *ret, const struct qb_cpus *cpus, pid_t child, struct qb_error *err);
static inline bool qb_watcher_is_open(const struct qb_watcher *watcher)
{
	return watcher->rings != NULL;
}
/* How many bytes a ring is mapped with at the first attempt (0), the next, ...; 0: there is no other. The
 * page of the kernel's, and behind it a power of two of pages (perf_event_open(2)), whatever their size. */
size_t qb_watcher_ring_size(bool switches, unsigned n_cpus, size_t page, unsigned attempt);
/* Is it known which tasks ran there? */
static inline bool qb_watcher_knows(const struct qb_watcher *watcher)
{
	return qb_watcher_is_open(watcher) || watcher->lent;
}
/* Milliseconds until it should be drained: often where there is much to see. -1: it does not watch. */
int qb_watcher_patience(const struct qb_watcher *watcher);
/* Takes in what has been recorded since. */
void qb_watcher_drain(struct qb_watcher *watcher);
/* The same for the last time: what came after `until_ns` (CLOCK_MONOTONIC) counts no more, and the current task of
 * each CPU ran until then. */
void qb_watcher_end(struct qb_watcher *watcher, int64_t until_ns);
void qb_watcher_close(struct qb_watcher *watcher);

/*
 * Tells what was seen, in as many messages as it takes: sums of each CPU, then the other tasks that ran there, the longest first.
 * `hide` (may be NULL): tasks that must not be named. 0, or what `send` failed with, or -ENOMEM.
 */
int qb_watcher_tell(const struct qb_watcher *watcher,
	bool (*hide)(const struct qb_runner *runner, const void *data), const void *data,
	int (*send)(struct qb_switches_message *message, void *to), void *to);
/* Takes in such a message. */
void qb_watcher_lend(struct qb_watcher *watcher, const struct qb_switches_message *message);

#endif
