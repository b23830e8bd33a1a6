/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.h: the bus, and transient slices and scopes. Not built without libsystemd: systemd_none.c. */
#include <base/file.h>
#include <base/macros.h>
#include <dlfcn.h>
#include <errno.h>
#include <host/systemd.h>
#include <host/systemd_internal.h>
#include <signal.h>
#include <time.h>

#define LIBRARY	   "libsystemd.so.0"
#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define DRIVER	   "org.freedesktop.DBus"
/* What other clients wait, too: while it switches a controller on, systemd does not answer. */
#define CALL_USEC (25 * 1000000ULL)

struct qb_bus_functions qb_bus;

static int load_library(struct qb_error *err)
{
	/* As C11 has it: a pointer to a function is not one to an object. */
	union {
		struct qb_bus_functions functions;
		void *v[sizeof(struct qb_bus_functions) / sizeof(void *)];
	} found;
#define NAME(name) "sd_bus_" #name,
	static const char *const names[] = {QB_BUS_FUNCTIONS(NAME)};
#undef NAME
	void *library;

	if (qb_bus.open_system)
		return 0;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < QB_ARRAY_SIZE(names); i++) {
		found.v[i] = dlsym(library, names[i]);
		if (!found.v[i])
			library = NULL;
	}
	if (!library)
		return qb_error_set(
			err, ENOTSUP, "systemd cannot be asked: load " LIBRARY ": %s", dlerror());
	qb_bus = found.functions;
	return 0;
}

/* What was never opened or filled has nothing to free, and the library may not be there. */
void qb_bus_close(sd_bus **bus)
{
	if (*bus)
		qb_bus.flush_close_unref(*bus);
}

void qb_bus_message_free(sd_bus_message **message)
{
	if (*message)
		qb_bus.message_unref(*message);
}

void qb_bus_error_free(sd_bus_error *error)
{
	if (qb_bus.error_free)
		qb_bus.error_free(error);
}

int qb_bus_fail(
	struct qb_error *err, int r, const sd_bus_error *said, const char *what, const char *name)
{
	const int code = r == -ENOENT || r == -ESRCH ? EIO : -r;

	if (said && said->message)
		return qb_error_set(err, code, "%s %s: %s", what, name, said->message);
	return qb_error_errno(err, code, "%s %s through the system bus", what, name);
}

void qb_systemd_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = QB_SYSTEMD_PAUSE_MS * 1000000L}, NULL);
}

int qb_systemd_available(struct qb_error *err)
{
	if (!qb_file_exists(BUS_SOCKET))
		return qb_error_set(err, ENOTSUP,
			"systemd cannot be asked: no system bus at " BUS_SOCKET
			" (is dbus installed and running?)");
	return 0;
}

int qb_bus_open(sd_bus **ret, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	int r = load_library(err);

	if (r < 0)
		return r;
	r = qb_bus.open_system(&bus);
	if (r >= 0)
		r = qb_bus.set_method_call_timeout(bus, CALL_USEC);
	if (r < 0)
		return qb_error_set(err, ENOTCONN, "reach the system bus: %s", strerror(-r));
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
	       qb_bus.call_method(bus, DRIVER, "/org/freedesktop/DBus", DRIVER,
		       "GetConnectionUnixProcessID", NULL, &reply, "s", name) >= 0 &&
	       qb_bus.message_read(reply, "u", &pid) >= 0 && kill((pid_t)pid, 0) < 0 &&
	       errno == ESRCH;
}

/* The names on the bus, checked one by one: 1 when the dead are still among them. */
static int any_dead(sd_bus *bus)
{
	_cleanup_message_ reply = NULL;
	const char *name;
	int r = qb_bus.call_method(
		bus, DRIVER, "/org/freedesktop/DBus", DRIVER, "ListNames", NULL, &reply, "");

	if (r >= 0)
		r = qb_bus.message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = qb_bus.message_read(reply, "s", &name)) > 0)
		if (is_dead(bus, name))
			return 1;
	return r;
}

int qb_systemd_find(sd_bus *bus, const char *name, char **ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *path;
	int r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"GetUnit", &said, &reply, "s", name);

	if (r < 0 && qb_bus.error_has_name(&said, QB_SYSTEMD_GONE))
		return -ENOENT;
	if (r >= 0)
		r = qb_bus.message_read(reply, "o", &path);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "look for", name);
	*ret = strdup(path);
	return *ret ? 0 : qb_error_errno(err, ENOMEM, "look for %s", name);
}

int qb_systemd_state(sd_bus *bus, const char *path, enum qb_systemd_state *ret)
{
	_cleanup_message_ job = NULL;
	_cleanup_free_ char *state = NULL;
	uint32_t id;
	/* The job first: one that ends between the two questions has left its state by then. Asked the
	 * other way round, a unit that is being started could be found inactive and without a job. */
	int r = qb_bus.get_property(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, "Job", NULL, &job, "(uo)");

	if (r >= 0)
		r = qb_bus.message_read(job, "(uo)", &id, NULL);
	if (r >= 0)
		r = qb_bus.get_property_string(bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT,
			"ActiveState", NULL, &state);
	if (r < 0)
		return r;
	if (id == 0 && strcmp(state, "active") == 0)
		*ret = QB_SYSTEMD_RUNNING;
	else if (id == 0 && (strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0))
		*ret = QB_SYSTEMD_STOPPED;
	else
		*ret = QB_SYSTEMD_CHANGING;
	return 0;
}

