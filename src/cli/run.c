/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench run: condition the host, run the command, restore. */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/asked.h>
#include <cli/command.h>
#include <cli/condition.h>
#include <cli/preflight.h>
#include <cli/report.h>
#include <cli/require.h>
#include <client/placed.h>
#include <client/say.h>
#include <errno.h>
#include <host/tasks.h>
#include <limits.h>
#include <quietbench/lever.h>
#include <quietbench/record.h>
#include <sys/wait.h>
#include <time.h>

#define HELPER_ENDED "the helper ended before the command did"
#define LEASE_ENDED  "the host was restored before the command ended"

struct run {
	const struct qb_cli *cli;
	char path[PATH_MAX]; /* of the command */
	struct qb_job job;
	struct qb_asked asked;
	struct qb_session session;
	struct qb_answer answer;
	bool applied; /* the host is conditioned, or joined: RESTORE is owed */
	struct qb_measure preflight;
	bool released; /* the held child was let go: from here on an error is one of exec */
	bool complete; /* the host is as it was */
	int64_t started_at;
	struct qb_child_end end;
	bool watches;
	bool lent; /* the helper sees who runs on the CPUs */
	struct qb_watch watch;
	struct qb_watched watched;
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
	if (r == 0)
		r = qb_asked_build(options, QB_REQUEST_PLAN, &run->asked, &err);
	if (r == 0)
		r = qb_condition_complete(&run->asked, &err);
	if (r == 0)
		r = qb_job_begin(&run->job, &err);
	return r < 0 ? refuse(&err) : 0;
}

/* Without privilege: what the benchmark's own process can do for itself. */
static int do_without(struct run *run, const struct qb_error *why, struct qb_error *err)
{
	const struct qb_request *request = &run->asked.request;
	struct qb_steps *steps = &run->answer.steps;
	int r = 0;

	if (!request->n_require)
		r = qb_planner_ask(&run->asked, &run->answer, err);
	if (r < 0)
		return r;
	if (qb_require_any(request, &run->answer.profile))
		return qb_error_set(err, EACCES,
			"levers are required, and the host cannot be "
			"conditioned: %s",
			why->text);
	qb_condition_none(&run->answer);
	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];

		if (qb_levers[step->lever].where == QB_LEVER_CHILD ||
			step->status != QB_STATUS_PLANNED)
			continue;
		step->status = QB_STATUS_REFUSED;
		step->reason = qb_steps_text(steps, why->text);
	}
	qb_report_not_conditioned(&run->answer, why->text, geteuid() != 0);
	return 0;
}

/* Plans and applies, with a helper or without. */
static int condition(struct run *run, struct qb_error *err)
{
	const struct qb_session_hello hello = {.purpose = QB_PURPOSE_RUN,
		.lock_wait_ns = qb_condition_wait(&run->cli->options),
		.shared = qb_option_given(&run->cli->options, SHARED),
		.command = run->cli->argv};
	struct qb_error why = {0};
	int r = qb_session_open(&run->session, &hello, &run->job, &why);

	if (r == -EACCES || r == -QB_NOT_FROM_HERE)
		return do_without(run, &why, err);
	if (r < 0)
		return qb_error_set(err, why.code, "%s", why.text);
	return qb_condition_host(
		&run->session, &run->asked, &run->job, &run->answer, &run->applied, err);
}

/* A run that cannot be watched is run all the same. */
static void watch(struct run *run, pid_t child)
{
	const struct qb_options *options = &run->cli->options;
	const struct qb_selection *selection = &run->answer.selection;
	const struct qb_watch_order order = {.cpus = selection->bench,
		.child = child,
		.recorded = qb_option_given(options, RECORD),
		.interval_ns = qb_option_given(options, TIMELINE) ? QB_WATCH_INTERVAL / 10
								  : QB_WATCH_INTERVAL};
	struct qb_error err = {0};

	qb_task_keep_off(selection);
	run->watches = qb_watch_begin(&run->watch, &order, &err) == 0;
	if (!run->watches)
		qb_say(QB_SAY_DETAIL, "the run is not watched: %s", err.text);
	else if (!run->watch.by_switches && run->applied)
		run->lent = qb_session_watch(&run->session, &run->answer, &err) == 0;
}

