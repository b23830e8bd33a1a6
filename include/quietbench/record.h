/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of a run or a check: what was asked, what the host was, what was changed, what came of it.
 *
 * Purpose: one JSON file (schema "quietbench/record/1") from which a result can be judged long
 * after the host has changed. This struct only gathers pointers to what the session collected; it
 * owns nothing. src/cli/record.c is the only place that turns it into JSON.
 *
 *	qb_record_prepare(file, &err)          before the host is touched: a bad path is found early
 *	… the run …
 *	qb_record_write(file, &record, &err)   replaces FILE atomically
 *
 * Times are in nanoseconds, sizes in KiB.
 */
#ifndef QUIETBENCH_RECORD_H
#define QUIETBENCH_RECORD_H

#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/protocol.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum qb_conditioned {
	QB_CONDITIONED_NONE,	/* nothing of the host was changed */
	QB_CONDITIONED_PARTIAL, /* some of what the profile asks for could not be had */
	QB_CONDITIONED_FULL,
	QB_CONDITIONED_JOINED, /* somebody else conditioned the host; this run only used it */
};

struct qb_measure;
struct qb_watched;

enum qb_noise {
	QB_NOISE_UNKNOWN, /* not measured, or the measurement is worth nothing */
	QB_NOISE_QUIET,
	QB_NOISE_NOISY,
};

/* One execution of a command. */
struct qb_record_run {
	char *const *argv; /* ends with NULL */
	int code;	   /* exit code; -1 when a signal ended it */
	int signal;	   /* 0: none */
	int64_t wall_ns, user_ns, sys_ns;
	int64_t max_rss_kib;
	int64_t voluntary_switches, involuntary_switches, minor_faults, major_faults;
	uint8_t noise;			  /* enum qb_noise */
	unsigned cpus;			  /* that it had */
	const struct qb_watched *watched; /* noise/watch.h: what disturbed it; NULL: not known */
	const char *spoilt; /* why it is worth nothing all the same; NULL: it is not */
};

/* How the host was put back. Which levers are in conflict or failed is in the steps. */
struct qb_record_restore {
	bool complete;
	uint32_t conflicts, failures;
};

struct qb_record {
	int64_t started_at;  /* CLOCK_REALTIME */
	uint8_t conditioned; /* enum qb_conditioned */
	const struct qb_host *host;
	const struct qb_profile *profile;
	const struct qb_request *request; /* its sets are the profile's overrides */
	const struct qb_selection *selection;
	const struct qb_steps *steps;
	const struct qb_measure *check; /* noise/measure.h, with causes; NULL: not measured */
	const struct qb_record_run *runs;
	size_t n_runs;
	const struct qb_record_restore *restore; /* NULL: nothing was changed */
};

/*
 * Can a record be written to this path? The folder must take a new file, and what is there must be
 * a regular file (or a link to one). Leaves nothing behind. 0 or a negative errno, with what to do.
 */
int qb_record_prepare(const char *file, struct qb_error *err);

/* Writes FILE beside itself, syncs, and renames it into place: the old record or the new one. */
int qb_record_write(const char *file, const struct qb_record *record, struct qb_error *err);

#endif
