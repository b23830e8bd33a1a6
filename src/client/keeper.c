/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keeper.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/keeper.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* One that is stopped gives no answer; then the helper places the child. */
#define BIRTH_MS 2000

/* ---- the keeper's side ---- */

struct keeping {
	int ours, its; /* ends of its socket */
	pid_t client;
};

/* glibc's fork knows no flags. */
static pid_t fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
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

static int keep(void *data)
{
	const struct keeping *keeping = data;
	struct qb_child_order order;
	sigset_t all;
	int control;

	sigfillset(&all); /* a terminal's are for the command and for us */
	sigprocmask(SIG_SETMASK, &all, NULL);
	close(keeping->ours);
	while (hear(keeping->its, &order, &control)) {
		pid_t pid = fork_sibling();

		if (pid == 0) {
			close(keeping->its);
			qb_child_become(control, &order, keeping->client);
		}
		close(control);
		if (send(keeping->its, &pid, sizeof(pid), MSG_NOSIGNAL) < 0)
			break;
	}
	return 0;
}

/* ---- ours ---- */

/* The groups that it is in and we are not. */
static bool note_groups(struct qb_keeper *keeper)
{
	bool any = false;

	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		char ours[QB_GROUP_MAX];
		char *its = keeper->groups[i];

		if (qb_cgroups_of(keeper->pid, (enum qb_hierarchy)i, its, QB_GROUP_MAX, NULL) < 0 ||
			qb_cgroups_of(getpid(), (enum qb_hierarchy)i, ours, sizeof(ours), NULL) <
				0 ||
			strcmp(its, ours) == 0)
			its[0] = '\0';
		any |= its[0] != '\0';
	}
	return any;
}

static int start(struct qb_keeper *keeper, const struct qb_child_order *order,
	struct qb_session *session, struct qb_answer *answer, struct qb_error *err)
{
	static const struct qb_answer no_levers; /* the children set their own */
	struct keeping keeping = {.client = getpid()};
	const struct qb_child_order own = {
		.run = keep, .data = &keeping, .job = order->job, .answer = &no_levers};
	struct qb_child child;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for the run's group");
	keeping.ours = pair[0];
	keeping.its = pair[1];
	r = qb_child_place(&child, &own, session, answer, err);
	if (r == 0)
		r = qb_child_begin(&child, session, answer, err);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	keeper->pid = session->keeper = child.pid;
	keeper->socket = pair[0];
	if (!note_groups(keeper)) {
		qb_keeper_end(keeper);
		keeper->useless = true;
	}
	return 0;
}

/* Nobody else is in this group. */
static int look_at_members(void *data, const char *folder, uint64_t id)
{
	const pid_t *keeper = data;
	char path[QB_GROUP_PATH], text[64], only[32];
	ssize_t n;

	if (!qb_text_format(path, sizeof(path), "%s/cgroup.procs", folder))
		return 1;
	qb_text_format(only, sizeof(only), "%d", *keeper);
	n = qb_file_read(path, text, sizeof(text), NULL);
	return n < 0 || (*text && strcmp(text, only) != 0);
}

/* It is still where it was placed, and alone there. */
static bool is_alone(struct qb_keeper *keeper)
{
	struct qb_cgroups cgroups;

	if (qb_cgroups_load(&cgroups, NULL) < 0)
		return false;
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		const enum qb_hierarchy hierarchy = (enum qb_hierarchy)i;
		const char *group = keeper->groups[i];
		char now[QB_GROUP_MAX];

		if (*group && (qb_cgroups_of(keeper->pid, hierarchy, now, sizeof(now), NULL) < 0 ||
				      strcmp(now, group) != 0 ||
				      qb_cgroups_walk(&cgroups, hierarchy, group, look_at_members,
					      &keeper->pid, NULL) != 0))
			return false;
	}
	return true;
}

/* Gives the order, and gets the number of the child. */
static int bear(struct qb_keeper *keeper, struct qb_child *ret, const struct qb_child_order *order)
{
	struct qb_child_order copy = *order;
	struct pollfd answered = {.fd = keeper->socket, .events = POLLIN};
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
	sent = sendmsg(keeper->socket, &head, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
	close(pair[1]);
	if (!sent || poll(&answered, 1, BIRTH_MS) != 1 ||
		recv(keeper->socket, &pid, sizeof(pid), MSG_DONTWAIT) != sizeof(pid) || pid <= 0) {
		close(pair[0]);
		return -ECHILD;
	}
	*ret = (struct qb_child){.pid = pid, .control = pair[0]};
	return 0;
}

int qb_keeper_place(struct qb_keeper *keeper, struct qb_child *ret,
	const struct qb_child_order *order, struct qb_session *session, struct qb_answer *answer,
	struct qb_error *err)
{
	int r = 0;

	if (keeper->pid && !is_alone(keeper))
		qb_keeper_end(keeper);
	if (session && !session->joined && !keeper->pid && !keeper->useless)
		r = start(keeper, order, session, answer, err);
	if (r == 0 && keeper->pid) {
		if (bear(keeper, ret, order) == 0)
			return 0;
		qb_keeper_end(keeper);
		keeper->useless = true;
	}
	return r < 0 ? r : qb_child_place(ret, order, session, answer, err);
}

void qb_keeper_end(struct qb_keeper *keeper)
{
	if (!keeper->pid)
		return;
	kill(keeper->pid, SIGKILL);
	while (waitpid(keeper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(keeper->socket);
	keeper->pid = 0;
}
