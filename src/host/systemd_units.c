/* SPDX-License-Identifier: GPL-2.0-or-later */
/* systemd.h: units that other programs made: looking at, stopping, starting, freezing and thawing them. */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/systemd.h>
#include <host/systemd_internal.h>
#include <time.h>

#define NO_UNIT	 QB_SYSTEMD_SERVICE ".NoUnitForPID"
#define INACTIVE QB_SYSTEMD_SERVICE ".UnitInactive"
#define TIMER	 QB_SYSTEMD_SERVICE ".Timer"

static int get_text(sd_bus *bus, const char *path, const char *property, char **ret)
{
	return qb_bus.get_property_string(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, property, NULL, ret);
}

static int get_bool(sd_bus *bus, const char *path, const char *property, bool *ret)
{
	int value, r = qb_bus.get_property_trivial(bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT,
			   property, NULL, 'b', &value);

	if (r >= 0)
		*ret = value;
	return r;
}

/* The name of the unit behind an object's path. */
static int copy_id(sd_bus *bus, const char *path, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_free_ char *id = NULL;
	int r = get_text(bus, path, "Id", &id);

	if (r < 0)
		return qb_bus_fail(err, r, NULL, "look at", path);
	return qb_text_copy(buf, size, id)
		       ? 0
		       : qb_error_set(err, ENAMETOOLONG, "the name of %s is too long", path);
}

int qb_systemd_id(const char *name, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_free_ char *load = NULL;
	_cleanup_bus_ bus = NULL;
	const char *path;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"LoadUnit", &said, &reply, "s", name);
	if (r >= 0)
		r = qb_bus.message_read(reply, "o", &path);
	if (r >= 0)
		r = get_text(bus, path, "LoadState", &load);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "look at", name);
	if (strcmp(load, "not-found") == 0)
		return qb_error_set(err, ESRCH, "no such unit on this host");
	return copy_id(bus, path, buf, size, err);
}

int qb_systemd_unit_of(pid_t pid, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_bus_ bus = NULL;
	const char *path;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"GetUnitByPID", &said, &reply, "u", (uint32_t)pid);
	if (r < 0 && (qb_bus.error_has_name(&said, NO_UNIT) || r == -ESRCH))
		return qb_error_set(err, ESRCH, "process %d is in no unit", (int)pid);
	if (r >= 0)
		r = qb_bus.message_read(reply, "o", &path);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "ask for", "a process' unit");
	return copy_id(bus, path, buf, size, err);
}

int qb_systemd_active(const char *name, bool *ret, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	enum qb_systemd_state state;
	int r = qb_bus_open(&bus, err);

	if (r == 0)
		r = qb_systemd_wait(bus, name, QB_SYSTEMD_LOOK_MS, &state, err);
	if (r == 0)
		*ret = state == QB_SYSTEMD_RUNNING;
	return r;
}

int qb_systemd_start(const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_bus_ bus = NULL;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"StartUnit", &said, NULL, "ss", name, "replace");
	return r < 0 ? qb_bus_fail(err, r, &said, "start", name)
		     : qb_systemd_wait_running(bus, name, err);
}

int qb_systemd_stop(const char *name, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_bus_ bus = NULL;
	enum qb_systemd_state state;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"StopUnit", &said, NULL, "ss", name, "replace");
	if (r < 0 && !qb_bus.error_has_name(&said, QB_SYSTEMD_GONE))
		return qb_bus_fail(err, r, &said, "stop", name);
	r = qb_systemd_wait(bus, name, QB_SYSTEMD_JOB_MS, &state, err);
	if (r == 0 && state != QB_SYSTEMD_STOPPED)
		return qb_error_set(err, EBUSY, "stop %s: another program started it again", name);
	return r;
}

/* Is one of the units that this property lists not stopped? Then it is named. */
static int refuse_dependent(
	sd_bus *bus, const char *name, const char *path, const char *property, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *other;
	int r = qb_bus.get_property(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, property, &said, &reply, "as");

	if (qb_bus.error_has_name(&said, SD_BUS_ERROR_UNKNOWN_PROPERTY))
		return 0; /* an older systemd knows no such dependency */
	if (r >= 0)
		r = qb_bus.message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = qb_bus.message_read(reply, "s", &other)) > 0) {
		enum qb_systemd_state state = QB_SYSTEMD_STOPPED;
		_cleanup_free_ char *unit = NULL;

		r = qb_systemd_find(bus, other, &unit, err);
		if (r == -ENOENT)
			r = 0;
		else if (r < 0)
			return r;
		else
			r = qb_systemd_state(bus, unit, &state);
		if (r >= 0 && state != QB_SYSTEMD_STOPPED)
			return qb_error_set(err, EOPNOTSUPP,
				"%s would be stopped with it: list that unit as well, before this one",
				other);
	}
	return r < 0 ? qb_bus_fail(err, r, &said, "ask what depends on", name) : 0;
}

int qb_systemd_check_stop(const char *name, struct qb_error *err)
{
	/* A stop is passed on to the units that these list. */
	static const char *const passed_on[] = {
		"RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"};
	_cleanup_free_ char *path = NULL;
	_cleanup_bus_ bus = NULL;
	bool transient = false, can_start = false;
	int r = qb_bus_open(&bus, err);

	if (r == 0)
		r = qb_systemd_find(bus, name, &path, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = get_bool(bus, path, "Transient", &transient);
	if (r >= 0)
		r = get_bool(bus, path, "CanStart", &can_start);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "look at", name);
	if (transient || !can_start)
		return qb_error_set(err, EOPNOTSUPP, "%s, so it could not be started again",
			transient ? "it was made at run time and has no file"
				  : "systemd does not allow starting it by hand");
	for (size_t i = 0; r >= 0 && i < QB_ARRAY_SIZE(passed_on); i++)
		r = refuse_dependent(bus, name, path, passed_on[i], err);
	return r;
}

