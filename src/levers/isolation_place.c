/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation.h: moving the benchmark into the run's group, and what is left of it out again. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/systemd.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* In qb_journal_bench.origin, after the groups of both hierarchies: the mask it came with. */
#define ORIGIN_MASK QB_HIERARCHY_COUNT

/* The scope of a benchmark under systemd; the one of a preflight before it may still be there. */
static void scope_of(const struct qb_journal_bench *bench, char *buf, size_t size)
{
	qb_text_format(buf, size, "quietbench-%s-%d.scope", bench->joined ? "joined" : "run",
		bench->placed);
}

/*
 * The group whose members, with those of the groups below, are in a benchmark's care: all that a
 * session conditioned, or what is a joined run's own. False where there is none (any more).
 */
static bool group_of(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const struct qb_journal_bench *bench, char *buf, size_t size)
{
	const bool systemd = hierarchy == QB_HIERARCHY_V2 && qb_systemd_booted();
	char scope[64];

	scope_of(bench, scope, sizeof(scope));
	if (!bench->joined)
		qb_text_copy(buf, size, systemd ? QB_GROUP_SLICE : QB_GROUP_RUN);
	else if (systemd)
		qb_text_format(buf, size, QB_GROUP_SLICE "/%s", scope);
	else
		qb_text_format(buf, size, QB_GROUP_RUN "/joined-%d", bench->placed);
	return qb_cgroups_exists(cgroups, hierarchy, buf);
}

bool qb_isolation_inside(const struct qb_journal_bench *bench, pid_t pid)
{
	char top[QB_GROUP_MAX], group[QB_GROUP_MAX];
	struct qb_cgroups cgroups;
	struct qb_task task;
	bool any = false;

	if (qb_cgroups_load(&cgroups, NULL) < 0)
		return false;
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		enum qb_hierarchy hierarchy = (enum qb_hierarchy)i;

		if (!group_of(&cgroups, hierarchy, bench, top, sizeof(top)))
			continue;
		any = true;
		if (qb_cgroups_of(pid, hierarchy, group, sizeof(group), NULL) == 0 &&
			qb_cgroups_below(group, top))
			return true;
	}
	return !any && qb_task_read(bench->pid, &task, NULL) == 0 && task.start == bench->start &&
	       qb_task_descends(pid, bench->pid);
}

int qb_isolation_origin(
	const struct qb_held *held, uid_t uid, struct qb_journal_bench *ret, struct qb_error *err)
{
	struct qb_journal_bench bench = {.pid = held->tid, .placed = held->tid, .uid = uid};
	struct qb_error why = {0};
	struct qb_task task;
	int r = qb_held_task(held, &task, err);

	if (r < 0)
		return r;
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		r = qb_held_group(
			held, (enum qb_hierarchy)i, bench.origin[i], sizeof(bench.origin[i]), &why);
		if (r < 0 && r != -ENOENT) /* no such hierarchy here: nothing to go back to */
			return qb_error_set(err, -r, "%s", why.text);
	}
	bench.start = task.start;
	/* Beyond some 900 CPUs the mask does not fit; survivors then may run everywhere. */
	if (!qb_text_copy(
		    bench.origin[ORIGIN_MASK], sizeof(bench.origin[ORIGIN_MASK]), task.allowed))
		bench.origin[ORIGIN_MASK][0] = '\0';
	*ret = bench;
	return 0;
}

/* Is there a limit of swap to set? Only where the memory controller is on for the group. */
static bool has_swap_limit(const struct qb_cgroups *cgroups, const char *group)
{
	char path[QB_GROUP_PATH];

	return qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, "memory.swap.max", path,
		       sizeof(path), NULL) == 0 &&
	       qb_file_exists(path);
}

/* Writes a file of a group. */
static int write_to(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *group, const char *file, const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_cgroups_path(cgroups, hierarchy, group, file, path, sizeof(path), err);

	return r < 0 ? r : qb_file_write(path, text, err);
}

