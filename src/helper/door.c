/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor_internal.h: who else comes to a conditioned host. */
#include "monitor_internal.h"
#include <base/macros.h>
#include <errno.h>
#include <sys/wait.h>

/* So many runs may have joined at a time: each is a process of root's. */
#define GUESTS_MAX 128

/*
 * Closes all descriptors from 3 on but these: whatever the host's session holds - the lock, the
 * journal, a lever's promise of some latency - must end with that session.
 */
static void keep_only(const int *kept, size_t n)
{
	for (unsigned from = 3;;) {
		unsigned next = ~0u;

		for (size_t i = 0; i < n; i++)
			if (kept[i] >= (int)from && (unsigned)kept[i] < next)
				next = (unsigned)kept[i];
		if (next > from)
			close_range(from, next == ~0u ? next : next - 1, 0);
		if (next == ~0u)
			return;
		from = next + 1;
	}
}

/* In the child: a session of its own that begins at PLAN. */
static _Noreturn void serve_guest(struct qb_monitor *host, struct qb_helper *helper)
{
	static _Atomic uint16_t pending;
	static struct qb_monitor m;
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	char holder[256];

	int kept[3 + QB_REQUEST_FILES] = {helper->session, helper->peer.pidfd, host->signals};

	memcpy(kept + 3, host->wanted.fds, host->wanted.request.n_files * sizeof(kept[0]));
	keep_only(kept, 3u + host->wanted.request.n_files);
	qb_join_keep_steps(&host->session.steps, false);
	helper->pending = &pending;
	helper->over = host->helper->over;
	m = QB_MONITOR_NONE;
	m.helper = helper;
	m.host = host;
	m.signals = host->signals;
	m.state = QB_STATE_PLAN;
	qb_lease_describe(&host->session.journal.owner, holder, sizeof(holder));
	qb_message_send_note(helper->session, "joined %s", holder);
	if (qb_message_send(helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0) == 0)
		qb_monitor_loop(&m);
	_exit(EXIT_SUCCESS);
}

static void admit(struct qb_monitor *m, struct qb_helper *guest)
{
	const struct qb_error full = {.code = EUSERS, .text = "too many runs have joined already"};
	pid_t pid = -1;

	while (m->guests && waitpid(-1, NULL, WNOHANG) > 0)
		m->guests--;
	if (m->guests < GUESTS_MAX)
		pid = fork();
	if (pid == 0)
		serve_guest(m, guest);
	if (pid < 0)
		qb_message_send_error(guest->session, &full);
	else
		m->guests++;
}

static void renew(struct qb_monitor *m, const struct qb_helper *guest)
{
	struct qb_journal_owner *owner = &m->session.journal.owner;
	struct qb_done done = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_lease lease;
	struct qb_error err = {0};
	int r = qb_lease_make(&lease, &m->message.hello, &guest->peer, &err);

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

void qb_door_serve(struct qb_monitor *m)
{
	const struct qb_journal_owner *owner = &m->session.journal.owner;
	struct qb_helper guest = {.lock = -1};
	bool inside, owns;

	guest.session = qb_door_answer(m->door, &guest.peer);
	if (guest.session < 0)
		return;
	inside = qb_isolation_inside(&m->session.journal.bench, guest.peer.pid);
	owns = m->state == QB_STATE_LEASE && guest.peer.uid == owner->uid;
	if ((inside || owns || guest.peer.uid == 0) &&
		qb_door_listen(guest.session, &m->message) > 0) {
		enum qb_purpose purpose = m->message.hello.purpose;

		if (purpose == QB_PURPOSE_RUN && (inside || owns))
			admit(m, &guest);
		else if (purpose == QB_PURPOSE_LEASE && owns)
			renew(m, &guest);
		else if (purpose == QB_PURPOSE_RESTORE && m->state == QB_STATE_LEASE &&
			 (owns || guest.peer.uid == 0)) {
			qb_door_expire(m, &guest);
			return; /* the connection is the session now */
		}
	}
	close(guest.session);
	close(guest.peer.pidfd);
}
