/* SPDX-License-Identifier: GPL-2.0-or-later */
/* distributions.h */
#include "distributions.h"
#include <math.h>

/* The continued fraction of the incomplete beta function (modified Lentz; Abramowitz and Stegun
 * 26.5.8). Converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
	const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1), h;

	d = 1 / (fabs(d) < tiny ? tiny : d);
	h = d;
	for (int m = 1; m < 500; m++) {
		const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 + even * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + even / c;
		c = fabs(c) < tiny ? tiny : c;
		h *= d * c;
		d = 1 + odd * d;
		d = 1 / (fabs(d) < tiny ? tiny : d);
		c = 1 + odd / c;
		c = fabs(c) < tiny ? tiny : c;
		step = d * c;
		h *= step;
		if (fabs(step - 1) < 1e-12)
			break;
	}
	return h;
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta(double a, double b, double x)
{
	double front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
					 : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double qb_binomial_at_most(double k, double n, double p)
{
	return k >= n ? 1 : beta(n - k, k + 1, 1 - p);
}

double qb_binomial_at_least(double k, double n, double p)
{
	return k <= 0 ? 1 : beta(k, n - k + 1, p);
}

/* P(T <= t) of Student's distribution (Abramowitz and Stegun 26.7.1), t >= 0. */
static double student(double t, double freedom)
{
	return 1 - beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

double qb_student_quantile(double p, double freedom)
{
	double low = 0, high = 1;

	while (student(high, freedom) < p)
		high *= 2;
	for (int i = 0; i < 60; i++) {
		const double middle = (low + high) / 2;

		if (student(middle, freedom) < p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}
