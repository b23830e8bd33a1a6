/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gaps.h */
#include "gaps_internal.h"
#include <base/macros.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The own tick may come so much earlier or later than it should. */
#define TICK_TOLERANCE_NS 20000.0
/* A tick is known by its times only if this part of them has a gap: it may be stopped (nohz_full). */
#define TICK_COVERAGE 0.5
/* Two combs that differ by less are of one rate. */
#define PERIOD_SAME 1e-3
/* Counts are not read exactly at a window's border: so much of them, and so many, is no difference. */
#define COUNT_SAME  0.05
#define COUNT_STRAY 1.0

/* Where windows begin and end as the reader of the counts sees them. */
static double length_of(const struct qb_gaps_work *w, size_t window)
{
	return (double)(w->gaps->window_ns + (window == 0 ? w->gaps->late_ns : 0));
}

/* A timer interrupts as often as it does, seen apart or not: what else is counted there is not its own. */
static void spend(struct qb_gaps_work *w, size_t source, double period_ns)
{
	for (size_t i = 0; i < w->gaps->n_windows && source != QB_GAPS_UNCOUNTED; i++) {
		const double times = length_of(w, i) / period_ns;
		uint32_t *left = qb_gaps_left(w, i, source);

		*left = (double)*left > times * (1 + COUNT_SAME) + COUNT_STRAY
				? (uint32_t)((double)*left - times)
				: 0;
	}
}

/* ---- combs ---- */

static int claim(struct qb_gaps_work *w, struct qb_comb *comb, enum qb_gaps_of of, size_t source,
	size_t max, struct qb_error *err)
{
	const int owner = (int)w->gaps->n;
	int r = qb_comb_claim(&w->train, comb, owner, max, err);

	w->combs[owner] = *comb;
	qb_gaps_add(w, of, source)->period_ns = comb->period_ns;
	return r;
}

/* The tick whose times are known. */
static int claim_tick(struct qb_gaps_work *w, struct qb_error *err)
{
	struct qb_gaps *gaps = w->gaps;
	struct qb_comb comb = {.period_ns = gaps->tick_ns,
		.phase_ns = (double)gaps->tick_at_ns,
		.tolerance_ns = fmin(TICK_TOLERANCE_NS, gaps->tick_ns / 16)};
	const bool counted = gaps->tick_source != QB_GAPS_UNCOUNTED;
	size_t max;

	if (!gaps->tick_seen || gaps->tick_ns <= 0)
		return 0;
	max = counted ? qb_gaps_left_total(w, gaps->tick_source) : SIZE_MAX;
	qb_comb_count(&w->train, &comb);
	if ((double)comb.teeth < TICK_COVERAGE * (double)(comb.teeth + comb.missing) ||
		(double)max < TICK_COVERAGE * (double)gaps->ns / gaps->tick_ns)
		return 0;
	return claim(w, &comb, QB_GAPS_OF_TICK, gaps->tick_source, max, err);
}

static bool same(double a, double b, double part)
{
	return fabs(a - b) <= part * fmin(a, b);
}

/* The source that counts as many in each window, as regularly; QB_GAPS_UNCOUNTED: none does. */
static size_t source_of(const struct qb_gaps_work *w, double period_ns)
{
	const struct qb_gaps *gaps = w->gaps;
	size_t best = QB_GAPS_UNCOUNTED;
	double nearest = INFINITY;

	for (size_t s = 0; gaps->n_windows > 0 && s < gaps->n_sources; s++) {
		const double usual = (double)gaps->window_ns / period_ns;
		double off = 0;

		for (size_t i = 0; i < gaps->n_windows; i++)
			off += fabs(*qb_gaps_left(w, i, s) - length_of(w, i) / period_ns) /
			       (double)gaps->n_windows;
		if (off < nearest && off <= fmin(COUNT_SAME * usual + COUNT_STRAY, usual / 2)) {
			nearest = off;
			best = s;
		}
	}
	return best;
}

/*
 * Of combs that were found without its times, one is the tick, if it comes as often as the tick is
 * counted. Which of two that do, nobody can tell: then neither is called so.
 */
static void name_combs(struct qb_gaps_work *w, bool tick_known)
{
	struct qb_gaps *gaps = w->gaps;
	size_t ticks = 0;

	for (size_t i = 0; i < gaps->n; i++)
		ticks += gaps->parts[i].of == QB_GAPS_OF_COMB && gaps->tick_ns > 0 &&
			 same(gaps->parts[i].period_ns, gaps->tick_ns, PERIOD_SAME);
	for (size_t i = 0; i < gaps->n; i++) {
		struct qb_gaps_part *part = &gaps->parts[i];
		const size_t source = source_of(w, part->period_ns);
		const bool counts_ticks = source == gaps->tick_source;

		if (part->of != QB_GAPS_OF_COMB || source == QB_GAPS_UNCOUNTED)
			continue;
		if (counts_ticks && !tick_known && ticks > 1 &&
			same(part->period_ns, gaps->tick_ns, PERIOD_SAME))
			continue;
		part->source = source;
		part->of = counts_ticks && !tick_known ? QB_GAPS_OF_TICK : QB_GAPS_OF_SOURCE;
		spend(w, source, part->period_ns);
		tick_known = tick_known || counts_ticks;
	}
}

