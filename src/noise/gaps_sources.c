/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gaps.h: what is left of a train and of the counts, and interrupts that come at no regular times. */
#include "gaps_internal.h"
#include <math.h>
#include <string.h>

/* Some boxes side by side are one length. */
#define BOXES_MAX    3
#define BOXES_BESIDE 2
/* A length goes with a count: one more interrupt brings so many more gaps, so many times its error.
 * Then each interrupt has its gap there, or only some have. */
#define SLOPE_MIN  0.05
#define SLOPE_ALL  0.6
#define SURELY_MIN 3.5
#define BESIDE_MIN 2.0 /* beside a length that goes with it */
/* Of fewer windows nothing is told. */
#define WINDOWS_MIN 5
/* Interrupts of one source can be of so many lengths. */
#define LENGTHS_OF_SOURCE 3

/* A length of gaps: so many boxes from one on; how it goes with a count. */
struct length {
	int from, n;
	double slope, surely;
};

struct qb_gaps_part *qb_gaps_add(struct qb_gaps_work *w, enum qb_gaps_of of, size_t source)
{
	struct qb_gaps_part *part = &w->gaps->parts[w->gaps->n++];

	*part = (struct qb_gaps_part){.of = of, .source = source};
	return part;
}

size_t qb_gaps_window(const struct qb_gaps_work *w, size_t gap)
{
	const int64_t at = w->train.gaps[gap].at_ns - w->gaps->late_ns;
	const size_t window = at > 0 ? (size_t)(at / w->gaps->window_ns) : 0;

	return window < w->gaps->n_windows ? window : w->gaps->n_windows - 1;
}

uint32_t *qb_gaps_left(const struct qb_gaps_work *w, size_t window, size_t source)
{
	return &w->left[window * w->gaps->n_sources + source];
}

uint64_t qb_gaps_left_total(const struct qb_gaps_work *w, size_t source)
{
	uint64_t total = 0;

	for (size_t i = 0; i < w->gaps->n_windows; i++)
		total += *qb_gaps_left(w, i, source);
	return total;
}

static int box_of(double ns)
{
	const int box = ns > 1 ? (int)(2 * log2(ns)) : 0;

	return box < QB_GAPS_LENGTHS ? box : QB_GAPS_LENGTHS - 1;
}

static bool has(const struct length *length, double ns)
{
	const int box = box_of(ns);

	return box >= length->from && box < length->from + length->n;
}

/* The line through the windows: what one more interrupt brings, and how sure that is. */
static void correlate(const struct qb_gaps_work *w, struct length *length)
{
	const double n = (double)w->gaps->n_windows;
	double x = 0, y = 0, xx = 0, xy = 0, yy = 0, rest;

	for (size_t i = 0; i < w->gaps->n_windows; i++) {
		x += w->counts[i] / n;
		y += w->seen[i] / n;
	}
	for (size_t i = 0; i < w->gaps->n_windows; i++) {
		xx += (w->counts[i] - x) * (w->counts[i] - x);
		xy += (w->counts[i] - x) * (w->seen[i] - y);
		yy += (w->seen[i] - y) * (w->seen[i] - y);
	}
	length->slope = xx > 0 ? xy / xx : 0;
	/* A gap more or less is chance, however even they look. */
	rest = fmax(yy - length->slope * xy, 1) / (n - 2);
	length->surely = xx > 0 ? length->slope / sqrt(rest / xx) : 0;
}

/* How many free gaps of this length there were in each window. */
static void see(struct qb_gaps_work *w, const struct length *length)
{
	for (size_t i = 0; i < w->gaps->n_windows; i++) {
		w->seen[i] = 0;
		for (int k = length->from; k < length->from + length->n; k++)
			w->seen[i] += w->boxes[i * QB_GAPS_LENGTHS + (size_t)k];
	}
}

