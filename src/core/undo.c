/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apply.h: the way back.
 *
 * First every step gets its verdict, from one survey of the host as the session left it; only then
 * is anything written, because an undo changes what a later look would see. An interrupted undo is
 * taken up with the verdicts it had recorded.
 */
#include <base/macros.h>
#include <core/apply.h>
#include <errno.h>
#include <quietbench/lever.h>

/* So often may an undo of one step end in a crash before the step is skipped. */
#define CRASHES_MAX 2

struct undo {
	struct qb_journal *journal;
	struct qb_steps *steps;
	struct qb_undo_summary *summary;
};

static void fail(struct undo *u, const struct qb_error *why)
{
	if (u->summary->failures++ == 0)
		u->summary->first = *why;
}

/* A journal that cannot be written must not stop a restore: it is told, once, as a failure. */
static void mark(struct undo *u, size_t i, enum qb_mark mark, int number, const char *text)
{
	struct qb_error err = {0};

	if (qb_journal_mark(u->journal, i, mark, number, text, &err) < 0 &&
		u->summary->failures == 0)
		fail(u, &err);
}

static enum qb_verdict judge(const struct qb_steps *steps, const struct qb_step *step)
{
	char now[QB_TEXT_MAX];
	int r;

	/* What the writes of others move is ours to put back even where we had none to make. */
	if (!step->before || (!step->intent && step->wanted && !qb_levers[step->lever].coupled))
		return QB_VERDICT_NONE;
	r = qb_lever_exists(step->lever, &step->unit, NULL);
	if (r == 0)
		r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL);
	/* Gone, and with it what we changed; but what hangs on another step may come back with it. */
	if (r == -ESRCH || (r == -ENOENT && !qb_levers[step->lever].coupled))
		return QB_VERDICT_ALREADY;
	if (r < 0)
		return QB_VERDICT_OURS; /* unreadable: the write will tell why */
	if (qb_lever_same(step->lever, now, step->before))
		return QB_VERDICT_ALREADY;
	/* Without `left` the session broke off while applying: nobody else has a claim yet. */
	if (!step->left || qb_lever_same(step->lever, now, step->left) ||
		qb_lever_ours(steps, step, now))
		return QB_VERDICT_OURS;
	return QB_VERDICT_CONFLICT;
}

static void survey(struct undo *u)
{
	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];

		if (step->verdict != QB_VERDICT_NONE)
			continue;
		step->verdict = (uint8_t)judge(u->steps, step);
		if (step->verdict != QB_VERDICT_NONE)
			mark(u, i, QB_MARK_VERDICT, step->verdict, NULL);
	}
}

/* Does the step read as it did before? Writes the current text to buf. */
static bool is_back(const struct qb_step *step, char *buf, size_t size, struct qb_error *err)
{
	int r = qb_lever_read(step->lever, &step->unit, buf, size, err);

	if (r == -ENOENT || r == -ESRCH)
		return true;
	return r == 0 && qb_lever_same(step->lever, buf, step->before);
}

/* Only remembered, and not to be read since: an attribute of a CPU that we took offline. */
static bool was_unreadable(const struct qb_step *step)
{
	return !step->wanted && !step->left;
}

static void put_back(struct undo *u, size_t i)
{
	struct qb_step *step = &u->steps->v[i];
	struct qb_error why = {0};
	char now[QB_TEXT_MAX], name[96];
	int r;

	qb_lever_unit_name(step->lever, &step->unit, name, sizeof(name));
	if (was_unreadable(step) && is_back(step, now, sizeof(now), NULL)) {
		r = 0;
	} else if (step->undoing >= CRASHES_MAX) {
		r = qb_error_set(&why, ECANCELED, "skipped after %d crashes", step->undoing);
	} else {
		mark(u, i, QB_MARK_UNDOING, 0, NULL);
		r = qb_lever_write(step->lever, &step->unit, step->before, &why);
		if (r == -ENOENT || r == -ESRCH)
			r = 0; /* it is gone: nothing to restore */
	}
	/* Coupled attributes clamp each other until all are back: looked at then (all_back). */
	if (r == 0 && !qb_levers[step->lever].coupled && !is_back(step, now, sizeof(now), &why))
		r = why.code ? -why.code
			     : qb_error_set(
				       &why, EAGAIN, "wrote '%s', reads '%s'", step->before, now);
	step->restored = r < 0 ? QB_RESTORED_NO : QB_RESTORED_YES;
	if (r < 0)
		step->reason = qb_steps_text(u->steps, why.text);
	else if (step->status == QB_STATUS_APPLIED)
		step->reason = NULL; /* of an attempt before; another status keeps its own */
	mark(u, i, QB_MARK_UNDONE, -r, r < 0 ? why.text : NULL);
}

