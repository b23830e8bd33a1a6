/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of code with fixed paths: a mount namespace of the test's own, where such a path
 * is an empty folder in memory. Without the right to have one (some containers) tests skip.
 */
#ifndef QB_TESTS_SANDBOX_H
#define QB_TESTS_SANDBOX_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static inline bool sandbox_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Becomes root in a namespace where everything mounted from now on is private. */
static inline bool sandbox_enter(void)
{
	const unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
		return false;
	if (uid != 0) {
		snprintf(map, sizeof(map), "0 %u 1\n", uid);
		if (!sandbox_put("/proc/self/uid_map", map) ||
			!sandbox_put("/proc/self/setgroups", "deny"))
			return false;
		snprintf(map, sizeof(map), "0 %u 1\n", gid);
		if (!sandbox_put("/proc/self/gid_map", map))
			return false;
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* An empty folder in memory in the place of this one; again: a fresh one over it. */
static inline bool sandbox_empty(const char *path)
{
	return mount("test", path, "tmpfs", 0, "mode=755") == 0;
}

#endif
