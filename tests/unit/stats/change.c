/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Series whose course is known: flat ones of every family, and ones that change where we say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stats/change.h>

#include "families.h"

#define N 120

static void series(double *ret, size_t n, enum family family, uint64_t seed)
{
	struct qb_random random = {seed};

	draw(family, ret, n, &random);
	for (size_t i = 0; i < n; i++)
		ret[i] = exp(ret[i]);
}

static struct qb_change look(const double *x, size_t n)
{
	struct qb_change change;

	assert_int_equal(qb_change_look(x, n, &change), 0);
	return change;
}

static void flat(void **unused)
{
	static const enum family families[] = {NORMAL, SKEWED, HEAVY, OUTLIERS};
	int wrong = 0;

	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (uint64_t seed = 0; seed < 50; seed++) {
			double x[N];

			series(x, N, families[f], seed);
			wrong += look(x, N).course != QB_COURSE_FLAT;
		}
	print_message("# %d of 200 flat series were called something else\n", wrong);
	assert_true(wrong <= 10);
}

static void warm_up(void **unused)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		double x[N];
		struct qb_change change;

		series(x, N, OUTLIERS, seed);
		for (int i = 0; i < 15; i++)
			x[i] *= 1.2;
		change = look(x, N);
		assert_int_equal(change.course, QB_COURSE_WARM_UP);
		assert_in_range(change.steady, 14, 16);
		assert_true(change.first > 1.1 * change.last);
	}
}

static void slowdown(void **unused)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		double x[N];
		struct qb_change change;

		series(x, N, NORMAL, seed);
		for (int i = 60; i < N; i++)
			x[i] *= 1.1;
		change = look(x, N);
		assert_int_equal(change.course, QB_COURSE_SLOWDOWN);
		assert_in_range(change.steady, 59, 61);
		assert_true(change.before < change.last);
	}
}

static void unsteady(void **unused)
{
	double x[N];
	struct qb_random random = {3};

	series(x, N, NORMAL, 1);
	for (int i = N - 10; i < N; i++)
		x[i] *= 0.8;
	assert_int_equal(look(x, N).course, QB_COURSE_UNSTEADY);
	series(x, N, NORMAL, 1);
	for (int i = 0; i < 60; i++) /* slow, fast, slow, and then faster than that: no slowdown */
		x[i] *= i >= 20 && i < 40 ? 0.5 : 2;
	assert_int_equal(look(x, N).course, QB_COURSE_UNSTEADY);
	for (int i = 0, level = 0; i < N; i++) { /* a new level every four runs */
		level = i % 4 ? level : (int)qb_random_below(&random, 1000);
		x[i] = 100 + level + 0.01 * normal(&random);
	}
	assert_int_equal(look(x, N).course, QB_COURSE_UNSTEADY);
}

static void odd_series(void **unused)
{
	double x[N];

	series(x, N, NORMAL, 1);
	assert_int_equal(look(x, QB_CHANGE_RUNS_MIN - 1).course, QB_COURSE_UNKNOWN);
	assert_int_equal(look(x, 0).course, QB_COURSE_UNKNOWN);
	for (int i = 0; i < N; i++)
		x[i] = 7;
	assert_int_equal(look(x, N).course, QB_COURSE_FLAT);
	for (int i = 0; i < 40; i++)
		x[i] = 8;
	assert_int_equal(look(x, N).course, QB_COURSE_WARM_UP);
	assert_int_equal(look(x, N).steady, 40);
	for (int i = 0; i < N; i++)
		x[i] = 0;
	assert_int_equal(look(x, N).course, QB_COURSE_FLAT);
}

static void hundred_thousand(void **unused)
{
	const size_t n = 100000;
	double *x = malloc(n * sizeof(*x));
	struct qb_change change;

	assert_non_null(x);
	series(x, n, NORMAL, 1);
	for (size_t i = 0; i < n / 2; i++)
		x[i] *= 1.2;
	change = look(x, n);
	assert_int_equal(change.course, QB_COURSE_WARM_UP);
	assert_in_range(change.steady, n / 2 - 100, n / 2 + 100);
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flat),
		cmocka_unit_test(warm_up),
		cmocka_unit_test(slowdown),
		cmocka_unit_test(unsteady),
		cmocka_unit_test(odd_series),
		cmocka_unit_test(hundred_thousand),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
