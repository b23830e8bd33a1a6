/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a series of runs went: warm from the start, warming up, slowing down, or never steady.
 *
 * Change points by PELT (Killick, Fearnhead, Eckley, Journal of the American Statistical Association
 * 107, 2012): segments of one level each, penalty 3 ln n. What the segments say, as in Barrett et al.,
 * Virtual Machine Warmup Blows Hot and Cold, OOPSLA 2017. The noise within a segment is estimated by
 * the differences of neighbours; a lone outlier is drawn in to 3 deviations of its neighbourhood, so that
 * it is no segment of its own.
 */
#ifndef QB_STATS_CHANGE_H
#define QB_STATS_CHANGE_H

#include <stddef.h>

#define QB_CHANGE_RUNS_MIN 30
/* More change points than these are a wandering, not steps. */
#define QB_CHANGES_MAX 16

enum qb_course {
	QB_COURSE_UNKNOWN, /* fewer than QB_CHANGE_RUNS_MIN runs */
	QB_COURSE_FLAT,
	QB_COURSE_WARM_UP,  /* the last level is the lowest */
	QB_COURSE_SLOWDOWN, /* the level before it was lower */
	/* the last quarter still changed, it came down to where it was before, or more changes than are told */
	QB_COURSE_UNSTEADY,
};

struct qb_change {
	enum qb_course course;
	size_t n_points;
	size_t points[QB_CHANGES_MAX]; /* each the first run of a new level; ascending, never 0 */
	size_t steady;		       /* WARM_UP, SLOWDOWN: the first run of the last level */
	double first, before,
		last; /* medians of the first level, of the one before the last, of the last */
};

/* Of a time or another measure of which less is better, in the order of the runs. 0, or -ENOMEM. */
int qb_change_look(const double *values, size_t n, struct qb_change *ret);

#endif
