/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor. What it MUST hold, whoever sends what:
 *
 *  1. It changes the host only between the lock being taken and the session being restored, and
 *     only through steps that are in the journal.
 *  2. It accepts a request only in the states the table permits; anything else ends the session.
 *  3. It takes (lever, unit, value) triples, numbers and names; never a path.
 *  4. It judges every value by the lever's own specification, also the planner's, and what is
 *     done for anybody but root by the policy.
 *  5. `before` is what it has read itself.
 *  6. It places only a child of the client's with the client's uid, known by the kernel's word, and
 *     no other while that one lives.
 *  7. Whenever a session ends - request, end of file, the client's death, SIGTERM, an error - the
 *     host is restored before the lock is left. A benchmark does not outlive its client.
 *     Only a lease, once granted, outlives its client; it ends as helper.h says.
 *  8. Who says nothing is sent away: HELLO comes within HELLO_MS.
 *  9. What it did for whom, and why not, is in the host's log.
 * 10. A session that cannot be settled ends with QB_MONITOR_UNSETTLED, and the guardian tries.
 * 11. A run that joins conditions nothing and restores nothing. The monitor that serves it has neither
 *     lock nor journal and changes nothing but a group below the run's.
 * 12. Shared runs get CPUs that no other of them has, and the host is restored with the last one.
 *     Their session is root's alone to join at the door: a helper's, which has proved the privilege.
 * 13. It sees nobody itself: who runs on the CPUs of what it placed is told by quietbench-watcher, which
 *     is told what the policy lets the client see.
 * 14. The lock is where the state is: when /run/quietbench is removed or replaced, the session that
 *     holds the host ends; its journal is written anew first, and no other session begins before.
 */
#include "monitor_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* A client says HELLO at once; a silent connection would keep a process of root's for nothing. */
#define HELLO_MS 10000

#define IN(state) (1u << QB_STATE_##state)
static const struct {
	enum qb_message_type type;
	unsigned states;
	int (*serve)(struct qb_monitor *m, struct qb_error *err);
} requests[] = {
	{QB_MSG_HELLO, IN(HELLO), qb_request_hello},
	{QB_MSG_PLAN, IN(PLAN), qb_request_plan},
	{QB_MSG_APPLY, IN(APPLY), qb_request_apply},
	{QB_MSG_LEASE, IN(OFFER), qb_request_lease},
	{QB_MSG_JOIN, IN(OFFER), qb_request_join},
	{QB_MSG_RUN, IN(RUN) | IN(RESTORE), qb_request_run},
	{QB_MSG_WATCH, IN(RUN) | IN(RESTORE), qb_request_watch},
	{QB_MSG_RESTORE, IN(RUN) | IN(RESTORE), qb_request_restore},
	{QB_MSG_BYE, ~0u, qb_request_bye},
};

/* One request of the client's. Negative: the session is over, and *err says why. */
static int serve(struct qb_monitor *m, struct qb_error *err)
{
	int r = qb_message_receive(m->helper->session, QB_SENDER_CLIENT, &m->message, err);

	if (r <= 0)
		return r < 0 ? r : qb_error_set(err, EPIPE, "the client is gone");
	for (size_t i = 0; i < QB_ARRAY_SIZE(requests); i++)
		if (requests[i].type == m->message.head.type &&
			requests[i].states & 1u << m->state) {
			*m->helper->pending = m->message.head.type;
			r = requests[i].serve(m, err);
			if (r < 0 && !err->code)
				qb_error_errno(err, -r, "answer the client");
			if (m->state != QB_STATE_END)
				*m->helper->pending = 0;
			qb_message_close(&m->message);
			return r;
		}
	qb_message_close(&m->message);
	return qb_error_set(err, EPROTO, "request %u is not permitted in state %d",
		m->message.head.type, (int)m->state);
}

