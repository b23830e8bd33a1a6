/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session with the helper (session.h). */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/privilege.h>
#include <client/say.h>
#include <client/session.h>
#include <client/spawn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <quietbench/journal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A helper that restores is waited for; one that hangs must not hang the caller's script. */
#define CLOSE_MS 60000
/* The longest answer: to a run that waits for another session, which plans, conditions or restores. */
#define ANSWER_NS (180 * QB_NS_PER_S)
/* Who is told to end waits no longer than a restore takes. */
#define TOLD_NS (20 * QB_NS_PER_S)

static void lose(struct qb_session *session)
{
	close(session->fd);
	session->fd = -1;
}

/* What the helper says without being asked. True: it was such a message. */
static bool keep_aside(struct qb_session *session, const struct qb_message *message)
{
	if (message->head.type == QB_MSG_NOTE) {
		qb_say(QB_SAY_NOTE, "%s", message->note.text);
		return true;
	}
	if (message->head.type == QB_MSG_JOINED) {
		session->with = message->joined;
		return true;
	}
	if (message->head.type == QB_MSG_LEFTOVER) {
		if (message->leftover.pid == session->forker)
			return true;
		if (session->n_leftovers < QB_SESSION_LEFTOVERS)
			session->leftovers[session->n_leftovers] = message->leftover;
		session->n_leftovers++;
		return true;
	}
	if (message->head.type == QB_MSG_SWITCHES && session->seen) {
		session->seen(session->seen_data, &message->switches);
		return true;
	}
	return false;
}

void qb_session_listen(struct qb_session *session)
{
	struct qb_message message;
	int r = qb_message_receive(session->fd, QB_SENDER_HELPER, &message, NULL);

	if (r <= 0) {
		lose(session);
		return;
	}
	qb_message_close(&message);
	if (message.head.type == QB_MSG_ERROR)
		qb_say(QB_SAY_WARN, "the helper: %s", message.error.text);
	else
		keep_aside(session, &message);
}

/* The CPUs of a set that this run has, from its first mention on. */
static struct qb_cpus cpus_of(
	const struct qb_joined_message *with, uint32_t first, const struct qb_cpus *cpus)
{
	struct qb_cpus ret = {0};

	for (uint32_t i = first; i < with->n; i++)
		if (with->tenants[i].pid == with->tenants[first].pid &&
			qb_cpus_has(cpus, with->tenants[i].cpu))
			qb_cpus_add(&ret, with->tenants[i].cpu);
	return ret;
}

static bool is_mentioned(const struct qb_joined_message *with, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (with->tenants[j].pid == with->tenants[i].pid)
			return true;
	return false;
}

bool qb_session_others(
	const struct qb_joined_message *with, const struct qb_cpus *cpus, char *buf, size_t size)
{
	buf[0] = '\0';
	for (uint32_t i = 0; i < with->n; i++) {
		const struct qb_cpus theirs = cpus_of(with, i, cpus);
		char list[128];

		if (is_mentioned(with, i) || qb_cpus_empty(&theirs))
			continue;
		qb_text_join(buf, size, ", ", "CPU %s has another run's command (pid %d, user %u)",
			qb_cpus_text(&theirs, list, sizeof(list)), with->tenants[i].pid,
			with->tenants[i].uid);
	}
	if (!buf[0] && qb_cpus_intersect(&with->taken, cpus)) /* beyond QB_TENANTS */
		qb_text_copy(buf, size, "another run's command is on one of the CPUs");
	return buf[0] != '\0';
}

/* A peer that died with something unread is at its end like any other. */
static int receive(int fd, struct qb_message *ret, struct qb_error *err)
{
	int r = qb_message_receive_now(fd, QB_SENDER_HELPER, ret, err);

	return r == -ECONNRESET ? 0 : r;
}

/* An answer on its way. */
struct wait {
	int64_t until_ns;
	bool told; /* to end, meanwhile */
	bool begins; /* it is to something that is yet to begin: then the helper is told to end, too */
};

