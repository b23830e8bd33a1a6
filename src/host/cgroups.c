/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroups.h: finding the hierarchies, and the groups in them. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/cgroups_text.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static const struct {
	const char *type;   /* of the file system, as mountinfo names it */
	const char *option; /* a super block option it must have; NULL: any */
	unsigned long magic;
} hierarchies[QB_HIERARCHY_COUNT] = {
	[QB_HIERARCHY_V2] = {"cgroup2", NULL, CGROUP2_SUPER_MAGIC},
	[QB_HIERARCHY_CPUSET] = {"cgroup", "cpuset", CGROUP_SUPER_MAGIC},
};

/* A hierarchy that cannot be read is not the same as a missing one: a restore would take its groups for gone. */
static int take_mount(
	struct qb_cgroups *cgroups, const struct qb_mount *mount, struct qb_error *err)
{
	struct statfs fs;

	if (strcmp(mount->root, "/") != 0)
		return 0;
	for (size_t i = 0; i < QB_HIERARCHY_COUNT; i++) {
		if (strcmp(mount->type, hierarchies[i].type) != 0 || cgroups->mount[i][0] ||
			(hierarchies[i].option &&
				!qb_option_listed(mount->super, hierarchies[i].option)) ||
			qb_option_listed(mount->super, "noprefix"))
			continue;
		if (statfs(mount->point, &fs) < 0) {
			if (errno == ENOENT || errno == EACCES)
				continue;
			return qb_error_errno(
				err, errno, "look at the cgroups in %s", mount->point);
		}
		if ((unsigned long)fs.f_type == hierarchies[i].magic)
			qb_text_copy(cgroups->mount[i], sizeof(cgroups->mount[i]), mount->point);
	}
	return 0;
}

static int find_mounts(struct qb_cgroups *ret, struct qb_error *err)
{
	struct qb_cgroups cgroups = {0};
	_cleanup_free_ char *mounts = NULL;
	char path[QB_GROUP_PATH], controllers[512];
	struct qb_mount mount;
	ssize_t n = qb_file_read_all("/proc/self/mountinfo", &mounts, err);
	char *save = NULL;
	int r = n < 0 ? (int)n : 0;

	for (char *line = r == 0 ? strtok_r(mounts, "\n", &save) : NULL; line && r == 0;
		line = strtok_r(NULL, "\n", &save))
		if (qb_mount_parse(line, &mount) == 0)
			r = take_mount(&cgroups, &mount, err);
	if (r < 0)
		return r;
	if (cgroups.mount[QB_HIERARCHY_V2][0]) {
		qb_text_format(path, sizeof(path), "%s/cgroup.controllers",
			cgroups.mount[QB_HIERARCHY_V2]);
		n = qb_file_read(path, controllers, sizeof(controllers), err);
		if (n < 0)
			return (int)n;
		cgroups.cpuset2 = qb_text_has_word(controllers, "cpuset");
	}
	*ret = cgroups;
	return 0;
}

/* What this process has found: hierarchies are not mounted and unmounted under a running session. */
static struct {
	bool known;
	struct qb_cgroups cgroups;
} found;

int qb_cgroups_load(struct qb_cgroups *ret, struct qb_error *err)
{
	int r = found.known ? 0 : find_mounts(&found.cgroups, err);

	if (r < 0)
		return r;
	found.known = true;
	*ret = found.cgroups;
	return 0;
}

void qb_cgroups_forget(void)
{
	found.known = false;
}

int qb_cgroups_path(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, const char *file, char *buf, size_t size, struct qb_error *err)
{
	const char *mount = cgroups->mount[hierarchy];

	if (!*mount)
		return qb_error_set(err, ENOENT, "cgroup %s is not mounted on this host",
			hierarchy == QB_HIERARCHY_V2 ? "v2" : "v1 cpuset");
	if (strcmp(group, "/") == 0)
		group = "";
	if (!qb_text_format(buf, size, "%s%s%s%s", mount, group, file ? "/" : "", file ? file : ""))
		return qb_error_set(
			err, ENAMETOOLONG, "cgroup %s%s: the path is too long", mount, group);
	return 0;
}

bool qb_cgroups_exists(
	const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, const char *group)
{
	char path[QB_GROUP_PATH];

	return qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), NULL) == 0 &&
	       qb_file_exists(path);
}

bool qb_cgroups_below(const char *group, const char *top)
{
	size_t len = strlen(top);

	return strncmp(group, top, len) == 0 && (!group[len] || group[len] == '/');
}

int qb_cgroups_create(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), err);

	if (r < 0)
		return r;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return qb_error_errno(err, errno, "create the cgroup %s", path);
	/* Every process in it may read what it grants, whatever our umask is. */
	if (chmod(path, 0755) < 0)
		return qb_error_errno(err, errno, "open the cgroup %s to readers", path);
	return 0;
}
