/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: guardian */
#include "helper.h"
#include <base/macros.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* Two crashes are allowed for each step; what crashes oftener crashes outside of any step. */
#define RECOVERIES_MAX 64

static pid_t spawn(int (*run)(struct qb_helper *), struct qb_helper *helper, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid == 0) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		_exit(run(helper));
	}
	return pid;
}

/* Waits for the child's end, keeping it awake and passing SIGTERM on. Returns its wait status. */
static int watch(pid_t pid, const sigset_t *signals)
{
	for (;;) {
		int status, signal;
		pid_t seen = waitpid(pid, &status, WNOHANG | WUNTRACED);

		if (seen == pid && WIFSTOPPED(status))
			kill(pid, SIGCONT);
		else if (seen == pid)
			return status;
		else if (sigwait(signals, &signal) == 0 && signal == SIGTERM)
			kill(pid, SIGTERM);
	}
}

static bool settled(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) != QB_MONITOR_UNSETTLED;
}

int qb_guardian_run(struct qb_helper *helper)
{
	_Atomic uint16_t *pending;
	sigset_t signals, mask;
	int status;
	pid_t pid;

	pending = mmap(
		NULL, sizeof(*pending), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pending == MAP_FAILED)
		return EXIT_FAILURE;
	helper->pending = pending;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	pid = spawn(qb_monitor_run, helper, &mask);
	if (pid < 0)
		return EXIT_FAILURE;
	status = watch(pid, &signals);
	/* A monitor that died waiting for the lock leaves nothing: what is there is another's. */
	for (int i = 0; i < RECOVERIES_MAX && !settled(status) && qb_lock_try(helper->lock) == 0;
		i++) {
		pid = spawn(qb_recover_run, helper, &mask);
		if (pid < 0)
			return EXIT_FAILURE; /* the next quietbench will find the journal */
		status = watch(pid, &signals);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
