/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A measurement of some CPUs at once: a loop (loop.h) on each, and one sampler elsewhere.
 *
 *	struct qb_measure m = {.cpus = …, .house = …, .looks = …};
 *	r = qb_measure_run(&m, &err);     takes as long as the looks say
 *	… m.of[i] per CPU; qb_causes_find (causes.h) says what it was …
 *	qb_measure_free(&m);
 *
 * The sampler is the calling thread: it moves itself to the housekeeping CPUs for the time, wakes
 * every 100 ms, and reads the kernel's counters there. Nothing but the loop runs on the measured
 * CPUs for us. The host is changed in no way.
 *
 * One looks at 3, 6 and 12 s (or as asked) and stops at the first look that decides.
 */
#ifndef QB_NOISE_MEASURE_H
#define QB_NOISE_MEASURE_H

#include "accounts.h"
#include "counters.h"
#include "loop.h"
#include "switches.h"
#include "verdict.h"
#include <quietbench/error.h>
#include <quietbench/value.h>

#define QB_MEASURE_LOOKS 3
#define QB_MEASURE_CPUS	 64

struct qb_measure_cpu {
	unsigned cpu;
	struct qb_loop loop;
	struct qb_noise_window *windows; /* of 100 ms */
	size_t n;
	double chunk_ns;    /* the usual speed: the median of the windows' */
	uint64_t *counts;   /* n + 1 times sources.n: interrupts so far, at the windows' borders */
	uint64_t *steal;    /* n + 1: hundredths of a second; NULL: not told */
	uint64_t throttled; /* so often its clock was lowered */
	bool can_throttle;  /* the host counts that */
	struct qb_switches switches; /* fd -1: not allowed; why says the reason */
	struct qb_error no_switches;
	pid_t tid; /* of the loop */
};

struct qb_measure {
	/* given */
	struct qb_cpus cpus;  /* to measure */
	struct qb_cpus house; /* where the sampler runs; empty: anywhere */
	struct qb_noise_limits limits;
	int64_t looks[QB_MEASURE_LOOKS]; /* ns from the start, ascending; 0: no more */
	void (*progress)(void *data, int64_t now_ns, int64_t end_ns); /* may be NULL */
	const _Atomic bool *stop;				       /* may be NULL */
	void *data;
	/* found */
	struct qb_measure_cpu *of; /* owned */
	size_t n;
	struct qb_sources sources;
	struct qb_accounts accounts; /* who used CPU time meanwhile, for hosts without perf */
	int64_t ns;		     /* how long it took */
	uint64_t swapped_in, quota_us;
	unsigned looked;
	struct qb_metric_verdict verdicts[QB_NOISE_METRIC_COUNT]; /* of all CPUs together */
	enum qb_verdict_of verdict;
};

int qb_measure_run(struct qb_measure *measure, struct qb_error *err);
void qb_measure_free(struct qb_measure *measure);

#endif
