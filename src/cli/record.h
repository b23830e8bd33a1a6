/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record: what was done, on which host, what was changed, what came of it.
 *
 * Purpose: one JSON file (schema "quietbench/record/1") from which a result can be judged long
 * after the host has changed. This struct only gathers pointers to what the session collected; it
 * owns nothing. src/cli/record.c is the only place that turns it into JSON.
 *
 *	qb_record_prepare(file, &err)          before the host is touched: a bad path is found early
 *	… the run …
 *	record = qb_record_of(&condition);     after the restore
 *	qb_record_write(file, &record, &err)   replaces FILE atomically
 *
 * Times are in nanoseconds, sizes in KiB.
 */
#ifndef QB_CLI_RECORD_H
#define QB_CLI_RECORD_H

#include <client/condition.h>
#include <client/execute.h>

struct qb_measure;
struct qb_experiment_record; /* record_experiment.h */

struct qb_record {
	int64_t started_at; /* CLOCK_REALTIME */
	enum qb_conditioned conditioned;
	const struct qb_host *host;
	const struct qb_profile *profile;
	const struct qb_request *request; /* its sets are the profile's overrides */
	const struct qb_selection *selection;
	const struct qb_steps *steps;	/* NULL: none that are this record's */
	const struct qb_measure *check; /* noise/measure.h, with causes; NULL: not measured */
	const struct qb_result *runs;
	size_t n_runs;
	const struct qb_experiment_record
		*experiment; /* NULL: none; else its runs are the record's */
	bool is_restored;    /* the host was changed and put back; else `restore` is null */
	bool complete; /* completely; which levers are in conflict or failed is in the steps */
};

/* What a condition says, after its restore; started_at, check and runs are the caller's to add. */
struct qb_record qb_record_of(const struct qb_condition *condition);

/*
 * Can a record be written to this path? The folder must take a new file, and what is there must be
 * a regular file (or a link to one). Leaves nothing behind. 0 or a negative errno, with what to do.
 */
int qb_record_prepare(const char *file, struct qb_error *err);

/* Writes FILE beside itself, syncs, and renames it into place: the old record or the new one. */
int qb_record_write(const char *file, const struct qb_record *record, struct qb_error *err);

#endif
