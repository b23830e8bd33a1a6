/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition.h */
#include <base/macros.h>
#include <cli/condition.h>
#include <cli/report.h>
#include <cli/require.h>
#include <client/say.h>
#include <errno.h>
#include <quietbench/lever.h>

int64_t qb_condition_wait(const struct qb_options *options)
{
	if (qb_option_given(options, NO_LOCK_WAIT))
		return 0;
	return qb_option_given(options, LOCK_WAIT) ? options->number[QB_OPTION_LOCK_WAIT] : -1;
}

int qb_condition_complete(struct qb_asked *asked, struct qb_error *err)
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

void qb_condition_none(struct qb_answer *answer)
{
	answer->selection.isolation = QB_ISOLATION_NONE;
	qb_cpus_zero(&answer->selection.offline);
}

int qb_condition_interrupted(struct qb_job *job, struct qb_error *err)
{
	return qb_job_interrupted(job) ? qb_error_set(err, EINTR, "told to end") : 0;
}

/* What was asked for in vain: the host stays as another session conditioned it. */
static void say_ignored(const struct qb_request *request)
{
	static const char *const heeded[] = {"process.", "cpus.count=", "cpus.list=", "require="};

	if (request->profile[0])
		qb_say(QB_SAY_NOTE, "joined: of -p only process.* counts");
	for (unsigned i = 0; i < request->n_set; i++) {
		bool heed = false;

		for (size_t j = 0; j < QB_ARRAY_SIZE(heeded); j++)
			heed |= strncmp(request->set[i], heeded[j], strlen(heeded[j])) == 0;
		if (!heed)
			qb_say(QB_SAY_WARN, "joined: %s is not heeded", request->set[i]);
	}
}

int qb_condition_host(struct qb_session *session, const struct qb_asked *asked, struct qb_job *job,
	struct qb_answer *answer, bool *ret_applied, struct qb_error *err)
{
	int r = qb_session_plan(session, asked, answer, err);

	answer->joined = session->joined;
	answer->shared = session->shared;
	if (r == 0)
		r = qb_require_judge(&asked->request, answer, err);
	if (r == 0)
		r = qb_condition_interrupted(job, err);
	if (r == 0)
		r = qb_session_apply(session, answer, err);
	if (r < 0)
		return r;
	*ret_applied = true;
	if (session->joined && !session->shared)
		say_ignored(&asked->request);
	r = qb_require_judge(&asked->request, answer, err);
	if (r == 0)
		qb_report_conditioned(answer);
	return r;
}

enum qb_conditioned qb_condition_reached(const struct qb_answer *answer, bool applied)
{
	bool any = false, all = true;

	for (size_t i = 0; i < answer->steps.n; i++) {
		const struct qb_step *step = &answer->steps.v[i];

		/* One thread that stays is no lack of the lever, but not all that was asked for. */
		all = all && !qb_require_lacks(step) && step->status != QB_STATUS_FAILED;
		any = any || (qb_levers[step->lever].where == QB_LEVER_HOST &&
				     (step->status == QB_STATUS_APPLIED ||
					     step->status == QB_STATUS_UNCHANGED));
	}
	if (applied && answer->joined && !answer->shared)
		return QB_CONDITIONED_JOINED;
	if (!applied || !any)
		return QB_CONDITIONED_NONE;
	return all ? QB_CONDITIONED_FULL : QB_CONDITIONED_PARTIAL;
}
