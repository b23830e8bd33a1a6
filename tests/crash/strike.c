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
#include <time.h>
#include <unistd.h>

static struct order order;
static struct process processes[1024];
static size_t n_processes;
static unsigned long counts[ROLE_COUNT][CALL_KINDS];
static FILE *log_file;
static int64_t started, last_strike, last_client; /* when, in ms */
static bool had_client, client_killed;

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
	return process->role != ROLE_OTHER;
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

/* A parent that was killed before its fork was seen will not tell of it any more. */
static void adopt_children(struct process *dead)
{
	for (size_t i = 0; i < n_processes; i++) {
		struct process *child = &processes[i];

		if (!child->held || (child->parent != dead->tid && child->parent != getpid()))
			continue;
		role_inherit(child, dead, false);
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
	role_inherit(child, parent, thread);
	if (child->held) {
		child->held = false;
		go_on(child, 0);
	}
}

static void executed(struct process *process)
{
	const enum role before = process->role;
	char name[256];

	if (!role_execute(process, name, sizeof(name)))
		return;
	if (before == ROLE_CHILD)
		fprintf(log_file, "executed %s\n", name);
	had_client |= process->role == ROLE_CLIENT;
}

/* ---- strikes ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Our ticks can interrupt even a kill: Linux 6.18 was seen to answer EINTR, once in a few hundred. */
static void signal_roles(unsigned roles, int signal)
{
	for (size_t i = 0; i < n_processes; i++)
		while (roles & 1u << processes[i].role && kill(processes[i].tid, signal) < 0)
			if (errno == ESRCH)
				break; /* gone */
			else if (errno != EINTR)
				die("signal a process");
}

static void tell(const char *verb, const struct process *process, enum call_kind kind,
	const struct __ptrace_syscall_info *info)
{
	static const char *const kinds[] = {
		[CALL_ANY] = "/call", [CALL_LOOK] = "/look", [CALL_CHANGE] = ""};
	char text[512];

	call_text(process->tid, info->entry.nr, (const uint64_t *)info->entry.args, text,
		sizeof(text));
	fprintf(log_file, "%s %s%s %lu %s\n", verb, role_names[process->role], kinds[kind],
		counts[process->role][kind], text);
}

/* Before the call, or after it: whatever leaves the call itself alone. */
static void strike_now(struct process *process, const struct strike *strike)
{
	last_strike = now_ms();
	process->held_up = strike->action != ACTION_KILL;
	if (strike->action == ACTION_DELAY)
		process->delayed_until = last_strike + strike->ms;
	else
		signal_roles(strike->victims, strike->action == ACTION_KILL ? SIGKILL : SIGSTOP);
}

static void strike_at_entry(struct process *process, struct strike *strike)
{
	if (strike->after) {
		process->pending = strike;
		return;
	}
	switch (strike->action) {
	case ACTION_KILL:
	case ACTION_STOP:
	case ACTION_DELAY: strike_now(process, strike); break;
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
	if (strike->after)
		strike_now(process, strike);
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

	if (strike->role != process->role || (strike->kind != kind && strike->kind != CALL_ANY))
		return false;
	if (!strike->done && strike->at == counts[process->role][strike->kind]) {
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
	counts[process->role][CALL_ANY]++;
	if (order.watch > 1)
		tell("call", process, CALL_ANY, info);
	if (kind != CALL_HARMLESS) {
		counts[process->role][kind]++;
		if (order.watch)
			tell("call", process, kind, info);
	}
	for (size_t i = 0; i < order.n_strikes; i++) {
		struct strike *strike = &order.strikes[i];

		if (!due(strike, process, kind, info))
			continue;
		strike->done = true;
		tell("struck", process, strike->kind, info);
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
	if (!process->delayed_until)
		go_on(process, 0);
}

static void stopped(struct process *process, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80) || event == PTRACE_EVENT_SECCOMP) {
		at_system_call(process);
		return;
	}
	process->stopped = false;
	switch (event) {
	case 0: go_on(process, signal); return; /* a signal that is due to it */
	case PTRACE_EVENT_STOP:
		if (!process->known) {
			process->held = true;
			process->parent = role_parent(process->tid);
		} else if (signal != SIGTRAP) {
			process->stopped = true;
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
	if (process->role == ROLE_CLIENT)
		last_client = now_ms();
	if (process->role != ROLE_OTHER)
		fprintf(log_file, "end %s %s %d\n", role_names[process->role],
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	adopt_children(process);
	forget(process);
}

/* ---- what is due by the clock ---- */

static size_t how_many(enum role role)
{
	size_t n = 0;

	for (size_t i = 0; i < n_processes; i++)
		n += processes[i].role == role;
	return n;
}

/* A guardian that we held up is nobody's to end: it does not hold what others need. A guest's is one when it
 * has its guest. */
static bool may_outlive(const struct process *process)
{
	return process->held_up && (process->role == ROLE_GUARDIAN ||
					   (process->role == ROLE_KEEPER && process->had_monitor));
}

static bool outlived(void)
{
	for (size_t i = 0; i < n_processes; i++)
		if (!may_outlive(&processes[i]))
			return true;
	return false;
}

/* Tells of those that should have ended. */
static int give_up(const char *word)
{
	for (size_t i = 0; i < n_processes; i++)
		if (!may_outlive(&processes[i]))
			fprintf(log_file, "%s %s %d\n", word, role_names[processes[i].role],
				processes[i].tid);
	return STATUS_LEFT; /* our own end is theirs: PTRACE_O_EXITKILL */
}

/* Nobody is left who could continue these: they outlive us as they are. */
static void leave_stopped(void)
{
	for (size_t i = 0; i < n_processes; i++) {
		pid_t tid = processes[i].tid;
		int status;

		fprintf(log_file, "stopped %s %d\n", role_names[processes[i].role], tid);
		if (ptrace(PTRACE_INTERRUPT, tid, NULL, 0) < 0 ||
			waitpid(tid, &status, __WALL) != tid ||
			ptrace(PTRACE_DETACH, tid, NULL, 0) < 0)
			die("leave a process stopped");
	}
}

static bool all_stopped(void)
{
	for (size_t i = 0; i < n_processes; i++)
		if (!processes[i].stopped)
			return false;
	return all_done();
}

/* Is it over? The status is then in *ret_status. */
static bool check_time(int *ret_status)
{
	const int64_t now = now_ms();

	for (size_t i = 0; i < n_processes; i++)
		if (processes[i].delayed_until && now >= processes[i].delayed_until) {
			processes[i].delayed_until = 0;
			go_on(&processes[i], 0);
		}
	if (order.client_ms >= 0 && !client_killed && last_strike && all_done() &&
		now >= last_strike + order.client_ms && how_many(ROLE_CLIENT)) {
		fprintf(log_file, "client killed\n");
		signal_roles(1u << ROLE_CLIENT, SIGKILL);
		client_killed = true;
	}
	if (now >= started + order.seconds * INT64_C(1000)) {
		*ret_status = give_up("left");
		return true;
	}
	if (order.outlive_ms >= 0 && had_client && !how_many(ROLE_CLIENT) &&
		now >= last_client + order.outlive_ms && outlived() && !all_stopped()) {
		*ret_status = give_up("outlived");
		return true;
	}
	return false;
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
		if (tid > 0 && WIFSTOPPED(status))
			stopped(process_of(tid), status);
		else if (tid > 0)
			ended(process_of(tid), status);
		if (check_time(&status))
			return status;
		if (n_processes && all_stopped()) {
			leave_stopped();
			return STATUS_STRUCK;
		}
	}
}

/* It only ends a wait. */
static void tick(int signal)
{
}

/* The command, seized before it executes. */
static void start(char **command)
{
	const struct sigaction action = {.sa_handler = tick};
	const struct itimerval ticks = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000};
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
	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &ticks, NULL) < 0 ||
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
	started = now_ms();
	start(order.command);
	status = follow_all();
	for (enum role role = ROLE_CLIENT; order.watch && role < ROLE_COUNT; role++)
		fprintf(log_file, "made %s %lu\n", role_names[role], counts[role][CALL_ANY]);
	if (fflush(log_file) || ferror(log_file))
		die("write the log");
	return status;
}
