/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stand-in for the system bus with systemd and logind on it: a child that listens in their place
 * and answers from a table of units that the test fills in and looks at.
 */
#ifndef QB_TESTS_FAKE_SYSTEMD_H
#define QB_TESTS_FAKE_SYSTEMD_H

#include <base/macros.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define FAKE_UNITS    4
#define FAKE_PATH     "/org/freedesktop/systemd1/unit/"
#define FAKE_SESSIONS 3
#define FAKE_SESSION  "/org/freedesktop/login1/session/"

struct fake_unit {
	char id[32], alias[32], required_by[32];
	char active[16];
	char freezer[16];
	bool not_found, transient, no_start, no_freeze;
	int busy;     /* so many looks find it with a job, or freezing */
	int starts;   /* so many looks find it inactive with a job, before it is active */
	char sub[16]; /* of a timer: "waiting", … */
	uint64_t by_span, by_date; /* and when it elapses, CLOCK_MONOTONIC and CLOCK_REALTIME, us */
};

struct fake_session {
	char user[16], seat[16], type[16], state[16];
};

/* Shared with the child. */
struct fake_bus {
	struct fake_unit unit[FAKE_UNITS];
	char home[32];	/* the unit that every process lives in */
	pid_t dead;	/* whose connection is listed */
	int dead_looks; /* so often */
	bool old;	/* knows no freezing */
	bool no_logind;
	struct fake_session session[FAKE_SESSIONS];
	pid_t holder; /* of an inhibitor of quietbench's */
	char log[512];
};
static struct fake_bus *it;
static pid_t child;
static pid_t fake_client; /* whose connection the child serves */

static void fake_log(const char *call, const char *name)
{
	size_t used = strlen(it->log);

	snprintf(it->log + used, sizeof(it->log) - used, "%s %s;", call, name);
}

static struct fake_unit *fake_find(const char *name)
{
	for (int i = 0; i < FAKE_UNITS; i++)
		if (*name &&
			(strcmp(it->unit[i].id, name) == 0 || strcmp(it->unit[i].alias, name) == 0))
			return &it->unit[i];
	return NULL;
}

static int fake_path(sd_bus_message *m, const struct fake_unit *unit)
{
	char path[64];

	snprintf(path, sizeof(path), FAKE_PATH "%d", (int)(unit - it->unit));
	return sd_bus_reply_method_return(m, "o", path);
}

static int fake_session_property(sd_bus_message *m, const char *path)
{
	const struct fake_session *session = &it->session[atoi(path + strlen(FAKE_SESSION))];
	const char *name;

	if (sd_bus_message_read(m, "ss", NULL, &name) < 0)
		return -EINVAL;
	return sd_bus_reply_method_return(
		m, "v", "s", strcmp(name, "Type") == 0 ? session->type : session->state);
}

