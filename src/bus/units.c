/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h: units that other programs made: looking at, stopping, starting, freezing and thawing them. */
#include "bus.h"
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <time.h>

#define NO_UNIT	 QB_SYSTEMD_SERVICE ".NoUnitForPID"
#define INACTIVE QB_SYSTEMD_SERVICE ".UnitInactive"
#define TIMER	 QB_SYSTEMD_SERVICE ".Timer"

static int get_text(sd_bus *bus, const char *path, const char *property, char **ret)
{
	return sd_bus_get_property_string(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, property, NULL, ret);
}

static int get_bool(sd_bus *bus, const char *path, const char *property, bool *ret)
{
	int value, r = sd_bus_get_property_trivial(bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT,
			   property, NULL, 'b', &value);

	if (r >= 0)
		*ret = value;
	return r;
}

/* The name of the unit behind an object's path. */
static int tell_id(sd_bus *bus, const char *path, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_free_ char *id = NULL;
	int r = get_text(bus, path, "Id", &id);

	if (r < 0)
		return qb_bus_fail(err, r, NULL, "look at", path);
	return qb_text_copy(ret->name, sizeof(ret->name), id)
		       ? 0
		       : qb_error_set(err, ENAMETOOLONG, "the name of %s is too long", path);
}

int qb_bus_id(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	_cleanup_free_ char *load = NULL;
	const char *path;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"LoadUnit", &said, &reply, "s", ask->name);

	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		r = get_text(bus, path, "LoadState", &load);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "look at", ask->name);
	if (strcmp(load, "not-found") == 0)
		return qb_error_set(err, ESRCH, "no such unit on this host");
	return tell_id(bus, path, ret, err);
}

int qb_bus_unit_of(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *path;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"GetUnitByPID", &said, &reply, "u", (uint32_t)ask->pid);

	if (r < 0 && (sd_bus_error_has_name(&said, NO_UNIT) || r == -ESRCH))
		return qb_error_set(err, ESRCH, "process %d is in no unit", ask->pid);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r < 0)
		return qb_bus_fail(err, r, &said, "ask for", "a process' unit");
	return tell_id(bus, path, ret, err);
}

int qb_bus_active(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	enum qb_bus_state state;
	int r = qb_bus_wait(bus, ask->name, QB_BUS_LOOK_MS, &state, err);

	ret->yes = r == 0 && state == QB_BUS_RUNNING;
	return r;
}

int qb_bus_start(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"StartUnit", &said, NULL, "ss", ask->name, "replace");

	return r < 0 ? qb_bus_fail(err, r, &said, "start", ask->name)
		     : qb_bus_wait_running(bus, ask->name, err);
}

int qb_bus_stop(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	enum qb_bus_state state;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"StopUnit", &said, NULL, "ss", ask->name, "replace");

	if (r < 0 && !sd_bus_error_has_name(&said, QB_SYSTEMD_GONE))
		return qb_bus_fail(err, r, &said, "stop", ask->name);
	r = qb_bus_wait(bus, ask->name, QB_BUS_JOB_MS, &state, err);
	if (r == 0 && state != QB_BUS_STOPPED)
		return qb_error_set(
			err, EBUSY, "stop %s: another program started it again", ask->name);
	return r;
}

/* Is one of the units that this property lists not stopped? Then it is named. */
static int refuse_dependent(
	sd_bus *bus, const char *name, const char *path, const char *property, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *other;
	int r = sd_bus_get_property(
		bus, QB_SYSTEMD_SERVICE, path, QB_SYSTEMD_UNIT, property, &said, &reply, "as");

	if (sd_bus_error_has_name(&said, SD_BUS_ERROR_UNKNOWN_PROPERTY))
		return 0; /* an older systemd knows no such dependency */
	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(reply, "s", &other)) > 0) {
		enum qb_bus_state state = QB_BUS_STOPPED;
		_cleanup_free_ char *unit = NULL;

		r = qb_bus_find(bus, other, &unit, err);
		if (r == -ENOENT)
			r = 0;
		else if (r < 0)
			return r;
		else
			r = qb_bus_state(bus, unit, &state);
		if (r >= 0 && state != QB_BUS_STOPPED)
			return qb_error_set(err, EOPNOTSUPP,
				"%s would be stopped with it: list that unit as well, before this one",
				other);
	}
	return r < 0 ? qb_bus_fail(err, r, &said, "ask what depends on", name) : 0;
}

