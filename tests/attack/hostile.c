/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile PROGRAM [ARG...]: everything that a process can leave to the program it executes, set as badly as it can be,
 * then executes PROGRAM. Installed as quietbench-helper it executes the one in the folder `real` beside it.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* What is not done shows in the test, which compares. */
static void check(int r, const char *what)
{
	if (r < 0)
		perror(what);
}

/* The soft ones; and the hard ones, unless root here may not raise them, so that nobody could put those back. */
static void lower_limits(void)
{
	static const struct {
		int resource;
		rlim_t value;
	} limits[] = {{RLIMIT_CPU, 1}, {RLIMIT_FSIZE, 0}, {RLIMIT_NOFILE, 40},
		{RLIMIT_DATA, 64 << 20}, {RLIMIT_STACK, 256 << 10}, {RLIMIT_CORE, 1 << 20},
		{RLIMIT_MEMLOCK, 0}, {RLIMIT_NPROC, 1}, {RLIMIT_SIGPENDING, 0},
		{RLIMIT_MSGQUEUE, 1}, {RLIMIT_AS, 512 << 20}};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const __rlimit_resource_t resource = (__rlimit_resource_t)limits[i].resource;
		struct rlimit limit;

		check(getrlimit(resource, &limit), "getrlimit");
		limit.rlim_cur = limits[i].value;
		if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1)
			limit.rlim_max = limits[i].value;
		check(setrlimit(resource, &limit), "setrlimit");
	}
}

static void spoil_signals(void)
{
	const struct itimerval often = {.it_interval = {0, 1000}, .it_value = {0, 1000}};
	sigset_t all;

	sigfillset(&all);
	check(sigprocmask(SIG_BLOCK, &all, NULL), "sigprocmask");
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGRTMIN + 3, SIG_DFL);
	raise(SIGUSR1);
	raise(SIGTERM);
	raise(SIGRTMIN + 3);
	check(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
}

static void spoil_scheduling(void)
{
	const struct sched_param none = {0};
	cpu_set_t first;
	unsigned long node = 1;
	FILE *score = fopen("/proc/self/oom_score_adj", "w");

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	check(sched_setaffinity(0, sizeof(first), &first), "sched_setaffinity");
	check(setpriority(PRIO_PROCESS, 0, 19), "setpriority");
	check(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &none), "sched_setscheduler");
	check((int)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		      IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 7)),
		"ioprio_set");
	check((int)syscall(SYS_set_mempolicy, MPOL_PREFERRED, &node, 64), "set_mempolicy");
	if (!score || fprintf(score, "777\n") < 0 || fclose(score) != 0)
		perror("oom_score_adj");
}

static void spoil_attributes(void)
{
	check(prctl(PR_SET_TIMERSLACK, 1000000000, 0, 0, 0), "PR_SET_TIMERSLACK");
	check(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), "PR_SET_THP_DISABLE");
	check(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "PR_SET_PDEATHSIG");
	check(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "PR_SET_SECUREBITS");
	check(personality(ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT), "personality");
	check((int)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "hostile"), "keyctl");
	check(setenv("LD_BIND_NOW", "1", 1), "setenv");
	check(setenv("TMPDIR", "/nowhere", 1), "setenv");
	umask(0);
	for (int i = 0; i < 20; i++)
		check(open("/etc/passwd", O_RDONLY), "open");
}

int main(int argc, char **argv)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *name = strrchr(path, '/') + 1;

	if (n < 0 || strcmp(name, "quietbench-helper") != 0) {
		if (argc < 2)
			return 2;
		argv++;
		snprintf(path, sizeof(path), "%s", argv[0]);
	} else {
		snprintf(name, 32, "real/quietbench-helper");
	}
	spoil_scheduling();
	spoil_attributes();
	spoil_signals();
	lower_limits();
	execv(path, argv);
	perror(path);
	return 127;
}
