/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/program.h>
#include <limits.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int open_program(const char *name, struct qb_error *err)
{
	static const char own[] = "/proc/self/exe";
	char path[PATH_MAX], *slash;
	struct stat self, st;
	ssize_t n = readlink(own, path, sizeof(path) - 1);
	int fd = -1;

	if (n < 0 || stat(own, &self) < 0)
		return qb_error_errno(err, errno, "find this program's own folder");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash && qb_text_format(slash, sizeof(path) - (size_t)(slash - path), "/%s", name))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && qb_text_format(path, sizeof(path), QB_LIBEXECDIR "/%s", name))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return qb_error_errno(
			err, errno, "open %s beside this program or in %s", name, QB_LIBEXECDIR);
	if (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != self.st_uid) ||
		(st.st_mode & (S_IWGRP | S_IWOTH))) {
		close(fd);
		return qb_error_set(
			err, EPERM, "%s can be written by users other than root: not used", path);
	}
	return fd;
}

static bool limit(int resource, rlim_t most)
{
	const struct rlimit rlimit = {.rlim_cur = most, .rlim_max = most};

	return setrlimit((__rlimit_resource_t)resource, &rlimit) == 0;
}

static bool give_up(void)
{
	/* Without SECBIT_NOROOT what uid 0 executes has every capability again. */
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CPU, 60) &&
	       limit(RLIMIT_NOFILE, 64) &&
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory is larger than any sensible limit */
	       limit(RLIMIT_AS, (rlim_t)1 << 30) &&
#endif
	       (geteuid() != 0 || prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0) &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Descriptors: 0 the socket, 1 and 2 what it says, 3 the program itself, until it is executed. */
static _Noreturn void become(int program, const char *name, int socket, int said, pid_t parent)
{
	char *const argv[] = {(char *)name, NULL}, *const envp[] = {NULL};

	program = fcntl(program, F_DUPFD_CLOEXEC, 4);
	if (program >= 0 && dup2(said, 1) >= 0 && dup2(said, 2) >= 0 && dup2(socket, 0) >= 0 &&
		dup3(program, 3, O_CLOEXEC) >= 0 && syscall(SYS_close_range, 4u, ~0u, 0) == 0 &&
		prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && give_up())
		fexecve(3, argv, envp);
	dprintf(2, "%s\n", strerror(errno));
	_exit(QB_NOT_EXECUTED);
}

static int make_sockets(int session[2], int said[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, said) < 0) {
		int code = errno;

		close(session[0]);
		close(session[1]);
		return -code;
	}
	return 0;
}

static void close_both(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static int start(int program, const char *name, struct qb_program *ret)
{
	const pid_t parent = getpid();
	int session[2], said[2], r = make_sockets(session, said);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		become(program, name, session[1], said[1], parent);
	/* Nobody else has waited for it yet: the number is its own. */
	r = pid < 0 ? -errno : (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid >= 0 && r < 0)
		r = -errno;
	if (r < 0) {
		close_both(session);
		close_both(said);
		return r;
	}
	close(session[1]);
	close(said[1]);
	*ret = (struct qb_program){.socket = session[0], .said = said[0], .pidfd = r};
	return 0;
}

int qb_program_start(const char *name, struct qb_program *ret, struct qb_error *err)
{
	struct qb_error why = {0};
	_cleanup_close_ int program = open_program(name, &why);
	int r;

	if (program < 0)
		return qb_error_set(err, ENOTSUP, "%s", why.text);
	r = start(program, name, ret);
	return r < 0 ? qb_error_set(err, ENOTSUP, "start %s: %s", name, strerror(-r)) : 0;
}
