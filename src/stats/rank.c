/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rank.h */
#include "rank.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Up to here the distribution is computed; the approximation is as good beyond. */
#define EXACT_MAX 405

static int64_t averages(size_t n)
{
	return (int64_t)n * ((int64_t)n + 1) / 2;
}

static double deviation(size_t n)
{
	const double d = (double)n;

	return sqrt(d * (d + 1) * (2 * d + 1) / 24);
}

/*
 * P(T = t) for t from 0 to n(n+1)/2, malloc'd: each rank is in the sum or not, as likely. NULL: no
 * memory, or n is beyond EXACT_MAX.
 */
static double *distribution(size_t n)
{
	double *p = n <= EXACT_MAX ? calloc((size_t)averages(n) + 1, sizeof(*p)) : NULL;
	int64_t top = 0;

	if (!p)
		return NULL;
	p[0] = 1;
	for (size_t rank = 1; rank <= n; rank++) {
		top += (int64_t)rank;
		for (int64_t t = top; t >= 0; t--)
			p[t] = (p[t] + (t >= (int64_t)rank ? p[t - (int64_t)rank] : 0)) / 2;
	}
	return p;
}

/* 2 P(T <= t) by the normal distribution, with the correction for steps of one. */
static double approximate(size_t n, int64_t t)
{
	return erfc(((double)averages(n) / 2 - (double)t - 0.5) / deviation(n) / M_SQRT2);
}

int64_t qb_rank_critical(size_t n, double level)
{
	double *p = distribution(n), sum = 0;
	int64_t c = -1;

	if (p) {
		while (c + 1 <= averages(n) / 2 && 2 * (sum += p[c + 1]) <= level)
			c++;
	} else {
		int64_t above = averages(n) / 2 + 1; /* too many; c is not */

		while (above - c > 1) {
			const int64_t middle = c + (above - c) / 2;

			if (approximate(n, middle) <= level)
				c = middle;
			else
				above = middle;
		}
	}
	free(p);
	return c;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double average(const double *u, size_t i, size_t j)
{
	return u[i] / 2 + u[j] / 2;
}

/* How many averages of the sorted u are at most `limit`: with a rising i, the last j that fits falls. */
static int64_t count_up_to(const double *u, size_t n, double limit)
{
	size_t j = n; /* the averages of i with those before j fit */
	int64_t count = 0;

	for (size_t i = 0; i < n; i++) {
		while (j > 0 && average(u, i, j - 1) > limit)
			j--;
		if (j <= i)
			break;
		count += (int64_t)(j - i);
	}
	return count;
}

/* Doubles in their order, as integers: halfway between two of them is halfway in the table of all. */
static int64_t order_of(double x)
{
	int64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits < 0 ? INT64_MIN - bits : bits;
}

static double at_order(int64_t order)
{
	const int64_t bits = order < 0 ? INT64_MIN - order : order;
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* The k-th smallest average, k from 1: the least number that k of them do not exceed. */
static double kth(const double *u, size_t n, int64_t k)
{
	int64_t low = order_of(u[0]), high = order_of(u[n - 1]);

	while (low < high) {
		/* Neither the sum nor the difference of two orders need fit. */
		const int64_t middle = (low & high) + ((low ^ high) >> 1);

		if (count_up_to(u, n, at_order(middle)) >= k)
			high = middle;
		else
			low = middle + 1;
	}
	return at_order(low);
}

struct qb_interval qb_rank_interval(double *u, size_t n, int64_t c)
{
	const int64_t m = averages(n);
	struct qb_interval interval;

	qsort(u, n, sizeof(*u), compare);
	interval.low = kth(u, n, c + 1);
	interval.middle = kth(u, n, (m + 1) / 2);
	if (m % 2 == 0)
		interval.middle = (interval.middle + kth(u, n, m / 2 + 1)) / 2;
	interval.high = kth(u, n, m - c);
	return interval;
}

/* How many averages are at most 0, and how many at least 0. Sorts `u`. */
static void sides(double *u, size_t n, int64_t *ret_below, int64_t *ret_above)
{
	qsort(u, n, sizeof(*u), compare);
	*ret_below = count_up_to(u, n, 0.0);
	*ret_above = averages(n) - count_up_to(u, n, -DBL_TRUE_MIN);
}

double qb_rank_p(double *u, size_t n)
{
	double *p = distribution(n), sum = 0;
	int64_t below, above, t;

	sides(u, n, &below, &above);
	t = below < above ? below : above;
	if (p)
		for (int64_t i = 0; i <= t; i++)
			sum += p[i];
	else
		sum = approximate(n, t) / 2;
	free(p);
	return fmin(2 * sum, 1);
}

double qb_rank_z(double *u, size_t n)
{
	int64_t below, above;

	sides(u, n, &below, &above);
	return (double)(above - below) / 2 / deviation(n);
}
