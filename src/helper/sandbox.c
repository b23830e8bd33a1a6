/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: sandbox */
#include "helper.h"
#include <base/macros.h>
#include <core/confine.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The kernel's overflow user: owns nothing anywhere. */
#define NOBODY 65534

/* What the levers and the care for the benchmark need; levers.md names the knobs. */
static const cap_value_t needed[] = {
	CAP_SYS_NICE,	  /* affinity of any thread */
	CAP_SYS_ADMIN,	  /* numa_balancing, kptr_restrict, cgroup delegation */
	CAP_DAC_OVERRIDE, /* other users' groups */
	CAP_DAC_READ_SEARCH,
	CAP_KILL,	  /* the benchmark of a client that died */
	CAP_NET_ADMIN,	  /* rps_cpus, irqbalance's socket */
	CAP_SYS_RESOURCE, /* oom_score_adj */
	CAP_SYS_PTRACE,	  /* /proc of other users' processes */
	CAP_SETUID,	  /* the planner becomes nobody */
	CAP_SETGID,
	CAP_SETPCAP,
};

#define NAMESPACES                                                                                 \
	(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |              \
		CLONE_NEWUSER | CLONE_NEWUTS)

/*
 * What guardian, monitor and recovery do, and what the planner does before it confines itself. There
 * is no execve here: the one program that is executed is an open file (fexecve).
 *
 * What else they try is refused, not the end of them: a forgotten call costs one lever, and its line
 * is in the kernel's log; a killed monitor would cost a recovery that dies of the same call.
 */
static const struct qb_confine_rule allowed[] = {
	/* files: the host's, the journal, the lock and its queue */
	QB_CALL("open"), QB_CALL("openat"), QB_CALL("write"), QB_CALL("writev"),
	QB_CALL("pwrite64"), QB_CALL("fallocate"), QB_CALL("ftruncate"), QB_CALL("fsync"),
	QB_CALL("fdatasync"), QB_CALL("sync"), QB_CALL("mkdir"), QB_CALL("mkdirat"),
	QB_CALL("rmdir"), QB_CALL("unlink"), QB_CALL("unlinkat"), QB_CALL("rename"),
	QB_CALL("renameat"), QB_CALL("renameat2"), QB_CALL("linkat"), QB_CALL("chmod"),
	QB_CALL("fchmod"), QB_CALL("fchmodat"), QB_CALL("flock"), QB_CALL("dup"), QB_CALL("dup2"),
	QB_CALL("dup3"), QB_CALL("close_range"), QB_CALL("umask"), QB_CALL("memfd_create"),
	QB_CALL_IF("mount", 3, ~(uint64_t)0, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME),
	QB_CALL("umount2"),
	/* processes: ours, and those that are moved, ended, waited for */
	QB_CALL_IF("clone", 0, NAMESPACES, 0), {.call = "clone3", .refuse = ENOSYS},
	QB_CALL("fork"), QB_CALL("wait4"), QB_CALL("waitid"), QB_CALL("kill"), QB_CALL("tgkill"),
	QB_CALL("pidfd_open"), QB_CALL("pidfd_send_signal"), QB_CALL("getppid"),
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
	/* the planner, until it is one */
	QB_CALL_IF("execveat", 4, AT_EMPTY_PATH, AT_EMPTY_PATH), QB_CALL("setgroups"),
	QB_CALL("setresgid"), QB_CALL("setresuid"), QB_CALL("capset"), QB_CALL("capget"),
	QB_CALL("prctl"), QB_CALL("seccomp"), QB_CALL("setrlimit"), QB_CALL("arch_prctl"),
	QB_CALL("set_tid_address"), QB_CALL("set_robust_list"), QB_CALL("rseq")};

/*
 * The caller's limits stay the caller's: through sudo they would be a handle on root's process
 * (CPU time that runs out during the restore, files that may not grow). RLIMIT_NPROC does not count
 * for root.
 */
