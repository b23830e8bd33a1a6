/* SPDX-License-Identifier: GPL-2.0-or-later */
/* comb.h: which comb there is among the free gaps. */
#include "comb.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Distances are counted in boxes of this width. */
#define BOX_NS 5000
#define BOXES  ((size_t)(QB_COMB_LONGEST / BOX_NS))
/* Distances of so many gaps tell a period; more would only take longer. */
#define GAPS_LOOKED_AT 20000
/* A tooth may come so much too early or too late. */
#define TOLERANCE_NS	 15000.0
#define TOLERANCE_PERIOD 16 /* and at most by this part of the period */
/* The phase follows the teeth a little: a comb of nearly this period that crosses it does not draw it away.
 * Much, where the period is not known so well. */
#define FOLLOW_LITTLE 0.002
#define FOLLOW	      0.1
/* So much of the teeth has to be there: of those that nothing hides, beyond what chance puts there. */
#define COVERAGE_MIN 0.6
/* A period is worth a look if it is so frequent as if this part of the pairs of teeth were there. */
#define PAIRS_MIN 0.2
/* One tooth of so many may be found by chance. */
#define SETTLE_PART 50
/* Combs that lie in each other's gaps are told apart if of every second to every eighth tooth so much more is there. */
#define MIXED_MAX  8
#define MIXED_MIN  0.15
#define PAIRS_LEFT 4 /* and is refined while at least one pair of so many is left */
/* What is within the tolerance is looked at in so many steps. */
#define STEPS 30
/* The phase is taken from so many periods; from later ones if so many times as many gaps agree there. */
#define PERIODS_FOLDED 300
#define MUCH_BETTER    2

/* The free gaps, when they began. */
struct times {
	int64_t *v; /* owned */
	size_t n;
};

static int collect(const struct qb_train *train, struct times *ret, struct qb_error *err)
{
	ret->v = malloc((train->n + 1) * sizeof(*ret->v));
	if (!ret->v)
		return qb_error_errno(err, ENOMEM, "look for combs of gaps");
	for (size_t i = 0; i < train->n; i++)
		if (train->owner[i] == QB_GAP_FREE)
			ret->v[ret->n++] = train->gaps[i].at_ns;
	return 0;
}

/* How often each distance is between two of the first `n`. */
static void count_distances(const struct times *times, size_t n, uint32_t *boxes)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n && times->v[j] - times->v[i] < QB_COMB_LONGEST; j++)
			boxes[(times->v[j] - times->v[i]) / BOX_NS]++;
}

static double three(const uint32_t *boxes, size_t i)
{
	return (double)boxes[i - 1] + (double)boxes[i] + (double)boxes[i + 1];
}

/*
 * The most frequent distance of gaps that lie about so many periods apart, as a period: not the mean,
 * into which another comb of nearly this period would come. Of so many pairs.
 */
static double usual_period(
	const struct times *times, double period, double periods, uint32_t *ret_pairs)
{
	const double width = fmin(TOLERANCE_NS, period / TOLERANCE_PERIOD);
	const double from = period * periods - width;
	struct {
		uint32_t n;
		double sum;
	} boxes[STEPS + 2] = {0}, most = {0}; /* the first and the last stay empty */
	size_t j = 0;

	for (size_t i = 0; i < times->n; i++) {
		const double start = (double)times->v[i] + from;

		while (j < times->n && (double)times->v[j] < start)
			j++;
		for (size_t k = j; k < times->n && (double)times->v[k] < start + 2 * width; k++) {
			const double off = (double)times->v[k] - start;
			const size_t box = 1 + (size_t)(off / (2 * width) * STEPS);

			boxes[box].n++;
			boxes[box].sum += off;
		}
	}
	for (size_t i = 1; i <= STEPS; i++)
		if (boxes[i - 1].n + boxes[i].n + boxes[i + 1].n > most.n) {
			most.n = boxes[i - 1].n + boxes[i].n + boxes[i + 1].n;
			most.sum = boxes[i - 1].sum + boxes[i].sum + boxes[i + 1].sum;
		}
	*ret_pairs = most.n;
	return most.n ? (from + most.sum / most.n) / periods : period;
}

/* Ever larger multiples tell it ever more exactly, as long as there are teeth so far apart: where most of
 * the time other gaps hide them there are not. */
static double refine(const struct times *times, double period, double until)
{
	uint32_t before = 0;

	for (double periods = 1; periods * period < until / 2 && periods <= 4096; periods *= 4) {
		uint32_t pairs;
		double finer = usual_period(times, period, periods, &pairs);

		finer = usual_period(times, finer, periods, &pairs);
		if (pairs < before / PAIRS_LEFT)
			break;
		before = pairs;
		period = finer;
	}
	return period;
}

/* The middle of the three boxes that hold most, round and round; how much they hold. */
static uint32_t fullest(const uint32_t *boxes, size_t n, size_t *ret)
{
	uint32_t most = 0;

	for (size_t i = 0; i < n; i++) {
		const uint32_t all = boxes[(i + n - 1) % n] + boxes[i] + boxes[(i + 1) % n];

		if (all > most) {
			most = all;
			*ret = i;
		}
	}
	return most;
}

/*
 * Where within the period most gaps of the first stretch lie. Another comb can hide the teeth there: a
 * later stretch is taken if it shows the phase much better.
 */
