/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation.h: the shield of cgroup v1, two cpusets below the root: the benchmark's and
 * everybody's. The unit's name says which; no other name is one of ours.
 *
 * As in v2's groups, an absent cpuset reads as a fresh one and is satisfied by being told so.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>

/* The group of a unit, or NULL for a name that is not ours. */
static const char *group_of(const struct qb_unit *unit)
{
	if (strcmp(unit->name, QB_UNIT_RUN) == 0)
		return QB_GROUP_RUN;
	return strcmp(unit->name, QB_UNIT_HOUSEKEEPING) == 0 ? QB_GROUP_HOUSEKEEPING : NULL;
}

static int judge_name(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	if (!group_of(unit))
		return qb_error_set(err, EPERM, "'%s' is not a cpuset of quietbench", unit->name);
	return 0;
}

/* The cpuset of a unit and where it is. */
static int find(const struct qb_unit *unit, struct qb_cgroups *cgroups, const char **ret_group,
	struct qb_error *err)
{
	int r = judge_name(NULL, unit, NULL, err);

	if (r == 0)
		r = qb_cgroups_load(cgroups, err);
	if (r == 0)
		*ret_group = group_of(unit);
	return r;
}

static int path_of(
	const struct qb_unit *unit, const char *file, char *buf, size_t size, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	const char *group = NULL;
	int r = find(unit, &cgroups, &group, err);

	return r < 0 ? r
		     : qb_cgroups_path(&cgroups, QB_HIERARCHY_CPUSET, group, file, buf, size, err);
}

static int read_shield(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(unit, NULL, path, sizeof(path), err);

	if (r == 0)
		r = qb_file_find(path, err);
	if (r < 0)
		return r;
	qb_text_copy(buf, size, r ? "present" : "absent");
	return 0;
}

static int write_shield(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cgroups cgroups;
	const char *group = NULL;
	int r = find(unit, &cgroups, &group, err);

	if (r < 0)
		return r;
	if (strcmp(text, "present") == 0)
		return qb_cgroups_create(&cgroups, QB_HIERARCHY_CPUSET, group, err);
	return qb_cgroups_remove(&cgroups, QB_HIERARCHY_CPUSET, group, err);
}

const struct qb_lever_ops qb_isolation_shield_ops = {
	.read = read_shield,
	.write = write_shield,
	.judge = judge_name,
};

/* What a cpuset that was just made has in this file. */
static const char *fresh_of(const struct qb_lever *lever)
{
	return strcmp(lever->part, "cpuset.cpu_exclusive") == 0 ? "0" : "";
}

static int read_file(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(unit, lever->part, path, sizeof(path), err);

	if (r < 0)
		return r;
	return qb_file_read_or(path, fresh_of(lever), buf, size, err);
}

static int write_file(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(unit, lever->part, path, sizeof(path), err);

	if (r < 0 || (strcmp(text, fresh_of(lever)) == 0 && !qb_file_exists(path)))
		return r;
	return qb_file_write(path, text, err);
}

const struct qb_lever_ops qb_isolation_shield_file_ops = {
	.read = read_file,
	.write = write_file,
	.judge = judge_name,
	.same = qb_isolation_same_list,
};

static int load_balance_path(char *buf, size_t size, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	return r < 0 ? r
		     : qb_cgroups_path(&cgroups, QB_HIERARCHY_CPUSET, "/",
			       "cpuset.sched_load_balance", buf, size, err);
}

static int read_load_balance(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = load_balance_path(path, sizeof(path), err);

	if (r == 0)
		r = (int)qb_file_read(path, buf, size, err);
	return r < 0 ? r : 0;
}

static int write_load_balance(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = load_balance_path(path, sizeof(path), err);

	return r < 0 ? r : qb_file_write(path, text, err);
}

const struct qb_lever_ops qb_isolation_load_balance_ops = {
	.read = read_load_balance,
	.write = write_load_balance,
};