/* Waits for the next of its messages. */
static int await(struct qb_session *session, struct wait *wait, struct qb_error *err)
{
	for (;;) {
		struct pollfd fds[] = {{.fd = session->fd, .events = POLLIN},
			{.fd = wait->told ? -1 : session->job->early, .events = POLLIN}};
		const int64_t left = wait->until_ns - qb_ns_now(CLOCK_MONOTONIC);
		int r = poll(fds, QB_ARRAY_SIZE(fds),
			wait->until_ns == INT64_MAX ? -1
			: left > 0		    ? (int)(left / QB_NS_PER_MS) + 1
						    : 0);

		if (r < 0 && errno != EINTR)
			return qb_error_errno(err, errno, "wait for the helper");
		if (r > 0 && fds[0].revents)
			return 0;
		if (r > 0 && qb_job_interrupted(session->job)) {
			wait->told = true;
			wait->until_ns = qb_ns_now(CLOCK_MONOTONIC) + TOLD_NS;
			if (wait->begins) /* it restores, and says so by ending */
				shutdown(session->fd, SHUT_WR);
		}
		if (r == 0 && left <= 0)
			return qb_error_set(err, wait->told ? QB_TOLD_TO_END : ETIMEDOUT,
				"the helper gave no answer");
	}
}

/* What it has said by itself is no answer to what is asked now. */
static void listen_before(struct qb_session *session)
{
	struct pollfd p = {.fd = session->fd, .events = POLLIN};

	while (session->fd >= 0 && poll(&p, 1, 0) == 1 && p.revents & POLLIN)
		qb_session_listen(session);
}

/* Sends one request and gathers its answer. */
static int request(struct qb_session *session, enum qb_message_type type, void *body, size_t size,
	const int *fds, unsigned n_fds, struct qb_answer *answer, struct qb_error *err)
{
	const bool greets =
		type == QB_MSG_HELLO; /* the answer may take as long as another session */
	struct wait wait = {.until_ns = greets ? INT64_MAX : qb_ns_now(CLOCK_MONOTONIC) + ANSWER_NS,
		.begins = greets || type == QB_MSG_PLAN || type == QB_MSG_APPLY};
	bool heard = false;
	struct qb_message message;
	int r;

	if (!greets)
		listen_before(session);
	if (session->fd < 0)
		return qb_error_set(err, EPIPE, "the helper is gone");
	r = qb_message_send(session->fd, type, body, size, fds, n_fds);
	if (r < 0 && r != -EPIPE) /* after EPIPE there may still be an ERROR to read */
		return qb_error_errno(err, -r, "speak to the helper");
	do {
		r = await(session, &wait, err);
		if (r < 0)
			return r;
		r = receive(session->fd, &message, err);
		if (r == 0) {
			lose(session);
			if (greets && !heard && !wait.told)
				return -ENOTCONN; /* this way to privilege is closed */
			return wait.told ? qb_error_set(err, QB_TOLD_TO_END, "told to end")
					 : qb_error_set(err, EPIPE, "the helper is gone");
		}
		if (r < 0)
			return r;
		heard = true;
		qb_message_close(&message);
		r = keep_aside(session, &message)
			    ? 0
			    : qb_answer_take(answer, &message, !greets && type != QB_MSG_PLAN, err);
	} while (r == 0);
	if (wait.told && wait.begins)
		return qb_error_set(err, QB_TOLD_TO_END, "told to end");
	if (r > 0 && answer->done.of != type)
		return qb_error_set(err, EPROTO, "the helper answered request %u instead of %u",
			answer->done.of, type);
	return r < 0 ? r : 0;
}

/* A request that is nothing but its head. */
static int simple(struct qb_session *session, enum qb_message_type type, const int *fds,
	unsigned n_fds, struct qb_answer *answer, struct qb_error *err)
{
	struct qb_message_head head;

	return request(session, type, &head, sizeof(head), fds, n_fds, answer, err);
}

int qb_session_plan(struct qb_session *session, const struct qb_asked *asked,
	struct qb_answer *answer, struct qb_error *err)
{
	struct qb_request body = asked->request;

