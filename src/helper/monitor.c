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
 *     Only a lease, once granted, outlives its client; it ends as lease.h says.
 *  8. Who says nothing is sent away: HELLO comes within HELLO_MS.
 *  9. What it did for whom, and why not, is in the host's log.
 * 10. A session that cannot be settled ends with QB_MONITOR_UNSETTLED, and the guardian tries.
 * 11. A run that joins conditions nothing and restores nothing. A child of the monitor's serves it,
 *     which has neither lock nor journal and changes nothing but a group below the run's.
 * 12. Shared runs get CPUs that no other of them has, and the host is restored with the last one.
 * 13. Of whom it sees on the CPUs of what it placed it tells sums, and whose they are only to whom
 *     the policy lets see that; no descriptor of perf's leaves it.
 */
#include "monitor_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

/* Whoever comes says HELLO at once; a connection that says nothing keeps a process of root's. */
#define HELLO_MS 10000

int qb_monitor_restore(struct qb_monitor *m, bool end, struct qb_error *err)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_recover_leftover, .data = &m->helper->session};
	int r;

	qb_watcher_close(&m->watcher);
	/* The client of a run that was restored early has died before the benchmark: see 7. */
	if (m->restored)
		return end ? qb_restore_bench(&m->session.journal.bench, true, NULL, err) : 0;
	if (m->host) {
		r = qb_restore_bench(&m->session.journal.bench, end, &seen, err);
	} else {
		*m->helper->over = true;
		r = qb_restore_host(&m->session, end, &seen, &m->summary, err);
	}
	if (r < 0)
		return r;
	if (m->door >= 0)
		close(m->door);
	m->door = -1;
	m->restored = true;
	if (m->begun)
		qb_audit(&m->helper->peer,
			"ended: %zu changes restored, %zu conflicts, %zu failures%s%s%s",
			m->summary.restored, m->summary.conflicts, m->summary.failures,
			m->summary.failures ? ": " : "",
			m->summary.failures ? m->summary.first.text : "",
			end ? "; its client did not end it" : "");
	return 0;
}

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

void qb_monitor_end(struct qb_monitor *m, const struct qb_error *why)
{
	struct qb_error err = {0};

	qb_message_send_error(m->helper->session, why);
	if (m->begun || why->code != EPIPE)
		qb_audit(
			&m->helper->peer, "%s: %s", m->begun ? "broken off" : "refused", why->text);
	if (qb_monitor_restore(m, true, &err) < 0) {
		m->summary.failures++;
		m->summary.first = err;
	}
	m->state = QB_STATE_END;
}

static void terminated(struct qb_monitor *m)
{
	struct qb_error err = {0};

	if (m->early || m->over)
		return; /* the host is restored; we stay to tell the client, or to see him die */
	if (m->state == QB_STATE_LEASE) {
		qb_door_expire(m, NULL);
		return;
	}
	if (m->state != QB_STATE_RUN || qb_monitor_restore(m, false, &err) < 0) {
		if (!err.code)
			qb_error_set(&err, EINTR, "the helper was told to end");
		qb_monitor_end(m, &err);
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
		qb_guests_reap(m);
	else
		terminated(m);
}

/*
 * The policy's time for a run is over: as with SIGTERM the host is restored and the benchmark goes
 * on, but the lock is left as well. Nothing of this session touches the host any more.
 */
static void overdue(struct qb_monitor *m)
{
	struct qb_error why = {0}, err = {0};

	qb_limits_explain(&m->limits, &why);
	qb_limits_stop(&m->limits);
	if (m->state == QB_STATE_LEASE) { /* of shared runs: their own sessions tell them */
		qb_door_expire(m, NULL);
		return;
	}
	if (m->state != QB_STATE_RUN || qb_monitor_restore(m, false, &err) < 0) {
		qb_monitor_end(m, err.code ? &err : &why);
		return;
	}
	m->over = true;
	m->state = QB_STATE_RESTORE;
	/* The run's group may soon be another's: should the client die, only what is its own ends. */
	m->session.journal.bench.joined = true;
	qb_lock_leave(m->helper->lock);
	qb_message_send_note(
		m->helper->session, "%s: the host is restored, the command goes on", why.text);
}

static void place(struct qb_monitor *m)
{
	const bool confined = m->host && m->host->share;

	qb_place_serve(&m->place, &m->helper->peer, &m->session, &m->planned.selection,
		m->host != NULL, confined);
	if (confined && m->session.journal.bench.pid)
		qb_share_placed(m);
}

/* How long the monitor waits for anything to happen; -1: for ever. */
static int patience(const struct qb_monitor *m)
{
	if (m->state == QB_STATE_HELLO)
		return HELLO_MS;
	return qb_watcher_patience(&m->watcher);
}

void qb_monitor_loop(struct qb_monitor *m)
{
	while (m->state != QB_STATE_END) {
		const bool leased = m->state == QB_STATE_LEASE;
		struct pollfd fds[] = {
			{.fd = m->helper->session, .events = POLLIN},
			{.fd = m->signals, .events = POLLIN},
			{.fd = m->helper->peer.pidfd, .events = POLLIN},
			{.fd = m->place, .events = POLLIN},
			{.fd = leased ? m->lease.timer : -1, .events = POLLIN},
			{.fd = leased ? m->lease.pidfd : -1, .events = POLLIN},
			{.fd = m->door, .events = POLLIN},
			{.fd = m->limits.timer, .events = POLLIN},
		};
		struct qb_error err = {0};
		int r = poll(fds, QB_ARRAY_SIZE(fds), patience(m));

		if (r < 0 && errno != EINTR)
			qb_error_errno(&err, errno, "wait for the client");
		if (qb_watcher_patience(&m->watcher) == 0)
			qb_watcher_drain(&m->watcher);
		if (r == 0 && m->state == QB_STATE_HELLO)
			qb_error_set(&err, ETIMEDOUT, "the client said nothing for %d s",
				HELLO_MS / 1000);
		if (err.code)
			qb_monitor_end(m, &err);
		if (r <= 0)
			continue;
		if (fds[3].revents)
			place(m);
		else if (fds[0].revents & POLLIN && serve(m, &err) < 0)
			qb_monitor_end(m, &err);
		else if (fds[2].revents || fds[0].revents & (POLLHUP | POLLERR))
			qb_monitor_end(
				m, &(struct qb_error){.code = EPIPE, .text = "the client is gone"});
		else if (fds[1].revents)
			take_signal(m);
		else if (fds[7].revents)
			overdue(m);
		else if (fds[4].revents || fds[5].revents)
			qb_door_expire(m, NULL);
		else if (fds[6].revents)
			qb_door_serve(m);
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
	qb_monitor_loop(&m);
	status = m.summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
	if (m.session.journal.fd >= 0)
		status = QB_MONITOR_UNSETTLED;
	qb_conditioning_free(&m.session);
	return status;
}