static void reset_limits(void)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = {
		{RLIMIT_CPU, RLIM_INFINITY},
		{RLIMIT_AS, RLIM_INFINITY},
		{RLIMIT_DATA, RLIM_INFINITY},
		{RLIMIT_STACK, 8 << 20},
		{RLIMIT_CORE, 0},
		{RLIMIT_NOFILE, 65536}, /* one for each attribute that is conditioned */
		{RLIMIT_FSIZE, 1 << 30},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(limits); i++) {
		const __rlimit_resource_t resource = (__rlimit_resource_t)limits[i].resource;
		struct rlimit limit = {.rlim_cur = limits[i].most, .rlim_max = limits[i].most};

		/* A root without CAP_SYS_RESOURCE gets as much as the machine allows. */
		if (setrlimit(resource, &limit) == 0 || getrlimit(resource, &limit) < 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(resource, &limit);
	}
}

/* Whatever the caller blocked or ignored (SIGCHLD would hide the monitor's end from the guardian). */
static void reset_signals(void)
{
	/* A terminal's signals and a broken pipe are the client's; it tells us, or we see it die.
	 * A timer of the caller's survives our execution. */
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXFSZ};
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &action, NULL); /* SIGKILL and SIGSTOP are as they are */
	action.sa_handler = SIG_IGN;
	for (size_t i = 0; i < QB_ARRAY_SIZE(ignored); i++)
		sigaction(ignored[i], &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int qb_sandbox_start(int *ret_session, struct qb_error *err)
{
	int session, nowhere;

	reset_limits();
	if (clearenv() != 0)
		return qb_error_errno(err, ENOMEM, "clear the environment");
	umask(077);
	if (chdir("/") < 0)
		return qb_error_errno(err, errno, "go to /");
	session = fcntl(0, F_DUPFD_CLOEXEC, 3);
	if (session < 0)
		return qb_error_errno(err, errno, "take the session from standard input");
	nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (nowhere < 0 || dup2(nowhere, 0) < 0 || dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0)
		return qb_error_errno(err, errno, "open /dev/null");
	if (dup2(session, 3) < 0 || syscall(SYS_close_range, 4u, ~0u, 0) < 0)
		return qb_error_errno(err, errno, "close what was inherited");
	if (session != 3 && fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		return qb_error_errno(err, errno, "keep the session from being inherited");
	reset_signals();
	setsid(); /* fails for a session leader, who has what is wanted */
	*ret_session = 3;
	return 0;
}

int qb_sandbox_limit(struct qb_error *err)
{
	cap_t caps = cap_init(), had = cap_get_proc();
	int r = caps && had ? 0 : -errno;

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(needed); i++) {
		cap_flag_value_t value; /* a root without it (a machine's limit) does without it */

		if (cap_get_flag(had, needed[i], CAP_PERMITTED, &value) < 0 ||
			cap_set_flag(caps, CAP_PERMITTED, 1, &needed[i], value) < 0 ||
			cap_set_flag(caps, CAP_EFFECTIVE, 1, &needed[i], value) < 0)
			r = -errno;
	}
	/* The bounding set first: lowering it takes CAP_SETPCAP. */
	for (cap_value_t cap = 0; r == 0 && CAP_IS_SUPPORTED(cap); cap++) {
		bool keep = false;

		for (size_t i = 0; i < QB_ARRAY_SIZE(needed); i++)
			keep |= needed[i] == cap;
		if (!keep && cap_get_bound(cap) == 1 && cap_drop_bound(cap) < 0)
			r = -errno;
	}
	if (r == 0 && cap_set_proc(caps) < 0)
		r = -errno;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	cap_free(caps);
	cap_free(had);
	if (r < 0)
		return qb_error_errno(err, -r, "drop capabilities");
	return qb_confine(QB_CONFINE_REFUSE, allowed, QB_ARRAY_SIZE(allowed), err);
}

static int limit(int resource, rlim_t most)
{
	const struct rlimit rlimit = {.rlim_cur = most, .rlim_max = most};

	return setrlimit((__rlimit_resource_t)resource, &rlimit);
}

int qb_sandbox_enter_planner(void)
{
	cap_t none = cap_init();

	if (!none || limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_FSIZE, 0) < 0 ||
		limit(RLIMIT_CPU, 20) < 0 || limit(RLIMIT_NOFILE, 64) < 0)
		return -1;
#ifndef __SANITIZE_ADDRESS__ /* whose shadow memory is larger than any sensible limit */
	if (limit(RLIMIT_AS, (rlim_t)1 << 30) < 0)
		return -1;
#endif
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return -1;
	if (cap_set_proc(none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	cap_free(none);
	return 0;
}
