/* SPDX-License-Identifier: GPL-2.0-or-later */
/* repeat.h */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/evidence.h>
#include <cli/record.h>
#include <cli/record_experiment.h>
#include <cli/repeat.h>
#include <client/say.h>
#include <errno.h>
#include <math.h>
#include <stats/change.h>

/* --precision alone ends there, known or not. */
#define MOST	     1000
#define LEAST	     10 /* below that the interval of a median is its outermost runs */
#define DEFAULT_RUNS 10

struct repeat {
	const struct qb_options *options;
	struct qb_ground *ground;
	struct qb_program program;
	struct qb_experiment experiment;
	struct qb_rows rows; /* the times, of warm-ups too */
	int64_t begun_ns;
	size_t counted; /* runs that count */
	size_t look;	/* of so many it is asked whether they are enough for --precision */
};

bool qb_repeat_asked(const struct qb_options *options)
{
	return qb_option_given(options, RUNS) || qb_option_given(options, TIME) ||
	       qb_option_given(options, PRECISION) || qb_option_given(options, WARMUP);
}

/* The times that count, in the order of the runs: malloc'd. */
static double *values_of(const struct repeat *r)
{
	double *values = calloc(r->counted + 1, sizeof(*values));
	size_t n = 0;

	for (size_t i = 0; values && i < r->rows.runs && n < r->counted; i++)
		if (!r->experiment.samples[i].warm_up)
			values[n++] = r->rows.v[0].values[i];
	return values;
}

/*
 * Is the median known as well as was asked for? To know it all runs are sorted: it is asked after each of a
 * few, and later of a twentieth more.
 */
static bool is_precise(struct repeat *r)
{
	const double wanted = (double)r->options->number[QB_OPTION_PRECISION] / 1e6;
	_cleanup_free_ double *values = NULL;
	struct qb_described d;

	if (r->counted < LEAST || r->counted < r->look)
		return false;
	r->look = r->counted + 1 + r->counted / 20;
	values = values_of(r);
	if (!values)
		return false;
	d = qb_stats_describe(values, r->counted);
	return (d.high - d.low) / 2 <= wanted * d.median;
}

/* With --time and --precision what comes first. */
static bool is_enough(struct repeat *r)
{
	const struct qb_options *options = r->options;
	const bool timed = qb_option_given(options, TIME);
	const bool precise = qb_option_given(options, PRECISION);

	if (qb_option_given(options, RUNS))
		return r->counted >= (size_t)options->number[QB_OPTION_RUNS];
	if (timed && r->counted &&
		qb_ns_now(CLOCK_MONOTONIC) - r->begun_ns >= options->number[QB_OPTION_TIME])
		return true;
	if (precise)
		return is_precise(r) || (!timed && r->counted >= MOST);
	return !timed && r->counted >= DEFAULT_RUNS;
}

static int keep_value(struct repeat *r, struct qb_error *err)
{
	const struct qb_sample *sample = &r->experiment.samples[r->experiment.n - 1];
	_cleanup_(qb_figures_free) struct qb_figures figures = {.unit = QB_UNIT_SECONDS};
	int e = qb_figures_add(&figures, "", (double)sample->used.wall_ns / 1e9, err);

	return e < 0 ? e : qb_rows_add(&r->rows, &figures, err);
}

/* All runs. 1: the last one failed, which ends them. */
static int execute(struct repeat *r, struct qb_error *err)
{
	struct qb_experiment *e = &r->experiment;
	const int64_t warm_ups = r->options->number[QB_OPTION_WARMUP];
	int result = 0;

	r->begun_ns = qb_ns_now(CLOCK_MONOTONIC);
	while (result == 0 && !is_enough(r)) {
		const bool warm_up = (int64_t)e->n < warm_ups;

		result = qb_experiment_execute(
			e, &r->ground->condition, 0, (unsigned)r->counted, warm_up, err);
		if (result == 0)
			result = keep_value(r, err);
		if (result < 0)
			break;
		r->counted += !warm_up;
		result = qb_experiment_clean(e, &r->ground->condition, err);
		if (result == 0 && e->samples[e->n - 1].code != 0)
			result = 1;
	}
	return result;
}

/* ---- what is said ---- */

static void say_course(const struct repeat *r, const double *values)
{
	const size_t warm_ups = (size_t)r->options->number[QB_OPTION_WARMUP];
	struct qb_change change;
	char text[200];

	if (qb_change_look(values, r->counted, &change) < 0)
		return;
	qb_evidence_course(&change, warm_ups, r->rows.unit, text, sizeof(text));
	if (*text)
		qb_say(QB_SAY_WARN, "%s", text);
}

