/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation.h: the run's groups. In cgroup v2 one, its CPUs and its partition; in v1 the shield, two
 * cpusets below the root: the benchmark's and everybody's. The unit's name says which of these; no
 * other name is one of ours.
 *
 * A group that is absent reads as a fresh one would, and is satisfied by being told so: before the
 * session it is not there yet, and after its removal nothing in it needs to be put back.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/systemd.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>

#define ALL_CPUS "all"

/* Where the value of a lever stands, and what a group that was just made has there. */
static const struct place {
	enum qb_hierarchy hierarchy;
	const char *file;  /* NULL: it is the group itself */
	const char *fresh; /* NULL: it is there before us */
} places[QB_LEVER_COUNT] = {
	[QB_LEVER_CONTROLLER] = {QB_HIERARCHY_V2, "cgroup.subtree_control", NULL},
	[QB_LEVER_GROUP] = {QB_HIERARCHY_V2, NULL, NULL},
	[QB_LEVER_GROUP_CPUS] = {QB_HIERARCHY_V2, "cpuset.cpus", ""},
	[QB_LEVER_PARTITION] = {QB_HIERARCHY_V2, "cpuset.cpus.partition", "member"},
	[QB_LEVER_SHIELD] = {QB_HIERARCHY_CPUSET, NULL, NULL},
	[QB_LEVER_SHIELD_CPUS] = {QB_HIERARCHY_CPUSET, "cpuset.cpus", ""},
	[QB_LEVER_SHIELD_MEMS] = {QB_HIERARCHY_CPUSET, "cpuset.mems", ""},
	[QB_LEVER_SHIELD_EXCLUSIVE] = {QB_HIERARCHY_CPUSET, "cpuset.cpu_exclusive", "0"},
	[QB_LEVER_LOAD_BALANCE] = {QB_HIERARCHY_CPUSET, "cpuset.sched_load_balance", NULL},
};

const char *qb_isolation_cpus_group(void)
{
	return qb_systemd_booted() ? QB_GROUP_SLICE : QB_GROUP_RUN;
}

/* The group of a lever's unit, or NULL for a name that is not ours. */
static const char *group_of(const struct qb_lever *lever, const struct qb_unit *unit)
{
	const enum qb_lever_id id = (enum qb_lever_id)(lever - qb_levers);

	if (id == QB_LEVER_CONTROLLER || id == QB_LEVER_LOAD_BALANCE)
		return "/";
	if (id == QB_LEVER_GROUP)
		return QB_GROUP_RUN;
	if (places[id].hierarchy == QB_HIERARCHY_V2)
		return qb_isolation_cpus_group();
	if (strcmp(unit->name, QB_UNIT_RUN) == 0)
		return QB_GROUP_RUN;
	return strcmp(unit->name, QB_UNIT_HOUSEKEEPING) == 0 ? QB_GROUP_HOUSEKEEPING : NULL;
}

static int judge_name(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	if (!group_of(lever, unit))
		return qb_error_set(err, EPERM, "'%s' is not a cpuset of quietbench", unit->name);
	return 0;
}

static int path_of(const struct qb_lever *lever, const struct qb_unit *unit, char *buf, size_t size,
	struct qb_error *err)
{
	const struct place *place = &places[lever - qb_levers];
	struct qb_cgroups cgroups;
	int r = judge_name(lever, unit, NULL, err);

	if (r < 0)
		return r;
	r = qb_cgroups_load(&cgroups, err);
	return r < 0 ? r
		     : qb_cgroups_path(&cgroups, place->hierarchy, group_of(lever, unit),
			       place->file, buf, size, err);
}

static int read_file(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	const char *fresh = places[lever - qb_levers].fresh;
	char path[QB_GROUP_PATH];
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r == 0)
		r = fresh ? qb_file_read_or(path, fresh, buf, size, err)
			  : (int)qb_file_read(path, buf, size, err);
	return r < 0 ? r : 0;
}

static int write_file(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const char *fresh = places[lever - qb_levers].fresh;
	char path[QB_GROUP_PATH];
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r < 0 || (fresh && strcmp(text, fresh) == 0 && !qb_file_exists(path)))
		return r;
	return qb_file_write(path, text, err);
}

const struct qb_lever_ops qb_isolation_load_balance_ops = {.read = read_file, .write = write_file};

const struct qb_lever_ops qb_isolation_shield_file_ops = {
	.read = read_file,
	.write = write_file,
	.judge = judge_name,
	.same = qb_isolation_same_list,
};

