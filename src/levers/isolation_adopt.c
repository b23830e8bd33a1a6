/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation.h: threads that were born during a session inherited what we imposed on their parents.
 * Here they get what their parents will get back.
 *
 * A cpuset change overwrites the masks of all its threads (Linux before 6.2 entirely), also that
 * of a thread which chose its own during the session: such masks are remembered too, so that the
 * undo of the cpuset does not cost anybody a choice we had no part in.
 */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <quietbench/lever.h>

static bool same(const char *a, const char *b)
{
	return qb_lever_same(QB_LEVER_TASK_AFFINITY, a, b);
}

/* A step that says: this thread has `left`, by our doing, and is to get `before`. */
static int add_adopted(struct qb_steps *steps, unsigned lever, const struct qb_task *task,
	const char *before, const char *left, struct qb_error *err)
{
	struct qb_step *step = qb_steps_add(steps, lever, qb_task_unit(task), before, NULL);

	if (step) {
		step->left = qb_steps_text(steps, left);
		step->intent = true;
	}
	if (!step || !step->left)
		return qb_error_errno(err, ENOMEM, "adopt task %d", task->tid);
	return 1;
}

struct survey {
	struct qb_steps *steps;
	struct qb_task_index masks, groups;
	struct qb_imposed imposed;
	bool shield;  /* threads were moved between v1 cpusets */
	bool settled; /* our groups and masks are undone */
};

static void survey_free(struct survey *survey)
{
	qb_task_index_free(&survey->masks);
	qb_task_index_free(&survey->groups);
	qb_imposed_free(&survey->imposed);
}

static int survey_make(struct survey *survey, struct qb_error *err)
{
	int r = qb_task_index_make(&survey->masks, survey->steps, QB_LEVER_TASK_AFFINITY, err);

	if (r == 0)
		r = qb_task_index_make(&survey->groups, survey->steps, QB_LEVER_TASK_GROUP, err);
	if (r == 0)
		r = qb_imposed_collect(&survey->imposed, survey->steps, err);
	survey->shield = survey->groups.n > 0;
	return r;
}

/* A thread in our housekeeping cpuset that no step of ours moved there: its parent was. */
static int adopt_group(
	const struct survey *survey, const struct qb_task *task, struct qb_error *err)
{
	const struct qb_step *parent;
	char group[QB_GROUP_MAX];
	int r;

	if (!survey->shield || qb_task_index_find(&survey->groups, task->tid, task->start))
		return 0;
	r = qb_cgroups_of(task->tid, QB_HIERARCHY_CPUSET, group, sizeof(group), err);
	if (r < 0)
		return r;
	if (strcmp(group, QB_GROUP_HOUSEKEEPING) != 0)
		return 0;
	parent = qb_task_index_ancestor(&survey->groups, task);
	return add_adopted(survey->steps, QB_LEVER_TASK_GROUP, task, parent ? parent->before : "/",
		group, err);
}

static bool everywhere(const char *mask)
{
	struct qb_cpus cpus, online;

	return qb_cpus_parse_hex(mask, &cpus) == 0 && qb_host_online(&online, NULL) == 0 &&
	       qb_cpus_subset(&online, &cpus);
}

/*
 * A thread without a step. Before the undo everybody gets one; after it, only the newborn that
 * carry what their parent had while we were at it: our mask, or every CPU, which is what the
 * removal of a cpuset left their parent with until its own mask was back.
 */
static int adopt_newborn(
	const struct survey *survey, const struct qb_task *task, struct qb_error *err)
{
	const struct qb_step *parent = qb_task_index_ancestor(&survey->masks, task);
	bool ours = qb_imposed_has(&survey->imposed, task->allowed) ||
		    (survey->settled && survey->imposed.cpusets && everywhere(task->allowed));
	const char *before = ours && parent ? parent->before : task->allowed;

	if (survey->settled && same(before, task->allowed))
		return 0;
	return add_adopted(survey->steps, QB_LEVER_TASK_AFFINITY, task, before, task->allowed, err);
}

