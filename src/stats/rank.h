/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wilcoxon's signed ranks: where do differences lie, and is it 0?
 *
 * For n differences u the n(n+1)/2 averages (u_i + u_j) / 2, i <= j, are Walsh's. Their median is the
 * estimate (Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963); the interval reaches from
 * the average with `c` below it to the one with `c` above it (Hollander, Wolfe, Chicken:
 * Nonparametric Statistical Methods, 3.1 to 3.3). It excludes 0 exactly when the test rejects 0. The test
 * needs no distribution: that each difference could as well have had the other sign is enough, and
 * that is what a fair coin for the order of each pair makes true.
 *
 * Nothing here keeps all the averages: the k-th is found by halving, with n steps for each half.
 */
#ifndef QB_STATS_RANK_H
#define QB_STATS_RANK_H

#include <stddef.h>
#include <stdint.h>

struct qb_interval {
	double low, middle, high;
};

/*
 * The largest c with 2 P(T <= c) <= level for the sum T of n signed ranks; -1: n is too small for that
 * level. Exact up to n = 405, the normal approximation above.
 */
int64_t qb_rank_critical(size_t n, double level);
/* The estimate and its interval; n > 0, 0 <= c, and c < n(n+1)/4. Sorts `u`. */
struct qb_interval qb_rank_interval(double *u, size_t n, int64_t c);
/* Two-sided: how likely so extreme a sum of ranks is when the differences lie around 0. Sorts `u`. */
double qb_rank_p(double *u, size_t n);
/* The same as a deviate of the normal distribution; > 0: they lie above 0. Sorts `u`. */
double qb_rank_z(double *u, size_t n);

#endif
