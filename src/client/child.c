/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The benchmark's process (child.h). */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/child.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* The helper freezes nothing and waits for nobody when it places. */
#define PLACE_MS 30000

/* What the held child says: of its preparation, or why it could not execute. */
struct report {
	struct qb_error err; /* code 0: all went well */
	uint32_t n;
	struct qb_process_result results[QB_PROCESS_LEVERS];
};

/* Can this path be executed? -ENOENT also where a folder on the way cannot be looked into. */
static int executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == EACCES || errno == ENOTDIR ? -ENOENT : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	return access(path, X_OK) < 0 ? -errno : 0;
}

/* Each entry of PATH in turn; an empty one is the current folder. */
static int search(const char *path, const char *command, char *buf, size_t size)
{
	int r, worst = -ENOENT;

	for (;; path++) {
		size_t n = strcspn(path, ":");

		if (qb_text_format(buf, size, "%.*s/%s", n ? (int)n : 1, n ? path : ".", command)) {
			r = executable(buf);
			if (r == 0)
				return 0;
			if (r != -ENOENT && r != -EISDIR)
				worst = r;
		}
		path += n;
		if (!*path)
			return worst;
	}
}

int qb_child_find(const char *command, char *buf, size_t size, struct qb_error *err)
{
	const char *path = getenv("PATH");
	char standard[256] = "";
	int r;

	if (!path && confstr(_CS_PATH, standard, sizeof(standard)) > 0)
		path = standard;
	if (strchr(command, '/'))
		r = qb_text_copy(buf, size, command) ? executable(command) : -ENAMETOOLONG;
	else
		r = *command && path ? search(path, command, buf, size) : -ENOENT;
	if (r == -ENOENT)
		return qb_error_set(err, ENOENT, "%s: command not found", command);
	return r < 0 ? qb_error_errno(err, -r, "%s", command) : 0;
}

/* The held child's: asks the helper to place it, and waits until that is done, or the parent is dead. */
static int request_place(int socket, int control, struct qb_error *err)
{
	struct pollfd fds[] = {{.fd = socket, .events = POLLIN}, {.fd = control, .events = POLLIN}};
	struct qb_message message;
	struct qb_message_head head;
	int r = qb_message_send(socket, QB_MSG_PLACE, &head, sizeof(head), NULL, 0);

	if (r < 0)
		return qb_error_errno(err, -r, "ask to be placed");
	r = poll(fds, QB_ARRAY_SIZE(fds), PLACE_MS);
	if (fds[1].revents)
		_exit(127);
	if (r == 0)
		return qb_error_set(
			err, ETIMEDOUT, "the helper did not place it within %d s", PLACE_MS / 1000);
	r = qb_message_receive(socket, QB_SENDER_HELPER, &message, err);
	if (r < 0 && r != -ECONNRESET)
		return r;
	if (r > 0 && message.head.type == QB_MSG_DONE)
		return 0;
	if (r > 0 && message.head.type == QB_MSG_ERROR)
		return qb_error_set(err, message.error.code, "%s", message.error.text);
	return qb_error_set(err, EPIPE, "the helper is gone");
}

/* The throw-away socket of PLACE. */
struct placing {
	int socket;  /* the child's end; -1: it is not to be placed */
	int ours[2]; /* the parent's, closed in the child: the end of these must be seen */
};

/* Waits for the parent's word; its end means that the parent is dead, and so are we. */
static void await_word(int control)
{
	char word;

	if (recv(control, &word, sizeof(word), 0) != sizeof(word))
		_exit(127);
}

static void send_report(int control, const struct report *report)
{
	/* Without it the parent would wait for ever; our end is a word, too. */
	if (send(control, report, sizeof(*report), MSG_NOSIGNAL) < 0)
		_exit(127);
}

