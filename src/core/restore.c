/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore.h */
#include <base/file.h>
#include <base/macros.h>
#include <core/restore.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/move.h>
#include <sys/stat.h>

#define END_MS 5000

void qb_conditioning_free(struct qb_conditioning *session)
{
	qb_journal_close(&session->journal);
	qb_steps_free(&session->steps);
}

/* Without a group (a host without cgroups) the benchmark's first process is all that is known. */
static int end_benchmark(const struct qb_journal_bench *bench, struct qb_error *err)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	int r = qb_held_open(bench->pid, bench->start, &held, err);

	for (int left_ms = END_MS; r == 0 && qb_held_stands(&held);) {
		struct qb_task task;

		r = qb_held_task(&held, &task, err);
		if (r == 0 && (task.ended || !qb_task_is_of(&task, bench->uid)))
			return 0;
		if (r == 0)
			r = qb_end(&held, err);
		if (r == 0 && !qb_apply_patience(&left_ms))
			r = qb_error_set(err, ETIMEDOUT, "the benchmark, process %d, does not end",
				bench->pid);
	}
	return r == -ESRCH ? 0 : r;
}

int qb_restore_bench(const struct qb_journal_bench *bench, bool end,
	const struct qb_isolation_seen *seen, struct qb_error *err)
{
	int r;

	if (!bench->pid)
		return 0;
	r = qb_isolation_empty(bench, end, seen, err);
	return r < 0 || !end ? r : end_benchmark(bench, err);
}

/*
 * Journals steps that were appended after the journal was opened. After a long lease they are more
 * than room was reserved for: it is tried to get more, and what does not fit says so.
 */
static int journal_new(struct qb_conditioning *s, struct qb_error *err)
{
	size_t born = s->steps.n - s->journal.n_steps;
	int r = 0;

	if (born)
		qb_journal_extend(&s->journal, &s->steps, born);
	for (size_t i = s->journal.n_steps; i < s->steps.n && r == 0; i++)
		r = qb_journal_step(&s->journal, &s->steps.v[i], err);
	return r;
}

/*
 * What comes before the undo. If one of these fails, the next ones are still done. Survivors first: as long as they sit in the
 * run's group it cannot be removed. The runs of a lease have clients of their own, alive perhaps:
 * they are never ended with it.
 */
static int prepare(struct qb_conditioning *s, bool end, const struct qb_isolation_seen *seen,
	struct qb_error *err)
{
	struct qb_error later;
	int r = qb_restore_bench(&s->journal.bench, end && !s->journal.owner.lease, seen, err);
	int adopted = qb_isolation_adopt(&s->steps, r < 0 ? &later : err), journaled;

	r = r < 0 ? r : adopted;
	journaled = journal_new(s, r < 0 ? &later : err);
	return r < 0 ? r : journaled;
}

/* Threads born under our masks while we undid: each round finds fewer. One that fails halfway is made
 * up for by the next. */
static int settle_threads(
	struct qb_conditioning *s, struct qb_undo_summary *sum, struct qb_error *err)
{
	int failed = 0;

	for (int round = 0; round < QB_ISOLATION_ROUNDS; round++) {
		int r, found = qb_isolation_settle(&s->steps, err);

		if (found == 0)
			return 0;
		r = journal_new(s, found < 0 ? NULL : err);
		qb_undo(&s->journal, &s->steps, sum); /* sums up all steps, judged before or now */
		if (r < 0 || (found < 0 && failed < 0))
			return found < 0 ? found : r;
		failed = found < 0 ? found : 0;
	}
	return failed;
}

/*
 * Removes what a session keeps in /run, also what one had not finished when it was killed. The journal goes last: a process that is killed
 * here leaves it, and the next recovery comes here again.
 */
static int tidy(struct qb_error *err)
{
	static const char *const paths[] = {QB_DOOR_PATH, QB_SUMMARY_PATH QB_JOURNAL_FRESH,
		QB_SUMMARY_PATH, QB_CONFLICTS_PATH QB_JOURNAL_FRESH,
		QB_JOURNAL_PATH QB_JOURNAL_FRESH, QB_JOURNAL_PATH};

	for (size_t i = 0; i < QB_ARRAY_SIZE(paths); i++)
		if (unlink(paths[i]) < 0 && errno != ENOENT)
			return qb_error_errno(err, errno, "remove %s", paths[i]);
	return 0;
}

static int finish(struct qb_conditioning *s, struct qb_error *err)
{
	int r = qb_conflicts_keep(QB_CONFLICTS_PATH, &s->journal.owner, &s->steps, err);

	if (r < 0)
		return r;
	/* Settled first, so that one who is killed in between leaves nothing to restore. A journal
	 * that cannot be written any more is removed all the same: all is done. */
	(void)qb_journal_settle(&s->journal, NULL);
	r = tidy(err);
	if (r < 0)
		return r;
	qb_journal_close(&s->journal);
	return 0;
}

int qb_restore_host(struct qb_conditioning *s, bool end, const struct qb_isolation_seen *seen,
	struct qb_undo_summary *ret, struct qb_error *err)
{
	struct qb_error why = {0};
	bool failed;

	*ret = (struct qb_undo_summary){0};
	if (s->journal.fd < 0)
		return 0;
	qb_cgroups_forget();
	qb_file_keep_fresh();
	/* Nothing of this stops the undo: it is what the host needs most. As there, what fails is tried
	 * once more. */
	failed = prepare(s, end, seen, &why) < 0 && prepare(s, end, seen, &why) < 0;
	qb_undo(&s->journal, &s->steps, ret);
	if (!failed)
		why = (struct qb_error){0};
	if (settle_threads(s, ret, failed ? NULL : &why) < 0)
		failed = true;
	if (failed && ret->failures++ == 0)
		ret->first = why;
	return finish(s, err);
}

void qb_restore_save(struct qb_conditioning *s)
{
	/* The modes are set by the next that opens the lock. Who cannot save it restores all the same. */
	if (s->journal.fd >= 0 && (mkdir(QB_STATE_DIR, 0755) == 0 || errno == EEXIST))
		(void)qb_journal_save(&s->journal, QB_JOURNAL_PATH, NULL);
}

int qb_restore_load(struct qb_conditioning *ret, struct qb_error *err)
{
	struct qb_conditioning session = {.journal.fd = -1};
	int r = qb_journal_open(&session.journal, QB_JOURNAL_PATH, &session.steps, err);

	if (r == -ENOENT || r == -ESTALE || (r == 0 && session.journal.settled)) {
		qb_conditioning_free(&session);
		return tidy(err);
	}
	if (r < 0) {
		qb_steps_free(&session.steps);
		return r;
	}
	*ret = session;
	return 1;
}
