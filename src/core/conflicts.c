/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply.h: what was left alone, or could not be put back, and how to take it back. */
#include <base/macros.h>
#include <core/apply.h>
#include <errno.h>
#include <quietbench/lever.h>

/* What is in the list: conflicts, failures, and (RESTORED_NONE) what these may move when they are put
 * back one day. */
static bool kept(const struct qb_step *step)
{
	return step->restored == QB_RESTORED_CONFLICT || step->restored == QB_RESTORED_NO;
}

/* Where a step is not back, which keys' steps have to be watched? */
struct waiting {
	bool any, key[QB_KEY_COUNT];
};

static struct waiting waiting_in(const struct qb_steps *steps)
{
	struct waiting waiting = {0};

	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].restored == QB_RESTORED_NO)
			waiting.any = waiting.key[qb_levers[steps->v[i].lever].key] = true;
	return waiting;
}

static bool watched(const struct waiting *waiting, const struct qb_step *step)
{
	const struct qb_lever *lever = &qb_levers[step->lever];

	return step->restored == QB_RESTORED_YES && waiting->any &&
	       (lever->coupled || waiting->key[lever->key]);
}

/* Copies a step into another list; `became` holds what stands there now. */
static int copy(struct qb_steps *to, const struct qb_step *step, const char *now)
{
	struct qb_step *fresh =
		qb_steps_add(to, step->lever, step->unit, step->before, step->wanted);

	if (!fresh)
		return -ENOMEM;
	fresh->restored = kept(step) ? step->restored : QB_RESTORED_NONE;
	fresh->became = qb_steps_text(to, now);
	fresh->reason = qb_steps_text(to, step->reason);
	return fresh->became || !now ? 0 : -ENOMEM;
}

/* A watched step that cannot be read now is `became` NULL: it may come back. */
static int copy_as_it_is(struct qb_steps *to, const struct qb_step *step)
{
	char now[QB_TEXT_MAX];
	int r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL);

	if (r == -ESRCH && !kept(step))
		return 0;
	return copy(to, step, r == 0 ? now : kept(step) ? "" : NULL);
}

static int write_list(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err)
{
	if (steps->n)
		return qb_journal_summarize(path, owner, steps, err);
	if (unlink(path) < 0 && errno != ENOENT)
		return qb_error_errno(err, errno, "remove %s", path);
	return 0;
}

int qb_conflicts_keep(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps list = {0};
	const struct waiting waiting = waiting_in(steps);
	struct qb_journal old = {.fd = -1};
	struct qb_error gone = {0};
	size_t found = 0;

	for (size_t i = 0; i < steps->n; i++)
		found += kept(&steps->v[i]);
	if (!found)
		return 0;
	/* What earlier sessions kept stays. A list that cannot be read is replaced: it can neither
	 * be used nor extended, and what is at stake now is known. */
	if (qb_journal_read(&old, path, &list, &gone) < 0)
		qb_steps_free(&list);
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if ((!kept(step) && !watched(&waiting, step)) ||
			qb_steps_find(&list, step->lever, step->unit))
			continue;
		if (copy_as_it_is(&list, step) < 0)
			return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	}
	return write_list(path, owner, &list, err);
}

/* The verdict on a step of the list. A watched value that changed since belongs to another program. */
static enum qb_verdict judge(const struct qb_step *step, bool force)
{
	char now[QB_TEXT_MAX];
	int r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL);
	bool stands = r == 0 && step->became && qb_lever_same(step->lever, now, step->became);

	if (r == -ENOENT || r == -ESRCH ||
		(r == 0 && qb_lever_same(step->lever, now, step->before)))
		return QB_VERDICT_ALREADY;
	if (step->restored == QB_RESTORED_CONFLICT)
		return force && stands ? QB_VERDICT_OURS : QB_VERDICT_CONFLICT;
	return step->restored == QB_RESTORED_NO || !step->became ? QB_VERDICT_OURS
								 : QB_VERDICT_CONFLICT;
}

/* Did the undo of other steps change a value that was already back? Then that is ours to undo, too. */
static size_t judge_moved(struct qb_steps *steps)
{
	size_t n = 0;

	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];
		char now[QB_TEXT_MAX];

		if (step->restored != QB_RESTORED_YES ||
			qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL) < 0 ||
			qb_lever_same(step->lever, now, step->before))
			continue;
		step->verdict = QB_VERDICT_OURS;
		step->restored = QB_RESTORED_NONE;
		n++;
	}
	return n;
}

/* What the list is after a retry. A step that was only watched is reported only if it failed. */
static int gather_rest(struct qb_steps *rest, struct qb_steps *steps, const bool *silent,
	struct qb_undo_summary *sum)
{
	const struct waiting waiting = waiting_in(steps);
	int r = 0;

	for (size_t i = 0; i < steps->n && r == 0; i++) {
		struct qb_step *step = &steps->v[i];

		if (silent[i] && step->restored == QB_RESTORED_CONFLICT) {
			step->restored = QB_RESTORED_NONE;
			sum->conflicts--;
		}
		if (kept(step))
			r = copy(rest, step, step->became);
		else if (watched(&waiting, step))
			r = copy_as_it_is(rest, step);
		if (silent[i] && !kept(step))
			step->restored = QB_RESTORED_NONE;
	}
	return r;
}

int qb_conflicts_retry(const char *path, bool force, struct qb_steps *ret_steps,
	struct qb_undo_summary *ret, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps rest = {0};
	_cleanup_free_ bool *silent = NULL;
	struct qb_journal old = {.fd = -1}, none = {.fd = -1}; /* the list itself is the journal */
	int r;

	*ret = (struct qb_undo_summary){0};
	r = qb_journal_read(&old, path, ret_steps, err);
	if (r == -ENOENT)
		return 0;
	if (r == -ESTALE) /* another boot's: what it tells of is gone */
		return unlink(path) < 0 ? qb_error_errno(err, errno, "remove %s", path) : 0;
	if (r < 0)
		return r;
	silent = calloc(ret_steps->n + 1, sizeof(*silent));
	if (!silent)
		return qb_error_errno(err, ENOMEM, "read the list of conflicts");
	for (size_t i = 0; i < ret_steps->n; i++) {
		struct qb_step *step = &ret_steps->v[i];

		silent[i] = !kept(step);
		step->verdict = (uint8_t)judge(step, force);
		step->restored = QB_RESTORED_NONE;
	}
	qb_undo(&none, ret_steps, ret);
	if (judge_moved(ret_steps))
		qb_undo(&none, ret_steps, ret);
	if (gather_rest(&rest, ret_steps, silent, ret) < 0)
		return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	return write_list(path, &old.owner, &rest, err);
}
