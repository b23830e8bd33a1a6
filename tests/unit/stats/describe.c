/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptions against R 4.2.2:
 *	x <- c(10.2,9.8,10.5,11.9,10.1,10.0,9.9,14.2,10.3,10.4,10.0)
 *	median(x); mad(x, constant=1); IQR(x); mean(abs(x-median(x)))/median(x); sd(x)
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stats/describe.h>

#include "families.h"

static const double sample[] = {10.2, 9.8, 10.5, 11.9, 10.1, 10.0, 9.9, 14.2, 10.3, 10.4, 10.0};
#define N (sizeof(sample) / sizeof(sample[0]))

static void as_r_has_it(void **unused)
{
	double x[N];
	struct qb_described d;

	memcpy(x, sample, sizeof(x));
	d = qb_stats_describe(x, N);
	assert_int_equal(d.n, N);
	assert_within(d.median, 10.2, 1e-9);
	assert_within(d.mad, 0.2, 1e-9);
	assert_within(d.iqr, 0.45, 1e-9);
	assert_within(d.mnad, 0.0668449197861, 1e-9);
	assert_within(d.deviation, 1.3040496365344, 1e-9);
	assert_within(d.min, 9.8, 0);
	assert_within(d.max, 14.2, 0);
	/* qbinom(0.025, 11, 0.5) = 2: the second from either end */
	assert_true(d.covered);
	assert_within(d.low, 9.9, 0);
	assert_within(d.high, 11.9, 0);
}

/* Whatever the distribution, the interval holds the median in 95 of 100 series at least. */
static void coverage(void **unused)
{
	struct qb_random random = {9};
	int held = 0, most = 2000;

	for (int i = 0; i < most; i++) {
		const size_t n = 6 + qb_random_below(&random, 40);
		double x[46];
		struct qb_described d;

		draw(SKEWED, x, n, &random);
		d = qb_stats_describe(x, n);
		held += d.low <= log(2) / 100 && log(2) / 100 <= d.high;
	}
	assert_true(held >= most * (0.95 - 3 * sqrt(0.05 * 0.95 / most)));
}

/* A hundred thousand runs: qbinom(0.025, 100000, 0.5) = 49690. */
static void many(void **unused)
{
	const size_t n = 100000;
	double *x = calloc(n, sizeof(*x));
	struct qb_described d;

	assert_non_null(x);
	for (size_t i = 0; i < n; i++)
		x[i] = (double)((i * 7919) % n + 1); /* each of 1 to n, in disorder */
	d = qb_stats_describe(x, n);
	assert_within(d.median, 50000.5, 0);
	assert_within(d.low, 49690, 0);
	assert_within(d.high, 50311, 0);
	free(x);
}

static void few(void **unused)
{
	double one[] = {3}, five[] = {5, 1, 4, 2, 3}, zeros[] = {0, 0, 0};
	struct qb_described d = qb_stats_describe(one, 1);

	assert_true(d.median == 3 && d.low == 3 && d.high == 3 && !d.covered);
	assert_true(d.deviation == 0 && d.detectable == 0 && d.mnad == 0);
	d = qb_stats_describe(five, 5);
	assert_true(d.low == 1 && d.high == 5 && !d.covered && d.median == 3);
	d = qb_stats_describe(zeros, 3);
	assert_true(d.mnad == 0 && d.detectable == 0);
}

static void detectable(void **state)
{
	assert_within(qb_stats_detectable(1, 10), 1.32, 0.006);
	assert_within(qb_stats_detectable(1, 20), 0.91, 0.005);
	assert_within(qb_stats_detectable(1, 30), 0.74, 0.005);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_r_has_it),
		cmocka_unit_test(coverage),
		cmocka_unit_test(many),
		cmocka_unit_test(few),
		cmocka_unit_test(detectable),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
