/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is it quiet enough? A verdict with a stated error, whatever the noise is distributed like.
 *
 * Time is cut into windows of 100 ms. For each metric K of N windows exceed its limit. It passes
 * when the rate of such windows is at most QB_VERDICT_RATE (the one-sided Clopper-Pearson bound,
 * Biometrika 26, 1934), fails when it is above, and is undecided in between: then one looks
 * longer. The error of QB_VERDICT_ALPHA is shared by all looks.
 *
 * Noisy windows come in bursts. With an autocorrelation of lag 1 of r > 0, N windows are worth
 * N (1 - r) / (1 + r) independent ones.
 *
 * Pure: numbers in, verdicts out.
 */
#ifndef QB_NOISE_VERDICT_H
#define QB_NOISE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QB_VERDICT_WINDOW_NS INT64_C(100000000)
#define QB_VERDICT_RATE	     0.10
#define QB_VERDICT_ALPHA     0.05

enum qb_verdict_of {
	QB_VERDICT_OF_UNDECIDED,
	QB_VERDICT_OF_PASS,
	QB_VERDICT_OF_FAIL,
};

/* One window of one CPU; what could not be measured is negative. */
struct qb_noise_window {
	double preempted, gaps, steal; /* shares of its time */
	double speed;		       /* deviation from the usual, a share */
	int64_t longest_ns;
};

/* QB_NOISE_METRICS is the one list: names, the profile's key, limits of --limits ci, bare, lab. */
/* clang-format off */
#define QB_NOISE_METRICS(X) \
	X(PREEMPTED, "preempted", CHECK_MAX_PREEMPTED, 3000, 500, 50, "time taken by other tasks") \
	X(GAPS, "gaps", CHECK_MAX_GAPS, 20000, 5000, 100, "time taken by anything") \
	X(SPEED, "speed", CHECK_MAX_SPEED_DEVIATION, 20000, 5000, 1000, "wander of the CPU's speed") \
	X(STEAL, "steal", CHECK_MAX_STEAL, 5000, 0, 0, "time taken by the hypervisor") \
	X(LONGEST, "longest", CHECK_MAX_GAP, 2000000, 200000, 20000, "longest single gap")
/* clang-format on */

enum qb_noise_metric {
#define X(id, ...) QB_NOISE_##id##_METRIC,
	QB_NOISE_METRICS(X)
#undef X
		QB_NOISE_METRIC_COUNT
};

/* Limits: millionths of the time, nanoseconds for the longest gap. Negative: not judged. */
struct qb_noise_limits {
	int64_t of[QB_NOISE_METRIC_COUNT];
};

struct qb_metric_verdict {
	enum qb_verdict_of verdict;
	bool measured;
	unsigned windows, exceeding;
	double effective;   /* windows that count as independent */
	double correlation; /* of lag 1, of being above the limit */
	double mean, worst; /* of the windows, in the metric's unit: a share, or ns */
};

/*
 * Judges n windows (of one CPU, or of several one after the other: `runs` says how many windows
 * follow each other) in one of `looks` looks.
 */
void qb_verdict_judge(const struct qb_noise_window *windows, size_t n,
	const struct qb_noise_limits *limits, unsigned looks,
	struct qb_metric_verdict ret[QB_NOISE_METRIC_COUNT]);

/* All metrics together: one that fails, else one that is undecided, else passed. */
enum qb_verdict_of qb_verdict_of_all(
	const struct qb_metric_verdict verdicts[QB_NOISE_METRIC_COUNT]);

#endif
