/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply.h: what was left alone, or could not be put back, and how to take it back. */
#include <base/macros.h>
#include <core/apply.h>
#include <errno.h>
#include <quietbench/lever.h>

static bool kept(const struct qb_step *step)
{
	return step->restored == QB_RESTORED_CONFLICT || step->restored == QB_RESTORED_NO;
}

/* Copies a step into another list; `became` holds what stands there now. */
static int copy(struct qb_steps *to, const struct qb_step *step, const char *now)
{
	struct qb_step *fresh =
		qb_steps_add(to, step->lever, step->unit, step->before, step->wanted);

	if (!fresh)
		return -ENOMEM;
	fresh->restored = step->restored;
	fresh->became = qb_steps_text(to, now);
	fresh->reason = qb_steps_text(to, step->reason);
	return fresh->became || !now ? 0 : -ENOMEM;
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
		char now[QB_TEXT_MAX];

		if (!kept(step) || qb_steps_find(&list, step->lever, step->unit))
			continue;
		if (qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL) < 0)
			now[0] = '\0';
		if (copy(&list, step, now) < 0)
			return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	}
	return write_list(path, owner, &list, err);
}

/* One kept step: put back, or still kept. */
static void take_back(
	struct qb_step *step, bool force, struct qb_steps *steps, struct qb_undo_summary *sum)
{
	struct qb_error why = {0};
	char now[QB_TEXT_MAX];
	int r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), &why);

	if (r == -ENOENT || r == -ESRCH ||
		(r == 0 && qb_lever_same(step->lever, now, step->before))) {
		step->restored = QB_RESTORED_YES;
		sum->restored++;
		return;
	}
	if (r == 0 && step->restored == QB_RESTORED_CONFLICT &&
		(!force || !step->became || !qb_lever_same(step->lever, now, step->became))) {
		sum->conflicts++;
		return;
	}
	if (r == 0)
		r = qb_lever_write(step->lever, &step->unit, step->before, &why);
	if (r >= 0 && qb_lever_read(step->lever, &step->unit, now, sizeof(now), &why) == 0 &&
		qb_lever_same(step->lever, now, step->before)) {
		step->restored = QB_RESTORED_YES;
		sum->restored++;
		return;
	}
	if (!why.code)
		qb_error_set(&why, EAGAIN, "%s: wrote '%s', reads '%s'", qb_lever_name(step->lever),
			step->before, now);
	step->reason = qb_steps_text(steps, why.text);
	if (sum->failures++ == 0)
		sum->first = why;
}

int qb_conflicts_retry(const char *path, bool force, struct qb_steps *ret_steps,
	struct qb_undo_summary *ret, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps rest = {0};
	struct qb_journal old = {.fd = -1};
	int r;

	*ret = (struct qb_undo_summary){0};
	r = qb_journal_read(&old, path, ret_steps, err);
	if (r == -ENOENT)
		return 0;
	if (r == -ESTALE) /* another boot's: what it tells of is gone */
		return unlink(path) < 0 ? qb_error_errno(err, errno, "remove %s", path) : 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < ret_steps->n; i++) {
		struct qb_step *step = &ret_steps->v[i];

		take_back(step, force, ret_steps, ret);
		if (kept(step) && copy(&rest, step, step->became) < 0)
			return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	}
	return write_list(path, &old.owner, &rest, err);
}
