/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: planner */
#include "helper.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <quietbench/lever.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

/* Of a planner that hangs, or is kept busy by its input; and of one that never ends to speak. */
#define ANSWER_MS    20000
#define MESSAGES_MAX 1024

#define PROFILE_MAX (64 * 1024)
#define SEALS	    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* The folder of this very program: its own files lie there, in the build as installed. */
static int open_beside(const char *name, int flags, struct qb_error *err)
{
	char path[PATH_MAX], *slash;
	struct stat self, st;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int fd;

	if (n < 0 || stat("/proc/self/exe", &self) < 0)
		return qb_error_errno(err, errno, "find this program's own folder");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!qb_text_copy(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), name))
		return qb_error_errno(err, ENAMETOOLONG, "find %s", name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return qb_error_errno(err, errno, "open %s", path);
	if (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != self.st_uid) ||
		(st.st_mode & (S_IWGRP | S_IWOTH))) {
		close(fd);
		return qb_error_set(
			err, EPERM, "%s can be written by users other than root: not used", path);
	}
	return fd;
}

/* Where the shipped profiles are: beside a build folder, else where they were installed. */
static int open_profiles(struct qb_error *err)
{
	int fd = open_beside("../profiles", O_RDONLY | O_DIRECTORY, NULL);

	if (fd < 0)
		fd = open(QB_DATADIR "/profiles", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return qb_error_errno(
			err, errno, "open the shipped profiles in %s", QB_DATADIR "/profiles");
	return fd;
}

static _Noreturn void become_planner(int program, int socket, int said, int profiles)
{
	static char name[] = "quietbench-planner", profiles_fd[] = "3";
	char *const argv[] = {name, profiles_fd, NULL};
	char *const envp[] = {NULL};

	/* fds: 0 the session, 1 nowhere, 2 why it could not be executed, 3 the folder of profiles; away
	 * from there first. */
	program = fcntl(program, F_DUPFD_CLOEXEC, 4);
	profiles = fcntl(profiles, F_DUPFD_CLOEXEC, 4);
	if (dup2(said, 2) >= 0 && program >= 0 && dup2(socket, 0) >= 0 && dup2(profiles, 3) >= 0 &&
		qb_sandbox_enter_planner() >= 0)
		fexecve(program, argv, envp);
	dprintf(2, "%s: %s\n", name, strerror(errno));
	_exit(QB_NOT_EXECUTED);
}

/* Two pairs: the session, and what it says on stderr. */
static int make_sockets(int session[2], int said[2], struct qb_error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session) < 0)
		return qb_error_errno(err, errno, "make a socket for the planner");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, said) < 0) {
		int code = errno;

		close(session[0]);
		close(session[1]);
		return qb_error_errno(err, code, "make a socket for the planner's stderr");
	}
	return 0;
}

static pid_t start(int *ret_socket, int *ret_said, struct qb_error *err)
{
	_cleanup_close_ int program = open_beside("quietbench-planner", O_RDONLY, err);
	_cleanup_close_ int profiles = program < 0 ? -1 : open_profiles(err);
	int session[2], said[2];
	pid_t pid;

	if (program < 0 || profiles < 0)
		return -err->code;
	if (make_sockets(session, said, err) < 0)
		return -err->code;
	pid = fork();
	if (pid == 0)
		become_planner(program, session[1], said[1], profiles);
	close(session[1]);
	close(said[1]);
	if (pid < 0) {
		close(session[0]);
		close(said[0]);
		return qb_error_errno(err, errno, "start the planner");
	}
	*ret_socket = session[0];
	*ret_said = said[0];
	return pid;
}

