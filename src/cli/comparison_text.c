/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exports.h: what is said of a comparison. */
#include <base/text.h>
#include <cli/exports.h>
#include <ctype.h>
#include <math.h>
#include <stats/looks.h>
#include <stdlib.h>
#include <string.h>

/* So many rows are told one by one; the record has all. */
#define ROWS_SHOWN 30

static struct qb_evidence_terms terms_of(
	const struct qb_trial *trial, const struct qb_trial_result *result)
{
	return (struct qb_evidence_terms){.a = trial->experiment.programs[0].name,
		.b = trial->experiment.programs[result->program].name,
		.unit = trial->rows.unit,
		.more_is_better = trial->plan.more_is_better,
		.precision = trial->plan.precision,
		.rounds = trial->judged};
}

static bool describe(const struct qb_comparison *c, unsigned program, size_t row, char *buf,
	size_t size, double *ret_median)
{
	struct qb_described d;
	size_t n;
	double *values = qb_trial_values(&c->trial, program, row, &n);

	if (values && n) {
		d = qb_stats_describe(values, n);
		*ret_median = d.median;
		if (buf)
			qb_evidence_description(&d, c->trial.rows.unit, buf, size);
	}
	free(values);
	return n > 0;
}

/* A command on one line, and nothing in it that a terminal obeys. */
static void put_line(const char *text, FILE *out)
{
	for (; *text; text++)
		fputc(iscntrl((unsigned char)*text) ? '?' : *text, out);
	fputc('\n', out);
}

static void print_programs(const struct qb_comparison *c, FILE *out)
{
	const struct qb_trial *trial = &c->trial;
	char text[320];
	double median;

	for (unsigned i = 0; i < c->programs.n; i++) {
		const struct qb_evidence_disturbed d =
			qb_evidence_disturbances(&trial->experiment, (int)i);

		fprintf(out, "%s: ", c->programs.v[i].name);
		put_line(qb_programs_text(&c->programs, i), out);
		if (trial->rows.n == 1 && describe(c, i, 0, text, sizeof(text), &median))
			fprintf(out, "   %s; %u runs\n", text, trial->rounds);
		qb_evidence_disturbance(&d, text, sizeof(text));
		if (*text)
			fprintf(out, "   %s\n", text);
	}
}

/* What stands behind a claim, where there is something to know. */
static void print_details(
	const struct qb_comparison *c, const struct qb_trial_result *result, FILE *out)
{
	const struct qb_evidence_terms terms = terms_of(&c->trial, result);
	char raw[160], said[160];

	qb_evidence_interval(&result->difference.raw, &terms, raw, sizeof(raw));
	qb_evidence_interval(&result->difference.interval, &terms, said, sizeof(said));
	if (strcmp(raw, said) != 0)
		fprintf(out, "   without what the probes say of the host: %s\n", raw);
	if (result->difference.moves)
		fputs("   the programs change the probes beside them (heat, clock): the interval holds both\n",
			out);
}

/* Looks begin at 10, of long experiments later; of programs at once each has its part of the level. */
static void too_few(const struct qb_trial *trial, char *buf, size_t size)
{
	const double level = QB_LOOKS_LEVEL / (trial->experiment.n_programs - 1);
	unsigned enough = 1;

	while (qb_rank_critical(enough, level) < 0)
		enough++;
	if (trial->plan.runs || trial->experiment.n_programs > 2 || trial->rows.n > 1)
		qb_text_format(buf, size,
			"no claim: %u rounds are too few (-r %u or more); the figures above are a description",
			trial->judged, enough);
	else
		qb_text_format(buf, size,
			"no claim: after %u pairs it is too early; the figures above are a description",
			trial->judged);
}

void qb_comparison_claim(
	const struct qb_trial *trial, const struct qb_trial_result *result, char *buf, size_t size)
{
	const struct qb_evidence_terms terms = terms_of(trial, result);

	if (result->state == QB_TRIAL_TOO_FEW)
		too_few(trial, buf, size);
	else
		qb_evidence_claim(result->claim, &result->difference, &terms, buf, size);
}

/* ---- several figures ---- */

static int by_size(const void *a, const void *b)
{
	const struct qb_trial_result *x = a, *y = b;
	const double u = x->difference.interval.middle, v = y->difference.interval.middle;

	return (u < v) - (u > v);
}

/* Those that differ first, the worst of them at the top. Malloc'd. */
static struct qb_trial_result *sorted(const struct qb_trial *trial)
{
	struct qb_trial_result *results = calloc(trial->n_results + 1, sizeof(*results));
	const double sign = trial->plan.more_is_better ? -1 : 1;

	if (!results)
		return NULL;
	for (size_t i = 0; i < trial->n_results; i++) {
		results[i] = trial->results[i];
		results[i].difference.interval.middle *= sign;
	}
	qsort(results, trial->n_results, sizeof(*results), by_size);
	for (size_t i = 0; i < trial->n_results; i++)
		results[i].difference.interval.middle *= sign;
	return results;
}

