/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <host/program.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The kernel's overflow user: owns nothing anywhere. */
#define NOBODY 65534

int qb_program_open(const char *beside, const char *installed, int flags, struct qb_error *err)
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
	if (slash && qb_text_format(slash, sizeof(path) - (size_t)(slash - path), "/%s", beside))
		fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && qb_text_copy(path, sizeof(path), installed))
		fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return qb_error_errno(
			err, errno, "open %s beside this program or in %s", beside, installed);
	if (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != self.st_uid) ||
		(st.st_mode & (S_IWGRP | S_IWOTH))) {
		close(fd);
		return qb_error_set(
			err, EPERM, "%s can be written by users other than root: not used", path);
	}
	return fd;
}

/* At most that: a root without CAP_SYS_RESOURCE may have less. */
static bool limit(int resource, rlim_t most)
{
	struct rlimit rlimit;

	if (getrlimit((__rlimit_resource_t)resource, &rlimit) < 0)
		return false;
	if (rlimit.rlim_max > most)
		rlimit.rlim_max = most;
	rlimit.rlim_cur = rlimit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &rlimit) == 0;
}

/* As nobody, with these alone; ambient ones outlive the execution. */
static bool keep(const int *caps, size_t n)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	for (size_t i = 0; i < n; i++)
		data[CAP_TO_INDEX(caps[i])].permitted |= CAP_TO_MASK(caps[i]);
	for (size_t i = 0; i < QB_ARRAY_SIZE(data); i++)
		data[i].effective = data[i].inheritable = data[i].permitted;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
		setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
		syscall(SYS_capset, &head, data) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, caps[i], 0, 0) < 0)
			return false;
	return true;
}

static bool give_up(const struct qb_program_order *order)
{
	/* Without SECBIT_NOROOT what uid 0 executes has every capability again. */
	const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
	sigset_t none;

	/* A shortage of memory spares who has a host to restore, not who can be started anew. */
	(void)qb_file_write("/proc/self/oom_score_adj", "0", NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
	       (order->n || limit(RLIMIT_CPU, 60)) && /* a watcher works as long as a run */
	       limit(RLIMIT_NOFILE, 64) &&
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory is larger than any sensible limit */
	       limit(RLIMIT_AS, (rlim_t)1 << 30) &&
#endif
	       (geteuid() != 0 || prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0) &&
	       (!order->nobody || keep(order->caps, order->n)) &&
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* Descriptors: 0 the socket, 1 and 2 what it says, 3 the file, and the program itself until it is executed. */
static _Noreturn void become(
	int program, const struct qb_program_order *order, pid_t parent, int socket, int said)
{
	char third[] = "3", *const argv[] = {(char *)order->name, order->file ? third : NULL, NULL};
	char *const envp[] = {NULL};
	const int last = order->file ? 4 : 3;
	const int file = order->file ? fcntl(order->file, F_DUPFD_CLOEXEC, 5) : 0;

	program = fcntl(program, F_DUPFD_CLOEXEC, 5);
	/* Its end with ours comes last: whoever becomes another user loses that. */
	if (program >= 0 && dup2(said, 1) >= 0 && dup2(said, 2) >= 0 && dup2(socket, 0) >= 0 &&
		(!order->file || dup2(file, 3) >= 0) && dup3(program, last, O_CLOEXEC) >= 0 &&
		syscall(SYS_close_range, (unsigned)last + 1, ~0u, 0) == 0 && give_up(order) &&
		prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		fexecve(last, argv, envp);
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

static int start(int program, const struct qb_program_order *order, struct qb_program *ret)
{
	const pid_t parent = getpid();
	int session[2], said[2], r = make_sockets(session, said);
	pid_t pid;

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0)
		become(program, order, parent, session[1], said[1]);
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

int qb_program_start(
	const struct qb_program_order *order, struct qb_program *ret, struct qb_error *err)
{
	_cleanup_close_ int program = -1;
	char installed[PATH_MAX];
	struct qb_error why = {0};
	int r;

	qb_text_format(installed, sizeof(installed), QB_LIBEXECDIR "/%s", order->name);
	program = qb_program_open(order->name, installed, O_RDONLY, &why);
	if (program < 0)
		return qb_error_set(err, ENOTSUP, "%s", why.text);
	r = start(program, order, ret);
	return r < 0 ? qb_error_set(err, ENOTSUP, "start %s: %s", order->name, strerror(-r)) : 0;
}
