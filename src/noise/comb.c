/* SPDX-License-Identifier: GPL-2.0-or-later */
/* comb.h */
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
#define FOLLOW		 0.1
/* So much of the teeth has to be there: of those that nothing hides, beyond what chance puts there. */
#define COVERAGE_MIN 0.6
/* A period is worth a look if it is so frequent as if this part of the pairs of teeth were there. */
#define PAIRS_MIN 0.2
/* What is within the tolerance is looked at in so many steps. */
#define STEPS 30
/* The phase is taken from so many periods; from later ones if so many times as many gaps agree there. */
#define PERIODS_FOLDED 300
#define MUCH_BETTER    2

/* ---- walking along the teeth ---- */

enum there { THERE_NOTHING, THERE_TOOTH, THERE_MERGED, THERE_HIDDEN };

struct walk {
	const struct qb_train *train;
	const struct qb_comb *comb;
	int owner;   /* whose gaps are teeth */
	double at;   /* of the next tooth */
	size_t from; /* gaps before this one have ended */
};

/* A gap that is a tooth if it begins when one should; another one can have a tooth in it. */
static enum there what_is(const struct walk *walk, size_t gap)
{
	const int owner = walk->train->owner[gap];

	if (owner == QB_GAP_OTHER)
		return THERE_HIDDEN;
	if (fabs((double)walk->train->gaps[gap].at_ns - walk->at) > walk->comb->tolerance_ns)
		return THERE_MERGED;
	return owner == walk->owner ? THERE_TOOTH : THERE_MERGED;
}

/* What is where the next tooth should be; `ret` is the gap. */
static enum there look(struct walk *walk, size_t *ret)
{
	const struct qb_train *train = walk->train;
	const double tolerance = walk->comb->tolerance_ns;
	enum there there = THERE_NOTHING;
	double nearest = tolerance;

	while (walk->from < train->n && (double)(train->gaps[walk->from].at_ns +
						 train->gaps[walk->from].ns) < walk->at - tolerance)
		walk->from++;
	for (size_t i = walk->from;
		i < train->n && (double)train->gaps[i].at_ns <= walk->at + tolerance; i++) {
		const double off = fabs((double)train->gaps[i].at_ns - walk->at);
		const enum there is = what_is(walk, i);

		if (is == THERE_TOOTH ? off <= nearest : there == THERE_NOTHING) {
			nearest = is == THERE_TOOTH ? off : nearest;
			there = is;
			*ret = i;
		}
	}
	return there;
}

/* The next tooth; false: the train has ended. */
static bool step(struct walk *walk, enum there *ret, size_t *ret_gap)
{
	if (walk->at >= (double)walk->train->until_ns)
		return false;
	*ret = look(walk, ret_gap);
	if (*ret == THERE_TOOTH)
		walk->at +=
			walk->comb->follow * ((double)walk->train->gaps[*ret_gap].at_ns - walk->at);
	walk->at += walk->comb->period_ns;
	return true;
}

static void count(struct qb_comb *comb, enum there there)
{
	switch (there) {
	case THERE_NOTHING: comb->missing++; break;
	case THERE_TOOTH: comb->teeth++; break;
	case THERE_MERGED: comb->merged++; break;
	case THERE_HIDDEN: comb->hidden++; break;
	}
}

static void clear(struct qb_comb *comb)
{
	comb->teeth = comb->merged = comb->hidden = comb->missing = 0;
	comb->merged_ns = comb->typical_ns = 0;
}

struct tooth {
	int64_t at;
	size_t step;
};

void qb_comb_count(const struct qb_train *train, struct qb_comb *comb)
{
	const struct qb_comb given = *comb;
	struct walk walk = {
		.train = train, .comb = &given, .owner = QB_GAP_FREE, .at = comb->phase_ns};
	struct tooth first = {0}, last = {0};
	enum there there;
	size_t gap;

	clear(comb);
	for (size_t i = 0; step(&walk, &there, &gap); i++) {
		count(comb, there);
		if (there != THERE_TOOTH)
			continue;
		last.at = train->gaps[gap].at_ns;
		last.step = i;
		first = comb->teeth == 1 ? last : first;
	}
	if (comb->follow > 0 && last.step > first.step)
		comb->period_ns = (double)(last.at - first.at) / (double)(last.step - first.step);
}

/* ---- searching ---- */

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
 * into which another comb of nearly this period would come.
 */
static double usual_period(const struct times *times, double period, double periods)
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
	return most.n ? (from + most.sum / most.n) / periods : period;
}