/* One step of the plan: the levers' own specification decides whether it stays. */
static void judge_step(struct qb_steps *steps, struct qb_step *step)
{
	struct qb_error why = {0};

	step->before = step->became = step->left = NULL;
	step->intent = false;
	step->verdict = QB_VERDICT_NONE;
	step->restored = QB_RESTORED_NONE;
	step->undoing = 0;
	/* What is as it should be already we see for ourselves, and remember. */
	if (step->status == QB_STATUS_UNCHANGED && step->wanted)
		step->status = QB_STATUS_PLANNED;
	if (qb_levers[step->lever].where != QB_LEVER_HOST || step->status != QB_STATUS_PLANNED)
		return;
	if (step->wanted && qb_lever_judge(step->lever, &step->unit, step->wanted, &why) < 0) {
		step->status = QB_STATUS_REFUSED;
		step->reason = qb_steps_text(steps, why.text);
	}
}

static int take_steps(
	const struct qb_message *message, struct qb_steps *steps, struct qb_error *err)
{
	size_t first = steps->n;

	if (qb_message_read_steps(message, steps) < 0)
		return qb_error_set(err, EBADMSG, "the planner sent an invalid step");
	for (size_t i = first; i < steps->n; i++)
		judge_step(steps, &steps->v[i]);
	return 1;
}

/* 1: go on; 0: the plan is complete. */
static int take(struct qb_helper *helper, struct qb_message *message, struct qb_planned *ret,
	struct qb_error *err)
{
	switch ((enum qb_message_type)message->head.type) {
	case QB_MSG_PROFILE: ret->profile = message->profile.profile; break;
	case QB_MSG_SELECTION: ret->selection = message->selection.selection; break;
	case QB_MSG_HOST: break;
	case QB_MSG_POLICY: ret->policy = message->policy.policy; return 1;
	case QB_MSG_STEP: return take_steps(message, &ret->steps, err);
	case QB_MSG_DONE: return 0;
	case QB_MSG_ERROR:
		return qb_error_set(err, message->error.code > 0 ? message->error.code : EPROTO,
			"%s", message->error.text);
	case QB_MSG_NOTE:
	case QB_MSG_HELLO:
	case QB_MSG_PLAN:
	case QB_MSG_APPLY:
	case QB_MSG_RUN:
	case QB_MSG_PLACE:
	case QB_MSG_RESTORE:
	case QB_MSG_BYE:
	case QB_MSG_LEASE:
	case QB_MSG_JOIN:
	case QB_MSG_WATCH:
	case QB_MSG_SWITCHES:
	case QB_MSG_FOLLOW:
	case QB_MSG_ASK:
	case QB_MSG_TOLD:
	case QB_MSG_JOINED:
	case QB_MSG_PU:
	case QB_MSG_LEFTOVER:
	case QB_MSG_NONE:
	case QB_MSG_END:
		return qb_error_set(
			err, EPROTO, "the planner sent %s", qb_messages[message->head.type].name);
	}
	return qb_message_send(helper->session, message->head.type, message->bytes, message->size,
		       NULL, 0) < 0
		       ? qb_error_set(err, EPIPE, "the client is gone")
		       : 1;
}

static int converse(struct qb_helper *helper, int socket, struct qb_message *message,
	struct qb_planned *ret, struct qb_error *err)
{
	struct pollfd p = {.fd = socket, .events = POLLIN};
	const int64_t until = qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS + ANSWER_MS;
	unsigned heard = 0;
	int r;

	if (qb_message_send(socket, QB_MSG_PLAN, &message->request, sizeof(message->request),
		    message->fds, message->n_fds) < 0)
		return qb_error_set(err, EPIPE, "the planner ended before it was asked");
	do {
		int64_t left = until - qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS;

		r = poll(&p, 1, left > 0 ? (int)left : 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r == 0)
			return qb_error_set(err, ETIMEDOUT,
				"the planner gave no answer within %d s", ANSWER_MS / 1000);
		if (++heard > MESSAGES_MAX)
			return qb_error_set(
				err, E2BIG, "the planner sent more than %d messages", MESSAGES_MAX);
		qb_message_close(message);
		r = qb_message_receive(socket, QB_SENDER_PLANNER, message, err);
		if (r == 0)
			return qb_error_set(
				err, EPROTO, "the planner ended before its plan was complete");
		if (r > 0)
			r = take(helper, message, ret, err);
	} while (r > 0);
	return r;
}

