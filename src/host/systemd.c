/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.h: transient slices and scopes over the system bus. Not built without libsystemd: systemd_none.c. */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/systemd.h>
#include <signal.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define SERVICE	   "org.freedesktop.systemd1"
#define OBJECT	   "/org/freedesktop/systemd1"
#define MANAGER	   "org.freedesktop.systemd1.Manager"
#define UNIT	   "org.freedesktop.systemd1.Unit"
#define DRIVER	   "org.freedesktop.DBus"

#define CALL_USEC   (10 * 1000000ULL)
#define PATIENCE_MS 20000
#define PAUSE_MS    10

static void bus_cleanup(sd_bus **bus)
{
	sd_bus_flush_close_unref(*bus);
}

static void message_cleanup(sd_bus_message **message)
{
	sd_bus_message_unref(*message);
}

#define _cleanup_bus_	  _cleanup_(bus_cleanup) sd_bus *
#define _cleanup_message_ _cleanup_(message_cleanup) sd_bus_message *
#define _cleanup_error_	  _cleanup_(sd_bus_error_free) sd_bus_error

/* What the bus said, or else what the errno means. */
static int fail(
	struct qb_error *err, int r, const sd_bus_error *said, const char *what, const char *name)
{
	if (said && said->message)
		return qb_error_set(err, -r, "%s %s: systemd says: %s", what, name, said->message);
	return qb_error_errno(err, -r, "%s %s through the system bus", what, name);
}

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

int qb_systemd_available(struct qb_error *err)
{
	if (!qb_file_exists(BUS_SOCKET))
		return qb_error_set(err, ENOTSUP,
			"systemd cannot be asked: no system bus at " BUS_SOCKET
			" (is dbus installed and running?)");
	return 0;
}

static int open_bus(sd_bus **ret, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	int r = sd_bus_open_system(&bus);

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(bus, CALL_USEC);
	if (r < 0)
		return fail(err, r, NULL, "reach", "systemd");
	*ret = bus;
	bus = NULL;
	return 0;
}

/* Does this connection belong to a process that is no more? */
static bool is_dead(sd_bus *bus, const char *name)
{
	_cleanup_message_ reply = NULL;
	uint32_t pid;

	return name[0] == ':' &&
	       sd_bus_call_method(bus, DRIVER, "/org/freedesktop/DBus", DRIVER,
		       "GetConnectionUnixProcessID", NULL, &reply, "s", name) >= 0 &&
	       sd_bus_message_read(reply, "u", &pid) >= 0 && kill((pid_t)pid, 0) < 0 &&
	       errno == ESRCH;
}

/* The names on the bus, checked one by one: 1 when the dead are still among them. */
static int any_dead(sd_bus *bus)
{
	_cleanup_message_ reply = NULL;
	const char *name;
	int r = sd_bus_call_method(
		bus, DRIVER, "/org/freedesktop/DBus", DRIVER, "ListNames", NULL, &reply, "");

	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(reply, "s", &name)) > 0)
		if (is_dead(bus, name))
			return 1;
	return r;
}

/* The object of a unit: 0, or -ENOENT when systemd knows none of this name. */
static int find_unit(sd_bus *bus, const char *name, char **ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *path;
	int r = sd_bus_call_method(
		bus, SERVICE, OBJECT, MANAGER, "GetUnit", &said, &reply, "s", name);

	if (r < 0 && sd_bus_error_has_name(&said, "org.freedesktop.systemd1.NoSuchUnit"))
		return -ENOENT;
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r < 0)
		return fail(err, r, &said, "look for", name);
	*ret = strdup(path);
	return *ret ? 0 : qb_error_errno(err, ENOMEM, "look for %s", name);
}

enum unit_state {
	UNIT_STOPPED,
	UNIT_RUNNING,
	UNIT_CHANGING, /* it has a job, or is between states */
};

static int read_state(sd_bus *bus, const char *path, enum unit_state *ret)
{
	_cleanup_message_ job = NULL;
	_cleanup_free_ char *state = NULL;
	uint32_t id;
	int r = sd_bus_get_property_string(bus, SERVICE, path, UNIT, "ActiveState", NULL, &state);

	if (r >= 0)
		r = sd_bus_get_property(bus, SERVICE, path, UNIT, "Job", NULL, &job, "(uo)");
	if (r >= 0)
		r = sd_bus_message_read(job, "(uo)", &id, NULL);
	if (r < 0)
		return r;
	if (id == 0 && strcmp(state, "active") == 0)
		*ret = UNIT_RUNNING;
	else if (id == 0 && (strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0))
		*ret = UNIT_STOPPED;
	else
		*ret = UNIT_CHANGING;
	return 0;
}

/* Waits until a unit stands still and says how. */
static int wait_still(sd_bus *bus, const char *name, enum unit_state *ret, struct qb_error *err)
{
	for (unsigned waited = 0; waited < PATIENCE_MS; waited += PAUSE_MS) {
		_cleanup_free_ char *path = NULL;
		enum unit_state state = UNIT_STOPPED;
		int r = find_unit(bus, name, &path, err);

		if (r < 0 && r != -ENOENT)
			return r;
		/* It may be unloaded between the two questions: ask again. */
		if (r == 0 && read_state(bus, path, &state) < 0)
			state = UNIT_CHANGING;
		if (state != UNIT_CHANGING) {
			*ret = state;
			return 0;
		}
		pause_briefly();
	}
	return qb_error_set(
		err, ETIMEDOUT, "%s still changes its state after %d s", name, PATIENCE_MS / 1000);
}

