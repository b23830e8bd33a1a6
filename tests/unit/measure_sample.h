/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two measurements as they end: a loud one of two CPUs with everything that can be wrong, and a quiet one. */
#ifndef QB_TESTS_MEASURE_SAMPLE_H
#define QB_TESTS_MEASURE_SAMPLE_H

#include <noise/causes.h>
#include <noise/hard.h>

/* No kernel lets a name be like this, but what is written for programs must stand any. */
#define ODD_NAME "50%:a,b \"c\\d\"\n::error::x (pid 812)"

struct measured {
	struct qb_measure m;
	struct qb_measure_cpu of[2];
	struct qb_loop loops[2];
	struct qb_causes causes[2];
};

static void add_cause(struct qb_causes *causes, enum qb_cause_kind kind, const char *name,
	double share, uint64_t times)
{
	causes->v[causes->n] = (struct qb_cause){.kind = kind, .share = share, .times = times};
	causes->v[causes->n].evidence = share < 0 ? QB_EVIDENCE_COUNTED : QB_EVIDENCE_MEASURED;
	snprintf(causes->v[causes->n++].name, sizeof(causes->v[0].name), "%s", name);
}

static struct qb_measure *begin_sample(struct measured *s, size_t n, int64_t ns)
{
	*s = (struct measured){.m = {.of = s->of, .n = n, .ns = ns, .looked = 1, .looks = {ns}}};
	s->m.limits = (struct qb_noise_limits){{500, 5000, 5000, 0, 200000}};
	for (size_t i = 0; i < n; i++) {
		s->of[i] = (struct qb_measure_cpu){.cpu = 1 + 2 * (unsigned)i,
			.loop = &s->loops[i],
			.causes = &s->causes[i],
			.chunk_ns = 260.5};
		qb_cpus_add(&s->m.cpus, s->of[i].cpu);
	}
	snprintf(s->m.not_watched.text, sizeof(s->m.not_watched.text), "not allowed");
	return &s->m;
}

/* CPU 1 is taken by somebody, CPU 3 is slow; its heat and the quota are no chance. */
static struct qb_measure *loud(void)
{
	static struct measured s;
	struct qb_measure *m = begin_sample(&s, 2, 3000000000);

	m->verdict = QB_VERDICT_OF_FAIL;
	m->verdicts[QB_NOISE_PREEMPTED_METRIC] =
		(struct qb_metric_verdict){QB_VERDICT_OF_FAIL, true, 60, 30, 60, 0, 0.0208, 0.07};
	m->verdicts[QB_NOISE_GAPS_METRIC] = (struct qb_metric_verdict){
		QB_VERDICT_OF_UNDECIDED, true, 60, 4, 31.5, 0.2, 0.0031, 0.02};
	m->verdicts[QB_NOISE_SPEED_METRIC] =
		(struct qb_metric_verdict){QB_VERDICT_OF_FAIL, true, 60, 20, 60, 0, 0.004, 0.1};
	m->verdicts[QB_NOISE_STEAL_METRIC] =
		(struct qb_metric_verdict){.verdict = QB_VERDICT_OF_PASS};
	m->verdicts[QB_NOISE_LONGEST_METRIC] =
		(struct qb_metric_verdict){QB_VERDICT_OF_PASS, true, 60, 1, 60, 0, 9e4, 3.1e5};
	s.loops[0].longest[0] = (struct qb_loop_gap){.at_ns = 7, .ns = 310000, .preempted = true};
	s.loops[1].longest[0] = (struct qb_loop_gap){.at_ns = 9, .ns = 4000};
	add_cause(&s.causes[0], QB_CAUSE_TASK, ODD_NAME, 0.0201, 152);
	add_cause(&s.causes[0], QB_CAUSE_TASK, "cron (2 processes)", 0.001, 3);
	add_cause(&s.causes[0], QB_CAUSE_TASK, "cron (pid 7)", 0.001, 3);
	add_cause(&s.causes[1], QB_CAUSE_TICK, "timer tick", 0.03, 750);
	add_cause(
		&s.causes[1], QB_CAUSE_HYPERVISOR, "the hypervisor's own tick, 1000/s", 0.02, 3000);
	s.causes[1].v[1].typical_ns = 36000;
	add_cause(&s.causes[1], QB_CAUSE_SPEED, "its speed wandered, so much on average", 0.004, 0);
	add_cause(&s.causes[1], QB_CAUSE_THROTTLED, "clock lowered because of heat", -1, 3);
	s.of[1].throttled = 3;
	m->quota_us = 12500;
	return m;
}

__attribute__((unused)) static struct qb_measure *quiet(void)
{
	static struct measured s;
	struct qb_measure *m = begin_sample(&s, 1, 12000000000);

	m->verdict = QB_VERDICT_OF_PASS;
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		m->verdicts[i] = (struct qb_metric_verdict){
			QB_VERDICT_OF_PASS, true, 120, 0, 120, 0, 0.0001, 0.0002};
	m->verdicts[QB_NOISE_LONGEST_METRIC].worst = 41000;
	return m;
}

#endif
