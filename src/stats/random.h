/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A sequence of numbers that is the same for the same seed on every machine: an experiment's order is
 * recorded by its seed, and a simulation repeats.
 *
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
 */
#ifndef QB_STATS_RANDOM_H
#define QB_STATS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct qb_random {
	uint64_t state; /* at first the seed */
};

uint64_t qb_random_next(struct qb_random *random);
/* Each of 0 … n-1 as likely as any other; n > 0. */
uint64_t qb_random_below(struct qb_random *random, uint64_t n);
/* 0 … n-1 in a random order, each order as likely as any other. */
void qb_random_order(struct qb_random *random, unsigned *ret_order, unsigned n);

#endif
