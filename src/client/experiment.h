/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands executed many times, one after the other, on one conditioned host: what `run -r`, `compare`
 * and `prove` collect.
 *
 *	struct qb_experiment e = {.programs = programs, .n_programs = 2, .probe_ns = …};
 *	r = qb_experiment_begin(&e, &err);
 *	r = qb_experiment_execute(&e, &condition, program, round, false, &err);     as often as one likes
 *	… its sample, its output, its files …
 *	r = qb_experiment_clean(&e, &condition, &err);
 *	… e.samples …
 *	qb_experiment_free(&e);
 *
 * Whoever calls decides the order. A sample is kept of each run, whatever came of it; nothing is deleted
 * by its value. Between two runs there is one probe (noise/probe.h), the second of the one and the first
 * of the other: it is the covariate of stats/difference.h.
 *
 * The commands' output goes into memory, or nowhere: nobody reads from a pipe, and wakes up for it, while
 * a command runs.
 */
#ifndef QB_CLIENT_EXPERIMENT_H
#define QB_CLIENT_EXPERIMENT_H

#include <client/execute.h>

/* A command to execute. Strings are not owned. */
struct qb_program {
	const char *name; /* as it is told */
	const char *path; /* qb_child_find */
	char *const *argv;
	const char *prepare; /* by sh -c before each run, untimed; NULL: nothing */
	const char *cleanup; /* after each */
};

struct qb_sample {
	unsigned program, round;
	bool warm_up;	    /* measured, told, and not counted */
	bool repeated;	    /* its round was disturbed, and made again: not counted either */
	int64_t started_at; /* CLOCK_REALTIME */
	int code, signal;   /* as struct qb_result has them */
	struct qb_usage used;
	int64_t others_ns, steal_ns, waited_ns; /* as struct qb_watched has them; -1: not known */
	double before,
		after; /* the probes round it: what a chunk cost, mean of the CPUs; 0: not known */
	enum qb_noise noise;
	char *reason; /* of the verdict, the first one; owned, NULL: none */
};

struct qb_experiment {
	const struct qb_program *programs;
	unsigned n_programs;
	int64_t probe_ns;	      /* 0: no probes */
	const struct qb_probe *usual; /* as qb_execute_order has it; NULL: not known */
	const char *noisy_before;     /* likewise */
	bool shows; /* the commands' output goes where ours goes; of `reads` when they have ended */
	bool reads; /* what they print is wanted (qb_experiment_output) */
	void (*prepared)(
		const struct qb_condition *condition); /* as qb_execute_order has it; NULL */

	struct qb_sample *samples; /* owned, in the order of the runs */
	size_t n;
	size_t room;
	struct qb_probe last; /* after the last run; owned */
	int out, errors;      /* where the output of commands goes */
	pid_t guard;	      /* which ends what prints without end; 0: none yet */
};

int qb_experiment_begin(struct qb_experiment *e, struct qb_error *err);
/*
 * One run: prepare, probe, the command, probe. Its sample is the last one of e->samples, but after an
 * error: -QB_TOLD_TO_END, told to end (a run that Ctrl-C ended is none); -ECANCELED, prepare failed; or
 * those of qb_execute.
 */
int qb_experiment_execute(struct qb_experiment *e, struct qb_condition *condition, unsigned program,
	unsigned round, bool warm_up, struct qb_error *err);
/* The last run's cleanup, after what it left was read. Errors as above; the run stays what it is. */
int qb_experiment_clean(
	struct qb_experiment *e, struct qb_condition *condition, struct qb_error *err);
/* What the last command printed on its standard output, or error: malloc'd, ends with NUL. */
int qb_experiment_output(const struct qb_experiment *e, bool errors, char **ret, size_t *ret_size,
	struct qb_error *err);
/*
 * -ECHILD: the last command failed; how, in which run, and the last line of its standard error. -E2BIG: it
 * printed more than is kept, and was ended. 0: neither.
 */
int qb_experiment_judge_exit(const struct qb_experiment *e, struct qb_error *err);
/* Nothing is known of any run: the session ended before the last of them. */
void qb_experiment_spoil(struct qb_experiment *e, const char *why);
/* The next run has no run before it: the host was changed, or time has passed. */
void qb_experiment_pause(struct qb_experiment *e);
void qb_experiment_free(struct qb_experiment *e);

/* Mean of both probes; 0: one is not known. */
double qb_sample_probe(const struct qb_sample *sample);

#endif