static void print_row(
	const struct qb_comparison *c, const struct qb_trial_result *result, FILE *out)
{
	const struct qb_evidence_terms terms = terms_of(&c->trial, result);
	const char *unit = c->trial.rows.unit;
	char a[48] = "", b[48] = "", text[160] = "too few runs";
	double median;

	if (describe(c, 0, result->row, NULL, 0, &median))
		qb_evidence_value(median, unit, a, sizeof(a));
	if (describe(c, result->program, result->row, NULL, 0, &median))
		qb_evidence_value(median, unit, b, sizeof(b));
	if (result->state == QB_TRIAL_JUDGED)
		qb_evidence_interval(&result->difference.interval, &terms, text, sizeof(text));
	fprintf(out, "%c %-40s %12s -> %s: %-12s %s\n", result->differs ? '*' : ' ',
		c->trial.rows.v[result->row].name, a, terms.b, b, text);
}

/* The geometric mean of the ratios of one program. */
static void print_mean(const struct qb_comparison *c, unsigned program, FILE *out)
{
	const struct qb_trial *trial = &c->trial;
	double sum = 0;
	unsigned n = 0;

	for (size_t i = 0; i < trial->n_results; i++)
		if (trial->results[i].program == program &&
			trial->results[i].state == QB_TRIAL_JUDGED) {
			sum += trial->results[i].difference.interval.middle;
			n++;
		}
	if (n)
		fprintf(out, "geometric mean of %s to %s over %u figures: %+.2f %%\n",
			c->programs.v[program].name, c->programs.v[0].name, n,
			100 * expm1(sum / n));
}

static void print_rows(const struct qb_comparison *c, FILE *out)
{
	const struct qb_trial *trial = &c->trial;
	struct qb_trial_result *results = sorted(trial);
	size_t differing = 0;

	if (!results)
		return;
	for (size_t i = 0; i < trial->n_results; i++) {
		differing += results[i].differs;
		if (i < ROWS_SHOWN)
			print_row(c, &results[i], out);
	}
	if (trial->n_results > ROWS_SHOWN)
		fprintf(out, "  and %zu more: -o FILE has all\n", trial->n_results - ROWS_SHOWN);
	fprintf(out,
		"%zu of %zu figures differ (*): of those that are said to, 5 %% are expected not to\n",
		differing, trial->n_results);
	for (unsigned i = 1; i < c->programs.n; i++)
		print_mean(c, i, out);
	free(results);
}

/* ---- all of it ---- */

static void print_frame(const struct qb_comparison *c, FILE *out)
{
	const struct qb_trial *trial = &c->trial;

	if (!trial->rounds)
		return;
	fprintf(out, "   %u pairs, %u look%s, at most %u pairs; seed %llu", trial->judged,
		trial->looks, trial->looks == 1 ? "" : "s", trial->most,
		(unsigned long long)trial->plan.seed);
	if (trial->repeated)
		fprintf(out, "; %u disturbed pairs repeated", trial->repeated);
	fputc('\n', out);
	if (trial->incomplete)
		fprintf(out, "   %zu figures were not in every run: not compared\n",
			trial->incomplete);
}

void qb_comparison_print(const struct qb_comparison *c, FILE *out)
{
	const struct qb_trial *trial = &c->trial;
	char text[320];

	print_programs(c, out);
	if (trial->rows.n > 1) {
		print_rows(c, out);
	} else {
		for (size_t i = 0; i < trial->n_results; i++) {
			qb_comparison_claim(trial, &trial->results[i], text, sizeof(text));
			fprintf(out, "%s\n", text);
			if (trial->results[i].state == QB_TRIAL_JUDGED)
				print_details(c, &trial->results[i], out);
		}
	}
	print_frame(c, out);
}

void qb_comparison_markdown(const struct qb_comparison *c, FILE *out)
{
	const struct qb_trial *trial = &c->trial;
	char text[320], value[48];
	double median;

	fputs("### quietbench compare\n\n", out);
	for (size_t i = 0; i < trial->n_results && trial->rows.n == 1; i++) {
		qb_comparison_claim(trial, &trial->results[i], text, sizeof(text));
		fprintf(out, "**%s**\n\n", text);
	}
	fputs("| | command | median | runs | disturbed |\n|---|---|---:|---:|---:|\n", out);
	for (unsigned i = 0; i < c->programs.n; i++) {
		const struct qb_evidence_disturbed d =
			qb_evidence_disturbances(&trial->experiment, (int)i);

		qb_text_copy(value, sizeof(value), "");
		if (trial->rows.n == 1 && describe(c, i, 0, NULL, 0, &median))
			qb_evidence_value(median, trial->rows.unit, value, sizeof(value));
		fprintf(out, "| %s | `", c->programs.v[i].name);
		for (const char *p = qb_programs_text(&c->programs, i); *p; p++)
			fprintf(out, *p == '|' ? "\\|" : "%c", *p == '`' || *p == '\n' ? ' ' : *p);
		fprintf(out, "` | %s | %u | %zu |\n", value, trial->rounds, d.n);
	}
	if (trial->rows.n > 1) {
		fputs("\n```\n", out);
		print_rows(c, out);
		fputs("```\n", out);
	}
	fputs("\n<sub>", out);
	print_frame(c, out);
	fputs("</sub>\n", out);
}