static int read_group(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r == 0)
		r = qb_file_find(path, err);
	if (r < 0)
		return r;
	qb_text_copy(buf, size, r ? "present" : "absent");
	return 0;
}

static int write_group(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const enum qb_hierarchy hierarchy = places[lever - qb_levers].hierarchy;
	struct qb_cgroups cgroups;
	int r = judge_name(lever, unit, NULL, err);

	if (r == 0)
		r = qb_cgroups_load(&cgroups, err);
	if (r < 0)
		return r;
	return strcmp(text, "present") == 0
		       ? qb_cgroups_create(&cgroups, hierarchy, group_of(lever, unit), err)
		       : qb_cgroups_remove(&cgroups, hierarchy, group_of(lever, unit), err);
}

const struct qb_lever_ops qb_isolation_group_ops = {
	.read = read_group,
	.write = write_group,
	.judge = judge_name,
};

bool qb_isolation_same_list(const char *a, const char *b)
{
	struct qb_cpus x, y;

	return strcmp(a, b) == 0 ||
	       (qb_cpus_parse_list(a, &x) == 0 && qb_cpus_parse_list(b, &y) == 0 &&
		       qb_cpus_equal(&x, &y));
}

int qb_isolation_check_free(
	const struct qb_cgroups *cgroups, const struct qb_cpus *cpus, struct qb_error *err)
{
	char path[QB_GROUP_PATH], list[QB_CPUS_TEXT];
	struct qb_cpus ours;
	int r = qb_cgroups_path(
		cgroups, QB_HIERARCHY_V2, "/", "cpuset.cpus.effective", path, sizeof(path), err);

	if (r < 0)
		return r;
	r = qb_file_read_or(path, "", list, sizeof(list), err);
	if (r < 0)
		return r;
	if (!*list)
		return 0; /* no such file at the root: only the partition itself will tell */
	if (qb_cpus_parse_list(list, &ours) < 0 || !qb_cpus_subset(cpus, &ours))
		return qb_error_set(err, EBUSY,
			"another partition has some of these CPUs (%s: %.64s)", path, list);
	return 0;
}

/* The benchmark's CPUs: online, not all that are, and in no other partition. */
static int judge_cpus(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cpus cpus, online;
	struct qb_cgroups cgroups;
	int r = qb_host_online(&online, err);

	if (r == 0)
		r = qb_cgroups_load(&cgroups, err);
	if (r < 0)
		return r;
	if (qb_cpus_parse_list(text, &cpus) < 0 || qb_cpus_empty(&cpus) ||
		!qb_cpus_subset(&cpus, &online) || qb_cpus_equal(&cpus, &online))
		return qb_error_set(err, EINVAL,
			"expected some, not all, of the online CPUs as a list; found '%.64s'",
			text);
	return qb_isolation_check_free(&cgroups, &cpus, err);
}

/* cgroup.subtree_control of the root, as far as it concerns us. Only where systemd is not. */

static int read_controller(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH], controllers[512];
	ssize_t n;
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r < 0)
		return r;
	n = qb_file_read(path, controllers, sizeof(controllers), err);
	if (n < 0)
		return (int)n;
	qb_text_copy(buf, size, qb_text_has_word(controllers, "cpuset") ? "on" : "off");
	return 0;
}

/* Has anybody else set CPUs by now? Turning the controller off would lose them silently. */
static int refuse_users(const char *root, struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(root);
	const struct dirent *entry;
	int r;

	if (!dir)
		return qb_error_errno(err, errno, "list %s", root);
	while ((r = qb_dir_next(dir, root, &entry, err)) > 0) {
		char path[QB_GROUP_PATH], cpus[QB_CPUS_TEXT];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
			!qb_text_format(
				path, sizeof(path), "%s/%s/cpuset.cpus", root, entry->d_name))
			continue;
		if (qb_file_read_or(path, "", cpus, sizeof(cpus), NULL) < 0)
			qb_text_copy(cpus, sizeof(cpus), "unknown");
		if (*cpus)
			return qb_error_set(err, EBUSY,
				"turn off the cpuset controller of %s: %s/%s uses it now (cpus "
				"%.64s)",
				root, root, entry->d_name, cpus);
	}
	return r;
}

static int write_controller(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	struct qb_cgroups cgroups;
	bool on = strcmp(text, "on") == 0;
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r == 0)
		r = qb_cgroups_load(&cgroups, err);
	if (r == 0 && !on)
		r = refuse_users(cgroups.mount[QB_HIERARCHY_V2], err);
	return r < 0 ? r : qb_file_write(path, on ? "+cpuset" : "-cpuset", err);
}

