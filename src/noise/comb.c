/* SPDX-License-Identifier: GPL-2.0-or-later */
/* comb.h */
#include "comb.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

void qb_comb_count(const struct qb_train *train, struct qb_comb *comb)
{
	struct walk walk = {
		.train = train, .comb = comb, .owner = QB_GAP_FREE, .at = comb->phase_ns};
	enum there there;
	size_t gap;

	clear(comb);
	while (step(&walk, &there, &gap))
		count(comb, there);
}

void qb_comb_fit(const struct qb_train *train, struct qb_comb *comb)
{
	const struct qb_comb given = *comb;
	struct walk walk = {
		.train = train, .comb = &given, .owner = QB_GAP_FREE, .at = comb->phase_ns};
	double n = 0, x = 0, y = 0, xx = 0, xy = 0;
	enum there there;
	size_t gap;

	for (size_t i = 0; step(&walk, &there, &gap); i++) {
		/* Off the comb as it was given: small numbers, for the sake of the sums. */
		const double off = there == THERE_TOOTH
					   ? (double)train->gaps[gap].at_ns - given.phase_ns -
						     given.period_ns * (double)i
					   : 0;

		if (there != THERE_TOOTH)
			continue;
		n++;
		x += (double)i;
		y += off;
		xx += (double)i * (double)i;
		xy += (double)i * off;
	}
	if (n < 2 || n * xx - x * x <= 0)
		return;
	comb->period_ns = given.period_ns + (n * xy - x * y) / (n * xx - x * x);
	comb->phase_ns = given.phase_ns + (y - (comb->period_ns - given.period_ns) * x) / n;
	while (comb->phase_ns < 0)
		comb->phase_ns += comb->period_ns;
	while (comb->phase_ns >= comb->period_ns)
		comb->phase_ns -= comb->period_ns;
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

/* So long is a gap that has a tooth in it at least: the longest have, as many of `all` as teeth are there.
 * Where one is due, in `n`, there need not be one. */
static double with_tooth(const struct qb_comb *comb, double *lengths, size_t n, size_t all)
{
	const double there = (double)comb->teeth / (double)(comb->teeth + comb->missing);
	const double lone = (double)n - there * (double)all;

	qsort(lengths, n, sizeof(*lengths), compare_doubles);
	return n ? lengths[lone > 0 ? (size_t)lone : 0] : 0;
}

/*
 * A tooth that falls together with another owner's gap makes that one longer: by what it is longer than that
 * owner's usual gap, but by no more than a usual tooth; or by a usual tooth if that owner has no usual gap or
 * nearly all have a tooth in them. `merged`: the gaps where a tooth is due.
 */
static int share_with(struct qb_train *train, struct qb_comb *comb, const bool *merged, int owner,
	bool regular, struct qb_error *err)
{
	_cleanup_free_ double *lengths = malloc((train->n + 1) * sizeof(*lengths));
	/* Of one whose teeth all lie in gaps of other owners it is not known how long they are. */
	const double tooth = comb->teeth ? comb->typical_ns : INFINITY;
	size_t all = 0, with = 0;
	double usual = 0, least;
	bool apart;
	int r;

	if (!lengths)
		return qb_error_errno(err, ENOMEM, "tell how long gaps are");

	/* Those without a tooth tell what is usual: until then, gaps with a tooth have no owner. */
	for (size_t i = 0; i < train->n; i++)
		if (train->owner[i] == owner) {
			all++;
			train->owner[i] = merged[i] ? QB_GAP_FREE : owner;
			if (merged[i])
				lengths[with++] = train->ns[i];
		}
	r = with ? qb_train_typical(train, owner, &usual, err) : 0;
	apart = regular && r == 0 && (all - with) * 10 >= all;
	least = comb->teeth ? with_tooth(comb, lengths, with, all) : INFINITY;
	for (size_t i = 0; i < train->n; i++) {
		double part;

		if (!merged[i] || train->owner[i] != QB_GAP_FREE)
			continue;
		train->owner[i] = owner;
		part = apart ? train->ns[i] - usual : train->ns[i] >= least ? tooth : 0;
		part = fmax(0, fmin(part, fmin(train->ns[i], tooth)));
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
