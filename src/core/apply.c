/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apply.h: the way there. */
#include <base/macros.h>
#include <core/apply.h>
#include <errno.h>
#include <quietbench/lever.h>
#include <time.h>

int qb_apply_sort(struct qb_steps *steps, struct qb_error *err)
{
	size_t start[UINT8_MAX + 2] = {0};
	struct qb_step *sorted;

	if (!steps->n)
		return 0;
	sorted = malloc(steps->n * sizeof(*sorted));
	if (!sorted)
		return qb_error_errno(err, ENOMEM, "sort %zu steps", steps->n);
	for (size_t i = 0; i < steps->n; i++)
		start[qb_levers[steps->v[i].lever].apply + 1]++;
	for (size_t rank = 1; rank < QB_ARRAY_SIZE(start); rank++)
		start[rank] += start[rank - 1];
	for (size_t i = 0; i < steps->n; i++)
		sorted[start[qb_levers[steps->v[i].lever].apply]++] = steps->v[i];
	free(steps->v);
	steps->v = sorted;
	steps->cap = steps->n;
	return 0;
}

size_t qb_apply_rivals(const struct qb_steps *steps)
{
	size_t n = 0;

	while (n < steps->n && qb_levers[steps->v[n].lever].apply < QB_RANK_CONDITION)
		n++;
	return n;
}

static int set_reason(struct qb_steps *steps, struct qb_step *step, enum qb_status status,
	const struct qb_error *why)
{
	step->status = (uint8_t)status;
	step->reason = qb_steps_text(steps, why->text);
	return step->reason ? 0 : -ENOMEM;
}

static int snapshot_one(struct qb_steps *steps, struct qb_step *step)
{
	struct qb_error why = {0};
	char text[QB_TEXT_MAX];

	if (!step->before) {
		int r = qb_lever_exists(step->lever, &step->unit, &why);

		if (r == 0)
			r = qb_lever_read(step->lever, &step->unit, text, sizeof(text), &why);
		if (r < 0)
			return set_reason(steps, step,
				r == -ESRCH ? QB_STATUS_UNCHANGED : QB_STATUS_UNSUPPORTED, &why);
		step->before = qb_steps_text(steps, text);
		if (!step->before)
			return -ENOMEM;
		/* A `before` that was given (a thread's mask) need not be what is there now. */
		if (step->wanted && qb_lever_same(step->lever, step->before, step->wanted))
			step->status = QB_STATUS_UNCHANGED;
	}
	return 0;
}

int qb_apply_snapshot(struct qb_steps *steps, size_t from, size_t to, struct qb_error *err)
{
	for (size_t i = from; i < to; i++) {
		struct qb_step *step = &steps->v[i];

		if (step->status == QB_STATUS_PLANNED &&
			qb_levers[step->lever].where == QB_LEVER_HOST &&
			snapshot_one(steps, step) < 0)
			return qb_error_errno(err, ENOMEM, "look at the host");
	}
	return 0;
}

/* Is this a step that a write is due for? */
static bool due(const struct qb_step *step)
{
	return step->status == QB_STATUS_PLANNED && step->wanted && step->before &&
	       qb_levers[step->lever].where == QB_LEVER_HOST;
}

/* What a write's result means. A thread that has ended needs nothing any more. */
static enum qb_status status_of(int written)
{
	switch (written) {
	case 1: return QB_STATUS_APPLIED;
	case -EOPNOTSUPP: return QB_STATUS_UNSUPPORTED;
	case -ESRCH: return QB_STATUS_UNCHANGED;
	default: return QB_STATUS_FAILED;
	}
}

static int write_one(
	struct qb_journal *journal, struct qb_steps *steps, size_t i, struct qb_error *err)
{
	struct qb_step *step = &steps->v[i];
	struct qb_error why = {0};
	char text[QB_TEXT_MAX];
	int r, written;

	r = qb_journal_mark(journal, i, QB_MARK_INTENT, 0, NULL, err);
	if (r < 0)
		return r;
	step->intent = true;
	written = qb_lever_write(step->lever, &step->unit, step->wanted, &why);
	r = qb_lever_read(step->lever, &step->unit, text, sizeof(text), written < 0 ? NULL : &why);
	if (r == 0) {
		step->became = qb_steps_text(steps, text);
		if (!step->became)
			return qb_error_errno(
				err, ENOMEM, "remember %s", qb_lever_name(step->lever));
		r = qb_journal_mark(journal, i, QB_MARK_BECAME, 0, text, err);
		if (r < 0)
			return r;
	} else if (r == -ESRCH && qb_levers[step->lever].unit == QB_UNIT_TASK) {
		written = -ESRCH; /* it has ended meanwhile */
	} else if (written >= 0) {
		written = -EIO; /* written and unreadable: not known to be applied */
	}
	step->status = QB_STATUS_APPLIED;
	if (written != 0 && set_reason(steps, step, status_of(written), &why) < 0)
		return qb_error_errno(
			err, ENOMEM, "remember what became of %s", qb_lever_name(step->lever));
	return 0;
}

int qb_apply_write(struct qb_journal *journal, struct qb_steps *steps, size_t from, size_t to,
	struct qb_error *err)
{
	for (size_t i = from; i < to; i++) {
		int r = due(&steps->v[i]) ? write_one(journal, steps, i, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

bool qb_apply_patience(int *left_ms)
{
	const struct timespec moment = {.tv_nsec = 2000000};

	if (*left_ms <= 0)
		return false;
	nanosleep(&moment, NULL);
	*left_ms -= 2;
	return true;
}

/* Reads a step; one that was applied and does not read so yet gets the time that is left. */
static int read_settled(const struct qb_step *step, char *buf, size_t size, int *left_ms)
{
	int r;

	do
		r = qb_lever_read(step->lever, &step->unit, buf, size, NULL);
	while (r == 0 && qb_levers[step->lever].coupled && step->status == QB_STATUS_APPLIED &&
		step->wanted && !qb_lever_same(step->lever, buf, step->wanted) &&
		qb_apply_patience(left_ms));
	return r;
}

int qb_apply_left(struct qb_journal *journal, struct qb_steps *steps, struct qb_error *err)
{
	int left_ms = QB_SETTLE_MS;

	for (size_t i = 0; i < steps->n; i++) {
		struct qb_step *step = &steps->v[i];
		char text[QB_TEXT_MAX];
		int r;

		/* What cannot be read any more (a thread that ended) leaves nothing to compare. */
		if (!step->before || read_settled(step, text, sizeof(text), &left_ms) < 0)
			continue;
		step->left = qb_steps_text(steps, text);
		if (!step->left)
			return qb_error_errno(err, ENOMEM, "look at the host again");
		r = qb_journal_mark(journal, i, QB_MARK_LEFT, 0, text, err);
		if (r < 0)
			return r;
	}
	return qb_journal_flush(journal, err);
}
