/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h */
#include "policy.h"
#include "helper.h"
#include <base/clock.h>
#include <base/macros.h>
#include <core/policy.h>
#include <errno.h>
#include <host/caller.h>
#include <sys/timerfd.h>

/* 1: there is a policy; 0: none. */
static int load(struct qb_helper *helper, struct qb_policy *ret, struct qb_error *err)
{
	int file, r = qb_policy_open(&file, err);

	if (r <= 0)
		return r;
	r = qb_planner_ask_policy(helper, file, ret, err);
	return r < 0 ? r : 1;
}

static int find(struct qb_helper *helper, const struct qb_policy *policy,
	struct qb_policy_rule *ret, struct qb_error *err)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct qb_policy_caller caller = {.uid = helper->peer.uid};
	const struct qb_policy_rule *rule;
	int r = qb_peer_groups(helper->session, &groups, &caller.n_groups, err);

	if (r < 0)
		return r;
	caller.groups = groups;
	rule = qb_policy_find(policy, &caller);
	if (!rule)
		return qb_error_set(err, EPERM,
			"policy: no rule of %s names user %u or a group of his (whom sudo trusts "
			"with everything is not limited by it: sudo quietbench run)",
			QB_POLICY_PATH, caller.uid);
	*ret = *rule;
	return 0;
}

int qb_limits_find(struct qb_helper *helper, struct qb_limits *ret, struct qb_error *err)
{
	static struct qb_policy policy;
	struct qb_limits limits = {
		.limited = helper->peer.uid != 0, .rule = qb_policy_members, .timer = -1};
	struct qb_error why = {0};
	int r = load(helper, &policy, &why);

	if (r < 0 && limits.limited)
		return qb_error_set(err, EPERM,
			"policy: until this is put right nobody but root is served: %s", why.text);
	if (r < 0)
		qb_message_send_note(helper->session,
			"policy: nobody but root is served, because of this: %s", why.text);
	r = r > 0 && limits.limited ? find(helper, &policy, &limits.rule, err) : 0;
	if (r == 0)
		*ret = limits;
	return r;
}

int qb_limits_start(struct qb_limits *limits, struct qb_error *err)
{
	const struct itimerspec in = {.it_value = qb_ns_timespec(limits->rule.lock_ns)};

	if (!limits->limited)
		return 0;
	limits->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	if (limits->timer < 0 || timerfd_settime(limits->timer, 0, &in, NULL) < 0)
		return qb_error_errno(err, errno, "set the timer of the lock");
	return 0;
}

void qb_limits_stop(struct qb_limits *limits)
{
	if (limits->timer >= 0)
		close(limits->timer);
	limits->timer = -1;
}

void qb_limits_explain(const struct qb_limits *limits, struct qb_error *err)
{
	char name[160], limit[32];

	qb_policy_name(&limits->rule, name, sizeof(name));
	qb_quantity_format(QB_QUANTITY_DURATION, limits->rule.lock_ns, limit, sizeof(limit));
	qb_error_set(err, ETIME,
		"policy: %s lets a run keep others waiting for %s, and they are over", name, limit);
}

int qb_limits_wish(const struct qb_limits *limits, struct qb_request *request, struct qb_error *err)
{
	struct qb_cpus online;
	int r;

	request->without_isolation = request->without_offline = 0;
	if (!limits->limited)
		return 0;
	r = qb_host_online(&online, err);
	return r < 0 ? r : qb_policy_wish(&limits->rule, &online, request, err);
}

int qb_limits_judge(const struct qb_limits *limits, const struct qb_profile *profile,
	const struct qb_selection *selection, struct qb_steps *steps, struct qb_error *err)
{
	struct qb_cpus online;
	int r;

	if (!limits->limited)
		return 0;
	r = qb_host_online(&online, err);
	return r < 0 ? r : qb_policy_judge(&limits->rule, &online, profile, selection, steps, err);
}

unsigned qb_limits_cpus(const struct qb_limits *limits)
{
	struct qb_cpus online;

	if (!limits->limited || qb_host_online(&online, NULL) < 0)
		return 0;
	return qb_policy_max(&limits->rule, qb_cpus_count(&online));
}

int qb_limits_claim(
	const struct qb_limits *limits, const struct qb_cpus *cpus, struct qb_error *err)
{
	struct qb_cpus online;
	int r = limits->limited ? qb_host_online(&online, err) : 0;

	return r < 0 || !limits->limited
		       ? r
		       : qb_policy_judge_cpus(&limits->rule, &online, cpus, cpus, err);
}
