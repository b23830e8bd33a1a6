/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: other clients that connect to the host while this session holds it. */
#include "monitor_internal.h"
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* ---- guests ---- */

struct qb_guest *qb_door_sit(struct qb_monitor *m, int connection)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (!m->guests[i].connection) {
			m->guests[i] = (struct qb_guest){.connection = connection};
			return &m->guests[i];
		}
	return NULL;
}

static bool any_shared(const struct qb_monitor *m)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (m->guests[i].shared)
			return true;
	return false;
}

/* The last of the shared runs has left. If it asked, it is told how the host came back. */
static void restore_after(struct qb_monitor *m, struct qb_guest *last, bool asked)
{
	struct qb_error err = {0};

	if (asked) {
		m->helper->session = last->connection;
		last->connection = 0;
	}
	if (qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, &err);
		return;
	}
	m->state = QB_STATE_END;
	if (asked) /* a run that does not receive it has ended: there is no one to tell */
		qb_recover_report(m->helper->session, &m->session.steps, &m->summary, false, false);
}

static void leave(struct qb_monitor *m, struct qb_guest *guest, bool asked)
{
	struct qb_done done = {.of = QB_MSG_RESTORE, .complete = 1, .joined = guest->shared};
	const bool shared = guest->shared;

	guest->shared = false;
	if (shared)
		qb_claims_ring();
	if (m->state == QB_STATE_LEASE && shared && !any_shared(m))
		restore_after(m, guest, asked);
	else if (asked)
		qb_message_send(guest->connection, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

static void forget(struct qb_guest *guest)
{
	if (guest->connection)
		close(guest->connection);
	if (guest->client) { /* without the run's own process it would not be ended */
		shutdown(guest->client, SHUT_RDWR);
		close(guest->client);
	}
	*guest = (struct qb_guest){0};
}

static void take_join(struct qb_guest *guest, const struct qb_join *join)
{
	guest->shared = !guest->admitted;
	guest->pid = join->pid;
	guest->start = join->start;
	guest->cpus = join->cpus;
	guest->seat = join->seat;
	if (!join->pid &&
		guest->shared) /* later, when its benchmark is placed, it does not wait for an answer */
		qb_message_send_done(guest->connection, QB_MSG_JOIN);
}

void qb_door_hear(struct qb_monitor *m, struct qb_guest *guest)
{
	static struct qb_message message;
	int r = qb_message_receive(guest->connection, QB_SENDER_CLIENT, &message, NULL);

	if (r > 0)
		qb_message_close(&message);
	if (r > 0 && (m->pool || guest->admitted) && message.head.type == QB_MSG_JOIN) {
		take_join(guest, &message.join);
	} else if (r > 0 && m->pool && message.head.type == QB_MSG_RESTORE) {
		leave(m, guest, true);
	} else {
		leave(m, guest, false);
		forget(guest);
	}
}

/* ---- visitors ---- */

/* Who is there: what they are to this session. */
struct visitor {
	struct qb_helper as; /* their connection, were it to become a session */
	bool inside, owns;
	struct qb_cpus cpus; /* of the innermost run that they are inside of, or the session's */
	/* The seats of all runs that they are inside of and that have joined; are there any? */
	bool around[QB_CLAIM_SEATS], in_guest;
};

/* A run inside of another has CPUs of that one's. */
static void find_around(const struct qb_monitor *m, struct visitor *v)
{
	v->cpus = m->planned.selection.bench;
	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		const struct qb_guest *guest = &m->guests[i];
		const struct qb_journal_bench bench = {
			.pid = guest->pid, .start = guest->start, .joined = true};

		if (!guest->pid || !qb_isolation_inside(&bench, v->as.peer.pid))
			continue;
		v->in_guest = true;
		if (guest->seat < QB_CLAIM_SEATS)
			v->around[guest->seat] = true;
		if (qb_cpus_subset(&guest->cpus, &v->cpus))
			v->cpus = guest->cpus;
	}
}

static void look_at(const struct qb_monitor *m, struct visitor *v)
{
	const struct qb_journal_owner *owner = &m->session.journal.owner;

	find_around(m, v);
	v->inside = m->pool ? v->in_guest
			    : qb_isolation_inside(&m->session.journal.bench, v->as.peer.pid);
	if (qb_peer_dead(&v->as.peer)) /* and the number may have been another's meanwhile */
		v->inside = false;
	v->owns = m->state == QB_STATE_LEASE && !m->pool && v->as.peer.uid == owner->uid;
}

/*
 * A child for the run of somebody inside, or of a lease's owner. In the child the connection is the
 * session from then on, and `m` the run's monitor.
 */
static void admit(struct qb_monitor *m, struct visitor *v)
{
	struct qb_error err = {.code = EUSERS, .text = "too many runs have joined already"};
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	int pair[2] = {-1, -1}, claims = -1;
	struct qb_guest *guest = NULL;
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		guest = qb_door_sit(m, pair[0]);
	if (guest)
		claims = qb_claims_open(&err); /* this session's, which may soon be over */
	if (claims >= 0)
		pid = fork();
	if (pid == 0) {
		qb_join_become(m, &v->as, pair[1], claims, &v->cpus);
		memcpy(m->joined->around, v->around, sizeof(v->around));
		if (qb_join_tell(m) < 0 || qb_message_send(m->helper->session, QB_MSG_DONE, &done,
						   sizeof(done), NULL, 0) < 0)
			m->state = QB_STATE_END;
		return;
	}
	if (pid < 0) {
		qb_message_send_error(v->as.session, &err);
		if (guest)
			guest->connection = 0;
		if (pair[0] >= 0)
			close(pair[0]);
	} else {
		guest->admitted = true;
	}
	if (claims >= 0)
		close(claims);
	if (pair[1] >= 0)
		close(pair[1]);
	close(v->as.session);
	close(v->as.peer.pidfd);
}

/* The helper of a shared run, at its turn: what there is. It says JOIN if it stays. */
static void welcome(struct qb_monitor *m, struct visitor *v)
{
	static struct qb_profile_message profile;
	struct qb_selection_message selection = {.selection = m->planned.selection};
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1, .shared = 1};
	struct qb_guest *guest = qb_door_sit(m, v->as.session);

	close(v->as.peer.pidfd);
	if (!guest) {
		close(v->as.session);
		return;
	}
	profile.profile = m->planned.profile;
	if (qb_message_send(guest->connection, QB_MSG_PROFILE, &profile, sizeof(profile), NULL, 0) <
			0 ||
		qb_message_send(guest->connection, QB_MSG_SELECTION, &selection, sizeof(selection),
			NULL, 0) < 0 ||
		qb_message_send_steps(guest->connection, &m->session.steps) < 0 ||
		qb_message_send(guest->connection, QB_MSG_DONE, &done, sizeof(done), NULL, 0) < 0)
		forget(guest);
}

