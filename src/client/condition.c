/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition.h */
#include <base/macros.h>
#include <client/condition.h>
#include <client/require.h>
#include <client/say.h>
#include <errno.h>
#include <host/tasks.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>

/* What a profile of the caller's own extends must be attached before the helper sees it. */
static int attach_parents(struct qb_asked *asked, struct qb_error *err)
{
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	int r;

	if (!asked->request.n_files)
		return 0;
	asked->request.mode = QB_REQUEST_PROFILE;
	r = qb_planner_ask(asked, &answer, err);
	asked->request.mode = QB_REQUEST_PLAN;
	return r;
}

int qb_condition_begin(struct qb_condition *condition, struct qb_error *err)
{
	int r = attach_parents(&condition->asked, err);

	if (r == 0)
		r = qb_job_begin(&condition->job, err);
	condition->has_job = r == 0;
	return r;
}

/* What was asked for in vain: the host stays as another session conditioned it. */
static void say_ignored(const struct qb_request *request)
{
	static const char *const honoured[] = {
		"process.", "check.", "cpus.count=", "cpus.list=", "require="};

	if (request->profile[0])
		qb_say(QB_SAY_NOTE, "-p: only its process.* and check.* count: this run joined an "
				    "existing session");
	for (unsigned i = 0; i < request->n_set; i++) {
		bool counts = false;

		for (size_t j = 0; j < QB_ARRAY_SIZE(honoured); j++)
			counts |= strncmp(request->set[i], honoured[j], strlen(honoured[j])) == 0;
		if (!counts)
			qb_say(QB_SAY_WARN, "%s ignored: this run joined an existing session",
				request->set[i]);
	}
}

/* Plans and applies. What is required is judged before the host is touched, and after it. */
static int condition_host(struct qb_condition *condition, struct qb_error *err)
{
	const struct qb_request *request = &condition->asked.request;
	struct qb_session *session = &condition->session;
	struct qb_answer *answer = &condition->answer;
	int r = qb_session_plan(session, &condition->asked, answer, err);

	answer->joined = session->joined;
	answer->shared = session->shared;
	if (r == 0)
		r = qb_require_judge(request, answer, err);
	if (r == 0)
		r = qb_condition_interrupted(condition, err);
	if (r == 0)
		r = qb_session_apply(session, answer, err);
	if (r < 0)
		return r;
	condition->applied = true;
	condition->complete = false;
	if (session->joined && !session->shared)
		say_ignored(request);
	return qb_require_judge(request, answer, err);
}

int qb_condition_open(
	struct qb_condition *condition, const struct qb_session_hello *hello, struct qb_error *err)
{
	struct qb_session_hello knocking = *hello;
	int r;

	knocking.knocks = true;
	r = qb_session_open(&condition->session, &knocking, &condition->job, err);
	if (r == -QB_COME_IN) /* in earnest, should the door be closed when we get there */
		r = qb_session_open(&condition->session, hello, &condition->job, err);
	if (r < 0 || (hello->purpose == QB_PURPOSE_LEASE && condition->session.joined))
		return r;
	return condition_host(condition, err);
}

bool qb_condition_lacks_privilege(const struct qb_condition *condition, int r)
{
	return condition->session.fd < 0 && (r == -EACCES || r == -QB_NOT_FROM_HERE);
}

static void refuse_steps(struct qb_steps *steps, const char *why)
{
	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];

		if (qb_levers[step->lever].where == QB_LEVER_CHILD ||
			step->status != QB_STATUS_PLANNED)
			continue;
		step->status = QB_STATUS_REFUSED;
		step->reason = qb_steps_text(steps, why);
	}
}

int qb_condition_bare(
	struct qb_condition *condition, const struct qb_error *why, struct qb_error *err)
{
	const struct qb_request *request = &condition->asked.request;
	struct qb_answer *answer = &condition->answer;
	int r = 0;

