/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches a benchmark: which other tasks had its CPUs, and did that matter?
 *
 *	qb_watch_begin     before it is let go
 *	qb_watch_tick      when qb_watch_patience is over, from another CPU
 *	qb_watch_end       when it has ended, with what it used
 *	qb_watch_judge     quiet, noisy or unknown, and why
 *
 * Quiet is said only where everything that can disturb a run was seen. What a hypervisor takes is told by
 * steal, if by anything; elsewhere the probes at either end (probe.h) speak for a short run, and
 * nothing for a long one.
 *
 * Nothing of ours runs on its CPUs meanwhile. Where perf may be used (watcher.h) every switch there
 * is known, so the time of other tasks is measured and they have names. Elsewhere it is what the CPUs were
 * busy beyond what the benchmark used (/proc/stat, in ticks of 10 ms: too coarse for a short run,
 * which then is `unknown`), and names come from the accounts of threads that are still there.
 *
 * Threads of the benchmark that wait for each other are not noise; how long they did is told apart.
 *
 * Work that was done elsewhere was not watched, so the run is `unknown`, not quiet. Three things tell of it:
 *  - The command and what it waited for used more CPU time than was seen on its CPUs, by a tenth and 50 ms: a
 *    process of it left its control group, or set another affinity.
 *  - Less CPU time than that was used in its control group: a process of it left that, on whatever CPU.
 *  - In a run of more than 100 ms it used less than 5 % of one CPU, and its CPUs were not waiting for a
 *    device (iowait) for half of that time: a daemon, a container or another host may have worked for it, or
 *    it slept. Which of these cannot be told from here. A command that waits for its disk stays quiet.
 * So is a run `unknown` of which the kernel ended a process for lack of memory: by the control group's own
 * count; where that is missing by the host's, if the command ended by SIGKILL.
 */
#ifndef QB_NOISE_WATCH_H
#define QB_NOISE_WATCH_H

#include "accounts.h"
#include "tally.h"
#include "watcher.h"
#include <quietbench/value.h>

#define QB_WATCH_INTERVAL INT64_C(1000000000) /* of samples, if nobody asks for another */
#define QB_WATCH_SAMPLES  1024		      /* a power of two */

/* Sums since the benchmark was let go. */
struct qb_watch_sample {
	int64_t at_ns;
	int64_t others_ns; /* other tasks' time on the CPUs; -1: not known during the run */
	int64_t steal_ns;
	struct qb_tally_look look;
};

struct qb_watch_order {
	struct qb_cpus cpus;
	pid_t child;
	bool recorded;	     /* somebody keeps the details: samples, and counts by source */
	int64_t interval_ns; /* of samples, at first: when there are too many, half of them go */
};

struct qb_watch {
	struct qb_cpus cpus;
	pid_t child;
	struct qb_tally tally;
	struct qb_watch_sample *samples; /* owned; NULL: nobody keeps them */
	size_t n_samples;
	int64_t begun_ns, interval_ns, next_ns;
	size_t n;
	struct {
		unsigned cpu;
		uint64_t busy[2], steal[2], waited[2]; /* ticks, before and after */
		uint64_t throttled[2];
	} * of; /* owned */
	struct qb_watcher watcher;
	bool by_switches, steal_known;
	int unseen;	  /* why the switches are not: a negative errno, 0 where they are */
	bool steal_moved; /* since boot: where it never did, a guest is told of none */
	struct qb_accounts accounts; /* at the beginning, where the switches are not seen */
	uint64_t swapped[2], oom_kills[2];
	bool own_oom_kills; /* they are of its control group, not of the host */
	/* CPU time in its control group, and in the one above, which outlives it; before and after */
	struct {
		bool known;
		uint64_t us[2];
	} used_in[2];
	int64_t started_ns, wall_ns; /* of the benchmark, as the caller saw it */
};

enum qb_noise {
	QB_NOISE_UNKNOWN, /* not measured, or the measurement is worth nothing */
	QB_NOISE_QUIET,
	QB_NOISE_NOISY,
};

enum { QB_WATCH_REASONS = 8 };

/* The CPUs themselves at either end of the run (probe.h): by which share the worst of them was slower. */
struct qb_watch_probes {
	bool known;
	double before, after; /* than usual; 0: what is usual is not known */
	double between;	      /* after than before; negative: faster */
};

struct qb_watched {
	enum qb_noise noise;
	int64_t others_ns;    /* other tasks' time on the CPUs */
	int64_t uncertain_ns; /* it may be so much more; by the ticks, also less */
	int64_t waited_ns; /* own threads that could have run did not for so long; -1: not known */
	int64_t steal_ns;
	int64_t wall_ns;  /* from exec to exit, as the kernel saw it, or else the caller */
	unsigned threads; /* of the benchmark's that could run at once; 0: not known */
	uint64_t throttled, swapped;
	char reasons[QB_WATCH_REASONS][160];
	size_t n_reasons;
	bool slowed; /* UNKNOWN for nothing but what the probes say */
	struct qb_watch_probes probes;
};

/* What the verdict depends on, beside what was watched. Limits are shares in millionths. */
struct qb_watch_terms {
	int64_t used_ns;       /* CPU time of the benchmark and all its descendants */
	int64_t max_preempted; /* of the wall time, by other tasks */
	int64_t max_speed;     /* by which a CPU may be slower beside the run */
	bool guest;
	bool killed; /* it, or the shell's last command, ended by SIGKILL */
	bool bound;  /* its memory comes from some of the host's nodes only (process.numa: bind) */
	struct qb_watch_probes probes;
	/* What was above its limit before the command and is not measured during it; NULL: nothing. */
	const char *noisy_before;
};

int qb_watch_begin(struct qb_watch *ret, const struct qb_watch_order *order, struct qb_error *err);
/* Milliseconds until there is something to do; -1: never. */
int qb_watch_patience(const struct qb_watch *watch);
void qb_watch_tick(struct qb_watch *watch);
/* After the end: what somebody saw in our stead (`by_switches` is the caller's to set). */
void qb_watch_lend(struct qb_watch *watch, const struct qb_switches_message *message);
/* It ran from then on (CLOCK_MONOTONIC), for so long. */
void qb_watch_end(struct qb_watch *watch, int64_t started_ns, int64_t wall_ns);
/* To be called at once: the accounts that names come from are read here. */
void qb_watch_judge(
	const struct qb_watch *watch, const struct qb_watch_terms *terms, struct qb_watched *ret);
void qb_watch_free(struct qb_watch *watch);

#endif
