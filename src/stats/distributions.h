/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The distributions that verdicts and predictions need, by the incomplete beta function. Pure. */
#ifndef QB_STATS_DISTRIBUTIONS_H
#define QB_STATS_DISTRIBUTIONS_H

/* P(X <= k) and P(X >= k) of a binomial distribution; n may be a fraction. */
double qb_binomial_at_most(double k, double n, double p);
double qb_binomial_at_least(double k, double n, double p);

/* t with P(T <= t) = p of Student's distribution; 0.5 <= p < 1. */
double qb_student_quantile(double p, double freedom);

#endif
