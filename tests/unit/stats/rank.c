/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signed ranks against R. The numbers are from R 4.2.2, by the commands beside them:
 *	x <- c(1.1,-0.3,0.8,2.5,-1.2,0.4,3.3,1.9,-0.6,0.2)
 *	w <- wilcox.test(x, conf.int=TRUE, exact=TRUE); w$estimate; w$conf.int; w$p.value
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stats/rank.h>

#include "families.h"

static const double sample[] = {1.1, -0.3, 0.8, 2.5, -1.2, 0.4, 3.3, 1.9, -0.6, 0.2};
#define N (sizeof(sample) / sizeof(sample[0]))

static void critical(void **unused)
{
	/* qsignrank(0.025, n) - 1, as 2 P(T <= c) <= 0.05 */
	static const struct {
		size_t n;
		int64_t c;
	} known[] = {{1, -1}, {5, -1}, {6, 0}, {7, 2}, {8, 3}, {9, 5}, {10, 8}, {16, 29}, {20, 52},
		{24, 81}, {50, 434}, {100, 1955}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(qb_rank_critical(known[i].n, 0.05), known[i].c);
}

/* Where the exact distribution ends the approximation goes on. */
static void critical_of_many(void **unused)
{
	for (double n = 406; n < 200000; n = floor(n * 3.1))
		assert_within((double)qb_rank_critical((size_t)n, 0.05),
			floor(n * (n + 1) / 4 - 1.959964 * sqrt(n * (n + 1) * (2 * n + 1) / 24) -
				0.5),
			1.0);
	assert_true(qb_rank_critical(405, 0.05) < qb_rank_critical(406, 0.05));
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The same by writing all averages down. */
static struct qb_interval by_table(const double *u, size_t n, int64_t c)
{
	const size_t m = n * (n + 1) / 2;
	double *w = malloc(m * sizeof(*w));
	struct qb_interval r;
	size_t at = 0;

	assert_non_null(w);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i; j < n; j++)
			w[at++] = u[i] / 2 + u[j] / 2;
	qsort(w, m, sizeof(*w), compare);
	r = (struct qb_interval){
		w[c], m % 2 ? w[m / 2] : (w[m / 2 - 1] + w[m / 2]) / 2, w[m - 1 - (size_t)c]};
	free(w);
	return r;
}

static void interval(void **unused)
{
	struct qb_random random = {1};
	double u[60];

	for (int round = 0; round < 3000; round++) {
		const size_t n = 1 + qb_random_below(&random, 60);
		const int64_t c = (int64_t)qb_random_below(&random, n * (n + 1) / 4 + 1);
		struct qb_interval got, wanted;

		for (size_t i = 0; i < n; i++) /* some of them equal, some 0 */
			u[i] = round % 2 ? normal(&random)
					 : (double)qb_random_below(&random, 9) - 4;
		wanted = by_table(u, n, c);
		got = qb_rank_interval(u, n, c);
		assert_true(got.low == wanted.low && got.middle == wanted.middle &&
			    got.high == wanted.high);
	}
}

static void as_r_has_it(void **unused)
{
	double u[N];
	struct qb_interval i;

	memcpy(u, sample, sizeof(u));
	i = qb_rank_interval(u, N, qb_rank_critical(N, 0.05));
	assert_within(i.middle, 0.75, 1e-9);
	assert_within(i.low, -0.2, 1e-9);
	assert_within(i.high, 1.85, 1e-9);
	assert_within(qb_rank_p(u, N), 0.16015625, 1e-9);
}

/* The interval excludes 0 exactly when p is at most the level that its c stands for. */
static void one_test(void **unused)
{
	struct qb_random random = {2};
	double u[40];

	for (int round = 0; round < 2000; round++) {
		const size_t n = 6 + qb_random_below(&random, 35);
		struct qb_interval i;

		draw((enum family)(round % FAMILIES), u, n, &random);
		for (size_t k = 0; k < n; k++)
			u[k] += 0.005;
		i = qb_rank_interval(u, n, qb_rank_critical(n, 0.05));
		assert_int_equal(i.low > 0 || i.high < 0, qb_rank_p(u, n) <= 0.05);
		if (qb_rank_z(u, n) != 0)
			assert_int_equal(qb_rank_z(u, n) > 0, i.middle > 0);
	}
}

static void hundred_thousand(void **unused)
{
	const size_t n = 100000;
	double *u = malloc(n * sizeof(*u));
	struct qb_random random = {3};
	struct qb_interval i;

	assert_non_null(u);
	draw(SKEWED, u, n, &random);
	i = qb_rank_interval(u, n, qb_rank_critical(n, 0.05));
	/* The pseudomedian of an exponential: (1 + 2m) exp(-2m) = 1/2. */
	assert_within(i.middle, 0.008392, 0.0001);
	assert_true(i.low < i.middle && i.middle < i.high && i.high - i.low < 0.0002);
	assert_true(qb_rank_p(u, n) < 1e-12);
	free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(critical),
		cmocka_unit_test(critical_of_many),
		cmocka_unit_test(interval),
		cmocka_unit_test(as_r_has_it),
		cmocka_unit_test(one_test),
		cmocka_unit_test(hundred_thousand),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
