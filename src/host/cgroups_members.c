/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroups.h: who is in a group and below it; emptying and removing it. */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fts.h>
#include <host/cgroups.h>
#include <host/move.h>
#include <sys/stat.h>
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

/* A walk over a group and those below it. */
struct walk {
	FTS *fts;   /* NULL: the group is absent */
	int failed; /* what the first folder that could not be listed failed with */
};

static void walk_end(struct walk *walk)
{
	if (walk->fts)
		fts_close(walk->fts);
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

static int walk_begin(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct walk *ret, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	char *const paths[] = {path, NULL};
	int r = qb_cgroups_path(cgroups, hierarchy, group, NULL, path, sizeof(path), err);

	if (r == -ENOENT || (r == 0 && !qb_file_exists(path)))
		return 0;
	if (r < 0)
		return r;
	ret->fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	if (!ret->fts)
		return qb_error_errno(err, errno, "list the cgroup %s", path);
	return 0;
}

/*
 * The next folder, before those in it (FTS_D) and after them (FTS_DP): 1. 0 at the end, or what could
 * not be listed: all that could had their turn. A group that is removed meanwhile is nothing to tell of.
 */
static int walk_next(struct walk *walk, const FTSENT **ret, struct qb_error *err)
{
	for (;;) {
		const FTSENT *entry;

		errno = 0;
		entry = walk->fts ? fts_read(walk->fts) : NULL;
		if (!entry)
			return errno && walk->failed == 0
				       ? qb_error_errno(err, errno, "list the cgroups")
				       : walk->failed;
		*ret = entry;
		if (entry->fts_info == FTS_D || entry->fts_info == FTS_DP)
			return 1;
		if ((entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
			    entry->fts_info == FTS_NS) &&
			entry->fts_errno != ENOENT && entry->fts_errno != ENODEV &&
			walk->failed == 0)
			walk->failed = qb_error_errno(
				err, entry->fts_errno, "list the cgroup %s", entry->fts_path);
	}
}

int qb_cgroups_walk(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, int (*visit)(void *data, const char *folder, uint64_t id), void *data,
	struct qb_error *err)
{
	_cleanup_(walk_end) struct walk walk = {0};
	const FTSENT *entry;
	int r = walk_begin(cgroups, hierarchy, group, &walk, err);

	while (r == 0 && (r = walk_next(&walk, &entry, err)) > 0)
		r = entry->fts_info == FTS_D
			    ? visit(data, entry->fts_path, entry->fts_statp->st_ino)
			    : 0;
	return r;
}

/* v1 groups hold threads, v2 groups processes. */
static int list_members(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct pids *pids, struct qb_error *err)
{
	const char *file = hierarchy == QB_HIERARCHY_CPUSET ? "tasks" : "cgroup.procs";
	_cleanup_(walk_end) struct walk walk = {0};
	const FTSENT *entry;
	int r = walk_begin(cgroups, hierarchy, group, &walk, err);

	while (r >= 0 && (r = walk_next(&walk, &entry, err)) > 0) {
		int failed = entry->fts_info == FTS_D ? read_ids(entry->fts_path, file, pids,
								walk.failed < 0 ? NULL : err)
						      : 0;

		walk.failed = walk.failed < 0 ? walk.failed : failed;
	}
	return r;
}

bool qb_cgroups_alone(
	const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, const char *group, pid_t tid)
{
	_cleanup_(pids_free) struct pids pids = {0};

	return list_members(cgroups, hierarchy, group, &pids, NULL) == 0 && pids.n == 1 &&
	       pids.v[0] == tid;
}

/* ---- emptying ---- */

struct emptying {
	const struct qb_cgroups *cgroups;
	enum qb_hierarchy hierarchy;
	const char *group;
	int (*each)(void *data, const struct qb_held *held, struct qb_error *err);
	void *data;
};

/* A number from the list may be another's by now: only what is in the group is given to `each`. */
static int give(const struct emptying *e, pid_t tid, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	char now[QB_GROUP_MAX];
	int r = qb_held_open(tid, 0, &held, err);

	if (r == 0)
		r = qb_held_group(&held, e->hierarchy, now, sizeof(now), err);
	if (r == 0 && qb_cgroups_below(now, e->group))
		r = e->each(e->data, &held, err);
	return r == -ESRCH ? 0 : r;
}

/* Returns one that was there, 0 for none. `*ret_foreign`: not all are the run's user's. */
static pid_t empty_round(const struct emptying *e, bool *ret_foreign, struct qb_error *err)
{
	_cleanup_(pids_free) struct pids pids = {0};
	int first = list_members(e->cgroups, e->hierarchy, e->group, &pids, err);

	for (size_t i = 0; i < pids.n; i++) {
		int r = give(e, pids.v[i], first < 0 ? NULL : err);

		*ret_foreign |= r != 0;
		first = first < 0 || r > 0 ? first : r;
	}
	return first < 0 ? first : pids.n ? pids.v[0] : 0;
}

/* Only v2 can. */
static bool freeze(const struct emptying *e, const char *text)
{
	char path[QB_GROUP_PATH];

	return e->hierarchy == QB_HIERARCHY_V2 &&
	       qb_cgroups_path(e->cgroups, e->hierarchy, e->group, "cgroup.freeze", path,
		       sizeof(path), NULL) == 0 &&
	       qb_file_write(path, text, NULL) == 0;
}

int qb_cgroups_empty(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group,
	int (*each)(void *data, const struct qb_held *held, struct qb_error *err), void *data,
	struct qb_error *err)
{
	const struct emptying e = {cgroups, hierarchy, group, each, data};
	const int64_t since = now_ms();
	bool frozen = false, again = false;
	pid_t left;

	for (;;) {
		bool foreign = false;

		left = empty_round(&e, &foreign, err);
		if (left <= 0)
			break;
		if (again && !is_patient(since)) {
			left = qb_error_set(err, ETIMEDOUT,
				"empty the cgroup %s: process %d is still there after %d s", group,
				left, PATIENCE_MS / 1000);
			break;
		}
		/* The frozen cannot fork. They can be moved, which thaws them, and killed. */
		if (again && !frozen && !foreign)
			frozen = freeze(&e, "1");
		again = true;
	}
	if (frozen)
		freeze(&e, "0");
	return left;
}

/* ---- removing ---- */

/* Whoever is left when all known members are out: nobody knows where they come from. */
static int move_to_root(void *data, const struct qb_held *held, struct qb_error *err)
{
	const struct emptying *e = data;
	int r = qb_move(e->cgroups, e->hierarchy, held, e->group, "/",
		e->hierarchy == QB_HIERARCHY_CPUSET, err);

	return r < 0 ? r : 1;
}

static int remove_folders(const struct emptying *e, struct qb_error *err)
{
	_cleanup_(walk_end) struct walk walk = {0};
	const FTSENT *entry;
	int r = walk_begin(e->cgroups, e->hierarchy, e->group, &walk, err);

	while (r == 0 && (r = walk_next(&walk, &entry, err)) > 0)
		r = entry->fts_info == FTS_DP && rmdir(entry->fts_path) < 0 && errno != ENOENT
			    ? qb_error_errno(err, errno, "remove the cgroup %s", entry->fts_path)
			    : 0;
	return r;
}

int qb_cgroups_remove(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, struct qb_error *err)
{
	struct emptying e = {.cgroups = cgroups, .hierarchy = hierarchy, .group = group};
	const int64_t since = now_ms();
	int r;

	do {
		r = qb_cgroups_empty(cgroups, hierarchy, group, move_to_root, &e, err);
		if (r == 0)
			r = remove_folders(&e, err);
	} while (r == -EBUSY && is_patient(since)); /* somebody came, or is dying in it */
	return r;
}
