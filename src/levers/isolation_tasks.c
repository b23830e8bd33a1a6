/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation.h: the affinity and the v1 cpuset of single threads, on the way there. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <levers/smt.h>
#include <quietbench/lever.h>

static int read_affinity(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	struct qb_task task;
	int r = qb_task_read((pid_t)unit->number, &task, err);

	if (r < 0)
		return r;
	if (task.ended || task.start != unit->key)
		return qb_error_set(err, ESRCH, "task %u has ended", unit->number);
	/* It was seen between its birth and that: its mask is the kernel's own since, and none of ours. */
	if (task.fixed)
		return qb_error_set(
			err, ESRCH, "task %u is a worker that the kernel has bound", unit->number);
	if (!qb_text_copy(buf, size, task.allowed))
		return qb_error_set(
			err, EFBIG, "the affinity of task %u is too long", unit->number);
	return 0;
}

/* Every CPU that its cpuset leaves it now, which somebody's partition may have cut down? */
static bool has_all_granted(pid_t tid, const struct qb_cpus *mask, const struct qb_cpus *online)
{
	struct qb_cpus granted;

	if (qb_cpus_subset(online, mask))
		return true;
	return qb_caller_cpus(tid, &granted, NULL) == 0 && !qb_cpus_empty(&granted) &&
	       qb_cpus_subset(&granted, mask);
}

/*
 * A thread that may run wherever its cpuset lets it gets all-ones back, as at its birth: a mask of
 * today's CPUs would keep it off those that come online, or back to its cpuset, tomorrow (Linux since
 * 6.2 remembers what a thread was given). Only where it then reads otherwise than it
 * did, which is no more than a choice of offline CPUs, it gets that choice. Where the kernel gave
 * it back itself, with the removal of a group, a write could only lose: Linux before 6.3 cuts it
 * down to what is online.
 */
static int write_affinity(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	struct qb_cpus mask, online, all;
	char now[QB_TASK_MASK];
	int r = qb_held_open((pid_t)unit->number, unit->key, &held, err);

	if (r < 0)
		return r;
	r = read_affinity(lever, unit, now, sizeof(now), err);
	if (r < 0 || strcmp(now, text) == 0)
		return r;
	r = qb_host_online(&online, err);
	if (r < 0)
		return r;
	if (qb_cpus_parse_hex(text, &mask) < 0)
		return qb_error_set(err, EINVAL, "'%.64s' is not a mask of CPUs", text);
	if (has_all_granted((pid_t)unit->number, &mask, &online)) {
		memset(&all, 0xff, sizeof(all));
		r = qb_bind(&held, &all, err);
		if (r == 0)
			r = read_affinity(lever, unit, now, sizeof(now), err);
		if (r < 0 || strcmp(now, text) == 0)
			return r;
	}
	return qb_bind(&held, &mask, err);
}

static int judge_affinity(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	struct qb_cpus mask, online;
	int r = qb_host_online(&online, err);

	if (r < 0)
		return r;
	if (unit->number <= 1)
		return qb_error_set(err, EPERM, "process 1 is never re-bound");
	if (qb_cpus_parse_hex(text, &mask) < 0 || !qb_cpus_intersect(&mask, &online))
		return qb_error_set(
			err, EINVAL, "expected a mask with an online CPU, found '%.64s'", text);
	return 0;
}

/*
 * As sets, of the CPUs that are online: Linux before 6.3 cuts an affinity down to these, so that
 * nobody can give a thread its offline CPUs back, and nobody else's change could be seen in them.
 */
static bool same_affinity(const char *a, const char *b)
{
	struct qb_cpus x, y, online;

	if (strcmp(a, b) == 0)
		return true;
	if (qb_cpus_parse_hex(a, &x) < 0 || qb_cpus_parse_hex(b, &y) < 0)
		return false;
	if (qb_cpus_equal(&x, &y))
		return true;
	if (qb_host_online(&online, NULL) < 0)
		return false;
	qb_cpus_and(&x, &online);
	qb_cpus_and(&y, &online);
	return qb_cpus_equal(&x, &y);
}