/* A shared run's group below ours: it cannot use other runs' CPUs, whatever it does. */
static int confine_v2(const struct qb_cgroups *cgroups, const char *group,
	const struct qb_cpus *cpus, struct qb_error *err)
{
	char list[QB_CPUS_TEXT];
	int r = qb_cpus_format_list(cpus, list, sizeof(list));

	if (r < 0)
		return qb_error_errno(err, -r, "name the CPUs of the run");
	r = write_to(
		cgroups, QB_HIERARCHY_V2, QB_GROUP_RUN, "cgroup.subtree_control", "+cpuset", err);
	return r < 0 ? r : write_to(cgroups, QB_HIERARCHY_V2, group, "cpuset.cpus", list, err);
}

/* Holds the place in a scope until the benchmark is in it; it has nothing, and goes with us. */
static pid_t start_placeholder(void)
{
	const pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	close_range(0, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (getppid() == parent)
		poll(NULL, 0, -1);
	_exit(0);
}

/* The run's group, which no process of the caller's is in. `*ret_placeholder` is ended when one is. */
static int make_group(const struct qb_cgroups *cgroups, const struct qb_journal_bench *bench,
	const char *group, const struct qb_systemd_limits *limits, pid_t *ret_placeholder,
	struct qb_error *err)
{
	if (!qb_systemd_booted())
		return qb_cgroups_exists(cgroups, QB_HIERARCHY_V2, group)
			       ? 0
			       : qb_cgroups_create(cgroups, QB_HIERARCHY_V2, group, err);
	/* systemd goes by numbers, and lets in whoever has the number: so it gets one of ours. */
	*ret_placeholder = start_placeholder();
	if (*ret_placeholder < 0)
		return qb_error_errno(err, errno, "hold the place of the benchmark");
	return qb_systemd_start_scope(
		strrchr(group, '/') + 1, QB_SLICE_NAME, *ret_placeholder, limits, err);
}

/*
 * First everything that the caller's groups enforce, then the benchmark. Of a run that joined from
 * inside most is enforced already; one from outside (a lease) brings its own.
 */
static int place_v2(const struct qb_cgroups *cgroups, const struct qb_selection *selection,
	bool lock, const struct qb_journal_bench *bench, const struct qb_held *held,
	struct qb_error *err)
{
	const char *origin = bench->origin[QB_HIERARCHY_V2];
	const bool systemd = qb_systemd_booted();
	struct qb_systemd_limits limits;
	char group[QB_GROUP_MAX], scope[64];
	pid_t placeholder = 0;
	int r;

	if (!qb_cgroups_exists(cgroups, QB_HIERARCHY_V2, qb_isolation_cpus_group()))
		return 0;
	scope_of(bench, scope, sizeof(scope));
	if (systemd)
		qb_text_format(group, sizeof(group), QB_GROUP_SLICE "/%s", scope);
	else
		group_of(cgroups, QB_HIERARCHY_V2, bench, group, sizeof(group));
	r = qb_isolation_limits_of(cgroups, origin, group, &limits, err);
	if (r < 0)
		return r;
	if (bench->confined)
		limits.cpus = &selection->bench;
	if (lock && systemd)
		limits.swap_max = 0;
	r = make_group(cgroups, bench, group, &limits, &placeholder, err);
	if (lock && has_swap_limit(cgroups, group))
		limits.swap_max = 0;
	if (r == 0 && !systemd)
		r = qb_isolation_limits_impose(cgroups, group, &limits, err);
	if (r == 0)
		r = qb_isolation_keep_programs(cgroups, origin, group, err);
	if (r == 0 && !systemd && bench->confined && selection->isolation == QB_ISOLATION_PARTITION)
		r = confine_v2(cgroups, group, &selection->bench, err);
	if (r == 0)
		r = qb_move(cgroups, QB_HIERARCHY_V2, held, origin, group, false, err);
	if (placeholder > 0 && kill(placeholder, SIGKILL) == 0)
		waitpid(placeholder, NULL, 0);
	return r;
}

/* A cpuset takes no process before it has CPUs and memory nodes: those of the one above, or `cpus`. */
static int fill_cpuset(const struct qb_cgroups *cgroups, const char *group,
	const struct qb_cpus *cpus, struct qb_error *err)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < QB_ARRAY_SIZE(files); i++) {
		char from[QB_GROUP_PATH], text[QB_CPUS_TEXT];

		r = qb_cgroups_path(cgroups, QB_HIERARCHY_CPUSET, QB_GROUP_RUN, files[i], from,
			sizeof(from), err);
		if (r == 0)
			r = (int)qb_file_read(from, text, sizeof(text), err);
		if (r >= 0 && i == 0 && cpus)
			r = qb_cpus_format_list(cpus, text, sizeof(text));
		if (r >= 0)
			r = write_to(cgroups, QB_HIERARCHY_CPUSET, group, files[i], text, err);
	}
	return r;
}

