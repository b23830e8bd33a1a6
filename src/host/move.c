/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * move.h. What is done to a task by its number MUST hold, whoever ends and whoever is born meanwhile:
 *
 *  1. It is held first: a folder of /proc shows the task that had the number when it was opened,
 *     and no later one. All that decides what becomes of it is read there.
 *  2. It is moved only out of the group that it is thought to be in.
 *  3. Afterwards the number must still be its own. If it is not, who has it now was moved or bound
 *     in its place, and is put back: to the group, or the mask, that it was born with.
 *  4. Signals go to what is held, never to a number; cgroup.kill, which asks nobody whose they are,
 *     is not used.
 *  5. Only what is the run's user's is ended (qb_task_is_of). Anybody else's in a run's group (a
 *     set-uid program's) is moved back to where the run came from.
 *  6. A group is frozen only where all its members are the run's user's; who turns up in it all the
 *     same is moved out at once, which thaws it.
 *  7. One that cannot be read or moved keeps no other from it; the first is told, when all are done.
 *  8. Nothing is said to anybody before all are done.
 *
 * 5 to 8 are kept by cgroups_members.c and levers/isolation_place.c.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/cgroups_text.h>
#include <host/move.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

/* So many may in turn end while they are put back. */
#define PUT_BACK_MAX 8

static int gone(pid_t tid, struct qb_error *err)
{
	return qb_error_set(err, ESRCH, "task %d has ended", tid);
}

/* What /proc/TID itself shows sums up the whole process each time. */
static void path_of(pid_t tid, const char *file, char buf[64])
{
	qb_text_format(buf, 64, "task/%d/%s", tid, file);
}

/* A file of the thread, or another (`tid`) of its process. */
static int read_file(
	const struct qb_held *held, pid_t tid, const char *file, char **ret, struct qb_error *err)
{
	char path[64];
	ssize_t n;

	path_of(tid, file, path);
	n = qb_file_read_all_at(held->fd, path, ret, err);
	if (n == -ENOENT || n == -ESRCH)
		return gone(held->tid, err);
	return n < 0 ? qb_error_wrap(err, "look at task %d", held->tid) : 0;
}

static int read_stat(const struct qb_held *held, struct qb_task *task, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = read_file(held, held->tid, "stat", &text, err);

	if (r == 0 && qb_task_parse_stat(text, task) < 0)
		r = qb_error_set(
			err, EBADMSG, "read /proc/%d/stat: not as the kernel writes it", held->tid);
	return r;
}

int qb_held_open(pid_t tid, uint64_t start, struct qb_held *ret, struct qb_error *err)
{
	struct qb_held held = {.tid = tid};
	struct qb_task task;
	char path[64];
	int r = 0;

	qb_text_format(path, sizeof(path), "/proc/%d", tid);
	held.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (held.fd < 0)
		return errno == ENOENT ? gone(tid, err)
				       : qb_error_errno(err, errno, "hold task %d", tid);
	if (start)
		r = read_stat(&held, &task, err);
	if (r == 0 && start && (task.start != start || task.ended))
		r = qb_error_set(err, ESRCH, "task %d has ended%s", tid,
			task.ended ? "" : ": its number is another's now");
	if (r < 0)
		close(held.fd);
	else
		*ret = held;
	return r;
}

void qb_held_close(const struct qb_held *held)
{
	if (held->fd >= 0)
		close(held->fd);
}

bool qb_held_stands(const struct qb_held *held)
{
	char path[64];

	path_of(held->tid, "stat", path);
	return faccessat(held->fd, path, F_OK, 0) == 0 || (errno != ENOENT && errno != ESRCH);
}

int qb_held_task(const struct qb_held *held, struct qb_task *ret, struct qb_error *err)
{
	_cleanup_free_ char *status = NULL, *name = NULL;
	struct qb_task task = {.tid = held->tid};
	int r = read_stat(held, &task, err);

	if (r == 0)
		r = read_file(held, held->tid, "status", &status, err);
	if (r == 0 && qb_task_parse_status(status, &task) < 0)
		r = qb_error_set(err, EBADMSG, "read /proc/%d/status: not as the kernel writes it",
			held->tid);
	if (r == 0)
		r = read_file(held, task.tgid, "comm", &name, err);
	if (r < 0)
		return r;
	qb_text_format(task.process, sizeof(task.process), "%.*s", (int)strcspn(name, "\n"), name);
	*ret = task;
	return 0;
}

int qb_held_group(const struct qb_held *held, enum qb_hierarchy hierarchy, char *buf, size_t size,
	struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct qb_task task = {0};
	const char *group;
	int r = read_file(held, held->tid, "cgroup", &text, err);

	if (r == 0)
		r = read_stat(held, &task, err);
	if (r < 0 || task.ended)
		return r < 0 ? r : gone(held->tid, err);
	group = qb_group_find(text, hierarchy == QB_HIERARCHY_CPUSET ? "cpuset" : NULL);
	if (!group)
		return qb_error_set(err, ENOENT, "task %d is in no cgroup %s", held->tid,
			hierarchy == QB_HIERARCHY_V2 ? "v2" : "v1 cpuset");
	if (!qb_text_copy(buf, size, group))
		return qb_error_set(err, ENAMETOOLONG, "the cgroup of task %d is too long: %s",
			held->tid, group);
	return 0;
}

int qb_task_read(pid_t tid, struct qb_task *ret, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	int r = qb_held_open(tid, 0, &held, err);

	return r < 0 ? r : qb_held_task(&held, ret, err);
}

int qb_cgroups_of(
	pid_t pid, enum qb_hierarchy hierarchy, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	int r = qb_held_open(pid, 0, &held, err);

	return r < 0 ? r : qb_held_group(&held, hierarchy, buf, size, err);
}

static int write_number(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, bool thread, pid_t tid, struct qb_error *err)
{
	char path[QB_GROUP_PATH], text[16];
	int r = qb_cgroups_path(cgroups, hierarchy, group, thread ? "tasks" : "cgroup.procs", path,
		sizeof(path), err);

	if (r < 0)
		return r;
	qb_text_format(text, sizeof(text), "%d", tid);
	return qb_file_write(path, text, err);
}

/* Whom it was born of: its parent, or the first thread of its process. */
static pid_t origin_of(const struct qb_task *task)
{
	return task->tid == task->tgid ? task->ppid : task->tgid;
}

/*
 * Who has this number now and is where we had it written: a newborn, in the group of its parent until
 * then. One that was born there has its parent there.
 */
static void put_back(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy, const char *to,
	bool thread, pid_t tid)
{
	for (int i = 0; i < PUT_BACK_MAX; i++) {
		_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
		char group[QB_GROUP_MAX];
		struct qb_task task;

		if (qb_held_open(tid, 0, &held, NULL) < 0 ||
			qb_held_group(&held, hierarchy, group, sizeof(group), NULL) < 0 ||
			strcmp(group, to) != 0 || qb_held_task(&held, &task, NULL) < 0)
			return;
		if (qb_cgroups_of(origin_of(&task), hierarchy, group, sizeof(group), NULL) < 0)
			qb_text_copy(group, sizeof(group), "/");
		if (strcmp(group, to) == 0)
			return;
		(void)write_number(cgroups, hierarchy, group, thread, tid, NULL);
		if (qb_held_stands(&held))
			return;
	}
}

int qb_move(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const struct qb_held *held, const char *from, const char *to, bool thread,
	struct qb_error *err)
{
	char now[QB_GROUP_MAX];
	int r = qb_held_group(held, hierarchy, now, sizeof(now), err);

	if (r < 0)
		return r;
	if (from && !qb_cgroups_below(now, from))
		return qb_error_set(
			err, ESRCH, "task %d is in the cgroup %s, not in %s", held->tid, now, from);
	r = write_number(cgroups, hierarchy, to, thread, held->tid, err);
	if (r < 0 || qb_held_stands(held))
		return r;
	put_back(cgroups, hierarchy, to, thread, held->tid);
	return gone(held->tid, err);
}

/* The same for a mask. A newborn has its parent's. */
static void bind_back(pid_t tid, const struct qb_cpus *cpus)
{
	for (int i = 0; i < PUT_BACK_MAX; i++) {
		_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
		struct qb_task task, origin;
		struct qb_cpus its, born;

		if (qb_held_open(tid, 0, &held, NULL) < 0 || qb_held_task(&held, &task, NULL) < 0 ||
			qb_cpus_parse_hex(task.allowed, &its) < 0 || !qb_cpus_subset(&its, cpus) ||
			qb_task_read(origin_of(&task), &origin, NULL) < 0 ||
			qb_cpus_parse_hex(origin.allowed, &born) < 0)
			return;
		(void)qb_task_set_affinity(tid, &born, NULL);
		if (qb_held_stands(&held))
			return;
	}
}

int qb_bind(const struct qb_held *held, const struct qb_cpus *cpus, struct qb_error *err)
{
	int r = qb_task_set_affinity(held->tid, cpus, err);

	if (r < 0 || qb_held_stands(held))
		return r;
	bind_back(held->tid, cpus);
	return gone(held->tid, err);
}

int qb_end(const struct qb_held *held, struct qb_error *err)
{
	if (syscall(SYS_pidfd_send_signal, held->fd, SIGKILL, NULL, 0) == 0)
		return 0;
	return errno == ESRCH ? gone(held->tid, err)
			      : qb_error_errno(err, errno, "kill process %d", held->tid);
}
