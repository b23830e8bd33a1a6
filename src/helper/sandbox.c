/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * helper.h: sandbox. What it MUST hold, whoever started the helper:
 *
 *  1. Nothing that fork(2) and execve(2) pass on is the caller's: each row of `inherited` is as for a
 *     daemon that was started at boot. Guardian, monitor, recovery, guests and waiters have it from
 *     there, and the programs that they start (host/program.h). Control groups and affinity: host/caller.h.
 *  2. What root cannot reset on this machine, and what matters, is in the log's line of the session.
 *  3. A shortage of memory spares only who has conditioned a host, not who waits or parses.
 *  4. Nobody is executed by a path, and no system call is made that is not in core/confine_rules.c.
 */
#include "helper.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/confine.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

/* What the levers and the care for the benchmark need; levers.md names the knobs. */
static const cap_value_t needed[] = {
	CAP_SYS_NICE,	  /* affinity of any thread */
	CAP_SYS_ADMIN,	  /* numa_balancing, kptr_restrict, cgroup delegation */
	CAP_DAC_OVERRIDE, /* other users' groups */
	CAP_DAC_READ_SEARCH,
	CAP_KILL,	  /* the benchmark of a client that died */
	CAP_NET_ADMIN,	  /* rps_cpus, irqbalance's socket, BPF programs of groups */
	CAP_SYS_RESOURCE, /* oom_score_adj */
	CAP_SYS_PTRACE,	  /* /proc of other users' processes */
	CAP_PERFMON,	  /* the watcher's */
	CAP_SETUID,	  /* the programs that become nobody */
	CAP_SETGID,
	CAP_SETPCAP,
};

/* ---- what is inherited ---- */

/*
 * Through sudo a caller's limit would be a handle on root's process: CPU time that runs out during
 * the restore, files that may not grow. RLIMIT_NPROC does not count for root, but for who becomes
 * the planner.
 */
static const struct {
	int resource;
	rlim_t value, least; /* with less than that the log tells */
} limits[] = {
	{RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY},
	{RLIMIT_AS, RLIM_INFINITY, 1 << 30},
	{RLIMIT_DATA, RLIM_INFINITY, 1 << 30},
	{RLIMIT_STACK, 8 << 20, 1 << 20},
	{RLIMIT_CORE, 0, 0},
	{RLIMIT_NOFILE, 65536, 4096}, /* one for each attribute that is conditioned */
	{RLIMIT_FSIZE, 1 << 30, 64 << 20},
	{RLIMIT_NPROC, RLIM_INFINITY, 0},
	{RLIMIT_MEMLOCK, 128 << 20, 0}, /* the rings of perf */
	{RLIMIT_LOCKS, RLIM_INFINITY, 0},
	{RLIMIT_SIGPENDING, 1024, 0},
	{RLIMIT_MSGQUEUE, 0, 0},
	{RLIMIT_NICE, 0, 0},
	{RLIMIT_RTPRIO, 0, 0},
	{RLIMIT_RTTIME, RLIM_INFINITY, 0},
	{RLIMIT_RSS, RLIM_INFINITY, 0},
};

/* A root without CAP_SYS_RESOURCE gets as much as the machine allows. Is it at least `least`? */
static bool set_limit(int resource, rlim_t value, rlim_t least)
{
	struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

	if (setrlimit((__rlimit_resource_t)resource, &limit) == 0)
		return true;
	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_max >= least;
}

static bool reset_limits(void)
{
	bool all = true;

	for (size_t i = 0; i < QB_ARRAY_SIZE(limits); i++)
		all &= set_limit(limits[i].resource, limits[i].value, limits[i].least);
	return all;
}

/* Nice 19 and SCHED_IDLE beside a few busy loops are starvation. */
static bool reset_scheduling(void)
{
	/* struct sched_attr, which libc has not */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t util_min, util_max;
	} usual = {.size = sizeof(usual),
		.policy = SCHED_OTHER,
		.flags = 0x60, /* SCHED_FLAG_UTIL_CLAMP: back to what the machine has */
		.util_min = UINT32_MAX,
		.util_max = UINT32_MAX};

	if (syscall(SYS_sched_setattr, 0, &usual, 0) == 0)
		return true;
	/* This kernel has no such clamps. */
	return sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0}) == 0 &&
	       setpriority(PRIO_PROCESS, 0, 0) == 0;
}

static bool reset_io(void)
{
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0) == 0;
}

static bool reset_memory(void)
{
	return syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0) == 0 || errno == ENOSYS;
}

