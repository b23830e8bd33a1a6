/* SPDX-License-Identifier: GPL-2.0-or-later */
/* random.h */
#include "random.h"

uint64_t qb_random_next(struct qb_random *random)
{
	uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

uint64_t qb_random_below(struct qb_random *random, uint64_t n)
{
	const uint64_t rest = -n % n; /* so many of the 2^64 are too many for n equal parts */
	uint64_t number;

	do
		number = qb_random_next(random);
	while (number < rest);
	return number % n;
}

void qb_random_order(struct qb_random *random, unsigned *ret_order, unsigned n)
{
	for (unsigned i = 0; i < n; i++) { /* Fisher and Yates, from below */
		const unsigned j = (unsigned)qb_random_below(random, i + 1);

		ret_order[i] = ret_order[j];
		ret_order[j] = i;
	}
}