static _Noreturn void be_held(
	int control, const struct qb_child_order *order, const struct placing *placing)
{
	struct report report = {0};

	for (size_t i = 0; placing->socket >= 0 && i < QB_ARRAY_SIZE(placing->ours); i++)
		close(placing->ours[i]);
	await_word(control);
	if (placing->socket < 0 || request_place(placing->socket, control, &report.err) == 0)
		report.n = qb_process_apply(
			&order->answer->steps, &order->answer->selection, report.results);
	send_report(control, &report);
	await_word(control);
	qb_job_inherit(order->job);
	if (order->run) {
		close(control); /* the word that it has begun */
		_exit(order->run(order->data));
	}
	if (order->out)
		dup2(order->out, STDOUT_FILENO);
	if (order->errors)
		dup2(order->errors, STDERR_FILENO);
	execvp(order->path, order->argv); /* with a slash: no search, but scripts without #! */
	report = (struct report){0};
	qb_error_errno(&report.err, errno, "execute %s", order->path);
	send_report(control, &report);
	_exit(127);
}

_Noreturn void qb_child_become(int control, const struct qb_child_order *order, pid_t parent)
{
	/* Without its parent nobody would ever tell it to end. */
	if (order->run && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(127);
	be_held(control, order, &(struct placing){.socket = -1});
}

static int hold(struct qb_child *ret, const struct qb_child_order *order,
	const struct placing *placing, struct qb_error *err)
{
	const pid_t parent = getpid();
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for the command");
	pid = fork();
	if (pid == 0) {
		/* Without its parent nobody would ever tell it to end. */
		if (order->run && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
			_exit(127);
		close(pair[0]);
		be_held(pair[1], order, placing);
	}
	close(pair[1]);
	if (pid < 0) {
		const int code = errno;

		close(pair[0]);
		return qb_error_errno(err, code, "start a process for the command");
	}
	*ret = (struct qb_child){.pid = pid, .control = pair[0], .job = order->job};
	return 0;
}

int qb_child_place(struct qb_child *ret, const struct qb_child_order *order,
	struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	const int on = 1;
	int pair[2], r;

	if (!session)
		return hold(ret, order, &(struct placing){.socket = -1}, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make the throw-away socket");
	/* Set before PLACE is sent, it makes the kernel attach the child's credentials. */
	setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	r = hold(ret, order, &(struct placing){.socket = pair[1], .ours = {session->fd, pair[0]}},
		err);
	close(pair[1]);
	if (r == 0) {
		r = qb_session_run(session, pair[0], answer, err);
		if (r < 0)
			qb_child_cancel(ret);
	}
	close(pair[0]);
	return r;
}

/*
 * A stopped child: what the terminal stopped is a job that has stopped, and so do we, at once. SIGSTOP may
 * be somebody's who continues it as soon (cpulimit does so ten times a second): that is seen a while.
 */
#define STOPPED_MS 500

/*
 * Waits for the child's report. Ctrl-Z that came while it was held stops it just before exec, when it has
 * the caller's signal mask: we would wait for ever, and the shell would not know.
 */
static int await_report(struct qb_child *child)
{
	struct pollfd fd = {.fd = child->control, .events = POLLIN};
	int r;

	do {
		siginfo_t stop = {0};

		r = poll(&fd, 1, STOPPED_MS);
		if (r == 0 && waitid(P_PID, (id_t)child->pid, &stop, WSTOPPED | WNOHANG) == 0 &&
			stop.si_pid)
			qb_job_stop(child->job, stop.si_status, child->pid);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : 0;
}

/* Gives the child its word and reads its report. 0: there is none, it executes; 1: a report. */
static int give_word(struct qb_child *child, struct report *ret, struct qb_error *err)
{
	ssize_t n;

	if (send(child->control, "", 1, MSG_NOSIGNAL) < 0)
		return qb_error_errno(err, errno, "speak to the command's process");
	n = await_report(child);
	if (n == 0)
		n = recv(child->control, ret, sizeof(*ret), 0);
	if (n < 0)
		return qb_error_errno(err, errno, "hear the command's process");
	return n == (ssize_t)sizeof(*ret) ? 1 : 0;
}

int qb_child_prepare(struct qb_child *child, struct qb_steps *steps, struct qb_error *err)
{
	struct report report;
	int r = give_word(child, &report, err);

	if (r < 0)
		return r;
	if (r == 0)
		return qb_error_set(err, EPIPE, "the command's process ended before it was ready");
	if (report.err.code)
		return qb_error_set(err, report.err.code, "%s", report.err.text);
	if (steps)
		qb_process_note(report.results, report.n, steps);
	return 0;
}

int qb_child_release(struct qb_child *child, struct qb_error *err)
{
	struct report report;
	int r;

	child->started_ns = qb_ns_now(CLOCK_MONOTONIC);
	r = give_word(child, &report, err);
	if (r <= 0) {
		close(child->control);
		child->control = -1;
		return r;
	}
	qb_child_cancel(child);
	return qb_error_set(err, report.err.code, "%s", report.err.text);
}

struct stop {
	int signal; /* 0: the child is not stopped, or we have been since */
	int64_t since_ns;
};

static int patience_of(const struct stop *stop, int patience)
{
	const int64_t left =
		stop->since_ns + STOPPED_MS * INT64_C(1000000) - qb_ns_now(CLOCK_MONOTONIC);
	int ms;

	if (!stop->signal)
		return patience;
	ms = stop->signal == SIGSTOP && left > 0 ? (int)(left / 1000000) + 1 : 0;
	return patience >= 0 && patience < ms ? patience : ms;
}

int qb_child_wait(struct qb_child *child, struct qb_job *job, struct qb_session *session,
	struct qb_watch *watch, struct qb_child_end *ret, struct qb_error *err)
{
	struct stop stop = {0};

	while (true) {
		struct pollfd fds[] = {{.fd = job->fd, .events = POLLIN},
			{.fd = session ? session->fd : -1, .events = POLLIN}};
		struct qb_child_end end;
		pid_t pid = wait4(
			child->pid, &end.status, WNOHANG | WUNTRACED | WCONTINUED, &end.usage);

		if (pid < 0 && errno != EINTR)
			return qb_error_errno(err, errno, "wait for the command");
		if (pid > 0 && WIFSTOPPED(end.status)) {
			stop = (struct stop){WSTOPSIG(end.status), qb_ns_now(CLOCK_MONOTONIC)};
		} else if (pid > 0 && WIFCONTINUED(end.status)) {
			stop.signal = 0;
		} else if (pid > 0) {
			end.wall_ns = qb_ns_now(CLOCK_MONOTONIC) - child->started_ns;
			*ret = end;
			return 0;
		}
		if (pid == 0 && patience_of(&stop, -1) == 0) {
			qb_job_stop(job, stop.signal, child->pid);
			stop.signal = 0;
		}
		if (poll(fds, QB_ARRAY_SIZE(fds),
			    patience_of(&stop, watch ? qb_watch_patience(watch) : -1)) < 0 &&
			errno != EINTR)
			return qb_error_errno(err, errno, "wait for the command");
		if (watch)
			qb_watch_tick(watch);
		if (fds[0].revents)
			qb_job_relay(job, child->pid);
		if (fds[1].revents)
			qb_session_listen(session);
	}
}

void qb_child_cancel(struct qb_child *child)
{
	/* A child that has executed after all must not be left running unwatched. */
	kill(child->pid, SIGKILL);
	close(child->control);
	child->control = -1;
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int qb_child_begin(struct qb_child *ret, const struct qb_session *session,
	const struct qb_answer *answer, struct qb_error *err)
{
	char others[QB_ERROR_MAX];
	int r;

	if (session &&
		qb_session_others(&session->with, &answer->selection.bench, others, sizeof(others)))
		r = qb_error_set(err, EBUSY, "%s: not measured", others);
	else
		r = qb_child_prepare(ret, NULL, err);
	if (r < 0) {
		qb_child_cancel(ret);
		return r;
	}
	return qb_child_release(ret, err);
}
