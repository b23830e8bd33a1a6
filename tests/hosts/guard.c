/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A seccomp filter that asks a supervisor about each system call that names another process. */
#include "guard.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_ARCH AUDIT_ARCH_PPC64LE
#else
#error "name this architecture's AUDIT_ARCH_ constant here"
#endif

/* The guarded system calls, and which argument of each names the process. */
static const struct {
	int nr;
	unsigned int arg;
} guarded[] = {
	{SYS_sched_setaffinity, 0},
	{SYS_sched_setscheduler, 0},
	{SYS_sched_setparam, 0},
	{SYS_sched_setattr, 0},
	{SYS_setpriority, 1},
	{SYS_ioprio_set, 1},
	{SYS_kill, 0},
	{SYS_tkill, 0},
	{SYS_tgkill, 0},
	{SYS_rt_sigqueueinfo, 0},
	{SYS_rt_tgsigqueueinfo, 0},
	{SYS_pidfd_open, 0},
	{SYS_prlimit64, 0},
};
enum { GUARDED = sizeof(guarded) / sizeof(guarded[0]) };

/* 0 is the caller itself, or its group: nobody has to be asked (nor waited for). */
static int install_filter(void)
{
	enum { EACH = 5, SIZE = EACH * GUARDED + 5 };
	struct sock_filter code[SIZE];
	struct sock_fprog program = {.len = SIZE, .filter = code};
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	code[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (unsigned int i = 0; i < GUARDED; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)guarded[i].nr, 0, EACH - 1);
		/* Its lower half: a pid has 32 bits, and all of these architectures begin with them. */
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			(unsigned int)offsetof(struct seccomp_data, args) + 8 * guarded[i].arg);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Whether @pid, or the leader of group -@pid, lives in mount namespace @mount_ns. */
static bool may_touch(pid_t pid, ino_t mount_ns)
{
	char path[64];
	struct stat st;

	if (pid == -1)
		return false; /* everybody */
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid > 0 ? pid : -pid);
	/* EACCES comes from one that may not be looked at, and from one that dies at this moment, as ESRCH
	 * does: that one is gone at the next look. */
	for (int look = 0; look < 20; look++) {
		if (stat(path, &st) == 0)
			return st.st_ino == mount_ns;
		if (errno != EACCES && errno != ESRCH)
			break;
		usleep(1000);
	}
	/* Gone, or a zombie, which has no namespace left: nobody is hurt, and the kernel answers.
	 * A group can outlive its leader, though. */
	return errno == ENOENT && pid > 0;
}

static bool may_proceed(const struct seccomp_data *data, ino_t mount_ns)
{
	for (size_t i = 0; i < GUARDED; i++)
		if (data->nr == guarded[i].nr)
			return may_touch((pid_t)data->args[guarded[i].arg], mount_ns);
	return false;
}

/* Answers until the last process under the filter is gone. */
static void supervise(int listener)
{
	struct stat own;

	if (stat("/proc/self/ns/mnt", &own) < 0)
		return; /* the listener closes with us: guarded calls then fail, with ENOSYS */
	for (;;) {
		struct pollfd pfd = {.fd = listener, .events = POLLIN};
		struct seccomp_notif call;
		struct seccomp_notif_resp answer;

		if (poll(&pfd, 1, -1) < 0 || !(pfd.revents & POLLIN))
			return;
		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue; /* the caller died meanwhile */
		memset(&answer, 0, sizeof(answer));
		answer.id = call.id;
		if (may_proceed(&call.data, own.st_ino))
			answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		else
			answer.error = -EPERM;
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer); /* it may die here too */
	}
}

/* One message of one byte that carries one descriptor. */
union one_fd {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int send_fd(int socket, int fd)
{
	char byte = 0;
	union one_fd control = {0};
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int receive_fd(int socket)
{
	char byte;
	union one_fd control;
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *head;
	int fd;

	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

/* Forks twice, so that the guarded command has no child that it never started. */
static int start_supervisor(int socket)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		return waitpid(pid, NULL, 0) == pid ? 0 : -errno;
	pid = fork();
	if (pid == 0) {
		/* Out of the caller's session and away from its descriptors: whoever waits for the
		 * end of the command's output must not wait for us. */
		(void)setsid();
		(void)chdir("/");
		(void)prctl(PR_SET_NAME, "with-host-guard");
		if (dup2(socket, 0) == 0 && close_range(1, ~0U, 0) == 0)
			supervise(receive_fd(0));
	}
	_exit(0); /* without a supervisor, send_fd() fails */
}

int qb_guard_install(const char **ret_step)
{
	int pair[2];
	int listener;
	int r;

	*ret_step = "make a socket pair";
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_step = "start the supervisor";
	r = start_supervisor(pair[1]);
	(void)close(pair[1]);
	if (r < 0)
		goto out;
	*ret_step = "install the seccomp filter";
	listener = install_filter();
	if (listener < 0) {
		r = -errno;
		goto out;
	}
	*ret_step = "hand the supervisor its listener";
	r = send_fd(pair[0], listener);
	(void)close(listener);
out:
	(void)close(pair[0]);
	return r;
}
