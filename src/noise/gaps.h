/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose gaps are these? A train of gaps, divided among the causes that made it.
 *
 *	struct qb_gaps gaps = {.gaps = …, .counts = …};
 *	r = qb_gaps_decompose(&gaps, &err);
 *	… gaps.parts …
 *
 * Pure: nothing of the host is read. Only gaps in which no other task had the CPU are looked at. A
 * gap is an event, and an interrupt is one, too: a source of interrupts explains at most as many
 * gaps as it interrupted. In this order,
 *
 *	the own tick   has a period and a phase that are known, or at least a period and a count
 *	combs          come at another period (comb.h), and are a source's if it counts as many;
 *		       else something made them that this kernel does not see. Teeth that fall together with
 *		       other gaps are told apart by lengths. A comb of which more than half lies in other gaps
 *		       may be seen at a multiple of its period, or not at all: what it has there counts as of
 *		       these, and what is apart as unexplained
 *	sources        of what is left, gaps of a length that comes more often when the source's
 *		       count is higher: in each window at most as many as it counts there
 *	unexplained    comes at no regular times, and nothing counted goes with it; apart from it
 *		       what is too short to be an interrupt
 */
#ifndef QB_NOISE_GAPS_H
#define QB_NOISE_GAPS_H

#include "loop.h"
#include <quietbench/error.h>

enum qb_gaps_of {
	QB_GAPS_OF_TICK,
	QB_GAPS_OF_COMB,
	QB_GAPS_OF_SOURCE,
	QB_GAPS_OF_REST,
	QB_GAPS_OF_SHORT,
};

/* A gap that is shorter is no interrupt's, nor a hypervisor's or firmware's: entering and leaving
 * them takes longer. */
#define QB_GAPS_SHORT_NS 1000

struct qb_gaps_part {
	enum qb_gaps_of of;
	size_t source; /* of a source, and of a tick that is counted; else QB_GAPS_UNCOUNTED */
	size_t times;
	double ns;	   /* all of them together */
	double typical_ns; /* the median */
	double period_ns;  /* 0: none */
};

#define QB_GAPS_PARTS	  32
#define QB_GAPS_COMBS	  8 /* of these, at most */
#define QB_GAPS_UNCOUNTED SIZE_MAX

struct qb_gaps {
	/* given */
	const struct qb_loop_gap *gaps; /* ascending */
	size_t n_gaps;
	int64_t ns; /* of this stretch of time, from 0 on; later gaps do not count */
	/* The kernel's tick (loop.h); 0: not known. `tick_source` counts it; or QB_GAPS_UNCOUNTED. */
	double tick_ns;
	int64_t tick_at_ns;
	bool tick_seen; /* tick_at_ns is known */
	size_t tick_source;
	/* n_windows + 1 rows of n_sources each: how often each has interrupted, at the borders of
	 * windows of window_ns; read so long after the border. */
	const uint64_t *counts;
	size_t n_windows, n_sources;
	int64_t window_ns, late_ns;
	/* found */
	struct qb_gaps_part parts[QB_GAPS_PARTS];
	size_t n;
};

int qb_gaps_decompose(struct qb_gaps *gaps, struct qb_error *err);

#endif
