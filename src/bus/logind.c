/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h: logind: what holds off sleep, and who sits at a desktop. */
#include "bus.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/logind.h>

#define SERVICE "org.freedesktop.login1"
#define OBJECT	"/org/freedesktop/login1"
#define MANAGER SERVICE ".Manager"
#define SESSION SERVICE ".Session"

#define WHO "quietbench"
#define WHY "a benchmark runs; afterwards the host is put back as it was"

static int not_running(struct qb_error *err)
{
	return qb_error_set(err, ENOENT, "logind does not run here: nothing manages sleep");
}

static int begin(sd_bus *bus, const char *method, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(bus, ret, SERVICE, OBJECT, MANAGER, method);

	/* A logind that does not run is not started for this: that would change the host. */
	return r < 0 ? r : sd_bus_message_set_auto_start(*ret, 0);
}

static int call(sd_bus *bus, sd_bus_message *message, const char *what, const char *name,
	sd_bus_message **ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	int r = sd_bus_call(bus, message, 0, &said, ret);

	if (r >= 0)
		return 0;
	if (sd_bus_error_has_name(&said, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
		sd_bus_error_has_name(&said, SD_BUS_ERROR_SERVICE_UNKNOWN))
		return not_running(err);
	return qb_bus_fail(err, r, &said, what, name);
}

/* An open file, by which logind knows that it is held; it ends with this process. */
static int inhibitor = -1;

int qb_bus_inhibit(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	int fd, r;

	if (inhibitor >= 0)
		close(inhibitor);
	inhibitor = -1;
	if (!ask->on)
		return 0;
	r = begin(bus, "Inhibit", &message);
	if (r >= 0)
		r = sd_bus_message_append(message, "ssss", QB_LOGIND_WHAT, WHO, WHY, "block");
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to hold off", QB_LOGIND_WHAT);
	r = call(bus, message, "ask logind to hold off", QB_LOGIND_WHAT, &reply, err);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "h", &fd);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "take", "logind's inhibitor");
	inhibitor = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message closes its own */
	return inhibitor < 0 ? qb_error_errno(err, errno, "keep logind's inhibitor") : 0;
}

/* Is it one of quietbench's that still counts? logind may not have noticed yet that it was let go of. */
static bool is_held(const char *who, pid_t pid)
{
	return strcmp(who, WHO) == 0 && (pid == getpid() ? inhibitor >= 0 : qb_bus_lives(pid));
}

int qb_bus_inhibited(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	const char *who;
	uint32_t pid;
	int r = begin(bus, "ListInhibitors", &message);

	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to ask", "logind");
	r = call(bus, message, "ask logind for", "its inhibitors", &reply, err);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "(ssssuu)");
	while (r >= 0 && (r = sd_bus_message_read(
				  reply, "(ssssuu)", NULL, &who, NULL, NULL, NULL, &pid)) > 0)
		ret->yes |= is_held(who, (pid_t)pid);
	return r < 0 ? qb_bus_fail(err, r, NULL, "read", "logind's list of inhibitors") : 0;
}

/* Is it a desktop? False as well for a session that has ended meanwhile. */
static bool is_desktop(sd_bus *bus, const char *path, struct qb_logind_desktop *desktop)
{
	_cleanup_free_ char *type = NULL, *state = NULL;

	if (sd_bus_get_property_string(bus, SERVICE, path, SESSION, "Type", NULL, &type) < 0 ||
		sd_bus_get_property_string(bus, SERVICE, path, SESSION, "State", NULL, &state) < 0)
		return false;
	qb_text_copy(desktop->type, sizeof(desktop->type), type);
	return strcmp(state, "closing") != 0 &&
	       (strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0);
}

int qb_bus_desktops(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	const char *user, *seat, *path;
	int r = begin(bus, "ListSessions", &message);

	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to ask", "logind");
	r = call(bus, message, "ask logind for", "its sessions", &reply, err);
	if (r < 0)
		return r;
	r = sd_bus_message_enter_container(reply, 'a', "(susso)");
	while (r >= 0 &&
		(r = sd_bus_message_read(reply, "(susso)", NULL, NULL, &user, &seat, &path)) > 0) {
		struct qb_logind_desktop desktop;

		if (!is_desktop(bus, path, &desktop))
			continue;
		qb_text_copy(desktop.user, sizeof(desktop.user), user);
		qb_text_copy(desktop.seat, sizeof(desktop.seat), seat);
		ret->desktop = desktop;
		ret->n++;
	}
	return r < 0 ? qb_bus_fail(err, r, NULL, "read", "logind's list of sessions") : 0;
}