/*
 * CPUs of the mask that its cpuset does not grant: they are offline (Linux before 6.3 cuts an affinity
 * down to what is online, and nobody gives the rest back when it comes), or somebody's partition has them,
 * or somebody has moved it.
 */
static bool lacks_affinity(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	struct qb_cpus lacking, now, granted, online;
	char mask[QB_TASK_MASK], list[QB_CPUS_TEXT];
	bool one, off;

	if (qb_cpus_parse_hex(text, &lacking) < 0 ||
		read_affinity(lever, unit, mask, sizeof(mask), NULL) < 0 ||
		qb_cpus_parse_hex(mask, &now) < 0 || qb_host_online(&online, NULL) < 0 ||
		qb_caller_cpus((pid_t)unit->number, &granted, NULL) < 0)
		return false;
	qb_cpus_andnot(&lacking, &now);
	if (qb_cpus_empty(&lacking) ||
		qb_cpus_intersect(&lacking, qb_cpus_empty(&granted) ? &online : &granted) ||
		qb_cpus_format_list(&lacking, list, sizeof(list)) < 0)
		return false;
	one = qb_cpus_count(&lacking) == 1;
	off = !qb_cpus_intersect(&lacking, &online);
	qb_error_set(err, ENODEV, "CPU %s %s %s", list, one ? "is" : "are",
		off ? "offline" : "kept from it by another program's cpuset");
	return true;
}

static bool ours_affinity(const struct qb_steps *steps, const struct qb_step *step, const char *now)
{
	return qb_isolation_displaced(steps, step, now) || qb_smt_widened(steps, step);
}

const struct qb_lever_ops qb_isolation_task_affinity_ops = {
	.read = read_affinity,
	.write = write_affinity,
	.judge = judge_affinity,
	.same = same_affinity,
	.lacks = lacks_affinity,
	.ours = ours_affinity,
};

static int read_group(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	int r = qb_held_open((pid_t)unit->number, unit->key, &held, err);

	return r < 0 ? r : qb_held_group(&held, QB_HIERARCHY_CPUSET, buf, size, err);
}

/* Into the housekeeping CPUs' group goes who is in the root. */
static int write_group(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const char *from = strcmp(text, QB_GROUP_HOUSEKEEPING) == 0 ? "/" : NULL;
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	struct qb_cgroups cgroups;
	int r = qb_held_open((pid_t)unit->number, unit->key, &held, err);

	if (r == 0)
		r = qb_cgroups_load(&cgroups, err);
	return r < 0 ? r : qb_move(&cgroups, QB_HIERARCHY_CPUSET, &held, from, text, true, err);
}

static int judge_group(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	if (unit->number <= 1)
		return qb_error_set(err, EPERM, "process 1 is never moved");
	if (strcmp(text, QB_GROUP_HOUSEKEEPING) != 0)
		return qb_error_set(err, EPERM, "threads are moved to %s and nowhere else",
			QB_GROUP_HOUSEKEEPING);
	return 0;
}

/* The group it was in has been removed, as an empty one may be at any time. */
static bool lacks_group(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cgroups cgroups;

	if (qb_cgroups_load(&cgroups, NULL) < 0 ||
		qb_cgroups_exists(&cgroups, QB_HIERARCHY_CPUSET, text))
		return false;
	qb_error_set(err, ENOENT, "its cpuset %s was removed", text);
	return true;
}

const struct qb_lever_ops qb_isolation_task_group_ops = {
	.read = read_group,
	.write = write_group,
	.judge = judge_group,
	.lacks = lacks_group,
};

/* What the threads of this session are looked at with. */
struct view {
	const struct qb_selection *selection;
	const struct qb_profile *profile;
	struct qb_cpus quiet; /* the benchmark's and its siblings */
	bool swept;	      /* the kernel has moved those that it moves itself */
};

