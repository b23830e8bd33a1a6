/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Combs: gaps that come at regular times. A timer makes one, and every timer has a period and a
 * phase of its own, so that combs which lie in one train of gaps can be told apart.
 *
 *	struct qb_train train = {…};
 *	while (qb_comb_search(&train, &comb, &err) > 0)
 *		qb_comb_claim(&train, &comb, owner++, SIZE_MAX, &err);
 *	… qb_comb_share for each …
 *
 * Pure. A comb is known by the distances between gaps: its period is frequent among them, and so
 * are its multiples, which tell it more and more exactly. Its teeth are then looked for one by one,
 * and the phase follows those that are found: two machines' clocks differ, and drift.
 */
#ifndef QB_NOISE_COMB_H
#define QB_NOISE_COMB_H

#include "loop.h"
#include <quietbench/error.h>

/* The owner of a gap: its number, from 0 on, or */
#define QB_GAP_FREE  (-1)
#define QB_GAP_OTHER (-2) /* none here: another task had the CPU */

struct qb_train {
	const struct qb_loop_gap *gaps; /* ascending; they do not overlap */
	int *owner;			/* of each */
	double *ns; /* of each: what of its length is its owner's; two gaps can fall together */
	size_t n;
	int64_t until_ns; /* how long the train is, from 0 on */
};

struct qb_comb {
	double period_ns;
	double phase_ns; /* when the first tooth is expected: from 0 to the period */
	/* By how much of the distance to a tooth the phase follows; 0: the phase is known for all. */
	double follow;
	double tolerance_ns;
	/* found when it is claimed */
	size_t teeth;	  /* gaps that are its own */
	size_t merged;	  /* teeth that fell together with somebody else's gap */
	size_t hidden;	  /* other tasks had the CPU then */
	size_t missing;	  /* nothing there */
	double merged_ns; /* what it took of those */
	double typical_ns;
};

/* Combs have this many teeth at least, and periods between these. */
#define QB_COMB_TEETH_MIN 20
#define QB_COMB_SHORTEST  INT64_C(200000)
#define QB_COMB_LONGEST	  INT64_C(21000000)

/* The fastest comb among the free gaps. 1: found; 0: there is none. */
int qb_comb_search(const struct qb_train *train, struct qb_comb *ret, struct qb_error *err);
/* Counts teeth, merged, hidden and missing, and claims nothing. */
void qb_comb_count(const struct qb_train *train, struct qb_comb *comb);
/* Period and phase of the straight line through the teeth that are found: their numbers against their times. */
void qb_comb_fit(const struct qb_train *train, struct qb_comb *comb);
/* Gives the teeth to an owner, `max` at most. */
int qb_comb_claim(
	struct qb_train *train, struct qb_comb *comb, int owner, size_t max, struct qb_error *err);
/* When every gap has its owner: takes its part of other owners' gaps, below `owners`, that
 * teeth of its own fell together with. Those of owners below `regular` have a usual length. */
int qb_comb_share(struct qb_train *train, struct qb_comb *comb, int owner, int regular, int owners,
	struct qb_error *err);
/* The median of the lengths of an owner's gaps; 0: there are none. */
int qb_train_typical(const struct qb_train *train, int owner, double *ret_ns, struct qb_error *err);

#endif
