/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calls.h */
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

/* What a call is about: its first argument is a descriptor or a path, its second is a path, … */
enum about { ABOUT_NOTHING, ABOUT_FD, ABOUT_PATH, ABOUT_PATH_AT };

struct call {
	uint64_t nr;
	enum call_kind kind;
	const char *name;
	enum about about;
};

#define HARMLESS(name)                                                                             \
	{                                                                                          \
		SYS_##name, CALL_HARMLESS, #name, ABOUT_NOTHING                                    \
	}
#define LOOK(name, about)                                                                          \
	{                                                                                          \
		SYS_##name, CALL_LOOK, #name, ABOUT_##about                                        \
	}
#define CHANGE(name, about)                                                                        \
	{                                                                                          \
		SYS_##name, CALL_CHANGE, #name, ABOUT_##about                                      \
	}

/* Changes are here for their names' sake only: what is not here is one, too. */
static const struct call calls[] = {
	LOOK(openat, PATH_AT), /* but see call_judge */
	LOOK(read, FD),
	LOOK(pread64, FD),
	LOOK(getdents64, FD),
	LOOK(newfstatat, PATH_AT),
	LOOK(statx, PATH_AT),
	LOOK(faccessat, PATH_AT),
	LOOK(faccessat2, PATH_AT),
	LOOK(readlinkat, PATH_AT),
	LOOK(statfs, PATH),
	LOOK(fstatfs, FD),
	LOOK(sched_getaffinity, NOTHING),
	LOOK(getpriority, NOTHING),
	LOOK(pidfd_open, NOTHING),
#ifdef SYS_open
	LOOK(stat, PATH),
	LOOK(lstat, PATH),
	LOOK(access, PATH),
	LOOK(readlink, PATH),
	HARMLESS(dup2),
	HARMLESS(poll),
	HARMLESS(pipe),
	HARMLESS(arch_prctl),
	HARMLESS(getpgrp),
	HARMLESS(pause),
	HARMLESS(epoll_wait),
	CHANGE(open, PATH),
	CHANGE(mkdir, PATH),
	CHANGE(rmdir, PATH),
	CHANGE(unlink, PATH),
	CHANGE(rename, PATH),
	CHANGE(chmod, PATH),
	CHANGE(fork, NOTHING),
	CHANGE(vfork, NOTHING),
#endif
	HARMLESS(brk),
	HARMLESS(mmap),
	HARMLESS(munmap),
	HARMLESS(mremap),
	HARMLESS(mprotect),
	HARMLESS(madvise),
	HARMLESS(close),
	HARMLESS(close_range),
	HARMLESS(lseek),
	HARMLESS(fstat),
	HARMLESS(fcntl),
	HARMLESS(ioctl),
	HARMLESS(dup),
	HARMLESS(dup3),
	HARMLESS(pipe2),
	HARMLESS(socket),
	HARMLESS(socketpair),
	HARMLESS(getsockopt),
	HARMLESS(setsockopt),
	HARMLESS(getsockname),
	HARMLESS(recvfrom),
	HARMLESS(recvmsg),
	HARMLESS(ppoll),
	HARMLESS(eventfd2),
	HARMLESS(signalfd4),
	HARMLESS(timerfd_create),
	HARMLESS(timerfd_settime),
	HARMLESS(epoll_create1),
	HARMLESS(epoll_ctl),
	HARMLESS(epoll_pwait),
	HARMLESS(wait4),
	HARMLESS(waitid),
	HARMLESS(nanosleep),
	HARMLESS(clock_nanosleep),
	HARMLESS(clock_gettime),
	HARMLESS(futex),
	HARMLESS(getrandom),
	HARMLESS(rt_sigaction),
	HARMLESS(rt_sigprocmask),
	HARMLESS(rt_sigreturn),
	HARMLESS(rt_sigtimedwait),
	HARMLESS(sigaltstack),
	HARMLESS(set_tid_address),
	HARMLESS(set_robust_list),
	HARMLESS(rseq),
	HARMLESS(restart_syscall),
	HARMLESS(getpid),
	HARMLESS(gettid),
	HARMLESS(getppid),
	HARMLESS(getuid),
	HARMLESS(geteuid),
	HARMLESS(getgid),
	HARMLESS(getegid),
	HARMLESS(getpgid),
	HARMLESS(getsid),
	HARMLESS(getresuid),
	HARMLESS(getresgid),
	HARMLESS(getgroups),
	HARMLESS(capget),
	HARMLESS(sysinfo),
	HARMLESS(uname),
	HARMLESS(umask),
	HARMLESS(chdir),
	HARMLESS(getcwd),
	HARMLESS(sched_yield),
	HARMLESS(memfd_create),
	HARMLESS(inotify_init1),
	HARMLESS(inotify_add_watch),
	HARMLESS(inotify_rm_watch),
	CHANGE(write, FD),
	CHANGE(writev, FD),
	CHANGE(pwrite64, FD),
	CHANGE(ftruncate, FD),
	CHANGE(fallocate, FD),
	CHANGE(fchmod, FD),
	CHANGE(fchmodat, PATH_AT),
	CHANGE(flock, FD),
	CHANGE(mkdirat, PATH_AT),
	CHANGE(unlinkat, PATH_AT),
	CHANGE(renameat2, PATH_AT),
	CHANGE(sendto, FD),
	CHANGE(sendmsg, FD),
	CHANGE(connect, FD),
	CHANGE(kill, NOTHING),
	CHANGE(pidfd_send_signal, FD),
	CHANGE(sched_setaffinity, NOTHING),
	CHANGE(sched_setattr, NOTHING),
	CHANGE(sched_setscheduler, NOTHING),
	CHANGE(setpriority, NOTHING),
	CHANGE(prctl, NOTHING),
	CHANGE(prlimit64, NOTHING),
	CHANGE(capset, NOTHING),
	CHANGE(setsid, NOTHING),
	CHANGE(clone, NOTHING),
	CHANGE(clone3, NOTHING),
	CHANGE(execve, PATH),
	CHANGE(execveat, FD),
	CHANGE(exit_group, NOTHING),
};