/*
 * A profile is what cannot change or hang any more once it has come: not another user's file, device, pipe.
 * The seals are asked for first: other questions may go to a file system of the caller's own.
 */
static int judge_files(const struct qb_message *request, struct qb_error *err)
{
	for (unsigned i = 0; i < request->n_fds; i++) {
		int seals = fcntl(request->fds[i], F_GET_SEALS);
		struct stat st;

		if (seals < 0 || (seals & SEALS) != SEALS || fstat(request->fds[i], &st) < 0 ||
			st.st_size > PROFILE_MAX)
			return qb_error_set(err, EPERM,
				"a profile must come as a sealed memfd of at most %d KiB",
				PROFILE_MAX / 1024);
	}
	return 0;
}

/* The CPUs of a plan must be CPUs, the caller's to use, and the housekeeping CPUs must not be the benchmark's. */
static int judge_selection(
	const struct qb_selection *s, const struct qb_cpus *granted, struct qb_error *err)
{
	struct qb_cpus quiet = s->bench;

	if (!qb_cpus_empty(granted) && !qb_cpus_subset(&s->bench, granted))
		return qb_error_set(
			err, EPROTO, "the planner chose CPUs that the caller may not use");

	qb_cpus_or(&quiet, &s->reserved);
	if (qb_cpus_empty(&s->bench) || s->isolation > QB_ISOLATION_PARTITION ||
		qb_cpus_intersect(&quiet, &s->offline) ||
		qb_cpus_intersect(&s->housekeeping, &s->offline) ||
		(s->isolation != QB_ISOLATION_NONE &&
			(qb_cpus_empty(&s->housekeeping) ||
				qb_cpus_intersect(&quiet, &s->housekeeping))))
		return qb_error_set(err, EPROTO, "the planner's choice of CPUs contradicts itself");
	return 0;
}

/* It gave no plan: the way it ended may tell why. */
static int explain_end(int status, int said, struct qb_error *err)
{
	char why[QB_TEXT_MAX];

	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return qb_error_wrap(err, "the planner died of signal %d", WTERMSIG(status));
	qb_file_read_said(said, why, sizeof(why));
	if (WIFEXITED(status) && WEXITSTATUS(status) == QB_NOT_EXECUTED && *why)
		return qb_error_set(err, ENOEXEC, "the planner could not be executed: %s", why);
	return -err->code;
}

/* One execution of the planner. */
static int ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *planned,
	struct qb_error *err)
{
	_cleanup_close_ int said = -1;
	int socket = -1, status, r = judge_files(request, err);
	pid_t pid = r < 0 ? r : start(&socket, &said, err);

	if (pid < 0)
		return pid;
	r = converse(helper, socket, request, planned, err);
	close(socket);
	kill(pid, SIGKILL); /* it has said what it had to say, or too little */
	waitpid(pid, &status, 0);
	return r == -EPROTO || r == -EPIPE ? explain_end(status, said, err) : r;
}

int qb_planner_ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *ret,
	struct qb_error *err)
{
	const struct qb_cpus granted = request->request.allowed; /* the message is used again */
	struct qb_planned planned = {0};
	int r = ask(helper, request, &planned, err);

	if (r == 0)
		r = judge_selection(&planned.selection, &granted, err);
	if (r < 0)
		qb_steps_free(&planned.steps);
	else
		*ret = planned;
	return r;
}

int qb_planner_ask_policy(
	struct qb_helper *helper, int file, struct qb_policy *ret, struct qb_error *err)
{
	static struct qb_message request;
	struct qb_planned planned = {0};
	int r;

	qb_policy_ask(&request.request);
	request.fds[0] = file;
	request.n_fds = 1;
	r = ask(helper, &request, &planned, err);
	qb_message_close(&request);
	qb_steps_free(&planned.steps);
	if (r == 0)
		*ret = planned.policy;
	return r;
}