static void lend(void *data, const struct qb_switches_message *message)
{
	qb_watch_lend(data, message);
}

/* It has ended; what the helper saw of it is told by him. */
static void end_watch(struct run *run, int64_t started_ns)
{
	struct qb_error err = {0};

	qb_watch_end(&run->watch, started_ns, run->end.wall_ns);
	if (run->lent)
		run->watch.by_switches =
			qb_session_switches(&run->session, started_ns + run->end.wall_ns, lend,
				&run->watch, &run->answer, &err) == 0;
}

static int preflight(struct run *run, struct qb_error *err)
{
	if (qb_option_given(&run->cli->options, NO_CHECK))
		return 0;
	return qb_preflight_look(
		&run->preflight, &run->job, run->applied ? &run->session : NULL, &run->answer, err);
}

/* Runs the command to its end. Negative: it was not started. */
static int execute(struct run *run, struct qb_error *err)
{
	struct qb_child_order order = {.path = run->path,
		.argv = run->cli->argv,
		.job = &run->job,
		.answer = &run->answer};
	struct qb_child child;
	int r;

	qb_job_watch(&run->job);
	r = qb_placed_hold(&child, &order, run->applied ? &run->session : NULL, &run->answer, err);
	if (r < 0)
		return r;
	r = qb_child_prepare(&child, &run->answer.steps, err);
	if (r == 0)
		qb_report_process(&run->answer);
	if (r == 0)
		r = qb_require_judge(&run->asked.request, &run->answer, err);
	if (r == 0)
		r = qb_condition_interrupted(&run->job, err);
	if (r < 0) {
		qb_child_cancel(&child);
		return r;
	}
	if (geteuid() == 0 && getenv("SUDO_UID"))
		qb_say(QB_SAY_NOTE, "under sudo the benchmark runs as root");
	watch(run, child.pid);
	run->started_at = qb_ns_now(CLOCK_REALTIME);
	run->released = true;
	r = qb_child_release(&child, err);
	if (r < 0)
		return r;
	r = qb_child_wait(&child, &run->job, run->applied ? &run->session : NULL,
		run->watches ? &run->watch : NULL, &run->end, err);
	if (r == 0 && run->watches)
		end_watch(run, child.started_ns);
	return r;
}

/* Was it this run whose end brought the host back? It is the last one's of those that share. */
static bool restored_here(const struct run *run)
{
	return run->applied &&
	       (!run->answer.joined ||
		       (run->answer.shared && !run->answer.done.joined && !run->answer.done.over));
}

/* Has the helper put the host back. It goes on doing so by itself when it cannot tell us. */
static void restore(struct run *run)
{
	struct qb_error err = {0};

	run->complete = true;
	if (!run->applied)
		return;
	if (qb_session_restore(&run->session, &run->answer, &err) < 0 && run->answer.joined) {
		qb_say(QB_SAY_WARN, "what the command left running was not looked for: %s",
			err.text);
		return;
	}
	if (err.code) {
		run->complete = false;
		qb_say(QB_SAY_ERROR,
			"whether the host is restored is not known: %s; see: quietbench status",
			err.text);
		return;
	}
	run->complete = run->answer.done.complete != 0;
	if (!restored_here(run))
		qb_report_left(&run->answer, &run->session);
	else
		qb_report_restored(&run->answer, &run->session);
}

static int64_t ns(const struct timeval *tv)
{
	return ((int64_t)tv->tv_sec * 1000000 + tv->tv_usec) * 1000;
}

static void judge(struct run *run)
{
	const struct rusage *usage = &run->end.usage;

	if (run->watches)
		qb_watch_judge(&run->watch, ns(&usage->ru_utime) + ns(&usage->ru_stime),
			run->answer.profile.set[QB_KEY_CHECK_MAX_PREEMPTED].number, &run->watched);
}