static struct view view_of(const struct qb_selection *selection, const struct qb_profile *profile)
{
	struct view view = {.selection = selection, .profile = profile, .quiet = selection->bench};

	qb_cpus_or(&view.quiet, &selection->reserved);
	qb_cpus_or(&view.quiet, &selection->offline);
	return view;
}

/* Never ours to move: PID 1, kthreadd (whose children inherit), and what the profile exempts. */
static bool exempt(const struct view *view, const struct qb_task *task)
{
	const struct qb_setting *list = &view->profile->set[QB_KEY_CPUS_EXEMPT];

	if (task->tgid <= 2)
		return true;
	for (const char *word = NULL; (word = qb_setting_next(list, word));)
		if (strcmp(word, task->process) == 0)
			return true;
	return false;
}

/*
 * The mask without the benchmark's CPUs; all housekeeping CPUs for a thread that is bound to no other. False when it
 * keeps off them already.
 */
static bool restrict_mask(const struct view *view, const char *allowed, char *buf, size_t size)
{
	struct qb_cpus mask;

	if (qb_cpus_parse_hex(allowed, &mask) < 0 || !qb_cpus_intersect(&mask, &view->quiet))
		return false;
	qb_cpus_andnot(&mask, &view->quiet);
	if (!qb_cpus_intersect(&mask, &view->selection->housekeeping) &&
		!qb_cpus_intersect(&mask, &view->selection->isolated))
		mask = view->selection->housekeeping;
	return qb_cpus_format_hex(&mask, 0, buf, size) == 0;
}

static int add(struct qb_steps *steps, unsigned lever, const struct qb_task *task,
	const char *before, const char *wanted)
{
	return qb_steps_add(steps, lever, qb_task_unit(task), before, wanted) ? 0 : -ENOMEM;
}

/* A thread under the shield: moved as a member of the root, re-bound in somebody else's cpuset. */
static int add_shielded(const struct view *view, const struct qb_task *task, const char *before,
	struct qb_steps *steps, struct qb_error *err)
{
	char group[QB_GROUP_MAX], mask[QB_TASK_MASK];
	const char *wanted = NULL;
	int r = qb_cgroups_of(task->tid, QB_HIERARCHY_CPUSET, group, sizeof(group), err);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!exempt(view, task)) {
		if (strcmp(group, "/") == 0)
			r = add(steps, QB_LEVER_TASK_GROUP, task, group, QB_GROUP_HOUSEKEEPING);
		else if (restrict_mask(view, task->allowed, mask, sizeof(mask)))
			wanted = mask;
	}
	return r < 0 ? r : add(steps, QB_LEVER_TASK_AFFINITY, task, before, wanted);
}

/* `before` is the mask to give back one day: what the thread has, unless we know better. */
static int add_task(const struct view *view, const struct qb_task *task, const char *before,
	struct qb_steps *steps, struct qb_error *err)
{
	char mask[QB_TASK_MASK];
	const char *wanted = NULL;
	bool bind = false;

	switch ((enum qb_isolation)view->selection->isolation) {
	case QB_ISOLATION_NONE: break; /* siblings go offline: masks change all the same */
	case QB_ISOLATION_PARTITION: bind = view->swept; break;
	case QB_ISOLATION_SHIELD: return add_shielded(view, task, before, steps, err);
	case QB_ISOLATION_AFFINITY: bind = true; break;
	}
	if (bind && !exempt(view, task) && restrict_mask(view, task->allowed, mask, sizeof(mask)))
		wanted = mask;
	return add(steps, QB_LEVER_TASK_AFFINITY, task, before, wanted);
}

int qb_isolation_tell_unread(const struct qb_tasks *walk, struct qb_steps *steps, const char *what)
{
	return walk->unreadable
		       ? qb_steps_refuse(steps, QB_LEVER_TASK_AFFINITY, QB_STATUS_UNSUPPORTED,
				 "%u tasks cannot be read and %s (%s)", walk->unreadable, what,
				 walk->why.text)
		       : 0;
}