/* The length that goes with the source's count most surely; false: none does. */
static bool find_length(struct qb_gaps_work *w, size_t source, struct length *ret)
{
	struct length best = {.surely = SURELY_MIN};

	memset(w->boxes, 0, w->gaps->n_windows * QB_GAPS_LENGTHS * sizeof(*w->boxes));
	for (size_t i = 0; i < w->train.n; i++)
		if (w->train.owner[i] == QB_GAP_FREE)
			w->boxes[qb_gaps_window(w, i) * QB_GAPS_LENGTHS +
				 (size_t)box_of(w->train.ns[i])]++;
	for (size_t i = 0; i < w->gaps->n_windows; i++)
		w->counts[i] = *qb_gaps_left(w, i, source);
	for (int from = box_of(QB_GAPS_SHORT_NS); from < QB_GAPS_LENGTHS; from++)
		for (int n = 1; n <= BOXES_MAX && from + n <= QB_GAPS_LENGTHS; n++) {
			struct length length = {.from = from, .n = n};

			see(w, &length);
			correlate(w, &length);
			if (length.surely > best.surely && length.slope > SLOPE_MIN)
				best = length;
		}
	*ret = best;
	return best.n > 0;
}

/* In each window as many gaps of that length as the source explains there. */
static void claim_length(
	struct qb_gaps_work *w, const struct length *length, size_t source, int owner)
{
	const double each = length->slope > SLOPE_ALL ? 1 : length->slope;
	double quota = 0;
	size_t window = SIZE_MAX;

	for (size_t i = 0; i < w->train.n; i++) {
		uint32_t *left;

		if (w->train.owner[i] != QB_GAP_FREE || !has(length, w->train.ns[i]))
			continue;
		if (qb_gaps_window(w, i) != window) {
			/* What is left of a gap is kept for the next window. */
			window = qb_gaps_window(w, i);
			quota = fmod(quota, 1) + each * *qb_gaps_left(w, window, source);
		}
		left = qb_gaps_left(w, window, source);
		if (quota < 1 || *left == 0)
			continue;
		w->train.owner[i] = owner;
		w->gaps->parts[owner].times++;
		*left -= 1;
		quota -= 1;
	}
}

/*
 * Some gaps that are a little shorter or longer are the source's, too, if they come with its count as well.
 * Its interrupts that fell together with other gaps leave room for them: without that, for anybody's.
 */
static struct length widen(struct qb_gaps_work *w, const struct length *length)
{
	const int shortest = box_of(QB_GAPS_SHORT_NS), end = length->from + length->n;
	struct length wide = *length;
	const struct length sides[] = {
		{.from = length->from - BOXES_BESIDE, .n = BOXES_BESIDE},
		{.from = end, .n = BOXES_BESIDE},
	};

	for (size_t k = 0; k < 2; k++) {
		struct length side = sides[k];

		if (side.from < shortest) {
			side.n -= shortest - side.from;
			side.from = shortest;
		}
		if (side.from + side.n > QB_GAPS_LENGTHS)
			side.n = QB_GAPS_LENGTHS - side.from;
		if (side.n <= 0)
			continue;
		see(w, &side);
		correlate(w, &side);
		if (side.surely < BESIDE_MIN)
			continue;
		wide.n += side.n;
		if (side.from < wide.from)
			wide.from = side.from;
	}
	return wide;
}

static void claim_source(struct qb_gaps_work *w, size_t source)
{
	struct length length, wide;
	int owner = -1;

	for (int i = 0; i < LENGTHS_OF_SOURCE && qb_gaps_left_total(w, source) > 0; i++) {
		if (!find_length(w, source, &length))
			return;
		if (owner < 0) {
			owner = (int)w->gaps->n;
			qb_gaps_add(w, QB_GAPS_OF_SOURCE, source);
		}
		wide = length.slope > SLOPE_ALL ? widen(w, &length) : length;
		claim_length(w, &length, source, owner);
		if (wide.n > length.n)
			claim_length(w, &wide, source, owner);
	}
}

/* The surest first. */
void qb_gaps_claim_sources(struct qb_gaps_work *w)
{
	struct qb_gaps *gaps = w->gaps;
	struct length length;

	while (gaps->n_windows >= WINDOWS_MIN && gaps->n < QB_GAPS_PARTS - 2) {
		size_t best = gaps->n_sources;
		double surely = 0;

		for (size_t s = 0; s < gaps->n_sources; s++)
			if (!w->done[s] && qb_gaps_left_total(w, s) > 0 &&
				find_length(w, s, &length) && length.surely > surely) {
				best = s;
				surely = length.surely;
			}
		if (best == gaps->n_sources)
			return;
		w->done[best] = true;
		claim_source(w, best);
	}
}
