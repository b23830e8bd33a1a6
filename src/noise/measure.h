/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A measurement of some CPUs at once: a loop (loop.h) on each, and one sampler elsewhere.
 *
 *	struct qb_measure m = {.cpus = …, .housekeeping = …, .looks = …};
 *	r = qb_measure_prepare(&m, &err);
 *	pid = fork();                     or a child that a helper places, as benchmarks are
 *		in the child: _exit(qb_measure_loops(&m));
 *	r = qb_measure_watch(&m, pid, &err);   takes as long as the looks say
 *	… reap the child; m.of[i] per CPU; qb_causes_attribute (causes.h) says what it was …
 *	qb_measure_free(&m);
 *
 * The loops are threads of the child, which may be kept on CPUs that its parent cannot reach. The
 * sampler is the parent: it moves itself to the housekeeping CPUs for the time, wakes every 100 ms,
 * and reads the kernel's counters there. They share memory. Nothing but the loops runs on the
 * measured CPUs for us. The host is changed in no way.
 *
 * A process that may not use perf can be lent what another process saw (`watcher`), before
 * the causes are looked for.
 *
 * One looks at 3, 6 and 12 s (or as asked) and stops at the first look that decides, or at once when
 * a CPU is taken away.
 */
#ifndef QB_NOISE_MEASURE_H
#define QB_NOISE_MEASURE_H

#include "accounts.h"
#include "counters.h"
#include "detect.h"
#include "loop.h"
#include "trace.h"
#include "verdict.h"
#include "watcher.h"
#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/value.h>

#define QB_MEASURE_LOOKS 3
/* Windows of the loop in one of the verdict's. */
#define QB_MEASURE_LOOPS ((size_t)(QB_VERDICT_WINDOW_NS / QB_LOOP_WINDOW_NS))
/* Counters are read so long after a window's border: the loops close theirs meanwhile. */
#define QB_MEASURE_LATE_NS (QB_LOOP_WINDOW_NS / 2)

/* A CPU may be lost on the way (hard.h). */
enum qb_gone { QB_GONE_NOT, QB_GONE_OFFLINE, QB_GONE_MOVED };

struct qb_causes;

struct qb_measure_cpu {
	unsigned cpu;
	struct qb_loop *loop;		 /* shared with the child */
	struct qb_noise_window *windows; /* of 100 ms */
	size_t n;
	double chunk_ns;  /* the usual speed: the median of the windows' */
	uint64_t *counts; /* n + 1 times sources.n: interrupts so far, at the windows' borders */
	uint64_t *steal;  /* n + 1: hundredths of a second; NULL: not told */
	uint64_t throttled_before, throttled; /* so often its clock was lowered because of heat */
	bool throttled_known;
	enum qb_gone gone;
	int64_t waited[2]; /* ns: the loop's wait for the CPU by the kernel's account, at the first
			      border of a window and the last; -1: no such account */
	struct qb_causes *causes; /* owned; NULL: not asked for (qb_causes_attribute) */
};

struct qb_measure_shared;

struct qb_measure {
	/* given */
	struct qb_cpus cpus;	     /* to measure */
	struct qb_cpus housekeeping; /* where the sampler runs; empty: anywhere */
	struct qb_noise_limits limits;
	bool guest;		    /* a hypervisor is below */
	bool applied[QB_KEY_COUNT]; /* the levers in effect meanwhile: no advice asks for them */
	bool traces;		    /* interrupts are timed, at a cost (trace.h) */
	struct qb_detect detect;    /* what to predict, and at the end the prediction */
	int64_t looks[QB_MEASURE_LOOKS]; /* ns from the start, ascending; 0: no more */
	/* Called after every window, may be NULL. False: enough of it (-QB_TOLD_TO_END). */
	bool (*progress)(void *data, int64_t now_ns, int64_t end_ns);
	/* Called when the loops have begun, may be NULL: for a process that watches the switches for us. */
	void (*begun)(void *data);
	void *data;
	/* found */
	struct qb_measure_shared *shared; /* owned, and all that `of` points to */
	struct qb_measure_cpu *of;
	size_t n;
	struct qb_sources sources;
	struct qb_watcher watcher; /* of all of them; nothing known: not_watched says why */
	struct qb_error not_watched;
	struct qb_trace trace;	     /* by the same index */
	struct qb_accounts accounts; /* which tasks used CPU time, for hosts without perf */
	bool steal_untold; /* a guest that was told of none since boot: that is not "nothing stolen" */
	bool throttled_told, quota_told, swap_told; /* the host counts that */
	int64_t accounts_ns; /* that is, in so long: from before the warm-up on */
	int64_t ns;	     /* how long it took */
	uint64_t swapped_in, quota_us;
	unsigned looked;
	struct qb_metric_verdict verdicts[QB_NOISE_METRIC_COUNT]; /* of all CPUs together */
	enum qb_verdict_of verdict; /* failed also for what hard.h has */
};

int qb_measure_prepare(struct qb_measure *measure, struct qb_error *err);
/* The child's: runs the loops until the parent has seen enough. Its exit status. */
int qb_measure_loops(struct qb_measure *measure);
/* The parent's. Ends the loops, also when it fails; -ECHILD: the child has ended. */
int qb_measure_watch(struct qb_measure *measure, pid_t child, struct qb_error *err);
/* Is this thread one of the loops? */
bool qb_measure_is_ours(const struct qb_measure *measure, pid_t tid);
void qb_measure_free(struct qb_measure *measure);

#endif
