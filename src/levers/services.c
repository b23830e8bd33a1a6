/* SPDX-License-Identifier: GPL-2.0-or-later */
/* services.h: reading, judging, writing and planning. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fnmatch.h>
#include <host/cgroups.h>
#include <host/systemd.h>
#include <host/tasks.h>
#include <levers/services.h>
#include <sys/stat.h>

#define NONE "none"

/* These are never stopped or frozen, not even for root. */
static const struct {
	const char *pattern, *why;
} untouchable[] = {
	{"dbus.*", "without the bus nothing could be put back"},
	{"dbus-broker.*", "without the bus nothing could be put back"},
	{"init.scope", "it is systemd itself"},
	{"quietbench*", "it is quietbench's own"},
	{"ssh.*", "nobody could log in any more"},
	{"ssh@*", "nobody could log in any more"},
	{"sshd.*", "nobody could log in any more"},
	{"sshd@*", "nobody could log in any more"},
	{"systemd-journald*", "every program that writes to the journal would wait for it"},
	{"systemd-logind.*", "logins would wait for it"},
};

/* The units in which we, our parent processes and the caller run. */
#define HOMES_MAX 16
static struct {
	pid_t caller;
	bool known;
	size_t n;
	char unit[HOMES_MAX][QB_SYSTEMD_NAME];
} homes;

void qb_services_spare(pid_t caller)
{
	homes.caller = caller;
	homes.known = false;
	homes.n = 0;
}

static int add_home(const char *unit, struct qb_error *err)
{
	for (size_t i = 0; i < homes.n; i++)
		if (strcmp(homes.unit[i], unit) == 0)
			return 0;
	if (homes.n == HOMES_MAX)
		return qb_error_set(
			err, E2BIG, "quietbench was started through more than %d units", HOMES_MAX);
	qb_text_copy(homes.unit[homes.n++], QB_SYSTEMD_NAME, unit);
	return 0;
}

/* The units of a process and of all its ancestors but process 1. */
static int add_line(pid_t pid, struct qb_error *err)
{
	struct qb_task task;

	for (; pid > 1; pid = task.ppid) {
		char unit[QB_SYSTEMD_NAME];
		int r = qb_systemd_unit_of(pid, unit, sizeof(unit), err);

		if (r == 0)
			r = add_home(unit, err);
		if (r < 0 && r != -ESRCH)
			return r;
		if (qb_task_read(pid, &task, NULL) < 0)
			return 0; /* it has ended: nothing in it can be stopped */
	}
	return 0;
}

static int find_homes(struct qb_error *err)
{
	char path[32], manager[32];
	struct stat st;
	int r;

	if (homes.known)
		return 0;
	r = add_line(getpid(), err);
	if (r == 0)
		r = add_line(homes.caller, err);
	qb_text_format(path, sizeof(path), "/proc/%d", (int)homes.caller);
	if (r == 0 && homes.caller && stat(path, &st) == 0) {
		qb_text_format(manager, sizeof(manager), "user@%u.service", (unsigned)st.st_uid);
		r = add_home(manager, err);
	}
	homes.known = r == 0;
	return r;
}

static int refuse_home(const char *name, struct qb_error *err)
{
	for (size_t i = 0; i < homes.n; i++)
		if (strcmp(homes.unit[i], name) == 0)
			return qb_error_set(err, EPERM,
				"left alone, because this run was started from inside it");
	return 0;
}

int qb_services_judge_name(unsigned lever, const char *name, struct qb_error *err)
{
	/* Slices and targets are many units in one: a user who wants these stopped names each unit. */
	const char *types = lever == QB_LEVER_SERVICES_STOP ? ".service .timer .socket .path"
							    : ".service .scope";
	const char *type = strrchr(name, '.');

	if (!qb_text_is_word(name) || !type || !qb_text_has_word(types, type))
		return qb_error_set(err, EINVAL, "expected a unit of one of the types %s", types);
	for (size_t i = 0; i < QB_ARRAY_SIZE(untouchable); i++)
		if (fnmatch(untouchable[i].pattern, name, 0) == 0)
			return qb_error_set(
				err, EPERM, "left alone, because %s", untouchable[i].why);
	return 0;
}

