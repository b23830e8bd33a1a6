/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper.h: guardian. What it MUST hold, whatever becomes of the monitor:
 *
 *  1. A monitor that is stopped goes on.
 *  2. A monitor that has not restored within END_NS after SIGTERM, or after it began to, does not hold the
 *     host any longer: it is killed, and a recovery restores.
 *  3. Nor one that has not begun to within CLIENT_NS after its client's death, unless it holds a lease, or
 *     then stands still, nor one that holds the host longer than the policy or its lease says.
 *  4. A monitor that dies is recovered from the journal, and its client told the truth: the answer that it
 *     waits for, and no other.
 *  5. The benchmark of a monitor that has died does not outlive its client either, be it joined or not.
 */
#include "helper.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/tasks.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

/* Three crashes are allowed for each step; what crashes oftener crashes outside of any step. */
#define RECOVERIES_MAX 64
/* A host with 50,000 threads under emulation takes 5 s. */
#define END_NS	  (20 * QB_NS_PER_S)
#define CLIENT_NS (1500 * QB_NS_PER_MS)
/* A restore for nobody is looked at so often; one that did nothing STILL_LOOKS times in a row stands still. */
#define STILL_NS    (500 * QB_NS_PER_MS)
#define STILL_LOOKS 2
/* So long one that is killed may still hang in a system call; it never comes back from that. */
#define KILLED_NS (2 * QB_NS_PER_S)

/* ---- recovery ---- */

int qb_guardian_recover(
	struct qb_conditioning *ret_session, struct qb_undo_summary *ret, struct qb_error *err)
{
	int r = qb_restore_load(ret_session, err);

	if (r <= 0)
		return r;
	/* Its client is dead, or it would not have been left: the benchmark is ended. */
	r = qb_restore_host(ret_session, true, NULL, ret, err);
	return r < 0 ? r : 1;
}

static void answer(struct qb_helper *helper, const struct qb_steps *steps)
{
	const struct qb_error lost = {
		.code = EIO, .text = "the helper's monitor died; the host has been restored"};

	if (*helper->pending == QB_MSG_RESTORE)
		qb_wire_send_restored(
			&helper->client, steps, &helper->shared->summary, true, false);
	else
		qb_wire_send_error(&helper->client, &lost);
	qb_wire_drain(
		helper, &helper->client); /* what is not sent is still owed, should we die here */
	*helper->pending = 0;
}

/*
 * The client may be anywhere in its sequence: waiting for an answer that the monitor owed, or for
 * its benchmark. Whatever it asks but RESTORE is answered with the error that ends it. A request that
 * was noted may still lie on the socket; it is one all the same.
 * True: the client is gone without BYE.
 */
static bool serve_rest(struct qb_helper *helper, const struct qb_steps *steps)
{
	static struct qb_message message;

	/* After BYE the client waits for our end alone. */
	while (*helper->pending != QB_MSG_BYE) {
		int r = qb_wire_wait(
			helper, &helper->client, *helper->pending ? 0 : INT64_MAX, NULL);

		if (r > 0) {
			r = qb_message_receive_now(
				helper->client.fd, QB_SENDER_CLIENT, &message, NULL);
			if (r <= 0)
				return true;
			/* What comes with it is closed with this process. */
			*helper->pending = message.head.type;
		}
		if (r < 0)
			return r == -EPIPE;
		if (*helper->pending != QB_MSG_BYE)
			answer(helper, steps);
	}
	return false;
}

