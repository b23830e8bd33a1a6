/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tasks.h: the threads of the host, read from /proc. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

/* include/linux/sched.h; part of what /proc/PID/stat has shown since 2.6 (field "flags"). */
#define PF_KTHREAD	  0x00200000
#define PF_NO_SETAFFINITY 0x04000000

/* What /proc says of a thread that ends while we look: all of it means "gone". */
static int gone(int r)
{
	return r == -ENOENT ? -ESRCH : r;
}

/* A thread's file. What /proc/TID itself shows sums up the whole process each time. */
static void path_of(pid_t tgid, pid_t tid, const char *file, char buf[64])
{
	qb_text_format(buf, 64, "/proc/%d/task/%d/%s", tgid, tid, file);
}

static int read_file(
	pid_t tgid, pid_t tid, const char *file, char *buf, size_t size, struct qb_error *err)
{
	char path[64];
	ssize_t n;

	path_of(tgid, tid, file, path);
	n = qb_file_read(path, buf, size, err);
	return n < 0 ? gone((int)n) : 0;
}

/* The name may hold anything, so count from the last parenthesis. */
int qb_task_parse_stat(char *text, struct qb_task *task)
{
	char *name = strchr(text, '('), *rest = strrchr(text, ')');
	unsigned long flags;
	uint64_t start;
	unsigned cpu = 0, threads;
	char state;
	pid_t ppid;

	if (!name || !rest || rest < name ||
		sscanf(rest + 1,
			" %c %d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u %*d"
			" %" SCNu64
			" %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %u",
			&state, &ppid, &flags, &threads, &start, &cpu) < 5)
		return -EBADMSG;
	*rest = '\0';
	qb_text_copy(task->comm, sizeof(task->comm), name + 1);
	task->ppid = ppid;
	task->start = start;
	task->cpu = cpu;
	task->threads = threads;
	task->kernel = flags & PF_KTHREAD;
	task->fixed = flags & PF_NO_SETAFFINITY;
	task->ended = state == 'Z' || state == 'X';
	task->stopped = state == 'T' || state == 't';
	return 0;
}

static int read_stat(pid_t tgid, pid_t tid, struct qb_task *task, struct qb_error *err)
{
	char text[1024];
	int r = read_file(tgid, tid, "stat", text, sizeof(text), err);

	if (r == 0 && qb_task_parse_stat(text, task) < 0)
		r = qb_error_set(
			err, EBADMSG, "read /proc/%d/stat: not as the kernel writes it", tid);
	return r;
}

/* The value of a line "Name:\tvalue", or NULL. The line is cut off in place. */
static char *status_line(char *status, const char *name)
{
	size_t len = strlen(name);

	for (char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		return line;
	}
	return NULL;
}

int qb_task_parse_status(char *text, struct qb_task *task)
{
	char *tgid = status_line(text, "Tgid"), *allowed = status_line(text, "Cpus_allowed");
	const char *uids = status_line(text, "Uid");
	uid_t its[QB_ARRAY_SIZE(task->uids)];
	struct qb_cpus mask;
	int64_t number;

	memset(its, 0xff, sizeof(its));
	if (uids && sscanf(uids, "%u %u %u %u", &its[0], &its[1], &its[2], &its[3]) != 4)
		return -EBADMSG;
	if (!tgid || !allowed)
		return -EBADMSG;
	tgid[strcspn(tgid, "\n")] = '\0';
	allowed[strcspn(allowed, "\n")] = '\0';
	if (qb_number_parse(tgid, &number) < 0 || number < 1 || number > INT_MAX ||
		strlen(allowed) >= sizeof(task->allowed) || qb_cpus_parse_hex(allowed, &mask) < 0)
		return -EBADMSG;
	task->tgid = (pid_t)number;
	memcpy(task->uids, its, sizeof(its));
	qb_text_copy(task->allowed, sizeof(task->allowed), allowed);
	return 0;
}

