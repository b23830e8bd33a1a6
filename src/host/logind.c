/* SPDX-License-Identifier: GPL-2.0-or-later */
/* logind.h. Not built without libsystemd: systemd_none.c. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/logind.h>
#include <host/systemd.h>
#include <host/systemd_internal.h>
#include <signal.h>

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

int qb_logind_available(struct qb_error *err)
{
	int r = qb_systemd_available(err);

	if (r < 0)
		return r;
	/* The folder by which libsystemd itself tells. */
	return qb_file_exists("/run/systemd/seats") ? 0 : not_running(err);
}

static int begin(sd_bus *bus, const char *method, sd_bus_message **ret)
{
	int r = qb_bus.message_new_method_call(bus, ret, SERVICE, OBJECT, MANAGER, method);

	/* A logind that does not run is not started for this: that would change the host. */
	return r < 0 ? r : qb_bus.message_set_auto_start(*ret, 0);
}

static int call(sd_bus *bus, sd_bus_message *message, const char *what, const char *name,
	sd_bus_message **ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	int r = qb_bus.call(bus, message, 0, &said, ret);

	if (r >= 0)
		return 0;
	if (qb_bus.error_has_name(&said, SD_BUS_ERROR_NAME_HAS_NO_OWNER) ||
		qb_bus.error_has_name(&said, SD_BUS_ERROR_SERVICE_UNKNOWN))
		return not_running(err);
	return qb_bus_fail(err, r, &said, what, name);
}

int qb_logind_inhibit(int *ret_fd, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_bus_ bus = NULL;
	int fd, r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = begin(bus, "Inhibit", &message);
	if (r >= 0)
		r = qb_bus.message_append(message, "ssss", QB_LOGIND_WHAT, WHO, WHY, "block");
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to hold off", QB_LOGIND_WHAT);
	r = call(bus, message, "ask logind to hold off", QB_LOGIND_WHAT, &reply, err);
	if (r < 0)
		return r;
	r = qb_bus.message_read(reply, "h", &fd);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "take", "logind's inhibitor");
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message closes its own */
	if (fd < 0)
		return qb_error_errno(err, errno, "keep logind's inhibitor");
	*ret_fd = fd;
	return 0;
}

int qb_logind_holder(pid_t *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_bus_ bus = NULL;
	const char *who;
	uint32_t pid;
	pid_t holder = 0;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = begin(bus, "ListInhibitors", &message);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to ask", "logind");
	r = call(bus, message, "ask logind for", "its inhibitors", &reply, err);
	if (r < 0)
		return r;
	r = qb_bus.message_enter_container(reply, 'a', "(ssssuu)");
	while (r >= 0 && (r = qb_bus.message_read(
				  reply, "(ssssuu)", NULL, &who, NULL, NULL, NULL, &pid)) > 0)
		/* logind may not have noticed yet that one has died. */
		if (strcmp(who, WHO) == 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
			holder = (pid_t)pid;
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "read", "logind's list of inhibitors");
	*ret = holder;
	return 0;
}

/* Is it a desktop? False as well for a session that has ended meanwhile. */
static bool is_desktop(sd_bus *bus, const char *path, struct qb_logind_desktop *desktop)
{
	_cleanup_free_ char *type = NULL, *state = NULL;

	if (qb_bus.get_property_string(bus, SERVICE, path, SESSION, "Type", NULL, &type) < 0 ||
		qb_bus.get_property_string(bus, SERVICE, path, SESSION, "State", NULL, &state) < 0)
		return false;
	qb_text_copy(desktop->type, sizeof(desktop->type), type);
	return strcmp(state, "closing") != 0 &&
	       (strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0);
}

int qb_logind_desktops(struct qb_logind_desktop *ret, size_t *ret_n, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_bus_ bus = NULL;
	const char *user, *seat, *path;
	size_t n = 0;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = begin(bus, "ListSessions", &message);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare to ask", "logind");
	r = call(bus, message, "ask logind for", "its sessions", &reply, err);
	if (r < 0)
		return r;
	r = qb_bus.message_enter_container(reply, 'a', "(susso)");
	while (r >= 0 &&
		(r = qb_bus.message_read(reply, "(susso)", NULL, NULL, &user, &seat, &path)) > 0) {
		struct qb_logind_desktop desktop;

		if (!is_desktop(bus, path, &desktop))
			continue;
		qb_text_copy(desktop.user, sizeof(desktop.user), user);
		qb_text_copy(desktop.seat, sizeof(desktop.seat), seat);
		*ret = desktop;
		n++;
	}
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "read", "logind's list of sessions");
	*ret_n = n;
	return 0;
}
