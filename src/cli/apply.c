/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench apply: condition the host for many commands, and leave it so for a while. The helper
 * stays behind and restores in time (src/helper/helper.h); runs of the same user join.
 */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/run_text.h>
#include <client/privilege.h>
#include <client/say.h>
#include <errno.h>
#include <time.h>

#define DEFAULT_NS (3600 * QB_NS_PER_S)

static int fail(int r, const struct qb_error *err)
{
	if (r != -QB_TOLD_TO_END)
		qb_say(QB_SAY_ERROR, "apply: %s", err->text);
	return QB_EXIT_FAILURE;
}

static int misuse(const char *text)
{
	qb_say(QB_SAY_ERROR, "apply: %s", text);
	return QB_EXIT_USAGE;
}

static void say_until(const struct qb_session_hello *hello)
{
	char text[64];

	if (hello->lease_while) {
		qb_say(QB_SAY_NOTE, "it stays so as long as process %d lives", hello->lease_while);
		return;
	}
	qb_time_format(time(NULL) + hello->lease_ns / QB_NS_PER_S, "%F %T", text, sizeof(text));
	qb_say(QB_SAY_NOTE, "it stays so until %s", text);
}

static void say_account(const struct qb_session_hello *hello)
{
	say_until(hello);
	qb_say(QB_SAY_NOTE,
		"your shell stays on the housekeeping CPUs; commands reach the benchmark CPUs through: "
		"quietbench run -- COMMAND");
	qb_say(QB_SAY_NOTE, "to end it: quietbench restore");
}

static int apply(const struct qb_session_hello *hello, struct qb_condition *condition)
{
	struct qb_error err = {0};
	int r = qb_condition_open(condition, hello, &err);

	if (r == -EACCES && qb_condition_lacks_privilege(condition, r)) {
		char text[PATH_MAX + QB_ERROR_MAX];

		qb_privilege_explain(err.text, text, sizeof(text));
		qb_say(QB_SAY_ERROR, "apply needs privilege: %s", text);
		return QB_EXIT_FAILURE;
	}
	if (r == 0 && !condition->applied) {
		say_until(hello); /* it was renewed */
		return EXIT_SUCCESS;
	}
	if (r == 0) {
		qb_run_text_conditioned(condition);
		r = qb_condition_interrupted(condition, &err);
	}
	if (r == 0)
		r = qb_session_lease(&condition->session, &condition->answer, &err);
	if (r < 0)
		return fail(r, &err); /* closing the session restores */
	say_account(hello);
	return EXIT_SUCCESS;
}

static int conduct(const struct qb_session_hello *hello, const struct qb_options *options)
{
	struct qb_condition condition = QB_CONDITION_NONE;
	struct qb_error err = {0};
	int r = qb_condition_prepare(options, &condition, &err);
	int status = r < 0 ? fail(r, &err) : apply(hello, &condition);

	qb_condition_close(&condition);
	if (condition.job.signal && status != EXIT_SUCCESS)
		qb_job_die(condition.job.signal);
	return status;
}

int qb_cmd_apply(struct qb_cli *cli)
{
	const struct qb_options *options = &cli->options;
	struct qb_session_hello hello = {.purpose = QB_PURPOSE_LEASE,
		.lock_wait_ns = qb_condition_wait(options),
		.lease_while = (pid_t)options->number[QB_OPTION_WHILE]};

	if (qb_option_given(options, FOR) && qb_option_given(options, WHILE))
		return misuse("--for and --while: choose one");
	if (qb_option_given(options, FOR) && options->number[QB_OPTION_FOR] <= 0)
		return misuse("--for: expected a duration above 0");
	if (!qb_option_given(options, WHILE))
		hello.lease_ns =
			qb_option_given(options, FOR) ? options->number[QB_OPTION_FOR] : DEFAULT_NS;
	return conduct(&hello, options);
}