static void terminated(struct qb_monitor *m)
{
	struct qb_error err = {0};

	if (m->early || m->over)
		return; /* the host is restored; we stay to tell the client, or to see it die */
	if (m->state == QB_STATE_LEASE) {
		qb_hold_expire(m, NULL);
		m->early = true;
		return;
	}
	if (m->state != QB_STATE_RUN || qb_hold_restore(m, false, &err) < 0) {
		if (!err.code)
			qb_error_set(&err, ECANCELED, "the helper was told to end");
		qb_hold_end(m, &err);
		return;
	}
	m->early = true;
	m->state = QB_STATE_RESTORE;
}

static void take_signal(struct qb_monitor *m)
{
	struct signalfd_siginfo signal;

	if (read(m->signals, &signal, sizeof(signal)) != (ssize_t)sizeof(signal))
		return;
	if (signal.ssi_signo == SIGCHLD)
		while (waitpid(-1, NULL, WNOHANG) > 0)
			; /* guests: what they leave is told by their connections */
	else
		terminated(m);
}

/*
 * The host is to be held no longer: as with SIGTERM it is restored and the benchmark goes on, but the
 * lock is left as well. Nothing of this session touches the host any more.
 */
static void give_up(struct qb_monitor *m, const struct qb_error *why)
{
	struct qb_error err = {0};

	qb_limits_stop(&m->limits);
	if (m->state == QB_STATE_LEASE) { /* of shared runs: their own sessions tell them */
		qb_hold_expire(m, NULL);
		return;
	}
	if (m->state != QB_STATE_RUN || qb_hold_restore(m, false, &err) < 0) {
		qb_hold_end(m, err.code ? &err : why);
		return;
	}
	m->over = true;
	m->state = QB_STATE_RESTORE;
	qb_message_send_note(
		m->helper->session, "%s: the host is restored, the command goes on", why->text);
}

static void overdue(struct qb_monitor *m)
{
	struct qb_error why = {0};

	qb_limits_explain(&m->limits, &why);
	give_up(m, &why);
}

/* MUST 14. What is in the journal's file is still ours to read, and a recovery's to find. */
static void lost(struct qb_monitor *m)
{
	char events[4096];
	struct qb_error why = {0};

	while (read(m->helper->lost, events, sizeof(events)) > 0)
		;
	if (m->restored || !qb_lock_lost(m->helper->lock))
		return;
	qb_error_set(&why, ESTALE, QB_STATE_DIR " was removed or replaced");
	qb_audit(&m->helper->peer, "%s", why.text);
	qb_restore_save(&m->session);
	give_up(m, &why);
}

static void place(struct qb_monitor *m)
{
	const bool confined = m->joined && m->joined->shared;

	qb_place_serve(&m->place, &m->helper->peer, &m->session, &m->planned.selection,
		m->joined != NULL, confined);
	if (m->joined && m->session.journal.bench.pid)
		qb_join_placed(m);
}

/* How long the monitor waits for anything to happen; -1: for ever. */
static int patience(const struct qb_monitor *m)
{
	return m->state == QB_STATE_HELLO ? HELLO_MS : -1;
}

/* What the monitor waits for; who comes first is heard first. */
enum {
	SOURCE_SESSION,
	SOURCE_SIGNALS,
	SOURCE_CLIENT,
	SOURCE_PLACE,
	SOURCE_LEASE_TIMER,
	SOURCE_LEASE_PROCESS,
	SOURCE_LIMIT,
	SOURCE_LOST,
	SOURCE_DOOR,
	SOURCE_GUESTS,
	SOURCE_COUNT = SOURCE_GUESTS + QB_GUESTS_MAX,
};

static void gather(const struct qb_monitor *m, struct pollfd fds[SOURCE_COUNT])
{
	const bool leased = m->state == QB_STATE_LEASE;
	const int own[] = {
		[SOURCE_SESSION] = m->helper->session,
		[SOURCE_SIGNALS] = m->signals,
		[SOURCE_CLIENT] = m->helper->peer.pidfd,
		[SOURCE_PLACE] = m->place,
		[SOURCE_LEASE_TIMER] = leased ? m->lease.timer : -1,
		[SOURCE_LEASE_PROCESS] = leased ? m->lease.pidfd : -1,
		[SOURCE_LIMIT] = m->limits.timer,
		[SOURCE_LOST] = m->helper->lost,
		[SOURCE_DOOR] = m->door,
	};

	for (int i = 0; i < SOURCE_GUESTS; i++)
		fds[i] = (struct pollfd){.fd = own[i], .events = POLLIN};
	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		int connection = m->guests[i].connection;

		fds[SOURCE_GUESTS + i] =
			(struct pollfd){.fd = connection ? connection : -1, .events = POLLIN};
	}
}

