/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caller.h */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/caller.h>
#include <host/cgroups.h>

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
				       ? qb_error_set(err, EBADMSG, "%s is no CPU list", path)
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
			return qb_error_set(err, EBADMSG, "%s is no CPU list", path);
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

int qb_host_online(struct qb_cpus *ret, struct qb_error *err)
{
	static const char path[] = "/sys/devices/system/cpu/online";
	char text[QB_CPUS_TEXT];
	int r = qb_file_read(path, text, sizeof(text), err);

	if (r < 0)
		return r;
	return qb_cpus_parse_list(text, ret) < 0
		       ? qb_error_set(err, EBADMSG, "%s is no CPU list", path)
		       : 0;
}

int qb_caller_leave(struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	for (int h = 0; r == 0 && h < QB_HIERARCHY_COUNT; h++)
		if (cgroups.mount[h][0])
			r = qb_cgroups_move(&cgroups, (enum qb_hierarchy)h, "/", getpid(), err);
	return r < 0 ? qb_error_wrap(err, "leave the caller's control group") : 0;
}
