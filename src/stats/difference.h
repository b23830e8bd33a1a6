/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is B faster than A? From pairs of runs, each AB or BA by a fair coin.
 *
 *	r = qb_difference_of(pairs, n, c, &difference);         c by rank.h, or by looks.h
 *	switch (qb_difference_claim(&difference, effect, precision)) …
 *
 * All is in natural logarithms: 0.02 is 2 % more (B took longer), and A against B is B against A with
 * the other sign. What is answered is how a typical run of B compares with the run of A beside it; it
 * is not the quotient of two medians.
 *
 * The covariate. Before and after each run a probe tells how fast the CPU was (noise/probe.h). What the
 * host took from both, run and probe, can be taken out of the difference: u_i = ln B_i - ln A_i - b c_i,
 * c_i the difference of the probes. The coefficient b comes from the sums of neighbouring pairs, in
 * which neither the labels nor the effect appear: so signs stay exchangeable, and the level of the test
 * exact. It is fitted robustly and drawn towards 0 by how little it explains (James and Stein's
 * positive part). Where the programs themselves move the probe (a hot cache, a hot CPU), c_i says so by
 * its own signs; then the interval is the hull of both, adjusted and not.
 */
#ifndef QB_STATS_DIFFERENCE_H
#define QB_STATS_DIFFERENCE_H

#include "rank.h"
#include <stdbool.h>

struct qb_pair {
	double a, b;		 /* what was measured, > 0 */
	double probe_a, probe_b; /* mean of the probes round each; 0: not known */
};

struct qb_difference {
	size_t n;			  /* pairs */
	bool adjusts;			  /* the probes explain something */
	bool moves;			  /* the programs move the probe */
	double slope;			  /* b; 0: nothing is adjusted */
	struct qb_interval raw, adjusted; /* the same where !adjusts */
	struct qb_interval interval;	  /* what is claimed by */
};

/* c: as qb_rank_critical or qb_look_critical has it, not -1. 0, or -ENOMEM. */
int qb_difference_of(const struct qb_pair *pairs, size_t n, int64_t c, struct qb_difference *ret);

enum qb_claim {
	QB_CLAIM_UNDECIDED,
	QB_CLAIM_LESS, /* B takes less, beyond `effect` */
	QB_CLAIM_MORE,
	QB_CLAIM_SAME, /* no difference above `precision` */
};

/* `effect` (0: any) and `precision` (0: never the same) are logarithms, too. */
enum qb_claim qb_difference_claim(
	const struct qb_interval *interval, double effect, double precision);
/*
 * About so many pairs would show that there is no difference above `precision`, if there is none:
 * right in 8 of 10.
 */
double qb_difference_needed(const struct qb_difference *difference, double precision);
/*
 * Several benchmarks at once, a p each (qb_rank_p): which of them differ, so that 5 % of those that are
 * said to do are expected not to (Benjamini and Hochberg, Journal of the Royal Statistical Society B
 * 57, 1995).
 */
void qb_difference_discover(const double *p, size_t n, bool *ret_differs);

#endif
