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
 *     no other while the benchmark lives: that one, or the one that BORN names (18).
 *  7. Whenever a session ends - request, end of file, the client's death, SIGTERM, an error - the
 *     host is restored before the lock is left. A benchmark does not outlive its client.
 *     Only a lease, once granted, outlives its client; it ends as helper.h says.
 *     The lock is left when the host is restored, not when the client says BYE.
 *  8. Who says nothing is sent away: in the states in which a client has nothing to wait for, its next
 *     request comes within the seconds of the table.
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
 * 15. It blocks on no socket of anybody's: it receives what poll has found, without waiting, and sends
 *     through queues that are bounded in size and time (helper.h, wire). Who does not read, or sends
 *     what cannot be read, is gone, and so is its session. Restoring waits for no client. Nor does it
 *     close what somebody handed over, or put into a socket, but what cannot block (helper.h, wire).
 * 16. It takes a request when the answer to the one before is sent, and notes it before it takes it.
 * 17. Every wait hears SIGTERM and the client's death, and has a limit.
 * 18. BORN changes nothing of the host, and is for a child that lives: the client's, with the client's uid, in the
 *     run's group, where nobody gets but by being placed or forked, and not the one that was placed. The one before
 *     it has ended; the host is not restored; the run has not joined. From then on it is the benchmark in all of the
 *     above. What was placed is not waited for: whatever it does or does not do keeps nobody.
 */
#include "monitor_internal.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What a session waits for: these requests, and how many seconds for one; 0: as long as it takes. */
#define MAY(type) (1u << QB_MSG_##type)
static const struct {
	unsigned seconds, requests;
} states[] = {
	[QB_STATE_HELLO] = {10, MAY(HELLO)},
	[QB_STATE_PLAN] = {60, MAY(PLAN)},
	[QB_STATE_APPLY] = {60, MAY(APPLY)},
	[QB_STATE_RUN] = {0, MAY(RUN) | MAY(BORN) | MAY(WATCH) | MAY(RESTORE)},
	[QB_STATE_OFFER] = {60, MAY(LEASE) | MAY(JOIN)},
	[QB_STATE_LEASE] = {0, 0},
	[QB_STATE_RESTORE] = {60, MAY(RESTORE)},
	[QB_STATE_OVER] = {0, MAY(RUN) | MAY(BORN) | MAY(WATCH) | MAY(RESTORE)},
	[QB_STATE_END] = {0, 0},
};

static int (*const requests[QB_MSG_END])(struct qb_monitor *m, struct qb_error *err) = {
	[QB_MSG_HELLO] = qb_request_hello,
	[QB_MSG_PLAN] = qb_request_plan,
	[QB_MSG_APPLY] = qb_request_apply,
	[QB_MSG_LEASE] = qb_request_lease,
	[QB_MSG_JOIN] = qb_request_join,
	[QB_MSG_RUN] = qb_request_run,
	[QB_MSG_BORN] = qb_request_born,
	[QB_MSG_WATCH] = qb_request_watch,
	[QB_MSG_RESTORE] = qb_request_restore,
	[QB_MSG_BYE] = qb_request_bye,
};

/* One request of the client's. Negative: the session is over, and *err says why. */
static int serve(struct qb_monitor *m, struct qb_error *err)
{
	const int session = m->helper->client.fd;
	unsigned type;
	bool fds;
	int r;

	*m->helper->pending = (uint16_t)qb_message_peek(session, &fds);
	r = qb_message_receive_now(session, QB_SENDER_CLIENT, &m->message, err);
	if (r <= 0)
		return r < 0 ? r : qb_error_set(err, EPIPE, "the client is gone");
	type = m->message.head.type;
	if ((states[m->state].requests | MAY(BYE)) & 1u << type) {
		r = requests[type](m, err);
		if (r < 0 && !err->code)
			qb_error_errno(err, -r, "answer the client");
	} else {
		r = qb_error_set(err, EPROTO, "request %u is not permitted in state %d", type,
			(int)m->state);
	}
	if (r >= 0) /* else it may be anything, and is closed with this process: MUST 15 */
		qb_message_close(&m->message);
	m->heard_ns = qb_ns_now(CLOCK_MONOTONIC);
	return r;
}

/*
 * Those that serve guests, or their guardians: what they leave is told by their connections. A stopped one
 * goes on. -1: there are none.
 */
static pid_t reap(struct qb_monitor *m)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0)
		if (WIFSTOPPED(status))
			kill(pid, SIGCONT);
		else if (pid == m->keeper)
			m->keeper = 0;
	qb_door_dismiss(m);
	return pid;
}

static void take_signals(struct qb_monitor *m)
{
	const struct qb_error why = {.code = ECANCELED, .text = "the helper was told to end"};
	struct signalfd_siginfo signal;

	while (read(m->helper->children, &signal, sizeof(signal)) > 0)
		;
	(void)reap(m);
	if (read(m->helper->term, &signal, sizeof(signal)) <= 0)
		return;
	qb_hold_break_off(m, &why, false);
	if (m->restored) /* the watchdog need not wait for more */
		qb_guardian_expect(m->helper, 0);
}

/*
 * The policy's time for a run is over: as with SIGTERM the host is restored and the benchmark goes
 * on.
 */