static int claim_combs(struct qb_gaps_work *w, struct qb_error *err)
{
	const bool tick_known = w->gaps->n > 0;
	int r = 0;

	if (tick_known)
		spend(w, w->gaps->tick_source, w->gaps->tick_ns);
	for (size_t i = 0; i < QB_GAPS_COMBS && r == 0; i++) {
		struct qb_comb comb;

		r = qb_comb_search(&w->train, &comb, err);
		if (r <= 0)
			break;
		r = claim(w, &comb, QB_GAPS_OF_COMB, QB_GAPS_UNCOUNTED, SIZE_MAX, err);
	}
	w->n_combs = (int)w->gaps->n;
	if (r == 0)
		name_combs(w, tick_known);
	return r;
}

/* ---- the whole ---- */

static void claim_rest(struct qb_gaps_work *w, enum qb_gaps_of of, double from_ns)
{
	const int owner = (int)w->gaps->n;
	struct qb_gaps_part *part = qb_gaps_add(w, of, QB_GAPS_UNCOUNTED);

	for (size_t i = 0; i < w->train.n; i++)
		if (w->train.owner[i] == QB_GAP_FREE && w->train.ns[i] >= from_ns) {
			w->train.owner[i] = owner;
			part->times++;
		}
	if (!part->times)
		w->gaps->n--;
}

/* Every gap's length to its owner, or to two of them. */
static int sum_up(struct qb_gaps_work *w, struct qb_error *err)
{
	int r = 0;

	for (int i = 0; i < w->n_combs && r == 0; i++) {
		struct qb_comb *comb = &w->combs[i];

		r = qb_comb_share(&w->train, comb, i, w->n_combs, (int)w->gaps->n, err);
		w->gaps->parts[i].ns = comb->merged_ns;
		w->gaps->parts[i].times = comb->teeth + comb->merged;
	}

	for (size_t i = 0; i < w->train.n; i++)
		if (w->train.owner[i] >= 0)
			w->gaps->parts[w->train.owner[i]].ns += w->train.ns[i];
	for (size_t i = 0; i < w->gaps->n && r == 0; i++)
		r = qb_train_typical(&w->train, (int)i, &w->gaps->parts[i].typical_ns, err);
	/* All of its teeth lie in gaps of other owners: on average, then. */
	for (int i = 0; i < w->n_combs && r == 0; i++)
		if (!w->combs[i].teeth && w->combs[i].merged)
			w->gaps->parts[i].typical_ns =
				w->combs[i].merged_ns / (double)w->combs[i].merged;
	return r;
}

static int prepare(struct qb_gaps_work *w, struct qb_error *err)
{
	struct qb_gaps *gaps = w->gaps;
	struct qb_train *train = &w->train;

	while (train->n < gaps->n_gaps && gaps->gaps[train->n].at_ns < gaps->ns)
		train->n++;
	train->gaps = gaps->gaps;
	train->until_ns = gaps->ns;
	train->owner = calloc(train->n + 1, sizeof(*train->owner));
	train->ns = calloc(train->n + 1, sizeof(*train->ns));
	w->left = calloc(gaps->n_windows * gaps->n_sources + 1, sizeof(*w->left));
	w->counts = calloc(gaps->n_windows + 1, sizeof(*w->counts));
	w->seen = calloc(gaps->n_windows + 1, sizeof(*w->seen));
	w->boxes = calloc(gaps->n_windows * QB_GAPS_LENGTHS + 1, sizeof(*w->boxes));
	w->done = calloc(gaps->n_sources + 1, sizeof(*w->done));
	if (!train->owner || !train->ns || !w->left || !w->counts || !w->seen || !w->boxes ||
		!w->done)
		return qb_error_errno(err, ENOMEM, "find the causes of the gaps");
	for (size_t i = 0; i < train->n; i++) {
		const int64_t rest = gaps->ns - gaps->gaps[i].at_ns;

		train->owner[i] = gaps->gaps[i].preempted ? QB_GAP_OTHER : QB_GAP_FREE;
		train->ns[i] = (double)(gaps->gaps[i].ns < rest ? gaps->gaps[i].ns : rest);
	}
	for (size_t i = 0; i < gaps->n_windows * gaps->n_sources; i++)
		if (gaps->counts[i + gaps->n_sources] > gaps->counts[i])
			w->left[i] =
				(uint32_t)(gaps->counts[i + gaps->n_sources] - gaps->counts[i]);
	return 0;
}

int qb_gaps_decompose(struct qb_gaps *gaps, struct qb_error *err)
{
	struct qb_gaps_work w = {.gaps = gaps};
	int r = prepare(&w, err);

	gaps->n = 0;
	if (r == 0)
		r = claim_tick(&w, err);
	if (r == 0)
		r = claim_combs(&w, err);
	if (r == 0) {
		qb_gaps_claim_sources(&w);
		claim_rest(&w, QB_GAPS_OF_REST, QB_GAPS_SHORT_NS);
		claim_rest(&w, QB_GAPS_OF_SHORT, 0);
		r = sum_up(&w, err);
	}
	free(w.train.owner);
	free(w.train.ns);
	free(w.left);
	free(w.counts);
	free(w.seen);
	free(w.boxes);
	free(w.done);
	return r;
}
