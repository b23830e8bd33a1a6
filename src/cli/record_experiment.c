/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_experiment.h. What its members mean is in contrib/schema/record.schema.json. */
#include <cli/evidence.h>
#include <cli/exports.h>
#include <cli/prove.h>
#include <cli/record_experiment.h>
#include <math.h>
#include <stdlib.h>

void qb_record_put_exit(struct qb_json *json, int code, int signal)
{
	qb_json_object(json, "exit");
	if (signal) {
		qb_json_null(json, "code");
		qb_json_number(json, "signal", signal);
	} else {
		qb_json_number(json, "code", code);
		qb_json_null(json, "signal");
	}
	qb_json_end(json);
}

void qb_record_put_known(struct qb_json *json, const char *key, int64_t value)
{
	if (value < 0)
		qb_json_null(json, key);
	else
		qb_json_number(json, key, value);
}

void qb_record_put_usage(struct qb_json *json, const struct qb_usage *used)
{
	qb_json_number(json, "wall_ns", used->wall_ns);
	qb_json_number(json, "user_ns", used->user_ns);
	qb_json_number(json, "sys_ns", used->sys_ns);
	qb_json_number(json, "max_rss_kib", used->max_rss_kib);
	qb_json_object(json, "counters");
	qb_json_number(json, "voluntary_switches", used->voluntary_switches);
	qb_json_number(json, "involuntary_switches", used->involuntary_switches);
	qb_json_number(json, "minor_faults", used->minor_faults);
	qb_json_number(json, "major_faults", used->major_faults);
}

const char *qb_record_noise_name(enum qb_noise noise)
{
	switch (noise) {
	case QB_NOISE_UNKNOWN: return "unknown";
	case QB_NOISE_QUIET: return "quiet";
	case QB_NOISE_NOISY: return "noisy";
	}
	return NULL;
}

static void put_command(struct qb_json *json, char *const *argv)
{
	qb_json_array(json, "command");
	for (; *argv; argv++)
		qb_json_text(json, NULL, *argv);
	qb_json_end(json);
}

/* ---- what was found ---- */

static void put_programs(struct qb_json *json, const struct qb_experiment *e)
{
	qb_json_array(json, "programs");
	for (unsigned i = 0; i < e->n_programs; i++) {
		const struct qb_evidence_disturbed d = qb_evidence_disturbances(e, (int)i);
		char text[320];

		qb_evidence_disturbance(&d, text, sizeof(text));
		qb_json_object(json, NULL);
		qb_json_text(json, "name", e->programs[i].name);
		put_command(json, e->programs[i].argv);
		qb_json_number(json, "runs", (int64_t)d.runs);
		qb_json_number(json, "noisy", (int64_t)d.n);
		qb_json_number(json, "unknown", (int64_t)d.unknown);
		qb_json_text(json, "disturbance", *text ? text : NULL);
		qb_json_end(json);
	}
	qb_json_end(json);
}

/* Of one program's figure, over the runs that count. */
static void put_description(struct qb_json *json, const struct qb_experiment_record *record,
	unsigned program, const struct qb_row *row)
{
	const struct qb_experiment *e = record->experiment;
	double *values = calloc(e->n + 1, sizeof(*values));
	struct qb_described d;
	char text[320];
	size_t n = 0;

	for (size_t i = 0; values && i < record->rows->runs; i++) {
		const struct qb_sample *sample = &e->samples[i];

		if (sample->program == program && !sample->warm_up && !sample->repeated &&
			!isnan(row->values[i]))
			values[n++] = row->values[i];
	}
	qb_json_object(json, NULL);
	qb_json_text(json, "program", e->programs[program].name);
	qb_json_number(json, "runs", (int64_t)n);
	if (n) {
		d = qb_stats_describe(values, n);
		qb_evidence_description(&d, record->rows->unit, text, sizeof(text));
		qb_json_text(json, "sentence", text);
		qb_json_real(json, "median", d.median);
		qb_json_bool(json, "covered", d.covered);
		qb_json_real(json, "low", d.low);
		qb_json_real(json, "high", d.high);
		qb_json_real(json, "mean", d.mean);
		qb_json_real(json, "deviation", d.deviation);
		qb_json_real(json, "mnad", d.mnad);
		qb_json_real(json, "mad", d.mad);
		qb_json_real(json, "iqr", d.iqr);
		qb_json_real(json, "min", d.min);
		qb_json_real(json, "max", d.max);
		qb_json_real(json, "detectable", d.detectable);
	}
	qb_json_end(json);
	free(values);
}

/* As ratios: 0.98 is 2 % less than the first program's. */
static void put_interval(struct qb_json *json, const char *key, const struct qb_interval *interval)
{
	qb_json_object(json, key);
	qb_json_real(json, "low", exp(interval->low));
	qb_json_real(json, "ratio", exp(interval->middle));
	qb_json_real(json, "high", exp(interval->high));
	qb_json_end(json);
}

static const char *claim_name(enum qb_claim claim)
{
	switch (claim) {
	case QB_CLAIM_UNDECIDED: return "undecided";
	case QB_CLAIM_LESS: return "less";
	case QB_CLAIM_MORE: return "more";
	case QB_CLAIM_SAME: return "same";
	}
	return NULL;
}

static void put_difference(
	struct qb_json *json, const struct qb_trial *trial, const struct qb_trial_result *result)
{
	const struct qb_difference *d = &result->difference;
	char text[320];

