/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of many runs: what was planned and found, and each run in short. */
#ifndef QB_CLI_RECORD_EXPERIMENT_H
#define QB_CLI_RECORD_EXPERIMENT_H

#include <cli/json.h>
#include <cli/proof.h>
#include <cli/trial.h>

/* Gathers pointers; owns nothing. */
struct qb_experiment_record {
	const char *kind; /* "run", "compare", "prove" */
	const struct qb_experiment *experiment;
	const struct qb_rows *rows;
	const struct qb_trial *trial; /* NULL: nothing was compared */
	const struct qb_proof *proof; /* NULL: nothing was proved */
};

/* The member `experiment`. */
void qb_record_put_experiment(struct qb_json *json, const struct qb_experiment_record *record);
/* Elements of `runs`. */
void qb_record_put_samples(struct qb_json *json, const struct qb_experiment_record *record);

/* Of one run, likewise where it is told at length. */
void qb_record_put_exit(struct qb_json *json, int code, int signal);
/* ... up to its object of counters, which is left open. */
void qb_record_put_usage(struct qb_json *json, const struct qb_usage *used);
/* A count; null where it is negative: not known. */
void qb_record_put_known(struct qb_json *json, const char *key, int64_t value);
const char *qb_record_noise_name(enum qb_noise noise);

#endif
