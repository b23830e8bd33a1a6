/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outputs.h */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/outputs.h>
#include <cli/record.h>
#include <client/draft.h>
#include <errno.h>
#include <time.h>

/* Collectors run as users of their own. */
#define METRICS_MODE 0644

int qb_outputs_judge(const struct qb_options *options, struct qb_error *err)
{
	if (qb_option_given(options, JSON) && qb_option_given(options, GITHUB))
		return qb_error_set(err, EINVAL, "--json and --github: choose one");
	if (qb_option_given(options, SOAK) &&
		(options->given &
			(QB_OPTION_BIT(GITHUB) | QB_OPTION_BIT(PROMETHEUS) | QB_OPTION_BIT(RECORD) |
				QB_OPTION_BIT(DURATION) | QB_OPTION_BIT(QUICK) |
				QB_OPTION_BIT(TRACE) | QB_OPTION_BIT(MDE) | QB_OPTION_BIT(RUNS) |
				QB_OPTION_BIT(RUN_TIME))))
		return qb_error_set(err, EINVAL,
			"--soak goes with --json, --limits, --conditioned and the choice of CPUs only");
	return 0;
}

int qb_outputs_prepare(const struct qb_options *options, struct qb_error *err)
{
	const char *record = options->value[QB_OPTION_RECORD];
	const char *metrics = options->value[QB_OPTION_PROMETHEUS];
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	int r = record ? qb_record_prepare(record, err) : 0;

	if (r == 0 && metrics && qb_draft_open(&draft, metrics, METRICS_MODE, err) < 0)
		return qb_error_wrap(err, "cannot write the metrics to %s", metrics);
	return r;
}

static int print_json(const struct qb_outputs *outputs, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/check/1");
	qb_json_object(json, "host");
	qb_json_host(json, &outputs->condition->answer.host);
	qb_json_end(json);
	qb_noise_json(json, outputs->measure);
	qb_findings_json(json, outputs->findings);
	return qb_json_print(json, stdout, err);
}

static int print(const struct qb_outputs *outputs, struct qb_error *err)
{
	const struct qb_options *options = outputs->options;
	const bool verbose = qb_option_given(options, VERBOSE);

	if (qb_option_given(options, JSON))
		return print_json(outputs, err);
	qb_noise_print(outputs->measure, verbose);
	if (verbose || outputs->measure->verdict != QB_VERDICT_OF_PASS)
		qb_findings_print(outputs->findings);
	if (qb_option_given(options, GITHUB))
		qb_noise_github(outputs->measure, stdout);
	return 0;
}

/* What was changed belongs to the record of the session that changed it. */
static int write_record(const struct qb_outputs *outputs, const char *file, struct qb_error *err)
{
	struct qb_record record = qb_record_of(outputs->condition);

	record.started_at = outputs->started_at;
	record.check = outputs->measure;
	if (!record.is_restored)
		record.steps = NULL;
	return qb_record_write(file, &record, err);
}

static int write_metrics(const struct qb_measure *m, const char *file, struct qb_error *err)
{
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	int r = qb_draft_open(&draft, file, METRICS_MODE, err);

	if (r == 0) {
		qb_noise_prometheus(m, qb_ns_now(CLOCK_REALTIME), draft.out);
		r = qb_draft_keep(&draft, err);
	}
	return r < 0 ? qb_error_wrap(err, "cannot write the metrics to %s", file) : 0;
}

int qb_outputs_write(const struct qb_outputs *outputs, struct qb_error *err)
{
	const char *record = outputs->options->value[QB_OPTION_RECORD];
	const char *metrics = outputs->options->value[QB_OPTION_PROMETHEUS];
	int r = print(outputs, err);

	fflush(stdout); /* where both streams are one: the text first; main judges its errors */
	qb_noise_say(outputs->measure);
	if (r == 0 && record)
		r = write_record(outputs, record, err);
	if (r == 0 && metrics)
		r = write_metrics(outputs->measure, metrics, err);
	return r;
}
