/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: a measurement as JSON. What its members mean is contrib/schema/check.schema.json. */
#include <base/macros.h>
#include <cli/noise.h>
#include <noise/advice.h>
#include <noise/hard.h>

static void put_metrics(struct qb_json *json, const struct qb_measure *m)
{
	qb_json_object(json, "metrics");
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		const struct qb_metric_verdict *v = &m->verdicts[i];
		const bool longest = i == QB_NOISE_LONGEST_METRIC;

		qb_json_object(json, qb_noise_metric_name((enum qb_noise_metric)i));
		qb_json_text(json, "verdict",
			v->measured ? qb_noise_verdict_name(v->verdict) : "unknown");
		if (longest) {
			qb_json_number(json, "limit_ns", m->limits.of[i]);
			qb_json_number(json, "worst_ns", (int64_t)v->worst);
		} else {
			qb_json_share(json, "limit", (double)m->limits.of[i] / 1e6);
			qb_json_share(json, "mean", v->measured ? v->mean : -1);
			qb_json_share(json, "worst", v->measured ? v->worst : -1);
		}
		qb_json_number(json, "windows", v->windows);
		qb_json_number(json, "exceeding", v->exceeding);
		qb_json_share(json, "independent", v->effective);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_longest(struct qb_json *json, const struct qb_loop *loop)
{
	qb_json_array(json, "longest");
	for (int i = 0; i < QB_LOOP_LONGEST && loop->longest[i].ns; i++) {
		qb_json_object(json, NULL);
		qb_json_number(json, "at_ns", loop->longest[i].at_ns);
		qb_json_number(json, "ns", loop->longest[i].ns);
		qb_json_bool(json, "preempted", loop->longest[i].preempted);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_causes(
	struct qb_json *json, const struct qb_measure *m, const struct qb_causes *causes)
{
	qb_json_array(json, "causes");
	for (size_t i = 0; i < causes->n; i++) {
		const struct qb_cause *cause = &causes->v[i];

		qb_json_object(json, NULL);
		qb_json_text(json, "cause", qb_cause_kind_name(cause->kind));
		qb_json_text(json, "name", cause->name);
		qb_json_share(json, "share", cause->share);
		qb_json_number(json, "times", (int64_t)cause->times);
		qb_json_share(json, "rate_per_s",
			m->ns > 0 ? (double)cause->times * 1e9 / (double)m->ns : -1);
		qb_json_share(json, "typical_us",
			cause->typical_ns ? (double)cause->typical_ns / 1e3 : -1);
		qb_json_text(json, "evidence", qb_evidence_name(cause->evidence));
		qb_json_text(json, "advice", qb_cause_advice(cause, m->applied));
		qb_json_end(json);
	}
	qb_json_end(json);
}

/* NULL: nobody asked for it. */
static void put_traced(struct qb_json *json, const struct qb_trace_cpu *of)
{
	if (!of) {
		qb_json_null(json, "traced");
		return;
	}
	qb_json_object(json, "traced");
	qb_json_number(json, "lost", (int64_t)of->lost);
	qb_json_array(json, "interrupts");
	for (size_t i = 0; i < of->n; i++) {
		const struct qb_traced *row = &of->rows[i];

		qb_json_object(json, NULL);
		qb_json_text(json, "name", row->name);
		qb_json_number(json, "ns", row->ns);
		qb_json_number(json, "longest_ns", row->longest_ns);
		qb_json_number(json, "times", (int64_t)row->times);
		qb_json_end(json);
	}
	qb_json_end(json);
	qb_json_end(json);
}

static void put_cpu(struct qb_json *json, const struct qb_measure *m, size_t i)
{
	const struct qb_measure_cpu *of = &m->of[i];
	const bool known = qb_watcher_knows(&m->watcher);

	qb_json_object(json, NULL);
	qb_json_number(json, "cpu", of->cpu);
	qb_json_number(json, "started_ns", of->loop->started_ns);
	qb_json_share(json, "preempted", of->causes->preempted);
	qb_json_number(json, "preemptions", (int64_t)of->causes->preemptions);
	qb_json_share(json, "interrupted", of->causes->interrupted);
	qb_json_share(json, "chunk_ns", of->chunk_ns);
	qb_json_text(json, "clock", of->loop->direct ? "direct" : "fallback");
	qb_json_text(json, "preemptions_by", qb_preempt_name(of->loop->preempt.by));
	qb_json_text(json, "names_by", known ? "switches" : "accounts");
	qb_json_text(json, "no_switches", known ? NULL : m->not_watched.text);
	qb_json_number(json, "gaps_unkept", (int64_t)of->loop->gaps_unkept);
	put_causes(json, m, of->causes);
	put_longest(json, of->loop);
	put_traced(json, i < m->trace.n ? &m->trace.of[i] : NULL);
	qb_json_end(json);
}

static void put_hard(struct qb_json *json, const struct qb_measure *m)
{
	qb_json_array(json, "hard");
	for (int i = 0; i < QB_HARD_COUNT; i++) {
		const enum qb_hard hard = (enum qb_hard)i;
		char text[160];

		if (!qb_hard_is(m, hard))
			continue;
		qb_hard_text(m, hard, text, sizeof(text));
		qb_json_object(json, NULL);
		qb_json_text(json, "reason", qb_hard_name(hard));
		qb_json_text(json, "text", text);
		qb_json_text(json, "advice", qb_hard_advice(m, hard));
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_detect(struct qb_json *json, const struct qb_detect *detect)
{
	if (!detect->pieces) {
		qb_json_null(json, "detect");
		return;
	}
	qb_json_object(json, "detect");
	qb_json_number(json, "runs", detect->runs);
	qb_json_number(json, "run_ns", detect->run_ns);
	qb_json_number(json, "pieces", (int64_t)detect->pieces);
	qb_json_share(json, "speed", detect->speed);
	qb_json_share(json, "gaps", detect->gaps);
	qb_json_share(json, "cv", detect->cv);
	qb_json_share(json, "change", detect->change);
	qb_json_share(json, "wanted", detect->wanted > 0 ? detect->wanted : -1);
	qb_json_end(json);
}

static void put_sources(struct qb_json *json, const struct qb_measure *m)
{
	struct qb_noise_source sources[QB_NOISE_SOURCES];
	const size_t n = qb_noise_sources(m, sources);

	qb_json_object(json, "sources");
	for (size_t i = 0; i < n; i++) {
		qb_json_object(json, sources[i].name);
		qb_json_bool(json, "available", !sources[i].reason);
		qb_json_text(json, "reason", sources[i].reason);
		qb_json_end(json);
	}
	qb_json_end(json);
}

void qb_noise_json(struct qb_json *json, const struct qb_measure *m)
{
	qb_json_text(json, "verdict", qb_noise_verdict_name(m->verdict));
	put_hard(json, m);
	qb_json_number(json, "duration_ns", m->ns);
	qb_json_number(json, "looks", m->looked);
	qb_json_cpus(json, "cpus", &m->cpus);
	put_metrics(json, m);
	put_detect(json, &m->detect);
	put_sources(json, m);
	qb_json_array(json, "of");
	for (size_t i = 0; i < m->n; i++)
		put_cpu(json, m, i);
	qb_json_end(json);
}
