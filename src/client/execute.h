/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command is executed once, on the host as a condition (condition.h) has it: placed, prepared,
 * watched, run to its end, judged.
 *
 *	struct qb_result result;
 *	const struct qb_execute_order order = {.path = path, .argv = argv, …};
 *	r = qb_execute(&condition, &order, &result, &err);      as often as one likes
 *	qb_result_free(&result);
 *
 * A condition is opened once and restored once; between that, any number of commands may be executed, one
 * after the other. Nothing is left of one when the next begins: no process of quietbench's but the
 * job's sentinel and, with `repeated`, the forker (forker.h), no descriptor, no memory. What an order's path
 * and argv point to is there when the first is executed, and stays; of all of them probe_ns is the same. A
 * result is complete in itself: it stays what it is when other commands are executed, or the host is restored.
 */
#ifndef QB_CLIENT_EXECUTE_H
#define QB_CLIENT_EXECUTE_H

#include <client/condition.h>
#include <noise/probe.h>
#include <noise/watch.h>

struct qb_execute_order {
	const char *path; /* as qb_child_find has it */
	char *const *argv;
	int out, errors;     /* its standard output and error; 0: the caller's */
	bool repeated;	     /* more of them follow: forker.h */
	bool recorded;	     /* keep the details: samples, and counts by source */
	int64_t interval_ns; /* of samples; 0: QB_WATCH_INTERVAL */
	int64_t probe_ns;    /* of a probe at either end of it; 0: none */
	struct qb_probe
		*before; /* the probe that ended what ran right before: it becomes this one's
					 first; NULL, or n is 0: there is none */
	const struct qb_probe *usual; /* what the CPUs give usually; NULL: not known */
	const char *noisy_before;     /* as qb_watch_terms has it */
	/* Called when the command's process has set its own levers and waits to be let go; may be
	 * NULL. */
	void (*prepared)(const struct qb_condition *condition);
};

/* What a command used, as the kernel accounts it. */
struct qb_usage {
	int64_t wall_ns, user_ns, sys_ns;
	int64_t max_rss_kib;
	int64_t voluntary_switches, involuntary_switches, minor_faults, major_faults;
};

/* What the kernel and the watch say of one execution. Times are in nanoseconds, sizes in KiB. */
struct qb_result {
	char *const *argv;  /* the order's, not owned; ends with NULL */
	int64_t started_at; /* CLOCK_REALTIME; 0: the command was never let go */
	int code;	    /* exit code; -1 when a signal ended it */
	int signal;	    /* 0: none */
	struct qb_usage used;
	unsigned cpus, most; /* that it had, and could have had (struct qb_selection) */
	bool unspread;	     /* some of several were isolated at boot */
	enum qb_noise noise; /* the verdict; UNKNOWN when it was not watched, or is spoilt */
	const char *spoilt;  /* why it is worth nothing all the same; NULL: it is not */
	bool is_watched;     /* what follows is known */
	struct qb_watched watched;
	struct qb_tally tally;		 /* what the kernel counted meanwhile; owned */
	struct qb_watch_sample *samples; /* owned; NULL: not asked for */
	size_t n_samples;
	int64_t interval_ns;  /* of the samples */
	const char *switches; /* source of the switches: "perf", "helper"; "ticks": none */
	bool steal_known;
	struct qb_probe before, after; /* owned; n is 0 where there was no probe */
};

/*
 * 0: the command has ended, and *ret is its result. Negative: it did not run. ret->started_at tells
 * the kinds apart: 0, what was to come before it failed (-QB_TOLD_TO_END: told to end); else its exec did
 * (-ENOENT or another error).
 */
int qb_execute(struct qb_condition *condition, const struct qb_execute_order *order,
	struct qb_result *ret, struct qb_error *err);
void qb_result_free(struct qb_result *result);

#endif
