/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench restore: ends an apply; or puts back what a dead session left, and with --force what
 * other programs changed meanwhile. The helper recovers as soon as it has the lock and says so itself; what
 * is asked for here are changes that earlier restores left alone or could not undo.
 */
#include <base/file.h>
#include <base/macros.h>
#include <cli/command.h>
#include <cli/outcome.h>
#include <cli/run_text.h>
#include <client/privilege.h>
#include <client/say.h>
#include <client/session.h>
#include <core/restore.h>
#include <errno.h>
#include <quietbench/journal.h>

static int say_restored(const struct qb_answer *answer, bool force, struct qb_error *err)
{
	static const struct {
		enum qb_restored restored;
		enum qb_say kind;
		const char *heading, *forced;
	} outcomes[] = {
		{QB_RESTORED_YES, QB_SAY_NOTE, "put back", "put back"},
		{QB_RESTORED_CONFLICT, QB_SAY_WARN, "left as another program set it",
			"left as another program has set it again since, and forgotten"},
		{QB_RESTORED_OWED, QB_SAY_WARN, QB_OUTCOME_OWED, QB_OUTCOME_OWED},
		{QB_RESTORED_NO, QB_SAY_ERROR, "not restored", "not restored"},
	};
	const bool owed = qb_outcome_count(&answer->steps, QB_RESTORED_OWED) > 0;

	for (size_t i = 0; i < QB_ARRAY_SIZE(outcomes); i++) {
		int r = qb_outcome_say(outcomes[i].kind,
			force ? outcomes[i].forced : outcomes[i].heading, &answer->steps,
			outcomes[i].restored, err);
		if (r < 0)
			return r;
	}
	if (answer->done.conflicts && !force)
		qb_say(QB_SAY_WARN, "to put those back too: quietbench restore --force");
	if (answer->done.failures == 0 && (answer->done.conflicts == 0 || force) && !owed)
		qb_say(QB_SAY_NOTE, "nothing is left to restore");
	return 0;
}

/*
 * Everybody may see whether there is a session, and what was kept of earlier ones. A user is not asked for a password
 * for the sake of nothing.
 */
static bool is_nothing_left(void)
{
	_cleanup_(qb_steps_free) struct qb_steps kept = {0};
	struct qb_journal list;
	int r;

	if (qb_file_exists(QB_JOURNAL_PATH) || qb_file_exists(QB_SUMMARY_PATH))
		return false;
	r = qb_journal_read(&list, QB_CONFLICTS_PATH, &kept, NULL);
	return r == -ENOENT || r == -ESTALE || (r == 0 && kept.n == 0);
}

static int fail(int r, const struct qb_error *err)
{
	char text[PATH_MAX + QB_ERROR_MAX];

	qb_privilege_explain(err->text, text, sizeof(text));
	if (r == -EACCES)
		qb_say(QB_SAY_ERROR, "restore needs privilege: %s", text);
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
		r = say_restored(&answer, hello->force, &err);
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

	if (geteuid() != 0 && is_nothing_left()) {
		qb_say(QB_SAY_NOTE, "nothing is left to restore");
		return EXIT_SUCCESS;
	}
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