static void renew(struct qb_monitor *m, const struct qb_helper *guest)
{
	struct qb_journal_owner *owner = &m->session.journal.owner;
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_lease lease;
	struct qb_error err = {0};
	int r = m->limits.limited ? qb_queue_others(guest->peer.uid, &err) : 0;

	if (r > 0)
		r = qb_error_set(&err, EBUSY,
			"another user waits for the host: this apply ends as it was to, and is not renewed");
	if (r == 0)
		r = qb_lease_make(&lease, &m->message.hello, &guest->peer, &m->limits, &err);
	if (r == 0) {
		qb_lease_close(&m->lease);
		m->lease = lease;
		r = qb_lease_start(&lease, owner, &m->session.steps, &err);
	}
	if (r < 0) {
		qb_message_send_error(guest->session, &err);
		return;
	}
	qb_message_send_note(guest->session,
		"renewed with its present settings: %s, CPU %s (for other settings, run quietbench restore first)",
		owner->profile, owner->cpus);
	qb_message_send(guest->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

/* Does what they came for, if it is theirs to ask. True: their connection is looked after. */
static bool answer(struct qb_monitor *m, struct visitor *v)
{
	const struct qb_hello *hello = &m->message.hello;
	const bool root = v->as.peer.uid == 0, leased = m->state == QB_STATE_LEASE;

	switch ((enum qb_purpose)hello->purpose) {
	case QB_PURPOSE_RUN:
		if (!v->inside && !v->owns)
			return false;
		admit(m, v);
		return true;
	case QB_PURPOSE_LEASE:
		if (leased && m->pool && root && hello->shared) {
			welcome(m, v);
			return true;
		}
		if (v->owns)
			renew(m, &v->as);
		return false;
	case QB_PURPOSE_RESTORE:
		if (!leased || !(v->owns || root))
			return false;
		qb_hold_expire(m, &v->as);
		return true;
	}
	return false;
}

void qb_door_serve(struct qb_monitor *m)
{
	struct visitor v = {.as.lock = -1};

	v.as.session = qb_door_answer(m->door, &v.as.peer);
	if (v.as.session < 0)
		return;
	look_at(m, &v);
	if ((v.inside || v.owns || v.as.peer.uid == 0) &&
		qb_door_listen(v.as.session, &m->message) > 0) {
		bool looked_after = answer(m, &v);

		qb_message_close(&m->message);
		if (looked_after)
			return;
	}
	close(v.as.session);
	close(v.as.peer.pidfd);
}
