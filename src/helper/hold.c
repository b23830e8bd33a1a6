/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: to hold the host. */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

/* Threads that may be born during the run and still get a record. */
#define ROOM_FOR_BIRTHS 512
/* So much later than the monitor the watchdog acts. */
#define GRACE_NS (2 * QB_NS_PER_S)

/* ---- conditioning ---- */

static int journal_steps(struct qb_conditioning *s, size_t from, size_t to, struct qb_error *err)
{
	int r = 0;

	for (size_t i = from; i < to && r == 0; i++)
		r = qb_journal_step(&s->journal, &s->steps.v[i], err);
	return r;
}

/* Snapshot, journal, write: in this order, each for all of from..to before the next. */
static int apply_range(struct qb_conditioning *s, size_t from, size_t to, struct qb_error *err)
{
	int r = qb_apply_snapshot(&s->steps, from, to, err);

	if (r == 0)
		r = journal_steps(s, from, to, err);
	if (r == 0)
		r = qb_apply_write(&s->journal, &s->steps, from, to, err);
	return r;
}

static int sweep(struct qb_conditioning *s, const struct qb_selection *selection,
	const struct qb_profile *profile, struct qb_error *err)
{
	for (int round = 0; round < QB_ISOLATION_ROUNDS; round++) {
		size_t from = s->steps.n;
		int r = qb_isolation_sweep(selection, profile, &s->steps, err);

		if (r <= 0)
			return r;
		r = apply_range(s, from, s->steps.n, err);
		if (r < 0)
			return r;
	}
	return 0; /* born faster than we look: the record of the run will show who ran */
}

static bool partition_failed(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_PARTITION &&
			(steps->v[i].status == QB_STATUS_FAILED ||
				steps->v[i].status == QB_STATUS_UNSUPPORTED))
			return true;
	return false;
}

/*
 * Silences the rivals, looks at everything, journals it, writes, sweeps for threads born
 * meanwhile, looks again. When the partition turns out invalid and the profile leaves the way to
 * us, masks isolate instead. Fails with a journal that knows how far it came.
 */
static int apply(struct qb_conditioning *s, const struct qb_journal_owner *owner,
	struct qb_selection *selection, const struct qb_profile *profile, struct qb_error *err)
{
	size_t rivals, planned;
	int r;

	r = qb_apply_sort(&s->steps, err);
	if (r < 0)
		return r;
	planned = s->steps.n;
	rivals = qb_apply_rivals(&s->steps);
	r = qb_apply_snapshot(&s->steps, 0, rivals, err);
	if (r == 0)
		r = qb_isolation_snapshot(selection, profile, &s->steps, err);
	if (r < 0)
		return r;
	/* Where no task's mask is changed, nobody is born with one of ours. */
	r = qb_journal_create(&s->journal, QB_JOURNAL_PATH, owner,
		qb_journal_room(&s->steps, s->steps.n > planned ? ROOM_FOR_BIRTHS : 0), err);
	if (r == 0)
		r = apply_range(s, 0, rivals, err);
	if (r == 0)
		r = apply_range(s, rivals, s->steps.n, err);
	if (r == 0 && selection->isolation == QB_ISOLATION_PARTITION &&
		partition_failed(&s->steps) &&
		qb_setting_is(&profile->set[QB_KEY_CPUS_ISOLATION], "auto"))
		selection->isolation = QB_ISOLATION_AFFINITY;
	if (r == 0)
		r = sweep(s, selection, profile, err);
	if (r == 0)
		r = qb_apply_left(&s->journal, &s->steps, err);
	if (r == 0)
		r = qb_journal_summarize(QB_SUMMARY_PATH, owner, &s->steps, err);
	return r;
}

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

void qb_hold_expect(const struct qb_monitor *m)
{
	int64_t ns = 0;

	if (m->state == QB_STATE_LEASE && !m->pool)
		ns = m->lease.ns;
	else if (m->limits.limited)
		ns = m->limits.rule.lock_ns;
	qb_guardian_expect(m->helper, ns ? ns + GRACE_NS : 0);
}

