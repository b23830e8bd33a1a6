/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks of runs: what is claimed of their spread where it is the same, and where it is half. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <stats/spread.h>

#include "families.h"

#define PAIRS 8
#define BLOCK 4
#define N     (PAIRS * BLOCK)

static struct qb_spread experiment(enum family family, double factor, struct qb_random *random)
{
	double x[2 * N], a[N], b[N];
	struct qb_spread spread;

	draw(family, x, 2 * N, random);
	for (size_t pair = 0; pair < PAIRS; pair++) {
		const size_t swap = qb_random_next(random) >> 63;
		const double *first = x + 2 * BLOCK * pair, *second = first + BLOCK;

		for (size_t i = 0; i < BLOCK; i++) {
			a[pair * BLOCK + i] = exp((swap ? second : first)[i]);
			b[pair * BLOCK + i] = exp(factor * (swap ? first : second)[i]);
		}
	}
	assert_int_equal(qb_spread_compare(a, b, PAIRS, BLOCK, random, &spread), 0);
	return spread;
}

static int claims(enum family family, double factor, int times)
{
	struct qb_random random = {(uint64_t)family + 4711};
	int less = 0;

	for (int i = 0; i < times; i++)
		less += experiment(family, factor, &random).less;
	return less;
}

static void the_same(void **unused)
{
	int sum = 0;

	for (int family = 0; family < FAMILIES; family++)
		sum += claims((enum family)family, 1, 60);
	print_message("# false 'less': %d of %d\n", sum, 60 * FAMILIES);
	/* One-sided 2.5 %, four errors. */
	assert_true(sum <= 60 * FAMILIES * (0.025 + 4 * sqrt(0.025 * 0.975 / (60 * FAMILIES))));
}

static void a_third(void **unused)
{
	const int found = claims(NORMAL, 1 / 3.0, 60);

	print_message("# a third of the noise found in %d of 60\n", found);
	assert_true(found >= 48);
}

/* The interval of the ratio holds the truth in 95 of 100, about. */
static void coverage(void **unused)
{
	struct qb_random random = {12};
	int held = 0;

	for (int i = 0; i < 150; i++) {
		const struct qb_spread s = experiment(NORMAL, 0.5, &random);

		held += s.ratio.low <= 2 && 2 <= s.ratio.high;
	}
	assert_true(held >= 133);
}

/* Runs by the thousand are sorted once, not once for each of twelve thousand draws. */
static void many(void **unused)
{
	const size_t pairs = 500;
	double *x = calloc(2 * pairs * BLOCK, sizeof(*x)), *b = x + pairs * BLOCK;
	struct qb_random random = {3};
	struct qb_spread spread;

	assert_non_null(x);
	draw(NORMAL, x, 2 * pairs * BLOCK, &random);
	for (size_t i = 0; i < pairs * BLOCK; i++) {
		x[i] = exp(x[i]);
		b[i] = exp(0.5 * b[i]);
	}
	assert_int_equal(qb_spread_compare(x, b, pairs, BLOCK, &random, &spread), 0);
	assert_true(spread.less);
	assert_within(spread.ratio.middle, 2, 0.15);
	assert_true(spread.ratio.low > 1.8 && spread.ratio.high < 2.2);
	free(x);
}

static void bad_input(void **unused)
{
	struct qb_spread spread = {.p = 42};
	struct qb_random random = {1};
	double a[N], b[N];

	for (size_t i = 0; i < N; i++) {
		a[i] = 1 + (double)i;
		b[i] = 1;
	}
	assert_int_equal(qb_spread_compare(a, b, PAIRS, BLOCK, &random, &spread), -EDOM);
	assert_int_equal(
		qb_spread_compare(a, a, QB_SPREAD_PAIRS_MIN - 1, BLOCK, &random, &spread), -EDOM);
	assert_int_equal(qb_spread_compare(a, a, PAIRS, 0, &random, &spread), -EDOM);
	assert_true(spread.p == 42);
	b[3] = 2; /* one run alone differs: a draw without it has no spread, and is drawn again */
	assert_int_equal(qb_spread_compare(a, b, PAIRS, BLOCK, &random, &spread), 0);
	assert_true(isfinite(spread.ratio.low) && isfinite(spread.ratio.high));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same),
		cmocka_unit_test(a_third),
		cmocka_unit_test(coverage),
		cmocka_unit_test(many),
		cmocka_unit_test(bad_input),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
