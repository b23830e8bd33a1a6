/* SPDX-License-Identifier: GPL-2.0-or-later */
/* preflight.h */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/preflight.h>
#include <client/say.h>
#include <errno.h>

/* Where no line can be rewritten, a line tells of the wait this often. */
#define REPEAT_NS (10 * QB_NS_PER_S)

struct wait {
	int64_t since, until; /* CLOCK_MONOTONIC; 0: no waiting */
	int64_t told;
	bool line; /* an unfinished one is on the terminal */
};

static bool is_noisy(const struct qb_measure *m)
{
	return m->verdict == QB_VERDICT_OF_FAIL;
}

/* "preempted 2.08 % (limit 0.05 %), longest 3.14 ms (limit 200.0 us): injector (pid 812)" */
static void describe(const struct qb_measure *m, char *buf, size_t size)
{
	struct qb_noise_problem problems[QB_NOISE_PROBLEMS];
	const size_t n = qb_noise_problems(m, problems);
	const char *cause = "";

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		if (is_noisy(m) != (problems[i].level == QB_PROBLEM_FAILED))
			continue;
		qb_text_join(buf, size, ", ", "%s", problems[i].text);
		if (!*cause)
			cause = problems[i].cause;
	}
	if (*cause)
		qb_text_append(buf, size, ": %s", cause);
}

static void say_detail(const struct qb_measure *m)
{
	unsigned exceeding = 0;
	char text[640];

	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		exceeding += m->verdicts[i].exceeding;
	describe(m, text, sizeof(text));
	if (exceeding && *text)
		qb_say(QB_SAY_DETAIL, "before the command: %s", text);
	else
		qb_say(QB_SAY_DETAIL, "before the command: nothing seen in %g s",
			(double)m->ns / 1e9);
}

/* It is still noisy, and the run waits. */
static void say_waiting(struct wait *wait, const struct qb_measure *m)
{
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC);
	char text[640];

	describe(m, text, sizeof(text));
	if (!wait->told) {
		qb_say(QB_SAY_NOTE, "waiting for quiet, at most %d s: %s",
			(int)((wait->until - wait->since) / QB_NS_PER_S), text);
		wait->told = now;
	} else if (qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE)) {
		fprintf(stderr, "\r\033[K%3d s: %.100s", (int)((now - wait->since) / QB_NS_PER_S),
			text);
		wait->line = true;
	} else if (now - wait->told >= REPEAT_NS) {
		qb_say(QB_SAY_NOTE, "noisy for %d s: %s", (int)((now - wait->since) / QB_NS_PER_S),
			text);
		wait->told = now;
	}
}

static int measure(struct qb_measure *m, struct qb_condition *condition, struct qb_error *err)
{
	const struct qb_profile *profile = &condition->answer.profile;

	qb_measure_free(m);
	*m = (struct qb_measure){.looks = {profile->set[QB_KEY_CHECK_DURATION].number}};
	qb_noise_limits_of(profile, &m->limits);
	return qb_noise_measure(m, condition, err);
}

/* Measures until nothing is noisy, or the time is over. */
static int measure_and_wait(struct qb_measure *m, struct wait *wait, struct qb_condition *condition,
	struct qb_error *err)
{
	int r;

	while ((r = measure(m, condition, err)) == 0 && is_noisy(m) &&
		qb_ns_now(CLOCK_MONOTONIC) < wait->until)
		say_waiting(wait, m);
	if (wait->line)
		fputs("\r\033[K", stderr);
	return r;
}

static int conclude(
	const struct qb_measure *m, const struct wait *wait, bool fail, struct qb_error *err)
{
	char text[640];

	describe(m, text, sizeof(text));
	if (is_noisy(m) && fail)
		return qb_error_set(err, EAGAIN,
			"noisy before the command, which was not started (check.on_noise=fail): %s",
			text);
	if (is_noisy(m) && wait->told)
		qb_say(QB_SAY_WARN, "still noisy after %d s; the command runs all the same: %s",
			(int)((qb_ns_now(CLOCK_MONOTONIC) - wait->since) / QB_NS_PER_S), text);
	else if (is_noisy(m))
		qb_say(QB_SAY_WARN, "noisy before the command: %s", text);
	else if (wait->told)
		qb_say(QB_SAY_NOTE, "no longer noisy after %d s",
			(int)((qb_ns_now(CLOCK_MONOTONIC) - wait->since) / QB_NS_PER_S));
	else
		say_detail(m);
	return 0;
}

int qb_preflight_measure(
	struct qb_measure *ret, struct qb_condition *condition, struct qb_error *err)
{
	const struct qb_setting *set = condition->answer.profile.set;
	const struct qb_setting *on_noise = &set[QB_KEY_CHECK_ON_NOISE];
	const bool fail = qb_setting_is(on_noise, "fail");
	struct wait wait = {.since = qb_ns_now(CLOCK_MONOTONIC)};
	struct qb_error why = {0};
	int r;

	if (!set[QB_KEY_CHECK_DURATION].number)
		return 0;
	if (qb_setting_is(on_noise, "wait"))
		wait.until = wait.since + set[QB_KEY_CHECK_MAX_WAIT].number;
	r = measure_and_wait(ret, &wait, condition, &why);
	if (r == 0)
		return conclude(ret, &wait, fail, err);
	qb_measure_free(ret);
	if (r == -QB_TOLD_TO_END || fail)
		return qb_error_set(err, why.code, "before the command: %s", why.text);
	qb_say(QB_SAY_WARN, "the CPUs were not measured before the command: %s", why.text);
	return 0;
}

void qb_preflight_unseen(const struct qb_measure *m, char *buf, size_t size)
{
	const struct qb_metric_verdict *gaps = &m->verdicts[QB_NOISE_GAPS_METRIC];
	const struct qb_metric_verdict *speed = &m->verdicts[QB_NOISE_SPEED_METRIC];
	const struct qb_metric_verdict *preempted = &m->verdicts[QB_NOISE_PREEMPTED_METRIC];
	/* Of the gaps other tasks' are seen in the run, too. */
	const double others = preempted->measured ? preempted->mean : 0;
	const double limit = (double)m->limits.of[QB_NOISE_GAPS_METRIC] / 1e6;

	buf[0] = '\0';
	if (gaps->verdict == QB_VERDICT_OF_FAIL && gaps->mean - others > limit)
		qb_text_format(buf, size, "gaps took %.2f %%", 100 * (gaps->mean - others));
	else if (speed->verdict == QB_VERDICT_OF_FAIL)
		qb_text_format(buf, size, "the CPU's speed wandered by %.1f %%", 100 * speed->mean);
}
