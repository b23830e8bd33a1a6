/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To look at an experiment while it runs, and still to be wrong once in twenty at most.
 *
 * Who looks again and again until a difference shows finds one in 12 to 46 of 100 experiments where
 * there is none. So the looks are fixed beforehand, and what may go wrong is shared out among them in
 * proportion to n (Lan and DeMets, Biometrika 70, 1983; Kim and DeMets, Biometrika 74, 1987, rho = 1).
 * The interval at a look (rank.h, with its c from here) is one of a sequence of repeated confidence
 * intervals (Jennison and Turnbull, Journal of the Royal Statistical Society B 51, 1989): all of them
 * hold together with 95 %, whatever makes the experiment stop.
 *
 * The number of pairs at which it ends, `most`, is fixed before the first timed run. It is one of
 * the looks.
 */
#ifndef QB_STATS_LOOKS_H
#define QB_STATS_LOOKS_H

#include <stdint.h>

/* Of all claims together, so many may be false. */
#define QB_LOOKS_LEVEL 0.05
#define QB_LOOKS       10
extern const unsigned qb_looks[QB_LOOKS]; /* pairs, ascending */

/* The largest look of at most n pairs; 0: n is less than the first. */
unsigned qb_look_at_most(unsigned n);
/* The smallest look of more than n pairs; 0: there is none. */
unsigned qb_look_after(unsigned n);
/* qb_rank_interval's c for the look at n pairs of an experiment of `most`; -1: no interval yet. */
int64_t qb_look_critical(unsigned n, unsigned most);

#endif
