/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who runs on the benchmark's CPUs, seen for a client who may not use perf (noise/switches.h).
 *
 * The monitor takes in what was recorded once a second, from a housekeeping CPU. What it tells are
 * sums; descriptors stay here, and so do the names of processes that are neither the client's nor
 * the kernel's, unless the policy gives them.
 */
#ifndef QB_HELPER_WATCH_H
#define QB_HELPER_WATCH_H

#include <noise/switches.h>
#include <quietbench/error.h>
#include <quietbench/topology.h>

#define QB_WATCHER_TICK_MS 1000
#define QB_WATCHER_CPUS	   64

struct qb_watcher {
	size_t n; /* 0: it does not watch */
	struct {
		unsigned cpu;
		struct qb_switches switches;
	} * of; /* owned */
};

/* Ends what it watched before, and begins anew with this process. Where nobody is kept off its CPUs
 * the caller keeps off from now on. */
int qb_watcher_begin(struct qb_watcher *watcher, const struct qb_selection *selection, pid_t pid,
	struct qb_error *err);
void qb_watcher_tick(struct qb_watcher *watcher);
/* What was seen until then, one message for each CPU, to who may see the names of `uid` or of all. */
int qb_watcher_tell(struct qb_watcher *watcher, int session, int64_t until_ns, uid_t uid,
	bool names, struct qb_error *err);
void qb_watcher_end(struct qb_watcher *watcher);

#endif