static int fold(const struct times *times, double period, double *ret, struct qb_error *err)
{
	const size_t n = (size_t)(period / BOX_NS) + 1;
	_cleanup_free_ uint32_t *boxes = calloc(n, sizeof(*boxes));
	size_t best = 0, there = 0;
	uint32_t most = 0;

	if (!boxes)
		return qb_error_errno(err, ENOMEM, "look for the phase of a comb");
	for (size_t i = 0; i < times->n;) {
		const double end = (double)times->v[i] + PERIODS_FOLDED * period;
		uint32_t all;

		memset(boxes, 0, n * sizeof(*boxes));
		for (; i < times->n && (double)times->v[i] < end; i++)
			boxes[(size_t)(fmod((double)times->v[i], period) / BOX_NS)]++;
		all = fullest(boxes, n, &there);
		if (all > MUCH_BETTER * most) {
			most = all;
			best = there;
		}
	}
	*ret = fmin(((double)best + 0.5) * BOX_NS, period);
	return 0;
}

/* Enough teeth, and more than other gaps would make by chance? */
static bool is_comb(
	const struct qb_train *train, const struct times *times, const struct qb_comb *comb)
{
	const double seen = (double)(comb->teeth + comb->missing);
	const double others = (double)(times->n - comb->teeth) / (double)train->until_ns;
	const double chance = 1 - exp(-2 * comb->tolerance_ns * others);

	if (comb->teeth < QB_COMB_TEETH_MIN || comb->teeth * 4 < comb->merged + comb->hidden)
		return false;
	return (double)comb->teeth / seen - chance >= COVERAGE_MIN * (1 - chance);
}

/*
 * A walk that began beside the teeth finds them on its way. The next one begins where the line through
 * them does, and so on while that finds more. The comb is as the last walk had it: whoever claims its
 * teeth takes the same way, and gets those that were counted.
 */
static void settle(const struct qb_train *train, struct qb_comb *comb)
{
	struct qb_comb next = *comb;

	qb_comb_count(train, comb);
	for (bool grows = true; grows;) {
		qb_comb_fit(train, &next);
		qb_comb_count(train, &next);
		if (next.teeth + next.teeth / SETTLE_PART < comb->teeth)
			return; /* the line is none of these teeth */
		grows = next.teeth > comb->teeth;
		*comb = next;
	}
}

/*
 * Slower combs can look like a fast one that lacks many of its teeth: one of 1,000 Hz and one of 250 Hz
 * half-way between its teeth, like one of 2,000 Hz. What is missing is then always the same: of every
 * second tooth, or third, hardly any. The comb becomes that of those which are there.
 */
static void unmix(const struct qb_train *train, struct qb_comb *comb)
{
	const double all = (double)comb->teeth / (double)(comb->teeth + comb->missing);
	struct qb_comb best = *comb;
	double most = all + MIXED_MIN;

	for (int every = 2; every <= MIXED_MAX && most < 1; every++)
		for (int from = 0; from < every; from++) {
			struct qb_comb some = *comb;
			double part;

			some.period_ns = comb->period_ns * every;
			some.phase_ns = comb->phase_ns + comb->period_ns * from;
			qb_comb_count(train, &some);
			/* What other gaps hide is no sign that it is there. */
			part = (double)some.teeth /
			       (double)(some.teeth + some.missing + some.merged + 1);
			if (some.teeth >= QB_COMB_TEETH_MIN && part > most) {
				most = part + MIXED_MIN;
				best = some;
			}
		}
	*comb = best;
}

static int try(const struct qb_train *train, const struct times *times, double period,
	struct qb_comb *ret, struct qb_error *err)
{
	static const double follow[] = {FOLLOW_LITTLE, FOLLOW};
	struct qb_comb start = {0};
	int r;

	start.period_ns = refine(times, period, (double)train->until_ns);
	start.tolerance_ns = fmin(TOLERANCE_NS, start.period_ns / TOLERANCE_PERIOD);
	r = fold(times, start.period_ns, &start.phase_ns, err);
	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(follow); i++) {
		struct qb_comb comb = start;

		comb.follow = follow[i];
		settle(train, &comb);
		if (!is_comb(train, times, &comb))
			continue;
		unmix(train, &comb);
		*ret = comb;
		return 1;
	}
	return r;
}

int qb_comb_search(const struct qb_train *train, struct qb_comb *ret, struct qb_error *err)
{
	uint32_t *boxes = calloc(BOXES + 1, sizeof(*boxes));
	struct times times = {0};
	double length, by_chance;
	size_t n;
	int r;

	if (!boxes)
		return qb_error_errno(err, ENOMEM, "look for combs of gaps");
	r = collect(train, &times, err);
	n = times.n < GAPS_LOOKED_AT ? times.n : GAPS_LOOKED_AT;
	if (r == 0 && n >= QB_COMB_TEETH_MIN) {
		length = (double)(times.v[n - 1] - times.v[0]) + 1;
		by_chance = (double)n * (double)n / length * 3 * BOX_NS;
		count_distances(&times, n, boxes);
		for (size_t i = QB_COMB_SHORTEST / BOX_NS; i + 1 < BOXES && r == 0; i++) {
			const double pairs = three(boxes, i), period = ((double)i + 0.5) * BOX_NS;

			if (pairs < three(boxes, i - 1) || pairs < three(boxes, i + 1) ||
				pairs < by_chance + 4 * sqrt(by_chance) +
						PAIRS_MIN * length / period)
				continue;
			r = try(train, &times, period, ret, err);
		}
	}
	free(times.v);
	free(boxes);
	return r;
}
