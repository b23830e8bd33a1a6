/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor. What it MUST hold, whoever sends what:
 *
 *  1. It changes the host only between the lock being taken and the session being restored, and
 *     only through steps that are in the journal.
 *  2. It accepts a request only in the states the table permits; anything else ends the session.
 *  3. It takes (lever, unit, value) triples, numbers and names; never a path.
 *  4. It judges every value by the lever's own specification, also the planner's.
 *  5. `before` is what it has read itself.
 *  6. It places only a child of the client's with the client's uid, known by the kernel's word.
 *  7. Whenever a session ends - request, end of file, the client's death, SIGTERM, an error - the
 *     host is restored before the lock is left.
 *  8. A session that cannot be settled ends with QB_MONITOR_UNSETTLED, and the guardian tries.
 */
#include "monitor.h"
#include "conduct.h"
#include "lock.h"
#include "planner.h"
#include "recover.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/tasks.h>
#include <levers/services.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>

enum state {
	STATE_HELLO,
	STATE_PLAN,
	STATE_APPLY,
	STATE_RUN,     /* conditioned; the benchmark comes or runs */
	STATE_RESTORE, /* nothing (any more) to restore but what RESTORE reports */
	STATE_END,
};

struct monitor {
	struct qb_helper *helper;
	enum state state;
	struct qb_hello hello;
	struct qb_planned planned;
	struct qb_conditioning session;
	struct qb_undo_summary summary;
	bool restored; /* summary tells of this session */
	bool early;    /* restored before the client asked (SIGTERM) */
	int place;     /* our end of the throw-away socket, or -1 */
	struct qb_message message;
};

static int restore(struct monitor *m, bool end, struct qb_error *err)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_recover_leftover, .data = &m->helper->session};
	int r;

	if (m->restored)
		return 0;
	r = qb_restore_host(&m->session, end, &seen, &m->summary, err);
	if (r < 0)
		return r;
	m->restored = true;
	return 0;
}

static void tell_waiting(void *data, const char *holder)
{
	const struct monitor *m = data;

	qb_message_send_note(m->helper->session, "waiting for %s", holder);
}

/* What dead sessions left is restored first; what cannot be trusted stops this one. */
static int recover(struct monitor *m, bool *ret_recovered, struct qb_error *err)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning dead = {.journal.fd = -1};
	struct qb_undo_summary sum = {0};
	int r = qb_recover_leftovers(&dead, &sum, err);

	if (r <= 0)
		return r;
	*ret_recovered = true;
	qb_message_send_note(m->helper->session,
		"restored what a killed run of %s left: %zu changes, %zu conflicts, %zu failures%s%s",
		dead.journal.owner.profile, sum.restored, sum.conflicts, sum.failures,
		sum.failures ? ": " : "", sum.failures ? sum.first.text : "");
	return 0;
}

