/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caller.h */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/cgroups.h>
#include <host/cgroups_text.h>
#include <host/tasks.h>
#include <host/topology_internal.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* v2: a group without the controller has no such file; its nearest ancestor's mask holds. */
static int effective(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, char *group,
	const char *file, struct qb_cpus *ret, struct qb_error *err)
{
	for (;;) {
		char path[QB_GROUP_PATH], text[QB_CPUS_TEXT], *slash;
		int r = qb_cgroups_path(cgroups, hierarchy, group, file, path, sizeof(path), err);

		if (r < 0)
			return r;
		if (qb_file_exists(path)) {
			if (qb_file_read(path, text, sizeof(text), err) < 0)
				return -err->code;
			return qb_cpus_parse_list(text, ret) < 0
				       ? qb_error_set(
						 err, EBADMSG, "%s is not a list of CPUs", path)
				       : 0;
		}
		slash = strrchr(group, '/');
		if (!slash || strcmp(group, "/") == 0) {
			qb_cpus_zero(ret);
			return 0;
		}
		slash[slash == group] = '\0'; /* "/a/b" → "/a" → "/" */
	}
}

/* Which hierarchy grants CPUs, and the group of this process there. 0: none does. */
static int find_group(pid_t pid, struct qb_cgroups *cgroups, enum qb_hierarchy *ret_hierarchy,
	char group[QB_GROUP_MAX], struct qb_error *err)
{
	int r = qb_cgroups_load(cgroups, err);

	if (r < 0)
		return r;
	*ret_hierarchy = cgroups->cpuset2 ? QB_HIERARCHY_V2 : QB_HIERARCHY_CPUSET;
	if (!cgroups->mount[*ret_hierarchy][0])
		return 0;
	r = qb_cgroups_of(pid, *ret_hierarchy, group, QB_GROUP_MAX, err);
	return r < 0 ? r : 1;
}

int qb_caller_cpus(pid_t pid, struct qb_cpus *ret, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	char group[QB_GROUP_MAX];
	enum qb_hierarchy hierarchy;
	int r = find_group(pid, &cgroups, &hierarchy, group, err);

	if (r == 0)
		qb_cpus_zero(ret);
	if (r <= 0)
		return r;
	return effective(&cgroups, hierarchy, group,
		cgroups.cpuset2 ? "cpuset.cpus.effective" : "cpuset.effective_cpus", ret, err);
}

int qb_caller_cpus_set(pid_t pid, const char *ours, struct qb_cpus *ret, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	char group[QB_GROUP_MAX], *slash;
	enum qb_hierarchy hierarchy;
	struct qb_cpus all = {0};
	int r = find_group(pid, &cgroups, &hierarchy, group, err);

	if (r < 0)
		return r;
	while (r > 0 && (slash = strrchr(group, '/')) && group[1]) {
		char path[QB_GROUP_PATH], text[QB_CPUS_TEXT];
		struct qb_cpus set;

		if (qb_cgroups_path(&cgroups, hierarchy, group, "cpuset.cpus", path, sizeof(path),
			    err) < 0 ||
			qb_file_read_or(path, "", text, sizeof(text), err) < 0)
			return -err->code;
		if (qb_cpus_parse_list(text, &set) < 0)
			return qb_error_set(err, EBADMSG, "%s is not a list of CPUs", path);
		if (strcmp(group, ours) != 0 && !qb_cpus_empty(&set)) {
			if (!qb_cpus_empty(&all))
				qb_cpus_and(&set, &all);
			all = set;
		}
		slash[slash == group] = '\0';
	}
	*ret = all;
	return 0;
}

/* ---- captured hosts: plain files, whatever statfs says of them ---- */

/* A cpuset's files, of v2 and of v1 with and without its prefix; the first there is holds. */
static const char *const cpuset_cpus[] = {
	"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus", "cpus"};
static const char *const cpuset_mems[] = {
	"cpuset.mems.effective", "cpuset.effective_mems", "cpuset.mems", "mems"};

static bool read_list(const char *path, struct qb_cpus *ret)
{
	char text[QB_CPUS_TEXT];

	return qb_file_read(path, text, sizeof(text), NULL) >= 0 &&
	       qb_cpus_parse_list(text, ret) == 0 && !qb_cpus_empty(ret);
}

