/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is compared: figures, by name and by run. Of a command as a whole there is one, its time from exec
 * to exit; a measure (`--measure`, figures_read.c) reads figures from what the command printed or
 * wrote, and one program may have many (a Criterion or Google Benchmark binary): a row each.
 *
 *	r = qb_measure_parse("regex:([0-9.]+) ms", &measure, &err);
 *	r = qb_measure_read(&measure, output, size, &figures, &err);     of one run
 *	r = qb_rows_add(&rows, run, &figures, &err);
 *	… rows.v[i].values[run] …
 *	qb_rows_free(&rows);
 */
#ifndef QB_CLI_FIGURES_H
#define QB_CLI_FIGURES_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The unit of a time: seconds. Others are told as they are ("", "B/s", "instructions"). */
#define QB_UNIT_SECONDS "s"
#define QB_UNIT_MAX	32

enum qb_measure_kind {
	QB_MEASURE_TIME, /* of the whole command */
	QB_MEASURE_REGEX,
	QB_MEASURE_JSON,
	QB_MEASURE_CRITERION,
	QB_MEASURE_GOOGLE,
	QB_MEASURE_HYPERFINE,
	QB_MEASURE_PYPERF,
	QB_MEASURE_PERF,
};

struct qb_measure_spec {
	enum qb_measure_kind kind;
	const char *argument; /* what stands behind the colon; NULL: nothing does */
};

/* KIND[:ARGUMENT]; NULL: the time. -EINVAL, with the kinds there are. */
int qb_measure_parse(const char *text, struct qb_measure_spec *ret, struct qb_error *err);
/* What each begins with, a blank before it; with a colon where it must go on: " time regex: json: criterion ...". */
void qb_measure_words(char *buf, size_t size);

/* Is what it reads printed on standard error? */
bool qb_measure_reads_errors(const struct qb_measure_spec *spec);

struct qb_figure {
	char *name;   /* owned; "": the only one */
	double value; /* times in seconds */
};
struct qb_figures {
	struct qb_figure *v; /* owned */
	size_t n;
	char unit[QB_UNIT_MAX];
};

int qb_figures_add(
	struct qb_figures *figures, const char *name, double value, struct qb_error *err);
void qb_figures_free(struct qb_figures *figures);

/* What a run left. */
struct qb_measure_source {
	const char *output; /* what it printed; ends with NUL */
	size_t size;
	/* CLOCK_REALTIME. Files that are older than its begin, or no newer than those read before, were not
	 * written by it. */
	int64_t begun_ns, read_before_ns;
	int64_t read_ns; /* found: the newest of the files that were read; 0: none was */
};

/*
 * One run's, of its output or of the files that it wrote. -EBADMSG: there is none, or it is no
 * positive number; what was looked for, and where, is in *err.
 */
int qb_measure_read(const struct qb_measure_spec *spec, struct qb_measure_source *source,
	struct qb_figures *ret, struct qb_error *err);

struct qb_row {
	char *name;
	double *values; /* by run; NAN: it had none of this name */
};
struct qb_rows {
	struct qb_row *v; /* in the order in which they came */
	size_t n;
	size_t runs, room;
	char unit[QB_UNIT_MAX];
};

/* The figures of the next run. -EBADMSG: in another unit than those before. */
int qb_rows_add(struct qb_rows *rows, const struct qb_figures *figures, struct qb_error *err);
void qb_rows_free(struct qb_rows *rows);

#endif