static int serve_hello(struct monitor *m, struct qb_error *err)
{
	struct qb_done done = {.of = QB_MSG_HELLO};
	bool recovered = false;
	int r;

	m->hello = m->message.hello;
	qb_text_printable(m->hello.command);
	r = qb_lock_take(
		m->helper->lock, m->hello.lock_wait_ns, &m->helper->peer, tell_waiting, m, err);
	if (r == 0)
		r = recover(m, &recovered, err);
	if (r < 0)
		return r;
	if (m->hello.purpose == QB_PURPOSE_RESTORE) {
		m->state = STATE_RESTORE;
		m->restored = true;
		r = qb_conflicts_retry(
			QB_CONFLICTS_PATH, m->hello.force, &m->session.steps, &m->summary, err);
		if (r < 0)
			return r;
	} else {
		m->state = STATE_PLAN;
	}
	done.recovered = recovered;
	return qb_message_send(m->helper->session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

/* The CPUs of a plan must be CPUs, and the house must not be the benchmark's. */
static int judge_selection(const struct qb_selection *s, struct qb_error *err)
{
	struct qb_cpus quiet = s->bench;

	qb_cpus_or(&quiet, &s->reserved);
	if (qb_cpus_empty(&s->bench) || s->isolation > QB_ISOLATION_PARTITION ||
		(s->isolation != QB_ISOLATION_NONE &&
			(qb_cpus_empty(&s->house) || qb_cpus_intersect(&quiet, &s->house))))
		return qb_error_set(err, EPROTO, "the planner's choice of CPUs contradicts itself");
	return 0;
}

static int serve_plan(struct monitor *m, struct qb_error *err)
{
	int r;

	if (m->message.request.chroot || m->message.request.mode != QB_REQUEST_PLAN)
		return qb_error_set(err, EPERM, "this request is for one's own planner only");
	qb_services_spare(m->helper->peer.pid);
	r = qb_caller_cpus(m->helper->peer.pid, &m->message.request.allowed, err);
	if (r == 0)
		r = qb_planner_ask(m->helper, &m->message, &m->planned, err);
	if (r == 0)
		r = judge_selection(&m->planned.selection, err);
	if (r < 0)
		return r;
	m->session.steps = m->planned.steps;
	m->planned.steps = (struct qb_steps){0};
	if (qb_message_send_steps(m->helper->session, &m->session.steps) < 0)
		return qb_error_set(err, EPIPE, "the client is gone");
	m->state = STATE_APPLY;
	return qb_message_send_done(m->helper->session, QB_MSG_PLAN);
}

static int owner_of(const struct monitor *m, struct qb_journal_owner *ret, struct qb_error *err)
{
	int r = qb_journal_boot_id(ret->boot_id, err);

	if (r < 0)
		return r;
	ret->since = time(NULL);
	ret->client = m->helper->peer.pid;
	ret->guardian = getppid();
	ret->monitor = getpid();
	ret->uid = m->helper->peer.uid;
	qb_text_copy(ret->profile, sizeof(ret->profile), m->planned.profile.name);
	qb_text_copy(ret->command, sizeof(ret->command), m->hello.command);
	if (qb_cpus_format_list(&m->planned.selection.bench, ret->cpus, sizeof(ret->cpus)) < 0)
		qb_text_copy(ret->cpus, sizeof(ret->cpus), "many");
	return 0;
}

static int serve_apply(struct monitor *m, struct qb_error *err)
{
	struct qb_selection_message selection;
	struct qb_journal_owner owner = {0};
	int r = owner_of(m, &owner, err);

	if (r == 0)
		r = qb_conduct_apply(
			&m->session, &owner, &m->planned.selection, &m->planned.profile, err);
	if (r < 0)
		return r;
	selection.selection = m->planned.selection; /* the way of isolating may have changed */
	if (qb_message_send(m->helper->session, QB_MSG_SELECTION, &selection, sizeof(selection),
		    NULL, 0) < 0 ||
		qb_message_send_steps(m->helper->session, &m->session.steps) < 0)
		return qb_error_set(err, EPIPE, "the client is gone");
	m->state = STATE_RUN;
	return qb_message_send_done(m->helper->session, QB_MSG_APPLY);
}

static int serve_run(struct monitor *m, struct qb_error *err)
{
	const int on = 1;

	if (m->place >= 0 || m->message.n_fds != 1)
		return qb_error_set(err, EPROTO, "RUN takes one socket, once");
	if (setsockopt(m->message.fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return qb_error_errno(err, errno, "ask for credentials on the throw-away socket");
	m->place = m->message.fds[0];
	m->message.n_fds = 0;
	return qb_message_send_done(m->helper->session, QB_MSG_RUN);
}

static int serve_restore(struct monitor *m, struct qb_error *err)
{
	int r = restore(m, false, err);

	if (r < 0)
		return r;
	m->state = STATE_RESTORE;
	return qb_recover_report(m->helper->session, &m->session.steps, &m->summary, m->early);
}

static int serve_bye(struct monitor *m, struct qb_error *err)
{
	m->state = STATE_END;
	return restore(m, false, err);
}

#define IN(state) (1u << STATE_##state)
static const struct {
	enum qb_message_type type;
	unsigned states;
	int (*serve)(struct monitor *m, struct qb_error *err);
} requests[] = {
	{QB_MSG_HELLO, IN(HELLO), serve_hello},
	{QB_MSG_PLAN, IN(PLAN), serve_plan},
	{QB_MSG_APPLY, IN(APPLY), serve_apply},
	{QB_MSG_RUN, IN(RUN), serve_run},
	{QB_MSG_RESTORE, IN(RUN) | IN(RESTORE), serve_restore},
	{QB_MSG_BYE, ~0u, serve_bye},
};

/* One request of the client's. Negative: the session is over, and *err says why. */
static int serve(struct monitor *m, struct qb_error *err)
{
	int r = qb_message_receive(m->helper->session, &m->message, err);

	if (r <= 0)
		return r < 0 ? r : qb_error_set(err, EPIPE, "the client is gone");
	for (size_t i = 0; i < QB_ARRAY_SIZE(requests); i++)
		if (requests[i].type == m->message.head.type &&
			requests[i].states & 1u << m->state) {
			*m->helper->pending = m->message.head.type;
			r = requests[i].serve(m, err);
			if (m->state != STATE_END)
				*m->helper->pending = 0;
			qb_message_close(&m->message);
			return r;
		}
	qb_message_close(&m->message);
	return qb_error_set(err, EPROTO, "request %u is not permitted in state %d",
		m->message.head.type, (int)m->state);
}

/* The parent of a process, or -1. */
static pid_t parent_of(pid_t pid)
{
	struct qb_task task;

	return qb_task_read(pid, &task, NULL) < 0 ? -1 : task.ppid;
}

static int place_child(struct monitor *m, struct qb_error *err)
{
	const struct qb_peer *peer = &m->helper->peer;
	_cleanup_close_ int pidfd = -1;
	struct qb_journal_bench bench = {0};
	pid_t pid = m->message.pid;
	int r;

	if (m->message.head.type != QB_MSG_PLACE || pid <= 0)
		return qb_error_set(err, EPROTO, "the throw-away socket is for PLACE alone");
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return qb_error_errno(err, errno, "watch the benchmark, process %d", pid);
	if (m->message.uid != peer->uid || parent_of(pid) != peer->pid)
		return qb_error_set(err, EPERM,
			"process %d is no child of the client's, process %d", pid, peer->pid);
	r = qb_isolation_origin(pid, &bench, err);
	if (r == 0)
		r = qb_journal_placed(&m->session.journal, &bench, err);
	if (r == 0)
		r = qb_isolation_place(&m->planned.selection, &bench, pidfd, err);
	return r;
}

/* PLACE, from the held child itself. A failure is the child's to hear; the session goes on. */
static void serve_place(struct monitor *m)
{
	struct qb_error err = {0};
	int r = qb_message_receive(m->place, &m->message, &err);

	if (r > 0) {
		r = place_child(m, &err);
		qb_message_close(&m->message);
	}
	if (r < 0)
		qb_message_send_error(m->place, &err);
	else if (m->message.size)
		qb_message_send_done(m->place, QB_MSG_PLACE);
	close(m->place);
	m->place = -1;
}

/* The session's end without BYE: restored first, told afterwards, if anybody is there. */
static void end(struct monitor *m, const struct qb_error *why)
{
	struct qb_error err = {0};

	qb_message_send_error(m->helper->session, why);
	if (restore(m, true, &err) < 0) {
		m->summary.failures++;
		m->summary.first = err;
	}
	m->state = STATE_END;
}

static void terminated(struct monitor *m)
{
	struct qb_error err = {0};

	if (m->state != STATE_RUN || restore(m, false, &err) < 0) {
		if (!err.code)
			qb_error_set(&err, EINTR, "the helper was told to end");
		end(m, &err);
		return;
	}
	m->early = true;
	m->state = STATE_RESTORE;
}

static void loop(struct monitor *m, int signals)
{
	while (m->state != STATE_END) {
		struct pollfd fds[] = {
			{.fd = m->helper->session, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
			{.fd = m->helper->peer.pidfd, .events = POLLIN},
			{.fd = m->place, .events = POLLIN},
		};
		struct qb_error err = {0};

		if (poll(fds, QB_ARRAY_SIZE(fds), -1) < 0) {
			if (errno != EINTR)
				end(m, &(struct qb_error){.code = errno, .text = "poll failed"});
			continue;
		}
		if (fds[3].revents)
			serve_place(m);
		else if (fds[0].revents & POLLIN && serve(m, &err) < 0)
			end(m, &err);
		else if (fds[2].revents || fds[0].revents & (POLLHUP | POLLERR))
			end(m, &(struct qb_error){.code = EPIPE, .text = "the client is gone"});
		else if (fds[1].revents)
			terminated(m);
	}
}

int qb_monitor_run(struct qb_helper *helper)
{
	static struct monitor m;
	sigset_t mask;
	int signals, status;

	m = (struct monitor){.helper = helper, .session.journal.fd = -1, .place = -1};
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_CLOEXEC);
	if (signals < 0)
		return EXIT_FAILURE;
	loop(&m, signals);
	status = m.summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
	if (m.session.journal.fd >= 0)
		status = QB_MONITOR_UNSETTLED;
	qb_conditioning_free(&m.session);
	return status;
}
