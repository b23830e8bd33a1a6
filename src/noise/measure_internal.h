/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the sampler (measure.c) and the loops (measure_loops.c), parent and child, share. */
#ifndef QB_NOISE_MEASURE_INTERNAL_H
#define QB_NOISE_MEASURE_INTERNAL_H

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

#endif
