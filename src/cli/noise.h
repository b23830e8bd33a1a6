/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measuring noise from the command line: which limits, on whose CPUs, and what is told of it.
 * Shared by `check` and the preflight of `run`.
 */
#ifndef QB_CLI_NOISE_H
#define QB_CLI_NOISE_H

#include <cli/json.h>
#include <client/condition.h>
#include <noise/causes.h>

/* The limits of the profile (check.*), or those of a name (ci, bare, lab). -EINVAL: no such name. */
void qb_noise_limits_of(const struct qb_profile *profile, struct qb_noise_limits *ret);
int qb_noise_limits_named(const char *name, struct qb_noise_limits *ret);

/*
 * Measures the CPUs of the condition's selection with a child in the benchmark's own class, placed as
 * the benchmark is. `m` has its limits and looks; the other fields are filled in. Progress is shown on a
 * terminal. -QB_TOLD_TO_END: the caller was told to end (job.signal).
 */
int qb_noise_measure(struct qb_measure *m, struct qb_condition *condition, struct qb_error *err);

/* ---- texts ---- */

const char *qb_noise_metric_name(enum qb_noise_metric metric); /* "preempted", … */
const char *qb_noise_verdict_name(enum qb_verdict_of verdict); /* "quiet", "noisy", "undecided" */
/* What stands for the metric in a line: the mean of a share, the worst of the gaps; its limit. */
void qb_noise_value_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size);
void qb_noise_limit_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size);
/* "preempted 2.08 % (above 0.05 % in 30 of 30 windows)", "longest 3.1 ms (limit 200 us)". */
void qb_noise_metric_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size);
/* "none longer than 200 us in 3.0 s", or how many were. */
void qb_noise_longest_text(const struct qb_measure *m, char *buf, size_t size);
/* "2.61 % with 20 runs of 1 s"; of a measurement that predicts it. */
void qb_noise_change_text(const struct qb_measure *m, char *buf, size_t size);
/* The first line: "noisy: CPU 2, 3.0 s: " and what made it so. */
void qb_noise_verdict_text(const struct qb_measure *m, char *buf, size_t size);
/* All of it for people, on stdout. */
void qb_noise_print(const struct qb_measure *m, bool verbose);

/* ---- what keeps it from being quiet ---- */

enum qb_problem_level {
	QB_PROBLEM_WARNS,     /* it may happen once (the longest gap) */
	QB_PROBLEM_UNDECIDED, /* counts as noisy */
	QB_PROBLEM_FAILED,
};

/* One rule that does not hold, or may not. */
struct qb_noise_problem {
	enum qb_problem_level level;
	const char *rule;   /* "preempted", "throttled" */
	char text[160];	    /* "preempted 2.08 % (limit 0.05 %)" */
	char cause[96];	    /* "injector (pid 812)"; "": the text says it */
	const char *advice; /* what to do */
};

#define QB_NOISE_PROBLEMS 16

/* All of them, the hard ones first. Returns how many. */
size_t qb_noise_problems(
	const struct qb_measure *m, struct qb_noise_problem ret[QB_NOISE_PROBLEMS]);
/* "preempted 2.08 % (limit 0.05 %): injector (pid 812): keep it off: …" */
void qb_noise_problem_text(const struct qb_noise_problem *problem, char *buf, size_t size);
/* A line on stderr for each that makes it noisy; none when it is quiet. */
void qb_noise_say(const struct qb_measure *m);

/* ---- the sources of the figures ---- */

struct qb_noise_source {
	const char *name;   /* "switches" */
	const char *what;   /* what it tells */
	const char *reason; /* why it tells nothing here; NULL: it does */
};
#define QB_NOISE_SOURCES 11
/* All there are. Returns how many. */
size_t qb_noise_sources(const struct qb_measure *m, struct qb_noise_source ret[QB_NOISE_SOURCES]);

/* ---- for programs ---- */

/* Members of the object that is open. */
void qb_noise_json(struct qb_json *json, const struct qb_measure *m);
/* Annotations for GitHub Actions (workflow commands). */
void qb_noise_github(const struct qb_measure *m, FILE *out);
/* Metrics as Prometheus' node_exporter reads them from a file. `ended_ns`: CLOCK_REALTIME. */
void qb_noise_prometheus(const struct qb_measure *m, int64_t ended_ns, FILE *out);

#endif
