/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * strike: runs a command under ptrace and hits quietbench's processes at chosen system calls; the
 * instrument of the kill matrix and the fault matrix. What it can do: README.md, strike_order.c.
 *
 * A system call is a change unless calls.c knows it as harmless: a lever that is added later with a
 * call that nobody thought of is counted, killed at and failed like all others.
 *
 * All that the command starts is followed and, once its parents are dead, inherited: strike ends
 * when the last of them has. What does not end within the time limit is told and killed.
 */
#include "strike.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
	pid_t tid;
	enum role role;
	bool known;		/* its parent's fork has been seen: the role is set */
	bool held;		/* stopped until it is known */
	pid_t parent;		/* of one that is held: its parent then */
	bool had_monitor;	/* of a guardian: the next child is a recovery */
	struct strike *pending; /* strikes when the call returns */
};

static struct order order;
static struct process processes[1024];
static size_t n_processes;
static unsigned long counts[ROLE_COUNT][CALL_KINDS];
static FILE *log_file;
static volatile sig_atomic_t expired;

static void die(const char *what)
{
	fprintf(stderr, "strike: %s: %s\n", what, strerror(errno));
	exit(STATUS_TROUBLE);
}

static struct process *process_of(pid_t tid)
{
	for (size_t i = 0; i < n_processes; i++)
		if (processes[i].tid == tid)
			return &processes[i];
	if (n_processes == sizeof(processes) / sizeof(processes[0])) {
		errno = ENOSPC;
		die("follow that many processes");
	}
	processes[n_processes] = (struct process){.tid = tid};
	return &processes[n_processes++];
}

static void forget(struct process *process)
{
	*process = processes[--n_processes];
}

/* ---- whose system calls are looked at ---- */

static bool all_done(void)
{
	for (size_t i = 0; i < order.n_strikes; i++)
		if (!order.strikes[i].done)
			return false;
	return true;
}

static bool counted(const struct process *process)
{
	return process->role != ROLE_OTHER && process->role != ROLE_PLANNER;
}

/* Is it to stop at each system call? With a filter only where its present one returns. */
static bool followed(const struct process *process)
{
	if (order.filtered)
		return process->pending;
	if (!counted(process))
		return false;
	if (order.watch || process->pending)
		return true;
	for (size_t i = 0; i < order.n_strikes; i++)
		if ((!order.strikes[i].done || order.strikes[i].action == ACTION_BAR) &&
			order.strikes[i].role == process->role)
			return true;
	return false;
}

/* ESRCH: it has been killed meanwhile, and its end is yet to be seen. */
static void go_on(const struct process *process, int signal)
{
	if (ptrace(followed(process) ? PTRACE_SYSCALL : PTRACE_CONT, process->tid, NULL, signal) <
			0 &&
		errno != ESRCH)
		die("continue a process");
}

/* ---- roles ---- */

static void set_role(struct process *process, struct process *parent, bool thread)
{
	process->known = true;
	process->role = ROLE_OTHER;
	if (thread)
		process->role = parent->role;
	else if (parent->role == ROLE_CLIENT)
		process->role = ROLE_CHILD;
	else if (parent->role == ROLE_GUARDIAN)
		process->role = parent->had_monitor ? ROLE_RECOVERY : ROLE_MONITOR;
	else if (parent->role == ROLE_MONITOR || parent->role == ROLE_RECOVERY)
		process->role = ROLE_PLANNER;
	if (!thread && parent->role == ROLE_GUARDIAN)
		parent->had_monitor = true;
}

static void executed(struct process *process)
{
	static const struct {
		const char *name;
		enum role role;
	} programs[] = {
		{"quietbench", ROLE_CLIENT},
		{"quietbench-helper", ROLE_GUARDIAN},
		{"quietbench-planner", ROLE_PLANNER},
	};
	char path[64], exe[4096];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", process->tid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return; /* killed meanwhile */
	exe[n] = '\0';
	name = strrchr(exe, '/') + 1;
	if (process->role == ROLE_CHILD)
		fprintf(log_file, "executed %s\n", name);
	process->role = ROLE_OTHER;
	process->had_monitor = false;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(name, programs[i].name) == 0)
			process->role = programs[i].role;
}