	return request(
		session, QB_MSG_PLAN, &body, sizeof(body), asked->fds, asked->n_fds, answer, err);
}

int qb_session_apply(struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	return simple(session, QB_MSG_APPLY, NULL, 0, answer, err);
}

int qb_session_lease(struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	int r = simple(session, QB_MSG_LEASE, NULL, 0, answer, err);

	if (r < 0)
		return r;
	lose(session);
	session->pid = 0; /* it stays */
	return 0;
}

int qb_session_run(
	struct qb_session *session, int place, struct qb_answer *answer, struct qb_error *err)
{
	return simple(session, QB_MSG_RUN, &place, 1, answer, err);
}

int qb_session_born(
	struct qb_session *session, pid_t pid, struct qb_answer *answer, struct qb_error *err)
{
	struct qb_born body = {.pid = pid};

	return request(session, QB_MSG_BORN, &body, sizeof(body), NULL, 0, answer, err);
}

static int watch(struct qb_session *session, int64_t until_ns, struct qb_answer *answer,
	struct qb_error *err)
{
	struct qb_watch_message body = {.until_ns = until_ns};
	int r = request(session, QB_MSG_WATCH, &body, sizeof(body), NULL, 0, answer, err);

	if (r == 0 && answer->done.unseen)
		return qb_error_set(
			err, EOPNOTSUPP, "the helper cannot see which tasks run on the CPUs");
	return r;
}

int qb_session_watch(struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	return watch(session, 0, answer, err);
}

int qb_session_switches(struct qb_session *session, int64_t until_ns,
	void (*seen)(void *data, const struct qb_switches_message *message), void *data,
	struct qb_answer *answer, struct qb_error *err)
{
	int r;

	session->seen = seen;
	session->seen_data = data;
	r = watch(session, until_ns, answer, err);
	session->seen = NULL;
	return r;
}

int qb_session_restore(struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	return simple(session, QB_MSG_RESTORE, NULL, 0, answer, err);
}

/* The command on one line, for other people to see; cut where it is long. */
static void show_command(char *const *command, char *buf, size_t size)
{
	buf[0] = '\0';
	while (command && *command && qb_text_join(buf, size, " ", "%s", *command))
		command++;
	qb_text_printable(buf);
}

/* Tries one way: a program that is started, or, without one, a socket. -ENOTCONN: it is closed. */
static int try(const struct qb_spawn *spawn, const char *path, const struct qb_session_hello *hello,
	struct qb_job *job, struct qb_session *ret, struct qb_error *err)
{
	struct qb_session session = {.fd = -1, .job = job};
	struct qb_answer answer = {0};
	struct qb_hello body = {.purpose = (uint8_t)hello->purpose,
		.force = hello->force,
		.shared = hello->shared,
		.knocks = hello->knocks,
		.lock_wait_ns = hello->lock_wait_ns,
		.lease_ns = hello->lease_ns,
		.lease_while = hello->lease_while};
	int r;

	if (spawn)
		r = qb_spawn_start(spawn, &session.fd, &session.pid, err);
	else
		r = session.fd = qb_spawn_connect(path, err);
	if (r < 0 && !spawn && r != -ENOTCONN && r != -EACCES)
		qb_say(QB_SAY_WARN, "%s", err->text);
	if (r < 0)
		return spawn ? r : -ENOTCONN;
	show_command(hello->command, body.command, sizeof(body.command));
	r = request(&session, QB_MSG_HELLO, &body, sizeof(body), NULL, 0, &answer, err);
	session.joined = r == 0 && answer.done.joined;
	session.shared = r == 0 && answer.done.shared;
	if (r == -QB_TOLD_TO_END)
		lose(&session); /* it may wait for the lock, deaf to us: our own end will tell it */
	else if (r < 0)
		qb_session_close(&session);
	else
		*ret = session;
	return r;
}

/* Is there a person at a terminal, and are we in its foreground, so that a prompt can be answered?
 */
static bool can_prompt(void)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return tty >= 0 && qb_say_on_terminal() && tcgetpgrp(tty) == getpgrp();
}

