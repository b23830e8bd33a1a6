/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exports.h */
#include <base/macros.h>
#include <cli/exports.h>
#include <cli/json.h>
#include <cli/record.h>
#include <cli/record_experiment.h>
#include <client/draft.h>
#include <math.h>
#include <stdlib.h>

static struct qb_experiment_record experiment_of(const struct qb_comparison *c)
{
	return (struct qb_experiment_record){.kind = "compare",
		.experiment = &c->trial.experiment,
		.rows = &c->trial.rows,
		.trial = &c->trial};
}

static int write_record(const struct qb_comparison *c, const char *file, struct qb_error *err)
{
	const struct qb_experiment_record experiment = experiment_of(c);
	struct qb_record record = qb_record_of(&c->ground.condition);

	record.started_at = c->trial.experiment.n ? c->trial.experiment.samples[0].started_at : 0;
	record.check = c->ground.preflight.n ? &c->ground.preflight : NULL;
	record.experiment = &experiment;
	return qb_record_write(file, &record, err);
}

/* As `hyperfine --export-json` has it: seconds, one result for each command. */
static int put_hyperfine(const struct qb_comparison *c, FILE *out, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
	const struct qb_trial *trial = &c->trial;

	qb_json_array(json, "results");
	for (unsigned i = 0; i < c->programs.n && trial->rows.n; i++) {
		size_t n;
		double *values = qb_trial_values(trial, i, 0, &n), user = 0, sys = 0;
		struct qb_described d;

		qb_json_object(json, NULL);
		qb_json_text(json, "command", qb_programs_text(&c->programs, i));
		qb_json_array(json, "times");
		for (size_t j = 0; values && j < n; j++)
			qb_json_real(json, NULL, values[j]);
		qb_json_end(json);
		qb_json_array(json, "exit_codes");
		for (size_t j = 0; j < n; j++)
			qb_json_number(json, NULL, 0); /* any other ends a comparison */
		qb_json_end(json);
		for (unsigned round = 0; round < trial->rounds; round++) {
			const struct qb_sample *sample =
				&trial->experiment
					 .samples[trial->runs_of[round * c->programs.n + i]];

			user += (double)sample->used.user_ns / 1e9 / trial->rounds;
			sys += (double)sample->used.sys_ns / 1e9 / trial->rounds;
		}
		if (values && n) {
			d = qb_stats_describe(values, n);
			qb_json_real(json, "mean", d.mean);
			qb_json_real(json, "stddev", d.deviation);
			qb_json_real(json, "median", d.median);
			qb_json_real(json, "min", d.min);
			qb_json_real(json, "max", d.max);
		}
		qb_json_real(json, "user", user);
		qb_json_real(json, "system", sys);
		qb_json_end(json);
		free(values);
	}
	qb_json_end(json);
	return qb_json_print(json, out, err);
}

/* Within quotes; a line stays one. */
static void put_quoted(const char *text, FILE *out)
{
	for (; *text; text++)
		if (*text == '"')
			fputs("\"\"", out);
		else
			fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
}

/* One line a run, those that do not count, too. */
static int put_csv(const struct qb_comparison *c, FILE *out, struct qb_error *err)
{
	const struct qb_trial *trial = &c->trial;

	fputs("program,round,warm_up,repeated,verdict,figure,value,unit,user_s,system_s\n", out);
	for (size_t i = 0; i < trial->rows.runs; i++) {
		const struct qb_sample *s = &trial->experiment.samples[i];

		for (size_t row = 0; row < trial->rows.n; row++) {
			if (isnan(trial->rows.v[row].values[i]))
				continue;
			fprintf(out, "%s,%u,%d,%d,%s,\"",
				trial->experiment.programs[s->program].name, s->round, s->warm_up,
				s->repeated, qb_record_noise_name(s->noise));
			put_quoted(trial->rows.v[row].name, out);
			fprintf(out, "\",%.9g,\"", trial->rows.v[row].values[i]);
			put_quoted(trial->rows.unit, out);
			fprintf(out, "\",%.9g,%.9g\n", (double)s->used.user_ns / 1e9,
				(double)s->used.sys_ns / 1e9);
		}
	}
	return 0;
}

static int put_markdown(const struct qb_comparison *c, FILE *out, struct qb_error *err)
{
	qb_comparison_markdown(c, out);
	return 0;
}

/* The files beside the record. */
static const struct {
	enum qb_option_id option;
	int (*put)(const struct qb_comparison *c, FILE *out, struct qb_error *err);
} files[] = {
	{QB_OPTION_MARKDOWN, put_markdown},
	{QB_OPTION_EXPORT_JSON, put_hyperfine},
	{QB_OPTION_EXPORT_CSV, put_csv},
};

/* Of two in one file the first would be lost. */
static int judge_names(const struct qb_options *options, struct qb_error *err)
{
	const char *names[QB_ARRAY_SIZE(files) + 1] = {options->value[QB_OPTION_RECORD]};

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		const char *name = names[i + 1] = options->value[files[i].option];

		for (size_t j = 0; name && j <= i; j++)
			if (names[j] && strcmp(names[j], name) == 0)
				return qb_error_set(err, EINVAL,
					"%s is to hold two things: name another file for --%s",
					name, qb_options[files[i].option].name);
	}
	return 0;
}

int qb_exports_prepare(const struct qb_options *options, struct qb_error *err)
{
	const char *record = options->value[QB_OPTION_RECORD];
	int r = judge_names(options, err);

	if (r == 0 && record)
		r = qb_record_prepare(record, err);
	for (size_t i = 0; i < QB_ARRAY_SIZE(files) && r == 0; i++) {
		_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
		const char *file = options->value[files[i].option];

		if (file && qb_draft_open(&draft, file, 0, err) < 0)
			r = qb_error_wrap(err, "cannot write %s", file);
	}
	return r;
}

static int write_file(const struct qb_comparison *c, size_t i, struct qb_error *err)
{
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	const char *file = c->options->value[files[i].option];

	if (!file)
		return 0;
	if (qb_draft_open(&draft, file, 0, err) < 0 || files[i].put(c, draft.out, err) < 0 ||
		qb_draft_keep(&draft, err) < 0)
		return qb_error_wrap(err, "cannot write %s", file);
	return 0;
}

static int print_json(const struct qb_comparison *c, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
	const struct qb_experiment_record experiment = experiment_of(c);

	qb_json_text(json, "schema", "quietbench/compare/1");
	qb_record_put_experiment(json, &experiment);
	return qb_json_print(json, stdout, err);
}

int qb_exports_write(const struct qb_comparison *c, struct qb_error *err)
{
	const char *record = c->options->value[QB_OPTION_RECORD];
	int worst = 0;

	if (qb_option_given(c->options, JSON))
		worst = print_json(c, err);
	else if (c->trial.experiment.n)
		qb_comparison_print(c, stdout);
	if (!c->trial.experiment.n)
		return worst;
	if (record && write_record(c, record, err) < 0)
		worst = -err->code;
	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++)
		if (write_file(c, i, err) < 0)
			worst = -err->code;
	return worst;
}
