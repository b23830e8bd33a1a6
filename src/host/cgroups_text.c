/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroups_text.h */
#include <base/macros.h>
#include <errno.h>
#include <host/cgroups_text.h>

bool qb_option_listed(const char *options, const char *option)
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
 * proc(5): "31 23 0:28 ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER". Mount points with blanks
 * come escaped and are none of the usual places: they do not verify.
 */
int qb_mount_parse(const char *line, struct qb_mount *ret)
{
	const char *tail = strstr(line, " - ");
	struct qb_mount mount;
	int end = 0, tail_end = 0;

	if (!tail ||
		sscanf(line, "%*s %*s %*s %255s %255s%n", mount.root, mount.point, &end) != 2 ||
		sscanf(tail, " - %31s %*s %511s%n", mount.type, mount.super, &tail_end) != 2)
		return -EBADMSG;
	/* A word that is longer than its place has been cut. */
	if (line[end] != ' ' || line + end > tail || (tail[tail_end] && tail[tail_end] != ' '))
		return -EBADMSG;
	/* Both are paths: a dash of its own among them would be the one that ends the tags. */
	if (strcmp(mount.root, "-") == 0 || strcmp(mount.point, "-") == 0)
		return -EBADMSG;
	*ret = mount;
	return 0;
}

/* "0::/path" is v2's line, "7:cpu,cpuset:/path" a v1 one (cgroups(7)). Returns the path. */
static const char *line_of(char *line, const char *controller)
{
	char *controllers = strchr(line, ':'), *path;

	if (!controllers)
		return NULL;
	controllers++;
	path = strchr(controllers, ':');
	if (!path)
		return NULL;
	*path++ = '\0';
	if (!controller)
		return strncmp(line, "0:", 2) == 0 && !*controllers ? path : NULL;
	return qb_option_listed(controllers, controller) ? path : NULL;
}

const char *qb_group_find(char *text, const char *controller)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *group = line_of(line, controller);

		if (group)
			return group;
	}
	return NULL;
}
