/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: conduct */
#include "helper.h"
#include <base/macros.h>
#include <errno.h>

/* Threads that may be born during the run and still get a record. */
#define ROOM_FOR_BIRTHS 512

static int journal_steps(struct qb_conditioning *s, size_t from, size_t to, struct qb_error *err)
{
	int r = 0;

	for (size_t i = from; i < to && r == 0; i++)
		r = qb_journal_step(&s->journal, &s->steps.v[i], err);
	return r;
}

/* Snapshot, journal, write: in this order, each for all of from..to before the next. */
static int apply_range(struct qb_conditioning *s, size_t from, size_t to, struct qb_error *err)
{
	int r = qb_apply_snapshot(&s->steps, from, to, err);

	if (r == 0)
		r = journal_steps(s, from, to, err);
	if (r == 0)
		r = qb_apply_write(&s->journal, &s->steps, from, to, err);
	return r;
}

static int sweep(struct qb_conditioning *s, const struct qb_selection *selection,
	const struct qb_profile *profile, struct qb_error *err)
{
	for (int round = 0; round < QB_ISOLATION_ROUNDS; round++) {
		size_t from = s->steps.n;
		int r = qb_isolation_sweep(selection, profile, &s->steps, err);

		if (r <= 0)
			return r;
		r = apply_range(s, from, s->steps.n, err);
		if (r < 0)
			return r;
	}
	return 0; /* born faster than we look: the record of the run will show who ran */
}

static bool partition_failed(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_PARTITION &&
			(steps->v[i].status == QB_STATUS_FAILED ||
				steps->v[i].status == QB_STATUS_UNSUPPORTED))
			return true;
	return false;
}

int qb_conduct_apply(struct qb_conditioning *s, const struct qb_journal_owner *owner,
	struct qb_selection *selection, const struct qb_profile *profile, struct qb_error *err)
{
	size_t rivals;
	int r;

	r = qb_apply_sort(&s->steps, err);
	if (r < 0)
		return r;
	rivals = qb_apply_rivals(&s->steps);
	r = qb_apply_snapshot(&s->steps, 0, rivals, err);
	if (r == 0)
		r = qb_isolation_snapshot(selection, profile, &s->steps, err);
	if (r < 0)
		return r;
	r = qb_journal_create(&s->journal, QB_JOURNAL_PATH, owner,
		qb_journal_room(&s->steps, ROOM_FOR_BIRTHS), err);
	if (r == 0)
		r = apply_range(s, 0, rivals, err);
	if (r == 0)
		r = apply_range(s, rivals, s->steps.n, err);
	if (r == 0 && selection->isolation == QB_ISOLATION_PARTITION &&
		partition_failed(&s->steps) &&
		qb_setting_is(&profile->set[QB_KEY_CPUS_ISOLATION], "auto"))
		selection->isolation = QB_ISOLATION_AFFINITY;
	if (r == 0)
		r = sweep(s, selection, profile, err);
	if (r == 0)
		r = qb_apply_left(&s->journal, &s->steps, err);
	if (r == 0)
		r = qb_journal_summarize(QB_SUMMARY_PATH, owner, &s->steps, err);
	return r;
}