/* A guest speaks before a visitor: that one may come from inside of the guest's benchmark. */
static bool hear_guest(struct qb_monitor *m, const struct pollfd *fds)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (fds[i].revents) {
			qb_door_hear(m, &m->guests[i]);
			return true;
		}
	return false;
}

/* One of those that have something for us. */
static void react(struct qb_monitor *m, const struct pollfd *fds)
{
	const struct qb_error gone = {.code = EPIPE, .text = "the client is gone"};
	const short session = fds[SOURCE_SESSION].revents;
	struct qb_error err = {0};

	if (fds[SOURCE_PLACE].revents)
		place(m);
	else if (session & POLLIN && serve(m, &err) < 0)
		qb_hold_end(m, &err);
	else if (session & POLLIN)
		return;
	else if (fds[SOURCE_CLIENT].revents || session & (POLLHUP | POLLERR))
		qb_hold_end(m, &gone);
	else if (fds[SOURCE_SIGNALS].revents)
		take_signal(m);
	else if (fds[SOURCE_LIMIT].revents)
		overdue(m);
	else if (fds[SOURCE_LOST].revents)
		lost(m);
	else if (fds[SOURCE_LEASE_TIMER].revents || fds[SOURCE_LEASE_PROCESS].revents)
		qb_hold_expire(m, NULL);
	else if (!hear_guest(m, fds + SOURCE_GUESTS) && fds[SOURCE_DOOR].revents)
		qb_door_serve(m);
}

static void loop(struct qb_monitor *m)
{
	while (m->state != QB_STATE_END) {
		struct pollfd fds[SOURCE_COUNT];
		struct qb_error err = {0};
		int r;

		gather(m, fds);
		r = poll(fds, SOURCE_COUNT, patience(m));
		if (r < 0 && errno != EINTR)
			qb_error_errno(&err, errno, "wait for the client");
		if (r == 0 && m->state == QB_STATE_HELLO)
			qb_error_set(&err, ETIMEDOUT, "the client said nothing for %d s",
				HELLO_MS / 1000);
		if (err.code)
			qb_hold_end(m, &err);
		else if (r > 0)
			react(m, fds);
	}
}

/*
 * The session of shared runs is over and the host free, but the founder's client is still served by a
 * child of ours. Where systemd started the helper, that child would be ended with it.
 */
static void outlive_guests(const struct qb_monitor *m)
{
	struct pollfd p = {.fd = m->signals, .events = POLLIN};
	struct signalfd_siginfo signal = {0};
	pid_t ended = 0;

	if (m->helper->session >= 0) /* who asked for the end, and waits for ours */
		close(m->helper->session);
	while (ended >= 0 && signal.ssi_signo != SIGTERM) {
		do
			ended = waitpid(-1, NULL, WNOHANG);
		while (ended > 0);
		if (ended == 0 && poll(&p, 1, -1) == 1 &&
			read(m->signals, &signal, sizeof(signal)) < 0)
			return;
	}
}

int qb_monitor_run(struct qb_helper *helper)
{
	static struct qb_monitor m;
	sigset_t mask;
	int status;

	m = QB_MONITOR_NONE;
	m.helper = helper;
	qb_file_keep();
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	m.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (m.signals < 0)
		return EXIT_FAILURE;
	loop(&m);
	status = m.summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
	if (m.session.journal.fd >= 0)
		status = QB_MONITOR_UNSETTLED;
	else if (m.pool && !m.early)
		outlive_guests(&m);
	qb_conditioning_free(&m.session);
	return status;
}
