/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for irqbalance: a child of that name that speaks its protocol. Or misbehaves.
 */
#ifndef QB_TESTS_FAKE_IRQBALANCE_H
#define QB_TESTS_FAKE_IRQBALANCE_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum manner {
	MANNER_PROPER,
	MANNER_DEAF,	 /* sleeps for more than a second before it hears anything */
	MANNER_ENDLESS,	 /* answers for ever */
	MANNER_ABSTRACT, /* could not make its socket's file */
	MANNER_FOREIGN,	 /* listens as somebody else than root */
};

/* Shared with the child. */
struct stand_in {
	enum manner manner;
	char setup[256];   /* the answer to `setup` */
	char command[512]; /* the last other command, and how many there were */
	volatile int commands;
	int asked; /* how often for `setup` */
	bool root; /* it came with root's credentials */
};
static struct stand_in *it;
static pid_t child; /* its PID */

static void answer(int fd)
{
	char text[500] = "", flood[4096];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	const struct cmsghdr *header;
	struct ucred who;

	if (recvmsg(fd, &message, 0) < 0)
		return;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&who, CMSG_DATA(header), sizeof(who));
		it->root = who.uid == 0;
	}
	if (it->manner == MANNER_DEAF)
		usleep(1300000);
	memset(flood, '0', sizeof(flood));
	if (strcmp(text, "setup") == 0) {
		it->asked++;
		while (it->manner == MANNER_ENDLESS)
			if (send(fd, flood, sizeof(flood), MSG_NOSIGNAL) < 0)
				return;
		send(fd, it->setup, strlen(it->setup), 0); /* may kill it, like the real one */
		return;
	}
	if (strncmp(text, "settings ", 9) != 0)
		return;
	snprintf(it->command, sizeof(it->command), "%s", text);
	it->commands++;
}

static void serve(int ready)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int on = 1, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "irqbalance");
	if (it->manner != MANNER_ABSTRACT)
		snprintf(address.sun_path, sizeof(address.sun_path),
			"/run/irqbalance/irqbalance%d.sock", (int)getpid());
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		_exit(1);
	if (it->manner == MANNER_FOREIGN &&
		(chmod(address.sun_path, 0777) < 0 || setuid(65534) < 0))
		_exit(2);
	if (listen(fd, 1) < 0 || write(ready, "x", 1) != 1)
		_exit(3);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		answer(client);
		close(client);
	}
}

#endif
