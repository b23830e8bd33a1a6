/* SPDX-License-Identifier: GPL-2.0-or-later */
/* change.h */
#include "change.h"
#include "describe.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The neighbourhood of a run: itself and so many on either side. */
#define BESIDE	 3
#define OUTLYING 3
#define SHORTEST 3 /* a level lasts so long at least */
#define PENALTY	 3
/* A longer series is looked at in so many blocks: PELT's worst case is quadratic. */
#define POINTS_MAX 2000
/* Levels nearer to each other than that, or than the noise of one run, are one (Barrett: equivalent). */
#define ALIKE 0.005

/* The series as it is looked at: of blocks, if it is long, in units of its noise, outliers drawn in. */
struct series {
	size_t n, per_block;
	double *x;    /* n */
	double *sums; /* n + 1: of x and ... */
	double *squares;
	double *cost; /* n + 1: of the best segments up to there */
	size_t *from, *candidates;
};

static void series_free(struct series *s)
{
	free(s->x);
	free(s->sums);
	free(s->squares);
	free(s->cost);
	free(s->from);
	free(s->candidates);
}

static int series_make(struct series *s, const double *values, size_t n)
{
	s->per_block = (n + POINTS_MAX - 1) / POINTS_MAX;
	s->n = n / s->per_block;
	s->x = calloc(s->n, sizeof(*s->x));
	s->sums = calloc(s->n + 1, sizeof(*s->sums));
	s->squares = calloc(s->n + 1, sizeof(*s->squares));
	s->cost = calloc(s->n + 1, sizeof(*s->cost));
	s->from = calloc(s->n + 1, sizeof(*s->from));
	s->candidates = calloc(s->n + 1, sizeof(*s->candidates));
	if (!s->x || !s->sums || !s->squares || !s->cost || !s->from || !s->candidates)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		for (size_t j = 0; j < s->per_block; j++)
			s->x[i] += values[i * s->per_block + j];
		s->x[i] /= (double)s->per_block;
	}
	return 0;
}

/*
 * By the differences of neighbours, which a step changes but once. Their upper quintile: with the
 * median, two speeds that alternate would pass for steps. `scratch`: n doubles.
 */
static double noise_of(const double *x, size_t n, double *scratch)
{
	const double quintile = 1.2815516; /* of |z|, normal */

	for (size_t i = 0; i + 1 < n; i++)
		scratch[i] = fabs(x[i + 1] - x[i]);
	return qb_stats_quantile(scratch, n - 1, 0.8) / quintile / M_SQRT2;
}

static double median_around(const double *x, size_t n, size_t i)
{
	const size_t low = i > BESIDE ? i - BESIDE : 0;
	const size_t high = i + BESIDE < n ? i + BESIDE : n - 1;
	double near[2 * BESIDE + 1];

	memcpy(near, x + low, (high - low + 1) * sizeof(*near));
	return qb_stats_median(near, high - low + 1);
}

/* Into units of the noise. Uses `cost` as scratch. */
static void normalise(struct series *s, double noise)
{
	for (size_t i = 0; i < s->n; i++) {
		const double middle = median_around(s->x, s->n, i);
		const double off = (s->x[i] - middle) / noise;

		s->cost[i] = middle / noise + fmax(-OUTLYING, fmin(OUTLYING, off));
	}
	memcpy(s->x, s->cost, s->n * sizeof(*s->x));
	for (size_t i = 0; i < s->n; i++) {
		const double x = s->x[i] - s->x[0]; /* small numbers keep their digits */

		s->sums[i + 1] = s->sums[i] + x;
		s->squares[i + 1] = s->squares[i] + x * x;
	}
}

static double segment_cost(const struct series *s, size_t from, size_t to)
{
	const double sum = s->sums[to] - s->sums[from];

	return s->squares[to] - s->squares[from] - sum * sum / (double)(to - from);
}