int qb_systemd_settle(const char *unit, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	enum unit_state state;
	int r = open_bus(&bus, err);

	if (r < 0)
		return r;
	for (unsigned waited = 0; (r = any_dead(bus)) == 1; waited += PAUSE_MS) {
		if (waited >= PATIENCE_MS)
			return qb_error_set(
				err, ETIMEDOUT, "the system bus keeps a dead process' connection");
		pause_briefly();
	}
	if (r < 0)
		return fail(err, r, NULL, "list the names on", "the bus");
	return wait_still(bus, unit, &state, err);
}

/* Begins a StartTransientUnit call, up to and with the array of properties. */
static int begin_start(sd_bus *bus, const char *name, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(
		bus, ret, SERVICE, OBJECT, MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(*ret, "ss", name, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(*ret, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(
			*ret, "(sv)", "Description", "s", "quietbench: the benchmark's CPUs");
	return r;
}

static int wait_running(sd_bus *bus, const char *name, struct qb_error *err)
{
	enum unit_state state;
	int r = wait_still(bus, name, &state, err);

	if (r == 0 && state != UNIT_RUNNING)
		return qb_error_set(
			err, EIO, "start %s: it ended at once (see journalctl -u %s)", name, name);
	return r;
}

/* Ends the properties, sends, and waits until the unit runs. */
static int finish_start(
	sd_bus *bus, sd_bus_message *message, const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	int r = sd_bus_message_close_container(message);

	if (r >= 0)
		r = sd_bus_message_append(message, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call(bus, message, 0, &said, NULL);
	return r < 0 ? fail(err, r, &said, "start", name) : wait_running(bus, name, err);
}

/* AllowedCPUs is a bit string, lowest CPU first. */
static int append_cpus(sd_bus_message *message, const struct qb_cpus *cpus)
{
	unsigned char bits[QB_CPUS_MAX / 8] = {0};
	size_t used = 0;
	int r;

	qb_cpus_foreach (cpu, cpus) {
		bits[cpu / 8] |= (unsigned char)(1u << cpu % 8);
		used = cpu / 8 + 1;
	}
	r = sd_bus_message_open_container(message, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append(message, "s", "AllowedCPUs");
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(message, 'y', bits, used);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	_cleanup_message_ message = NULL;
	int r = open_bus(&bus, err);

	if (r < 0)
		return r;
	r = begin_start(bus, name, &message);
	if (r >= 0 && cpus)
		r = append_cpus(message, cpus);
	if (r < 0)
		return fail(err, r, NULL, "prepare", name);
	return finish_start(bus, message, name, err);
}

int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	_cleanup_message_ message = NULL;
	int r = open_bus(&bus, err);

	if (r < 0)
		return r;
	r = begin_start(bus, name, &message);
	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)", "PIDs", "au", 1,
			(uint32_t)pid, "Slice", "s", slice, "TasksMax", "t", limits->tasks_max,
			"MemoryMax", "t", limits->memory_max, "MemoryHigh", "t",
			limits->memory_high, "MemorySwapMax", "t", limits->swap_max);
	if (r >= 0 && limits->cpu_usec != UINT64_MAX)
		r = sd_bus_message_append(
			message, "(sv)", "CPUQuotaPerSecUSec", "t", limits->cpu_usec);
	if (r < 0)
		return fail(err, r, NULL, "prepare", name);
	return finish_start(bus, message, name, err);
}

int qb_systemd_active(const char *name, bool *ret, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	enum unit_state state;
	int r = open_bus(&bus, err);

	if (r == 0)
		r = wait_still(bus, name, &state, err);
	if (r == 0)
		*ret = state == UNIT_RUNNING;
	return r;
}

int qb_systemd_start(const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_bus_ bus = NULL;
	int r = open_bus(&bus, err);

	if (r < 0)
		return r;
	r = sd_bus_call_method(
		bus, SERVICE, OBJECT, MANAGER, "StartUnit", &said, NULL, "ss", name, "replace");
	return r < 0 ? fail(err, r, &said, "start", name) : wait_running(bus, name, err);
}

int qb_systemd_stop(const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_bus_ bus = NULL;
	enum unit_state state;
	int r = open_bus(&bus, err);

	if (r < 0)
		return r;
	r = sd_bus_call_method(
		bus, SERVICE, OBJECT, MANAGER, "StopUnit", &said, NULL, "ss", name, "replace");
	if (r < 0 && !sd_bus_error_has_name(&said, "org.freedesktop.systemd1.NoSuchUnit"))
		return fail(err, r, &said, "stop", name);
	r = wait_still(bus, name, &state, err);
	if (r == 0 && state != UNIT_STOPPED)
		return qb_error_set(err, EBUSY, "stop %s: somebody started it again", name);
	return r;
}
