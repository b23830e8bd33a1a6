/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In the place of host/program.c: a program is not executed but a child of the test's, which runs `run_program` with the
 * socket as its argument. The linker takes this qb_program_start, and leaves the library's.
 */
#ifndef QB_TESTS_FAKE_PROGRAM_H
#define QB_TESTS_FAKE_PROGRAM_H

#include <errno.h>
#include <host/program.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int (*run_program)(int socket);
static int programs_started;

int qb_program_start(
	const struct qb_program_order *order, struct qb_program *ret, struct qb_error *err)
{
	const pid_t parent = getpid();
	int session[2], said[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, said) < 0)
		return qb_error_errno(err, errno, "make sockets for %s", order->name);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(session[0]);
		dup2(said[1], 2);
		_exit(getppid() == parent ? run_program(session[1]) : 1);
	}
	close(session[1]);
	close(said[1]);
	programs_started++;
	*ret = (struct qb_program){.socket = session[0],
		.said = said[0],
		.pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	return pid > 0 && ret->pidfd >= 0 ? 0 : -EAGAIN;
}

#endif
