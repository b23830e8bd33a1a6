/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.h */
#include "verdict.h"
#include <base/macros.h>
#include <stats/distributions.h>

static double value_of(const struct qb_noise_window *window, enum qb_noise_metric metric)
{
	switch (metric) {
	case QB_NOISE_PREEMPTED_METRIC: return window->preempted;
	case QB_NOISE_GAPS_METRIC: return window->gaps;
	case QB_NOISE_SPEED_METRIC: return window->speed;
	case QB_NOISE_STEAL_METRIC: return window->steal;
	case QB_NOISE_LONGEST_METRIC: return (double)window->longest_ns;
	case QB_NOISE_METRIC_COUNT: break;
	}
	return -1;
}

/* How alike neighbours are, of being above the limit: 0 for a coin's throws, 1 for one burst. */
static double correlate(const bool *above, size_t n)
{
	double mean, variance = 0, covariance = 0;
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += above[i];
	if (count == 0 || count == n)
		return 0;
	mean = (double)count / (double)n;
	for (size_t i = 0; i < n; i++) {
		variance += (above[i] - mean) * (above[i] - mean);
		if (i > 0)
			covariance += (above[i] - mean) * (above[i - 1] - mean);
	}
	return covariance / variance;
}

/* K of N above the limit: what that says of the rate of such windows. */
static enum qb_verdict_of decide(const struct qb_metric_verdict *v, unsigned looks)
{
	const double alpha = QB_VERDICT_ALPHA / looks;
	const double n = v->effective, k = v->exceeding * n / v->windows;

	if (qb_binomial_at_most(k, n, QB_VERDICT_RATE) <= alpha)
		return QB_VERDICT_OF_PASS;
	if (qb_binomial_at_least(k, n, QB_VERDICT_RATE) <= alpha)
		return QB_VERDICT_OF_FAIL;
	return QB_VERDICT_OF_UNDECIDED;
}

static struct qb_metric_verdict judge(const struct qb_noise_window *windows, size_t n,
	enum qb_noise_metric metric, double limit, unsigned looks, bool *above)
{
	struct qb_metric_verdict v = {.verdict = QB_VERDICT_OF_PASS};

	for (size_t i = 0; i < n; i++) {
		double value = value_of(&windows[i], metric);

		if (value < 0)
			continue;
		above[v.windows++] = limit >= 0 && value > limit;
		v.exceeding += limit >= 0 && value > limit;
		v.mean += value;
		v.worst = value > v.worst ? value : v.worst;
	}
	v.measured = v.windows > 0;
	if (!v.measured)
		return v;
	v.mean /= v.windows;
	if (limit < 0)
		return v;
	v.correlation = correlate(above, v.windows);
	v.effective = v.correlation > 0 ? v.windows * (1 - v.correlation) / (1 + v.correlation)
					: v.windows;
	/* The longest gap is no rate: one may happen, two are a habit. */
	if (metric == QB_NOISE_LONGEST_METRIC)
		v.verdict = v.exceeding > 1 ? QB_VERDICT_OF_FAIL : QB_VERDICT_OF_PASS;
	else
		v.verdict = decide(&v, looks);
	return v;
}

void qb_verdict_judge(const struct qb_noise_window *windows, size_t n,
	const struct qb_noise_limits *limits, unsigned looks,
	struct qb_metric_verdict ret[QB_NOISE_METRIC_COUNT])
{
	_cleanup_free_ bool *above = calloc(n + 1, sizeof(*above));

	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		enum qb_noise_metric metric = (enum qb_noise_metric)i;
		double limit = (double)limits->of[i];

		if (metric != QB_NOISE_LONGEST_METRIC && limit > 0)
			limit /= 1e6;
		ret[i] = above ? judge(windows, n, metric, limit, looks, above)
			       : (struct qb_metric_verdict){0};
	}
}

enum qb_verdict_of qb_verdict_of_all(const struct qb_metric_verdict verdicts[QB_NOISE_METRIC_COUNT])
{
	enum qb_verdict_of all = QB_VERDICT_OF_PASS;

	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		if (verdicts[i].verdict == QB_VERDICT_OF_FAIL)
			return QB_VERDICT_OF_FAIL;
		if (verdicts[i].verdict == QB_VERDICT_OF_UNDECIDED)
			all = QB_VERDICT_OF_UNDECIDED;
	}
	return all;
}