/* As long as it likes: a process may be in 65536 groups, and all of them stand in its status. */
static int read_status(pid_t tgid, pid_t tid, struct qb_task *task, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	ssize_t n;

	path_of(tgid, tid, "status", path);
	n = qb_file_read_all(path, &text, err);
	if (n < 0)
		return gone((int)n);
	if (qb_task_parse_status(text, task) < 0)
		return qb_error_set(err, EBADMSG,
			"read %s: no Tgid, or no Cpus_allowed of at most %d CPUs", path,
			QB_CPUS_MAX);
	return 0;
}

void qb_task_keep_off(const struct qb_selection *selection)
{
	if (selection->isolation == QB_ISOLATION_NONE && qb_cpus_empty(&selection->offline) &&
		!qb_cpus_empty(&selection->housekeeping))
		(void)qb_task_set_affinity(gettid(), &selection->housekeeping, NULL);
}

/* A number of /proc/TID/schedstat; -1: not told. */
static int64_t schedstat(pid_t tid, int which)
{
	char path[64], text[128];
	int64_t numbers[2];

	qb_text_format(path, sizeof(path), "/proc/%d/schedstat", tid);
	if (qb_file_read(path, text, sizeof(text), NULL) < 0 ||
		sscanf(text, "%" SCNd64 " %" SCNd64, &numbers[0], &numbers[1]) != 2)
		return -1;
	return numbers[which];
}

int64_t qb_task_ran(pid_t tid)
{
	return schedstat(tid, 0);
}

int64_t qb_task_waited(pid_t tid)
{
	return schedstat(tid, 1);
}

bool qb_task_is_kernel(pid_t tid)
{
	static struct qb_task task;

	return qb_task_read(tid, &task, NULL) == 0 && task.kernel;
}

bool qb_task_descends(pid_t pid, pid_t ancestor)
{
	struct qb_task task;

	while (pid > 1 && pid != ancestor)
		pid = qb_task_read(pid, &task, NULL) < 0 ? 0 : task.ppid;
	return pid == ancestor;
}

bool qb_task_has_ended(pid_t pid)
{
	struct qb_task task;

	return (kill(pid, 0) < 0 && errno == ESRCH) ||
	       (qb_task_read(pid, &task, NULL) == 0 && task.ended);
}

bool qb_task_is_of(const struct qb_task *task, uid_t uid)
{
	for (size_t i = 0; uid && i < QB_ARRAY_SIZE(task->uids); i++)
		if (task->uids[i] != uid)
			return false;
	return true;
}

struct qb_unit qb_task_unit(const struct qb_task *task)
{
	return (struct qb_unit){.number = (uint32_t)task->tid, .key = task->start};
}

int qb_task_set_affinity(pid_t tid, const struct qb_cpus *cpus, struct qb_error *err)
{
	_cleanup_free_ cpu_set_t *set = CPU_ALLOC(QB_CPUS_MAX);
	size_t size = CPU_ALLOC_SIZE(QB_CPUS_MAX);

	if (!set)
		return qb_error_errno(err, ENOMEM, "set the affinity of task %d", tid);
	CPU_ZERO_S(size, set);
	qb_cpus_foreach (cpu, cpus)
		CPU_SET_S(cpu, size, set);
	if (sched_setaffinity(tid, size, set) < 0)
		return qb_error_errno(err, errno, "set the affinity of task %d", tid);
	return 0;
}

/* The next numbered entry of a folder of /proc, 0 at the end, or a negative errno. */
static pid_t next_number(DIR *dir, struct qb_error *err)
{
	const struct dirent *entry;
	int r;

	while ((r = qb_dir_next(dir, "the processes in /proc", &entry, err)) > 0) {
		char *end;
		long number = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && number > 0)
			return (pid_t)number;
	}
	return r;
}

static int open_proc(struct qb_tasks *walk, struct qb_error *err)
{
	walk->proc = opendir("/proc");
	if (!walk->proc)
		return qb_error_errno(err, errno, "list /proc");
	return 0;
}

void qb_tasks_skip(struct qb_tasks *walk, const struct qb_error *why)
{
	if (why->code != ESRCH && why->code != ENOENT && walk->unreadable++ == 0)
		walk->why = *why;
}

