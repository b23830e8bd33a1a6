/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spread.h */
#include "spread.h"
#include "describe.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stats/distributions.h>
#include <stdlib.h>
#include <string.h>

/* With so many pairs all swaps are made, with more of them so many by lot. */
#define EXACT_PAIRS 10
#define SWAPS	    9999
#define DRAWS	    2000
#define LEVEL	    0.025

struct spread {
	const double *a, *b;
	size_t n_pairs, per_block;
	double *x, *y; /* scratch, as long as a and b */
};

static double log_ratio(struct spread *s)
{
	const size_t n = s->n_pairs * s->per_block;

	return log(qb_stats_mnad(s->x, n)) - log(qb_stats_mnad(s->y, n));
}

/* Pair `from` of the experiment becomes pair `to` of the scratch. */
static void put(struct spread *s, size_t to, size_t from, bool swapped)
{
	const size_t size = s->per_block * sizeof(double);

	memcpy(s->x + to * s->per_block, (swapped ? s->b : s->a) + from * s->per_block, size);
	memcpy(s->y + to * s->per_block, (swapped ? s->a : s->b) + from * s->per_block, size);
}

/* How many of the swaps make L as large as it was. */
static double swap_test(struct spread *s, double was, struct qb_random *random)
{
	const bool exact = s->n_pairs <= EXACT_PAIRS;
	const size_t swaps = exact ? (size_t)1 << s->n_pairs : SWAPS;
	size_t as_large = exact ? 0 : 1;

	for (size_t i = 0; i < swaps; i++) {
		for (size_t pair = 0; pair < s->n_pairs; pair++)
			put(s, pair, pair, exact ? i >> pair & 1 : qb_random_next(random) >> 63);
		as_large += log_ratio(s) >= was - 1e-12;
	}
	return (double)as_large / (double)(exact ? swaps : swaps + 1);
}

/* The standard error of L. A draw of equal runs alone has no L, and is drawn again. */
static double standard_error(struct spread *s, struct qb_random *random)
{
	double mean = 0, squares = 0;

	for (size_t i = 1; i <= DRAWS; i++) {
		double l, off;

		do {
			for (size_t pair = 0; pair < s->n_pairs; pair++)
				put(s, pair, qb_random_below(random, s->n_pairs), false);
			l = log_ratio(s);
		} while (!isfinite(l));
		off = l - mean;
		mean += off / (double)i;
		squares += off * (l - mean);
	}
	return sqrt(squares / (DRAWS - 1));
}

int qb_spread_compare(const double *a, const double *b, size_t n_pairs, size_t per_block,
	struct qb_random *random, struct qb_spread *ret)
{
	const size_t n = n_pairs * per_block;
	_cleanup_free_ double *x = malloc((n + 1) * sizeof(*x)), *y = malloc((n + 1) * sizeof(*y));
	struct spread s = {
		.a = a, .b = b, .n_pairs = n_pairs, .per_block = per_block, .x = x, .y = y};
	const double pairs = (double)n_pairs;
	struct qb_spread spread;
	double l, half;

	if (!x || !y)
		return -ENOMEM;
	if (n_pairs < QB_SPREAD_PAIRS_MIN || per_block == 0)
		return -EDOM;
	memcpy(x, a, n * sizeof(*x));
	memcpy(y, b, n * sizeof(*y));
	spread.mnad_a = qb_stats_mnad(x, n);
	spread.mnad_b = qb_stats_mnad(y, n);
	if (spread.mnad_a <= 0 || spread.mnad_b <= 0)
		return -EDOM;
	l = log(spread.mnad_a) - log(spread.mnad_b);
	spread.p = swap_test(&s, l, random);
	half = qb_student_quantile(1 - LEVEL, pairs - 1) * standard_error(&s, random) *
	       sqrt(pairs / (pairs - 1));
	spread.ratio = (struct qb_interval){exp(l - half), exp(l), exp(l + half)};
	spread.less = spread.p <= LEVEL && spread.ratio.low > 1;
	*ret = spread;
	return 0;
}
