/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench check: how quiet is this host, is that quiet enough, and what is the cause if not?
 *
 * It measures the CPUs that a benchmark would get, as they are, or the benchmark CPUs of a live apply
 * of the caller's; with --conditioned it conditions for the time. Else the host is changed in no way.
 */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/findings.h>
#include <cli/outputs.h>
#include <cli/run_text.h>
#include <cli/soak.h>
#include <client/say.h>
#include <errno.h>

#define EXIT_NOISY    1
#define FIRST_LOOK_NS (3 * QB_NS_PER_S)
#define DETECT_RUNS   20
/* A benchmark that follows is told of timers that are due in its first minute, too. */
#define SOON_NS (60 * QB_NS_PER_S)

struct check {
	const struct qb_options *options;
	struct qb_condition condition;
	struct qb_measure measure;
	struct qb_soak soak;
	struct qb_findings findings;
	int64_t started_at; /* CLOCK_REALTIME */
};

/* What so many runs could show is predicted when anybody asks for any of it. */
static void choose_detect(const struct qb_options *options, struct qb_detect *ret)
{
	if (!qb_option_given(options, MDE) && !qb_option_given(options, RUNS) &&
		!qb_option_given(options, RUN_TIME))
		return;
	ret->wanted = (double)options->number[QB_OPTION_MDE] / 1e6;
	ret->runs = qb_option_given(options, RUNS) ? (unsigned)options->number[QB_OPTION_RUNS]
						   : DETECT_RUNS;
	ret->run_ns = qb_option_given(options, RUN_TIME) ? options->number[QB_OPTION_RUN_TIME]
							 : QB_NS_PER_S;
}

/*
 * Looks at 3, 6 and 12 s; one at 3 s; or one at the end of a duration. Where runs are predicted that
 * take longer, the first look comes when enough of them have been seen.
 */
static void choose_looks(const struct qb_options *options, struct qb_measure *m)
{
	const int64_t needed = m->detect.runs ? qb_detect_duration(m->detect.run_ns) : 0;
	const int64_t first = needed > FIRST_LOOK_NS ? needed : FIRST_LOOK_NS;

	m->looks[0] =
		qb_option_given(options, DURATION) ? options->number[QB_OPTION_DURATION] : first;
	if (qb_option_given(options, DURATION) || qb_option_given(options, QUICK))
		return;
	m->looks[1] = 2 * first;
	m->looks[2] = 4 * first;
}

static int64_t longest_look(const struct qb_measure *m)
{
	int64_t longest = 0;

	for (size_t i = 0; i < QB_MEASURE_LOOKS && m->looks[i]; i++)
		longest = m->looks[i];
	return longest;
}

/* Of the CPUs of a session that was joined those are measured that no other run's command is on. */
static int leave_others(struct check *check, struct qb_error *err)
{
	struct qb_condition *condition = &check->condition;
	const struct qb_joined_message *with = &condition->session.with;
	struct qb_cpus *chosen = &condition->answer.selection.bench, wished = *chosen;
	char others[QB_ERROR_MAX];

	if (!qb_condition_chooses(condition))
		qb_cpus_or(&wished, &with->taken);
	if (!qb_session_others(with, &wished, others, sizeof(others)))
		return 0;
	qb_cpus_andnot(chosen, &with->taken);
	if (qb_cpus_empty(chosen))
		return qb_error_set(err, EBUSY, "%s: not measured", others);
	qb_say(QB_SAY_NOTE, "%s: not measured", others);
	return 0;
}

/*
 * The benchmark CPUs of an apply of the caller's, or of the run that this is inside of, if there is one;
 * else, with --conditioned, a session of our own; else the host as it is.
 */
static int condition(struct check *check, struct qb_error *err)
{
	struct qb_condition *condition = &check->condition;
	const bool must = qb_option_given(check->options, CONDITIONED);
	const struct qb_session_hello hello = {.purpose = QB_PURPOSE_RUN,
		.join_only = !must,
		.lock_wait_ns = qb_condition_wait(check->options),
		.command = (char *const[]){(char *)"quietbench", (char *)"check", NULL}};
	struct qb_error why = {0};
	int r = qb_condition_open(condition, &hello, &why);

	if (r == -EACCES && !must && qb_condition_lacks_privilege(condition, r))
		return qb_condition_bare(condition, NULL, err);
	if (r < 0)
		*err = why;
	if (qb_condition_lacks_privilege(condition, r))
		return qb_error_wrap(err, "--conditioned needs privilege");
	if (r < 0 || !condition->applied)
		return r;
	qb_run_text_conditioned(condition);
	return leave_others(check, err);
}

