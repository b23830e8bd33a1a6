/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of looks, computed anew: signs by lot, ranks as they come. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stats/looks.h>
#include <stats/rank.h>

#include "families.h"

#define EXPERIMENTS 8000
#define MOST	    405

/* The smaller of the two sums of ranks at each look of an experiment without a difference. */
static void experiment(struct qb_random *random, int64_t ret[QB_LOOKS])
{
	double sizes[MOST];
	signed char signs[MOST];
	unsigned n = 0;

	for (unsigned look = 0; look < QB_LOOKS; look++) {
		const int64_t all = (int64_t)qb_looks[look] * (qb_looks[look] + 1) / 2;
		int64_t sum = 0;

		for (; n < qb_looks[look]; n++) {
			const double size = uniform(random);
			unsigned at = n;

			for (; at > 0 && sizes[at - 1] > size; at--) {
				sizes[at] = sizes[at - 1];
				signs[at] = signs[at - 1];
			}
			sizes[at] = size;
			signs[at] = qb_random_next(random) >> 63;
		}
		for (unsigned i = 0; i < n; i++)
			sum += signs[i] ? i + 1 : 0;
		ret[look] = sum < all - sum ? sum : all - sum;
	}
}

/* At every look of every plan: what has been claimed falsely so far is what may have been. */
static void level(void **unused)
{
	int64_t(*sums)[QB_LOOKS] = calloc(EXPERIMENTS, sizeof(*sums));
	struct qb_random random = {20261130};

	assert_non_null(sums);
	for (int i = 0; i < EXPERIMENTS; i++)
		experiment(&random, sums[i]);
	for (unsigned last = 0; last < QB_LOOKS; last++) {
		int claimed[QB_LOOKS] = {0};

		for (int i = 0; i < EXPERIMENTS; i++)
			for (unsigned look = 0; look <= last; look++)
				if (sums[i][look] <=
					qb_look_critical(qb_looks[look], qb_looks[last])) {
					claimed[look]++;
					break;
				}
		for (unsigned look = 0, sum = 0; look <= last; look++) {
			const double spent = QB_LOOKS_LEVEL * qb_looks[look] / qb_looks[last];
			const double error = sqrt(spent * (1 - spent) / EXPERIMENTS);

			sum += (unsigned)claimed[look];
			/* Four standard errors above; below, a step of c at the first looks as well. */
			assert_true(sum <= EXPERIMENTS * (spent + 4 * error));
			if (look > 1 || look == last)
				assert_true(sum >= EXPERIMENTS * (spent - 4 * error) -
							   0.004 * EXPERIMENTS);
		}
	}
	free(sums);
}

/* The first look is exact: the largest c that its part of the level allows. */
static void first(void **unused)
{
	for (unsigned last = 0; last < QB_LOOKS; last++)
		assert_int_equal(qb_look_critical(qb_looks[0], qb_looks[last]),
			qb_rank_critical(
				qb_looks[0], QB_LOOKS_LEVEL * qb_looks[0] / qb_looks[last]));
}

static void which(void **unused)
{
	assert_int_equal(qb_look_at_most(9), 0);
	assert_int_equal(qb_look_at_most(10), 10);
	assert_int_equal(qb_look_at_most(79), 54);
	assert_int_equal(qb_look_at_most(100000), 405);
	assert_int_equal(qb_look_after(0), 10);
	assert_int_equal(qb_look_after(10), 16);
	assert_int_equal(qb_look_after(404), 405);
	assert_int_equal(qb_look_after(405), 0);
	assert_int_equal(qb_look_critical(16, 10), -1);
	assert_int_equal(qb_look_critical(11, 80), -1);
	assert_int_equal(qb_look_critical(10, 81), -1);
	assert_int_equal(qb_look_critical(10, 405), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(level),
		cmocka_unit_test(first),
		cmocka_unit_test(which),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
