/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How small a change could a benchmark show on this host?
 *
 * A measurement is cut into pieces as long as one run of the benchmark. What of the spread between
 * runs is the host's own is the spread of these pieces: in speed, and in time lost to gaps. Two
 * groups of n runs each then show a change of
 *
 *	CV (t[0.975] + t[0.8]) sqrt(2 / n),  t with 2n - 2 degrees of freedom,
 *
 * in four of five attempts, with a two-sided test at 5 % (0.91 CV for n = 20). That is a floor: the
 * program's own spread comes on top of it.
 */
#ifndef QB_NOISE_DETECT_H
#define QB_NOISE_DETECT_H

#include <quietbench/error.h>
#include <stddef.h>
#include <stdint.h>

struct qb_measure;

/* Fewer pieces say nothing about their spread. */
#define QB_DETECT_PIECES 8

/* Shorter runs are not to be seen. */
#define QB_DETECT_RUN_NS INT64_C(10000000)

struct qb_detect {
	/* given */
	int64_t run_ns; /* how long one run takes; at least QB_DETECT_RUN_NS */
	unsigned runs;	/* n, of each of the two that are compared; at least 2. 0: nobody asks */
	double wanted;	/* the change that is to be shown, a share; 0: any */
	/* found, of the worst CPU; shares */
	size_t pieces;	    /* 0: a measurement that ended early tells nothing */
	double speed, gaps; /* standard deviations */
	double cv;	    /* both together */
	double change;	    /* what can be shown */
};

/* How long a measurement must be for runs of this length. */
int64_t qb_detect_duration(int64_t run_ns);
/* Into the measurement's `detect`; a change that is wanted and cannot be shown makes it noisy.
 * -ENODATA: it was too short. */
int qb_detect_judge(struct qb_measure *measure, struct qb_error *err);
/* What n runs show of a coefficient of variation. */
double qb_detect_change(double cv, unsigned runs);
/* So many runs are needed to show the change; 0: more than anybody would wait for. */
unsigned qb_detect_runs(double cv, double change);

#endif