static int place_v1(const struct qb_cgroups *cgroups, const struct qb_selection *selection,
	const struct qb_journal_bench *bench, const struct qb_held *held, struct qb_error *err)
{
	const char *origin = bench->origin[QB_HIERARCHY_CPUSET];
	char group[QB_GROUP_MAX];
	int r = 0;

	if (!qb_cgroups_exists(cgroups, QB_HIERARCHY_CPUSET, QB_GROUP_RUN))
		return 0;
	if (!group_of(cgroups, QB_HIERARCHY_CPUSET, bench, group, sizeof(group))) {
		r = qb_cgroups_create(cgroups, QB_HIERARCHY_CPUSET, group, err);
		if (r == 0)
			r = fill_cpuset(
				cgroups, group, bench->confined ? &selection->bench : NULL, err);
	}
	if (r >= 0)
		r = qb_isolation_check_nodes(cgroups, origin, group, err);
	return r < 0 ? r : qb_move(cgroups, QB_HIERARCHY_CPUSET, held, origin, group, false, err);
}

static int bind_bench(const struct qb_held *held, const struct qb_cpus *cpus, struct qb_error *err)
{
	char list[128];
	int r = qb_bind(held, cpus, err);

	if (r != -EINVAL)
		return r;
	if (qb_cpus_format_list(cpus, list, sizeof(list)) < 0)
		qb_text_copy(list, sizeof(list), "it was given");
	return qb_error_set(err, EINVAL,
		"place the benchmark: its cpuset does not allow the CPUs %s (choose other CPUs, -c)",
		list);
}

int qb_isolation_place(const struct qb_selection *selection, bool lock,
	const struct qb_journal_bench *bench, const struct qb_held *held, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	r = place_v2(&cgroups, selection, lock, bench, held, err);
	if (r == 0)
		r = place_v1(&cgroups, selection, bench, held, err);
	if (r == 0 && selection->isolation == QB_ISOLATION_AFFINITY)
		r = bind_bench(held, &selection->bench, err);
	if (r < 0) /* halfway */
		qb_isolation_empty(bench, false, NULL, NULL);
	return r;
}

/* ---- the way out ---- */

struct leaving {
	const struct qb_cgroups *cgroups;
	enum qb_hierarchy hierarchy;
	const struct qb_journal_bench *bench;
	const char *group;
	bool end;   /* the user's are ended */
	bool named; /* of the other hierarchy, where they are, too */
	struct left {
		pid_t pid;
		char comm[32];
	} * left; /* who was moved: told when all are */
	size_t n, cap;
};

/* No memory: it is moved all the same, without a word. */
static void remember(struct leaving *l, const struct qb_task *task)
{
	if (l->named || (l->n && l->left[l->n - 1].pid == task->tgid))
		return; /* another thread of it */
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct left *left = realloc(l->left, cap * sizeof(*left));

		if (!left)
			return;
		l->left = left;
		l->cap = cap;
	}
	l->left[l->n].pid = task->tgid;
	qb_text_copy(l->left[l->n++].comm, sizeof(l->left->comm), task->process);
}

/* Back to its group; where that is gone or takes no processes, to the nearest above that does. */
static int move_back(const struct leaving *l, const struct qb_held *held, struct qb_error *err)
{
	const char *origin = l->bench->origin[l->hierarchy];
	char group[QB_GROUP_MAX];

	qb_text_copy(group, sizeof(group), *origin == '/' ? origin : "/");
	for (;;) {
		char *slash = strrchr(group, '/');
		int r = qb_move(l->cgroups, l->hierarchy, held, l->group, group,
			l->hierarchy == QB_HIERARCHY_CPUSET, err);

		if (r == 0 || r == -ESRCH || !group[1])
			return r;
		slash[slash == group] = '\0';
	}
}