/* How many threads the process has: each is a link of this folder, besides two. */
static int count_threads(struct qb_tasks *walk, struct qb_error *err)
{
	char path[64];
	struct stat st;

	qb_text_format(path, sizeof(path), "/proc/%d/task", walk->tgid);
	if (stat(path, &st) < 0)
		return gone(qb_error_errno(err, errno, "look at %s", path));
	walk->n_threads = st.st_nlink > 2 ? (unsigned)st.st_nlink - 2 : 0;
	return 0;
}

/* One thread. A process' first is looked at first, and gives it its name. */
static int read_next(struct qb_tasks *walk, pid_t tid, struct qb_task *ret, struct qb_error *err)
{
	struct qb_task task = {.tid = tid, .tgid = walk->tgid};
	int r;

	if (walk->only_ids) {
		*ret = task;
		return tid == walk->tgid ? count_threads(walk, err) : 0;
	}
	r = read_stat(walk->tgid, tid, &task, err);
	if (r < 0)
		return r;
	if (tid == walk->tgid) {
		walk->n_threads = task.threads;
		qb_text_copy(walk->process, sizeof(walk->process), task.comm);
	}
	if (task.ended)
		return -ESRCH;
	if (!walk->no_masks)
		r = read_status(walk->tgid, tid, &task, err);
	if (r == 0 && !walk->process[0])
		r = read_file(
			walk->tgid, walk->tgid, "comm", walk->process, sizeof(walk->process), err);
	if (r < 0)
		return r;
	qb_text_copy(task.process, sizeof(task.process), walk->process);
	*ret = task;
	return 0;
}

/* The list of a process' threads, where it has more than the one that its stat tells of. */
static int list_threads(struct qb_tasks *walk, struct qb_error *err)
{
	char path[64];

	if (walk->n_threads == 1)
		return 0;
	qb_text_format(path, sizeof(path), "/proc/%d/task", walk->tgid);
	walk->threads = opendir(path);
	return walk->threads ? 0 : gone(qb_error_errno(err, errno, "list %s", path));
}

/* The first thread of the next process: 1 and *ret; 0 at the end. A negative errno: none here. */
static int next_process(struct qb_tasks *walk, struct qb_task *ret, struct qb_error *why)
{
	struct qb_error again = {0};
	int r, listed;

	walk->process[0] = '\0';
	walk->n_threads = 0;
	walk->tgid = next_number(walk->proc, why);
	if (walk->tgid <= 0)
		return 0;
	r = read_next(walk, walk->tgid, ret, why);
	listed = list_threads(walk, r < 0 ? &again : why);
	if (r < 0)
		return r;
	if (listed < 0)
		qb_tasks_skip(walk, why);
	return 1;
}

/* The next of the other threads: 1; a negative errno: not this one, or no more. */
static int next_thread(struct qb_tasks *walk, struct qb_task *ret, struct qb_error *why)
{
	pid_t tid;

	do
		tid = next_number(walk->threads, why);
	while (tid == walk->tgid);
	if (tid > 0) {
		int r = read_next(walk, tid, ret, why);

		return r < 0 ? r : 1;
	}
	closedir(walk->threads);
	walk->threads = NULL;
	return tid < 0 ? tid : -ESRCH;
}

int qb_tasks_next(struct qb_tasks *walk, struct qb_task *ret, struct qb_error *err)
{
	int r = walk->proc ? 0 : open_proc(walk, err);

	if (r < 0)
		return r;
	for (;;) {
		struct qb_error why = {0};

		r = walk->threads ? next_thread(walk, ret, &why) : next_process(walk, ret, &why);
		if (r == 0 && walk->tgid < 0 && err)
			*err = why;
		if (r == 0)
			return walk->tgid;
		if (r > 0)
			return 1;
		why.code = -r;
		qb_tasks_skip(walk, &why);
	}
}

void qb_tasks_close(struct qb_tasks *walk)
{
	if (walk->threads)
		closedir(walk->threads);
	if (walk->proc)
		closedir(walk->proc);
	walk->threads = walk->proc = NULL;
}