static void segment(struct series *s)
{
	const double penalty = PENALTY * log((double)s->n);
	size_t n_candidates = 0;

	s->cost[0] = -penalty;
	for (size_t to = SHORTEST; to <= s->n; to++) {
		size_t kept = 0;

		/* A segment may begin where another has ended, at the start or SHORTEST later. */
		if (to == SHORTEST || to >= 2 * SHORTEST)
			s->candidates[n_candidates++] = to - SHORTEST;
		s->cost[to] = INFINITY;
		for (size_t i = 0; i < n_candidates; i++) {
			const size_t from = s->candidates[i];
			const double cost = s->cost[from] + segment_cost(s, from, to);

			if (cost + penalty < s->cost[to]) {
				s->cost[to] = cost + penalty;
				s->from[to] = from;
			}
		}
		for (size_t i = 0; i < n_candidates; i++) /* who can never be best again goes */
			if (s->cost[s->candidates[i]] + segment_cost(s, s->candidates[i], to) <=
				s->cost[to])
				s->candidates[kept++] = s->candidates[i];
		n_candidates = kept;
	}
}

/* The change points, from the last one back. More than fit: the number alone is kept. */
static void collect(const struct series *s, struct qb_change *ret)
{
	size_t n = 0;

	for (size_t at = s->from[s->n]; at > 0; at = s->from[at])
		n++;
	ret->n_points = n;
	if (n > QB_CHANGES_MAX)
		return;
	for (size_t at = s->from[s->n]; at > 0; at = s->from[at])
		ret->points[--n] = at * s->per_block;
}

/* The median of the level that begins with its point `level - 1`. */
static double level_of(
	const double *values, size_t n, const struct qb_change *c, size_t level, double *scratch)
{
	const size_t from = level ? c->points[level - 1] : 0;
	const size_t to = level < c->n_points ? c->points[level] : n;

	memcpy(scratch, values + from, (to - from) * sizeof(*scratch));
	return qb_stats_median(scratch, to - from);
}

static void judge(
	const double *values, size_t n, double noise, struct qb_change *c, double *scratch)
{
	double near;
	size_t alike;
	double lowest;

	if (c->n_points > QB_CHANGES_MAX) {
		c->course = QB_COURSE_UNSTEADY;
		c->n_points = 0;
		return;
	}
	c->first = level_of(values, n, c, 0, scratch);
	c->before = c->last = lowest = level_of(values, n, c, c->n_points, scratch);
	near = fmax(ALIKE * fabs(c->last), noise);
	/* Levels before the last that are as it is belong to it. */
	for (alike = c->n_points; alike > 0; alike--) {
		c->before = level_of(values, n, c, alike - 1, scratch);
		if (fabs(c->before - c->last) > near)
			break;
	}
	for (size_t i = 0; i < alike; i++)
		lowest = fmin(lowest, level_of(values, n, c, i, scratch));
	c->steady = alike ? c->points[alike - 1] : 0;
	if (alike == 0)
		c->course = QB_COURSE_FLAT;
	else if (c->steady > n - n / 4)
		c->course = QB_COURSE_UNSTEADY;
	else if (lowest >= c->last - near)
		c->course = QB_COURSE_WARM_UP;
	else
		c->course = c->before < c->last ? QB_COURSE_SLOWDOWN : QB_COURSE_UNSTEADY;
}

int qb_change_look(const double *values, size_t n, struct qb_change *ret)
{
	_cleanup_(series_free) struct series s = {0};
	_cleanup_free_ double *scratch = malloc((n + 1) * sizeof(*scratch));
	struct qb_change change = {0};
	double noise;

	if (n >= QB_CHANGE_RUNS_MIN) {
		if (!scratch || series_make(&s, values, n) < 0)
			return -ENOMEM;
		noise = noise_of(s.x, s.n, s.cost);
		/* Runs that are all alike, to the last digit: any step is one. */
		normalise(&s, noise > 0 ? noise : fmax(fabs(s.x[0]) * 1e-9, 1e-300));
		segment(&s);
		collect(&s, &change);
		judge(values, n, noise * sqrt((double)s.per_block), &change, scratch);
	}
	*ret = change;
	return 0;
}
