/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forker.h */
#include <base/macros.h>
#include <client/forker.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* One that is stopped gives no answer; then the helper places the child. */
#define BIRTH_MS 2000

/* ---- the forker's side ---- */

struct serving {
	int ours, its; /* ends of its socket */
	pid_t client;
};

/* glibc's fork knows no flags. */
static pid_t fork_sibling(void)
{
	const long flags = CLONE_PARENT | SIGCHLD;

#ifdef __s390x__
	return (pid_t)syscall(SYS_clone, NULL, flags, NULL, NULL, NULL);
#else
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
#endif
}

union room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* An order and the child's end of its control socket. False: nobody gives orders any more. */
static bool hear(int socket, struct qb_child_order *ret, int *ret_control)
{
	union room room = {0};
	struct iovec part = {.iov_base = ret, .iov_len = sizeof(*ret)};
	struct msghdr head = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes)};
	const struct cmsghdr *passed;
	ssize_t n;

	do
		n = recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	passed = n == (ssize_t)sizeof(*ret) ? CMSG_FIRSTHDR(&head) : NULL;
	if (!passed || passed->cmsg_type != SCM_RIGHTS)
		return false;
	memcpy(ret_control, CMSG_DATA(passed), sizeof(*ret_control));
	return true;
}

static int serve(void *data)
{
	const struct serving *serving = data;
	struct qb_child_order order;
	char name[16] = "";
	sigset_t all;
	int control;

	sigfillset(&all); /* a terminal's are for the command and for our parent */
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, "quietbench-fork");
	close(serving->ours);
	while (hear(serving->its, &order, &control)) {
		pid_t pid = fork_sibling();

		if (pid == 0) {
			close(serving->its);
			prctl(PR_SET_NAME, name);
			qb_child_become(control, &order, serving->client);
		}
		close(control);
		if (send(serving->its, &pid, sizeof(pid), MSG_NOSIGNAL) < 0)
			break;
	}
	return 0;
}

/* ---- ours ---- */

/* The groups that it is in and we are not. */
static bool note_groups(struct qb_forker *forker)
{
	bool any = false;

	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		char ours[QB_GROUP_MAX];
		char *its = forker->groups[i];

		if (qb_cgroups_of(forker->pid, (enum qb_hierarchy)i, its, QB_GROUP_MAX, NULL) < 0 ||
			qb_cgroups_of(getpid(), (enum qb_hierarchy)i, ours, sizeof(ours), NULL) <
				0 ||
			strcmp(its, ours) == 0)
			its[0] = '\0';
		any |= its[0] != '\0';
	}
	return any;
}

static int start(struct qb_forker *forker, const struct qb_child_order *order,
	struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	static const struct qb_answer no_levers; /* the children set their own */
	struct serving serving = {.client = getpid()};
	const struct qb_child_order own = {
		.run = serve, .data = &serving, .job = order->job, .answer = &no_levers};
	struct qb_child child;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for the run's group");
	serving.ours = pair[0];
	serving.its = pair[1];
	r = qb_child_place(&child, &own, session, answer, err);
	if (r == 0)
		r = qb_child_begin(&child, session, answer, err);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		forker->useless = true;
		/* There may be room for one process and not for two. */
		return r == -EAGAIN || r == -ENOMEM ? 0 : r;
	}
	forker->pid = session->forker = child.pid;
	forker->socket = pair[0];
	if (!note_groups(forker)) {
		qb_forker_end(forker);
		forker->useless = true;
	}
	return 0;
}

/* It is still where it was placed, and alone there. */
static bool is_alone(struct qb_forker *forker)
{
	struct qb_cgroups cgroups;

	if (qb_cgroups_load(&cgroups, NULL) < 0)
		return false;
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		const enum qb_hierarchy hierarchy = (enum qb_hierarchy)i;
		const char *group = forker->groups[i];
		char now[QB_GROUP_MAX];

		if (*group && (qb_cgroups_of(forker->pid, hierarchy, now, sizeof(now), NULL) < 0 ||
				      strcmp(now, group) != 0 ||
				      !qb_cgroups_alone(&cgroups, hierarchy, group, forker->pid)))
			return false;
	}
	return true;
}

/* Gives the order, and gets the number of the child. */
static int give_order(
	struct qb_forker *forker, struct qb_child *ret, const struct qb_child_order *order)
{
	struct qb_child_order copy = *order;
	struct pollfd answered = {.fd = forker->socket, .events = POLLIN};
	union room room = {0};
	struct iovec part = {.iov_base = &copy, .iov_len = sizeof(copy)};
	const struct msghdr head = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = sizeof(room.bytes)};
	struct cmsghdr *passed = CMSG_FIRSTHDR(&head);
	pid_t pid = -1;
	int pair[2];
	bool sent;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	passed->cmsg_level = SOL_SOCKET;
	passed->cmsg_type = SCM_RIGHTS;
	passed->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(passed), &pair[1], sizeof(int));
	sent = sendmsg(forker->socket, &head, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
	close(pair[1]);
	if (!sent || poll(&answered, 1, BIRTH_MS) != 1 ||
		recv(forker->socket, &pid, sizeof(pid), MSG_DONTWAIT) != sizeof(pid) || pid <= 0) {
		close(pair[0]);
		return -ECHILD;
	}
	*ret = (struct qb_child){.pid = pid, .control = pair[0], .job = order->job};
	return 0;
}

int qb_forker_place(struct qb_forker *forker, struct qb_child *ret,
	const struct qb_child_order *order, struct qb_session *session, struct qb_answer *answer,
	struct qb_error *err)
{
	int r = 0;

	if (forker->pid && !is_alone(forker))
		qb_forker_end(forker);
	if (session && !session->joined && !forker->pid && !forker->useless)
		r = start(forker, order, session, answer, err);
	if (r == 0 && forker->pid && give_order(forker, ret, order) < 0) {
		qb_forker_end(forker);
		forker->useless = true;
	}
	if (r < 0 || !forker->pid)
		return r < 0 ? r : qb_child_place(ret, order, session, answer, err);
	/* A command must end with us, also where it has left the group, or the host is restored. */
	r = order->run ? 0 : qb_session_born(session, ret->pid, answer, err);
	if (r < 0)
		qb_child_cancel(ret);
	return r;
}

void qb_forker_end(struct qb_forker *forker)
{
	if (!forker->pid)
		return;
	kill(forker->pid, SIGKILL);
	while (waitpid(forker->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(forker->socket);
	forker->pid = 0;
}
