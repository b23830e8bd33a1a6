/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spread.h */
#include "spread.h"
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

/* A run's value, and whose it is: twice its pair's number, and one more for side B. */
struct value {
	double x;
	uint32_t of;
};

/*
 * All runs in the order of their values, sorted once. A series is told by how often it has the runs of a
 * pair and side, so that thousands of them cost a walk each.
 */
struct spread {
	struct value *values; /* of both sides: 2 n */
	uint32_t *x, *y;      /* two series: 2 n_pairs */
	size_t n_pairs, per_block;
};

static void spread_free(struct spread *s)
{
	free(s->values);
	free(s->x);
	free(s->y);
}

static int by_value(const void *a, const void *b)
{
	const struct value *p = a, *q = b;

	return (p->x > q->x) - (p->x < q->x);
}

static int spread_make(struct spread *s, const double *a, const double *b)
{
	const size_t n = s->n_pairs * s->per_block;

	s->values = malloc((2 * n + 1) * sizeof(*s->values));
	s->x = calloc(2 * s->n_pairs + 1, sizeof(*s->x));
	s->y = calloc(2 * s->n_pairs + 1, sizeof(*s->y));
	if (!s->values || !s->x || !s->y)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint32_t of = (uint32_t)(i / s->per_block * 2);

		s->values[2 * i] = (struct value){a[i], of};
		s->values[2 * i + 1] = (struct value){b[i], of + 1};
	}
	qsort(s->values, 2 * n, sizeof(*s->values), by_value);
	return 0;
}

/* The mean distance from the median, as a share of it, of n_pairs blocks. */
static double mnad_of(const struct spread *s, const uint32_t *series)
{
	const size_t n = s->n_pairs * s->per_block;
	double median = 0, sum = 0;
	size_t at = 0;

	for (const struct value *v = s->values; at <= n / 2; v++) {
		const size_t next = at + series[v->of];

		if (at <= (n - 1) / 2 && next > (n - 1) / 2)
			median = v->x;
		if (next > n / 2)
			median += (v->x - median) / 2; /* the same, if n is odd */
		at = next;
	}
	for (size_t i = 0; i < 2 * n; i++)
		sum += series[s->values[i].of] * fabs(s->values[i].x - median);
	return median != 0 ? sum / (double)n / fabs(median) : 0;
}

static double log_ratio(const struct spread *s)
{
	return log(mnad_of(s, s->x)) - log(mnad_of(s, s->y));
}

/* How many of the swaps make L as large as it was. */
static double swap_test(struct spread *s, double was, struct qb_random *random)
{
	const bool exact = s->n_pairs <= EXACT_PAIRS;
	const size_t swaps = exact ? (size_t)1 << s->n_pairs : SWAPS;
	size_t as_large = exact ? 0 : 1;

	for (size_t i = 0; i < swaps; i++) {
		for (size_t pair = 0; pair < s->n_pairs; pair++) {
			const bool swapped = exact ? i >> pair & 1 : qb_random_next(random) >> 63;

			s->x[2 * pair] = s->y[2 * pair + 1] = !swapped;
			s->x[2 * pair + 1] = s->y[2 * pair] = swapped;
		}
		as_large += log_ratio(s) >= was - 1e-12;
	}
	return (double)as_large / (double)(exact ? swaps : swaps + 1);
}

/* Pairs by lot, as many as there are. */
static void draw(struct spread *s, struct qb_random *random)
{
	memset(s->x, 0, 2 * s->n_pairs * sizeof(*s->x));
	memset(s->y, 0, 2 * s->n_pairs * sizeof(*s->y));
	for (size_t i = 0; i < s->n_pairs; i++) {
		const uint64_t pair = qb_random_below(random, s->n_pairs);

		s->x[2 * pair]++;
		s->y[2 * pair + 1]++;
	}
}

/* The standard error of L. A draw of equal runs alone has no L, and is drawn again. */
static double standard_error(struct spread *s, struct qb_random *random)
{
	double mean = 0, squares = 0;

	for (size_t i = 1; i <= DRAWS; i++) {
		double l, off;

		do {
			draw(s, random);
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
	_cleanup_(spread_free) struct spread s = {.n_pairs = n_pairs, .per_block = per_block};
	const double pairs = (double)n_pairs;
	struct qb_spread spread;
	double l, half;

	if (n_pairs < QB_SPREAD_PAIRS_MIN || per_block == 0)
		return -EDOM;
	if (spread_make(&s, a, b) < 0)
		return -ENOMEM;
	for (size_t pair = 0; pair < n_pairs; pair++)
		s.x[2 * pair] = s.y[2 * pair + 1] = 1;
	spread.mnad_a = mnad_of(&s, s.x);
	spread.mnad_b = mnad_of(&s, s.y);
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