/*
 * Threads whose mask nobody can set (per-CPU and worker threads of the kernel) get no step: where
 * a partition moves a worker, only the kernel could move it back, and its pool does in time.
 */
int qb_isolation_snapshot(const struct qb_selection *selection, const struct qb_profile *profile,
	struct qb_steps *steps, struct qb_error *err)
{
	const struct view view = view_of(selection, profile);
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
	struct qb_task task;
	int r;

	if (selection->isolation == QB_ISOLATION_NONE && qb_cpus_empty(&selection->offline))
		return 0;
	while ((r = qb_tasks_next(&walk, &task, err)) > 0) {
		struct qb_error why = {0};

		r = task.fixed ? 0 : add_task(&view, &task, task.allowed, steps, &why);
		if (r == -ENOMEM)
			return qb_error_errno(err, ENOMEM, "remember the host's threads");
		if (r < 0)
			qb_tasks_skip(&walk, &why);
	}
	return r < 0 ? r : qb_isolation_tell_unread(&walk, steps, "stay where they are");
}

/* Does a thread still have to be kept off? Not when we tried already: what failed fails again. */
static bool escaped(const struct view *view, const struct qb_task *task, const struct qb_step *step)
{
	struct qb_cpus mask;

	return !task->fixed && !(step && step->wanted) && !exempt(view, task) &&
	       qb_cpus_parse_hex(task->allowed, &mask) == 0 &&
	       qb_cpus_intersect(&mask, &view->quiet);
}

/*
 * Who has to be moved by us. Out of a partition the kernel moves everybody, but (since 6.2) for a
 * thread that asked for CPUs of which outside only offline ones are left: it stays where it was.
 */
static bool sweeps(const struct qb_selection *selection, const struct qb_steps *steps)
{
	const struct qb_step *partition;

	switch ((enum qb_isolation)selection->isolation) {
	case QB_ISOLATION_NONE: return false;
	case QB_ISOLATION_AFFINITY:
	case QB_ISOLATION_SHIELD: return true;
	case QB_ISOLATION_PARTITION: break;
	}
	partition = qb_steps_find(steps, QB_LEVER_PARTITION, qb_unit_none());
	return partition && partition->status == QB_STATUS_APPLIED;
}

int qb_isolation_sweep(const struct qb_selection *selection, const struct qb_profile *profile,
	struct qb_steps *steps, struct qb_error *err)
{
	struct view view = view_of(selection, profile);
	_cleanup_(qb_task_index_free) struct qb_task_index masks = {0}, groups = {0};
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
	struct qb_task task;
	size_t told;
	int r, n = 0;

	if (!sweeps(selection, steps))
		return 0;
	view.swept = true;
	r = qb_task_index_make(&masks, steps, QB_LEVER_TASK_AFFINITY, err);
	if (r == 0)
		r = qb_task_index_make(&groups, steps, QB_LEVER_TASK_GROUP, err);
	if (r < 0)
		return r;
	while ((r = qb_tasks_next(&walk, &task, err)) > 0) {
		const struct qb_step *step = qb_task_index_find(&masks, task.tid, task.start);
		const char *before = step ? step->before : task.allowed;
		struct qb_error why = {0};

		if (!escaped(&view, &task, step) ||
			qb_task_index_find(&groups, task.tid, task.start))
			continue;
		r = add_task(&view, &task, before, steps, &why);
		if (r == -ENOMEM)
			return qb_error_errno(err, ENOMEM, "remember the host's threads");
		if (r < 0)
			qb_tasks_skip(&walk, &why);
		n += r == 0;
	}
	told = steps->n;
	if (r == 0)
		r = qb_isolation_tell_unread(&walk, steps, "stay where they are");
	return r < 0 ? r : n + (int)(steps->n - told);
}
