/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation.h: the benchmark's cgroup v2 group, its CPUs and its partition.
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

const char *qb_isolation_cpus_group(void)
{
	return qb_systemd_booted() ? QB_GROUP_SLICE : QB_GROUP_RUN;
}

/* The path of a file of a v2 group. */
static int path_of(
	const char *group, const char *file, char *buf, size_t size, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	return r < 0 ? r : qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, group, file, buf, size, err);
}

static int read_fresh(
	const char *file, const char *fresh, char *buf, size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(qb_isolation_cpus_group(), file, path, sizeof(path), err);

	if (r < 0)
		return r;
	return qb_file_read_or(path, fresh, buf, size, err);
}

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
	int r = path_of("/", "cgroup.subtree_control", path, sizeof(path), err);

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

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
			qb_text_format(
				path, sizeof(path), "%s/%s/cpuset.cpus", root, entry->d_name) &&
			qb_file_read(path, cpus, sizeof(cpus), NULL) > 0)
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
	char root[QB_GROUP_PATH], path[QB_GROUP_PATH];
	bool on = strcmp(text, "on") == 0;
	int r = path_of("/", NULL, root, sizeof(root), err);

	if (r == 0)
		r = path_of("/", "cgroup.subtree_control", path, sizeof(path), err);
	if (r == 0 && !on)
		r = refuse_users(root, err);
	return r < 0 ? r : qb_file_write(path, on ? "+cpuset" : "-cpuset", err);
}

const struct qb_lever_ops qb_isolation_controller_ops = {
	.read = read_controller,
	.write = write_controller,
};

static int read_group(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(QB_GROUP_RUN, NULL, path, sizeof(path), err);

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
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	if (strcmp(text, "present") == 0)
		return qb_cgroups_create(&cgroups, QB_HIERARCHY_V2, QB_GROUP_RUN, err);
	return qb_cgroups_remove(&cgroups, QB_HIERARCHY_V2, QB_GROUP_RUN, err);
}

const struct qb_lever_ops qb_isolation_group_ops = {.read = read_group, .write = write_group};

static int read_cpus(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	return read_fresh("cpuset.cpus", "", buf, size, err);
}

static int write_cpus(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(qb_isolation_cpus_group(), "cpuset.cpus", path, sizeof(path), err);

	if (r < 0 || (!*text && !qb_file_exists(path)))
		return r;
	return qb_file_write(path, text, err);
}

const struct qb_lever_ops qb_isolation_group_cpus_ops = {
	.read = read_cpus,
	.write = write_cpus,
	.judge = judge_cpus,
	.same = qb_isolation_same_list,
};

static int read_partition(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	return read_fresh("cpuset.cpus.partition", "member", buf, size, err);
}

/*
 * The kernel takes the write even when it cannot make the partition: only what is read back tells.
 * Linux before 6.1 knows no `isolated` (EINVAL): `root` keeps other tasks off as well.
 */
static int write_partition(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH], now[256];
	bool unknown;
	int r = path_of(
		qb_isolation_cpus_group(), "cpuset.cpus.partition", path, sizeof(path), err);

	if (r < 0 || (strcmp(text, "member") == 0 && !qb_file_exists(path)))
		return r;
	r = qb_file_write(path, text, err);
	unknown = r == -EINVAL && strcmp(text, "isolated") == 0;
	if (unknown)
		r = qb_file_write(path, "root", err);
	if (r == 0)
		r = (int)qb_file_read(path, now, sizeof(now), err);
	if (r < 0)
		return r;
	if (strstr(now, "invalid"))
		return qb_error_set(err, EINVAL, "the kernel made no partition: %s", now);
	if (!unknown)
		return 0;
	qb_error_set(err, EINVAL,
		"a root partition: this kernel has no isolated partitions (Linux 6.1 and later have them); other tasks are kept off all the same, only load balancing stays on");
	return 1;
}

/* "isolated invalid (Parent is not a partition root)" is still our `isolated`. */
static bool same_partition(const char *a, const char *b)
{
	size_t n = strcspn(a, " ");

	return n == strcspn(b, " ") && strncmp(a, b, n) == 0;
}

const struct qb_lever_ops qb_isolation_partition_ops = {
	.read = read_partition,
	.write = write_partition,
	.same = same_partition,
};

/*
 * The slice's value is its CPUs, "all" without any of its own. What a dead session asked of
 * systemd may still be under way: only when that is done does the tree tell the truth.
 */
static int read_slice(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_systemd_settle(QB_SLICE_NAME, err);

	if (r == 0)
		r = path_of(QB_GROUP_SLICE, NULL, path, sizeof(path), err);
	if (r == 0)
		r = qb_file_find(path, err);
	if (r < 0)
		return r;
	if (r == 0) {
		qb_text_copy(buf, size, "absent");
		return 0;
	}
	r = path_of(QB_GROUP_SLICE, "cpuset.cpus", path, sizeof(path), err);
	if (r < 0)
		return r;
	r = qb_file_read_or(path, "", buf, size, err);
	if (r == 0 && !*buf)
		qb_text_copy(buf, size, ALL_CPUS);
	return r;
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