int qb_systemd_wait(sd_bus *bus, const char *name, unsigned patience_ms, enum qb_systemd_state *ret,
	struct qb_error *err)
{
	for (unsigned waited = 0; waited < patience_ms; waited += QB_SYSTEMD_PAUSE_MS) {
		_cleanup_free_ char *path = NULL;
		enum qb_systemd_state state = QB_SYSTEMD_STOPPED;
		int r = qb_systemd_find(bus, name, &path, err);

		if (r < 0 && r != -ENOENT)
			return r;
		/* It may be unloaded between the two questions: ask again. */
		if (r == 0 && qb_systemd_state(bus, path, &state) < 0)
			state = QB_SYSTEMD_CHANGING;
		if (state != QB_SYSTEMD_CHANGING) {
			*ret = state;
			return 0;
		}
		qb_systemd_pause();
	}
	return qb_error_set(
		err, ETIMEDOUT, "%s still changes its state after %u s", name, patience_ms / 1000);
}

/* Waits until the bus has dropped the connections of the dead. */
static int bury_the_dead(sd_bus *bus, struct qb_error *err)
{
	static bool
		done; /* a connection that dies after our first look is not ours: we hold the lock */
	int r = 0;

	for (unsigned waited = 0; !done && (r = any_dead(bus)) == 1;
		waited += QB_SYSTEMD_PAUSE_MS) {
		if (waited >= QB_SYSTEMD_LOOK_MS)
			return qb_error_set(
				err, ETIMEDOUT, "the system bus keeps a dead process' connection");
		qb_systemd_pause();
	}
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "list the names on", "the bus");
	done = true;
	return 0;
}

int qb_systemd_settle(const char *unit, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	enum qb_systemd_state state;
	int r = qb_bus_open(&bus, err);

	if (r == 0)
		r = bury_the_dead(bus, err);
	return r < 0 ? r : qb_systemd_wait(bus, unit, QB_SYSTEMD_LOOK_MS, &state, err);
}

/* Begins a StartTransientUnit call, up to and with the array of properties. */
static int begin_start(sd_bus *bus, const char *name, sd_bus_message **ret)
{
	int r = qb_bus.message_new_method_call(bus, ret, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT,
		QB_SYSTEMD_MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = qb_bus.message_append(*ret, "ss", name, "fail");
	if (r >= 0)
		r = qb_bus.message_open_container(*ret, 'a', "(sv)");
	if (r >= 0)
		r = qb_bus.message_append(
			*ret, "(sv)", "Description", "s", "quietbench: the benchmark's CPUs");
	return r;
}

int qb_systemd_wait_running(sd_bus *bus, const char *name, struct qb_error *err)
{
	enum qb_systemd_state state;
	int r = qb_systemd_wait(bus, name, QB_SYSTEMD_JOB_MS, &state, err);

	if (r == 0 && state != QB_SYSTEMD_RUNNING)
		return qb_error_set(
			err, EIO, "start %s: it ended at once (see journalctl -u %s)", name, name);
	return r;
}

/* Ends the properties, sends, and waits until the unit runs. */
static int finish_start(
	sd_bus *bus, sd_bus_message *message, const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	int r = qb_bus.message_close_container(message);

	if (r >= 0)
		r = qb_bus.message_append(message, "a(sa(sv))", 0);
	if (r >= 0)
		r = qb_bus.call(bus, message, 0, &said, NULL);
	return r < 0 ? qb_bus_fail(err, r, &said, "start", name)
		     : qb_systemd_wait_running(bus, name, err);
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
	r = qb_bus.message_open_container(message, 'r', "sv");
	if (r >= 0)
		r = qb_bus.message_append(message, "s", "AllowedCPUs");
	if (r >= 0)
		r = qb_bus.message_open_container(message, 'v', "ay");
	if (r >= 0)
		r = qb_bus.message_append_array(message, 'y', bits, used);
	if (r >= 0)
		r = qb_bus.message_close_container(message);
	return r < 0 ? r : qb_bus.message_close_container(message);
}

int qb_systemd_start_slice(const char *name, const struct qb_cpus *cpus, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	_cleanup_message_ message = NULL;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = begin_start(bus, name, &message);
	if (r >= 0 && cpus)
		r = append_cpus(message, cpus);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare", name);
	return finish_start(bus, message, name, err);
}

int qb_systemd_start_scope(const char *name, const char *slice, pid_t pid,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	_cleanup_message_ message = NULL;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = begin_start(bus, name, &message);
	if (r >= 0)
		r = qb_bus.message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)", "PIDs", "au", 1,
			(uint32_t)pid, "Slice", "s", slice, "TasksMax", "t", limits->tasks_max,
			"MemoryMax", "t", limits->memory_max, "MemoryHigh", "t",
			limits->memory_high, "MemorySwapMax", "t", limits->swap_max);
	if (r >= 0 && limits->cpu_usec != UINT64_MAX)
		r = qb_bus.message_append(
			message, "(sv)", "CPUQuotaPerSecUSec", "t", limits->cpu_usec);
	if (r >= 0 && limits->cpus)
		r = append_cpus(message, limits->cpus);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "prepare", name);
	return finish_start(bus, message, name, err);
}