static void tell(const struct repeat *r)
{
	const struct qb_evidence_disturbed disturbed = qb_evidence_disturbances(&r->experiment, 0);
	_cleanup_free_ double *values = values_of(r);
	struct qb_described d;
	char text[400];

	if (!values || !r->counted)
		return;
	say_course(r, values); /* in their order; the description sorts them */
	d = qb_stats_describe(values, r->counted);
	qb_evidence_description(&d, r->rows.unit, text, sizeof(text));
	qb_say(QB_SAY_NOTE, "%zu run%s: %s", d.n, d.n == 1 ? "" : "s", text);
	qb_evidence_disturbance(&disturbed, text, sizeof(text));
	if (*text)
		qb_say(QB_SAY_WARN, "%s", text);
	if (d.detectable > 0) {
		qb_evidence_percent(d.detectable, d.detectable / 8, text, sizeof(text));
		qb_say(QB_SAY_NOTE,
			"as many runs again would show a change of %s (8 times in 10); to compare: quietbench compare",
			text);
	}
}

static int write_record(const struct repeat *r, struct qb_error *err)
{
	const struct qb_experiment_record experiment = {
		.kind = "run", .experiment = &r->experiment, .rows = &r->rows};
	struct qb_record record = qb_record_of(&r->ground->condition);

	record.started_at = r->experiment.samples[0].started_at;
	record.check = r->ground->preflight.n ? &r->ground->preflight : NULL;
	record.experiment = &experiment;
	return qb_record_write(r->options->value[QB_OPTION_RECORD], &record, err);
}

/* ---- from the first run to the exit status ---- */

/* Of runs that all succeeded. */
static int noisy_status(const struct repeat *r)
{
	if (!qb_evidence_disturbances(&r->experiment, 0).n)
		return EXIT_SUCCESS;
	if (qb_option_given(r->options, NOISY_STATUS))
		return (int)r->options->number[QB_OPTION_NOISY_STATUS];
	return qb_option_given(r->options, FAIL_NOISY) ? QB_EXIT_NOISY : EXIT_SUCCESS;
}

static int failed_status(const struct repeat *r)
{
	const struct qb_sample *last = &r->experiment.samples[r->experiment.n - 1];

	if (last->signal)
		qb_say(QB_SAY_ERROR, "run %zu was killed by signal %d: no more runs",
			r->experiment.n, last->signal);
	else
		qb_say(QB_SAY_ERROR, "run %zu exited with %d: no more runs", r->experiment.n,
			last->code);
	return last->signal ? 128 + last->signal : last->code;
}

static int status_of(const struct repeat *r, int result, const struct qb_error *err)
{
	if (result == 0)
		return noisy_status(r);
	if (result > 0)
		return failed_status(r);
	if (result != -QB_TOLD_TO_END)
		qb_say(QB_SAY_ERROR, "%s", err->text);
	if (r->experiment.n || (result != -ENOENT && result != -EACCES && result != -ENOEXEC))
		return QB_EXIT_REFUSED;
	return result == -ENOENT ? QB_EXIT_NOT_FOUND : QB_EXIT_NOT_EXECUTABLE;
}

int qb_repeat_run(const struct qb_options *options, struct qb_ground *ground, const char *path,
	char *const *argv)
{
	struct repeat r = {.options = options,
		.ground = ground,
		.program = {.name = "A",
			.path = path,
			.argv = argv,
			.prepare = options->value[QB_OPTION_PREPARE],
			.cleanup = options->value[QB_OPTION_CLEANUP]}};
	struct qb_error err = {0};
	const char *spoilt;
	int result, status;

	r.experiment = (struct qb_experiment){.programs = &r.program,
		.n_programs = 1,
		.probe_ns = qb_ground_probe(ground, options),
		.usual = &ground->usual,
		.noisy_before = *ground->noisy_before ? ground->noisy_before : NULL,
		.shows = true,
		.prepared = qb_ground_say_prepared};
	result = qb_experiment_begin(&r.experiment, &err);
	if (result == 0)
		result = execute(&r, &err);
	tell(&r);
	status = status_of(&r, result, &err);
	qb_condition_end(&ground->condition);
	spoilt = qb_ground_spoilt(&ground->condition);
	if (spoilt)
		qb_experiment_spoil(&r.experiment, spoilt);
	if (options->value[QB_OPTION_RECORD] && r.experiment.n && write_record(&r, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		status = status == EXIT_SUCCESS ? QB_EXIT_REFUSED : status;
	}
	qb_experiment_free(&r.experiment);
	qb_rows_free(&r.rows);
	return status;
}
