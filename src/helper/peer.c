/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer.h */
#include "peer.h"
#include <base/macros.h>
#include <errno.h>
#include <poll.h>
#include <quietbench/protocol.h>
#include <quietbench/value.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The inode of the first PID namespace (include/linux/proc_ns.h, PROC_PID_INIT_INO). */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

int qb_peer_look(int session, struct qb_peer *ret, struct qb_error *err)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	int type, pidfd;
	socklen_t type_size = sizeof(type);

	if (getsockopt(session, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 ||
		type != SOCK_SEQPACKET ||
		getsockopt(session, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return qb_error_set(err, ENOTSOCK,
			"standard input is not a session: this program is started by quietbench");
	if (cred.pid <= 0)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"the client is in another PID namespace (a container): run quietbench there "
			"where its helper runs");
	pidfd = (int)syscall(SYS_pidfd_open, cred.pid, 0);
	if (pidfd < 0)
		return qb_error_errno(err, errno, "watch the client, process %d", cred.pid);
	*ret = (struct qb_peer){.pid = cred.pid, .uid = cred.uid, .pidfd = pidfd};
	return 0;
}

int qb_peer_identify(int session, const char *sudo_uid, struct qb_peer *ret, struct qb_error *err)
{
	struct qb_peer peer;
	int64_t uid;
	int r = qb_peer_look(session, &peer, err);

	if (r < 0)
		return r;
	if (peer.uid != 0 &&
		(!sudo_uid || qb_number_parse(sudo_uid, &uid) < 0 || uid != peer.uid)) {
		close(peer.pidfd);
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"user %u is not the one whom sudo let through (SUDO_UID %s)", peer.uid,
			sudo_uid ? sudo_uid : "is not set");
	}
	*ret = peer;
	return 0;
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

int qb_peer_host_namespace(struct qb_error *err)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0)
		return qb_error_errno(err, errno, "look at this process' PID namespace");
	if (st.st_ino != FIRST_PID_NAMESPACE)
		return qb_error_set(err, QB_NOT_FROM_HERE,
			"this is a container: its lock and its /run are its own, so a host cannot be "
			"conditioned from inside; run quietbench on the host");
	return 0;
}
