/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: place */
#include "helper.h"
#include <base/macros.h>
#include <errno.h>
#include <host/move.h>
#include <quietbench/lever.h>
#include <sys/socket.h>

int qb_place_take(struct qb_message *message, int *ret_socket, struct qb_error *err)
{
	const int on = 1;
	socklen_t size = sizeof(int);
	int type = -1, domain = -1;

	/* Another kind of socket can be readable and have nothing to read, or linger. */
	if (message->n_fds != 1 ||
		getsockopt(message->fds[0], SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
		getsockopt(message->fds[0], SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
		type != SOCK_SEQPACKET || domain != AF_UNIX)
		return qb_error_set(err, EPROTO, "RUN takes one socket, of type SOCK_SEQPACKET");
	if (setsockopt(message->fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return qb_error_errno(err, errno, "ask for credentials on the throw-away socket");
	*ret_socket = message->fds[0];
	message->n_fds = 0;
	return 0;
}

static bool wants_lock(const struct qb_steps *steps)
{
	const struct qb_step *step = qb_steps_find(steps, QB_LEVER_PROCESS_LOCK, qb_unit_none());

	return step && step->status == QB_STATUS_PLANNED;
}

/* One process at a time: the one before (a preflight, another run's) has ended. */
static int see_ended(const struct qb_journal_bench *former, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;

	if (former->pid && qb_held_open(former->pid, former->start, &held, NULL) == 0)
		return qb_error_set(err, EBUSY,
			"place the benchmark: the process %d was placed "
			"before it and still runs",
			former->pid);
	return 0;
}

/* Is it, now, a child of the client's, and the client's user's? `uid` is whose it was when it spoke. */
static int judge(const struct qb_held *held, uid_t uid, const struct qb_peer *peer,
	struct qb_task *ret, struct qb_error *err)
{
	struct qb_task task;
	int r = qb_held_task(held, &task, err);

	if (r < 0)
		return r;
	if (uid != peer->uid || task.ppid != peer->pid || task.tgid != task.tid ||
		!qb_task_is_of(&task, peer->uid) || qb_peer_dead(peer))
		return qb_error_set(err, EPERM,
			"process %d is not a child of the client, process %d", task.tid, peer->pid);
	*ret = task;
	return 0;
}

static int place(const struct qb_message *message, const struct qb_helper *helper,
	struct qb_conditioning *session, const struct qb_selection *selection, bool joined,
	bool confined, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	const struct qb_journal_bench *former = &session->journal.bench;
	struct qb_journal_bench bench = {0};
	struct qb_task task;
	int r;

	if (message->head.type != QB_MSG_PLACE || message->pid <= 0)
		return qb_error_set(err, EPROTO, "the throw-away socket is for PLACE alone");
	r = see_ended(former, err);
	if (r == 0 && former->pid) /* what is left of it goes */
		r = qb_isolation_empty(former, false, NULL, err);
	if (r == 0)
		r = qb_held_open(message->pid, 0, &held, err);
	if (r == 0)
		r = judge(&held, message->uid, &helper->peer, &task, err);
	if (r == 0)
		r = qb_isolation_origin(&held, helper->peer.uid, &bench, err);
	bench.joined = joined;
	bench.confined = confined;
	if (r == 0 && joined) {
		session->journal.bench = bench;
		qb_guardian_remember(helper, &bench);
	} else if (r == 0) {
		r = qb_journal_placed(&session->journal, &bench, err);
	}
	if (r == 0)
		r = qb_isolation_place(selection, wants_lock(&session->steps), &bench, &held, err);
	return r;
}

void qb_place_serve(int *socket, const struct qb_helper *helper, struct qb_conditioning *session,
	const struct qb_selection *selection, bool joined, bool confined)
{
	static struct qb_message message;
	struct qb_wire wire = {.fd = *socket};
	struct qb_error err = {0};
	int r = qb_message_receive_now(*socket, QB_SENDER_BENCHMARK, &message, &err);

	if (r > 0) {
		r = place(&message, helper, session, selection, joined, confined, &err);
		qb_message_close(&message);
	}
	if (r < 0)
		qb_wire_send_error(&wire, &err);
	else if (message.size)
		qb_wire_send_done(&wire, QB_MSG_PLACE);
	qb_wire_close(&wire);
	*socket = -1;
}

int qb_place_born(const struct qb_helper *helper, struct qb_conditioning *session, pid_t pid,
	struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	struct qb_journal_bench bench = session->journal.bench;
	struct qb_task task;
	int r = bench.pid == bench.placed ? 0 : see_ended(&bench, err);

	if (r == 0)
		r = qb_held_open(pid, 0, &held, err);
	if (r == 0)
		r = judge(&held, helper->peer.uid, &helper->peer, &task, err);
	if (r == 0 && (pid == bench.placed || !qb_isolation_inside(&bench, pid) ||
			      !qb_held_stands(&held)))
		r = qb_error_set(err, EPERM,
			"process %d was not born in the run's group, or has ended", pid);
	if (r < 0)
		return r;
	bench.pid = pid;
	bench.start = task.start;
	return qb_journal_placed(&session->journal, &bench, err);
}

const struct qb_error qb_place_late = {.code = ECANCELED,
	.text = "the host was restored before the command began: the helper was told to end"};

void qb_place_refuse(int *socket)
{
	struct qb_wire wire = {.fd = *socket};

	qb_wire_send_error(&wire, &qb_place_late);
	qb_wire_close(&wire);
	*socket = -1;
}