/* What the monitor left, if the lock is ours and not another session's already. */
static void restore(struct qb_helper *helper, struct qb_conditioning *session)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_wire_send_leftover, .data = &helper->client};
	struct qb_undo_summary *summary = &helper->shared->summary;
	struct qb_error err = {0};
	int r;

	if (helper->shared->restored || helper->lock < 0)
		return;
	r = qb_lock_try(helper->lock);
	if (r < 0 && r != -EWOULDBLOCK)
		r = qb_lock_try(helper->lock); /* once more: without it nothing is restored */
	if (r == -EWOULDBLOCK)
		return;
	r = r < 0 ? qb_error_errno(&err, -r, "take the lock of the host, %s", QB_LOCK_PATH)
		  : qb_restore_load(session, &err);
	if (r == 0 && qb_lock_lost(helper->lock))
		r = qb_error_set(&err, ESTALE,
			QB_STATE_DIR
			" was removed or replaced, and with it the record of what the session changed: look at the host, or restart it");
	if (r > 0)
		r = qb_restore_host(session, qb_peer_dead(&helper->peer), &seen, summary, &err);
	if (r < 0) {
		summary->failures++;
		summary->first = err;
	}
	helper->shared->restored = r >= 0;
	qb_audit(&helper->peer,
		"ended: the monitor died; %zu changes restored, %zu conflicts, %zu failures%s%s",
		summary->restored, summary->conflicts, summary->failures,
		summary->failures ? ": " : "", summary->failures ? summary->first.text : "");
	if (r >= 0)
		qb_lock_leave(helper->lock);
	session->journal.bench.joined = true; /* from now on only what is its own is ended */
	if (r >= 0 && session->journal.bench.pid)
		qb_guardian_remember(helper, &session->journal.bench);
}

/* MUST 5. `end`: the client is gone; else what runs goes on where it came from. */
static void leave_bench(struct qb_helper *helper, bool end)
{
	const struct qb_isolation_seen seen = {
		.seen = qb_wire_send_leftover, .data = &helper->client};
	struct qb_undo_summary *summary = &helper->shared->summary;
	struct qb_error err = {0};

	if (helper->shared->placed &&
		qb_restore_bench(&helper->shared->bench, end, &seen, &err) < 0) {
		summary->failures++;
		summary->first = err;
	}
}

static int run_recovery(struct qb_helper *helper)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning session = {.journal.fd = -1};

	/* It is not ended for waiting: there may be nobody else who restores. */
	helper->shared->until_ns = 0;
	helper->shared->restoring = true;
	qb_guardian_expect(helper, END_NS);
	qb_file_keep();
	restore(helper, &session);
	if (!helper->shared->restored)
		leave_bench(helper, qb_peer_dead(&helper->peer));
	qb_guardian_restoring(helper, false);
	/* The monitor's place, if it died in the queue: who looks at all removes those of the dead. */
	(void)qb_queue_others(UINT32_MAX, NULL);
	if (*helper->pending != QB_MSG_BYE &&
		(qb_peer_dead(&helper->peer) || serve_rest(helper, &session.steps)))
		leave_bench(helper, true);
	qb_wire_drain(helper, &helper->client);
	return helper->shared->summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- the watchdog ---- */

void qb_guardian_wake(const struct qb_journal_owner *holder)
{
	struct qb_task self, guardian;

	if (qb_task_read(getpid(), &self, NULL) == 0 &&
		qb_task_read(holder->guardian, &guardian, NULL) == 0 && guardian.stopped &&
		strcmp(guardian.comm, self.comm) == 0)
		kill(holder->guardian, SIGCONT);
}

void qb_guardian_expect(const struct qb_helper *helper, int64_t ns)
{
	const struct itimerspec in = {.it_value = qb_ns_timespec(ns)};

	if (helper->watchdog >= 0)
		timerfd_settime(helper->watchdog, 0, &in, NULL);
}

void qb_guardian_restoring(const struct qb_helper *helper, bool restoring)
{
	helper->shared->until_ns = qb_ns_now(CLOCK_BOOTTIME) + END_NS;
	helper->shared->restoring = restoring;
	qb_guardian_expect(helper, restoring ? STILL_NS : 0);
}

void qb_guardian_remember(const struct qb_helper *helper, const struct qb_journal_bench *bench)
{
	if (helper->shared->lease)
		return;
	helper->shared->placed = false; /* the one before it has ended */
	helper->shared->bench = *bench;
	helper->shared->placed = true;
}

