/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * confine.h: which system calls each of our programs may make. contrib/confine makes filters of it, once
 * for all executions.
 */
#include <core/confine_rules.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
#define NAMESPACES                                                                                 \
	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |              \
		CLONE_NEWUSER | CLONE_NEWUTS)

/* What each of them needs. */
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

/*
 * What guardian, monitor and recovery do, and what a program does before it confines itself. There
 * is no execve here: the one program that is executed is an open file (fexecve).
 *
 * What else they try is refused, not the end of them: a forgotten call costs one lever, and its line
 * is in the kernel's log; a killed monitor would cost a recovery that dies of the same call.
 */
static const struct qb_confine_rule helper[] = {
	/* files: the host's, the journal, the lock and its queue */
	QB_CALL("open"), QB_CALL("openat"), QB_CALL("write"), QB_CALL("writev"),
	QB_CALL("pwrite64"), QB_CALL("fallocate"), QB_CALL("ftruncate"), QB_CALL("fsync"),
	QB_CALL("fdatasync"), QB_CALL("sync"), QB_CALL("mkdir"), QB_CALL("mkdirat"),
	QB_CALL("rmdir"), QB_CALL("unlink"), QB_CALL("unlinkat"), QB_CALL("rename"),
	QB_CALL("renameat"), QB_CALL("renameat2"), QB_CALL_IF("mknodat", 2, S_IFMT, S_IFIFO),
	QB_CALL("inotify_init1"), QB_CALL("inotify_add_watch"), QB_CALL("inotify_rm_watch"),
	QB_CALL("chmod"), QB_CALL("fchmod"), QB_CALL("fchmodat"), QB_CALL("flock"), QB_CALL("dup"),
	QB_CALL("dup2"), QB_CALL("dup3"), QB_CALL("close_range"), QB_CALL("umask"),
	QB_CALL("memfd_create"),
	QB_CALL_IF("mount", 3, ~(uint64_t)0, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME),
	QB_CALL("umount2"),
	/* processes: ours, and those that are moved, ended, waited for */
	QB_CALL_IF("clone", 0, NAMESPACES, 0), {.call = "clone3", .refuse = ENOSYS},
	QB_CALL("fork"), QB_CALL("wait4"), QB_CALL("waitid"), QB_CALL("kill"), QB_CALL("tgkill"),
	QB_CALL("pidfd_open"), QB_CALL("pidfd_send_signal"), QB_CALL("getppid"), QB_CALL("getsid"),
	QB_CALL("sched_setaffinity"), QB_CALL("rt_sigtimedwait"), QB_CALL("signalfd4"),
	/* waiting */
	QB_CALL("poll"), QB_CALL("ppoll"), QB_CALL("nanosleep"), QB_CALL("clock_nanosleep"),
	QB_CALL("timerfd_create"), QB_CALL("timerfd_settime"),
	/* sockets: the door, systemd, irqbalance, the log */
	QB_CALL_IF("socket", 0, ~(uint64_t)0, AF_UNIX),
	QB_CALL_IF("socketpair", 0, ~(uint64_t)0, AF_UNIX), QB_CALL("connect"), QB_CALL("bind"),
	QB_CALL("listen"), QB_CALL("accept4"), QB_CALL("sendto"), QB_CALL("recvfrom"),
	QB_CALL("getsockopt"), QB_CALL("setsockopt"), QB_CALL("getpeername"), QB_CALL("shutdown"),
	/* who runs on the benchmark's CPUs */
	QB_CALL("perf_event_open"),
	/* programs of the caller's groups, for the run's group: none is loaded or detached */
	QB_CALL_IF("bpf", 0, ~(uint64_t)0, BPF_PROG_QUERY),
	QB_CALL_IF("bpf", 0, ~(uint64_t)0, BPF_PROG_GET_FD_BY_ID),
	QB_CALL_IF("bpf", 0, ~(uint64_t)0, BPF_PROG_ATTACH),
	/* a program, until it is one */
	QB_CALL_IF("execveat", 4, AT_EMPTY_PATH, AT_EMPTY_PATH), QB_CALL("setgroups"),
	QB_CALL("setresgid"), QB_CALL("setresuid"), QB_CALL("capset"), QB_CALL("capget"),
	QB_CALL("prctl"), QB_CALL("seccomp"), QB_CALL_IF("prlimit64", 0, ~(uint64_t)0, 0),
	QB_CALL("arch_prctl"), QB_CALL("set_tid_address"), QB_CALL("set_robust_list"),
	QB_CALL("rseq")};

/* Files for reading alone; what a library would write it is told that it may not. */
static const struct qb_confine_rule planner[] = {
	QB_CALL_IF("openat", 2, WRITING, 0),
	{.call = "openat", .refuse = EACCES, .n = 1, .arg = 2, .mask = O_WRONLY, .value = O_WRONLY},
	/* a user's own, with --root: last */
	QB_CALL("chroot"),
	QB_CALL_IF("unshare", 0, ~(uint64_t)0, CLONE_NEWUSER),
};
#define OF_ROOT 2

/* perf, and waiting. */
static const struct qb_confine_rule watcher[] = {
	QB_CALL_IF("openat", 2, WRITING, 0),
	QB_CALL("perf_event_open"),
	QB_CALL("capset"),
	QB_CALL("poll"),
	QB_CALL("ppoll"),
};

/* Waiting, speaking to a bus that is open, looking for dead processes. */
static const struct qb_confine_rule bus[] = {
	QB_CALL_IF("openat", 2, WRITING, 0),
	QB_CALL("poll"),
	QB_CALL("ppoll"),
	QB_CALL("nanosleep"),
	QB_CALL("clock_nanosleep"),
	QB_CALL("sendto"),
	QB_CALL("recvfrom"),
	QB_CALL("writev"),
	QB_CALL("shutdown"),
	QB_CALL("getsockopt"),
	QB_CALL("setsockopt"),
	QB_CALL("getpeername"),
	QB_CALL("pidfd_open"),
};

#define ROWS(table) table, sizeof(table) / sizeof((table)[0])
const struct qb_confine_rules qb_confine_common = {false, ROWS(common)};
const struct qb_confine_rules qb_confine_rules[QB_CONFINED_COUNT] = {
	[QB_CONFINED_HELPER] = {false, ROWS(helper)},
	[QB_CONFINED_PLANNER] = {true, ROWS(planner) - OF_ROOT},
	[QB_CONFINED_OWN_PLANNER] = {true, ROWS(planner)},
	[QB_CONFINED_WATCHER] = {false, ROWS(watcher)},
	[QB_CONFINED_BUS] = {false, ROWS(bus)},
};