static int fake_property(sd_bus_message *m)
{
	const char *path = sd_bus_message_get_path(m), *name;
	struct fake_unit *unit;
	bool busy;

	if (strncmp(path, FAKE_SESSION, strlen(FAKE_SESSION)) == 0)
		return fake_session_property(m, path);
	if (strncmp(path, FAKE_PATH, strlen(FAKE_PATH)) != 0 ||
		sd_bus_message_read(m, "ss", NULL, &name) < 0)
		return -EINVAL;
	unit = &it->unit[atoi(path + strlen(FAKE_PATH))];
	if (strcmp(name, "Id") == 0)
		return sd_bus_reply_method_return(m, "v", "s", unit->id);
	if (strcmp(name, "LoadState") == 0)
		return sd_bus_reply_method_return(
			m, "v", "s", unit->not_found ? "not-found" : "loaded");
	if (strcmp(name, "ActiveState") == 0)
		return sd_bus_reply_method_return(
			m, "v", "s", unit->starts && unit->starts-- ? "inactive" : unit->active);
	if (strcmp(name, "Transient") == 0)
		return sd_bus_reply_method_return(m, "v", "b", unit->transient);
	if (strcmp(name, "CanStart") == 0)
		return sd_bus_reply_method_return(m, "v", "b", !unit->no_start);
	if (strcmp(name, "CanFreeze") == 0 && !it->old)
		return sd_bus_reply_method_return(m, "v", "b", !unit->no_freeze);
	if (strcmp(name, "RequiredBy") == 0 && *unit->required_by)
		return sd_bus_reply_method_return(m, "v", "as", 1, unit->required_by);
	if (strcmp(name, "NextElapseUSecMonotonic") == 0)
		return sd_bus_reply_method_return(m, "v", "t", unit->by_span);
	if (strcmp(name, "NextElapseUSecRealtime") == 0)
		return sd_bus_reply_method_return(m, "v", "t", unit->by_date);
	if (strstr("RequiredBy RequisiteOf BoundBy ConsistsOf", name))
		return sd_bus_reply_method_return(m, "v", "as", 0);
	busy = unit->busy && unit->busy--;
	if (strcmp(name, "Job") == 0 && unit->starts && unit->starts--)
		busy = true;
	if (strcmp(name, "Job") == 0)
		return sd_bus_reply_method_return(m, "v", "(uo)", busy ? 7 : 0, "/");
	if (strcmp(name, "FreezerState") == 0)
		return sd_bus_reply_method_return(m, "v", "s", busy ? "freezing" : unit->freezer);
	return sd_bus_reply_method_errorf(m, SD_BUS_ERROR_UNKNOWN_PROPERTY, "no %s", name);
}

/* The timers, whatever the patterns. */
static int fake_timers(sd_bus_message *m)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	char path[64];

	if (sd_bus_message_new_method_return(m, &reply) < 0 ||
		sd_bus_message_open_container(reply, 'a', "(ssssssouso)") < 0)
		return -ENOMEM;
	for (int i = 0; i < FAKE_UNITS; i++) {
		const struct fake_unit *unit = &it->unit[i];

		snprintf(path, sizeof(path), FAKE_PATH "%d", i);
		if (strstr(unit->id, ".timer") &&
			sd_bus_message_append(reply, "(ssssssouso)", unit->id, "", "loaded",
				"active", unit->sub, "", path, 0, "", "/") < 0)
			return -ENOMEM;
	}
	if (sd_bus_message_close_container(reply) < 0)
		return -ENOMEM;
	return sd_bus_send(NULL, reply, NULL);
}

static int fake_manager(sd_bus_message *m, const char *call)
{
	struct fake_unit *unit;
	const char *name;

	if (strcmp(call, "ListUnitsByPatterns") == 0)
		return fake_timers(m);
	if (strcmp(call, "GetUnitByPID") == 0) {
		unit = fake_find(it->home);
		return unit ? fake_path(m, unit)
			    : sd_bus_reply_method_errorf(
				      m, "org.freedesktop.systemd1.NoUnitForPID", "in none");
	}
	if (sd_bus_message_read(m, "s", &name) < 0)
		return -EINVAL;
	unit = fake_find(name);
	if (!unit)
		return sd_bus_reply_method_errorf(
			m, "org.freedesktop.systemd1.NoSuchUnit", "Unit %s not loaded.", name);
	if (strcmp(call, "GetUnit") == 0 || strcmp(call, "LoadUnit") == 0)
		return fake_path(m, unit);
	fake_log(call, name);
	if (strcmp(call, "StopUnit") == 0)
		snprintf(unit->active, sizeof(unit->active), "inactive");
	if (strcmp(call, "StartUnit") == 0)
		snprintf(unit->active, sizeof(unit->active), "active");
	if (strcmp(call, "FreezeUnit") == 0 || strcmp(call, "ThawUnit") == 0) {
		snprintf(unit->freezer, sizeof(unit->freezer), "%s",
			*call == 'F' ? "frozen" : "running");
		return sd_bus_reply_method_return(m, "");
	}
	return sd_bus_reply_method_return(m, "o", "/job");
}