	qb_json_object(json, NULL);
	qb_comparison_claim(trial, result, text, sizeof(text));
	qb_json_text(json, "sentence", text);
	qb_json_text(json, "program", trial->experiment.programs[result->program].name);
	if (result->state == QB_TRIAL_TOO_FEW) {
		qb_json_text(json, "claim", "too few");
	} else {
		qb_json_text(json, "claim", claim_name(result->claim));
		put_interval(json, "interval", &d->interval);
		put_interval(json, "unadjusted", &d->raw);
		qb_json_bool(json, "adjusted", d->adjusts);
		qb_json_bool(json, "moves_probe", d->moves);
		qb_json_real(json, "slope", d->slope);
		qb_json_real(json, "p", result->p);
		qb_json_bool(json, "differs", result->differs);
	}
	qb_json_end(json);
}

static void put_figures(struct qb_json *json, const struct qb_experiment_record *record)
{
	const struct qb_trial *trial = record->trial;

	qb_json_array(json, "figures");
	for (size_t row = 0; row < record->rows->n; row++) {
		qb_json_object(json, NULL);
		qb_json_text(json, "name", record->rows->v[row].name);
		qb_json_array(json, "of");
		for (unsigned i = 0; i < record->experiment->n_programs; i++)
			put_description(json, record, i, &record->rows->v[row]);
		qb_json_end(json);
		qb_json_array(json, "differences");
		for (size_t i = 0; trial && i < trial->n_results; i++)
			if (trial->results[i].row == row)
				put_difference(json, trial, &trial->results[i]);
		qb_json_end(json);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_plan(struct qb_json *json, const struct qb_trial *trial)
{
	qb_json_number(json, "seed", (int64_t)trial->plan.seed);
	qb_json_number(json, "most", trial->most);
	qb_json_number(json, "rounds", trial->rounds);
	qb_json_number(json, "judged", trial->judged);
	qb_json_number(json, "looks", trial->looks);
	qb_json_number(json, "repeated", trial->repeated);
	qb_json_real(json, "min_effect", expm1(trial->plan.effect));
	qb_json_real(json, "precision", expm1(trial->plan.precision));
	qb_json_text(json, "better", trial->plan.more_is_better ? "more" : "less");
}

static void put_proof(struct qb_json *json, const struct qb_proof *proof)
{
	const struct qb_spread *s = &proof->spread;
	char text[320];

	qb_prove_claim(proof, text, sizeof(text));
	qb_json_text(json, "sentence", text);
	qb_json_number(json, "seed", (int64_t)proof->plan.seed);
	qb_json_number(json, "pairs", proof->pairs);
	qb_json_number(json, "block", proof->plan.block);
	if (!proof->judged) {
		qb_json_null(json, "spread");
		return;
	}
	qb_json_object(json, "spread");
	qb_json_real(json, "mnad_a", s->mnad_a);
	qb_json_real(json, "mnad_b", s->mnad_b);
	qb_json_real(json, "low", s->ratio.low);
	qb_json_real(json, "ratio", s->ratio.middle);
	qb_json_real(json, "high", s->ratio.high);
	qb_json_real(json, "p", s->p);
	qb_json_bool(json, "less", s->less);
	qb_json_end(json);
}

void qb_record_put_experiment(struct qb_json *json, const struct qb_experiment_record *record)
{
	qb_json_object(json, "experiment");
	qb_json_text(json, "kind", record->kind);
	qb_json_text(json, "unit", record->rows->unit);
	if (record->trial)
		put_plan(json, record->trial);
	if (record->proof)
		put_proof(json, record->proof);
	put_programs(json, record->experiment);
	put_figures(json, record);
	qb_json_end(json);
}

/* ---- the runs ---- */

/* What it gave, by name. Of a whole command that is its wall time, which is told anyway. */
static void put_values(struct qb_json *json, const struct qb_rows *rows, size_t run)
{
	qb_json_object(json, "figures");
	for (size_t row = 0; row < rows->n && run < rows->runs; row++)
		if (!isnan(rows->v[row].values[run]))
			qb_json_real(json, rows->v[row].name, rows->v[row].values[run]);
	qb_json_end(json);
}

void qb_record_put_samples(struct qb_json *json, const struct qb_experiment_record *record)
{
	const struct qb_experiment *e = record->experiment;

	for (size_t i = 0; i < e->n; i++) {
		const struct qb_sample *sample = &e->samples[i];

		qb_json_object(json, NULL);
		put_command(json, e->programs[sample->program].argv);
		qb_json_text(json, "program", e->programs[sample->program].name);
		qb_json_number(json, "round", sample->round);
		qb_json_bool(json, "warm_up", sample->warm_up);
		qb_json_bool(json, "repeated", sample->repeated);
		qb_json_number(json, "at_ns", sample->started_at - e->samples[0].started_at);
		qb_record_put_exit(json, sample->code, sample->signal);
		qb_record_put_usage(json, &sample->used);
		qb_record_put_known(json, "others_ns", sample->others_ns);
		qb_record_put_known(json, "steal_ns", sample->steal_ns);
		qb_record_put_known(json, "own_waits_ns", sample->waited_ns);
		qb_json_end(json);
		put_values(json, record->rows, i);
		qb_json_share(json, "probe_before_ns", sample->before ? sample->before : -1);
		qb_json_share(json, "probe_after_ns", sample->after ? sample->after : -1);
		qb_json_text(json, "verdict", qb_record_noise_name(sample->noise));
		qb_json_array(json, "reasons");
		if (sample->reason)
			qb_json_text(json, NULL, sample->reason);
		qb_json_end(json);
		qb_json_end(json);
	}
}
