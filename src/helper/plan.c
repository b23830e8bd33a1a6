/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: what a session plans: alone, for all shared runs, or within what it has joined. */
#include "monitor_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <errno.h>
#include <fcntl.h>
#include <host/caller.h>
#include <levers/services.h>
#include <quietbench/lever.h>

static int copy_fds(const int *from, unsigned n, int *to, struct qb_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		to[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (to[i] < 0)
			return qb_error_errno(err, errno, "keep the profile");
	}
	return 0;
}

static int keep(const struct qb_message *plan, struct qb_wanted *ret, struct qb_error *err)
{
	if (plan->n_fds != plan->request.n_files)
		return qb_error_set(err, EPROTO, "a request without its files");
	ret->request = plan->request;
	return copy_fds(plan->fds, plan->n_fds, ret->fds, err);
}

/* The same request as it was kept, with copies of its files. */
static int again(const struct qb_wanted *wanted, struct qb_message *ret, struct qb_error *err)
{
	int r;

	qb_message_close(ret);
	ret->request = wanted->request;
	r = copy_fds(wanted->fds, wanted->request.n_files, ret->fds, err);
	if (r == 0)
		ret->n_fds = wanted->request.n_files;
	return r;
}

/* The same request for so many CPUs: for all free ones when it is 0. */
static int ask_for_pool(const struct qb_wanted *wanted, unsigned count, struct qb_message *ret,
	struct qb_error *err)
{
	static const char *const own[] = {"cpus.count=", "cpus.list="};
	struct qb_request *request = &ret->request;
	unsigned n = 0;
	int r = again(wanted, ret, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < request->n_set; i++) {
		bool other = true;

		for (size_t j = 0; j < QB_ARRAY_SIZE(own); j++)
			other = other && strncmp(request->set[i], own[j], strlen(own[j])) != 0;
		if (other)
			memmove(request->set[n++], request->set[i], sizeof(request->set[0]));
	}
	if (n == QB_REQUEST_SETS)
		return qb_error_set(
			err, E2BIG, "--shared: at most %d settings", QB_REQUEST_SETS - 1);
	if (count)
		qb_text_format(request->set[n++], sizeof(request->set[0]), "cpus.count=%u", count);
	else
		qb_text_copy(request->set[n++], sizeof(request->set[0]), "cpus.count=max");
	request->n_set = (uint8_t)n;
	return 0;
}

static int plan_judged(struct qb_monitor *m, struct qb_error *err)
{
	int r = qb_limits_wish(&m->limits, &m->message.request, err);

	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	return r < 0 ? r
		     : qb_limits_judge(&m->limits, &m->planned.profile, &m->planned.selection,
			       &m->planned.steps, err);
}

static int plan_pool(struct qb_monitor *m, unsigned count, struct qb_error *err)
{
	int r = ask_for_pool(&m->wanted, count, &m->message, err);

	m->message.request.allowed = (struct qb_cpus){0};
	qb_steps_free(&m->planned.steps); /* of the attempt before */
	return r < 0 ? r : plan_judged(m, err);
}

/* All CPUs; or as many as the policy leaves, fewer where their siblings count, too. */
static int choose_pool(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_error why = {0};
	int r = keep(&m->message, &m->wanted, err);

	if (r < 0)
		return r;
	qb_services_spare(m->helper->peer.pid);
	r = plan_pool(m, 0, &why);
	for (unsigned n = qb_limits_cpus(&m->limits); r < 0 && n > 0; n /= 2) {
		why = (struct qb_error){0};
		r = plan_pool(m, n, &why);
	}
	if (r < 0) {
		qb_error_set(err, why.code, "%s", why.text);
		return qb_error_wrap(err, "choose CPUs for all shared runs");
	}
	return 0;
}

