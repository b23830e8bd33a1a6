/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: peer */
#include "helper.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/move.h>
#include <poll.h>
#include <quietbench/protocol.h>
#include <quietbench/value.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <syslog.h>

/* The inode of the first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

#ifndef SO_PEERPIDFD /* include/uapi/asm-generic/socket.h, Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

/*
 * A pidfd of who connected. Before Linux 6.5 only their number is told, which may be another's by now:
 * then it must be a process of the same user that began no later than `latest`, and lives.
 */
static int watch_peer(
	int session, const struct ucred *cred, uint64_t latest, int *ret, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	socklen_t size = sizeof(*ret);
	struct qb_task task;
	int r, pidfd;

	if (getsockopt(session, SOL_SOCKET, SO_PEERPIDFD, ret, &size) == 0)
		return 0;
	if (errno != ENOPROTOOPT)
		return qb_error_errno(err, errno, "watch the client, process %d", cred->pid);
	pidfd = (int)syscall(SYS_pidfd_open, cred->pid, 0);
	if (pidfd < 0)
		return qb_error_errno(err, errno, "watch the client, process %d", cred->pid);
	r = qb_held_open(cred->pid, 0, &held, err);
	if (r == 0)
		r = qb_held_task(&held, &task, err);
	if (r == 0 && (task.uids[1] != cred->uid || task.start > latest ||
			      qb_peer_dead(&(struct qb_peer){.pidfd = pidfd})))
		r = qb_error_set(err, ESRCH, "the client, process %d, is gone", cred->pid);
	if (r < 0)
		close(pidfd);
	else
		*ret = pidfd;
	return r;
}

static int look(int session, uint64_t latest, struct qb_peer *ret, struct qb_error *err)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int type, r, pidfd = -1;
	socklen_t type_size = sizeof(type);

	if (getsockopt(session, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
		type != SOCK_SEQPACKET ||
		getsockopt(session, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return qb_error_set(err, ENOTSOCK,
			"standard input is not a session socket: only quietbench starts this program");
	if (cred.pid <= 0)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"the client is in another PID namespace (a container): run quietbench where its helper runs, on the host");
	r = watch_peer(session, &cred, latest, &pidfd, err);
	if (r == 0)
		*ret = (struct qb_peer){.pid = cred.pid, .uid = cred.uid, .pidfd = pidfd};
	return r;
}

int qb_peer_look(int session, struct qb_peer *ret, struct qb_error *err)
{
	return look(session, UINT64_MAX, ret, err);
}

/* How the session came to be: by the kernel's names of its two ends. */
enum origin {
	ORIGIN_PAIR,	  /* a socketpair: both ends are without a name */
	ORIGIN_ACTIVATED, /* accepted at QB_SOCKET_PATH: a connection has its name */
	ORIGIN_OTHER,
};

static int find_origin(int session, enum origin *ret, struct qb_error *err)
{
	const socklen_t unnamed = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un own = {0}, other = {0};
	socklen_t own_size = sizeof(own), other_size = sizeof(other);

	if (getsockname(session, (struct sockaddr *)&own, &own_size) < 0 ||
		getpeername(session, (struct sockaddr *)&other, &other_size) < 0)
		return qb_error_errno(err, errno, "find out where the session comes from");
	*ret = ORIGIN_OTHER;
	if (own.sun_family == AF_UNIX && own_size == unnamed && other_size == unnamed)
		*ret = ORIGIN_PAIR;
	else if (own.sun_family == AF_UNIX && own_size == unnamed + sizeof(QB_SOCKET_PATH) &&
		 memcmp(own.sun_path, QB_SOCKET_PATH, sizeof(QB_SOCKET_PATH)) == 0)
		*ret = ORIGIN_ACTIVATED;
	return 0;
}

/* Is the peer in this group, by the groups of the time when they connected? 1, 0 or an error. */
static int is_member(int session, gid_t group, struct qb_error *err)
{
	_cleanup_free_ gid_t *groups = NULL;
	size_t n;
	int r = qb_peer_groups(session, &groups, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (groups[i] == group)
			return 1;
	return r;
}

static int judge_activated(int session, const struct qb_peer *peer, struct qb_error *err)
{
	struct stat st;
	int member;

	if (lstat(QB_SOCKET_PATH, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != 0)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"%s: the socket was replaced or is not owned by root", QB_SOCKET_PATH);
	member = peer->uid == 0 ? 1 : is_member(session, st.st_gid, err);
	if (member == 0)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"user %u is not in group %u, whose %s is: usermod -aG quietbench USER, and "
			"log in anew",
			peer->uid, st.st_gid, QB_SOCKET_PATH);
	return member < 0 ? member : 0;
}

static int judge_sudo(
	enum origin origin, const char *sudo_uid, const struct qb_peer *peer, struct qb_error *err)
{
	int64_t uid;

	if (origin != ORIGIN_PAIR)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"standard input under sudo is not a socketpair: only quietbench starts this program");
	if (qb_number_parse(sudo_uid, &uid) < 0 || uid != peer->uid)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"user %u is not the user who called sudo (SUDO_UID %s)", peer->uid,
			sudo_uid);
	return 0;
}

