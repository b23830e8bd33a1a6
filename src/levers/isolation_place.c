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

/* In qb_journal_bench.origin, after the groups of both hierarchies: the mask it came with. */
#define ORIGIN_MASK QB_HIERARCHY_COUNT

/* The run's group in a hierarchy, or NULL where it has none. */
static const char *run_group(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy)
{
	const char *group = hierarchy == QB_HIERARCHY_V2 ? qb_isolation_run_group() : QB_GROUP_RUN;

	return qb_cgroups_exists(cgroups, hierarchy, group) ? group : NULL;
}

int qb_isolation_origin(pid_t pid, struct qb_journal_bench *ret, struct qb_error *err)
{
	struct qb_journal_bench bench = {.pid = pid};
	struct qb_error why = {0};
	struct qb_task task;
	int r = qb_task_read(pid, &task, err);

	if (r < 0)
		return r;
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		r = qb_cgroups_of(
			pid, (enum qb_hierarchy)i, bench.origin[i], sizeof(bench.origin[i]), &why);
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

/* A pidfd becomes readable when its process ends. */
static bool is_dead(int pidfd)
{
	struct pollfd watched = {.fd = pidfd, .events = POLLIN};

	return poll(&watched, 1, 0) != 0;
}

static int place_v2(const struct qb_cgroups *cgroups, const struct qb_journal_bench *bench,
	struct qb_error *err)
{
	const char *origin = bench->origin[QB_HIERARCHY_V2];
	bool systemd = qb_systemd_booted();
	struct qb_systemd_limits limits;
	int r;

	if (!qb_cgroups_exists(cgroups, QB_HIERARCHY_V2, systemd ? QB_GROUP_SLICE : QB_GROUP_RUN))
		return 0;
	r = qb_isolation_limits_of(cgroups, origin, &limits, err);
	if (r < 0)
		return r;
	if (systemd)
		return qb_systemd_start_scope(
			QB_SCOPE_NAME, QB_SLICE_NAME, bench->pid, &limits, err);
	r = qb_isolation_limits_impose(cgroups, QB_GROUP_RUN, &limits, err);
	if (r < 0)
		return r;
	return qb_cgroups_move(cgroups, QB_HIERARCHY_V2, QB_GROUP_RUN, bench->pid, err);
}

static int place_v1(const struct qb_cgroups *cgroups, const struct qb_journal_bench *bench,
	struct qb_error *err)
{
	if (!run_group(cgroups, QB_HIERARCHY_CPUSET))
		return 0;
	return qb_cgroups_move(cgroups, QB_HIERARCHY_CPUSET, QB_GROUP_RUN, bench->pid, err);
}

static int bind_bench(pid_t pid, const struct qb_cpus *cpus, struct qb_error *err)
{
	char list[128];
	int r = qb_task_set_affinity(pid, cpus, err);

	if (r != -EINVAL)
		return r;
	if (qb_cpus_format_list(cpus, list, sizeof(list)) < 0)
		qb_text_copy(list, sizeof(list), "it was given");
	return qb_error_set(err, EINVAL,
		"place the benchmark: its cpuset does not allow it the CPUs %s (choose others, -c)",
		list);
}

int qb_isolation_place(const struct qb_selection *selection, const struct qb_journal_bench *bench,
	int pidfd, struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	if (is_dead(pidfd))
		return qb_error_set(
			err, ESRCH, "place the benchmark: process %d is gone", bench->pid);
	r = place_v2(&cgroups, bench, err);
	if (r == 0)
		r = place_v1(&cgroups, bench, err);
	if (r == 0 && selection->isolation == QB_ISOLATION_AFFINITY)
		r = bind_bench(bench->pid, &selection->bench, err);
	if (r == 0 && is_dead(pidfd))
		r = qb_error_set(
			err, ESRCH, "place the benchmark: process %d ended meanwhile", bench->pid);
	/* Whoever bears its number now was moved in its stead, or it died halfway: out again. */
	if (r < 0)
		qb_isolation_evict(bench, NULL, NULL);
	return r;
}

/* Back to its group; where that is gone or takes no processes, to the nearest above that does. */
static int move_back(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const char *origin, pid_t pid, struct qb_error *err)
{
	char group[QB_GROUP_MAX];

	qb_text_copy(group, sizeof(group), *origin == '/' ? origin : "/");
	for (;;) {
		char *slash = strrchr(group, '/');
		int r = qb_cgroups_move(cgroups, hierarchy, group, pid, err);

		if (r == 0 || r == -ESRCH || !group[1])
			return r == -ESRCH ? 0 : r;
		slash[slash == group] = '\0';
	}
}

/* It may have been bound, by us or itself, to CPUs that were its own for the run. */
static void unbind(const struct qb_journal_bench *bench, pid_t pid)
{
	const char *origin = bench->origin[ORIGIN_MASK];
	_cleanup_free_ unsigned *tids = NULL;
	struct qb_cpus mask;
	char path[64];
	size_t n = 0;

	if (!*origin || qb_cpus_parse_hex(origin, &mask) < 0)
		memset(&mask, 0xff, sizeof(mask));
	qb_text_format(path, sizeof(path), "/proc/%d/task", pid);
	if (qb_dir_numbers(path, "", &tids, &n, NULL) < 0)
		return; /* it ended */
	for (size_t i = 0; i < n; i++)
		qb_task_set_affinity((pid_t)tids[i], &mask, NULL);
}

static void tell(const struct qb_isolation_seen *seen, pid_t pid)
{
	struct qb_task task;

	if (seen && seen->seen && qb_task_read(pid, &task, NULL) == 0)
		seen->seen(seen->data, pid, task.comm);
}

/* One look at one hierarchy. Returns how many were there. */
static int evict_round(const struct qb_cgroups *cgroups, enum qb_hierarchy hierarchy,
	const struct qb_journal_bench *bench, const struct qb_isolation_seen *seen,
	struct qb_error *err)
{
	const char *group = run_group(cgroups, hierarchy);
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	int r;

	if (!group)
		return 0;
	r = qb_cgroups_members(cgroups, hierarchy, group, &pids, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		tell(seen, pids[i]);
		r = move_back(cgroups, hierarchy, bench->origin[hierarchy], pids[i], err);
		unbind(bench, pids[i]);
	}
	return r < 0 ? r : (int)n;
}

/* A scope that a dead session asked for may still be on its way: only then is the group's list
 * of members the last word. */
static int wait_for_scope(const struct qb_cgroups *cgroups, struct qb_error *err)
{
	if (!qb_systemd_booted() || !qb_cgroups_exists(cgroups, QB_HIERARCHY_V2, QB_GROUP_SLICE))
		return 0;
	return qb_systemd_settle(QB_SCOPE_NAME, err);
}

/* Members fork while they are being moved; children of the moved are outside. */
#define EVICT_ROUNDS 100

int qb_isolation_evict(const struct qb_journal_bench *bench, const struct qb_isolation_seen *seen,
	struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int waited, r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	waited = wait_for_scope(&cgroups, err);
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		int round = 0;

		do
			r = evict_round(&cgroups, (enum qb_hierarchy)i, bench, seen, err);
		while (r > 0 && ++round < EVICT_ROUNDS);
		if (r > 0)
			r = qb_error_set(err, EAGAIN,
				"move back what is left of the benchmark: it forks faster than "
				"that");
		if (r < 0)
			return r;
		/* Who was in both was named already. */
		if (run_group(&cgroups, QB_HIERARCHY_V2))
			seen = NULL;
	}
	return waited;
}

int qb_isolation_end(struct qb_error *err)
{
	struct qb_cgroups cgroups;
	int waited, r = qb_cgroups_load(&cgroups, err);

	if (r < 0)
		return r;
	waited = wait_for_scope(&cgroups, err);
	for (int i = 0; r == 0 && i < QB_HIERARCHY_COUNT; i++) {
		const char *group = run_group(&cgroups, (enum qb_hierarchy)i);

		if (group)
			r = qb_cgroups_kill(&cgroups, (enum qb_hierarchy)i, group, err);
	}
	return r < 0 ? r : waited;
}