/* Puts n sets before those of the request. */
static int prepend(
	struct qb_request *request, const struct qb_request *from, unsigned n, struct qb_error *err)
{
	if (request->n_set + n > QB_REQUEST_SETS)
		return qb_error_set(err, E2BIG,
			"join: at most %d settings together with those of the session that is "
			"joined",
			QB_REQUEST_SETS);
	memmove(request->set[n], request->set[0], request->n_set * sizeof(request->set[0]));
	memcpy(request->set[0], from->set[0], n * sizeof(request->set[0]));
	request->n_set = (uint8_t)(request->n_set + n);
	return 0;
}

/*
 * Makes of a joining run's PLAN one that can be planned: within `quiet`, all of it by default. Without
 * -p it has the profile of the session it joins, and its own -s on top of that one's; but it makes no
 * preflight: whoever conditioned the host has looked at it, and many short runs may follow.
 */
static int ask_within(struct qb_message *plan, const struct qb_wanted *wanted,
	const struct qb_cpus *quiet, struct qb_error *err)
{
	struct qb_request joins = {.set = {"cpus.count=all"}};
	struct qb_request *request = &plan->request;
	char list[QB_CPUS_TEXT];
	unsigned n = 1;
	int r;

	/* The list of that session's own request holds CPUs that may not be free. Without one that fits
	 * `allowed` is the choice, as long as that session has no list. */
	if (qb_cpus_format_list(quiet, list, sizeof(list)) == 0 &&
		qb_text_format(joins.set[n], sizeof(joins.set[n]), "cpus.list=%s", list))
		n++;
	if (!request->profile[0])
		qb_text_copy(joins.set[n++], sizeof(joins.set[0]), "check.duration=0");
	r = prepend(request, &joins, n, err);
	request->allowed = *quiet;
	if (r < 0 || request->profile[0])
		return r;
	qb_message_close(plan);
	memcpy(request->profile, wanted->request.profile, sizeof(request->profile));
	memcpy(request->files, wanted->request.files, sizeof(request->files));
	request->n_files = wanted->request.n_files;
	r = copy_fds(wanted->fds, request->n_files, plan->fds, err);
	if (r == 0) {
		plan->n_fds = request->n_files;
		r = prepend(request, &wanted->request, wanted->request.n_set, err);
	}
	return r;
}

/*
 * Puts what was planned into the place that there is: its CPUs must be the session's; everything else
 * is as the session that it joins has it. Of its steps only those of its own process stay.
 */
static int fit(struct qb_planned *planned, const struct qb_selection *quiet, struct qb_error *err)
{
	struct qb_selection *selection = &planned->selection;
	struct qb_selection fitting = *quiet;

	if (!qb_cpus_subset(&selection->bench, &quiet->bench))
		return qb_error_set(
			err, EPROTO, "the planner chose CPUs that the caller may not use");
	fitting.bench = selection->bench;
	memcpy(fitting.nodes, selection->nodes, sizeof(fitting.nodes));
	fitting.unspread = selection->unspread;
	fitting.named = selection->named;
	fitting.most = selection->most;
	fitting.why[0] = fitting.note[0] = '\0';
	*selection = fitting;
	qb_join_keep_steps(&planned->steps, true);
	return 0;
}

/* CPUs of the session that no other run has. */
static struct qb_cpus free_cpus(const struct qb_joined *joined)
{
	struct qb_cpus cpus = joined->selection.bench;

	qb_cpus_foreach (cpu, &joined->selection.bench)
		if (qb_claims_find(joined->claims, cpu, joined->around, &(unsigned){0}))
			qb_cpus_remove(&cpus, cpu);
	return cpus;
}

