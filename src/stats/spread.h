/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is B's spread less than A's? What conditioning is for.
 *
 * Runs come in pairs of blocks, one block a side, in an order by coin. What is compared is the MNAD of
 * all runs (describe.h) of either side, L = ln(MNAD_A / MNAD_B).
 *
 * p by swapping the sides of whole pairs of blocks (a randomisation test: Pitman 1937; Ernst, Statistical
 * Science 19, 2004); the interval by the bootstrap of pairs of blocks with Student's quantile. Runs
 * within a block are alike, so runs are never swapped or drawn one by one: that finds differences where
 * there are none in up to 24 of 100 experiments under bursts.
 */
#ifndef QB_STATS_SPREAD_H
#define QB_STATS_SPREAD_H

#include "random.h"
#include "rank.h"
#include <stdbool.h>

#define QB_SPREAD_PAIRS_MIN 6

struct qb_spread {
	double mnad_a, mnad_b;
	struct qb_interval ratio; /* A's to B's: 2 is half the noise in B */
	double p;		  /* one-sided: that B's is not less */
	bool less;		  /* p <= 0.025, and the interval lies above 1 */
};

/*
 * `a`, `b`: n_pairs blocks of `per_block` runs each, in a row. 0, -ENOMEM; -EDOM: fewer than
 * QB_SPREAD_PAIRS_MIN pairs, or a side does not vary at all.
 */
int qb_spread_compare(const double *a, const double *b, size_t n_pairs, size_t per_block,
	struct qb_random *random, struct qb_spread *ret);

#endif