int qb_hold_condition(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_journal_owner owner = {0};
	int r = owner_of(m, &owner, err);

	qb_sandbox_survive(true);
	if (r == 0)
		r = apply(&m->session, &owner, &m->planned.selection, &m->planned.profile, err);
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
	if (r < 0)
		return r;
	m->state = QB_STATE_LEASE;
	m->helper->shared->lease = true;
	if (m->pool) /* the policy's time counts for all of them */
		return 0;
	qb_limits_stop(&m->limits);
	qb_hold_expect(m);
	return 0;
}

/* ---- restoring ---- */

/*
 * What the client need not wait for, and what nobody else may: the lock is left as soon as the host is
 * as it was, whatever the client does with the rest of its session.
 */
void qb_hold_let_go(struct qb_monitor *m)
{
	struct qb_helper *helper = m->helper;

	m->restored = true;
	qb_guardian_restoring(helper, false);
	/* The run's group may soon be another's: should the client die, only what is its own ends. */
	m->session.journal.bench.joined = true;
	if (m->session.journal.bench.pid)
		qb_guardian_remember(helper, &m->session.journal.bench);
	if (m->joined)
		return;
	helper->shared->summary = m->summary;
	helper->shared->restored = true;
	qb_queue_leave(helper);
	qb_limits_stop(&m->limits);
}

int qb_hold_restore(struct qb_monitor *m, bool end, struct qb_error *err)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_wire_send_leftover, .data = &m->helper->client};
	int r;

	qb_guardian_restoring(m->helper, true);
	qb_program_end(&m->watcher);
	if (m->restored) {
		/* The client of a run that was restored early has died before the benchmark: MUST 7. */
		r = end && m->hello.purpose != QB_PURPOSE_LEASE
			    ? qb_restore_bench(&m->session.journal.bench, true, NULL, err)
			    : 0;
		qb_guardian_restoring(m->helper, false);
		return r;
	}
	qb_lock_unwatch(m->helper->lost); /* the session ends in any case */
	qb_place_refuse(&m->place);
	qb_door_close(m);
	r = m->joined ? qb_restore_bench(&m->session.journal.bench, end, &seen, err)
		      : qb_restore_host(&m->session, end, &seen, &m->summary, err);
	if (r < 0)
		return r;
	qb_hold_let_go(m);
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

	if (m->begun || why->code != EPIPE)
		qb_audit(
			&m->helper->peer, "%s: %s", m->begun ? "broken off" : "refused", why->text);
	if (qb_hold_restore(m, true, &err) < 0) {
		m->summary.failures++;
		m->summary.first = err;
	}
	qb_wire_send_error(&m->helper->client, why);
	m->state = QB_STATE_END;
}

void qb_hold_break_off(struct qb_monitor *m, const struct qb_error *why, bool over)
{
	struct qb_error err = {0};

	if (m->state == QB_STATE_RESTORE) /* it has been told */
		m->state = QB_STATE_END;
	if (m->restored) /* we stay to tell the client, or to see it die */
		return;
	m->early = !over;
	m->over = over;
	if (m->state == QB_STATE_LEASE) { /* of shared runs: their own sessions tell them */
		qb_hold_expire(m, NULL);
	} else if (m->state != QB_STATE_RUN || qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, err.code ? &err : why);
	} else {
		m->state = QB_STATE_OVER;
		if (over)
			qb_wire_send_note(&m->helper->client,
				"%s: the host is restored, the command goes on", why->text);
	}
}

void qb_hold_expire(struct qb_monitor *m, struct qb_guest *by)
{
	struct qb_error err = {0};

	qb_lease_close(&m->lease);
	if (by) {
		m->helper->client = by->wire;
		m->helper->peer = by->peer;
		*by = (struct qb_guest){0};
	}
	if (qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, &err);
		return;
	}
	m->state = by ? QB_STATE_RESTORE : QB_STATE_END;
	m->heard_ns = qb_ns_now(CLOCK_MONOTONIC);
	if (by)
		qb_wire_send(&m->helper->client, QB_MSG_DONE,
			&(struct qb_done){.of = QB_MSG_HELLO, .joined = 1}, sizeof(struct qb_done));
}