int qb_bus_check_stop(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	/* A stop is passed on to the units that these list. */
	static const char *const passed_on[] = {
		"RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf", "PropagatesStopTo"};
	_cleanup_free_ char *path = NULL;
	bool transient = false, can_start = false;
	int r = qb_bus_find(bus, ask->name, &path, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = get_bool(bus, path, "Transient", &transient);
	if (r >= 0)
		r = get_bool(bus, path, "CanStart", &can_start);
	if (r < 0)
		return qb_bus_fail(err, r, NULL, "look at", ask->name);
	if (transient || !can_start)
		return qb_error_set(err, EOPNOTSUPP, "%s, so it could not be started again",
			transient ? "it was made at run time and has no file"
				  : "systemd does not allow starting it by hand");
	for (size_t i = 0; r >= 0 && i < QB_ARRAY_SIZE(passed_on); i++)
		r = refuse_dependent(bus, ask->name, path, passed_on[i], err);
	return r;
}

/* The object of an active unit that can be frozen. */
static int find_freezable(sd_bus *bus, const char *name, char **ret, struct qb_error *err)
{
	enum qb_bus_state state;
	bool can = false;
	int r = qb_bus_wait(bus, name, QB_BUS_LOOK_MS, &state, err);

	if (r == 0)
		r = state == QB_BUS_RUNNING ? qb_bus_find(bus, name, ret, err) : -ENOENT;
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

int qb_bus_frozen(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	for (unsigned waited = 0; waited < QB_BUS_LOOK_MS; waited += QB_BUS_PAUSE_MS) {
		_cleanup_free_ char *path = NULL, *state = NULL;
		int r = find_freezable(bus, ask->name, &path, err);

		if (r < 0)
			return r;
		r = get_text(bus, path, "FreezerState", &state);
		if (r < 0)
			return qb_bus_fail(err, r, NULL, "look at", ask->name);
		ret->yes = strcmp(state, "frozen") == 0;
		if (ret->yes || strcmp(state, "running") == 0)
			return 0;
		qb_bus_pause();
	}
	return qb_error_set(err, ETIMEDOUT, "%s is still freezing or thawing after %d s", ask->name,
		QB_BUS_LOOK_MS / 1000);
}

int qb_bus_freeze(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	/* systemd answers when every process of the unit has arrived. */
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		ask->on ? "FreezeUnit" : "ThawUnit", &said, NULL, "s", ask->name);

	if (r >= 0)
		return 0;
	r = qb_bus_fail(err, r, &said, ask->on ? "freeze" : "thaw", ask->name);
	return sd_bus_error_has_name(&said, INACTIVE) ||
			       sd_bus_error_has_name(&said, QB_SYSTEMD_GONE)
		       ? -ESRCH
		       : r;
}

/* How long from now, by this property and its clock. INT64_MAX: never. */
static int64_t elapses_in(sd_bus *bus, const char *path, const char *property, clockid_t clock)
{
	uint64_t at = 0;

	if (sd_bus_get_property_trivial(
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
static void note_timer(struct qb_told *told, const char *name, int64_t in_us)
{
	const size_t max = QB_ARRAY_SIZE(told->timers), filled = told->n < max ? told->n : max;
	struct qb_systemd_timer *timers = told->timers;
	size_t at = filled;

	told->n++;
	while (at > 0 && timers[at - 1].in_us > in_us)
		at--;
	if (at == max)
		return;
	memmove(&timers[at + 1], &timers[at],
		((filled < max ? filled : max - 1) - at) * sizeof(*timers));
	timers[at].in_us = in_us;
	qb_text_copy(timers[at].name, sizeof(timers[at].name), name);
}

int qb_bus_timers(sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err)
{
	_cleanup_error_ said = SD_BUS_ERROR_NULL;
	_cleanup_message_ reply = NULL;
	const char *name, *sub, *path;
	int r = sd_bus_call_method(bus, QB_SYSTEMD_SERVICE, QB_SYSTEMD_OBJECT, QB_SYSTEMD_MANAGER,
		"ListUnitsByPatterns", &said, &reply, "asas", 1, "active", 1, "*.timer");

	if (r >= 0)
		r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &name, NULL, NULL, NULL,
				  &sub, NULL, &path, NULL, NULL, NULL)) > 0) {
		/* The other timers run their unit at this moment, or will never run it again. */
		int64_t in_us = strcmp(sub, "waiting") == 0 ? due_in(bus, path) : INT64_MAX;

		if (in_us <= ask->within_us)
			note_timer(ret, name, in_us > 0 ? in_us : 0);
	}
	return r < 0 ? qb_bus_fail(err, r, &said, "ask systemd for", "its timers") : 0;
}
