/* SPDX-License-Identifier: GPL-2.0-or-later */
/* describe.h */
#include "describe.h"
#include <math.h>
#include <stats/distributions.h>
#include <stdlib.h>

#define CONFIDENCE  0.975 /* two-sided 5 % */
#define POWER	    0.8
#define COVERED_MIN 6 /* fewer: even the outermost two cover less than 95 % */

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double p)
{
	const double at = p * (double)(n - 1);
	const size_t i = (size_t)at;

	return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

double qb_stats_quantile(double *values, size_t n, double p)
{
	qsort(values, n, sizeof(*values), compare);
	return quantile(values, n, p);
}

double qb_stats_median(double *values, size_t n)
{
	return qb_stats_quantile(values, n, 0.5);
}

static double mean_distance(const double *values, size_t n, double from)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += fabs(values[i] - from);
	return sum / (double)n;
}

double qb_stats_mnad(double *values, size_t n)
{
	const double median = qb_stats_median(values, n);

	return median != 0 ? mean_distance(values, n, median) / fabs(median) : 0;
}

double qb_stats_detectable(double cv, double n)
{
	const double freedom = 2 * n - 2;

	return freedom > 0 ? cv *
				     (qb_student_quantile(CONFIDENCE, freedom) +
					     qb_student_quantile(POWER, freedom)) *
				     sqrt(2 / n)
			   : 0;
}

/* How many of the outermost values on either side lie beyond the median's interval. */
static size_t beyond_median(size_t n)
{
	size_t k = 0, past = n;

	while (k < past) {
		const size_t middle = k + (past - k) / 2;

		if (2 * qb_binomial_at_most((double)middle, (double)n, 0.5) <= 1 - 0.95)
			k = middle + 1;
		else
			past = middle;
	}
	return k;
}

static double standard_deviation(const double *values, size_t n, double mean)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (values[i] - mean) * (values[i] - mean);
	return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

struct qb_described qb_stats_describe(double *values, size_t n)
{
	struct qb_described d = {.n = n, .covered = n >= COVERED_MIN};
	double sum = 0;
	size_t k;

	d.median = qb_stats_median(values, n);
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	d.mean = sum / (double)n;
	d.deviation = standard_deviation(values, n, d.mean);
	d.mnad = qb_stats_mnad(values, n);
	d.iqr = quantile(values, n, 0.75) - quantile(values, n, 0.25);
	d.min = values[0];
	d.max = values[n - 1];
	k = d.covered ? beyond_median(n) - 1 : 0;
	d.low = values[k];
	d.high = values[n - 1 - k];
	/* Of normal noise the mean distance is sqrt(2/pi) of the standard deviation. */
	d.detectable = qb_stats_detectable(d.mnad * sqrt(M_PI / 2), (double)n);
	for (size_t i = 0; i < n; i++)
		values[i] = fabs(values[i] - d.median);
	d.mad = qb_stats_median(values, n);
	return d;
}
