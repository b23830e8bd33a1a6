/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: what is wanted of services. Whether a unit is here and active, only systemd knows, and
 * the planner may not ask it: the monitor does.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/systemd.h>
#include <levers/services.h>

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
