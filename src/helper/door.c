/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: other clients that connect to the host while this session holds it. */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A visitor says HELLO at once, and few come at a time. */
#define HELLO_NS     QB_NS_PER_S
#define VISITORS_MAX 16

int qb_door_open(int *ret, struct qb_error *err)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = QB_DOOR_PATH};
	int door = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	unlink(QB_DOOR_PATH); /* a dead session's; the lock is ours */
	if (door < 0 || bind(door, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		chmod(QB_DOOR_PATH, 0666) < 0 || listen(door, 16) < 0) {
		qb_error_errno(err, errno, "listen at %s", QB_DOOR_PATH);
		if (door >= 0)
			close(door);
		return -err->code;
	}
	*ret = door;
	return 0;
}

/* ---- guests ---- */

struct qb_guest *qb_door_sit(struct qb_monitor *m, int connection, enum qb_guest_kind kind)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (!m->guests[i].kind) {
			m->guests[i] = (struct qb_guest){
				.kind = kind, .wire.fd = connection, .peer.pidfd = -1};
			return &m->guests[i];
		}
	return NULL;
}

static unsigned count(const struct qb_monitor *m, enum qb_guest_kind kind)
{
	unsigned n = 0;

	for (int i = 0; i < QB_GUESTS_MAX; i++)
		n += m->guests[i].kind == kind;
	return n;
}

static void forget(struct qb_guest *guest)
{
	if (!guest->kind)
		return;
	qb_wire_close(&guest->wire);
	if (guest->peer.pidfd >= 0)
		close(guest->peer.pidfd);
	*guest = (struct qb_guest){0};
}

void qb_door_dismiss(struct qb_monitor *m)
{
	bool served = m->keeper || m->state < QB_STATE_LEASE;

	for (int i = 0; i < QB_GUESTS_MAX; i++)
		served = served || m->guests[i].founder;
	if (served || m->founder < 0)
		return;
	shutdown(m->founder, SHUT_RDWR);
	close(m->founder);
	m->founder = -1;
}

/* The last of the shared runs has left. If it asked, it is told how the host came back. */
static void restore_after(struct qb_monitor *m, struct qb_guest *last, bool asked)
{
	struct qb_error err = {0};

	if (asked) {
		m->helper->client = last->wire;
		last->wire = QB_WIRE_NONE;
	}
	if (qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, &err);
		return;
	}
	m->state = QB_STATE_END;
	qb_wire_send_restored(&m->helper->client, &m->session.steps, &m->summary, false, false);
}

static void leave(struct qb_monitor *m, struct qb_guest *guest, bool asked)
{
	const struct qb_done done = {
		.of = QB_MSG_RESTORE, .complete = 1, .joined = guest->kind == QB_GUEST_SHARED};

	if (guest->kind == QB_GUEST_SHARED) {
		guest->kind = QB_GUEST_HELPER;
		qb_claims_ring();
	}
	if (m->state == QB_STATE_LEASE && done.joined && !count(m, QB_GUEST_SHARED))
		restore_after(m, guest, asked);
	else if (asked)
		qb_wire_send(&guest->wire, QB_MSG_DONE, &done, sizeof(done));
}

static void take_join(struct qb_guest *guest, const struct qb_join *join)
{
	if (guest->kind == QB_GUEST_HELPER)
		guest->kind = QB_GUEST_SHARED;
	guest->pid = join->pid;
	guest->start = join->start;
	guest->cpus = join->cpus;
	guest->seat = join->seat;
	/* Later, when its benchmark is placed, it does not wait for an answer. */
	if (!join->pid && guest->kind == QB_GUEST_SHARED)
		qb_wire_send_done(&guest->wire, QB_MSG_JOIN);
}

/* ---- visitors ---- */

/* What a visitor is to this session. */
struct relation {
	bool inside, owns;
	struct qb_cpus cpus; /* of the innermost run that they are inside of, or the session's */
	/* The seats of all runs that they are inside of and that have joined; are there any? */
	bool around[QB_CLAIM_SEATS], in_guest;
};