	if (!why || !request->n_require)
		r = qb_planner_ask(&condition->asked, answer, err);
	if (r < 0)
		return r;
	if (why && qb_require_any(request, &answer->profile))
		return qb_error_set(err, EACCES,
			"levers are required, and the host cannot be conditioned: %s", why->text);
	/* Other tasks are not kept off and no CPU goes offline, whatever the plan was. */
	answer->selection.isolation = QB_ISOLATION_NONE;
	qb_cpus_zero(&answer->selection.offline);
	if (why)
		refuse_steps(&answer->steps, why->text);
	return 0;
}

bool qb_condition_chooses(const struct qb_condition *condition)
{
	static const char *const choices[] = {"cpus.count=", "cpus.list="};
	const struct qb_request *request = &condition->asked.request;
	bool any = false;

	for (unsigned i = 0; i < request->n_set; i++)
		for (size_t j = 0; j < QB_ARRAY_SIZE(choices); j++)
			any |= strncmp(request->set[i], choices[j], strlen(choices[j])) == 0;
	return any;
}

struct qb_session *qb_condition_placer(struct qb_condition *condition)
{
	return condition->applied ? &condition->session : NULL;
}

int qb_condition_interrupted(struct qb_condition *condition, struct qb_error *err)
{
	return qb_job_interrupted(&condition->job)
		       ? qb_error_set(err, QB_TOLD_TO_END, "told to end")
		       : 0;
}

/* Whoever served us has died. Is there anybody of the session that we had joined, or is nothing left of it? */
static bool is_looked_after(void)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal session = {0};
	int r = qb_journal_read(&session, QB_SUMMARY_PATH, &steps, NULL);

	if (r < 0)
		return r == -ENOENT || r == -ESTALE;
	return !qb_task_has_ended(session.owner.monitor) ||
	       !qb_task_has_ended(session.owner.guardian);
}

int qb_condition_restore(struct qb_condition *condition, struct qb_error *err)
{
	struct qb_answer *answer = &condition->answer;
	int r;

	qb_forker_end(&condition->forker);
	if (!condition->applied)
		return 0;
	r = qb_session_restore(&condition->session, answer, err);
	if (r < 0)
		/* A run that joined has nothing to restore itself. */
		condition->complete = answer->joined && is_looked_after();
	else
		condition->complete = answer->done.complete != 0;
	return r;
}

bool qb_condition_was_ours(const struct qb_condition *condition)
{
	const struct qb_answer *answer = &condition->answer;

	return condition->applied &&
	       (!answer->joined || (answer->shared && !answer->done.joined && !answer->done.over));
}

enum qb_conditioned qb_condition_reached(const struct qb_condition *condition)
{
	const struct qb_answer *answer = &condition->answer;
	bool any = false, all = true;

	for (size_t i = 0; i < answer->steps.n; i++) {
		const struct qb_step *step = &answer->steps.v[i];

		/* One thread that stays is no lack of the lever, but not all that was asked for. */
		all = all && !qb_require_lacks(step) && step->status != QB_STATUS_FAILED;
		any = any || (qb_levers[step->lever].where == QB_LEVER_HOST &&
				     (step->status == QB_STATUS_APPLIED ||
					     step->status == QB_STATUS_UNCHANGED));
	}
	if (condition->applied && answer->joined && !answer->shared)
		return QB_CONDITIONED_JOINED;
	if (!condition->applied || !any)
		return QB_CONDITIONED_NONE;
	return all ? QB_CONDITIONED_FULL : QB_CONDITIONED_PARTIAL;
}

void qb_condition_close(struct qb_condition *condition)
{
	qb_forker_end(&condition->forker);
	qb_probe_free(&condition->probe);
	qb_session_close(&condition->session);
	if (condition->has_job)
		qb_job_end(&condition->job);
	condition->has_job = false;
	qb_answer_free(&condition->answer);
	qb_asked_free(&condition->asked);
}
