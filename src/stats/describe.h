/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One series of runs, described. Nothing is deleted by its value, and nothing here is a claim.
 *
 * MNAD is the mean distance from the median as a share of the median: every run counts, and none by its
 * square. MAD is the median distance; 1.4826 MAD estimates the standard deviation of normal noise.
 */
#ifndef QB_STATS_DESCRIBE_H
#define QB_STATS_DESCRIBE_H

#include "rank.h"
#include <stdbool.h>

/* MAD to standard deviation, for normal noise: 1 / the normal distribution's upper quartile. */
#define QB_STATS_DEVIATION 1.4826

/* Sorts `values`; n > 0. Between the two values that are nearest, as R's type 7. */
double qb_stats_quantile(double *values, size_t n, double p);
double qb_stats_median(double *values, size_t n);
/* n > 0; a median of 0 has no MNAD: 0. Reorders `values`. */
double qb_stats_mnad(double *values, size_t n);

struct qb_described {
	size_t n;
	double median, mean, deviation; /* the standard one; 0 for one run */
	double mnad;			/* a share of the median */
	double mad, iqr, min, max;
	/*
	 * Of the median, with at least 95 %: two of the runs by their rank (David, Nagaraja: Order
	 * Statistics, 7.1). It takes runs for independent of each other. n < 6: from min to max, and
	 * `covered` false.
	 */
	double low, high;
	bool covered;
	/* The smallest change that as many runs again would show in 8 of 10 cases, as a share; 0: one
	 * run tells nothing. */
	double detectable;
};

/* Reorders `values`; n > 0. */
struct qb_described qb_stats_describe(double *values, size_t n);
/* The same for noise of this coefficient of variation and n runs a side: t test, 5 %, power 80 %. */
double qb_stats_detectable(double cv, double n);

#endif
