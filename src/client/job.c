/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals and job control (job.h). */
#include <base/file.h>
#include <base/macros.h>
#include <client/job.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/tasks.h>
#include <limits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

/* Faults of our own must not be swallowed. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
/* What ends a program by default and people or machines send; and Ctrl-Z. */
static const int enders[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGTSTP};
/* What a terminal sends to its foreground group. */
static const int terminals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGTTIN, SIGTTOU};

/* So often a waker looks. */
#define WAKER_MS 50

static bool among(int signal, const int *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == signal)
			return true;
	return false;
}

/* Signals that the caller ignores or blocks (nohup, a background job) do not end the run. */
static void early_set(const sigset_t *mask, sigset_t *ret)
{
	sigemptyset(ret);
	for (size_t i = 0; i < QB_ARRAY_SIZE(enders); i++) {
		struct sigaction action;

		if (!sigismember(mask, enders[i]) && sigaction(enders[i], NULL, &action) == 0 &&
			action.sa_handler != SIG_IGN)
			sigaddset(ret, enders[i]);
	}
}

int qb_job_begin(struct qb_job *ret, struct qb_error *err)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	struct qb_job job = {.fd = -1, .early = -1};
	sigset_t all, early;

	sigfillset(&all);
	for (size_t i = 0; i < QB_ARRAY_SIZE(faults); i++)
		sigdelset(&all, faults[i]);
	sigprocmask(SIG_SETMASK, &all, &job.mask);
	sigaction(SIGCHLD, &dfl, &job.sigchld);
	early_set(&job.mask, &early);
	job.fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	job.early = signalfd(-1, &early, SFD_CLOEXEC | SFD_NONBLOCK);
	if (job.fd < 0 || job.early < 0)
		return qb_error_errno(err, errno, "watch for signals");
	*ret = job;
	return 0;
}

static void end_sentinel(struct qb_job *job)
{
	if (job->sentinel) {
		kill(job->sentinel, SIGKILL);
		waitpid(job->sentinel, NULL, 0);
		job->sentinel = 0;
	}
}

void qb_job_end(struct qb_job *job)
{
	end_sentinel(job);
	close(job->fd);
	close(job->early);
}

void qb_job_inherit(const struct qb_job *job)
{
	sigaction(SIGCHLD, &job->sigchld, NULL);
	sigprocmask(SIG_SETMASK, &job->mask, NULL);
}

/* Lets `signal` do to us what it does by default. */
static void suffer(int signal)
{
	const struct sigaction dfl = {.sa_handler = SIG_DFL};
	struct sigaction old;
	sigset_t one, mask;

	sigemptyset(&one);
	sigaddset(&one, signal);
	sigaction(signal, &dfl, &old);
	raise(signal);
	sigprocmask(SIG_UNBLOCK, &one, &mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(signal, &old, NULL);
}

bool qb_job_interrupted(struct qb_job *job)
{
	struct signalfd_siginfo info;

	while (!job->signal && read(job->early, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTSTP)
			suffer(SIGTSTP);
		else
			job->signal = (int)info.ssi_signo;
	}
	return job->signal != 0;
}

void qb_job_die(int signal)
{
	suffer(signal);
	_exit(128 + signal);
}

void qb_job_watch(struct qb_job *job)
{
	pid_t parent = getpid(), pid;

	if (job->sentinel)
		return;
	pid = fork();
	if (pid != 0) {
		job->sentinel = pid > 0 ? pid : 0;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "quietbench-sig");
	close_range(0, UINT_MAX, 0);
	while (getppid() == parent)
		pause();
	_exit(0);
}

static bool is_stopped(pid_t pid)
{
	struct qb_task task;

	return qb_task_read(pid, &task, NULL) == 0 && task.stopped;
}

/* What stops our group does not stop it. */
static pid_t start_waker(pid_t child)
{
	const pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid > 0 ? pid : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "quietbench-cont");
	setpgid(0, 0);
	close_range(0, UINT_MAX, 0);
	for (; getppid() == parent; poll(NULL, 0, WAKER_MS))
		if (is_stopped(parent) && !is_stopped(child))
			kill(parent, SIGCONT);
	_exit(0);
}

void qb_job_stop(struct qb_job *job, int signal, pid_t pid)
{
	const pid_t waker = start_waker(pid);

	/* SIGSTOP would also stop us where no shell is there to continue us (an orphaned group). */
	suffer(signal == SIGSTOP ? SIGTSTP : signal);
	if (waker) {
		kill(waker, SIGKILL);
		waitpid(waker, NULL, 0);
		job->waker = waker;
	}
}

/* The signals pending at the sentinel, signal N as bit N - 1. */
static uint64_t pending(pid_t pid)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	const char *line;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (qb_file_read_all(path, &text, NULL) < 0)
		return 0;
	line = strstr(text, "\nShdPnd:");
	return line ? strtoull(line + strlen("\nShdPnd:"), NULL, 16) : 0;
}

/* Did the whole group get this signal? A sentinel that has seen one is replaced. */
static bool sent_to_group(struct qb_job *job, uint32_t signal)
{
	uint64_t bit = UINT64_C(1) << (signal - 1), seen;

	if (job->sentinel) {
		seen = pending(job->sentinel);
		job->group |= seen;
		if (seen) {
			end_sentinel(job);
			qb_job_watch(job);
		}
	}
	if (!(job->group & bit))
		return false;
	job->group &= ~bit;
	return true;
}

/* systemd signals every process of a control group, one by one; a placed benchmark's is another. */
static bool sent_to_our_cgroup(pid_t sender, pid_t pid)
{
	char ours[QB_GROUP_MAX], its[QB_GROUP_MAX];
	struct qb_task task;

	return qb_task_read(sender, &task, NULL) == 0 && strcmp(task.comm, "systemd") == 0 &&
	       qb_cgroups_of(getpid(), QB_HIERARCHY_V2, ours, sizeof(ours), NULL) == 0 &&
	       qb_cgroups_of(pid, QB_HIERARCHY_V2, its, sizeof(its), NULL) == 0 &&
	       strcmp(ours, its) != 0;
}

static bool is_for_us(struct qb_job *job, const struct signalfd_siginfo *info, pid_t pid)
{
	int signal = (int)info->ssi_signo;

	if (signal == SIGCHLD || info->ssi_pid == (uint32_t)getpid() ||
		(job->waker && info->ssi_pid == (uint32_t)job->waker))
		return false; /* our children's; or our own SIGPIPE */
	/* An alarm(2) that our caller set before exec is ours alone. */
	if (info->ssi_code > 0 && signal != SIGALRM &&
		!among(signal, terminals, QB_ARRAY_SIZE(terminals)))
		return false;
	if (getpgid(pid) != getpgrp())
		return true; /* it left the group: nothing of the group's reaches it */
	if (info->ssi_code == SI_KERNEL)
		return signal == SIGALRM;
	/* Asked in any case: what the sentinel got was this signal. */
	bool group = sent_to_group(job, info->ssi_signo);
	return !group || sent_to_our_cgroup((pid_t)info->ssi_pid, pid);
}

void qb_job_relay(struct qb_job *job, pid_t pid)
{
	struct signalfd_siginfo info;
	sigset_t early;

	early_set(&job->mask, &early);
	while (read(job->fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGTSTP && sigismember(&early, (int)info.ssi_signo))
			job->heard = (int)info.ssi_signo;
		if (is_for_us(job, &info, pid))
			kill(pid, (int)info.ssi_signo);
	}
}