/* A run inside of another has CPUs of that one's. */
static void find_around(const struct qb_monitor *m, const struct qb_peer *peer, struct relation *to)
{
	to->cpus = m->planned.selection.bench;
	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		const struct qb_guest *guest = &m->guests[i];
		const struct qb_journal_bench bench = {.pid = guest->pid,
			.placed = guest->pid,
			.start = guest->start,
			.joined = true};

		if (!guest->kind || !guest->pid || !qb_isolation_inside(&bench, peer->pid))
			continue;
		to->in_guest = true;
		if (guest->seat < QB_CLAIM_SEATS)
			to->around[guest->seat] = true;
		if (qb_cpus_subset(&guest->cpus, &to->cpus))
			to->cpus = guest->cpus;
	}
}

static struct relation relate(const struct qb_monitor *m, const struct qb_peer *peer)
{
	struct relation to = {0};

	find_around(m, peer, &to);
	to.inside =
		m->pool ? to.in_guest : qb_isolation_inside(&m->session.journal.bench, peer->pid);
	if (qb_peer_dead(peer)) /* and the number may have been another's meanwhile */
		to.inside = false;
	to.owns =
		m->state == QB_STATE_LEASE && !m->pool && peer->uid == m->session.journal.owner.uid;
	return to;
}

/*
 * A child for the run of somebody inside, or of a lease's owner. In the child the connection is the
 * session from then on, and `m` the run's monitor.
 */
static void admit(struct qb_monitor *m, struct qb_guest *visitor, const struct relation *to)
{
	struct qb_error err = {.code = EUSERS, .text = "too many runs have joined already"};
	const struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	const struct qb_helper as = {.client = visitor->wire, .peer = visitor->peer};
	int pair[2] = {-1, -1}, claims = -1;
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		claims = qb_claims_open(&err); /* this session's, which may soon be over */
	if (claims >= 0)
		pid = fork();
	if (pid == 0) {
		if (qb_join_become(m, &as, pair[1], claims, &to->cpus) < 0)
			_exit(EXIT_FAILURE);
		memcpy(m->joined->around, to->around, sizeof(to->around));
		qb_join_tell(m);
		qb_wire_send(&m->helper->client, QB_MSG_DONE, &done, sizeof(done));
		return;
	}
	if (pid < 0) {
		qb_wire_send_error(&visitor->wire, &err);
		if (pair[0] >= 0)
			close(pair[0]);
	}
	if (claims >= 0)
		close(claims);
	if (pair[1] >= 0)
		close(pair[1]);
	/* Their seat is the run's, and their connection the child's. */
	if (pid > 0) {
		close(visitor->wire.fd);
		visitor->wire.fd = -1;
	}
	forget(visitor);
	if (pid > 0)
		qb_door_sit(m, pair[0], QB_GUEST_ADMITTED);
}

/* The helper of a shared run, at its turn: what there is. It says JOIN if it stays. */
static void welcome(struct qb_monitor *m, struct qb_guest *guest)
{
	static struct qb_profile_message profile;
	const struct qb_selection_message selection = {.selection = m->planned.selection};
	const struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1, .shared = 1};

	guest->kind = QB_GUEST_HELPER;
	profile.profile = m->planned.profile;
	qb_wire_send(&guest->wire, QB_MSG_PROFILE, &profile, sizeof(profile));
	qb_wire_send(&guest->wire, QB_MSG_SELECTION, &selection, sizeof(selection));
	qb_wire_send_steps(&guest->wire, &m->session.steps);
	qb_wire_send(&guest->wire, QB_MSG_DONE, &done, sizeof(done));
}

static void renew(struct qb_monitor *m, struct qb_guest *visitor)
{
	const struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_journal_owner *owner = &m->session.journal.owner;
	struct qb_lease lease;
	struct qb_error err = {0};
	int r = m->limits.limited ? qb_queue_others(visitor->peer.uid, &err) : 0;

	if (r > 0)
		r = qb_error_set(&err, EBUSY,
			"another user waits for the host: this apply ends as it was to, and is not renewed");
	if (r == 0)
		r = qb_lease_make(&lease, &m->message.hello, &visitor->peer, &m->limits, &err);
	if (r == 0) {
		qb_lease_close(&m->lease);
		m->lease = lease;
		r = qb_lease_start(&lease, owner, &m->session.steps, &err);
	}
	if (r < 0) {
		qb_wire_send_error(&visitor->wire, &err);
		return;
	}
	qb_hold_expect(m);
	qb_wire_send_note(&visitor->wire,
		"renewed with its present settings: %s, CPU %s (for other settings, run quietbench restore first)",
		owner->profile, owner->cpus);
	qb_wire_send(&visitor->wire, QB_MSG_DONE, &done, sizeof(done));
}

