/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup.h */
#include "cgroup.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <inttypes.h>

bool qb_cgroup_find(pid_t pid, struct qb_cgroup *ret)
{
	return qb_cgroups_load(&ret->cgroups, NULL) == 0 &&
	       qb_cgroups_of(pid, QB_HIERARCHY_V2, ret->name, sizeof(ret->name), NULL) == 0;
}

/* A file of the group of this name, in the hierarchy of that one. */
static bool read_file(
	const struct qb_cgroup *of, const char *name, const char *file, char *buf, size_t size)
{
	char path[QB_GROUP_PATH];

	return qb_cgroups_path(
		       &of->cgroups, QB_HIERARCHY_V2, name, file, path, sizeof(path), NULL) == 0 &&
	       qb_file_read(path, buf, size, NULL) >= 0;
}

/* A line of cpu.stat: "throttled_usec 12". */
static bool read_stat(
	const struct qb_cgroup *of, const char *name, const char *what, uint64_t *ret_us)
{
	char text[1024];
	const char *line = read_file(of, *name ? name : "/", "cpu.stat", text, sizeof(text))
				   ? strstr(text, what)
				   : NULL;

	return line && sscanf(line + strlen(what), " %" SCNu64, ret_us) == 1;
}

bool qb_cgroup_quota(const struct qb_cgroup *group, uint64_t *ret_us)
{
	char name[sizeof(group->name)];
	uint64_t sum = 0, us;
	bool any = false;

	qb_text_copy(name, sizeof(name), strcmp(group->name, "/") == 0 ? "" : group->name);
	for (char *end = name + strlen(name); end; end = strrchr(name, '/')) {
		*end = '\0';
		if (!read_stat(group, name, "throttled_usec", &us))
			continue;
		sum += us;
		any = true;
	}
	*ret_us = sum;
	return any;
}

bool qb_cgroup_used(const struct qb_cgroup *group, bool above, uint64_t *ret_us)
{
	char name[sizeof(group->name)];
	char *slash;

	qb_text_copy(name, sizeof(name), group->name);
	slash = strrchr(name, '/');
	if (slash && (above || !slash[1]))
		*slash = '\0';
	return *name && read_stat(group, name, "usage_usec", ret_us);
}

bool qb_cgroup_oom_kills(const struct qb_cgroup *group, uint64_t *ret)
{
	char text[512];
	const char *line = read_file(group, group->name, "memory.events", text, sizeof(text))
				   ? strstr(text, "oom_kill ")
				   : NULL;

	return line && sscanf(line, "oom_kill %" SCNu64, ret) == 1;
}

const char *qb_pressure_name(enum qb_pressure what)
{
	static const char *const names[QB_PRESSURE_COUNT] = {"cpu", "memory", "io"};

	return names[what];
}

bool qb_pressure_parse(const char *text, uint64_t *ret_us)
{
	const char *total = strncmp(text, "some ", 5) == 0 ? strstr(text, " total=") : NULL;

	return total && sscanf(total, " total=%" SCNu64, ret_us) == 1;
}

bool qb_cgroup_pressure(const struct qb_cgroup *group, enum qb_pressure what, uint64_t *ret_us)
{
	char file[64], text[512];

	if (group)
		qb_text_format(file, sizeof(file), "%s.pressure", qb_pressure_name(what));
	else
		qb_text_format(file, sizeof(file), "/proc/pressure/%s", qb_pressure_name(what));
	if (group ? !read_file(group, group->name, file, text, sizeof(text))
		  : qb_file_read(file, text, sizeof(text), NULL) < 0)
		return false;
	return qb_pressure_parse(text, ret_us);
}