static int judge(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const unsigned id = (unsigned)(lever - qb_levers);
	char name[QB_SYSTEMD_NAME];
	int r = qb_services_judge_name(id, unit->name, err);

	if (r == 0)
		r = qb_systemd_id(unit->name, name, sizeof(name), err);
	if (r == -ESRCH)
		return 0; /* nothing to refuse; the snapshot says that it is not there */
	if (r == 0)
		r = qb_services_judge_name(id, name, err);
	if (r == 0)
		r = find_homes(err);
	return r < 0 ? r : refuse_home(name, err);
}

static int exists(const struct qb_lever *lever, const struct qb_unit *unit, struct qb_error *err)
{
	char id[QB_SYSTEMD_NAME];

	return qb_systemd_id(unit->name, id, sizeof(id), err);
}

int qb_services_read(const char *unit, char *buf, size_t size, struct qb_error *err)
{
	bool active;
	int r = qb_systemd_settle(unit, err);

	if (r == 0)
		r = qb_systemd_active(unit, &active, err);
	if (r == 0)
		qb_text_copy(buf, size, active ? QB_SERVICE_ACTIVE : QB_SERVICE_INACTIVE);
	return r;
}

int qb_services_write(const char *unit, const char *text, struct qb_error *err)
{
	int r;

	if (strcmp(text, QB_SERVICE_ACTIVE) == 0)
		return qb_systemd_start(unit, err);
	if (strcmp(text, QB_SERVICE_INACTIVE) != 0)
		return qb_error_set(err, EINVAL,
			"expected " QB_SERVICE_ACTIVE " or " QB_SERVICE_INACTIVE ", found '%.64s'",
			text);
	r = qb_systemd_check_stop(unit, err);
	return r < 0 ? r : qb_systemd_stop(unit, err);
}

static int read_stop(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	return qb_services_read(unit->name, buf, size, err);
}

static int write_stop(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return qb_services_write(unit->name, text, err);
}

const struct qb_lever_ops qb_services_stop_ops = {
	.exists = exists,
	.read = read_stop,
	.write = write_stop,
	.judge = judge,
};

static int read_freeze(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	bool frozen;
	int r = qb_systemd_settle(unit->name, err);

	if (r == 0)
		r = qb_systemd_frozen(unit->name, &frozen, err);
	if (r == 0)
		qb_text_copy(buf, size, frozen ? QB_SERVICE_FROZEN : QB_SERVICE_RUNNING);
	return r;
}

static int write_freeze(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return qb_systemd_freeze(unit->name, strcmp(text, QB_SERVICE_FROZEN) == 0, err);
}

const struct qb_lever_ops qb_services_freeze_ops = {
	.exists = exists,
	.read = read_freeze,
	.write = write_freeze,
	.judge = judge,
};

static int read_inhibit(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	bool inhibited;
	int r = qb_logind_inhibited(&inhibited, err);

	if (r == 0)
		qb_text_copy(buf, size, inhibited ? QB_LOGIND_WHAT : NONE);
	return r;
}

static int write_inhibit(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return qb_logind_inhibit(strcmp(text, NONE) != 0, err);
}

const struct qb_lever_ops qb_services_inhibit_ops = {.read = read_inhibit, .write = write_inhibit};

/*
 * ---- planning ----
 *
 * What is wanted of services. Whether a unit is here and active, only systemd knows, and the planner
 * may not ask it: the monitor does.
 */

/* A name without one of systemd's types is a service's, as for systemctl. */
static bool full_name(const char *word, char *buf, size_t size)
{
	static const char types[] =
		".service .socket .device .mount .automount .swap .target .path "
		".timer .slice .scope";
	const char *type = strrchr(word, '.');

	return qb_text_format(
		buf, size, "%s%s", word, type && qb_text_has_word(types, type) ? "" : ".service");
}

