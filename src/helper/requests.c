/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: what each request of the client's does. */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/move.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/syscall.h>

/* HELLO that finds the lock taken: beside other shared runs, if there is room, or at the door of their own lease. */
static bool admit(void *data, const struct qb_journal_owner *holder)
{
	struct qb_monitor *m = data;

	return (m->hello.shared && qb_join_beside(m, holder)) ||
	       (m->hello.knocks && qb_join_may_come_in(m, holder));
}

static void tell_waiting(void *data, const char *holder)
{
	struct qb_monitor *m = data;

	qb_wire_send_note(&m->helper->client, "waiting for %s", holder);
	(void)qb_wire_flush(&m->helper->client); /* the wait sees a client that is gone */
}

/* What dead sessions left is restored first; what cannot be trusted stops this one. */
static int recover(struct qb_monitor *m, bool *ret_recovered, struct qb_error *err)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning dead = {.journal.fd = -1};
	struct qb_undo_summary sum = {0};
	int r = qb_guardian_recover(&dead, &sum, err);

	if (r <= 0)
		return r;
	*ret_recovered = true;
	qb_audit(&m->helper->peer,
		"restored what a killed session of user %u left: %zu changes, %zu conflicts, %zu failures",
		dead.journal.owner.uid, sum.restored, sum.conflicts, sum.failures);
	qb_wire_send_note(&m->helper->client,
		"restored what a killed run of %s left: %zu changes, %zu conflicts, %zu failures%s%s",
		dead.journal.owner.profile, sum.restored, sum.conflicts, sum.failures,
		sum.failures ? ": " : "", sum.failures ? sum.first.text : "");
	return 0;
}

int qb_request_hello(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_done done = {.of = QB_MSG_HELLO};
	struct qb_queue_wait wait = {.ns = m->message.hello.lock_wait_ns,
		.signals = m->helper->term,
		.told = tell_waiting,
		.admitted = admit,
		.data = m};
	bool recovered = false;
	int64_t since;
	int r;

	m->hello = m->message.hello;
	qb_text_printable(m->hello.command);
	if (m->hello.shared && m->hello.purpose != QB_PURPOSE_RUN)
		return qb_error_set(err, EPROTO, "only runs are shared");
	r = qb_limits_find(m->helper, &m->limits, err);
	wait.names = !m->limits.limited || m->limits.rule.process_names;
	if (r == 0 && m->hello.purpose == QB_PURPOSE_LEASE)
		r = qb_lease_make(&m->lease, &m->hello, &m->helper->peer, &m->limits, err);
	wait.limit_ns = qb_limits_left(&m->limits, m->lease.ns);
	if (r == 0)
		r = qb_queue_take(m->helper, &wait, &since, err);
	if (r == 0) {
		qb_claims_forget();
		r = qb_limits_start(
			&m->limits, m->lease.ns ? qb_ns_now(CLOCK_BOOTTIME) : since, err);
		qb_hold_expect(m);
		if (r == 0)
			r = recover(m, &recovered, err);
		if (r == 0 && m->hello.shared)
			r = qb_join_found(m, err);
	}
	if (r == 1 && !m->joined)
		r = qb_error_set(err, QB_COME_IN,
			"it need not wait for an apply of the same user, but can join it");
	if (r < 0)
		return r;
	if (m->pool) /* the founder's child answers the client */
		return 0;
	if (m->hello.purpose == QB_PURPOSE_RESTORE) {
		m->state = QB_STATE_RESTORE;
		r = qb_conflicts_retry(
			QB_CONFLICTS_PATH, m->hello.force, &m->session.steps, &m->summary, err);
		if (r < 0)
			return r;
		qb_hold_let_go(m);
	} else {
		m->state = QB_STATE_PLAN;
	}
	done.recovered = recovered;
	done.joined = done.shared = m->hello.shared;
	qb_wire_send(&m->helper->client, QB_MSG_DONE, &done, sizeof(done));
	return 0;
}

int qb_request_plan(struct qb_monitor *m, struct qb_error *err)
{
	int r;

	if (m->message.request.chroot || m->message.request.mode != QB_REQUEST_PLAN)
		return qb_error_set(err, EPERM, "this request is for one's own planner only");
	r = qb_planner_judge_files(&m->message, err);
	if (r == 0)
		r = qb_monitor_plan(m, err);
	if (r < 0)
		return r;
	m->session.steps = m->planned.steps;
	m->planned.steps = (struct qb_steps){0};
	qb_wire_send_steps(&m->helper->client, &m->session.steps);
	if (m->joined)
		qb_wire_send_steps(&m->helper->client, &m->joined->steps);
	if (m->joined && !m->joined->shared)
		qb_join_tell(m);
	m->state = QB_STATE_APPLY;
	qb_wire_send_done(&m->helper->client, QB_MSG_PLAN);
	return 0;
}

