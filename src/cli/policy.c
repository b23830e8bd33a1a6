/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the policy leaves to the caller (policy.h). */
#include <base/macros.h>
#include <base/text.h>
#include <cli/policy.h>
#include <core/policy.h>
#include <errno.h>
#include <grp.h>
#include <host/caller.h>
#include <limits.h>
#include <quietbench/lever.h>

static int parse(void *data, int file, struct qb_policy *ret, struct qb_error *err)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	int r;

	asked.fds[0] = file;
	asked.n_fds = 1;
	qb_policy_ask(&asked.request);
	r = qb_planner_ask(&asked, &answer, err);
	if (r == 0)
		*ret = answer.policy;
	return r;
}

static int load(struct qb_policy_rule *ret, struct qb_error *err)
{
	gid_t groups[1 + NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, groups + 1);

	if (n < 0)
		return qb_error_errno(err, errno, "ask for your groups");
	groups[0] = getegid();
	const struct qb_policy_caller caller = {
		.uid = getuid(), .groups = groups, .n_groups = (size_t)n + 1};
	return qb_policy_load(&caller, parse, NULL, ret, err);
}

/* The helper would do nothing of it: people see why in the place of what the rule leaves. */
static void refuse(struct qb_allowed *allowed, const struct qb_error *why)
{
	static const char policy[] = "policy: ";
	const char *text = why->text;

	qb_text_copy(allowed->refusal, sizeof(allowed->refusal), text);
	if (strncmp(text, policy, strlen(policy)) == 0)
		text += strlen(policy);
	qb_text_copy(allowed->text, sizeof(allowed->text), text);
}

void qb_allowed_find(bool here, struct qb_allowed *ret)
{
	struct qb_error err = {0};
	char name[QB_POLICY_NAME_TEXT];
	int r;

	*ret = (struct qb_allowed){.limited = here && geteuid() != 0};
	if (!ret->limited)
		return;
	r = qb_host_online(&ret->online, &err);
	if (r == 0)
		r = load(&ret->rule, &err);
	ret->known = r == 0;
	if (r == 0) {
		qb_policy_name(&ret->rule, name, sizeof(name));
		qb_text_format(ret->text, sizeof(ret->text), "%s: ", name);
		qb_policy_describe(&ret->rule, qb_cpus_count(&ret->online),
			ret->text + strlen(ret->text), sizeof(ret->text) - strlen(ret->text));
	} else if (r == -EACCES) {
		qb_text_format(ret->text, sizeof(ret->text),
			"%s is not yours to read, and the helper judges by it", QB_POLICY_PATH);
	} else {
		if (r != -ESRCH)
			qb_error_wrap(&err, QB_POLICY_BROKEN);
		refuse(ret, &err);
	}
}

void qb_allowed_wish(struct qb_allowed *allowed, struct qb_request *request)
{
	struct qb_error why = {0};

	if (allowed->known && qb_policy_wish(&allowed->rule, &allowed->online, request, &why) < 0)
		refuse(allowed, &why);
}

int qb_allowed_judge(struct qb_allowed *allowed, struct qb_answer *answer, struct qb_error *err)
{
	struct qb_steps *steps = &answer->steps;
	struct qb_error why = {0};
	int r = 0;

	if (allowed->known && !allowed->refusal[0])
		r = qb_policy_judge(&allowed->rule, &allowed->online, &answer->profile,
			&answer->selection, steps, &why);
	if (r == -EPERM)
		refuse(allowed, &why);
	else if (r < 0)
		return qb_error_set(err, why.code, "%s", why.text);
	for (size_t i = 0; allowed->refusal[0] && i < steps->n; i++)
		if (qb_levers[steps->v[i].lever].where == QB_LEVER_HOST &&
			steps->v[i].status == QB_STATUS_PLANNED) {
			steps->v[i].status = QB_STATUS_REFUSED;
			steps->v[i].reason = qb_steps_text(steps, allowed->refusal);
		}
	return 0;
}

void qb_allowed_json(const struct qb_allowed *allowed, struct qb_json *json)
{
	if (!allowed->limited) {
		qb_json_null(json, "policy");
		return;
	}
	qb_json_object(json, "policy");
	qb_json_text(json, "rule", allowed->known ? allowed->rule.name : NULL);
	qb_json_bool(json, "built_in", allowed->known && allowed->rule.builtin);
	qb_json_text(json, "text", allowed->text);
	qb_json_text(json, "refusal", allowed->refusal[0] ? allowed->refusal : NULL);
	qb_json_end(json);
}
