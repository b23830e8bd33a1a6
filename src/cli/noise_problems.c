/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: which rules do not hold, what causes that, and what to do. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/noise.h>
#include <client/say.h>
#include <noise/advice.h>
#include <noise/hard.h>

/* "preempted 2.08 % (limit 0.05 %)". A mean below the limit says nothing by itself. */
static void describe(
	const struct qb_measure *m, enum qb_noise_metric metric, struct qb_noise_problem *ret)
{
	const struct qb_metric_verdict *v = &m->verdicts[metric];
	const bool rate = metric != QB_NOISE_LONGEST_METRIC;
	const bool below = rate && v->mean * 1e6 <= (double)m->limits.of[metric];
	char value[32], limit[32], windows[64] = "";

	qb_noise_value_text(m, metric, value, sizeof(value));
	qb_noise_limit_text(m, metric, limit, sizeof(limit));
	if (below || ret->level == QB_PROBLEM_UNDECIDED)
		qb_text_format(windows, sizeof(windows), ", above it in %u of %u windows",
			v->exceeding, v->windows);
	qb_text_format(ret->text, sizeof(ret->text), "%s%s %s (limit %s%s)",
		ret->level == QB_PROBLEM_UNDECIDED ? "undecided: " : "", ret->rule, value, limit,
		ret->level == QB_PROBLEM_WARNS ? ", one may happen" : windows);
}

static void explain(
	const struct qb_measure *m, enum qb_noise_metric metric, struct qb_noise_problem *ret)
{
	const struct qb_cause_on found = qb_cause_of_metric(m, metric);

	if (ret->level == QB_PROBLEM_UNDECIDED && m->verdicts[metric].exceeding == 0) {
		ret->advice = "too short to be sure: measure longer (--duration)";
		return;
	}
	ret->advice = found.cause ? qb_cause_advice(found.cause, m->applied)
				  : "repeat it with -v, which shows everything that was counted";
	if (!found.cause)
		qb_text_copy(ret->cause, sizeof(ret->cause), "nothing known took that time");
	else if (m->n == 1)
		qb_text_copy(ret->cause, sizeof(ret->cause), found.cause->name);
	else
		qb_text_format(ret->cause, sizeof(ret->cause), "%s on CPU %u", found.cause->name,
			found.cpu);
}

/* Is there anything to say of this metric? */
static bool judge(
	const struct qb_measure *m, enum qb_noise_metric metric, enum qb_problem_level *ret)
{
	const struct qb_metric_verdict *v = &m->verdicts[metric];

	switch (v->verdict) {
	case QB_VERDICT_OF_FAIL: *ret = QB_PROBLEM_FAILED; return true;
	case QB_VERDICT_OF_UNDECIDED: *ret = QB_PROBLEM_UNDECIDED; return v->measured;
	case QB_VERDICT_OF_PASS:
		*ret = QB_PROBLEM_WARNS;
		return metric == QB_NOISE_LONGEST_METRIC && v->exceeding > 0;
	}
	return false;
}

/* A change that is to be shown, and is not to be seen here. */
static bool cannot_show(const struct qb_measure *m, struct qb_noise_problem *ret)
{
	const struct qb_detect *detect = &m->detect;
	char change[96], more[48] = "";
	unsigned runs;

	if (!detect->pieces || !(detect->wanted > 0) || detect->change <= detect->wanted)
		return false;
	*ret = (struct qb_noise_problem){.level = QB_PROBLEM_FAILED,
		.rule = "mde",
		.advice = "more or longer runs, or a host that is quieter"};
	runs = qb_detect_runs(detect->cv, detect->wanted);
	if (runs)
		qb_text_format(more, sizeof(more), "; %u runs would be enough", runs);
	qb_noise_change_text(m, change, sizeof(change));
	qb_text_format(ret->text, sizeof(ret->text), "detectable change %s (limit %g %%%s)", change,
		100 * detect->wanted, more);
	qb_text_copy(ret->cause, sizeof(ret->cause),
		detect->speed > detect->gaps ? "mostly the wander of its speed" : "mostly gaps");
	return true;
}

size_t qb_noise_problems(const struct qb_measure *m, struct qb_noise_problem ret[QB_NOISE_PROBLEMS])
{
	size_t n = 0;

	_Static_assert(
		QB_HARD_COUNT + QB_NOISE_METRIC_COUNT + 1 <= QB_NOISE_PROBLEMS, "room for all");
	for (int i = 0; i < QB_HARD_COUNT; i++) {
		const enum qb_hard hard = (enum qb_hard)i;

		if (!qb_hard_is(m, hard))
			continue;
		ret[n] = (struct qb_noise_problem){.level = QB_PROBLEM_FAILED,
			.rule = qb_hard_name(hard),
			.advice = qb_hard_advice(m, hard)};
		qb_hard_text(m, hard, ret[n].text, sizeof(ret[n].text));
		n++;
	}
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		const enum qb_noise_metric metric = (enum qb_noise_metric)i;
		enum qb_problem_level level;

		if (!judge(m, metric, &level))
			continue;
		ret[n] = (struct qb_noise_problem){
			.level = level, .rule = qb_noise_metric_name(metric)};
		describe(m, metric, &ret[n]);
		explain(m, metric, &ret[n]);
		n++;
	}
	n += cannot_show(m, &ret[n]);
	return n;
}

void qb_noise_problem_text(const struct qb_noise_problem *problem, char *buf, size_t size)
{
	qb_text_format(buf, size, "%s: %s%s%s", problem->text, problem->cause,
		*problem->cause ? ": " : "", problem->advice);
}

void qb_noise_say(const struct qb_measure *m)
{
	struct qb_noise_problem problems[QB_NOISE_PROBLEMS];
	const size_t n = qb_noise_problems(m, problems);

	for (size_t i = 0; i < n; i++) {
		char text[512];

		if (problems[i].level == QB_PROBLEM_WARNS)
			continue;
		qb_noise_problem_text(&problems[i], text, sizeof(text));
		qb_say(QB_SAY_WARN, "%s", text);
	}
}
