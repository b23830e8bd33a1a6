/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.h */
#include "sandbox.h"
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>

#ifndef __SANITIZE_ADDRESS__
/* Reading files and folders, memory, the conversation, and the way into --root. */
static const int allowed[] = {SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(lseek),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(getdents64),
	SCMP_SYS(getdents), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fcntl), SCMP_SYS(getcwd),
	SCMP_SYS(fchdir), SCMP_SYS(chdir), SCMP_SYS(chroot), SCMP_SYS(unshare), SCMP_SYS(mmap),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(uname),
	SCMP_SYS(sysinfo), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(prlimit64), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg), SCMP_SYS(getsockname), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall)};

static int load_filter(void)
{
	const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(allowed); i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
		/* Some of these do not exist on every architecture. */
		if (r == -EDOM || r == -EFAULT)
			r = 0;
	}
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, O_WRONLY, O_WRONLY));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(ioctl), 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
#else
/* The sanitizers need calls of their own; the release build is the one that is confined. */
static int load_filter(void)
{
	return 0;
}
#endif

int qb_sandbox_enter(struct qb_error *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return qb_error_errno(err, errno, "give up privileges");
	r = load_filter();
	return r < 0 ? qb_error_errno(err, -r, "confine the planner (seccomp)") : 0;
}

int qb_sandbox_chroot(int fd, struct qb_error *err)
{
	if (fchdir(fd) < 0)
		return qb_error_errno(err, errno, "enter the folder");
	if (chroot(".") == 0)
		return 0;
	if (errno == EPERM && unshare(CLONE_NEWUSER) == 0 && chroot(".") == 0)
		return 0;
	return qb_error_errno(err, errno,
		"make the folder this program's root (without user namespaces this takes root)");
}
