/* SPDX-License-Identifier: GPL-2.0-or-later */
/* difference.h */
#include "difference.h"
#include "describe.h"
#include "looks.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Residuals beyond so many deviations do not count for the slope. */
#define OUTLYING 3
/* The F of a slope is taken for smaller than it is: neighbouring sums share a pair. */
#define CAUTION 1.5
/* |z| of the probes' own differences, from where on the programs move the probe: once in 100. */
#define MOVED 2.576
/* Half widths of an interval to the precision that is wanted, as a factor: right in 8 of 10. */
#define NEEDED 1.58

struct point {
	double x, y;
};

static int by_slope(const void *a, const void *b)
{
	const struct point *p = a, *q = b;
	const double s = p->y / p->x, t = q->y / q->x;

	return (s > t) - (s < t);
}

/* The median of y/x, with |x| for weight: the line through 0 with the least absolute error. */
static double weighted_median(struct point *points, size_t n)
{
	double weight = 0, sum = 0;

	qsort(points, n, sizeof(*points), by_slope);
	for (size_t i = 0; i < n; i++)
		weight += fabs(points[i].x);
	for (size_t i = 0; i < n; i++) {
		sum += fabs(points[i].x);
		if (sum >= weight / 2)
			return points[i].y / points[i].x;
	}
	return 0;
}

/* Least squares without what is far from the line `slope`, drawn towards 0. `scratch`: n doubles. */
static double refine(const struct point *points, size_t n, double slope, double *scratch)
{
	double limit, xy = 0, xx = 0, rest = 0, b, f;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		scratch[i] = fabs(points[i].y - slope * points[i].x);
	limit = OUTLYING * QB_STATS_DEVIATION * qb_stats_median(scratch, n);
	for (size_t i = 0; i < n; i++)
		if (fabs(points[i].y - slope * points[i].x) <= limit) {
			xy += points[i].x * points[i].y;
			xx += points[i].x * points[i].x;
			kept++;
		}
	if (kept < 3 || xx <= 0)
		return 0;
	b = xy / xx;
	for (size_t i = 0; i < n; i++)
		if (fabs(points[i].y - slope * points[i].x) <= limit)
			rest += pow(points[i].y - b * points[i].x, 2);
	if (rest <= 0)
		return b;
	f = b * b * xx / (CAUTION * rest / (double)(kept - 1));
	return f > 1 ? b * (1 - 1 / f) : 0;
}

/* b, of the sums of neighbouring pairs. Scratch: n points, n doubles. */
static double slope_of(const struct qb_pair *pairs, size_t n, struct point *points, double *scratch)
{
	size_t used = 0;

	for (size_t i = 0; i + 1 < n; i++) {
		const struct qb_pair *p = &pairs[i], *q = &pairs[i + 1];
		const struct point point = {.x = (log(q->probe_a) + log(q->probe_b) -
							 log(p->probe_a) - log(p->probe_b)) /
						 2,
			.y = (log(q->a) + log(q->b) - log(p->a) - log(p->b)) / 2};

		if (point.x != 0)
			points[used++] = point;
	}
	if (!used)
		return 0;
	return refine(points, used, weighted_median(points, used), scratch);
}

static bool all_probed(const struct qb_pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pairs[i].probe_a <= 0 || pairs[i].probe_b <= 0)
			return false;
	return n > 0;
}

static struct qb_interval adjusted_by(
	const struct qb_pair *pairs, size_t n, int64_t c, double slope, double *u)
{
	for (size_t i = 0; i < n; i++) {
		u[i] = log(pairs[i].b) - log(pairs[i].a);
		if (slope != 0)
			u[i] -= slope * (log(pairs[i].probe_b) - log(pairs[i].probe_a));
	}
	return qb_rank_interval(u, n, c);
}

/* `points` and `u`: scratch for n of them. */
static struct qb_difference judge(
	const struct qb_pair *pairs, size_t n, int64_t c, struct point *points, double *u)
{
	struct qb_difference d = {.n = n};

	d.raw = d.adjusted = adjusted_by(pairs, n, c, 0, u);
	if (all_probed(pairs, n)) {
		d.slope = slope_of(pairs, n, points, u);
		for (size_t i = 0; i < n; i++)
			u[i] = log(pairs[i].probe_b) - log(pairs[i].probe_a);
		d.moves = fabs(qb_rank_z(u, n)) > MOVED;
	}
	d.adjusts = d.slope != 0;
	if (d.adjusts)
		d.adjusted = adjusted_by(pairs, n, c, d.slope, u);
	d.interval = d.adjusted;
	if (d.moves) {
		d.interval.low = fmin(d.raw.low, d.adjusted.low);
		d.interval.high = fmax(d.raw.high, d.adjusted.high);
	}
	return d;
}

int qb_difference_of(const struct qb_pair *pairs, size_t n, int64_t c, struct qb_difference *ret)
{
	struct point *points = calloc(n + 1, sizeof(*points));
	double *u = calloc(n + 1, sizeof(*u));
	const bool fits = points && u;

	if (fits)
		*ret = judge(pairs, n, c, points, u);
	free(points);
	free(u);
	return fits ? 0 : -ENOMEM;
}

enum qb_claim qb_difference_claim(
	const struct qb_interval *interval, double effect, double precision)
{
	if (interval->high < -effect)
		return QB_CLAIM_LESS;
	if (interval->low > effect)
		return QB_CLAIM_MORE;
	if (interval->low > -precision && interval->high < precision)
		return QB_CLAIM_SAME;
	return QB_CLAIM_UNDECIDED;
}

double qb_difference_needed(const struct qb_difference *difference, double precision)
{
	const double half = (difference->interval.high - difference->interval.low) / 2;

	return ceil((double)difference->n * pow(NEEDED * half / precision, 2));
}

void qb_difference_discover(const double *p, size_t n, bool *ret_differs)
{
	double threshold = -1;

	for (size_t i = 0; i < n; i++) {
		size_t rank = 0;

		for (size_t j = 0; j < n; j++)
			rank += p[j] <= p[i];
		if (p[i] <= QB_LOOKS_LEVEL * (double)rank / (double)n)
			threshold = fmax(threshold, p[i]);
	}
	for (size_t i = 0; i < n; i++)
		ret_differs[i] = p[i] <= threshold;
}