static pid_t parent_of(pid_t pid)
{
	char path[64], line[256];
	pid_t parent = -1;
	FILE *status;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	if (!status)
		return -1; /* killed meanwhile */
	while (parent < 0 && fgets(line, sizeof(line), status))
		(void)sscanf(line, "PPid: %d", &parent);
	(void)fclose(status);
	return parent;
}

/* A parent that was killed before its fork was seen will not tell of it any more. */
static void adopt_children(struct process *dead)
{
	for (size_t i = 0; i < n_processes; i++) {
		struct process *child = &processes[i];

		if (!child->held || (child->parent != dead->tid && child->parent != getpid()))
			continue;
		set_role(child, dead, false);
		child->held = false;
		go_on(child, 0);
	}
}

static void forked(struct process *parent, bool thread)
{
	unsigned long tid;
	struct process *child;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) < 0)
		return; /* killed meanwhile */
	child = process_of((pid_t)tid);
	set_role(child, parent, thread);
	if (child->held) {
		child->held = false;
		go_on(child, 0);
	}
}

/* ---- strikes ---- */

static void kill_victims(const struct strike *strike)
{
	for (size_t i = 0; i < n_processes; i++)
		if (strike->victims & 1u << processes[i].role)
			(void)kill(processes[i].tid, SIGKILL); /* may be gone */
}

static void tell(const char *verb, const struct process *process, enum call_kind kind,
	const struct __ptrace_syscall_info *info)
{
	char text[512];

	call_text(process->tid, info->entry.nr, (const uint64_t *)info->entry.args, text,
		sizeof(text));
	fprintf(log_file, "%s %s%s %lu %s\n", verb, role_names[process->role],
		kind == CALL_LOOK ? "/look" : "", counts[process->role][kind], text);
}

static void strike_at_entry(struct process *process, struct strike *strike)
{
	switch (strike->action) {
	case ACTION_KILL: kill_victims(strike); break;
	case ACTION_AFTER: process->pending = strike; break;
	case ACTION_FAIL:
	case ACTION_BAR:
		if (call_skip(process->tid) < 0)
			die("skip a system call");
		process->pending = strike;
		break;
	case ACTION_SHORT:
		if (call_halve(process->tid) < 0)
			die("halve a write");
		break;
	}
}

static void strike_at_exit(struct process *process)
{
	const struct strike *strike = process->pending;

	process->pending = NULL;
	if (strike->action == ACTION_AFTER)
		kill_victims(strike);
	else if (call_return(process->tid, -strike->error) < 0)
		die("set a system call's result");
}

/* The file that a call is about, "" for none: what call_text says behind the call's name. */
static void file_of(const struct process *process, const struct __ptrace_syscall_info *info,
	char *buf, size_t size)
{
	char text[512];

	call_text(process->tid, info->entry.nr, (const uint64_t *)info->entry.args, text,
		sizeof(text));
	(void)snprintf(buf, size, "%s", strchrnul(text, ' '));
}

/* Is it this call's turn? A barred file's, once it is barred, always is. */
static bool due(struct strike *strike, const struct process *process, enum call_kind kind,
	const struct __ptrace_syscall_info *info)
{
	char file[sizeof(strike->barred)];

	if (strike->role != process->role || strike->kind != kind)
		return false;
	if (!strike->done && strike->at == counts[process->role][kind]) {
		if (strike->action == ACTION_BAR)
			file_of(process, info, strike->barred, sizeof(strike->barred));
		return true;
	}
	if (!strike->done || !*strike->barred)
		return false;
	file_of(process, info, file, sizeof(file));
	return strcmp(file, strike->barred) == 0;
}

