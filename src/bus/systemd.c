/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h: when a unit stands still; transient slices and scopes. */
#include "bus.h"
#include <base/macros.h>
#include <errno.h>
#include <host/tasks.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#define DRIVER "org.freedesktop.DBus"

int qb_bus_fail(
	struct qb_error *err, int r, const sd_bus_error *said, const char *what, const char *name)
{
	const int code = r == -ENOENT || r == -ESRCH || r == -ENOTCONN ? EIO : -r;

	if (said && said->message)
		return qb_error_set(err, code, "%s %s: %s", what, name, said->message);
	return qb_error_errno(err, code, "%s %s through the system bus", what, name);
}

void qb_bus_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = QB_BUS_PAUSE_MS * 1000000L}, NULL);
}

/* One like this that has lost its helper was killed with it, but may not have noticed yet. */
static bool is_orphan(pid_t pid)
{
	struct qb_task task, parent;

	return qb_task_read(pid, &task, NULL) == 0 && strcmp(task.comm, QB_BUS_NAME) == 0 &&
	       (qb_task_read(task.ppid, &parent, NULL) < 0 ||
		       strncmp(parent.comm, "quietbench", strlen("quietbench")) != 0);
}

bool qb_bus_lives(pid_t pid)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return errno != ESRCH;
	return poll(&ended, 1, 0) != 1 && !is_orphan(pid);
}

/* Does this connection belong to a process that is no more? */
static bool is_dead(sd_bus *bus, const char *name)
{
	_cleanup_message_ reply = NULL;
	uint32_t pid;

	return name[0] == ':' &&
	       sd_bus_call_method(bus, DRIVER, "/org/freedesktop/DBus", DRIVER,
		       "GetConnectionUnixProcessID", NULL, &reply, "s", name) >= 0 &&
	       sd_bus_message_read(reply, "u", &pid) >= 0 && !qb_bus_lives((pid_t)pid);
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

int qb_bus_find(sd_bus *bus, const char *name, char **ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *path;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"GetUnit", &said, &reply, "s", name);

	if (r < 0 && sd_bus_error_has_name(&said, QB_SYSTEMD_GONE))
		return -ENOENT;
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "look for", name);
	*ret = strdup(path);
	return *ret ? 0 : qb_error_errno(err, ENOMEM, "look for %s", name);
}

int qb_bus_state(sd_bus *bus, const char *path, enum qb_bus_state *ret)
{
	_cleanup_message_ job = NULL;
	_cleanup_free_ char *state = NULL;
	uint32_t id;
	/* The job first: one that ends between the two questions has left its state by then. Asked the
	 * other way round, a unit that is being started could be found inactive and without a job. */
	int r = sd_bus_get_property(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, "Job", NULL, &job, "(uo)");

	if (r >= 0)
		r = sd_bus_message_read(job, "(uo)", &id, NULL);
	if (r >= 0)
		r = sd_bus_get_property_string(bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT,
			"ActiveState", NULL, &state);
	if (r < 0)
		return r;
	if (id == 0 && strcmp(state, "active") == 0)
		*ret = QB_BUS_RUNNING;
	else if (id == 0 && (strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0))
		*ret = QB_BUS_STOPPED;
	else
		*ret = QB_BUS_CHANGING;
	return 0;
}

int qb_bus_wait(sd_bus *bus, const char *name, unsigned patience_ms, enum qb_bus_state *ret,
	struct qb_error *err)
{
	for (unsigned waited = 0; waited < patience_ms; waited += QB_BUS_PAUSE_MS) {
		_cleanup_free_ char *path = NULL;
		enum qb_bus_state state = QB_BUS_STOPPED;
		int r = qb_bus_find(bus, name, &path, err);

		if (r < 0 && r != -ENOENT)
			return r;
		/* It may be unloaded between the two questions: ask again. */
		if (r == 0 && qb_bus_state(bus, path, &state) < 0)
			state = QB_BUS_CHANGING;
		if (state != QB_BUS_CHANGING) {
			*ret = state;
			return 0;
		}
		qb_bus_pause();
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

	for (unsigned waited = 0; !done && (r = any_dead(bus)) == 1; waited += QB_BUS_PAUSE_MS) {
		if (waited >= QB_BUS_LOOK_MS)
			return qb_error_set(
				err, ETIMEDOUT, "the system bus keeps a dead process' connection");
		qb_bus_pause();
	}
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "list the names on", "the bus");
	done = true;
	return 0;
}

