/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: a lock that has lost its name, and who still holds one. */
#include "helper.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <quietbench/journal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* The helper's name, as far as the kernel keeps it. */
#define HELPER_COMM "quietbench-help"

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

bool qb_lock_lost(int lock)
{
	struct stat ours, found;

	return fstat(lock, &ours) < 0 || stat(QB_LOCK_PATH, &found) < 0 || !is_same(&ours, &found);
}

int qb_lock_watch(struct qb_error *err)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	/* IN_ATTRIB: it has lost its name; the folder's mode is set by each that comes. */
	if (watch >= 0 &&
		inotify_add_watch(watch, QB_STATE_DIR, IN_MOVE_SELF | IN_DELETE_SELF) >= 0 &&
		inotify_add_watch(watch, QB_LOCK_PATH, IN_ATTRIB | IN_MOVE_SELF) >= 0)
		return watch;
	qb_error_errno(err, errno, "watch %s", QB_LOCK_PATH);
	if (watch >= 0)
		close(watch);
	return -err->code;
}

/* They are numbered from 1; one that is not there any more costs nothing. */
void qb_lock_unwatch(int watch)
{
	for (int i = 1; watch >= 0 && i <= 2; i++)
		inotify_rm_watch(watch, i);
}

/* Is this descriptor of another helper's a host lock that is not ours, and held? `link` is its name. */
static bool is_held_lock(const char *link, const struct stat *ours)
{
	char path[PATH_MAX];
	struct stat st;
	const char *name;
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	int fd;
	bool held;

	if (n < 0 || stat(link, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	path[n] = '\0';
	name = strrchr(path, '/');
	if (!name || (strcmp(name, "/lock") != 0 && strcmp(name, "/lock (deleted)") != 0) ||
		is_same(&st, ours))
		return false;
	fd = open(link, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
	if (fd >= 0)
		close(fd);
	return held;
}

bool qb_lock_is_elsewhere(const struct stat *ours)
{
	_cleanup_free_ unsigned *pids = NULL;
	size_t n = 0;

	if (qb_dir_numbers("/proc", "", &pids, &n, NULL) < 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ unsigned *fds = NULL;
		char path[64], name[32] = "";
		size_t n_fds = 0;
		struct stat theirs;

		qb_text_format(path, sizeof(path), "/proc/%u/comm", pids[i]);
		if (qb_file_read(path, name, sizeof(name), NULL) < 0 ||
			strcmp(name, HELPER_COMM) != 0)
			continue;
		/* Where it looks for the lock is ours, too: else it is of another host (a mount namespace). */
		qb_text_format(path, sizeof(path), "/proc/%u/root" QB_LOCK_PATH, pids[i]);
		if (stat(path, &theirs) < 0 || !is_same(&theirs, ours))
			continue;
		qb_text_format(path, sizeof(path), "/proc/%u/fd", pids[i]);
		qb_dir_numbers(path, "", &fds, &n_fds, NULL); /* one that ends has none */
		for (size_t k = 0; k < n_fds; k++) {
			qb_text_format(path, sizeof(path), "/proc/%u/fd/%u", pids[i], fds[k]);
			if (is_held_lock(path, ours))
				return true;
		}
	}
	return false;
}