static const struct call *find(uint64_t nr)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

enum call_kind call_judge(uint64_t nr, const uint64_t *args)
{
	const struct call *call = find(nr);

	if (!call)
		return CALL_CHANGE;
	if (nr == SYS_openat && (args[2] & O_ACCMODE || args[2] & (O_CREAT | O_TRUNC)))
		return CALL_CHANGE;
#ifdef SYS_open
	if (nr == SYS_open && !(args[1] & (O_ACCMODE | O_CREAT | O_TRUNC)))
		return CALL_LOOK;
#endif
	if (nr == SYS_prlimit64 && !args[2])
		return CALL_HARMLESS; /* only asks */
	if (nr == SYS_prctl && args[0] == PR_CAPBSET_READ)
		return CALL_HARMLESS;
	return call->kind;
}

int call_filter(void)
{
	/* The low half of openat's flags. */
	const uint32_t flags = offsetof(struct seccomp_data, args[2]) +
			       (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0);
	const struct sock_filter begin[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_filter code[6 + 2 * sizeof(calls) / sizeof(calls[0]) + 1];
	struct sock_fprog program = {.filter = code};
	size_t n = sizeof(begin) / sizeof(begin[0]);

	memcpy(code, begin, sizeof(begin));
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (calls[i].kind == CALL_CHANGE)
			continue;
		code[n++] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	program.len = (unsigned short)n;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* A text of the tracee's, cut where it ends or where its memory does. */
static void copy_text(pid_t tid, uint64_t address, char *buf, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, buf, size - 1, (off_t)address);
		close(fd);
	}
	buf[n < 0 ? 0 : n] = '\0';
}

void call_text(pid_t tid, uint64_t nr, const uint64_t *args, char *buf, size_t size)
{
	const struct call *call = find(nr);
	char path[64], text[256] = "";
	ssize_t n;

	switch (call ? call->about : ABOUT_NOTHING) {
	case ABOUT_NOTHING: break;
	case ABOUT_FD:
		(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", tid, (int)args[0]);
		n = readlink(path, text, sizeof(text) - 1);
		text[n < 0 ? 0 : n] = '\0';
		break;
	case ABOUT_PATH: copy_text(tid, args[0], text, sizeof(text)); break;
	case ABOUT_PATH_AT: copy_text(tid, args[1], text, sizeof(text)); break;
	}
	if (call)
		(void)snprintf(buf, size, "%s%s%s", call->name, *text ? " " : "", text);
	else
		(void)snprintf(buf, size, "call-%llu", (unsigned long long)nr);
}

bool call_said(pid_t tid, uint64_t nr, const uint64_t *args, char *buf, size_t size)
{
	if (nr != SYS_write || args[0] != STDERR_FILENO)
		return false;
	copy_text(tid, args[1], buf, args[2] < size ? args[2] + 1 : size);
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

#if defined(__x86_64__)
static int change_registers(
	pid_t tid, void (*change)(struct user_regs_struct *regs, long value), long value)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) < 0)
		return -1;
	change(&regs, value);
	return (int)ptrace(PTRACE_SETREGS, tid, NULL, &regs);
}

static void set_number(struct user_regs_struct *regs, long value)
{
	regs->orig_rax = (unsigned long long)value;
}

static void set_size(struct user_regs_struct *regs, long value)
{
	regs->rdx = regs->rdx / (unsigned long long)value;
}

static void set_result(struct user_regs_struct *regs, long value)
{
	regs->rax = (unsigned long long)value;
}

int call_skip(pid_t tid)
{
	return change_registers(tid, set_number, -1);
}

int call_halve(pid_t tid)
{
	return change_registers(tid, set_size, 2);
}

int call_return(pid_t tid, long result)
{
	return change_registers(tid, set_result, result);
}
#else
/* Kills need no registers; the fault matrix does, and skips itself here. */
int call_skip(pid_t tid)
{
	errno = ENOTSUP;
	return -1;
}

int call_halve(pid_t tid)
{
	return call_skip(tid);
}

int call_return(pid_t tid, long result)
{
	return call_skip(tid);
}
#endif