/*
 * A thread that got another mask than we left it with: somebody's choice, which its step reports
 * as a conflict and leaves alone. That the undo of a cpuset leaves it alone too takes a second. A
 * step that was judged belongs to an undo that broke off halfway: what that made of a mask is
 * nobody's choice.
 */
static int adopt_rival(const struct survey *survey, const struct qb_task *task,
	const struct qb_step *step, struct qb_error *err)
{
	if (step->verdict != QB_VERDICT_NONE || step->wanted || !step->left ||
		same(step->before, task->allowed) || same(step->left, task->allowed) ||
		qb_lever_ours(survey->steps, step, task->allowed))
		return 0;
	return add_adopted(
		survey->steps, QB_LEVER_TASK_AFFINITY, task, task->allowed, task->allowed, err);
}

/*
 * After the undo: did it change a mask that its step had found in place, or had put back? One in place
 * that lacks but offline CPUs is written once: kernels since 6.3 can hold them (and their own threads
 * lose them whenever a CPU comes online). A mask first seen under our cpuset (before is left) may be all that a later kernel showed of a wider
 * choice: such a one is written only where the undo left nothing of it.
 */
static int settle_known(const struct qb_task *task, struct qb_step *step)
{
	bool done = step->verdict == QB_VERDICT_ALREADY ||
		    (step->verdict == QB_VERDICT_OURS && step->restored == QB_RESTORED_YES);

	bool right = step->verdict == QB_VERDICT_ALREADY
			     ? qb_masks_equal(step->before, task->allowed)
			     : same(step->before, task->allowed);

	if (!done || right ||
		(step->intent && !step->wanted && step->before == step->left &&
			!everywhere(task->allowed)))
		return 0;
	step->verdict = QB_VERDICT_OURS;
	step->restored = QB_RESTORED_NONE;
	return 1;
}

static int look_at(const struct survey *survey, const struct qb_task *task, struct qb_error *err)
{
	struct qb_step *step = qb_task_index_find(&survey->masks, task->tid, task->start);
	int r, moved = adopt_group(survey, task, err);

	if (moved < 0)
		return moved;
	if (!step)
		r = adopt_newborn(survey, task, err);
	else if (survey->settled)
		r = settle_known(task, step);
	else
		r = adopt_rival(survey, task, step, err);
	return r < 0 ? r : r + moved;
}

static int look_at_all(struct survey *survey, struct qb_error *err)
{
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
	struct qb_task task;
	int r, n = 0;

	while ((r = qb_tasks_next(&walk, &task, err)) > 0) {
		struct qb_error why = {0};

		r = task.fixed ? 0 : look_at(survey, &task, &why);
		if (r == -ENOMEM)
			return qb_error_set(err, ENOMEM, "%s", why.text);
		if (r < 0)
			qb_tasks_skip(&walk, &why);
		else
			n += r;
	}
	if (r == 0)
		r = qb_isolation_tell_unread(
			&walk, survey->steps, "keep what was imposed on their parents");
	return r < 0 ? r : n;
}

/* Did this session touch threads at all? */
static bool touched(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_TASK_AFFINITY)
			return true;
	return false;
}

static int survey_threads(struct qb_steps *steps, bool settled, struct qb_error *err)
{
	_cleanup_(survey_free) struct survey survey = {.steps = steps, .settled = settled};
	int r;

	if (!touched(steps))
		return 0;
	r = survey_make(&survey, err);
	return r < 0 ? r : look_at_all(&survey, err);
}

int qb_isolation_adopt(struct qb_steps *steps, struct qb_error *err)
{
	return survey_threads(steps, false, err);
}

int qb_isolation_settle(struct qb_steps *steps, struct qb_error *err)
{
	return survey_threads(steps, true, err);
}