/* Only without users can it be turned off again. */
static bool lacks_controller(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	struct qb_cgroups cgroups;

	return strcmp(text, "off") == 0 && qb_cgroups_load(&cgroups, NULL) == 0 &&
	       refuse_users(cgroups.mount[QB_HIERARCHY_V2], err) == -EBUSY;
}

const struct qb_lever_ops qb_isolation_controller_ops = {
	.read = read_controller,
	.write = write_controller,
	.lacks = lacks_controller,
};

const struct qb_lever_ops qb_isolation_group_cpus_ops = {
	.read = read_file,
	.write = write_file,
	.judge = judge_cpus,
	.same = qb_isolation_same_list,
};

/*
 * A kernel without `isolated` partitions (before 6.1) moves its own per-CPU workers out of a `root` one,
 * and never back: what they do then is done on the wrong CPU, and writing kernel.watchdog later waits for
 * ever. Writing `isolated`, which such a kernel refuses, tells before anything is made.
 */
static int make_isolated(const char *path, struct qb_error *err)
{
	int r = qb_file_write(path, "isolated", err);

	return r == -EINVAL
		       ? qb_error_set(err, ENOTSUP,
				 "no partition: this kernel would move its own per-CPU workers for good (Linux 6.1 and later do not)")
		       : r;
}

/* The kernel takes the write even when it cannot make the partition: only what is read back tells. */
static int write_partition(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH], now[256];
	int r = path_of(lever, unit, path, sizeof(path), err);

	if (r < 0)
		return r;
	if (strcmp(text, "member") == 0)
		return qb_file_exists(path) ? qb_file_write(path, text, err) : 0;
	r = make_isolated(path, err);
	if (r == 0 && strcmp(text, "isolated") != 0)
		r = qb_file_write(path, text, err);
	if (r == 0)
		r = (int)qb_file_read(path, now, sizeof(now), err);
	if (r < 0)
		return r;
	return strstr(now, "invalid")
		       ? qb_error_set(err, EINVAL, "the kernel made no partition: %s", now)
		       : 0;
}

/* "isolated invalid (Cpu list in cpuset.cpus not exclusive)" is still our `isolated`. */
static bool ours_partition(
	const struct qb_steps *steps, const struct qb_step *step, const char *now)
{
	const size_t n = strcspn(step->left, " ");

	return n == strcspn(now, " ") && strncmp(step->left, now, n) == 0;
}

const struct qb_lever_ops qb_isolation_partition_ops = {
	.read = read_file,
	.write = write_partition,
	.ours = ours_partition,
};

/*
 * The slice's value is its CPUs, "all" without any of its own. What a dead session asked of
 * systemd may still be under way: only when that is done does the tree tell the truth.
 */
static int read_slice(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	struct qb_cgroups cgroups;
	int r = qb_systemd_settle(QB_SLICE_NAME, err);

	if (r == 0)
		r = qb_cgroups_load(&cgroups, err);
	if (r == 0)
		r = qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, QB_GROUP_SLICE, "cpuset.cpus", path,
			sizeof(path), err);
	if (r == 0)
		r = qb_file_read_or(path, "", buf, size, err);
	if (r < 0 || *buf)
		return r;
	qb_text_copy(buf, size,
		qb_cgroups_exists(&cgroups, QB_HIERARCHY_V2, QB_GROUP_SLICE) ? ALL_CPUS : "absent");
	return 0;
}

static int write_slice(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cpus cpus;

	if (strcmp(text, "absent") == 0)
		return qb_systemd_stop(QB_SLICE_NAME, err);
	if (strcmp(text, ALL_CPUS) == 0)
		return qb_systemd_start_slice(QB_SLICE_NAME, NULL, err);
	if (qb_cpus_parse_list(text, &cpus) < 0)
		return qb_error_set(err, EINVAL, "'%.64s' is not a list of CPUs", text);
	return qb_systemd_start_slice(QB_SLICE_NAME, &cpus, err);
}

static int judge_slice(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return strcmp(text, ALL_CPUS) == 0 ? 0 : judge_cpus(lever, unit, text, err);
}

const struct qb_lever_ops qb_isolation_slice_ops = {
	.read = read_slice,
	.write = write_slice,
	.judge = judge_slice,
	.same = qb_isolation_same_list,
};
