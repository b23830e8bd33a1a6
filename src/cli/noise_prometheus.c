/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * noise.h: a measurement in Prometheus' text format, for the textfile collector of node_exporter:
 * seconds and ratios, gauges throughout. Process ids are left out of the labels: each would begin a
 * new series.
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/noise.h>
#include <inttypes.h>
#include <noise/hard.h>

#define METRIC(i) qb_noise_metric_name((enum qb_noise_metric)(i))

/* Backslash, quote and newline would end a label's value. */
static void put_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	for (; *value; value++)
		if (*value == '\n')
			fputs("\\n", out);
		else
			fprintf(out, "%s%c", *value == '\\' || *value == '"' ? "\\" : "", *value);
	putc('"', out);
}

static void put_family(FILE *out, const char *name, const char *help)
{
	fprintf(out, "# HELP quietbench_check_%s %s\n# TYPE quietbench_check_%s gauge\n", name,
		help, name);
}

static void put_plain(FILE *out, const char *name, const char *help, double value)
{
	put_family(out, name, help);
	fprintf(out, "quietbench_check_%s %.13g\n", name, value);
}

/* One sample with one label. */
static void put_by(FILE *out, const char *name, const char *label, const char *of, double value)
{
	fprintf(out, "quietbench_check_%s{", name);
	put_label(out, label, of);
	fprintf(out, "} %.9g\n", value);
}

static void put_verdict(const struct qb_measure *m, FILE *out)
{
	put_family(out, "verdict",
		"Is it quiet enough: 1 for the verdict that was reached, 0 for each other verdict.");
	for (enum qb_verdict_of v = QB_VERDICT_OF_UNDECIDED; v <= QB_VERDICT_OF_FAIL; v++)
		put_by(out, "verdict", "verdict", qb_noise_verdict_name(v), m->verdict == v);
	put_family(out, "hard_failure", "1 where this made it noisy whatever the metrics say.");
	for (int i = 0; i < QB_HARD_COUNT; i++)
		put_by(out, "hard_failure", "reason", qb_hard_name((enum qb_hard)i),
			qb_hard_is(m, (enum qb_hard)i));
}

static bool is_measured(const struct qb_measure *m, int metric)
{
	return m->verdicts[metric].measured;
}

static bool is_judged(const struct qb_measure *m, int metric)
{
	return m->verdicts[metric].measured && m->limits.of[metric] >= 0;
}

static void put_shares(const struct qb_measure *m, FILE *out)
{
	put_family(out, "noise_ratio", "Noise by metric, a share of the time, on average.");
	for (int i = 0; i < QB_NOISE_LONGEST_METRIC; i++)
		if (is_measured(m, i))
			put_by(out, "noise_ratio", "metric", METRIC(i), m->verdicts[i].mean);
	put_family(out, "noise_worst_ratio", "The same in the worst window of 100 ms.");
	for (int i = 0; i < QB_NOISE_LONGEST_METRIC; i++)
		if (is_measured(m, i))
			put_by(out, "noise_worst_ratio", "metric", METRIC(i), m->verdicts[i].worst);
	put_family(out, "noise_limit_ratio", "Above this a window counts as noisy.");
	for (int i = 0; i < QB_NOISE_LONGEST_METRIC; i++)
		if (is_judged(m, i))
			put_by(out, "noise_limit_ratio", "metric", METRIC(i),
				(double)m->limits.of[i] / 1e6);
}

static void put_longest(const struct qb_measure *m, FILE *out)
{
	const int metric = QB_NOISE_LONGEST_METRIC;

	if (is_measured(m, metric))
		put_plain(out, "longest_gap_seconds", "The longest single gap.",
			m->verdicts[metric].worst / 1e9);
	if (is_judged(m, metric))
		put_plain(out, "longest_gap_limit_seconds", "Two longer ones make it noisy.",
			(double)m->limits.of[metric] / 1e9);
}

