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

static int parse(void *data, int file, struct qb_policy *ret, struct qb_error *err)
{
	return qb_planner_ask_policy(data, file, ret, err);
}

int qb_limits_find(struct qb_helper *helper, struct qb_limits *ret, struct qb_error *err)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct qb_policy_caller caller = {.uid = helper->peer.uid};
	struct qb_limits limits = {
		.limited = caller.uid != 0, .rule = qb_policy_members, .timer = -1};
	struct qb_error why = {0};
	int r = limits.limited ? qb_peer_groups(helper->client.fd, &groups, &caller.n_groups, err)
			       : 0;

	if (r < 0)
		return r;
	caller.groups = groups;
	r = qb_policy_load(limits.limited ? &caller : NULL, parse, helper, &limits.rule, &why);
	if (r < 0 && r != -ESRCH)
		qb_error_wrap(&why, QB_POLICY_BROKEN);
	if (r < 0 && limits.limited)
		return qb_error_set(err, EPERM, "%s", why.text);
	if (r < 0)
		qb_wire_send_note(&helper->client, "%s", why.text);
	*ret = limits;
	return 0;
}

int64_t qb_limits_left(const struct qb_limits *limits, int64_t lease_ns)
{
	if (!limits->limited)
		return INT64_MAX;
	return lease_ns ? limits->rule.lease_ns - lease_ns : limits->rule.lock_ns;
}

int qb_limits_start(struct qb_limits *limits, int64_t since, struct qb_error *err)
{
	const struct itimerspec at = {.it_value = qb_ns_timespec(since + limits->rule.lock_ns)};

	if (!limits->limited)
		return 0;
	limits->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	if (limits->timer < 0 || timerfd_settime(limits->timer, TFD_TIMER_ABSTIME, &at, NULL) < 0)
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
	char name[QB_POLICY_NAME_TEXT], limit[32];

	qb_policy_name(&limits->rule, name, sizeof(name));
	qb_quantity_format(QB_QUANTITY_DURATION, limits->rule.lock_ns, limit, sizeof(limit));
	qb_error_set(err, ETIME,
		"policy: %s allows a run to hold the host for at most %s, and this time is over",
		name, limit);
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