static struct qb_record_run describe(const struct run *run)
{
	const struct rusage *usage = &run->end.usage;
	bool killed = WIFSIGNALED(run->end.status);

	return (struct qb_record_run){.argv = run->cli->argv,
		.code = killed ? -1 : WEXITSTATUS(run->end.status),
		.signal = killed ? WTERMSIG(run->end.status) : 0,
		.wall_ns = run->watches ? run->watched.wall_ns : run->end.wall_ns,
		.user_ns = ns(&usage->ru_utime),
		.sys_ns = ns(&usage->ru_stime),
		.max_rss_kib = usage->ru_maxrss,
		.voluntary_switches = usage->ru_nvcsw,
		.involuntary_switches = usage->ru_nivcsw,
		.minor_faults = usage->ru_minflt,
		.major_faults = usage->ru_majflt,
		.cpus = qb_cpus_count(&run->answer.selection.bench),
		.watched = run->watches ? &run->watched : NULL,
		.noise = run->watches ? (uint8_t)run->watched.noise : QB_NOISE_UNKNOWN};
}

static int write_record(const struct run *run, const char *file, const struct qb_record_run *result,
	struct qb_error *err)
{
	const struct qb_record_restore restored = {.complete = run->complete,
		.conflicts = run->answer.done.conflicts,
		.failures = run->answer.done.failures};
	const struct qb_record record = {.started_at = run->started_at,
		.conditioned = (uint8_t)qb_condition_reached(&run->answer, run->applied),
		.host = &run->answer.host,
		.profile = &run->answer.profile,
		.request = &run->asked.request,
		.selection = &run->answer.selection,
		.steps = &run->answer.steps,
		.runs = result,
		.n_runs = 1,
		.check = run->preflight.n ? &run->preflight : NULL,
		.restore = restored_here(run) ? &restored : NULL};

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
	struct qb_record_run result;
	struct qb_error err = {0};
	int status;

	judge(run);
	result = describe(run);
	status = result.signal ? 128 + result.signal : result.code;
	qb_report_run(&result);
	restore(run);
	if (run->applied && (run->answer.done.recovered || run->session.fd < 0))
		result.spoilt = HELPER_ENDED;
	else if (run->applied && run->answer.done.over)
		result.spoilt = LEASE_ENDED;
	if (result.spoilt)
		result.noise = QB_NOISE_UNKNOWN;
	if (status == 0 && result.noise == QB_NOISE_NOISY)
		status = noisy_status(&run->cli->options);
	if (file && write_record(run, file, &result, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		if (status == 0)
			status = QB_EXIT_REFUSED; /* a record was asked for, and there is none */
	}
	return status;
}

/* The session, from privilege to exit status. */
static int conduct(struct run *run)
{
	struct qb_error err = {0};
	int status, r = condition(run, &err);

	if (r == 0)
		r = preflight(run, &err);
	if (r == 0)
		r = execute(run, &err);
	if (r == 0) {
		status = conclude(run);
	} else {
		if (r != -EINTR)
			qb_say(QB_SAY_ERROR, "%s", err.text);
		restore(run);
		status = QB_EXIT_REFUSED;
		if (run->released)
			status = r == -ENOENT ? QB_EXIT_NOT_FOUND : QB_EXIT_NOT_EXECUTABLE;
	}
	return run->complete ? status : QB_EXIT_INCOMPLETE;
}

int qb_cmd_run(struct qb_cli *cli)
{
	static struct run run;
	int status;

	run = (struct run){.cli = cli, .session = QB_SESSION_NONE};
	status = prepare(&run);
	if (status == 0) {
		status = conduct(&run);
		qb_session_close(&run.session);
		qb_job_end(&run.job);
	}
	qb_watch_free(&run.watch);
	qb_measure_free(&run.preflight);
	qb_answer_free(&run.answer);
	qb_asked_free(&run.asked);
	if (run.job.signal && !run.released && status != QB_EXIT_INCOMPLETE)
		qb_job_die(run.job.signal);
	return status;
}