static int judge(int session, const char *sudo_uid, struct qb_peer *peer, struct qb_error *err)
{
	enum origin origin;
	int r = find_origin(session, &origin, err);

	if (r < 0)
		return r;
	peer->activated = !sudo_uid && origin == ORIGIN_ACTIVATED;
	if (sudo_uid)
		return judge_sudo(origin, sudo_uid, peer, err);
	if (peer->activated)
		return judge_activated(session, peer, err);
	if (peer->uid != 0 || origin != ORIGIN_PAIR)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"user %u came neither through sudo (SUDO_UID is not set) nor through %s",
			peer->uid, QB_SOCKET_PATH);
	return 0;
}

int qb_peer_identify(int session, const char *sudo_uid, struct qb_peer *ret, struct qb_error *err)
{
	struct qb_peer peer;
	struct qb_task self;
	int r = qb_task_read(getpid(), &self, err);

	if (r == 0) /* whoever started us was there before */
		r = look(session, self.start, &peer, err);
	if (r < 0)
		return r;
	r = judge(session, sudo_uid, &peer, err);
	if (r < 0)
		close(peer.pidfd);
	else
		*ret = peer;
	return r;
}

int qb_peer_groups(int session, gid_t **ret, size_t *ret_n, struct qb_error *err)
{
	_cleanup_free_ gid_t *groups = NULL;
	struct ucred cred;
	socklen_t cred_size = sizeof(cred), size = 0;
	int r = getsockopt(session, SOL_SOCKET, SO_PEERCRED, &cred, &cred_size);

	/* The first question is how many there are. */
	if (r == 0 && getsockopt(session, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 &&
		errno != ERANGE)
		r = -1;
	groups = malloc(sizeof(*groups) + size);
	if (!groups || r < 0 ||
		(size && getsockopt(session, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &size) < 0))
		return qb_error_errno(err, errno, "ask for the client's groups");
	groups[0] = cred.gid;
	*ret = groups;
	*ret_n = 1 + size / sizeof(*groups);
	groups = NULL;
	return 0;
}

bool qb_peer_dead(const struct qb_peer *peer)
{
	struct pollfd p = {.fd = peer->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

int qb_peer_host_namespace(const struct qb_peer *peer, struct qb_error *err)
{
	struct stat st;
	char path[64];

	qb_text_format(path, sizeof(path), "/proc/%d/ns/pid", peer->pid);
	if (stat(path, &st) < 0)
		return qb_error_errno(err, errno, "look at the client's PID namespace");
	if (qb_peer_dead(peer))
		return qb_error_set(err, ECANCELED, "the client is gone");
	if (st.st_ino != FIRST_PID_NAMESPACE)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"this is a container with a lock and a /run of its own, so the host cannot be conditioned from inside; run quietbench on the host");
	return 0;
}

/* ---- the log ---- */

#define TEXT_MAX 700

void qb_audit(const struct qb_peer *peer, const char *fmt, ...)
{
	const struct sockaddr_un log = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[TEXT_MAX], line[TEXT_MAX + 96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	qb_text_printable(text);
	qb_text_format(line, sizeof(line), "<%d>quietbench[%d]: user %u, process %d: %s",
		LOG_AUTHPRIV | LOG_NOTICE, getpid(), peer->uid, peer->pid, text);
	if (fd >= 0)
		(void)sendto(fd, line, strlen(line), 0, (const struct sockaddr *)&log, sizeof(log));
}