static int fake_sessions(sd_bus_message *m)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	char path[64];

	if (sd_bus_message_new_method_return(m, &reply) < 0 ||
		sd_bus_message_open_container(reply, 'a', "(susso)") < 0)
		return -ENOMEM;
	for (int i = 0; i < FAKE_SESSIONS; i++) {
		const struct fake_session *session = &it->session[i];

		snprintf(path, sizeof(path), FAKE_SESSION "%d", i);
		if (*session->user &&
			sd_bus_message_append(reply, "(susso)", path + strlen(FAKE_SESSION), 1000,
				session->user, session->seat, path) < 0)
			return -ENOMEM;
	}
	if (sd_bus_message_close_container(reply) < 0)
		return -ENOMEM;
	return sd_bus_send(NULL, reply, NULL);
}

static int fake_logind(sd_bus_message *m, const char *call)
{
	int pipes[2], r;

	if (it->no_logind)
		return sd_bus_reply_method_errorf(
			m, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "no such name");
	if (strcmp(call, "ListSessions") == 0)
		return fake_sessions(m);
	if (strcmp(call, "ListInhibitors") == 0)
		return it->holder ? sd_bus_reply_method_return(m, "a(ssssuu)", 1, "idle",
					    "quietbench", "", "block", 0, (uint32_t)it->holder)
				  : sd_bus_reply_method_return(m, "a(ssssuu)", 0);
	fake_log(call, "");
	if (pipe(pipes) < 0)
		return -errno;
	it->holder = fake_client;
	r = sd_bus_reply_method_return(m, "h", pipes[1]);
	close(pipes[1]);
	return r;
}

static int fake_driver(sd_bus_message *m, const char *call)
{
	if (strcmp(call, "Hello") == 0)
		return sd_bus_reply_method_return(m, "s", ":1.1");
	if (strcmp(call, "ListNames") == 0)
		return it->dead_looks-- > 0
			       ? sd_bus_reply_method_return(m, "as", 2, "org.other", ":1.9")
			       : sd_bus_reply_method_return(m, "as", 1, "org.other");
	return sd_bus_reply_method_return(m, "u", (uint32_t)it->dead);
}

static int fake_answer(sd_bus_message *m, void *data, sd_bus_error *error)
{
	const char *interface = sd_bus_message_get_interface(m);
	const char *call = sd_bus_message_get_member(m);

	if (!interface || !sd_bus_message_is_method_call(m, NULL, NULL))
		return 0;
	if (strcmp(interface, "org.freedesktop.DBus") == 0)
		return fake_driver(m, call);
	if (strcmp(interface, "org.freedesktop.DBus.Properties") == 0)
		return fake_property(m);
	if (strcmp(interface, "org.freedesktop.login1.Manager") == 0)
		return fake_logind(m, call);
	return fake_manager(m, call);
}

static void fake_serve(int listener)
{
	const sd_id128_t id = {.bytes = {1}};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), r;
		struct ucred peer = {0};
		socklen_t len = sizeof(peer);
		sd_bus *bus = NULL;

		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
		fake_client = peer.pid;
		if (fd < 0 || sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
			sd_bus_set_server(bus, 1, id) < 0 || sd_bus_negotiate_fds(bus, 1) < 0 ||
			sd_bus_add_filter(bus, NULL, fake_answer, NULL) < 0 ||
			sd_bus_start(bus) < 0)
			_exit(1);
		while ((r = sd_bus_process(bus, NULL)) >= 0)
			if (r == 0)
				sd_bus_wait(bus, UINT64_MAX);
		sd_bus_unref(bus);
	}
}

/* Listens where the system bus does. Needs an empty /run/dbus. */
static bool fake_start(void)
{
	struct sockaddr_un address = {
		.sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket"};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 8) < 0)
		return false;
	child = fork();
	if (child == 0)
		fake_serve(listener);
	close(listener);
	return child > 0;
}

static void fake_stop(void)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
}

#endif
