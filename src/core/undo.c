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
#define CRASHES_MAX 3

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

/*
 * A journal that cannot be written must not stop a restore, nor be its failure: what it lacks only
 * a recovery could miss, and whether it can be closed is seen at the end (restore.c, finish). A mark
 * on a step that it lacks would make all of it unreadable.
 */
static void mark(struct undo *u, size_t i, enum qb_mark mark, int number, const char *text)
{
	if (i < u->journal->n_steps)
		(void)qb_journal_mark(u->journal, i, mark, number, text, NULL);
}

enum qb_verdict qb_undo_judge(const struct qb_steps *steps, const struct qb_step *step)
{
	char now[QB_TEXT_MAX];
	int r;

	/* A value that another step's write changed is put back, too, even where we wrote nothing. */
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
	/* Without `left` the session was interrupted while applying: no other program has a claim on the value yet. */
	if (!step->left || qb_lever_same(step->lever, now, step->left) ||
		qb_lever_ours(steps, step, now))
		return QB_VERDICT_OURS;
	/* What we never changed is nobody's loss. */
	return qb_lever_same(step->lever, step->left, step->before) ? QB_VERDICT_NONE
								    : QB_VERDICT_CONFLICT;
}

static void survey(struct undo *u)
{
	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];

		if (step->verdict != QB_VERDICT_NONE)
			continue;
		step->verdict = (uint8_t)qb_undo_judge(u->steps, step);
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

/* Is there nothing more to be done for it? */
static bool is_done(const struct qb_step *step)
{
	return step->restored == QB_RESTORED_YES || step->restored == QB_RESTORED_OWED;
}

/*
 * Notes how it went; `why` tells what went wrong, if anything. What was taken as far as the host has
 * what it takes for it is owed, at once; what was refused, when all else is back. Only the last round
 * tells why: what succeeds in the end keeps the reason of its status.
 */
static void note(struct undo *u, size_t i, bool last, const char *now, struct qb_error *why)
{
	struct qb_step *step = &u->steps->v[i];
	struct qb_error lack = {0};

	step->restored = why->code ? QB_RESTORED_NO : QB_RESTORED_YES;
	if ((why->code ? last : now && strcmp(now, step->before) != 0) &&
		qb_lever_lacks(step->lever, &step->unit, step->before, &lack)) {
		step->restored = QB_RESTORED_OWED;
		*why = lack;
	}
	if (step->restored == QB_RESTORED_OWED || (step->restored == QB_RESTORED_NO && last))
		step->reason = qb_steps_text(u->steps, why->text);
	mark(u, i, QB_MARK_UNDONE, step->restored, why->code ? why->text : NULL);
}

static void put_back(struct undo *u, size_t i, bool last)
{
	struct qb_step *step = &u->steps->v[i];
	struct qb_error why = {0};
	char now[QB_TEXT_MAX] = "";
	bool looked = was_unreadable(step) && is_back(step, now, sizeof(now), NULL);

	if (looked) {
		;
	} else if (step->undoing >= CRASHES_MAX) {
		qb_error_set(&why, ECANCELED, "skipped after %d crashes", step->undoing);
	} else {
		int r;

		mark(u, i, QB_MARK_UNDOING, 0, NULL);
		r = qb_lever_write(step->lever, &step->unit, step->before, &why);
		/* The next best: the look below decides. Gone: nothing to restore. */
		if (r == 1 || r == -ENOENT || r == -ESRCH)
			why = (struct qb_error){0};
		else if (r < 0 && !why.code)
			qb_error_errno(&why, -r, "write '%s'", step->before);
	}
	/* Coupled attributes clamp each other until all are back: looked at then (check_arrival). */
	if (!why.code && !looked && !qb_levers[step->lever].coupled) {
		looked = is_back(step, now, sizeof(now), &why);
		if (looked) /* or gone, which is as good */
			why = (struct qb_error){0};
		else if (!why.code)
			qb_error_set(&why, EAGAIN, "wrote '%s', reads '%s'", step->before, now);
	}
	note(u, i, last, looked && *now ? now : NULL, &why);
}

/* Does the step read as it did before? The kernel gets the time that is left to get there. */
static bool arrives(
	const struct qb_step *step, char *now, size_t size, int *left_ms, struct qb_error *err)
{
	while (!is_back(step, now, size, err))
		if (err->code || !qb_apply_patience(left_ms))
			return false;
	return true;
}

/*
 * Has everything coupled arrived: what we put back, and what stood right but may have been moved by
 * that? What has not is not restored, and is ours by now.
 */
static void check_arrival(struct undo *u, bool last)
{
	int left_ms = QB_SETTLE_MS;

	for (size_t i = 0; i < u->steps->n; i++) {
		struct qb_step *step = &u->steps->v[i];
		struct qb_error why = {0};
		char now[QB_TEXT_MAX];
		bool back = step->verdict == QB_VERDICT_OURS
				    ? step->restored == QB_RESTORED_YES
				    : step->verdict == QB_VERDICT_ALREADY && !last;

		if (!back || !qb_levers[step->lever].coupled ||
			arrives(step, now, sizeof(now), &left_ms, &why))
			continue;
		if (step->verdict != QB_VERDICT_OURS) {
			step->verdict = QB_VERDICT_OURS;
			mark(u, i, QB_MARK_VERDICT, step->verdict, NULL);
		}
		if (!why.code)
			qb_error_set(&why, EAGAIN, "it was '%s', reads '%.64s'", step->before, now);
		note(u, i, last, NULL, &why);
	}
}

/* In restore rank, whatever is not back yet; what is owed once more when something else was not. */
static void put_all_back(struct undo *u, bool last)
{
	bool used[UINT8_MAX + 1] = {false};

	for (size_t i = 0; i < u->steps->n; i++)
		used[qb_levers[u->steps->v[i].lever].restore] = true;
	for (int rank = 0; rank <= UINT8_MAX; rank++)
		for (size_t i = 0; used[rank] && i < u->steps->n; i++) {
			const struct qb_step *step = &u->steps->v[i];

			if (step->verdict == QB_VERDICT_OURS &&
				qb_levers[step->lever].restore == rank &&
				step->restored != QB_RESTORED_YES && (last || !is_done(step)))
				put_back(u, i, last);
		}
	check_arrival(u, last);
}

static bool all_back(const struct undo *u)
{
	for (size_t i = 0; i < u->steps->n; i++)
		if (u->steps->v[i].verdict == QB_VERDICT_OURS && !is_done(&u->steps->v[i]))
			return false;
	return true;
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
			if (is_done(step)) {
				u->summary->restored += step->restored == QB_RESTORED_YES;
				u->summary->owed += step->restored == QB_RESTORED_OWED;
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
	put_all_back(&u, false);
	/* What is not back when all else stands is written once more: attributes clamp each other (a
	 * lower limit written while the upper one is still ours), putting one back may move another
	 * that was right, and what was busy may be free. */
	if (!all_back(&u))
		put_all_back(&u, true);
	sum_up(&u);
}
