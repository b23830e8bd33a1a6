/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroups.h: who is in a group and below it; ending them; removing it. */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fts.h>
#include <host/cgroups.h>
#include <host/tasks.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* How long the dying may take to be gone: SIGKILL waits for disk and NFS. */
#define PATIENCE_MS 5000
#define PAUSE_MS    2

static int64_t now_ms(void)
{
	return qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS;
}

/* Pauses; false once the time is up. A round itself may take long, on a slow host. */
static bool is_patient(int64_t since_ms)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	return now_ms() - since_ms < PATIENCE_MS;
}

static void fts_cleanup(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

struct pids {
	pid_t *v;
	size_t n, cap;
};

static void pids_free(struct pids *pids)
{
	free(pids->v);
}

static int pids_add(struct pids *pids, pid_t pid)
{
	if (pids->n == pids->cap) {
		size_t cap = pids->cap ? pids->cap * 2 : 64;
		pid_t *v = realloc(pids->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		pids->v = v;
		pids->cap = cap;
	}
	pids->v[pids->n++] = pid;
	return 0;
}

static int read_ids(const char *dir, const char *file, struct pids *pids, struct qb_error *err);

static bool pids_have(const struct pids *pids, pid_t pid)
{
	for (size_t i = 0; i < pids->n; i++)
		if (pids->v[i] == pid)
			return true;
	return false;
}

/*
 * A threaded group (cgroup-v2.rst, "Threads") names no processes: those of its threads. Most are known
 * already, for they are members of the group that it is threaded below.
 */
static int read_threaded(const char *dir, struct pids *pids, struct qb_error *err)
{
	_cleanup_(pids_free) struct pids threads = {0};
	int r = read_ids(dir, "cgroup.threads", &threads, err);

	for (size_t i = 0; r == 0 && i < threads.n; i++) {
		struct qb_task task;

		if (qb_task_read(threads.v[i], &task, NULL) < 0 || pids_have(pids, task.tgid))
			continue;
		if (pids_add(pids, task.tgid) < 0)
			r = qb_error_errno(err, ENOMEM, "list %s", dir);
	}
	return r;
}

/* Appends the ids in DIR/FILE. A group that is removed meanwhile (ENODEV once opened) is empty. */
static int read_ids(const char *dir, const char *file, struct pids *pids, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[QB_GROUP_PATH], *save = NULL;
	ssize_t n;

	if (!qb_text_format(path, sizeof(path), "%s/%s", dir, file))
		return qb_error_set(err, ENAMETOOLONG, "list %s: the path is too long", dir);
	n = qb_file_read_all(path, &text, err);
	if (n == -ENOENT || n == -ENODEV)
		return 0;
	if (n == -EOPNOTSUPP && strcmp(file, "cgroup.procs") == 0)
		return read_threaded(dir, pids, err);
	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		pid_t pid = (pid_t)strtol(line, NULL, 10);

		/* 0: a process of another pid namespace, which no write here can name. */
		if (pid > 0 && pids_add(pids, pid) < 0)
			return qb_error_errno(err, ENOMEM, "list %s", path);
	}
	return 0;
}

/* Opens a walk over the folders of a group, itself included. 0 and NULL when it is absent. */
static int open_walk(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, FTS **ret, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	char *const paths[] = {path, NULL};
	int r = qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), err);

	if (r == -ENOENT || (r == 0 && !qb_file_exists(path)))
		return 0;
	if (r < 0)
		return r;
	*ret = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	if (!*ret)
		return qb_error_errno(err, errno, "list the cgroup %s", path);
	return 0;
}

/* 1; 0 at the end. What cannot be listed is an error, but for a group that is removed meanwhile. */
static int walk_next(FTS *fts, const FTSENT **ret, struct qb_error *err)
{
	const FTSENT *entry;

	errno = 0;
	entry = fts ? fts_read(fts) : NULL;
	if (!entry)
		return errno ? qb_error_errno(err, errno, "list the cgroups") : 0;
	if ((entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
		    entry->fts_info == FTS_NS) &&
		entry->fts_errno != ENOENT && entry->fts_errno != ENODEV)
		return qb_error_errno(err, entry->fts_errno, "list the cgroup %s", entry->fts_path);
	*ret = entry;
	return 1;
}

int qb_cgroups_walk(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, int (*visit)(void *data, const char *folder, uint64_t id), void *data,
	struct qb_error *err)
{
	_cleanup_(fts_cleanup) FTS *fts = NULL;
	const FTSENT *entry;
	int r = open_walk(cgroups, hierarchy, group, &fts, err);

	while (r == 0 && (r = walk_next(fts, &entry, err)) > 0)
		r = entry->fts_info == FTS_D
			    ? visit(data, entry->fts_path, entry->fts_statp->st_ino)
			    : 0;
	return r;
}