/* Ever larger multiples tell it ever more exactly. */
static double refine(const struct times *times, double period, double until)
{
	for (double periods = 1; periods * period < until / 2 && periods <= 4096; periods *= 4)
		for (int again = 0; again < 2; again++)
			period = usual_period(times, period, periods);
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

static int try(const struct qb_train *train, const struct times *times, double period,
	struct qb_comb *ret, struct qb_error *err)
{
	struct qb_comb comb = {.follow = FOLLOW};
	int r;

	comb.period_ns = refine(times, period, (double)train->until_ns);
	comb.tolerance_ns = fmin(TOLERANCE_NS, comb.period_ns / TOLERANCE_PERIOD);
	r = fold(times, comb.period_ns, &comb.phase_ns, err);
	if (r < 0)
		return r;
	qb_comb_count(train, &comb);
	if (!is_comb(train, times, &comb))
		return 0;
	*ret = comb;
	return 1;
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

/* ---- claiming ---- */

static int compare_doubles(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int qb_train_typical(const struct qb_train *train, int owner, double *ret_ns, struct qb_error *err)
{
	_cleanup_free_ double *lengths = malloc((train->n + 1) * sizeof(*lengths));
	size_t n = 0;

	if (!lengths)
		return qb_error_errno(err, ENOMEM, "tell how long gaps are");
	for (size_t i = 0; i < train->n; i++)
		if (train->owner[i] == owner)
			lengths[n++] = train->ns[i];
	qsort(lengths, n, sizeof(*lengths), compare_doubles);
	*ret_ns = n ? lengths[n / 2] : 0;
	return 0;
}

/*
 * A tooth that falls together with another owner's gap makes that one longer: by what it is longer
 * than that owner's usual gap or, if that has none or nearly all have a tooth in them, by a usual
 * tooth. `merged`: the gaps with a tooth in them.
 */
static int share_with(struct qb_train *train, struct qb_comb *comb, const bool *merged, int owner,
	bool regular, struct qb_error *err)
{
	const double tooth =
		comb->typical_ns * (double)comb->teeth / (double)(comb->teeth + comb->missing);
	size_t all = 0, with = 0;
	double usual = 0;
	bool apart;
	int r;

	/* Those without a tooth tell what is usual: until then, gaps with a tooth have no owner. */
	for (size_t i = 0; i < train->n; i++)
		if (train->owner[i] == owner) {
			all++;
			with += merged[i];
			train->owner[i] = merged[i] ? QB_GAP_FREE : owner;
		}
	r = with ? qb_train_typical(train, owner, &usual, err) : 0;
	apart = regular && r == 0 && (all - with) * 10 >= all;
	for (size_t i = 0; i < train->n; i++) {
		double part;

		if (!merged[i] || train->owner[i] != QB_GAP_FREE)
			continue;
		train->owner[i] = owner;
		part = apart ? train->ns[i] - usual : tooth;
		part = fmax(0, fmin(part, fmin(train->ns[i], 2 * comb->typical_ns)));
		train->ns[i] -= part;
		comb->merged_ns += part;
	}
	return r;
}

int qb_comb_claim(
	struct qb_train *train, struct qb_comb *comb, int owner, size_t max, struct qb_error *err)
{
	struct walk walk = {
		.train = train, .comb = comb, .owner = QB_GAP_FREE, .at = comb->phase_ns};
	enum there there;
	size_t gap;

	clear(comb);
	while (comb->teeth < max && step(&walk, &there, &gap)) {
		count(comb, there);
		if (there == THERE_TOOTH)
			train->owner[gap] = owner;
	}
	return qb_train_typical(train, owner, &comb->typical_ns, err);
}

int qb_comb_share(struct qb_train *train, struct qb_comb *comb, int owner, int regular, int owners,
	struct qb_error *err)
{
	_cleanup_free_ bool *merged = calloc(train->n + 1, sizeof(*merged));
	struct walk walk = {.train = train, .comb = comb, .owner = owner, .at = comb->phase_ns};
	enum there there;
	size_t gap;
	int r = 0;

	if (!merged)
		return qb_error_errno(err, ENOMEM, "tell the teeth of a comb");
	clear(comb);
	while (step(&walk, &there, &gap)) {
		count(comb, there);
		if (there == THERE_MERGED)
			merged[gap] = train->owner[gap] != owner;
	}
	r = qb_train_typical(train, owner, &comb->typical_ns, err);
	for (int other = 0; other < owners && r == 0; other++)
		if (other != owner)
			r = share_with(train, comb, merged, other, other < regular, err);
	return r;
}
