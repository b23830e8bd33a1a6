/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench check: how quiet is this host, is that quiet enough, and who is to blame?
 *
 * It measures the CPUs that a benchmark would get, as they are, or the quiet ones of a live apply of
 * the caller's; with --conditioned it conditions for the time. Else the host is changed in no way.
 */
#include <base/macros.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/findings.h>
#include <cli/outputs.h>
#include <cli/report.h>
#include <cli/say.h>
#include <errno.h>
#include <time.h>

#define EXIT_NOISY   1
#define EXIT_NOTHING 3 /* could not measure */
#define SECOND_NS    INT64_C(1000000000)
/* A benchmark that follows is told of timers that are due in its first minute, too. */
#define SOON_NS (60 * SECOND_NS)

struct check {
	const struct qb_options *options;
	struct qb_job job;
	struct qb_asked asked;
	struct qb_session session;
	struct qb_answer answer;
	struct qb_measure measure;
	struct qb_findings findings;
	int64_t started_at; /* CLOCK_REALTIME */
	bool applied;
	bool complete; /* the host is as it was */
};

/* Looks at 3, 6 and 12 s; one at 3 s; or one at the end of a duration. */
static void choose_looks(const struct qb_options *options, int64_t looks[QB_MEASURE_LOOKS])
{
	const int64_t usual[QB_MEASURE_LOOKS] = {3 * SECOND_NS, 6 * SECOND_NS, 12 * SECOND_NS};

	if (qb_option_given(options, DURATION))
		looks[0] = options->number[QB_OPTION_DURATION];
	else if (qb_option_given(options, QUICK))
		looks[0] = usual[0];
	else
		memcpy(looks, usual, sizeof(usual));
}

static int64_t longest_look(const struct qb_measure *m)
{
	int64_t longest = 0;

	for (size_t i = 0; i < QB_MEASURE_LOOKS && m->looks[i]; i++)
		longest = m->looks[i];
	return longest;
}

/*
 * The quiet CPUs of an apply of the caller's, or of the run that this is inside of, if there is one;
 * else, with --conditioned, a session of our own. -EACCES: as the host is.
 */
static int open_session(struct check *check, struct qb_error *err)
{
	const struct qb_session_hello hello = {.purpose = QB_PURPOSE_RUN,
		.join_only = !qb_option_given(check->options, CONDITIONED),
		.lock_wait_ns = qb_condition_wait(check->options),
		.command = (char *const[]){(char *)"quietbench", (char *)"check", NULL}};
	int r = qb_session_open(&check->session, &hello, &check->job, err);

	if (r == -EACCES && !hello.join_only)
		return qb_error_set(err, EPERM, "--conditioned needs privilege: %s", err->text);
	if (r == 0)
		r = qb_condition_host(&check->session, &check->asked, &check->job, &check->answer,
			&check->applied, err);
	return r;
}

/* What is to be measured, and on what kind of host. */
static int prepare(struct check *check, struct qb_error *err)
{
	struct qb_error why = {0};
	int r = open_session(check, &why);

	if (r == -EACCES && check->session.fd < 0)
		return qb_planner_ask(&check->asked, &check->answer, err);
	return r < 0 ? qb_error_set(err, why.code, "%s", why.text) : 0;
}

/* The loops have ended; a host that was conditioned for them comes back. */
static void leave(struct check *check)
{
	struct qb_error err = {0};

	if (qb_session_restore(&check->session, &check->answer, &err) < 0)
		qb_say(QB_SAY_ERROR,
			"whether the host is restored is not known: %s; see: quietbench status",
			err.text);
	else if (!check->answer.joined)
		qb_report_restored(&check->answer, &check->session);
	check->complete = !err.code && check->answer.done.complete;
}

static int measure(struct check *check, struct qb_error *err)
{
	struct qb_measure *m = &check->measure;
	const char *named = check->options->value[QB_OPTION_LIMITS];
	struct qb_look look;
	struct timespec now;
	int r = prepare(check, err);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_REALTIME, &now);
	check->started_at = now.tv_sec * SECOND_NS + now.tv_nsec;
	qb_noise_limits_of(&check->answer.profile, &m->limits);
	if (named)
		(void)qb_noise_limits_named(named, &m->limits); /* judged with the options */
	choose_looks(check->options, m->looks);
	look = qb_findings_about(&check->answer, NULL, longest_look(m) + SOON_NS);
	qb_findings_look(&look, &check->findings);
	r = qb_noise_measure(
		m, &check->job, check->applied ? &check->session : NULL, &check->answer, err);
	qb_findings_measured(&look, &check->findings);
	if (check->applied)
		leave(check);
	return r;
}

static int report(const struct check *check, struct qb_error *err)
{
	const struct qb_outputs outputs = {.options = check->options,
		.asked = &check->asked,
		.answer = &check->answer,
		.measure = &check->measure,
		.findings = &check->findings,
		.started_at = check->started_at,
		.applied = check->applied,
		.complete = check->complete};

	return qb_outputs_write(&outputs, err);
}

static int conduct(struct check *check, struct qb_error *err)
{
	int r = qb_outputs_prepare(check->options, err);

	if (r == 0)
		r = qb_request_build(check->options, QB_REQUEST_PLAN, &check->asked, err);
	if (r == 0)
		r = qb_condition_complete(&check->asked, err);
	if (r == 0)
		r = qb_job_begin(&check->job, err);
	if (r < 0)
		return r;
	r = measure(check, err);
	if (r < 0)
		(void)qb_job_interrupted(&check->job); /* Ctrl-C ended the loops, too */
	else
		r = report(check, err);
	qb_session_close(&check->session);
	qb_job_end(&check->job);
	return r;
}

int qb_cmd_check(struct qb_cli *cli)
{
	static struct check check;
	struct qb_noise_limits limits;
	struct qb_error err = {0};
	int status;

	check = (struct check){.options = &cli->options, .session = QB_SESSION_NONE};
	if (qb_option_given(&cli->options, LIMITS) &&
		qb_noise_limits_named(cli->options.value[QB_OPTION_LIMITS], &limits) < 0) {
		qb_say(QB_SAY_ERROR, "check: --limits: expected ci, bare or lab, not \"%s\"",
			cli->options.value[QB_OPTION_LIMITS]);
		return QB_EXIT_USAGE;
	}
	if (qb_outputs_judge(&cli->options, &err) < 0) {
		qb_say(QB_SAY_ERROR, "check: %s", err.text);
		return QB_EXIT_USAGE;
	}
	if (conduct(&check, &err) < 0) {
		if (!check.job.signal)
			qb_say(QB_SAY_ERROR, "check: %s", err.text);
		status = EXIT_NOTHING;
	} else {
		status = check.measure.verdict == QB_VERDICT_OF_PASS ? EXIT_SUCCESS : EXIT_NOISY;
	}
	qb_measure_free(&check.measure);
	qb_answer_free(&check.answer);
	qb_asked_free(&check.asked);
	if (check.job.signal)
		qb_job_die(check.job.signal);
	return status;
}