static void audit_begin(struct qb_monitor *m)
{
	char cpus[128];
	const char *what = m->pool ? "shared runs" : "run";

	if (m->hello.purpose == QB_PURPOSE_LEASE && !m->pool)
		what = "apply";

	m->begun = true;
	qb_audit(&m->helper->peer, "%s%s of profile %s on CPU %s%s%s: %s",
		m->joined ? "joined " : "", what, m->planned.profile.name,
		qb_cpus_text(&m->planned.selection.bench, cpus, sizeof(cpus)),
		*m->helper->kept ? "; root cannot reset the caller's " : "", m->helper->kept,
		m->hello.command);
}

int qb_request_apply(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_selection_message selection;
	int r = m->joined ? qb_join_apply(m, err) : qb_hold_condition(m, err);

	if (r < 0)
		return r;
	selection.selection = m->planned.selection; /* the way of isolating may have changed */
	qb_wire_send(&m->helper->client, QB_MSG_SELECTION, &selection, sizeof(selection));
	qb_wire_send_steps(&m->helper->client, &m->session.steps);
	audit_begin(m);
	m->state = m->hello.purpose == QB_PURPOSE_LEASE ? QB_STATE_OFFER : QB_STATE_RUN;
	qb_wire_send_done(&m->helper->client, QB_MSG_APPLY);
	return 0;
}

/* The client is dismissed: it has its answer, or goes on as a guest. */
static int stay(struct qb_monitor *m, struct qb_error *err)
{
	int r = qb_hold_stay(m, err);

	if (r < 0)
		return r;
	close(m->helper->peer.pidfd);
	m->helper->peer.pidfd = -1;
	return 0;
}

int qb_request_lease(struct qb_monitor *m, struct qb_error *err)
{
	int r = m->pool ? qb_error_set(err, EPROTO, "shared runs join") : stay(m, err);

	if (r < 0)
		return r;
	qb_wire_send_done(&m->helper->client, QB_MSG_LEASE);
	qb_wire_close(&m->helper->client);
	return 0;
}

/* The founder's: from now on it is a guest like any other, and the policy's time counts for all. */
int qb_request_join(struct qb_monitor *m, struct qb_error *err)
{
	int r = m->pool ? stay(m, err) : qb_error_set(err, EPROTO, "JOIN is for shared runs");
	struct qb_guest *guest;

	if (r < 0)
		return r;
	/* The first: nobody was let in before. */
	guest = qb_door_sit(m, m->helper->client.fd, QB_GUEST_SHARED);
	guest->founder = true;
	m->helper->client = QB_WIRE_NONE;
	qb_wire_send_done(&guest->wire, QB_MSG_JOIN);
	return 0;
}

int qb_request_run(struct qb_monitor *m, struct qb_error *err)
{
	int r = 0;

	if (m->state == QB_STATE_OVER) { /* the client still learns how the restore went */
		qb_wire_send_error(&m->helper->client, &qb_place_late);
		r = qb_place_take(&m->message, &m->place, err);
		if (r == 0)
			qb_place_refuse(&m->place);
		return r;
	}
	r = m->place >= 0 ? qb_error_set(err, EPROTO, "RUN before the one before it was placed")
			  : qb_place_take(&m->message, &m->place, err);
	if (r < 0)
		return r;
	if (m->joined && !m->joined->shared)
		qb_join_tell(m);
	qb_wire_send_done(&m->helper->client, QB_MSG_RUN);
	return 0;
}

/* As with PLACE, a failure is told and ends nothing. */
int qb_request_born(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_error why = qb_place_late; /* as with RUN */

	if (m->joined || m->place >= 0 || !m->session.journal.bench.pid)
		return qb_error_set(
			err, EPROTO, "BORN is for a child of a process that was placed");
	if (m->state == QB_STATE_OVER ||
		qb_place_born(m->helper, &m->session, m->message.born.pid, &why) < 0)
		qb_wire_send_error(&m->helper->client, &why);
	else
		qb_wire_send_done(&m->helper->client, QB_MSG_BORN);
	return 0;
}

/* ---- who runs on the benchmark's CPUs, for a client who may not use perf: quietbench-watcher ---- */

/* For all that it says to one request; one that somebody has stopped goes on sooner. */
#define WATCHER_NS (5 * QB_NS_PER_S)
#define STOPPED_NS (250 * QB_NS_PER_MS)

/*
 * Above 2 perf_event_paranoid is Debian's and Ubuntu's: their kernels then ask for CAP_SYS_ADMIN, and
 * CAP_PERFMON is not enough.
 */
static int perf_capability(void)
{
	long long paranoid;

	if (qb_file_read_number("/proc/sys/kernel/perf_event_paranoid", &paranoid, NULL) < 0)
		return CAP_PERFMON;
	return paranoid > 2 ? CAP_SYS_ADMIN : CAP_PERFMON;
}

