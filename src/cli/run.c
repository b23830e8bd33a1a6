/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench run: condition the host, execute the command once, restore. */
#include <base/macros.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/ground.h>
#include <cli/record.h>
#include <cli/repeat.h>
#include <cli/run_text.h>
#include <client/child.h>
#include <client/execute.h>
#include <client/say.h>
#include <errno.h>
#include <host/tasks.h>
#include <limits.h>

struct run {
	const struct qb_cli *cli;
	char path[PATH_MAX]; /* of the command */
	struct qb_ground ground;
	struct qb_result result;
};

static int refuse(const struct qb_error *err)
{
	qb_say(QB_SAY_ERROR, "%s", err->text);
	return QB_EXIT_REFUSED;
}

/* All that can be wrong with the command line, before anything is touched. 0 or an exit status. */
static int prepare(struct run *run)
{
	const struct qb_options *options = &run->cli->options;
	const char *record = options->value[QB_OPTION_RECORD];
	struct qb_error err = {0};
	int r;

	if (run->cli->argc == 0) {
		qb_say(QB_SAY_ERROR, "run: no command given: quietbench run [OPTION...] [--] "
				     "COMMAND [ARG...]");
		return QB_EXIT_REFUSED;
	}
	r = qb_child_find(run->cli->argv[0], run->path, sizeof(run->path), &err);
	if (r < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		return r == -ENOENT ? QB_EXIT_NOT_FOUND : QB_EXIT_NOT_EXECUTABLE;
	}
	r = record ? qb_record_prepare(record, &err) : 0;
	if (!record && qb_option_given(options, TIMELINE))
		r = qb_error_set(&err, EINVAL, "run: --timeline is for the record: -o FILE");
	if (r == 0 && !qb_repeat_asked(options) &&
		(qb_option_given(options, PREPARE) || qb_option_given(options, CLEANUP)))
		r = qb_error_set(
			&err, EINVAL, "run: --prepare and --cleanup are for several runs: -r N");
	if (r == 0)
		r = qb_ground_prepare(&run->ground, options, &err);
	return r < 0 ? refuse(&err) : 0;
}

/* What times its command would time all that is done around the benchmark as well. */
static void warn_of_timer(void)
{
	static const char *const timers[] = {"hyperfine", "multitime", "perf", "time"};
	struct qb_task task;
	struct qb_error err;
	bool shell = true;

	/* A shell may be in between: hyperfine has one by default. */
	for (pid_t pid = getppid(); shell && qb_task_read(pid, &task, &err) == 0; pid = task.ppid) {
		const size_t length = strlen(task.process);

		for (size_t i = 0; i < QB_ARRAY_SIZE(timers); i++) {
			if (strcmp(task.process, timers[i]) != 0)
				continue;
			qb_say(QB_SAY_WARN,
				"%s measures quietbench here, not the command alone; the other "
				"way round: quietbench run -- %s ...",
				timers[i], timers[i]);
			return;
		}
		shell = length >= 2 && strcmp(task.process + length - 2, "sh") == 0;
	}
}

static int execute(struct run *run, struct qb_error *err)
{
	const struct qb_options *options = &run->cli->options;
	const struct qb_execute_order order = {.path = run->path,
		.argv = run->cli->argv,
		.recorded = qb_option_given(options, RECORD),
		.interval_ns = qb_option_given(options, TIMELINE) ? QB_WATCH_INTERVAL / 10 : 0,
		.probe_ns = qb_ground_probe(&run->ground, options),
		.usual = &run->ground.usual,
		.noisy_before = run->ground.noisy_before[0] ? run->ground.noisy_before : NULL,
		.prepared = qb_ground_say_prepared};

	return qb_execute(&run->ground.condition, &order, &run->result, err);
}

static int write_record(const struct run *run, const char *file, struct qb_error *err)
{
	struct qb_record record = qb_record_of(&run->ground.condition);

	record.started_at = run->result.started_at;
	record.runs = &run->result;
	record.n_runs = 1;
	record.check = run->ground.preflight.n ? &run->ground.preflight : NULL;
	return qb_record_write(file, &record, err);
}

/* Of a run that succeeded and was noisy. */
static int noisy_status(const struct qb_options *options)
{
	if (qb_option_given(options, NOISY_STATUS))
		return (int)options->number[QB_OPTION_NOISY_STATUS];
	return qb_option_given(options, FAIL_NOISY) ? QB_EXIT_NOISY : EXIT_SUCCESS;
}

/* Tells, restores and records. Returns the exit status. */
static int conclude(struct run *run)
{
	const char *file = run->cli->options.value[QB_OPTION_RECORD];
	struct qb_result *result = &run->result;
	struct qb_error err = {0};
	int status = result->signal ? 128 + result->signal : result->code;

	qb_run_text_result(result);
	qb_condition_end(&run->ground.condition);
	result->spoilt = qb_ground_spoilt(&run->ground.condition);
	if (result->spoilt)
		result->noise = QB_NOISE_UNKNOWN;
	if (status == 0 && result->noise == QB_NOISE_NOISY)
		status = noisy_status(&run->cli->options);
	if (file && write_record(run, file, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		if (status == 0)
			status = QB_EXIT_REFUSED; /* a record was asked for, and there is none */
	}
	return status;
}

/* The command did not run. */
static int give_up(struct run *run, int r, const struct qb_error *err)
{
	if (r != -QB_TOLD_TO_END)
		qb_say(QB_SAY_ERROR, "%s", err->text);
	qb_condition_end(&run->ground.condition);
	if (!run->result.started_at)
		return QB_EXIT_REFUSED;
	return r == -ENOENT ? QB_EXIT_NOT_FOUND : QB_EXIT_NOT_EXECUTABLE;
}

/* The session, from privilege to exit status. */
static int conduct(struct run *run)
{
	struct qb_error err = {0};
	int status, r = qb_ground_enter(&run->ground, &run->cli->options, run->cli->argv, &err);

	if (r == 0 && qb_repeat_asked(&run->cli->options)) {
		status = qb_repeat_run(&run->cli->options, &run->ground, run->path, run->cli->argv);
		return run->ground.condition.complete ? status : QB_EXIT_INCOMPLETE;
	}
	if (r == 0)
		r = execute(run, &err);
	status = r == 0 ? conclude(run) : give_up(run, r, &err);
	return run->ground.condition.complete ? status : QB_EXIT_INCOMPLETE;
}

int qb_cmd_run(struct qb_cli *cli)
{
	struct run run = {.cli = cli, .ground = QB_GROUND_NONE};
	int status = prepare(&run);

	if (status == 0) {
		warn_of_timer();
		status = conduct(&run);
	}
	qb_ground_free(&run.ground);
	qb_result_free(&run.result);
	if (run.ground.condition.job.signal && !run.result.started_at &&
		status != QB_EXIT_INCOMPLETE)
		qb_job_die(run.ground.condition.job.signal);
	return status;
}
