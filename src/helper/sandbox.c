/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.h */
#include "sandbox.h"
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The kernel's overflow user: owns nothing anywhere. */
#define NOBODY 65534

/* What the levers and the care for the benchmark need; levers.md names the knobs. */
static const cap_value_t needed[] = {
	CAP_SYS_NICE,	  /* affinity of any thread */
	CAP_SYS_ADMIN,	  /* numa_balancing, kptr_restrict, cgroup delegation */
	CAP_DAC_OVERRIDE, /* groups of others */
	CAP_DAC_READ_SEARCH,
	CAP_KILL,	  /* the benchmark of a client that died */
	CAP_NET_ADMIN,	  /* rps_cpus, irqbalance's socket */
	CAP_SYS_RESOURCE, /* oom_score_adj */
	CAP_SYS_PTRACE,	  /* /proc of others */
	CAP_SETUID,	  /* the planner becomes nobody */
	CAP_SETGID,
	CAP_SETPCAP,
};

/* Whatever the caller blocked or ignored (SIGCHLD would hide the monitor's end from the guardian). */
static void reset_signals(void)
{
	/* A terminal's signals and a broken pipe are the client's; he tells us, or we see him die. */
	static const int ignored[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
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
	return r < 0 ? qb_error_errno(err, -r, "drop capabilities") : 0;
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