/* Its next message, which is in m->message then: MUST 17. */
static int hear_watcher(struct qb_monitor *m, int64_t until_ns, struct qb_error *err)
{
	struct qb_wire wire = {.fd = m->watcher.socket};
	int64_t look_ns;
	int r;

	do {
		(void)syscall(SYS_pidfd_send_signal, m->watcher.pidfd, SIGCONT, NULL, 0);
		look_ns = qb_ns_now(CLOCK_MONOTONIC) + STOPPED_NS;
		r = qb_wire_wait(m->helper, &wire, look_ns < until_ns ? look_ns : until_ns, err);
	} while (r == 0 && look_ns < until_ns);
	if (r == 0)
		return qb_error_set(err, ETIMEDOUT, "quietbench-watcher gave no answer within %d s",
			(int)(WATCHER_NS / QB_NS_PER_S));
	if (r > 0)
		r = qb_message_receive_now(wire.fd, QB_SENDER_WATCHER, &m->message, err);
	if (r > 0 && m->message.head.type == QB_MSG_ERROR)
		return qb_error_set(err, EOPNOTSUPP, "%s", m->message.error.text);
	return r == 0 ? qb_error_set(err, EPIPE, "quietbench-watcher has ended") : r;
}

static int begin_watch(struct qb_monitor *m, struct qb_error *err)
{
	/* perf, and /proc where that hides other users' processes */
	const int caps[] = {perf_capability(), CAP_SYS_PTRACE};
	const struct qb_program_order watcher = {.name = "quietbench-watcher",
		.nobody = true,
		.caps = caps,
		.n = QB_ARRAY_SIZE(caps)};
	struct qb_follow order = {.pid = m->session.journal.bench.pid,
		.uid = m->helper->peer.uid,
		.names = !m->limits.limited || m->limits.rule.process_names,
		.cpus = m->planned.selection.bench};
	int r;

	qb_task_keep_off(&m->planned.selection);
	r = qb_program_start(&watcher, &m->watcher, err);
	if (r < 0)
		return r;
	/* One that has ended takes nothing any more, and is heard in vain: that says why. */
	(void)qb_program_send(&m->watcher, QB_MSG_FOLLOW, &order, sizeof(order));
	r = hear_watcher(m, qb_ns_now(CLOCK_MONOTONIC) + WATCHER_NS, err);
	if (r > 0 && m->message.head.type != QB_MSG_DONE)
		return qb_error_set(err, EPROTO,
			"quietbench-watcher answered FOLLOW with another message than DONE");
	return r;
}

/* False: it does not watch (any more): it ended with the session, when that was restored. */
static bool end_watch(struct qb_monitor *m)
{
	const int64_t until_ns = qb_ns_now(CLOCK_MONOTONIC) + WATCHER_NS;
	struct qb_watch_message end = m->message.watch;

	if (m->watcher.socket < 0 ||
		qb_program_send(&m->watcher, QB_MSG_WATCH, &end, sizeof(end)) < 0)
		return false;
	while (hear_watcher(m, until_ns, NULL) > 0) {
		if (m->message.head.type != QB_MSG_SWITCHES)
			return m->message.head.type == QB_MSG_DONE;
		qb_wire_send(&m->helper->client, QB_MSG_SWITCHES, &m->message.switches,
			sizeof(m->message.switches));
	}
	return false;
}

int qb_request_watch(struct qb_monitor *m, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	const struct qb_journal_bench *bench = &m->session.journal.bench;
	struct qb_done done = {.of = QB_MSG_WATCH};
	struct qb_error why = {0};
	bool ends;

	if (!bench->pid)
		return qb_error_set(err, EPROTO, "WATCH is for a process that was placed");
	ends = m->message.watch.until_ns;
	if (!ends && m->watched.pid == bench->pid && m->watched.start == bench->start)
		return qb_error_set(err, EPROTO, "WATCH is once for each process");
	if (ends)
		done.unseen = !end_watch(m);
	qb_program_end(&m->watcher);
	if (!ends) {
		m->watched.pid = bench->pid;
		m->watched.start = bench->start;
		done.unseen = m->state != QB_STATE_RUN ||
			      qb_held_open(bench->pid, bench->start, &held, NULL) == -ESRCH ||
			      begin_watch(m, &why) < 0;
	}
	if (why.code)
		qb_wire_send_note(&m->helper->client,
			"who else runs on the benchmark's CPUs is not seen: %s", why.text);
	if (!ends && done.unseen)
		qb_program_end(&m->watcher);
	qb_wire_send(&m->helper->client, QB_MSG_DONE, &done, sizeof(done));
	return 0;
}

int qb_request_restore(struct qb_monitor *m, struct qb_error *err)
{
	int r = qb_hold_restore(m, false, err);

	if (r < 0)
		return r;
	m->state = QB_STATE_RESTORE;
	if (m->joined)
		return qb_join_leave(m, err);
	qb_wire_send_restored(
		&m->helper->client, &m->session.steps, &m->summary, m->early, m->over);
	return 0;
}

int qb_request_bye(struct qb_monitor *m, struct qb_error *err)
{
	m->state = QB_STATE_END;
	return qb_hold_restore(m, false, err);
}