/* Does what they came for, if it is theirs to ask. False: their connection is over. */
static bool answer(struct qb_monitor *m, struct qb_guest *visitor)
{
	const struct qb_hello *hello = &m->message.hello;
	const struct relation to = relate(m, &visitor->peer);
	const bool root = visitor->peer.uid == 0, leased = m->state == QB_STATE_LEASE;

	switch ((enum qb_purpose)hello->purpose) {
	case QB_PURPOSE_RUN:
		if (!to.inside && !to.owns)
			return false;
		admit(m, visitor, &to);
		return true;
	case QB_PURPOSE_LEASE:
		if (leased && m->pool && root && hello->shared) {
			welcome(m, visitor);
			return true;
		}
		if (to.owns)
			renew(m, visitor);
		return false;
	case QB_PURPOSE_RESTORE:
		if (!leased || !(to.owns || root))
			return false;
		qb_hold_expire(m, visitor);
		return true;
	}
	return false;
}

void qb_door_hear(struct qb_monitor *m, struct qb_guest *guest)
{
	struct qb_message *message = &m->message;
	const bool visits = guest->kind == QB_GUEST_VISITOR;
	bool stays = false;

	if (qb_message_receive_now(guest->wire.fd, QB_SENDER_GUEST, message, NULL) > 0) {
		const enum qb_message_type type = (enum qb_message_type)message->head.type;

		stays = true;
		if (visits)
			stays = type == QB_MSG_HELLO && answer(m, guest);
		else if (type == QB_MSG_JOIN && (m->pool || guest->kind == QB_GUEST_ADMITTED))
			take_join(guest, &message->join);
		else if (type == QB_MSG_RESTORE && m->pool)
			leave(m, guest, true);
		else
			stays = false;
	}
	if (stays)
		return;
	leave(m, guest, false);
	forget(guest);
	qb_door_dismiss(m);
}

void qb_door_serve(struct qb_monitor *m)
{
	int connection = accept4(m->door, NULL, NULL, SOCK_CLOEXEC);
	struct qb_peer peer = {.pidfd = -1};
	struct qb_guest *guest = NULL;
	struct relation to;

	if (connection < 0)
		return;
	if (qb_peer_look(connection, &peer, NULL) == 0) {
		to = relate(m, &peer);
		if ((to.inside || to.owns || peer.uid == 0) &&
			count(m, QB_GUEST_VISITOR) < VISITORS_MAX)
			guest = qb_door_sit(m, connection, QB_GUEST_VISITOR);
	}
	if (guest) {
		guest->peer = peer;
		guest->until_ns = qb_ns_now(CLOCK_MONOTONIC) + HELLO_NS;
		return;
	}
	qb_wire_close(&(struct qb_wire){.fd = connection});
	if (peer.pidfd >= 0)
		close(peer.pidfd);
}

int64_t qb_door_tend(struct qb_monitor *m)
{
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC);
	int64_t until = INT64_MAX;

	for (int i = 0; i < QB_GUESTS_MAX && m->state != QB_STATE_END; i++) {
		struct qb_guest *guest = &m->guests[i];
		int64_t late = qb_wire_until(&guest->wire);

		if (!guest->kind)
			continue;
		if (guest->kind == QB_GUEST_VISITOR && guest->until_ns < late)
			late = guest->until_ns;
		if (qb_wire_flush(&guest->wire) < 0 || late <= now) {
			leave(m, guest, false);
			forget(guest);
			qb_door_dismiss(m);
		} else if (late < until) {
			until = late;
		}
	}
	return until;
}

void qb_door_close(struct qb_monitor *m)
{
	int connection;

	/* Whoever is before it: nobody comes any more. */
	while (shutdown(m->door, SHUT_RDWR) == 0 &&
		(connection = accept4(m->door, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		qb_wire_close(&(struct qb_wire){.fd = connection});
	if (m->door >= 0)
		close(m->door);
	m->door = -1;
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		forget(&m->guests[i]);
}