/* What the group, or the nearest above it that has such a file, is granted. */
static bool read_granted(
	const char *mount, const char *group, const char *const files[4], struct qb_cpus *ret)
{
	char path[QB_GROUP_PATH], at[QB_GROUP_MAX], *slash;

	qb_text_copy(at, sizeof(at), group);
	while (true) {
		for (size_t i = 0; i < 4; i++)
			if (qb_text_format(path, sizeof(path), "%s%s/%s", mount, at, files[i]) &&
				read_list(path, ret))
				return true;
		slash = strrchr(at, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
}

/* The group in the hierarchy that has the cpusets. False: the capture does not tell. */
static bool find_captured_group(char group[QB_GROUP_MAX])
{
	_cleanup_free_ char *text = NULL, *again = NULL;
	const char *found = NULL;

	if (qb_file_read("/proc/self/cpuset", group, QB_GROUP_MAX, NULL) >= 0)
		return true;
	if (qb_file_read_all("/proc/self/cgroup", &text, NULL) < 0)
		return false;
	again = strdup(text);
	found = qb_group_find(text, "cpuset");
	if (!found && again)
		found = qb_group_find(again, NULL);
	return found && qb_text_copy(group, QB_GROUP_MAX, found);
}

static void near_nodes(const struct qb_cpus *nodes, struct qb_cpus *ret)
{
	qb_cpus_foreach (node, nodes) {
		char path[96];
		struct qb_cpus cpus;

		qb_text_format(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
		if (read_list(path, &cpus))
			qb_cpus_or(ret, &cpus);
	}
}

void qb_captured_cpus(struct qb_cpus *ret_cpus, struct qb_cpus *ret_near)
{
	_cleanup_free_ char *mounts = NULL;
	char group[QB_GROUP_MAX], *save = NULL, *line;
	struct qb_cpus nodes;

	qb_cpus_zero(ret_cpus);
	qb_cpus_zero(ret_near);
	if (!find_captured_group(group) ||
		(qb_file_read_all("/proc/mounts", &mounts, NULL) < 0 &&
			qb_file_read_all("/proc/self/mounts", &mounts, NULL) < 0))
		return;
	for (line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char point[QB_GROUP_MAX], type[32], options[512];

		if (sscanf(line, "%*s %255s %31s %511s", point, type, options) != 3)
			continue;
		if (strcmp(type, "cgroup2") != 0 && strcmp(type, "cpuset") != 0 &&
			(strcmp(type, "cgroup") != 0 || !qb_option_listed(options, "cpuset")))
			continue;
		if (!read_granted(point, group, cpuset_cpus, ret_cpus))
			continue;
		if (read_granted(point, group, cpuset_mems, &nodes))
			near_nodes(&nodes, ret_near);
		return;
	}
}

int qb_host_online(struct qb_cpus *ret, struct qb_error *err)
{
	static const char path[] = "/sys/devices/system/cpu/online";
	char text[QB_CPUS_TEXT];
	int r = qb_file_read(path, text, sizeof(text), err);

	if (r < 0)
		return r;
	return qb_cpus_parse_list(text, ret) < 0
		       ? qb_error_set(err, EBADMSG, "%s is not a list of CPUs", path)
		       : 0;
}

/* The CPUs that were not set apart at boot (isolcpus=). */
static int read_isolated(struct qb_cpus *ret, struct qb_error *err)
{
	static const char path[] = "/sys/devices/system/cpu/isolated";
	char text[QB_CPUS_TEXT];

	qb_cpus_zero(ret);
	if (!qb_file_exists(path))
		qb_topology_boot_isolated(ret);
	else if (qb_file_read(path, text, sizeof(text), err) < 0)
		return -err->code;
	else if (qb_cpus_parse_list(text, ret) < 0)
		return qb_error_set(err, EBADMSG, "%s is not a list of CPUs", path);
	return 0;
}

int qb_caller_affinity(struct qb_cpus *ret, struct qb_error *err)
{
	struct qb_cpus mask = {0}, usual, granted, isolated;
	int r;

	if (syscall(SYS_sched_getaffinity, 0, sizeof(mask), &mask) < 0)
		return qb_error_errno(err, errno, "read the affinity of this process");
	r = qb_host_online(&usual, err);
	if (r == 0)
		r = qb_caller_cpus(getpid(), &granted, err);
	if (r == 0)
		r = read_isolated(&isolated, err);
	if (r < 0)
		return r;
	if (!qb_cpus_empty(&granted))
		qb_cpus_and(&usual, &granted);
	qb_cpus_andnot(&usual, &isolated);
	if (qb_cpus_subset(&usual, &mask))
		qb_cpus_zero(&mask);
	*ret = mask;
	return 0;
}

/* Is it the root of a hierarchy of control groups, as the kernel says, too? */
static bool is_hierarchy(const struct qb_mount *mount)
{
	struct statfs fs;

	return strcmp(mount->root, "/") == 0 && strncmp(mount->type, "cgroup", 6) == 0 &&
	       statfs(mount->point, &fs) == 0 &&
	       ((unsigned long)fs.f_type == CGROUP_SUPER_MAGIC ||
		       (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC);
}

/*
 * All hierarchies: v1's freezer would stop the helper, its cpu controller starve it. Those that we
 * condition must let us go; another one may be read-only here.
 */
static int leave_groups(struct qb_error *err)
{
	_cleanup_free_ char *mounts = NULL;
	char *save = NULL, path[QB_GROUP_PATH];
	struct qb_mount mount;
	ssize_t n = qb_file_read_all("/proc/self/mountinfo", &mounts, err);

	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct qb_error why = {0};

		if (qb_mount_parse(line, &mount) < 0 || !is_hierarchy(&mount) ||
			!qb_text_format(path, sizeof(path), "%s/cgroup.procs", mount.point) ||
			qb_file_write(path, "0", &why) == 0)
			continue;
		if (why.code != EROFS || strcmp(mount.type, "cgroup2") == 0 ||
			qb_option_listed(mount.super, "cpuset"))
			return qb_error_set(err, why.code, "%s", why.text);
	}
	return 0;
}

int qb_caller_leave(struct qb_error *err)
{
	struct qb_cpus cpus, isolated;
	int r = leave_groups(err);

	if (r == 0)
		r = read_isolated(&isolated, err);
	if (r < 0)
		return qb_error_wrap(err, "leave the caller's control groups");
	memset(&cpus, 0xff, sizeof(cpus));
	qb_cpus_andnot(&cpus, &isolated);
	return qb_task_set_affinity(0, &cpus, err);
}