/* Attributes of prctl(2) that survive an execution, as they are at boot. */
static bool reset_attributes(void)
{
	static const struct {
		int option;
		unsigned long value;
	} attributes[] = {
		{PR_SET_PDEATHSIG, 0},
		{PR_SET_TIMERSLACK, 50000}, /* 0 would be the caller's */
		{PR_SET_THP_DISABLE, 0},
		{PR_SET_SECUREBITS, 0},
		{PR_SET_CHILD_SUBREAPER, 0},
		{PR_MCE_KILL, PR_MCE_KILL_CLEAR},
		{PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL},
	};
	bool all = true;

	for (size_t i = 0; i < QB_ARRAY_SIZE(attributes); i++)
		all &= prctl(attributes[i].option, attributes[i].value, 0, 0, 0) == 0 ||
		       errno == EINVAL; /* unknown to this kernel */
	return all && personality(PER_LINUX) >= 0;
}

/*
 * Whatever the caller blocked, ignored, or left pending (SIGCHLD ignored would hide the monitor's end
 * from the guardian). A terminal's signals and a broken pipe are the client's; it tells us, or we see
 * it die.
 */
static bool reset_signals(void)
{
	static const int ended[] = {SIGTERM, SIGCHLD, SIGCONT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
		SIGABRT, SIGTRAP, SIGSYS, SIGXCPU};
	const struct itimerval never = {0};
	struct sigaction action = {.sa_handler = SIG_IGN};
	sigset_t none;

	for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
		setitimer((__itimer_which_t)which, &never, NULL); /* one survives an execution */
	for (int signal = 1; signal < NSIG; signal++)
		sigaction(signal, &action, NULL); /* which forgets it if it is pending */
	action.sa_handler = SIG_DFL;
	for (size_t i = 0; i < QB_ARRAY_SIZE(ended); i++)
		sigaction(ended[i], &action, NULL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool reset_keyring(void)
{
	return syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS;
}

/*
 * A session of its own, without a terminal. The leader of a process group cannot begin one, so it
 * goes to another group first; the leader of a session has one already.
 */
static bool reset_terminal(void)
{
	pid_t other;
	int terminal;
	bool done;

	if (setsid() > 0)
		return true;
	if (getsid(0) == getpid()) {
		terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
		return terminal < 0 || (ioctl(terminal, TIOCNOTTY) == 0 && close(terminal) == 0);
	}
	other = fork();
	if (other == 0)
		_exit(0); /* until it is waited for its number serves as a group's */
	done = other > 0 && setpgid(other, other) == 0 && setpgid(0, other) == 0 && setsid() > 0;
	if (other > 0)
		waitpid(other, NULL, 0);
	return done;
}

static bool reset_users(void)
{
	return setgroups(0, NULL) == 0 && setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0;
}

static bool reset_environment(void)
{
	for (char **entry = environ; entry && *entry; entry++)
		memset(*entry, 0, strlen(*entry)); /* it stays where /proc shows it */
	umask(077);
	return clearenv() == 0 && chdir("/") == 0;
}

static bool reset_oom(void)
{
	return qb_file_write("/proc/self/oom_score_adj", "0", NULL) == 0;
}

static const struct {
	const char *what;
	bool (*reset)(void);
} inherited[] = {
	{"limits", reset_limits},
	{"signals", reset_signals},
	{"environment", reset_environment},
	{"users", reset_users},
	{"terminal", reset_terminal},
	{"scheduling", reset_scheduling},
	{"priority of I/O", reset_io},
	{"memory policy", reset_memory},
	{"attributes", reset_attributes},
	{"keyring", reset_keyring},
	{"OOM score", reset_oom},
};

int qb_sandbox_start(int *ret_session, char *kept, size_t size, struct qb_error *err)
{
	int session, nowhere;

	*kept = '\0';
	for (size_t i = 0; i < QB_ARRAY_SIZE(inherited); i++) {
		size_t used = strlen(kept);

		if (!inherited[i].reset())
			qb_text_format(kept + used, size - used, "%s%s", used ? ", " : "",
				inherited[i].what);
	}
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
	*ret_session = 3;
	return 0;
}

void qb_sandbox_survive(bool survive)
{
	/* The guardian leads our session; nobody else may have its number while we are in it. */
	const bool guarded = survive && getppid() == getsid(0);
	char path[64];

	qb_text_format(path, sizeof(path), "/proc/%d/oom_score_adj", getppid());
	/* Where even root may not ask for that, the journal still lets the next quietbench restore. */
	(void)qb_file_write("/proc/self/oom_score_adj", survive ? "-1000" : "0", NULL);
	if (guarded)
		(void)qb_file_write(path, "-1000", NULL);
}

/* ---- what is given up ---- */

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
	return qb_confine(QB_CONFINED_HELPER, err);
}