/*
 * sudo is kept out of our process group: with `use_pty` it would take the terminal's input away
 * from the benchmark. So the password is asked for by `sudo -v`, in the foreground, and the helper
 * is started by `sudo -n`.
 */
static int try_sudo(char *helper, const struct qb_session_hello *hello, struct qb_job *job,
	struct qb_session *ret, struct qb_error *err)
{
	char *const argv[] = {"sudo", "-n", "--", helper, NULL};
	char *const ask[] = {"sudo", "-v", NULL};
	const struct qb_spawn spawn = {.argv = argv, .background = true, .silent = true};
	const struct qb_spawn prompt = {.argv = ask};
	int r = try(&spawn, NULL, hello, job, ret, err);

	if (r != -ENOTCONN || !can_prompt())
		return r;
	r = qb_spawn_wait(&prompt, job, err);
	if (r < 0)
		return r;
	if (qb_job_interrupted(job))
		return qb_error_set(err, QB_TOLD_TO_END, "told to end");
	return r == 0 ? try(&spawn, NULL, hello, job, ret, err) : -ENOTCONN;
}

/* What it says on stderr before it is heard is why it cannot be executed. */
static int try_directly(char *helper, const struct qb_session_hello *hello, struct qb_job *job,
	struct qb_session *ret, struct qb_error *err)
{
	char *const argv[] = {helper, NULL};
	struct qb_spawn spawn = {.argv = argv, .clean = true, .silent = true};
	char why[QB_TEXT_MAX];
	int said[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, said) < 0)
		return qb_error_errno(err, errno, "make a socket for the helper's stderr");
	spawn.said = said[1];
	r = try(&spawn, NULL, hello, job, ret, err);
	close(said[1]);
	if (r == -ENOTCONN) {
		qb_file_read_said(said[0], why, sizeof(why));
		r = *why ? qb_error_set(err, ENOEXEC, "the helper could not be executed: %s", why)
			 : qb_error_set(err, EIO, "%s ended without a message", helper);
	}
	close(said[0]);
	return r;
}

int qb_session_open(struct qb_session *ret, const struct qb_session_hello *hello,
	struct qb_job *job, struct qb_error *err)
{
	char helper[PATH_MAX];
	int r = try(NULL, QB_DOOR_PATH, hello, job, ret, err);

	if (r == -ENOTCONN && hello->join_only)
		return qb_error_set(err, EACCES, "there is nothing to join");
	/* A group's socket means nothing to root, who needs no unit and leaves none behind. */
	if (r == -ENOTCONN && geteuid() != 0)
		r = try(NULL, QB_SOCKET_PATH, hello, job, ret, err);
	if (r != -ENOTCONN)
		return r;
	r = qb_spawn_find("quietbench-helper", helper, sizeof(helper), err);
	if (r < 0)
		return r;
	if (geteuid() == 0)
		return try_directly(helper, hello, job, ret, err);
	r = qb_privilege_attainable(err);
	if (r == 0)
		r = try_sudo(helper, hello, job, ret, err);
	if (r == -ENOTCONN)
		return qb_error_set(err, EACCES, "no privilege");
	return r;
}

void qb_session_close(struct qb_session *session)
{
	struct qb_message_head head;
	struct pollfd end = {.fd = session->fd, .events = POLLIN};
	struct qb_message message;

	if (session->fd >= 0) {
		int r = qb_message_send(session->fd, QB_MSG_BYE, &head, sizeof(head), NULL, 0);

		/* If it is gone already, the end of file says so; if BYE cannot be said, ours. */
		while ((r == 0 || r == -EPIPE) && poll(&end, 1, CLOSE_MS) > 0 &&
			receive(session->fd, &message, NULL) > 0) {
			qb_message_close(&message);
			keep_aside(session, &message);
		}
		lose(session);
	}
	if (session->pid > 0) {
		/* It has closed its end, so it is about to exit; sudo, if any, after it. */
		for (int i = 0; i < 1000 && waitpid(session->pid, NULL, WNOHANG) == 0; i++)
			poll(NULL, 0, 1);
		session->pid = 0;
	}
}
