/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tails of the binomial distribution against their sum, Student's quantiles against the books. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stats/distributions.h>

#include "families.h"

/* By adding the probabilities themselves. */
static double sum_at_most(int k, int n, double p)
{
	double sum = 0;

	for (int i = 0; i <= k; i++)
		sum += exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) +
			   (n - i) * log1p(-p));
	return sum;
}

static void binomial_tails(void **unused)
{
	for (int n = 1; n <= 120; n += 7)
		for (int k = 0; k <= n; k++)
			for (double p = 0.01; p < 1; p += 0.13) {
				assert_true(fabs(qb_binomial_at_most(k, n, p) -
						    sum_at_most(k, n, p)) < 1e-9);
				assert_true(fabs(qb_binomial_at_least(k, n, p) -
						    (k ? 1 - sum_at_most(k - 1, n, p) : 1)) < 1e-9);
			}
}

static void quantiles(void **state)
{
	assert_within(qb_student_quantile(0.975, 1), 12.7062, 1e-4);
	assert_within(qb_student_quantile(0.975, 10), 2.2281, 1e-4);
	assert_within(qb_student_quantile(0.975, 38), 2.0244, 1e-4);
	assert_within(qb_student_quantile(0.8, 38), 0.8512, 1e-4);
	assert_within(qb_student_quantile(0.5, 7), 0, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binomial_tails),
		cmocka_unit_test(quantiles),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