static int plan_unit(
	enum qb_lever_id lever, const char *word, const char *wanted, struct qb_steps *steps)
{
	struct qb_unit unit = qb_unit_none();
	struct qb_error why = {0};

	if (!full_name(word, unit.name, sizeof(unit.name)))
		return qb_steps_refuse(steps, lever, QB_STATUS_UNSUPPORTED,
			"%s: the name is longer than %d characters", word, QB_NAME_MAX - 1);
	if (qb_services_judge_name(lever, unit.name, &why) < 0)
		return qb_steps_refuse(
			steps, lever, QB_STATUS_REFUSED, "%s: %s", unit.name, why.text);
	if (qb_steps_find(steps, lever, unit))
		return 0; /* said twice */
	return qb_steps_add(steps, lever, unit, NULL, wanted) ? 0 : -ENOMEM;
}

static int plan_units(const struct qb_wish *wish, enum qb_lever_id lever, const char *wanted,
	struct qb_steps *steps)
{
	const struct qb_setting *setting = &wish->profile->set[qb_levers[lever].key];
	int r = 0;

	for (const char *word = NULL; r == 0 && (word = qb_setting_next(setting, word));)
		r = plan_unit(lever, word, wanted, steps);
	return r;
}

/* systemd's own condition. Whether it can freeze this unit, it tells the monitor. */
static int can_freeze(struct qb_error *err)
{
	struct qb_cgroups cgroups;
	char path[QB_GROUP_MAX + 64];

	if (qb_cgroups_load(&cgroups, err) < 0)
		return -ENOTSUP;
	if (qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, "/init.scope", "cgroup.freeze", path,
		    sizeof(path), NULL) < 0 ||
		!qb_file_exists(path))
		return qb_error_set(err, ENOTSUP,
			"systemd freezes units with cgroup v2 alone (boot with "
			"systemd.unified_cgroup_hierarchy=1)");
	return 0;
}

/* Can it be had here, as far as an unprivileged look can tell? */
static int offers(enum qb_lever_id lever, struct qb_error *err)
{
	int r;

	if (!qb_systemd_booted())
		return qb_error_set(err, ENOTSUP,
			"systemd does not run here: quietbench handles services through it alone");
	if (lever == QB_LEVER_INHIBIT)
		return qb_logind_available(err);
	r = qb_systemd_available(err);
	return r == 0 && lever == QB_LEVER_SERVICES_FREEZE ? can_freeze(err) : r;
}

int qb_services_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	static const struct {
		enum qb_lever_id lever;
		const char *wanted;
	} levers[] = {
		{QB_LEVER_SERVICES_STOP, QB_SERVICE_INACTIVE},
		{QB_LEVER_SERVICES_FREEZE, QB_SERVICE_FROZEN},
		{QB_LEVER_INHIBIT, QB_LOGIND_WHAT},
	};
	int r = 0;

	for (size_t i = 0; i < QB_ARRAY_SIZE(levers) && r == 0; i++) {
		const enum qb_lever_id lever = levers[i].lever;
		const struct qb_setting *setting = &wish->profile->set[qb_levers[lever].key];
		struct qb_error why = {0};

		if (!setting->n && !setting->number)
			continue; /* no unit, or false */
		if (offers(lever, &why) < 0)
			r = qb_steps_refuse(steps, lever, QB_STATUS_UNSUPPORTED, "%s", why.text);
		else if (lever == QB_LEVER_INHIBIT)
			r = qb_steps_add(steps, lever, qb_unit_none(), NULL, levers[i].wanted)
				    ? 0
				    : -ENOMEM;
		else
			r = plan_units(wish, lever, levers[i].wanted, steps);
	}
	return r < 0 ? qb_error_errno(err, -r, "plan services") : 0;
}
