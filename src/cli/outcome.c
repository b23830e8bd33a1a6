/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcome.h */
#include <base/macros.h>
#include <cli/lines.h>
#include <cli/outcome.h>
#include <errno.h>

static bool has_reason(const struct qb_step *step)
{
	return (step->restored == QB_RESTORED_NO || step->restored == QB_RESTORED_OWED) &&
	       step->reason;
}

/* As a step of a list of lines.h's: with a reason one that failed, else a change that was made. */
static int copy_step(struct qb_steps *to, const struct qb_step *step)
{
	const bool back = step->restored == QB_RESTORED_YES;
	const char *now = back ? step->before : step->became;
	const char *other = back ? step->became : step->before;
	struct qb_step *fresh =
		qb_steps_add(to, step->lever, step->unit, other, now ? now : "unknown");

	if (!fresh)
		return -ENOMEM;
	fresh->status = has_reason(step) ? QB_STATUS_FAILED : QB_STATUS_APPLIED;
	fresh->reason = has_reason(step) ? qb_steps_text(to, step->reason) : NULL;
	return 0;
}

size_t qb_outcome_count(const struct qb_steps *steps, enum qb_restored restored)
{
	size_t n = 0;

	for (size_t i = 0; i < steps->n; i++)
		n += steps->v[i].restored == restored;
	return n;
}

int qb_outcome_print(
	FILE *out, const struct qb_steps *steps, enum qb_restored restored, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps chosen = {0};
	int r;

	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].restored == restored && copy_step(&chosen, &steps->v[i]) < 0)
			return qb_error_errno(err, ENOMEM, "tell what was restored");
	r = qb_lines_changes(out, &chosen, QB_STATUS_APPLIED, err);
	return r < 0 ? r : qb_lines_missing(out, &chosen, QB_STATUS_FAILED, err);
}

int qb_outcome_say(enum qb_say kind, const char *heading, const struct qb_steps *steps,
	enum qb_restored restored, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	char *rest = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r;

	if (!out)
		return qb_error_errno(err, ENOMEM, "tell what was restored");
	r = qb_outcome_print(out, steps, restored, err);
	if (fclose(out) != 0 && r == 0)
		r = qb_error_errno(err, ENOMEM, "tell what was restored");
	if (r < 0)
		return r;
	/* A message is one line, however long: what was wrapped is joined again. */
	for (char *fold; (fold = strstr(text, "\n   "));)
		memmove(fold, fold + 1 + strspn(fold + 1, " ") - 1,
			strlen(fold + 1 + strspn(fold + 1, " ")) + 2);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		qb_say(kind, "%s:%s", heading, line + 1);
	return 0;
}