int qb_bus_settle(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	enum qb_bus_state state;
	int r = bury_the_dead(bus, err);

	return r < 0 ? r : qb_bus_wait(bus, ask->name, QB_BUS_LOOK_MS, &state, err);
}

/* Begins a StartTransientUnit call, up to and with the array of properties. */
static int begin_start(sd_bus *bus, const char *name, sd_bus_message **ret)
{
	int r = sd_bus_message_new_method_call(bus, ret, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT,
		QB_SYSTEMD_MANAGER, "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(*ret, "ss", name, "fail");
	if (r >= 0)
		r = sd_bus_message_open_container(*ret, 'a', "(sv)");
	if (r >= 0)
		r = sd_bus_message_append(
			*ret, "(sv)", "Description", "s", "quietbench: the benchmark's CPUs");
	return r;
}

int qb_bus_wait_running(sd_bus *bus, const char *name, struct qb_error *err)
{
	enum qb_bus_state state;
	int r = qb_bus_wait(bus, name, QB_BUS_JOB_MS, &state, err);

	if (r == 0 && state != QB_BUS_RUNNING)
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
	return r < 0 ? qb_bus_fail(err, r, &said, "start", name)
		     : qb_bus_wait_running(bus, name, err);
}

/* AllowedCPUs and AllowedMemoryNodes are bit strings, the lowest first. */
static int append_set(sd_bus_message *message, const char *name, const struct qb_cpus *cpus)
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
		r = sd_bus_message_append(message, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(message, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(message, 'y', bits, used);
	if (r >= 0)
		r = sd_bus_message_close_container(message);
	return r < 0 ? r : sd_bus_message_close_container(message);
}

int qb_bus_start_slice(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	int r = begin_start(bus, ask->name, &message);

	if (r >= 0 && ask->confined)
		r = append_set(message, "AllowedCPUs", &ask->cpus);
	return r < 0 ? qb_bus_fail(err, r, NULL, "prepare", ask->name)
		     : finish_start(bus, message, ask->name, err);
}

int qb_bus_start_scope(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_message_ message = NULL;
	int r = begin_start(bus, ask->name, &message);

	if (r >= 0)
		r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)", "PIDs", "au", 1,
			(uint32_t)ask->pid, "Slice", "s", ask->slice, "TasksMax", "t",
			ask->tasks_max, "MemoryMax", "t", ask->memory_max, "MemoryHigh", "t",
			ask->memory_high, "MemorySwapMax", "t", ask->swap_max);
	if (r >= 0 && ask->cpu_usec != UINT64_MAX)
		r = sd_bus_message_append(
			message, "(sv)", "CPUQuotaPerSecUSec", "t", ask->cpu_usec);
	if (r >= 0 && ask->confined)
		r = append_set(message, "AllowedCPUs", &ask->cpus);
	if (r >= 0 && ask->cpu_weight != 100)
		r = sd_bus_message_append(message, "(sv)", "CPUWeight", "t", ask->cpu_weight);
	if (r >= 0 && ask->io_weight != 100)
		r = sd_bus_message_append(message, "(sv)", "IOWeight", "t", ask->io_weight);
	if (r >= 0 && !qb_cpus_empty(&ask->nodes))
		r = append_set(message, "AllowedMemoryNodes", &ask->nodes);
	return r < 0 ? qb_bus_fail(err, r, NULL, "prepare", ask->name)
		     : finish_start(bus, message, ask->name, err);
}
