/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench restore: ends an apply; or puts back what a dead session left, and with --force what
 * other programs changed meanwhile. The helper recovers as soon as it has the lock and says so itself; what
 * is asked for here are changes that earlier restores left alone or could not undo.
 */
#include <base/macros.h>
#include <cli/command.h>
#include <cli/lines.h>
#include <cli/run_text.h>
#include <client/say.h>
#include <client/session.h>
#include <errno.h>

/* How the steps of one outcome are said. */
struct outcome {
	enum qb_restored restored;
	enum qb_say kind;
	const char *text;
};

static int copy_step(struct qb_steps *to, const struct qb_step *step)
{
	bool back = step->restored == QB_RESTORED_YES;
	const char *now = back ? step->before : step->became;
	const char *other = back ? step->became : step->before;
	struct qb_step *fresh =
		qb_steps_add(to, step->lever, step->unit, other, now ? now : "unknown");
	if (!fresh)
		return -ENOMEM;
	fresh->status = QB_STATUS_APPLIED;
	return 0;
}

/* One line for all units that share a change. */
static int say_outcome(
	const struct qb_steps *steps, const struct outcome *outcome, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps chosen = {0};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out;
	char *rest = NULL;

	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].restored == outcome->restored &&
			copy_step(&chosen, &steps->v[i]) < 0)
			return qb_error_errno(err, ENOMEM, "tell what was restored");
	out = open_memstream(&text, &size);
	if (!out)
		return qb_error_errno(err, ENOMEM, "tell what was restored");
	int r = qb_lines_changes(out, &chosen, QB_STATUS_APPLIED, err);
	if (fclose(out) != 0 && r == 0)
		r = qb_error_errno(err, ENOMEM, "tell what was restored");
	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		qb_say(outcome->kind, "%s:%s", outcome->text, line + 1);
	return 0;
}

static int say_restored(const struct qb_answer *answer, struct qb_error *err)
{
	static const struct outcome outcomes[] = {
		{QB_RESTORED_YES, QB_SAY_NOTE, "put back"},
		{QB_RESTORED_CONFLICT, QB_SAY_WARN, "left as another program set it"},
		{QB_RESTORED_NO, QB_SAY_ERROR, "not restored"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(outcomes); i++) {
		int r = say_outcome(&answer->steps, &outcomes[i], err);
		if (r < 0)
			return r;
	}
	if (answer->done.conflicts)
		qb_say(QB_SAY_WARN, "to put those back too: quietbench restore --force");
	if (answer->done.failures == 0 && answer->done.conflicts == 0)
		qb_say(QB_SAY_NOTE, "nothing is left to restore");
	return 0;
}

static int fail(int r, const struct qb_error *err)
{
	if (r == -EACCES)
		qb_say(QB_SAY_ERROR, "restore needs root (%s); run: sudo quietbench restore",
			err->text);
	else
		qb_say(QB_SAY_ERROR, "restore: %s", err->text);
	return QB_EXIT_FAILURE;
}

/* *ret_lease: it was a lease that ended. What other programs changed during it is left to another call. */
static int restore(const struct qb_session_hello *hello, struct qb_job *job, bool *ret_lease)
{
	_cleanup_(qb_session_close) struct qb_session session = QB_SESSION_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_error err = {0};

	int r = qb_session_open(&session, hello, job, &err);
	if (r == 0)
		r = qb_session_restore(&session, &answer, &err);
	*ret_lease = r == 0 && session.joined;
	if (*ret_lease)
		qb_run_text_restored(&answer, &session);
	else if (r == 0)
		r = say_restored(&answer, &err);
	if (r < 0)
		return fail(r, &err);
	return answer.done.failures ? QB_EXIT_FAILURE : EXIT_SUCCESS;
}

/* A live session restores by itself, so it is not waited for unless that is asked for. */
int qb_cmd_restore(struct qb_cli *cli)
{
	const struct qb_session_hello hello = {
		.purpose = QB_PURPOSE_RESTORE,
		.force = qb_option_given(&cli->options, FORCE),
		.lock_wait_ns = cli->options.number[QB_OPTION_LOCK_WAIT],
	};
	struct qb_error err = {0};
	struct qb_job job;

	int r = qb_job_begin(&job, &err);
	if (r < 0)
		return fail(r, &err);
	bool lease;
	int status = restore(&hello, &job, &lease);
	if (lease && hello.force)
		status = restore(&hello, &job, &lease);
	bool interrupted = qb_job_interrupted(&job);
	qb_job_end(&job);
	if (interrupted)
		qb_job_die(job.signal);
	return status;
}