static int soak(struct check *check, struct qb_error *err)
{
	check->soak.limits = check->measure.limits;
	check->soak.ns = check->options->number[QB_OPTION_SOAK];
	check->soak.told = !qb_option_given(check->options, JSON);
	return qb_soak_run(&check->soak, &check->condition, err);
}

static int measure(struct check *check, struct qb_error *err)
{
	const struct qb_answer *answer = &check->condition.answer;
	const char *named = check->options->value[QB_OPTION_LIMITS];
	struct qb_measure *m = &check->measure;
	struct qb_look look;
	int r;

	check->started_at = qb_ns_now(CLOCK_REALTIME);
	qb_noise_limits_of(&answer->profile, &m->limits);
	if (named)
		(void)qb_noise_limits_named(named, &m->limits); /* judged with the options */
	m->traces = qb_option_given(check->options, TRACE);
	choose_looks(check->options, m);
	look = qb_findings_about(answer, NULL, longest_look(m) + SOON_NS);
	qb_findings_look(&look, &check->findings);
	if (qb_option_given(check->options, SOAK))
		r = soak(check, err);
	else
		r = qb_noise_measure(m, &check->condition, err);
	qb_findings_measured(&look, &check->findings);
	return r;
}

static int report(const struct check *check, struct qb_error *err)
{
	const bool json = qb_option_given(check->options, JSON);
	const struct qb_outputs outputs = {.options = check->options,
		.condition = &check->condition,
		.measure = &check->measure,
		.findings = &check->findings,
		.started_at = check->started_at};

	if (!qb_option_given(check->options, SOAK))
		return qb_outputs_write(&outputs, err);
	if (json)
		return qb_soak_json(&check->soak, &check->condition.answer.host, err);
	qb_soak_print(&check->soak);
	return 0;
}

static int conduct(struct check *check, struct qb_error *err)
{
	int r = qb_outputs_prepare(check->options, err);

	if (r == 0)
		r = qb_condition_prepare(check->options, &check->condition, err);
	if (r == 0)
		r = condition(check, err);
	if (r == 0)
		r = measure(check, err);
	qb_condition_end(&check->condition); /* the loops have ended */
	if (r < 0 && check->condition.has_job)
		(void)qb_job_interrupted(&check->condition.job); /* Ctrl-C ended the loops, too */
	return r < 0 ? r : report(check, err);
}

/* What is wrong with the options, before anything is done. */
static int judge(struct check *check, struct qb_error *err)
{
	const struct qb_options *options = check->options;
	struct qb_noise_limits limits;
	int64_t needed;

	if (qb_option_given(options, LIMITS) &&
		qb_noise_limits_named(options->value[QB_OPTION_LIMITS], &limits) < 0)
		return qb_error_set(err, EINVAL, "--limits: expected ci, bare or lab, not \"%s\"",
			options->value[QB_OPTION_LIMITS]);
	choose_detect(options, &check->measure.detect);
	needed = qb_detect_duration(check->measure.detect.run_ns);
	if (qb_option_given(options, DURATION) && options->number[QB_OPTION_DURATION] < needed)
		return qb_error_set(err, EINVAL,
			"--duration %s is too short to predict runs of %g s: at least %g s",
			options->value[QB_OPTION_DURATION],
			(double)check->measure.detect.run_ns / 1e9, (double)needed / 1e9);
	return qb_outputs_judge(options, err);
}

static int status_of(const struct check *check)
{
	if (qb_option_given(check->options, SOAK))
		return check->soak.noisy ? EXIT_NOISY : EXIT_SUCCESS;
	return check->measure.verdict == QB_VERDICT_OF_PASS ? EXIT_SUCCESS : EXIT_NOISY;
}

int qb_cmd_check(struct qb_cli *cli)
{
	struct check check = {.options = &cli->options, .condition = QB_CONDITION_NONE};
	struct qb_condition *condition = &check.condition;
	struct qb_error err = {0};
	int status, r;

	if (judge(&check, &err) < 0) {
		qb_say(QB_SAY_ERROR, "check: %s", err.text);
		return QB_EXIT_USAGE;
	}
	r = conduct(&check, &err);
	status = r < 0 ? QB_EXIT_NOT_MEASURED : status_of(&check);
	if (r < 0 && !condition->job.signal)
		qb_say(QB_SAY_ERROR, "check: %s", err.text);
	if (!condition->answer.joined && !condition->complete)
		status = QB_EXIT_INCOMPLETE;
	qb_condition_close(condition);
	qb_soak_free(&check.soak);
	qb_measure_free(&check.measure);
	if (condition->job.signal) {
		fflush(stdout); /* a soak has told what it found */
		qb_job_die(condition->job.signal);
	}
	return status;
}