int qb_cgroups_members(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, pid_t **ret, size_t *ret_n, struct qb_error *err)
{
	_cleanup_(fts_cleanup) FTS *fts = NULL;
	_cleanup_(pids_free) struct pids pids = {0};
	const FTSENT *entry;
	int r = open_walk(cgroups, hierarchy, group, &fts, err);

	while (r == 0 && (r = walk_next(fts, &entry, err)) > 0)
		r = entry->fts_info == FTS_D ? read_ids(entry->fts_path, "cgroup.procs", &pids, err)
					     : 0;
	if (r < 0)
		return r;
	*ret = pids.v;
	*ret_n = pids.n;
	pids.v = NULL;
	return 0;
}

/* Moves everybody in this one folder to the root. v1 groups hold threads, v2 groups processes. */
static int empty_folder(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *dir, struct qb_error *err)
{
	_cleanup_(pids_free) struct pids pids = {0};
	bool threads = hierarchy == QB_HIERARCHY_CPUSET;
	int r = read_ids(dir, threads ? "tasks" : "cgroup.procs", &pids, err);

	for (size_t i = 0; r == 0 && i < pids.n; i++) {
		r = threads ? qb_cgroups_move_thread(cgroups, "/", pids.v[i], err)
			    : qb_cgroups_move(cgroups, hierarchy, "/", pids.v[i], err);
		if (r == -ESRCH)
			r = 0;
	}
	return r;
}

/* One attempt. -EBUSY: somebody is still in it (or dying in it). */
static int try_remove(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	_cleanup_(fts_cleanup) FTS *fts = NULL;
	const FTSENT *entry;
	int r = open_walk(cgroups, hierarchy, group, &fts, err);

	while (r == 0 && (r = walk_next(fts, &entry, err)) > 0) {
		r = 0;
		if (entry->fts_info == FTS_D)
			r = empty_folder(cgroups, hierarchy, entry->fts_path, err);
		else if (entry->fts_info == FTS_DP && rmdir(entry->fts_path) < 0 && errno != ENOENT)
			r = qb_error_errno(err, errno, "remove the cgroup %s", entry->fts_path);
	}
	return r;
}

int qb_cgroups_remove(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	const int64_t since = now_ms();
	int r;

	do
		r = try_remove(cgroups, hierarchy, group, err);
	while (r == -EBUSY && is_patient(since));
	return r;
}

/*
 * A pid from a list may have become another process' since. The pidfd holds the process that has the pid now; it is
 * killed only if it is in the group after the pidfd was opened.
 */
static int kill_member(
	enum qb_hierarchy hierarchy, const char *group, pid_t pid, struct qb_error *err)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	char now[QB_GROUP_MAX];
	size_t len = strlen(group);
	int r;

	if (fd < 0)
		return errno == ESRCH ? 0 : qb_error_errno(err, errno, "open process %d", pid);
	r = qb_cgroups_of(pid, hierarchy, now, sizeof(now), err);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (strncmp(now, group, len) != 0 || (now[len] && now[len] != '/'))
		return 0;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return qb_error_errno(err, errno, "kill process %d", pid);
	return 0;
}

/* A switch that only v2 has, and not every kernel. Returns whether it was thrown. */
static bool throw_switch(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, const char *file, const char *text)
{
	char path[QB_GROUP_PATH];

	return hierarchy == QB_HIERARCHY_V2 &&
	       qb_cgroups_path(cgroups, hierarchy, group, file, path, sizeof(path), NULL) == 0 &&
	       qb_file_write(path, text, NULL) == 0;
}

static int kill_round(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, const pid_t *pids, size_t n, struct qb_error *err)
{
	bool frozen;
	int r = 0;

	/* cgroup.kill (5.14) ends the tree at once, forks under way included. Without it, the
	 * frozen cannot fork, and die when they thaw. */
	if (throw_switch(cgroups, hierarchy, group, "cgroup.kill", "1"))
		return 0;
	frozen = throw_switch(cgroups, hierarchy, group, "cgroup.freeze", "1");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = kill_member(hierarchy, group, pids[i], err);
	if (frozen)
		throw_switch(cgroups, hierarchy, group, "cgroup.freeze", "0");
	return r;
}

int qb_cgroups_kill(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	const int64_t since = now_ms();
	pid_t left;

	do {
		_cleanup_free_ pid_t *pids = NULL;
		size_t n = 0;
		int r = qb_cgroups_members(cgroups, hierarchy, group, &pids, &n, err);

		if (r < 0 || n == 0)
			return r;
		r = kill_round(cgroups, hierarchy, group, pids, n, err);
		if (r < 0)
			return r;
		left = pids[0];
	} while (is_patient(since));
	return qb_error_set(err, ETIMEDOUT,
		"end the processes of cgroup %s: process %d is still there after SIGKILL and %d s",
		group, left, PATIENCE_MS / 1000);
}