static void entered(struct process *process, const struct __ptrace_syscall_info *info)
{
	const uint64_t *args = (const uint64_t *)info->entry.args;
	enum call_kind kind = call_judge(info->entry.nr, args);
	char text[256];

	if (order.watch && process->role >= ROLE_GUARDIAN &&
		call_said(process->tid, info->entry.nr, args, text, sizeof(text)))
		fprintf(log_file, "said %s %s\n", role_names[process->role], text);
	if (kind == CALL_HARMLESS)
		return;
	counts[process->role][kind]++;
	if (order.watch)
		tell("call", process, kind, info);
	for (size_t i = 0; i < order.n_strikes; i++) {
		struct strike *strike = &order.strikes[i];

		if (!due(strike, process, kind, info))
			continue;
		strike->done = true;
		tell("struck", process, kind, info);
		strike_at_entry(process, strike);
	}
}

/* ---- what the kernel tells ---- */

static void at_system_call(struct process *process)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, process->tid, sizeof(info), &info) < 0)
		return; /* killed meanwhile */
	/* What SECCOMP tells begins as what ENTRY does. */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY ||
		(info.op == PTRACE_SYSCALL_INFO_SECCOMP && counted(process)))
		entered(process, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT && process->pending)
		strike_at_exit(process);
	go_on(process, 0);
}

static void stopped(struct process *process, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80) || event == PTRACE_EVENT_SECCOMP) {
		at_system_call(process);
		return;
	}
	switch (event) {
	case 0: go_on(process, signal); return; /* a signal that is due to it */
	case PTRACE_EVENT_STOP:
		if (!process->known) {
			process->held = true;
			process->parent = parent_of(process->tid);
		} else if (signal != SIGTRAP) {
			(void)ptrace(PTRACE_LISTEN, process->tid, NULL, 0); /* stopped, stays so */
		} else {
			go_on(process, 0);
		}
		return;
	case PTRACE_EVENT_EXEC: executed(process); break;
	case PTRACE_EVENT_CLONE: forked(process, true); break;
	default: forked(process, false); break;
	}
	go_on(process, 0);
}

static void ended(struct process *process, int status)
{
	if (process->role != ROLE_OTHER)
		fprintf(log_file, "end %s %s %d\n", role_names[process->role],
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	adopt_children(process);
	forget(process);
}

static int give_up(void)
{
	for (size_t i = 0; i < n_processes; i++) {
		fprintf(log_file, "left %s %d\n", role_names[processes[i].role], processes[i].tid);
		(void)kill(processes[i].tid, SIGKILL);
	}
	return STATUS_LEFT;
}

static int follow_all(void)
{
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno == ECHILD)
			return all_done() ? STATUS_STRUCK : STATUS_MISSED;
		if (tid < 0 && errno != EINTR)
			die("wait");
		if (expired)
			return give_up();
		if (tid > 0 && WIFSTOPPED(status))
			stopped(process_of(tid), status);
		else if (tid > 0)
			ended(process_of(tid), status);
	}
}

static void expire(int signal)
{
	expired = 1;
}

/* The command, seized before it executes. */
static void start(char **command, int seconds)
{
	const struct sigaction action = {.sa_handler = expire};
	const struct itimerval limit = {.it_value.tv_sec = seconds, .it_interval.tv_sec = 1};
	int pair[2];
	char byte;
	pid_t pid;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || pipe2(pair, O_CLOEXEC) < 0)
		die("inherit what loses its parent");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(pair[1]);
		if (read(pair[0], &byte, 1) == 1 && !(order.filtered && call_filter() < 0))
			execvp(command[0], command);
		die(command[0]);
	}
	if (ptrace(PTRACE_SEIZE, pid, NULL,
		    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP |
			    PTRACE_O_EXITKILL) < 0)
		die("trace the command");
	process_of(pid)->known = true;
	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &limit, NULL) < 0 ||
		write(pair[1], "", 1) != 1)
		die("start the command");
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	int status;

	order_parse(argc, argv, &order);
	log_file = order.log ? fopen(order.log, "we") : stderr;
	if (!log_file)
		die(order.log);
	start(order.command, order.seconds);
	status = follow_all();
	if (fflush(log_file) || ferror(log_file))
		die("write the log");
	return status;
}
