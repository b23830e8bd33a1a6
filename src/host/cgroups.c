/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroups.h: finding the hierarchies, and the groups in them. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cgroups.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define GROUP_PATH (2 * QB_GROUP_MAX + 64)

static const struct {
	const char *type;   /* of the file system, as mountinfo names it */
	const char *option; /* a super block option it must have; NULL: any */
	unsigned long magic;
} hierarchies[QB_HIERARCHY_COUNT] = {
	[QB_HIERARCHY_V2] = {"cgroup2", NULL, CGROUP2_SUPER_MAGIC},
	[QB_HIERARCHY_CPUSET] = {"cgroup", "cpuset", CGROUP_SUPER_MAGIC},
};

static bool has_option(const char *options, const char *option)
{
	size_t len = strlen(option);

	for (const char *at = options; *at; at += *at == ',') {
		size_t n = strcspn(at, ",");

		if (n == len && strncmp(at, option, len) == 0)
			return true;
		at += n;
	}
	return false;
}

/*
 * One line of mountinfo (proc(5)): "31 23 0:28 ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER".
 * Mount points with blanks come escaped and are none of the usual places: they do not verify.
 */
static void take_mount(struct qb_cgroups *cgroups, char *line)
{
	char root[QB_GROUP_MAX], point[QB_GROUP_MAX], type[32], super[512];
	const char *tail = strstr(line, " - ");
	struct statfs fs;

	if (!tail || sscanf(line, "%*s %*s %*s %255s %255s", root, point) != 2 ||
		sscanf(tail, " - %31s %*s %511s", type, super) != 2 || strcmp(root, "/") != 0)
		return;
	for (size_t i = 0; i < QB_HIERARCHY_COUNT; i++) {
		if (strcmp(type, hierarchies[i].type) != 0 || cgroups->mount[i][0] ||
			(hierarchies[i].option && !has_option(super, hierarchies[i].option)) ||
			has_option(super, "noprefix") || statfs(point, &fs) < 0 ||
			(unsigned long)fs.f_type != hierarchies[i].magic)
			continue;
		qb_text_copy(cgroups->mount[i], sizeof(cgroups->mount[i]), point);
	}
}

int qb_cgroups_load(struct qb_cgroups *ret, struct qb_error *err)
{
	struct qb_cgroups cgroups = {0};
	_cleanup_free_ char *mounts = NULL;
	char path[GROUP_PATH], controllers[512];
	ssize_t n = qb_file_read_all("/proc/self/mountinfo", &mounts, err);
	char *save = NULL;

	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(mounts, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_mount(&cgroups, line);
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
	char path[GROUP_PATH];

	return qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), NULL) == 0 &&
	       qb_file_exists(path);
}

/* "0::/path" is v2's line, "7:cpu,cpuset:/path" a v1 one (cgroups(7)). Returns the path. */
static char *line_of(char *line, enum qb_hierarchy hierarchy)
{
	char *controllers = strchr(line, ':'), *path;

	if (!controllers)
		return NULL;
	controllers++;
	path = strchr(controllers, ':');
	if (!path)
		return NULL;
	*path++ = '\0';
	if (hierarchy == QB_HIERARCHY_V2)
		return strncmp(line, "0:", 2) == 0 && !*controllers ? path : NULL;
	return has_option(controllers, hierarchies[hierarchy].option) ? path : NULL;
}

int qb_cgroups_of(
	pid_t pid, enum qb_hierarchy hierarchy, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[64], *save = NULL;
	ssize_t n;

	qb_text_format(path, sizeof(path), "/proc/%d/cgroup", pid);
	n = qb_file_read_all(path, &text, err);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *group = line_of(line, hierarchy);

		if (!group)
			continue;
		if (!qb_text_copy(buf, size, group))
			return qb_error_set(
				err, ENAMETOOLONG, "read %s: '%s' is too long", path, group);
		return 0;
	}
	return qb_error_set(err, ENOENT, "read %s: process %d is in no such hierarchy", path, pid);
}

static int move(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, const char *group,
	const char *file, pid_t pid, struct qb_error *err)
{
	char path[GROUP_PATH], text[16];
	int r = qb_cgroups_path(cgroups, hierarchy, group, file, path, sizeof(path), err);

	if (r < 0)
		return r;
	qb_text_format(text, sizeof(text), "%d", pid);
	return qb_file_write(path, text, err);
}

int qb_cgroups_move(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, pid_t pid, struct qb_error *err)
{
	return move(cgroups, hierarchy, group, "cgroup.procs", pid, err);
}

int qb_cgroups_move_thread(
	const struct qb_cgroups *cgroups, const char *group, pid_t tid, struct qb_error *err)
{
	return move(cgroups, QB_HIERARCHY_CPUSET, group, "tasks", tid, err);
}

int qb_cgroups_create(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	char path[GROUP_PATH];
	int r = qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), err);

	if (r < 0)
		return r;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return qb_error_errno(err, errno, "create the cgroup %s", path);
	return 0;
}