/* Does the step read as it did before? The kernel gets the time that is left to get there. */
static bool arrives(const struct qb_step *step, char *now, size_t size, int *left_ms)
{
	while (!is_back(step, now, size, NULL))
		if (!qb_apply_patience(left_ms))
			return false;
	return true;
}

/*
 * Has everything coupled arrived: what we put back, and what stood right but may have been moved by
 * that? In the last round what has not is a failure.
 */
static bool all_back(struct undo *u, bool last)
{
	int left_ms = QB_SETTLE_MS;
	bool all = true;

	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];
		char now[QB_TEXT_MAX], why[QB_ERROR_MAX];
		bool back = step->verdict == QB_VERDICT_OURS
				    ? step->restored == QB_RESTORED_YES
				    : step->verdict == QB_VERDICT_ALREADY && !last;

		if (!back || !qb_levers[step->lever].coupled ||
			arrives(step, now, sizeof(now), &left_ms))
			continue;
		all = false;
		if (!last)
			continue;
		snprintf(why, sizeof(why), "wrote '%s', reads '%.64s'", step->before, now);
		step->restored = QB_RESTORED_NO;
		step->reason = qb_steps_text(u->steps, why);
		mark(u, i, QB_MARK_UNDONE, EAGAIN, why);
	}
	return all;
}

/*
 * Attributes clamp each other (a lower limit written while the upper one is still ours), and putting
 * one back may move another that was right: what is not back when everything stands is written
 * once more.
 */
static void second_round(struct undo *u)
{
	if (all_back(u, false))
		return;
	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];
		char now[QB_TEXT_MAX];

		if ((step->verdict != QB_VERDICT_OURS && step->verdict != QB_VERDICT_ALREADY) ||
			step->undoing >= CRASHES_MAX || !qb_levers[step->lever].coupled ||
			is_back(step, now, sizeof(now), NULL))
			continue;
		step->verdict = QB_VERDICT_OURS;
		mark(u, i, QB_MARK_VERDICT, step->verdict, NULL);
		put_back(u, i);
	}
	all_back(u, true);
}

static void in_restore_rank(struct undo *u)
{
	for (int rank = 0; rank <= UINT8_MAX; rank++)
		for (size_t i = 0; i < u->steps->n; i++) {
			const struct qb_step *step = &u->steps->v[i];

			if (step->verdict == QB_VERDICT_OURS &&
				qb_levers[step->lever].restore == rank &&
				step->restored != QB_RESTORED_YES)
				put_back(u, i);
		}
}

static void sum_up(struct undo *u)
{
	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];
		struct qb_error why = {0};

		switch ((enum qb_verdict)step->verdict) {
		case QB_VERDICT_NONE: break;
		case QB_VERDICT_ALREADY:
			step->restored = QB_RESTORED_YES;
			u->summary->restored++;
			break;
		case QB_VERDICT_CONFLICT:
			step->restored = QB_RESTORED_CONFLICT;
			u->summary->conflicts++;
			break;
		case QB_VERDICT_OURS:
			if (step->restored == QB_RESTORED_YES) {
				u->summary->restored++;
				break;
			}
			qb_error_set(&why, EIO, "%s: %s", qb_lever_name(step->lever),
				step->reason ? step->reason : "not restored");
			fail(u, &why);
			break;
		}
	}
}

void qb_undo(struct qb_journal *journal, struct qb_steps *steps, struct qb_undo_summary *ret)
{
	struct undo u = {.journal = journal, .steps = steps, .summary = ret};

	*ret = (struct qb_undo_summary){0};
	survey(&u);
	in_restore_rank(&u);
	second_round(&u);
	sum_up(&u);
}
