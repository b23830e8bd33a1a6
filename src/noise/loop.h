/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measurement loop: what one CPU gives a program that wants nothing but to compute.
 *
 * The thread repeats a chunk of dependent multiplications (about a quarter of a microsecond) and
 * reads the clock after each. The median chunk of a window of 10 ms is the CPU's speed there; a
 * chunk that takes much longer than the median has a gap in it, and what it took beyond the
 * median is the gap's length. Every gap is kept as an event while there is room, and is in the sums
 * in any case. Gaps and speed are different noise: a guest's neighbour steals few
 * gaps and slows everything down, a cron job does the opposite.
 *
 * It runs in the scheduling class of its caller: real-time classes would measure their own
 * throttling. After a gap was handled the clock is read anew, so that the handling is not counted.
 * The caller binds the thread to its CPU. Memory is the caller's, touched and locked beforehand.
 */
#ifndef QB_NOISE_LOOP_H
#define QB_NOISE_LOOP_H

#include "preempt.h"
#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

#define QB_LOOP_WINDOW_NS INT64_C(10000000)
/* The longest gaps are kept in a list of their own. */
#define QB_LOOP_LONGEST 16
/* There should be room for so many gaps of each second. */
#define QB_LOOP_GAPS_PER_S 5000
/* Lengths of gaps, in powers of two: [i] is of 2^i ns and more. */
#define QB_LOOP_LENGTHS 40

struct qb_loop_window {
	float chunk_ns;	      /* the median chunk; 0: too few, the CPU was hardly ours */
	int64_t gap_ns;	      /* all gaps together */
	int64_t preempted_ns; /* those in which the thread was switched out */
	uint32_t gaps, preemptions;
	int64_t longest_ns;
	int64_t lost_ns; /* of our own bookkeeping, in no other number */
};

struct qb_loop_gap {
	int64_t at_ns; /* when it began, counted from the start */
	int64_t ns : 63;
	bool preempted : 1;
};
_Static_assert(sizeof(struct qb_loop_gap) == 16, "they are many");

struct qb_loop {
	/* given */
	struct qb_loop_window *windows;
	size_t n_windows; /* how long: so many windows at most */
	const _Atomic bool *stop;
	struct qb_loop_gap
		*gaps; /* room for all of them, in order; NULL: they are only summed up */
	size_t gaps_room;
	unsigned cpu; /* where it runs */
	bool brief;   /* a probe: neither preemptions nor the tick are told, and nothing warms up */
	int64_t window_ns; /* of each window; 0: QB_LOOP_WINDOW_NS */
	/* found; `done` windows may be looked at while it runs */
	pid_t tid;	   /* the thread that runs it */
	int64_t waited_ns; /* of qb_loops_run: how long it could have run and did not; -1: not told */
	_Atomic size_t done;
	bool direct; /* the clock is the CPU's own counter */
	struct qb_preempt preempt;
	_Atomic int64_t started_ns;		     /* CLOCK_MONOTONIC; 0: not begun */
	struct qb_loop_gap longest[QB_LOOP_LONGEST]; /* longest first */
	uint64_t lengths[QB_LOOP_LENGTHS];
	uint64_t chunks;
	_Atomic size_t n_gaps; /* kept */
	uint64_t gaps_unkept;  /* for want of room: those after the kept ones, in the sums alone */
	/* The kernel's own tick: its period in the loop's time, 0: not known; and when one began. */
	double tick_ns;
	int64_t tick_at_ns;
};

/* Spins so long before anything counts: clocks rise, caches and pages come. A brief one knows a CPU
 * that is warm already. */
#define QB_LOOP_WARM_UP_NS INT64_C(300000000)
#define QB_LOOP_BRIEF_NS   INT64_C(2000000)

/* Measures until the windows are full or *stop is set. Only for a thread that is bound. */
void qb_loop_run(struct qb_loop *loop);
/*
 * Runs them all, each in a thread that binds itself to its CPU, until they end. For a process that
 * does nothing else: signals that would have a handler are blocked from then on, and its memory is
 * locked where that is allowed. *stop is set, and the errno returned, when one cannot begin.
 */
int qb_loops_run(struct qb_loop *loops, size_t n, _Atomic bool *stop);

#endif
