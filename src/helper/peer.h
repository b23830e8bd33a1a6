/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of the session, and may he be there. */
#ifndef QB_HELPER_PEER_H
#define QB_HELPER_PEER_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <sys/types.h>

struct qb_peer {
	pid_t pid;
	uid_t uid;
	int pidfd;	/* of the client; readable when it is dead */
	bool activated; /* came through QB_SOCKET_PATH: this process is a unit of systemd's */
};

/* Who is at the other end of a socket (SO_PEERCRED: the kernel's word, not his). */
int qb_peer_look(int session, struct qb_peer *ret, struct qb_error *err);
/*
 * The same for the session that the helper is started with, and may he be there? `sudo_uid` is
 * SUDO_UID of the helper's environment, NULL when sudo did not start it.
 *
 *	sudo               a socketpair (neither end has a name) of the user whom sudo let through
 *	QB_SOCKET_PATH     root, and the members of the group that the socket's file has
 *	anything else      a socketpair of root's
 */
int qb_peer_identify(int session, const char *sudo_uid, struct qb_peer *ret, struct qb_error *err);
/*
 * The groups that he had when he connected, his effective one first (SO_PEERCRED, SO_PEERGROUPS).
 * *ret is malloc'd.
 */
int qb_peer_groups(int session, gid_t **ret, size_t *ret_n, struct qb_error *err);
/* Has the client ended? */
bool qb_peer_dead(const struct qb_peer *peer);
/*
 * 0 in the first PID namespace; -QB_NOT_FROM_HERE in a container, whose /run and lock are its own.
 * It is asked of the client: this process sees him, so its own namespace is his or one above.
 */
int qb_peer_host_namespace(const struct qb_peer *peer, struct qb_error *err);

#endif