static void overdue(struct qb_monitor *m)
{
	struct qb_error why = {0};

	qb_limits_explain(&m->limits, &why);
	qb_limits_stop(&m->limits);
	qb_hold_break_off(m, &why, true);
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
	qb_hold_break_off(m, &why, true);
}

static void place(struct qb_monitor *m)
{
	const bool confined = m->joined && m->joined->shared;

	qb_place_serve(&m->place, m->helper, &m->session, &m->planned.selection, m->joined != NULL,
		confined);
	if (m->joined && m->session.journal.bench.pid)
		qb_join_placed(m);
}

/* What the monitor waits for; who comes first is heard first. */
enum {
	SOURCE_SESSION,
	SOURCE_TERM,
	SOURCE_CHILDREN,
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

/* Nothing more is heard of who has not taken its answer yet. */
static short interest(const struct qb_wire *wire)
{
	return wire->first ? POLLOUT : POLLIN;
}

static void gather(const struct qb_monitor *m, struct pollfd fds[SOURCE_COUNT])
{
	const bool leased = m->state == QB_STATE_LEASE;
	const int own[] = {
		[SOURCE_SESSION] = m->helper->client.fd,
		[SOURCE_TERM] = m->helper->term,
		[SOURCE_CHILDREN] = m->helper->children,
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
	fds[SOURCE_SESSION].events = interest(&m->helper->client);
	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		const struct qb_guest *guest = &m->guests[i];

		fds[SOURCE_GUESTS + i] = (struct pollfd){
			.fd = guest->kind ? guest->wire.fd : -1, .events = interest(&guest->wire)};
	}
}

/* A guest speaks before a visitor: that one may come from inside of the guest's benchmark. */
static bool hear_guest(struct qb_monitor *m, const struct pollfd *fds)
{
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		if (fds[i].revents & ~POLLOUT) {
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
	else if (fds[SOURCE_TERM].revents || fds[SOURCE_CHILDREN].revents)
		take_signals(m);
	else if (fds[SOURCE_LIMIT].revents)
		overdue(m);
	else if (fds[SOURCE_LOST].revents)
		lost(m);
	else if (fds[SOURCE_LEASE_TIMER].revents || fds[SOURCE_LEASE_PROCESS].revents)
		qb_hold_expire(m, NULL);
	else if (!hear_guest(m, fds + SOURCE_GUESTS) && fds[SOURCE_DOOR].revents)
		qb_door_serve(m);
}

/* Says what there is to say. When somebody is to be looked after next. */
static int64_t tend(struct qb_monitor *m, struct qb_error *err)
{
	struct qb_wire *client = &m->helper->client;
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC), seconds = states[m->state].seconds;
	const int64_t times[] = {qb_door_tend(m), qb_wire_until(client),
		seconds ? m->heard_ns + seconds * QB_NS_PER_S : INT64_MAX};
	int64_t until = INT64_MAX;
	int r = qb_wire_flush(client);

	if (r == 0 && m->state != QB_STATE_END)
		*m->helper->pending = QB_MSG_NONE;
	if (r < 0)
		qb_error_set(err, EPIPE, "the client is gone");
	else if (times[2] <= now)
		qb_error_set(err, ETIMEDOUT, "the client said nothing for %d s", (int)seconds);
	for (size_t i = 0; i < QB_ARRAY_SIZE(times); i++)
		if (times[i] < until)
			until = times[i];
	return until;
}

static void loop(struct qb_monitor *m)
{
	while (m->state != QB_STATE_END) {
		struct pollfd fds[SOURCE_COUNT];
		struct qb_error err = {0};
		int64_t until = tend(m, &err);

		gather(m, fds);
		if (!err.code && qb_wire_poll(fds, SOURCE_COUNT, until) < 0 && errno != EINTR)
			qb_error_errno(&err, errno, "wait for the client");
		if (err.code)
			qb_hold_end(m, &err);
		else
			react(m, fds);
	}
	qb_wire_drain(m->helper, &m->helper->client);
}

/*
 * The session of shared runs is over and the host free, but the founder's client is still served by a
 * child of ours. Where systemd started the helper, that child would be ended with it.
 */
static void outlive_guests(struct qb_monitor *m)
{
	struct pollfd fds[] = {{.fd = m->helper->term, .events = POLLIN},
		{.fd = m->helper->children, .events = POLLIN}};
	struct signalfd_siginfo signal;
	pid_t ended = 0;

	qb_wire_close(&m->helper->client); /* who asked for the end, and waits for ours */
	while (ended >= 0 && !fds[0].revents) {
		ended = reap(m);
		if (ended == 0 && poll(fds, QB_ARRAY_SIZE(fds), -1) > 0)
			(void)!read(m->helper->children, &signal, sizeof(signal));
	}
}

int qb_monitor_run(struct qb_helper *helper)
{
	static struct qb_monitor m;
	int status;

	m = QB_MONITOR_NONE;
	m.helper = helper;
	m.heard_ns = qb_ns_now(CLOCK_MONOTONIC);
	qb_file_keep();
	loop(&m);
	status = m.summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
	if (m.session.journal.fd >= 0)
		status = QB_MONITOR_UNSETTLED;
	else if (m.pool && !m.early)
		outlive_guests(&m);
	qb_conditioning_free(&m.session);
	return status;
}
