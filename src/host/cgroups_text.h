/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts in which the kernel tells of control groups, taken apart. Touches no file. */
#ifndef QB_HOST_CGROUPS_TEXT_H
#define QB_HOST_CGROUPS_TEXT_H

#include <host/cgroups.h>

/* What a line of /proc/self/mountinfo tells of a mount. */
struct qb_mount {
	char root[QB_GROUP_MAX], point[QB_GROUP_MAX]; /* blanks in them stay escaped */
	char type[32];				      /* of the file system */
	char super[512];			      /* the options of its super block */
};

/* 0; -EBADMSG: no such line, or one that is too long to be a cgroup's. */
int qb_mount_parse(const char *line, struct qb_mount *ret);
/* Is `option` one of these ("rw,cpuset")? */
bool qb_option_listed(const char *options, const char *option);

/*
 * In the text of /proc/PID/cgroup the group of the v1 hierarchy that has this controller; of v2's when it is NULL.
 * NULL: none. The text is changed and owns the result.
 */
const char *qb_group_find(char *text, const char *controller);

#endif
