/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: to hold the host. */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

static int owner_of(const struct qb_monitor *m, struct qb_journal_owner *ret, struct qb_error *err)
{
	int r = qb_journal_boot_id(ret->boot_id, err);

	if (r < 0)
		return r;
	ret->since = qb_time_now();
	ret->client = m->helper->peer.pid;
	ret->guardian = getppid();
	ret->monitor = getpid();
	ret->uid = m->helper->peer.uid;
	ret->lease = m->hello.purpose == QB_PURPOSE_LEASE;
	ret->shared = m->pool;
	qb_text_copy(ret->profile, sizeof(ret->profile), m->planned.profile.name);
	qb_text_copy(ret->command, sizeof(ret->command), m->hello.command);
	qb_cpus_text(&m->planned.selection.bench, ret->cpus, sizeof(ret->cpus));
	return 0;
}

int qb_hold_condition(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_journal_owner owner = {0};
	int r = owner_of(m, &owner, err);

	qb_sandbox_survive(true);
	if (r == 0)
		r = qb_conduct_apply(
			&m->session, &owner, &m->planned.selection, &m->planned.profile, err);
	return r < 0 ? r : qb_door_open(&m->door, err);
}

int qb_hold_stay(struct qb_monitor *m, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held client = QB_HELD_NONE;
	const struct qb_peer *peer = &m->helper->peer;
	struct qb_journal_bench origin = {0};
	int r = qb_held_open(peer->pid, 0, &client, err);

	if (r == 0 && qb_peer_dead(peer))
		r = qb_error_set(err, EPIPE, "the client is gone");
	if (r == 0)
		r = qb_isolation_origin(&client, peer->uid, &origin, err);
	if (r == 0)
		r = qb_journal_placed(&m->session.journal, &origin, err);
	if (r == 0)
		r = qb_lease_start(&m->lease, &m->session.journal.owner, &m->session.steps, err);
	qb_file_keep_none(); /* it may last for days */
	if (r == 0)
		m->state = QB_STATE_LEASE;
	return r;
}

static void dismiss_guests(struct qb_monitor *m)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		struct qb_guest *guest = &m->guests[i];

		if (!guest->connection)
			continue;
		close(guest->connection);
		guest->connection = 0;
	}
}

void qb_hold_leave(struct qb_monitor *m)
{
	/* The run's group may soon be another's: should the client die, only what is its own ends. */
	m->session.journal.bench.joined = true;
	qb_limits_stop(&m->limits);
	qb_queue_leave(m->helper);
}

int qb_hold_restore(struct qb_monitor *m, bool end, struct qb_error *err)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_recover_leftover, .data = &m->helper->session};
	int r;

	qb_program_end(&m->watcher);
	/* The client of a run that was restored early has died before the benchmark: MUST 7. */
	if (m->restored)
		return end ? qb_restore_bench(&m->session.journal.bench, true, NULL, err) : 0;
	dismiss_guests(m);
	r = m->joined ? qb_restore_bench(&m->session.journal.bench, end, &seen, err)
		      : qb_restore_host(&m->session, end, &seen, &m->summary, err);
	if (r < 0)
		return r;
	if (m->door >= 0)
		close(m->door);
	m->door = -1;
	m->restored = true;
	qb_hold_leave(m);
	if (m->begun)
		qb_audit(&m->helper->peer,
			"ended: %zu changes restored, %zu conflicts, %zu failures%s%s%s",
			m->summary.restored, m->summary.conflicts, m->summary.failures,
			m->summary.failures ? ": " : "",
			m->summary.failures ? m->summary.first.text : "",
			end ? "; its client did not end it" : "");
	return 0;
}

void qb_hold_end(struct qb_monitor *m, const struct qb_error *why)
{
	struct qb_error err = {0};

	qb_message_send_error(m->helper->session, why);
	if (m->begun || why->code != EPIPE)
		qb_audit(
			&m->helper->peer, "%s: %s", m->begun ? "broken off" : "refused", why->text);
	if (qb_hold_restore(m, true, &err) < 0) {
		m->summary.failures++;
		m->summary.first = err;
	}
	m->state = QB_STATE_END;
}

void qb_hold_expire(struct qb_monitor *m, const struct qb_helper *by)
{
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_error err = {0};

	qb_lease_close(&m->lease);
	if (by) {
		m->helper->session = by->session;
		m->helper->peer = by->peer;
	}
	if (qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, &err);
		return;
	}
	m->state = by ? QB_STATE_RESTORE : QB_STATE_END;
	if (by) /* a client that does not hear it is seen to be gone */
		qb_message_send(by->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}