/* It may have been bound, by us or itself, to CPUs that were its own for the run. v1: this thread. */
static void unbind(const struct leaving *l, const struct qb_held *held, const struct qb_task *task)
{
	const char *origin = l->bench->origin[ORIGIN_MASK];
	_cleanup_free_ unsigned *tids = NULL;
	struct qb_cpus mask;
	char path[64];
	size_t n = 0;

	if (!*origin || qb_cpus_parse_hex(origin, &mask) < 0)
		memset(&mask, 0xff, sizeof(mask));
	if (l->hierarchy == QB_HIERARCHY_CPUSET) {
		(void)qb_bind(held, &mask, NULL);
		return;
	}
	qb_text_format(path, sizeof(path), "/proc/%d/task", task->tgid);
	if (qb_dir_numbers(path, "", &tids, &n, NULL) < 0)
		return; /* it ended */
	for (size_t i = 0; i < n; i++) {
		_cleanup_(qb_held_close) struct qb_held thread = QB_HELD_NONE;
		struct qb_task its;

		if (qb_held_open((pid_t)tids[i], 0, &thread, NULL) == 0 &&
			qb_held_task(&thread, &its, NULL) == 0 && its.tgid == task->tgid)
			(void)qb_bind(&thread, &mask, NULL);
	}
}

/* What cannot be looked at is nobody's to end. */
static int let_go(void *data, const struct qb_held *held, struct qb_error *err)
{
	struct leaving *l = data;
	struct qb_task task = {.tid = held->tid, .tgid = held->tid};
	bool its = qb_held_task(held, &task, NULL) == 0 && qb_task_is_of(&task, l->bench->uid);
	int r;

	if (l->end && its)
		return qb_end(held, err);
	r = move_back(l, held, err);
	if (r < 0)
		return r;
	remember(l, &task);
	unbind(l, held, &task);
	return !its;
}

/*
 * A scope that a dead session asked for may still be on its way: only then is the group's list
 * of members the last word.
 */
static int wait_for_scope(const struct qb_cgroups *cgroups, const struct qb_journal_bench *bench,
	struct qb_error *err)
{
	char scope[64];

	if (!qb_systemd_booted() || !qb_cgroups_exists(cgroups, QB_HIERARCHY_V2, QB_GROUP_SLICE))
		return 0;
	scope_of(bench, scope, sizeof(scope));
	return qb_systemd_settle(scope, err);
}

/* The groups of a run that joined are no steps: who emptied them removes them. A scope goes by itself. */
static int empty_group(struct leaving *l, struct qb_error *err)
{
	char group[QB_GROUP_MAX];
	int r;

	if (!group_of(l->cgroups, l->hierarchy, l->bench, group, sizeof(group)))
		return 0;
	l->group = group;
	r = qb_cgroups_empty(l->cgroups, l->hierarchy, group, let_go, l, err);
	l->named = true;
	if (r == 0 && l->bench->joined && (l->hierarchy != QB_HIERARCHY_V2 || !qb_systemd_booted()))
		r = qb_cgroups_remove(l->cgroups, l->hierarchy, group, err);
	return r;
}

int qb_isolation_empty(const struct qb_journal_bench *bench, bool end,
	const struct qb_isolation_seen *seen, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	struct leaving l = {.cgroups = &cgroups, .bench = bench, .end = end};
	int r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	r = wait_for_scope(&cgroups, bench, err);
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		int failed;

		l.hierarchy = (enum qb_hierarchy)i;
		failed = empty_group(&l, r < 0 ? NULL : err);
		r = r < 0 ? r : failed;
	}
	for (size_t i = 0; seen && seen->seen && i < l.n; i++)
		seen->seen(seen->data, l.left[i].pid, l.left[i].comm);
	free(l.left);
	return r;
}