static void put_windows(const struct qb_measure *m, FILE *out)
{
	put_family(out, "windows", "Windows of 100 ms that were judged.");
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		put_by(out, "windows", "metric", METRIC(i), m->verdicts[i].windows);
	put_family(out, "windows_above_limit", "Those of them that were above the limit.");
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		put_by(out, "windows_above_limit", "metric", METRIC(i), m->verdicts[i].exceeding);
	put_family(out, "metric_verdict",
		"1 for the verdict of this metric, 0 for each other verdict.");
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		for (enum qb_verdict_of v = QB_VERDICT_OF_UNDECIDED;
			is_measured(m, i) && v <= QB_VERDICT_OF_FAIL; v++) {
			fputs("quietbench_check_metric_verdict{", out);
			put_label(out, "metric", METRIC(i));
			putc(',', out);
			put_label(out, "verdict", qb_noise_verdict_name(v));
			fprintf(out, "} %d\n", m->verdicts[i].verdict == v);
		}
}

/* A series must not come twice, or the whole file is refused. */
static bool came_before(const struct qb_causes *causes, size_t at)
{
	char name[64], other[64];

	qb_cause_plain_name(&causes->v[at], name, sizeof(name));
	for (size_t i = 0; i < at; i++) {
		qb_cause_plain_name(&causes->v[i], other, sizeof(other));
		if (causes->v[i].kind == causes->v[at].kind && strcmp(name, other) == 0)
			return true;
	}
	return false;
}

static void put_cause(FILE *out, const char *family, const struct qb_measure_cpu *of,
	const struct qb_cause *cause, double value)
{
	char cpu[16], name[64];

	qb_text_format(cpu, sizeof(cpu), "%u", of->cpu);
	qb_cause_plain_name(cause, name, sizeof(name));
	fprintf(out, "quietbench_check_%s{", family);
	put_label(out, "cpu", cpu);
	putc(',', out);
	put_label(out, "cause", qb_cause_kind_name(cause->kind));
	putc(',', out);
	put_label(out, "name", name);
	putc(',', out);
	put_label(out, "evidence", qb_evidence_name(cause->evidence));
	fprintf(out, "} %.9g\n", value);
}

static void put_causes(const struct qb_measure *m, FILE *out)
{
	put_family(out, "cause_ratio", "What took a CPU's time: a share of it.");
	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; j < m->of[i].causes->n; j++)
			if (m->of[i].causes->v[j].share >= 0 && !came_before(m->of[i].causes, j))
				put_cause(out, "cause_ratio", &m->of[i], &m->of[i].causes->v[j],
					m->of[i].causes->v[j].share);
	put_family(out, "cause_events", "How often that came during the measurement.");
	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; j < m->of[i].causes->n; j++)
			if (m->of[i].causes->v[j].times && !came_before(m->of[i].causes, j))
				put_cause(out, "cause_events", &m->of[i], &m->of[i].causes->v[j],
					(double)m->of[i].causes->v[j].times);
	put_family(out, "cause_typical_seconds", "How long it usually took each time.");
	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; j < m->of[i].causes->n; j++)
			if (m->of[i].causes->v[j].typical_ns && !came_before(m->of[i].causes, j))
				put_cause(out, "cause_typical_seconds", &m->of[i],
					&m->of[i].causes->v[j],
					(double)m->of[i].causes->v[j].typical_ns / 1e9);
}

void qb_noise_prometheus(const struct qb_measure *m, int64_t ended_ns, FILE *out)
{
	put_plain(out, "timestamp_seconds", "When the measurement ended (Unix time).",
		(double)(ended_ns / 1000000) / 1e3);
	put_plain(out, "duration_seconds", "How long it took.", (double)m->ns / 1e9);
	put_verdict(m, out);
	put_shares(m, out);
	put_longest(m, out);
	put_windows(m, out);
	put_causes(m, out);
	if (m->detect.pieces)
		put_plain(out, "detectable_change_ratio",
			"The change that so many runs could show here (--runs, --run-time).",
			m->detect.change);
}