/* The child's wait status, if it has ended. A stopped one goes on. */
static bool has_ended(pid_t pid, int *ret_status)
{
	int status;
	pid_t seen;

	while ((seen = waitpid(pid, &status, WNOHANG | WUNTRACED)) == pid && WIFSTOPPED(status))
		kill(pid, SIGCONT);
	if (seen == pid)
		*ret_status = status;
	return seen == pid;
}

static bool took(int fd, size_t size)
{
	char buf[sizeof(struct signalfd_siginfo)];

	return read(fd, buf, size) > 0;
}

/* What the watchdog has seen of a monitor that restores. */
struct seen {
	int64_t ran_ns;
	int idle; /* so many looks ago it ran last */
};

/* Its time is over: may it have more? */
static bool may_go_on(struct qb_helper *helper, pid_t pid, bool for_nobody, struct seen *seen)
{
	const struct qb_shared *shared = helper->shared;
	const int64_t ran_ns = qb_task_ran(pid);

	if (!shared->restoring || qb_ns_now(CLOCK_BOOTTIME) >= shared->until_ns)
		return false;
	seen->idle = ran_ns >= 0 && ran_ns == seen->ran_ns ? seen->idle + 1 : 0;
	seen->ran_ns = ran_ns;
	if (for_nobody && seen->idle >= STILL_LOOKS)
		return false;
	qb_guardian_expect(helper, STILL_NS);
	return true;
}

/* Waits for the child's end. Returns its wait status. */
static int watch(struct qb_helper *helper, pid_t pid)
{
	struct pollfd fds[] = {{.fd = helper->term, .events = POLLIN},
		{.fd = helper->children, .events = POLLIN},
		{.fd = helper->watchdog, .events = POLLIN},
		{.fd = helper->peer.pidfd, .events = POLLIN}};
	struct seen seen = {0};
	bool killed = false;
	int status;

	while (!has_ended(pid, &status)) {
		(void)poll(fds, QB_ARRAY_SIZE(fds), -1);
		if (fds[0].revents && took(helper->term, sizeof(struct signalfd_siginfo))) {
			qb_guardian_expect(helper, END_NS);
			kill(pid, SIGTERM);
		}
		(void)took(helper->children, sizeof(struct signalfd_siginfo));
		if (fds[3].revents) {
			fds[3].fd = -1;
			if (!helper->shared->lease && !helper->shared->restoring)
				qb_guardian_expect(helper, CLIENT_NS);
		}
		if (!took(helper->watchdog, sizeof(uint64_t)) ||
			(!killed && may_go_on(helper, pid, fds[3].fd < 0, &seen)))
			continue;
		if (killed)
			return SIGKILL; /* it hangs in the kernel, and is dead all the same */
		qb_guardian_expect(helper, KILLED_NS);
		kill(pid, SIGKILL);
		killed = true;
	}
	qb_guardian_expect(helper, 0);
	return status;
}

static bool settled(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) != QB_MONITOR_UNSETTLED;
}

static int signals(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* To its end, and what is left of it. Returns the helper's exit status. */
static int guard(struct qb_helper *helper, pid_t pid)
{
	int status = watch(helper, pid);

	for (int i = 0; i < RECOVERIES_MAX && !settled(status); i++) {
		pid = fork();
		if (pid == 0)
			_exit(run_recovery(helper));
		if (pid < 0)
			return EXIT_FAILURE; /* the next quietbench will find the journal */
		status = watch(helper, pid);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int qb_guardian_fork(
	struct qb_helper *helper, enum qb_message_type pending, const int *fds, size_t n)
{
	pid_t pid = -1;

	helper->shared = mmap(NULL, sizeof(*helper->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	helper->term = signals(SIGTERM);
	helper->children = signals(SIGCHLD);
	helper->watchdog = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (helper->shared != MAP_FAILED && helper->term >= 0 && helper->children >= 0 &&
		helper->watchdog >= 0) {
		helper->pending = &helper->shared->pending;
		*helper->pending = (uint16_t)pending;
		pid = fork();
	}
	if (pid <= 0)
		return pid;
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	_exit(guard(helper, pid));
}
