/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strike.h: roles, told by what a process has executed and whose child it is. */
#include "strike.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line of /proc/PID/status that holds one number; -1: it is gone. */
static int status_number(pid_t pid, const char *format)
{
	char path[64], line[256];
	int number = -1;
	FILE *status;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	if (!status)
		return -1; /* killed meanwhile */
	while (number < 0 && fgets(line, sizeof(line), status))
		(void)sscanf(line, format, &number);
	(void)fclose(status);
	return number;
}

pid_t role_parent(pid_t pid)
{
	return status_number(pid, "PPid: %d");
}

void role_inherit(struct process *process, struct process *parent, bool thread)
{
	process->known = true;
	process->role = ROLE_OTHER;
	if (thread)
		process->role = parent->role;
	else if (parent->role == ROLE_CLIENT)
		process->role = ROLE_CHILD;
	else if (parent->role == ROLE_CHILD || parent->role == ROLE_FORKER)
		process->role = ROLE_CHILD;
	else if (parent->role == ROLE_GUARDIAN && !status_number(parent->tid, "NoNewPrivs: %d"))
		return; /* it is no guardian yet: whom it needs to leave its group ends at once */
	else if (parent->role == ROLE_GUARDIAN)
		process->role = parent->had_monitor ? ROLE_RECOVERY : ROLE_MONITOR;
	else if (parent->role == ROLE_KEEPER)
		process->role = parent->had_monitor ? ROLE_RECOVERY : ROLE_GUEST;
	else if (parent->role == ROLE_MONITOR || parent->role == ROLE_RECOVERY ||
		 parent->role == ROLE_GUEST)
		process->role = ROLE_KEEPER;
	if (!thread && (parent->role == ROLE_GUARDIAN || parent->role == ROLE_KEEPER))
		parent->had_monitor = true;
	if (!thread && parent->role == ROLE_CHILD)
		parent->role = ROLE_FORKER;
}

bool role_execute(struct process *process, char *buf, size_t size)
{
	static const struct {
		const char *name;
		enum role role;
	} programs[] = {
		{"quietbench", ROLE_CLIENT},
		{"quietbench-helper", ROLE_GUARDIAN},
		{"quietbench-planner", ROLE_PLANNER},
		{"quietbench-bus", ROLE_BUS},
		{"quietbench-watcher", ROLE_WATCHER},
	};
	char path[64], exe[4096];
	const char *name;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", process->tid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return false;
	exe[n] = '\0';
	name = strrchr(exe, '/') + 1;
	(void)snprintf(buf, size, "%s", name);
	process->role = ROLE_OTHER;
	process->had_monitor = false;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strcmp(name, programs[i].name) == 0)
			process->role = programs[i].role;
	return true;
}
