/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sampler (measure.c) and the loops (measure_loops.c), parent and child, share. */
#ifndef QB_NOISE_MEASURE_INTERNAL_H
#define QB_NOISE_MEASURE_INTERNAL_H

#include "cgroup.h"
#include "measure.h"

/* Memory of both. */
struct qb_measure_shared {
	size_t size;
	_Atomic bool stop;
	_Atomic int failed;	/* errno of a loop that could not begin */
	struct qb_loop loops[]; /* behind them the windows of every CPU, and then the gaps */
};

/*
 * What is known after n windows of 100 ms: the windows are folded out of the loops' and judged. Needs
 * no more of a CPU than its loop's windows, its steal and its waits.
 */
int qb_measure_judge(struct qb_measure *measure, size_t n, struct qb_error *err);

/* Sleeps until then (CLOCK_MONOTONIC). */
void qb_measure_sleep(int64_t until_ns);

/* ---- hard.c ---- */

/* The counters before the measurement; which of them there are, and those of
 * each CPU, are noted in it. */
struct qb_hard_before {
	struct qb_cgroup group; /* of the loops */
	uint64_t swapped_in, quota_us;
	bool swap_known, quota_known;
};

void qb_hard_begin(struct qb_measure *measure, pid_t child, struct qb_hard_before *ret);
/* What has come since, into the measurement. */
void qb_hard_count(struct qb_measure *measure, const struct qb_hard_before *before);
/* Is a loop no longer kept on its CPU alone? Notes which, and why. */
bool qb_hard_moved(struct qb_measure *measure);

#endif
