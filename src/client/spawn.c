/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting programs (spawn.h). */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <client/spawn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Where more knock than are let in, the kernel would make us wait for ever. */
#define CONNECT_S 2
/* What was told to end has so long, then it is killed. */
#define END_MS 5000

static char *const no_environment[] = {NULL};

int qb_spawn_find(const char *program, char *buf, size_t size, struct qb_error *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash &&
			qb_text_format(buf, size, "%.*s/%s", (int)(slash - self), self, program) &&
			access(buf, X_OK) == 0)
			return 0;
	}
	if (qb_text_format(buf, size, "%s/%s", QB_LIBEXECDIR, program) && access(buf, X_OK) == 0)
		return 0;
	return qb_error_errno(
		err, errno, "find %s beside this program or in %s", program, QB_LIBEXECDIR);
}

/* In the child: the caller's signal mask may block anything; a fresh program starts unblocked. */
static void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void silence(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, fd);
}

static _Noreturn void become(const struct qb_spawn *spawn)
{
	unblock_signals();
	if (spawn->clean)
		execve(spawn->argv[0], spawn->argv, no_environment);
	else
		execvp(spawn->argv[0], spawn->argv);
	if (spawn->said)
		dprintf(STDERR_FILENO, "%s: %s\n", spawn->argv[0], strerror(errno));
	_exit(QB_NOT_EXECUTED);
}

int qb_spawn_start(const struct qb_spawn *spawn, int *ret_fd, pid_t *ret_pid, struct qb_error *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make a socket for %s", spawn->argv[0]);
	pid = fork();
	if (pid < 0) {
		int code = errno;

		close(pair[0]);
		close(pair[1]);
		return qb_error_errno(err, code, "start %s", spawn->argv[0]);
	}
	if (pid == 0) {
		if (spawn->background)
			setpgid(0, 0);
		/* dup2 onto itself would keep CLOEXEC; pair is never 0 (keep_standard_fds). */
		dup2(pair[1], STDIN_FILENO);
		silence(STDOUT_FILENO);
		if (spawn->silent)
			silence(STDERR_FILENO);
		if (spawn->said)
			dup2(spawn->said, STDERR_FILENO);
		close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
		become(spawn);
	}
	close(pair[1]);
	*ret_fd = pair[0];
	*ret_pid = pid;
	return 0;
}

int qb_spawn_connect(const char *path, struct qb_error *err)
{
	const struct timeval limit = {.tv_sec = CONNECT_S}, none = {0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct ucred listener;
	socklen_t size = sizeof(listener);
	int connected;

	if (fd < 0 || !qb_text_copy(address.sun_path, sizeof(address.sun_path), path))
		return -ENOTCONN;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return errno == EACCES ? -EACCES : -ENOTCONN;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) < 0)
		return -ENOTCONN;
	if (listener.uid != 0)
		return qb_error_set(err, EPERM, "%s is owned by user %u, not by root: not used",
			path, listener.uid);
	connected = fd;
	fd = -1;
	return connected;
}

/* Until it has ended, or does not end although it was told to, twice. */
static void hear(pid_t pid, struct qb_job *job)
{
	_cleanup_close_ int ended = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fds[] = {
		{.fd = ended, .events = POLLIN}, {.fd = job->early, .events = POLLIN}};

	while (ended >= 0 && !fds[0].revents) {
		if (poll(fds, QB_ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents || !qb_job_interrupted(job))
			continue;
		kill(pid, job->signal);
		if (poll(fds, 1, END_MS) == 0)
			kill(pid, SIGKILL);
		return;
	}
}

int qb_spawn_wait(const struct qb_spawn *spawn, struct qb_job *job, struct qb_error *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return qb_error_errno(err, errno, "start %s", spawn->argv[0]);
	if (pid == 0) {
		if (spawn->silent) {
			silence(STDOUT_FILENO);
			silence(STDERR_FILENO);
		}
		become(spawn);
	}
	hear(pid, job);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return qb_error_errno(err, errno, "wait for %s", spawn->argv[0]);
	return status;
}