/* The object of an active unit that can be frozen. */
static int find_freezable(sd_bus *bus, const char *name, char **ret, struct qb_error *err)
{
	enum qb_systemd_state state;
	bool can = false;
	int r = qb_systemd_wait(bus, name, QB_SYSTEMD_LOOK_MS, &state, err);

	if (r == 0)
		r = state == QB_SYSTEMD_RUNNING ? qb_systemd_find(bus, name, ret, err) : -ENOENT;
	if (r == -ENOENT)
		return qb_error_set(err, ESRCH, "not active: nothing to freeze");
	if (r < 0)
		return r;
	r = get_bool(bus, *ret, "CanFreeze", &can);
	if (r < 0)
		return qb_error_set(err, EOPNOTSUPP,
			"this systemd cannot freeze units: that takes version 246");
	if (!can)
		return qb_error_set(err, EOPNOTSUPP,
			"systemd cannot freeze it here: that takes cgroup v2, and a service or "
			"scope");
	return 0;
}

int qb_systemd_frozen(const char *name, bool *ret, struct qb_error *err)
{
	_cleanup_bus_ bus = NULL;
	int r = qb_bus_open(&bus, err);

	for (unsigned waited = 0; r >= 0 && waited < QB_SYSTEMD_LOOK_MS;
		waited += QB_SYSTEMD_PAUSE_MS) {
		_cleanup_free_ char *path = NULL, *state = NULL;

		r = find_freezable(bus, name, &path, err);
		if (r < 0)
			return r;
		r = get_text(bus, path, "FreezerState", &state);
		if (r < 0)
			return qb_bus_fail(err, r, NULL, "look at", name);
		if (strcmp(state, "running") == 0 || strcmp(state, "frozen") == 0) {
			*ret = strcmp(state, "frozen") == 0;
			return 0;
		}
		qb_systemd_pause();
	}
	return r < 0 ? r
		     : qb_error_set(err, ETIMEDOUT, "%s is still freezing or thawing after %d s",
			       name, QB_SYSTEMD_LOOK_MS / 1000);
}

int qb_systemd_freeze(const char *name, bool freeze, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_bus_ bus = NULL;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	/* systemd answers when every process of the unit has arrived. */
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		freeze ? "FreezeUnit" : "ThawUnit", &said, NULL, "s", name);
	if (r >= 0)
		return 0;
	qb_bus_fail(err, r, &said, freeze ? "freeze" : "thaw", name);
	return qb_bus.error_has_name(&said, INACTIVE) ||
			       qb_bus.error_has_name(&said, QB_SYSTEMD_GONE)
		       ? -ESRCH
		       : r;
}

/* How long from now, by this property and its clock. INT64_MAX: never. */
static int64_t elapses_in(sd_bus *bus, const char *path, const char *property, clockid_t clock)
{
	uint64_t at = 0;

	if (qb_bus.get_property_trivial(
		    bus, QB_SYSTEMD_SERVICE, path, TIMER, property, NULL, 't', &at) < 0 ||
		at == 0 || at > INT64_MAX)
		return INT64_MAX;
	return (int64_t)at - qb_ns_now(clock) / QB_NS_PER_US;
}

static int64_t due_in(sd_bus *bus, const char *path)
{
	int64_t by_span = elapses_in(bus, path, "NextElapseUSecMonotonic", CLOCK_MONOTONIC);
	int64_t by_date = elapses_in(bus, path, "NextElapseUSecRealtime", CLOCK_REALTIME);

	return by_span < by_date ? by_span : by_date;
}

/* Sorts one in; the last of those that find no room is left out. */
static void note_timer(
	struct qb_systemd_timer *timers, size_t max, size_t n, const char *name, int64_t in_us)
{
	size_t at = n < max ? n : max, filled = at;

	while (at > 0 && timers[at - 1].in_us > in_us)
		at--;
	if (at == max)
		return;
	memmove(&timers[at + 1], &timers[at],
		((filled < max ? filled : max - 1) - at) * sizeof(*timers));
	timers[at].in_us = in_us;
	qb_text_copy(timers[at].name, sizeof(timers[at].name), name);
}

int qb_systemd_timers(int64_t within_us, struct qb_systemd_timer *ret, size_t max, size_t *ret_n,
	struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_bus_ bus = NULL;
	const char *name, *sub, *path;
	size_t n = 0;
	int r = qb_bus_open(&bus, err);

	if (r < 0)
		return r;
	r = qb_bus.call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"ListUnitsByPatterns", &said, &reply, "asas", 1, "active", 1, "*.timer");
	if (r >= 0)
		r = qb_bus.message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = qb_bus.message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL,
				  &sub, NULL, &path, NULL, NULL, NULL)) > 0) {
		/* The other timers run their unit at this moment, or will never run it again. */
		int64_t in_us = strcmp(sub, "waiting") == 0 ? due_in(bus, path) : INT64_MAX;

		if (in_us > within_us)
			continue;
		note_timer(ret, max, n++, name, in_us > 0 ? in_us : 0);
	}
	if (r < 0)
		return qb_bus_fail(err, r, &said, "ask systemd for", "its timers");
	*ret_n = n;
	return 0;
}
