/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measuring noise from the command line: which limits, on whose CPUs, and what is told of it.
 * Shared by `check` and the preflight of `run`.
 */
#ifndef QB_CLI_NOISE_H
#define QB_CLI_NOISE_H

#include <cli/job.h>
#include <cli/json.h>
#include <cli/planner.h>
#include <cli/session.h>
#include <noise/causes.h>

/* The limits of the profile (check.*), or those of a name (ci, bare, lab). -EINVAL: no such name. */
void qb_noise_limits_of(const struct qb_profile *profile, struct qb_noise_limits *ret);
int qb_noise_limits_named(const char *name, struct qb_noise_limits *ret);

/*
 * Measures the CPUs of the answer's selection with a child in the benchmark's own class, placed by
 * the session if there is one. `m` has its limits and looks; the rest is filled in. Progress is
 * shown on a terminal. -EINTR: the caller was told to end (job->signal).
 */
int qb_noise_measure(struct qb_measure *m, struct qb_job *job, struct qb_session *session,
	struct qb_answer *answer, struct qb_error *err);

/* "preempted 2.08 % (above 0.05 % in 30 of 30 windows)", "longest 3.1 ms (limit 200 us)". */
void qb_noise_metric_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size);
/* All that make the verdict what it is, in one line; "" when it is quiet. */
void qb_noise_reasons(const struct qb_measure *m, char *buf, size_t size);
/* Who took most of the time: "injector (pid 812)"; "" when nobody is known. */
void qb_noise_culprit(const struct qb_measure *m, char *buf, size_t size);
/* The line above all others: "noisy: CPU 2, 3.0 s: " and the metrics that made it so. */
void qb_noise_verdict_text(const struct qb_measure *m, char *buf, size_t size);
/* All of it for people, on stdout; and as members of the object that is open. */
int qb_noise_print(const struct qb_measure *m, bool verbose, struct qb_error *err);
int qb_noise_json(struct qb_json *json, const struct qb_measure *m, struct qb_error *err);

#endif
