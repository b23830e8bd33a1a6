/* SPDX-License-Identifier: GPL-2.0-or-later */
/* confine.h; the only file that knows libseccomp. */
#include <base/macros.h>
#include <core/confine.h>
#include <errno.h>
#include <stdbool.h>

#ifndef __SANITIZE_ADDRESS__
#include <seccomp.h>

static const struct qb_confine_rule common[] = {
	/* files and folders, read */
	QB_CALL("read"), QB_CALL("pread64"), QB_CALL("readv"), QB_CALL("lseek"), QB_CALL("close"),
	QB_CALL("fstat"), QB_CALL("newfstatat"), QB_CALL("stat"), QB_CALL("lstat"),
	QB_CALL("statx"), QB_CALL("statfs"), QB_CALL("fstatfs"), QB_CALL("getdents64"),
	QB_CALL("getdents"), QB_CALL("readlink"), QB_CALL("readlinkat"), QB_CALL("access"),
	QB_CALL("faccessat"), QB_CALL("faccessat2"), QB_CALL("fcntl"), QB_CALL("getcwd"),
	QB_CALL("chdir"), QB_CALL("fchdir"),
	/* memory */
	QB_CALL("mmap"), QB_CALL("munmap"), QB_CALL("mremap"), QB_CALL("mprotect"),
	QB_CALL("madvise"), QB_CALL("brk"), QB_CALL("futex"),
	/* itself, and the time */
	QB_CALL("getrandom"), QB_CALL("clock_gettime"), QB_CALL("uname"), QB_CALL("sysinfo"),
	QB_CALL("getpid"), QB_CALL("gettid"), QB_CALL("getuid"), QB_CALL("geteuid"),
	QB_CALL("getgid"), QB_CALL("getegid"), QB_CALL("sched_getaffinity"),
	QB_CALL_IF("prlimit64", 2, ~(uint64_t)0, 0), /* its limits, read */
	QB_CALL("rt_sigaction"), QB_CALL("rt_sigprocmask"), QB_CALL("rt_sigreturn"),
	QB_CALL("restart_syscall"), QB_CALL("exit"), QB_CALL("exit_group"),
	/* the conversation */
	QB_CALL("sendmsg"), QB_CALL("recvmsg"), QB_CALL("getsockname"),
	/* is this a terminal? No. */
	{.call = "ioctl", .refuse = ENOSYS}};

static int add(scmp_filter_ctx filter, const struct qb_confine_rule *rule)
{
	uint32_t action = rule->refuse ? SCMP_ACT_ERRNO((uint32_t)rule->refuse) : SCMP_ACT_ALLOW;
	int r, call = seccomp_syscall_resolve_name(rule->call);

	if (call == __NR_SCMP_ERROR)
		return -ENOSYS;
	r = seccomp_rule_add(filter, action, call, rule->n,
		SCMP_CMP64(rule->arg, SCMP_CMP_MASKED_EQ, rule->mask, rule->value));
	/* Some calls do not exist on every architecture. */
	return r == -EDOM || r == -EFAULT ? 0 : r;
}

int qb_confine(enum qb_confine_breach breach, const struct qb_confine_rule *rules, size_t n,
	struct qb_error *err)
{
	const bool kill = breach == QB_CONFINE_KILL;
	scmp_filter_ctx filter = seccomp_init(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	const char *what = "";
	int r = filter ? 0 : -ENOMEM;

	if (r == 0 && !kill)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(common); i++)
		r = add(filter, &common[i]);
	for (size_t i = 0; r == 0 && i < n; i++) {
		what = rules[i].call;
		r = add(filter, &rules[i]);
	}
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? qb_error_errno(err, -r, "confine this process (seccomp %s)", what) : 0;
}
#else
/* The sanitizers need calls of their own; the release build is the one that is confined. */
int qb_confine(enum qb_confine_breach breach, const struct qb_confine_rule *rules, size_t n,
	struct qb_error *err)
{
	return 0;
}
#endif
