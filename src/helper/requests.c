/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: what each request of the client's does. */
#include "monitor_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <errno.h>
#include <host/caller.h>
#include <host/tasks.h>
#include <levers/services.h>
#include <time.h>

/* HELLO that finds the lock taken: beside other shared runs, if those let us. */
static bool hand_over(void *data, const struct qb_journal_owner *holder)
{
	return qb_share_hand_over(data, holder);
}

static void tell_waiting(void *data, const char *holder)
{
	const struct qb_monitor *m = data;

	qb_message_send_note(m->helper->session, "waiting for %s", holder);
}

/* What dead sessions left is restored first; what cannot be trusted stops this one. */
static int recover(struct qb_monitor *m, bool *ret_recovered, struct qb_error *err)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning dead = {.journal.fd = -1};
	struct qb_undo_summary sum = {0};
	int r = qb_recover_leftovers(&dead, &sum, err);

	if (r <= 0)
		return r;
	*ret_recovered = true;
	qb_audit(&m->helper->peer,
		"restored what a killed session of user %u left: %zu changes, %zu conflicts, %zu failures",
		dead.journal.owner.uid, sum.restored, sum.conflicts, sum.failures);
	qb_message_send_note(m->helper->session,
		"restored what a killed run of %s left: %zu changes, %zu conflicts, %zu failures%s%s",
		dead.journal.owner.profile, sum.restored, sum.conflicts, sum.failures,
		sum.failures ? ": " : "", sum.failures ? sum.first.text : "");
	return 0;
}

