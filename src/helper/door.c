/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: who else comes to a conditioned host. */
#include "monitor_internal.h"
#include <base/macros.h>
#include <errno.h>

/* In the child: a session of its own that begins at PLAN. */
static _Noreturn void serve_guest(
	struct qb_monitor *host, struct qb_helper *helper, int seat, bool claims)
{
	static _Atomic uint16_t pending;
	static struct qb_monitor m;
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1, .shared = claims};
	char holder[256];

	helper->pending = &pending;
	helper->over = host->helper->over;
	m = QB_MONITOR_NONE;
	m.helper = helper;
	m.host = host;
	m.seat = seat;
	m.claims = claims;
	m.signals = host->signals;
	m.state = QB_STATE_PLAN;
	qb_lease_describe(&host->session.journal.owner, holder, sizeof(holder));
	qb_message_send_note(helper->session, "joined %s", holder);
	if (qb_message_send(helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0) < 0)
		_exit(EXIT_FAILURE);
	qb_guests_serve(&m);
}

/*
 * A child for this run, which has the guest's descriptors from then on. `claims`: it takes CPUs that
 * no other shared run has; else it is inside of one (its seat: `inside`), or the run of an owner.
 */
static bool admit(struct qb_monitor *m, struct qb_helper *guest, bool claims, int inside)
{
	const struct qb_error full = {.code = EUSERS, .text = "too many runs have joined already"};
	int seat = qb_guests_seat(m);
	pid_t pid = seat < 0 ? -1 : qb_guests_fork(m, seat, guest);

	if (pid < 0) {
		qb_message_send_error(guest->session, &full);
		return false;
	}
	if (inside >= 0) {
		m->share->runs[seat].cpus = m->share->runs[inside].cpus;
		m->share->runs[seat].claimed = true;
	}
	if (pid == 0) {
		if (inside >= 0)
			m->planned.selection.bench = m->share->runs[inside].cpus;
		serve_guest(m, guest, seat, claims);
	}
	return true;
}

/* Another helper hands over its session, which wants to share (share.h). End of file: not now. */
static void take_over(struct qb_monitor *m, int connection)
{
	struct qb_helper guest = {.lock = -1};

	if (!qb_share_has_room(m) || qb_peer_look(m->message.fds[0], &guest.peer, NULL) < 0)
		return;
	guest.session = m->message.fds[0];
	m->message.n_fds = 0;
	if (admit(m, &guest, true, -1)) {
		qb_message_send_done(connection, QB_MSG_HELLO);
		return;
	}
	close(guest.session);
	close(guest.peer.pidfd);
}

static void renew(struct qb_monitor *m, const struct qb_helper *guest)
{
	struct qb_journal_owner *owner = &m->session.journal.owner;
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_lease lease;
	struct qb_error err = {0};
	int r = qb_lease_make(&lease, &m->message.hello, &guest->peer, &m->limits, &err);

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
		"renewed with the settings that it has: %s, CPU %s (for others, restore first)",
		owner->profile, owner->cpus);
	qb_message_send(guest->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

void qb_door_expire(struct qb_monitor *m, const struct qb_helper *by)
{
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_error err = {0};

	qb_lease_close(&m->lease);
	if (by) {
		m->helper->session = by->session;
		m->helper->peer = by->peer;
	}
	if (qb_monitor_restore(m, false, &err) < 0) {
		qb_monitor_end(m, &err);
		return;
	}
	m->state = by ? QB_STATE_RESTORE : QB_STATE_END;
	if (by) /* he who does not hear it is seen to be gone */
		qb_message_send(by->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

/* Who is there: what he is to this session. */
struct visitor {
	struct qb_helper as; /* his connection, were it to become a session */
	bool inside, owns;
	int seat; /* of the shared run that he is inside of, or -1 */
};

static void look_at(const struct qb_monitor *m, struct visitor *v)
{
	const struct qb_journal_owner *owner = &m->session.journal.owner;

	v->seat = m->share ? qb_share_inside(m, v->as.peer.pid) : -1;
	v->inside = m->share ? v->seat >= 0
			     : qb_isolation_inside(&m->session.journal.bench, v->as.peer.pid);
	v->owns = m->state == QB_STATE_LEASE && !m->share && v->as.peer.uid == owner->uid;
}

/* Does what he came for, if it is his to ask. True: his connection is somebody's session now. */
static bool answer(struct qb_monitor *m, struct visitor *v)
{
	const bool root = v->as.peer.uid == 0;

	switch ((enum qb_purpose)m->message.hello.purpose) {
	case QB_PURPOSE_RUN:
		if (m->share && root && m->message.hello.shared && m->message.n_fds == 1)
			take_over(m, v->as.session);
		else if (v->inside || v->owns)
			return admit(m, &v->as, false, v->seat);
		return false;
	case QB_PURPOSE_LEASE:
		if (v->owns)
			renew(m, &v->as);
		return false;
	case QB_PURPOSE_RESTORE:
		if (m->state != QB_STATE_LEASE || !(v->owns || root))
			return false;
		qb_door_expire(m, &v->as);
		return true;
	}
	return false;
}

void qb_door_serve(struct qb_monitor *m)
{
	struct visitor v = {.as.lock = -1};
	bool stays = false;

	v.as.session = qb_door_answer(m->door, &v.as.peer);
	if (v.as.session < 0)
		return;
	look_at(m, &v);
	if ((v.inside || v.owns || v.as.peer.uid == 0) &&
		qb_door_listen(v.as.session, &m->message) > 0) {
		stays = answer(m, &v);
		qb_message_close(&m->message);
	}
	if (stays)
		return;
	close(v.as.session);
	close(v.as.peer.pidfd);
}
