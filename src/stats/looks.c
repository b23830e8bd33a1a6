/* SPDX-License-Identifier: GPL-2.0-or-later */
/* looks.h */
#include "looks.h"

const unsigned qb_looks[QB_LOOKS] = {10, 16, 24, 36, 54, 80, 120, 180, 270, 405};

/* By most (rows) and n (columns). Distribution-free, so computed once, by simulation; unit/stats/looks
 * computes it anew. */
static const int32_t critical[QB_LOOKS][QB_LOOKS] = {
	{8},
	{6, 26},
	{5, 23, 73},
	{4, 20, 67, 192},
	{2, 19, 63, 183, 486},
	{2, 16, 57, 173, 467, 1157},
	{1, 14, 53, 164, 449, 1123, 2783},
	{0, 13, 49, 156, 433, 1092, 2719, 6592},
	{-1, 13, 47, 148, 418, 1062, 2660, 6476, 15442},
	{-1, 11, 44, 141, 401, 1035, 2604, 6365, 15227, 35865},
};

unsigned qb_look_at_most(unsigned n)
{
	for (unsigned i = QB_LOOKS; i > 0; i--)
		if (qb_looks[i - 1] <= n)
			return qb_looks[i - 1];
	return 0;
}

unsigned qb_look_after(unsigned n)
{
	for (unsigned i = 0; i < QB_LOOKS; i++)
		if (qb_looks[i] > n)
			return qb_looks[i];
	return 0;
}

/* QB_LOOKS: n is none. */
static unsigned index_of(unsigned n)
{
	unsigned i = 0;

	while (i < QB_LOOKS && qb_looks[i] != n)
		i++;
	return i;
}

int64_t qb_look_critical(unsigned n, unsigned most)
{
	const unsigned look = index_of(n), last = index_of(most);

	return last < QB_LOOKS && look <= last ? critical[last][look] : -1;
}