int qb_request_hello(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_done done = {.of = QB_MSG_HELLO};
	struct qb_lock_wait wait = {.ns = m->message.hello.lock_wait_ns,
		.peer = &m->helper->peer,
		.told = tell_waiting,
		.admitted = m->message.hello.shared ? hand_over : NULL,
		.data = m};
	bool recovered = false;
	int r;

	m->hello = m->message.hello;
	qb_text_printable(m->hello.command);
	if (m->hello.shared && m->hello.purpose != QB_PURPOSE_RUN)
		return qb_error_set(err, EPROTO, "only runs are shared");
	r = qb_limits_find(m->helper, &m->limits, err);
	wait.names = !m->limits.limited || m->limits.rule.process_names;
	if (r == 0 && m->hello.purpose == QB_PURPOSE_LEASE)
		r = qb_lease_make(&m->lease, &m->hello, &m->helper->peer, &m->limits, err);
	if (r == 0)
		r = qb_lock_take(m->helper->lock, &wait, err);
	if (r == 1) { /* the session is another monitor's now */
		m->state = QB_STATE_END;
		return 0;
	}
	if (r == 0)
		r = qb_limits_start(&m->limits, err);
	if (r == 0)
		r = recover(m, &recovered, err);
	if (r < 0)
		return r;
	if (m->hello.purpose == QB_PURPOSE_RESTORE) {
		m->state = QB_STATE_RESTORE;
		m->restored = true;
		r = qb_conflicts_retry(
			QB_CONFLICTS_PATH, m->hello.force, &m->session.steps, &m->summary, err);
		if (r < 0)
			return r;
	} else {
		m->state = QB_STATE_PLAN;
	}
	done.recovered = recovered;
	done.joined = done.shared = m->hello.shared;
	m->claims = m->hello.shared != 0;
	return qb_message_send(m->helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

static int plan_freely(struct qb_monitor *m, struct qb_error *err)
{
	int r;

	qb_services_spare(m->helper->peer.pid);
	r = qb_caller_cpus(m->helper->peer.pid, &m->message.request.allowed, err);
	if (r == 0)
		r = qb_join_keep(&m->message, &m->wanted, err);
	if (r == 0)
		r = qb_limits_wish(&m->limits, &m->message.request, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	return r < 0 ? r
		     : qb_limits_judge(&m->limits, &m->planned.profile, &m->planned.selection,
			       &m->planned.steps, err);
}

static int plan_within(struct qb_monitor *m, struct qb_error *err)
{
	const struct qb_selection *quiet = &m->host->planned.selection;
	int r = qb_limits_find(m->helper, &m->limits, err);

	if (r == 0 && m->limits.limited)
		r = qb_policy_judge_profiles(&m->limits.rule, m->message.request.n_files, err);
	if (r == 0)
		r = qb_join_ask(&m->message, &m->host->wanted, &quiet->bench, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	if (r == 0)
		r = qb_join_fit(&m->planned, quiet, err);
	return r < 0 ? qb_error_wrap(err, "join on CPU %s", m->host->session.journal.owner.cpus)
		     : 0;
}

/* The first of shared runs plans for all, and then, as all of them, for itself. */
static int plan_shared(struct qb_monitor *m, struct qb_error *err)
{
	int r = m->host ? qb_limits_find(m->helper, &m->limits, err) : 0;

	if (r == 0)
		r = m->host ? qb_join_keep(&m->message, &m->wanted, err) : qb_share_found(m, err);
	return r < 0 ? r : qb_share_plan(m, err);
}

int qb_request_plan(struct qb_monitor *m, struct qb_error *err)
{
	int r;

	if (m->message.request.chroot || m->message.request.mode != QB_REQUEST_PLAN)
		return qb_error_set(err, EPERM, "this request is for one's own planner only");
	if (m->claims)
		r = plan_shared(m, err);
	else
		r = m->host ? plan_within(m, err) : plan_freely(m, err);
	if (r < 0)
		return r;
	m->session.steps = m->planned.steps;
	m->planned.steps = (struct qb_steps){0};
	if (qb_message_send_steps(m->helper->session, &m->session.steps) < 0 ||
		(m->host && qb_message_send_steps(m->helper->session, &m->host->session.steps) < 0))
		return qb_error_set(err, EPIPE, "the client is gone");
	m->state = QB_STATE_APPLY;
	return qb_message_send_done(m->helper->session, QB_MSG_PLAN);
}

static int owner_of(const struct qb_monitor *m, struct qb_journal_owner *ret, struct qb_error *err)
{
	int r = qb_journal_boot_id(ret->boot_id, err);

	if (r < 0)
		return r;
	ret->since = time(NULL);
	ret->client = m->helper->peer.pid;
	ret->guardian = getppid();
	ret->monitor = getpid();
	ret->uid = m->helper->peer.uid;
	ret->lease = m->hello.purpose == QB_PURPOSE_LEASE || m->share;
	ret->shared = m->share != NULL;
	qb_text_copy(ret->profile, sizeof(ret->profile), m->planned.profile.name);
	qb_text_copy(ret->command, sizeof(ret->command), m->hello.command);
	if (qb_cpus_format_list(&m->planned.selection.bench, ret->cpus, sizeof(ret->cpus)) < 0)
		qb_text_copy(ret->cpus, sizeof(ret->cpus), "many");
	return 0;
}

static void audit_begin(struct qb_monitor *m)
{
	char cpus[QB_CPUS_TEXT] = "";
	const char *what = m->hello.purpose == QB_PURPOSE_LEASE ? "apply" : "run";

	/* The list of CPUs always fits; an odd one would be of no use to a reader. */
	(void)qb_cpus_format_list(&m->planned.selection.bench, cpus, sizeof(cpus));
	m->begun = true;
	qb_audit(&m->helper->peer, "%s%s of profile %s on CPU %.128s: %s", m->host ? "joined " : "",
		what, m->planned.profile.name, cpus, m->hello.command);
}

int qb_monitor_condition(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_journal_owner owner = {0};
	int r = owner_of(m, &owner, err);

	if (r == 0)
		r = qb_conduct_apply(
			&m->session, &owner, &m->planned.selection, &m->planned.profile, err);
	return r < 0 ? r : qb_door_open(&m->door, err);
}

int qb_monitor_stay(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_journal_bench origin = {0};
	int r = qb_isolation_origin(m->helper->peer.pid, &origin, err);

	if (r == 0)
		r = qb_journal_placed(&m->session.journal, &origin, err);
	if (r == 0)
		r = qb_lease_start(&m->lease, &m->session.journal.owner, &m->session.steps, err);
	qb_file_keep_none(); /* it may last for days */
	if (r == 0)
		m->state = QB_STATE_LEASE;
	return r;
}

int qb_monitor_applied(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_selection_message selection;

	selection.selection = m->planned.selection; /* the way of isolating may have changed */
	if (qb_message_send(m->helper->session, QB_MSG_SELECTION, &selection, sizeof(selection),
		    NULL, 0) < 0 ||
		qb_message_send_steps(m->helper->session, &m->session.steps) < 0)
		return qb_error_set(err, EPIPE, "the client is gone");
	audit_begin(m);
	m->state = m->hello.purpose == QB_PURPOSE_LEASE ? QB_STATE_OFFER : QB_STATE_RUN;
	return qb_message_send_done(m->helper->session, QB_MSG_APPLY);
}

int qb_request_apply(struct qb_monitor *m, struct qb_error *err)
{
	int r = 0;

	if (m->hello.shared && m->host)
		return qb_share_open(m, err);
	if (!m->host)
		r = qb_monitor_condition(m, err);
	return r < 0 ? r : qb_monitor_applied(m, err);
}

int qb_request_lease(struct qb_monitor *m, struct qb_error *err)
{
	int r = qb_monitor_stay(m, err);

	if (r < 0)
		return r;
	qb_limits_stop(&m->limits);
	qb_message_send_done(m->helper->session, QB_MSG_LEASE);
	close(m->helper->session);
	close(m->helper->peer.pidfd);
	m->helper->session = m->helper->peer.pidfd = -1;
	return 0;
}

int qb_request_run(struct qb_monitor *m, struct qb_error *err)
{
	static const struct qb_error late = {.code = ECANCELED,
		.text = "the host was restored before the command began: the helper was told to end"};
	int r;

	if (m->state != QB_STATE_RUN) /* the client still learns how the restore went */
		return qb_message_send_error(m->helper->session, &late);
	r = m->place >= 0 ? qb_error_set(err, EPROTO, "RUN before the one before it was placed")
			  : qb_place_take(&m->message, &m->place, err);

	return r < 0 ? r : qb_message_send_done(m->helper->session, QB_MSG_RUN);
}

/* ---- who runs on the benchmark's CPUs, for a client who may not use perf ---- */

/* Names of processes that are neither the client's nor the kernel's are the policy's to give. */
static bool hide(const struct qb_runner *runner, const void *data)
{
	const struct qb_monitor *m = data;
	const bool names = !m->limits.limited || m->limits.rule.process_names;

	return !names && runner->whose != QB_WHOSE_OWN && runner->uid != m->helper->peer.uid &&
	       !qb_task_is_kernel(runner->pid);
}

static int send_seen(struct qb_switches_message *message, void *to)
{
	const struct qb_monitor *m = to;

	return qb_message_send(
		m->helper->session, QB_MSG_SWITCHES, message, sizeof(*message), NULL, 0);
}

int qb_request_watch(struct qb_monitor *m, struct qb_error *err)
{
	const struct qb_journal_bench *bench = &m->session.journal.bench;
	const struct qb_cpus *cpus = &m->planned.selection.bench;
	struct qb_done done = {.of = QB_MSG_WATCH};
	int r = 0;

	if (!bench->pid)
		return qb_error_set(err, EPROTO, "WATCH is for a process that was placed");
	if (m->message.watch.until_ns) {
		done.unseen = !qb_watcher_is_open(
			&m->watcher); /* it ended with the session, when that was restored */
		qb_watcher_end(&m->watcher, m->message.watch.until_ns);
		r = qb_watcher_tell(&m->watcher, hide, m, send_seen, m);
	}
	qb_watcher_close(&m->watcher);
	if (r < 0)
		return qb_error_errno(err, -r, "tell the client who ran on its CPUs");
	if (!m->message.watch.until_ns) {
		if (m->state == QB_STATE_RUN)
			qb_task_keep_off(&m->planned.selection);
		done.unseen = m->state != QB_STATE_RUN ||
			      qb_watcher_open(&m->watcher, cpus, bench->pid, NULL) < 0;
	}
	return qb_message_send(m->helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

int qb_request_restore(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_done done = {.of = QB_MSG_RESTORE, .complete = 1, .over = *m->helper->over};
	int r = qb_monitor_restore(m, false, err);

	if (r < 0)
		return r;
	m->state = QB_STATE_RESTORE;
	if (m->host && m->host->share && qb_share_leave(m)) {
		m->left = true;
		m->state = QB_STATE_END;
		return 0;
	}
	if (m->host)
		return qb_message_send(
			m->helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
	return qb_recover_report(
		m->helper->session, &m->session.steps, &m->summary, m->early, m->over);
}

int qb_request_bye(struct qb_monitor *m, struct qb_error *err)
{
	m->state = QB_STATE_END;
	return qb_monitor_restore(m, false, err);
}