/* One plan on these of the session's CPUs. */
static int plan_on(struct qb_monitor *m, const struct qb_cpus *cpus, struct qb_error *err)
{
	int r = again(&m->wanted, &m->message, err);

	qb_steps_free(&m->planned.steps);
	if (r == 0)
		r = ask_within(&m->message, &m->joined->wanted, cpus, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	return r < 0 ? r : fit(&m->planned, &m->joined->selection, err);
}

/* Sits on the lowest seat that is free on all of these CPUs; there are more than runs. */
static void take_seat(struct qb_monitor *m, const struct qb_cpus *cpus)
{
	const struct qb_claimant who = {.pid = m->helper->peer.pid, .uid = m->helper->peer.uid};
	struct qb_joined *joined = m->joined;
	bool all = false;

	qb_cpus_foreach (cpu, &joined->claimed)
		qb_claims_leave(joined->claims, cpu);
	for (unsigned seat = 0; !all && seat < QB_CLAIM_SEATS; seat++) {
		all = true;
		joined->seat = seat;
		qb_cpus_foreach (cpu, cpus)
			all = all && qb_claims_take(joined->claims, cpu, seat);
		qb_cpus_foreach (cpu, cpus)
			if (!all)
				qb_claims_leave(joined->claims, cpu);
	}
	joined->claimed = *cpus;
	qb_cpus_foreach (cpu, cpus)
		qb_claims_sign(joined->claims, cpu, joined->seat, &who);
}

/* Has another run that wanted these CPUs for itself, too, come first? */
static bool is_late(const struct qb_joined *joined)
{
	qb_cpus_foreach (cpu, &joined->claimed) {
		unsigned seat = 0;

		if (qb_claims_find(joined->claims, cpu, joined->around, &seat) &&
			seat < joined->seat)
			return true;
	}
	return false;
}

/*
 * On CPUs where no other run is, or, where these are not enough for what is asked for, on any: the
 * client tells who is there. The run that this one is inside of is nobody else.
 */
static int plan_apart(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_joined *joined = m->joined;
	const struct qb_cpus *all = &joined->selection.bench;
	struct qb_error why = {0};
	bool alone;
	int r;

	do {
		const struct qb_cpus cpus = free_cpus(joined);

		alone = !qb_cpus_empty(&cpus) && plan_on(m, &cpus, &why) == 0;
		r = alone ? 0 : plan_on(m, all, err);
		if (r == 0)
			take_seat(m, &m->planned.selection.bench);
	} while (r == 0 && alone && is_late(joined));
	return r;
}

static int plan_within(struct qb_monitor *m, struct qb_error *err)
{
	const struct qb_selection *joined = &m->joined->selection;
	char cpus[128], housekeeping[128];
	int r = qb_limits_find(m->helper, &m->limits, err);

	if (r == 0 && m->limits.limited)
		r = qb_policy_judge_profiles(&m->limits.rule, m->message.request.n_files, err);
	if (r == 0)
		r = keep(&m->message, &m->wanted, err);
	if (r == 0)
		r = plan_apart(m, err);
	if (r == 0)
		return 0;
	return qb_error_wrap(err, "join on CPU %s (housekeeping is on %s)",
		qb_cpus_text(&joined->bench, cpus, sizeof(cpus)),
		qb_cpus_text(&joined->housekeeping, housekeeping, sizeof(housekeeping)));
}

static int agree(const struct qb_profile *all, const struct qb_profile *own, struct qb_error *err)
{
	bool common[QB_KEY_COUNT] = {0}; /* the keys that change something that all runs see */

	for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
		if (qb_levers[i].where == QB_LEVER_HOST)
			common[qb_levers[i].key] = true;
	for (unsigned key = 0; key < QB_KEY_COUNT; key++) {
		char theirs[QB_SETTING_FORMAT], ours[QB_SETTING_FORMAT];

		if (!common[key])
			continue;
		qb_setting_format((enum qb_key)key, &all->set[key], theirs, sizeof(theirs));
		qb_setting_format((enum qb_key)key, &own->set[key], ours, sizeof(ours));
		if (strcmp(theirs, ours) != 0)
			return qb_error_set(err, EBUSY,
				"%s is %s for the shared runs that are under way (profile %s), and "
				"%s here: give the same, or wait for your turn without --shared",
				qb_keys[key].name, theirs, all->name, ours);
	}
	return 0;
}

/* True: exactly these. False: it keeps what it had. */
static bool claim(const struct qb_monitor *m, const struct qb_cpus *cpus)
{
	const struct qb_claimant who = {.pid = m->helper->peer.pid, .uid = m->helper->peer.uid};
	struct qb_joined *joined = m->joined;
	struct qb_cpus taken = {0};
	bool all = true;

	qb_cpus_foreach (cpu, cpus)
		if (all && (all = qb_claims_take(joined->claims, cpu, 0)))
			qb_cpus_add(&taken, cpu);
	if (!all) {
		qb_cpus_foreach (cpu, &taken)
			if (!qb_cpus_has(&joined->claimed, cpu))
				qb_claims_leave(joined->claims, cpu);
		return false;
	}
	qb_cpus_foreach (cpu, &joined->claimed)
		if (!qb_cpus_has(cpus, cpu))
			qb_claims_leave(joined->claims, cpu);
	joined->claimed = *cpus;
	qb_cpus_foreach (cpu, cpus)
		qb_claims_sign(joined->claims, cpu, 0, &who);
	return true;
}

/* The CPUs of all shared runs of its user: what the policy leaves is left to a user, not to each run. */
static struct qb_cpus claimed_by_user(const struct qb_monitor *m)
{
	const struct qb_joined *joined = m->joined;
	struct qb_cpus cpus = joined->claimed;

	qb_cpus_foreach (cpu, &joined->selection.bench) {
		unsigned seat = 0;

		if (qb_claims_find(joined->claims, cpu, NULL, &seat) &&
			qb_claims_signed(joined->claims, cpu, seat).uid == m->helper->peer.uid)
			qb_cpus_add(&cpus, cpu);
	}
	return cpus;
}

/* One plan within what is free now. 1: another was faster and has some of these CPUs. */
static int plan_once(struct qb_monitor *m, const struct qb_cpus *allowed, struct qb_error *err)
{
	struct qb_selection quiet = m->joined->selection;
	struct qb_cpus all;
	int r;

	quiet.bench = free_cpus(m->joined);
	if (!qb_cpus_empty(allowed))
		qb_cpus_and(&quiet.bench, allowed);
	if (qb_cpus_empty(&quiet.bench))
		return qb_error_set(err, EBUSY,
			"none of their CPUs that you may use is free now: wait for your turn "
			"without --shared, or try again");
	r = again(&m->wanted, &m->message, err);
	if (r < 0)
		return r;
	m->message.request.allowed = quiet.bench;
	qb_steps_free(&m->planned.steps);
	r = qb_limits_wish(&m->limits, &m->message.request, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	if (r == 0)
		r = fit(&m->planned, &quiet, err);
	if (r == 0)
		r = agree(&m->joined->profile, &m->planned.profile, err);
	if (r == 0 && !claim(m, &m->planned.selection.bench))
		return 1;
	all = claimed_by_user(m);
	return r < 0 ? r : qb_limits_claim(&m->limits, &all, err);
}

static int plan_shared(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_request *request = &m->message.request;
	struct qb_cpus allowed;
	int r = keep(&m->message, &m->wanted, err);

	if (r == 0 && m->joined->founding)
		r = qb_join_ask(m, QB_MSG_PLAN, request, sizeof(*request), m->message.fds,
			m->message.n_fds, err);
	if (r < 0)
		return r;
	r = qb_caller_cpus_set(m->helper->peer.pid, QB_GROUP_HOUSEKEEPING, &allowed, err);
	do
		r = r < 0 ? r : plan_once(m, &allowed, err);
	while (r > 0);
	return r < 0 ? qb_error_wrap(err, "share the host with other runs") : 0;
}

static int plan_freely(struct qb_monitor *m, struct qb_error *err)
{
	int r;

	qb_services_spare(m->helper->peer.pid);
	r = qb_caller_cpus(m->helper->peer.pid, &m->message.request.allowed, err);
	if (r == 0)
		r = keep(&m->message, &m->wanted, err);
	return r < 0 ? r : plan_judged(m, err);
}

int qb_monitor_plan(struct qb_monitor *m, struct qb_error *err)
{
	if (m->joined)
		return m->joined->shared ? plan_shared(m, err) : plan_within(m, err);
	return m->pool ? choose_pool(m, err) : plan_freely(m, err);
}
