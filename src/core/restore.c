/* SPDX-License-Identifier: GPL-2.0-or-later */
/* restore.h */
#include <base/file.h>
#include <base/macros.h>
#include <core/restore.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/move.h>
#include <quietbench/lever.h>
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

	if (s->journal.fd < 0) /* of a list of conflicts, which is its own */
		return 0;
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

static int remove_all(const char *const *paths, size_t n, struct qb_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (unlink(paths[i]) < 0 && errno != ENOENT)
			return qb_error_errno(err, errno, "remove %s", paths[i]);
	return 0;
}

/*
 * Removes what a session keeps in /run, also what one had not finished when it was killed. The journal goes last: a process that is killed
 * here leaves it, and the next recovery comes here again. The summary goes first: in a full /run its
 * room is what the list of what is not back needs.
 */
static int tidy(struct qb_conditioning *s, struct qb_undo_summary *sum, struct qb_error *err)
{
	static const char *const before[] = {QB_DOOR_PATH, QB_SUMMARY_PATH QB_JOURNAL_FRESH,
		QB_SUMMARY_PATH, QB_CONFLICTS_PATH QB_JOURNAL_FRESH},
				 *const after[] = {
					 QB_JOURNAL_PATH QB_JOURNAL_FRESH, QB_JOURNAL_PATH};
	int r = remove_all(before, QB_ARRAY_SIZE(before), err);

	if (r == 0 && s) {
		r = qb_conflicts_keep(QB_CONFLICTS_PATH, &s->journal.owner, &s->steps, err);
		if (r < 0 && !sum->failures && !sum->owed) {
			/* All of ours is back; of what other programs set there is no list. */
			qb_error_set(&sum->first, -r,
				"what other programs have changed cannot be remembered for quietbench restore --force: %s",
				err ? err->text : "no space");
			r = 0;
		}
		/* Settled first, so that one who is killed in between leaves nothing to restore. A
		 * journal that cannot be written any more is removed all the same: all is done. */
		if (r == 0)
			(void)qb_journal_settle(&s->journal, NULL);
	}
	return r < 0 ? r : remove_all(after, QB_ARRAY_SIZE(after), err);
}

int qb_restore_host(struct qb_conditioning *s, bool end, const struct qb_isolation_seen *seen,
	struct qb_undo_summary *ret, struct qb_error *err)
{
	struct qb_error why = {0};
	bool failed;
	int r;

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
	r = tidy(s, ret, err);
	if (r == 0)
		qb_journal_close(&s->journal);
	return r;
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
		return tidy(NULL, NULL, err);
	}
	if (r < 0) {
		qb_steps_free(&session.steps);
		return r;
	}
	*ret = session;
	return 1;
}

/* ---- what is not back ---- */

static bool is_kept(const struct qb_step *step)
{
	return step->restored > QB_RESTORED_YES;
}

/* Is something kept that may move another step when it is put back? (A mask moves nothing but its thread.) */
static bool may_move(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if ((steps->v[i].restored == QB_RESTORED_NO ||
			    steps->v[i].restored == QB_RESTORED_OWED) &&
			qb_levers[steps->v[i].lever].unit != QB_UNIT_TASK)
			return true;
	return false;
}

/*
 * Is something of a thread kept? A thread without a step passes for one that was born since, with what was imposed on its
 * parent (levers/isolation_adopt.c): then the list has them all.
 */
static bool keeps_threads(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (is_kept(&steps->v[i]) && qb_levers[steps->v[i].lever].unit == QB_UNIT_TASK)
			return true;
	return false;
}

/*
 * Copies a step that is not back, or that is watched beside one, into a list. `left` is what stands there
 * now, which is nobody's but who changes it later: NULL for what failed, which is ours whatever it
 * becomes. What cannot be read now is left as the session left it, and a coupled one may come back.
 */
static int keep(struct qb_steps *to, const struct qb_step *step)
{
	const bool kept = is_kept(step);
	char now[QB_TEXT_MAX];
	const int r = qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL);
	const char *left = r == 0 ? now : kept ? step->left : NULL;
	struct qb_step *fresh;

	if (r == -ESRCH)
		return 0;
	fresh = qb_steps_add(to, step->lever, step->unit, step->before, step->wanted);
	if (!fresh)
		return -ENOMEM;
	fresh->intent = kept;
	fresh->restored = kept ? step->restored : QB_RESTORED_NONE;
	fresh->became = qb_steps_text(to, left);
	fresh->left = step->restored == QB_RESTORED_NO ? NULL : fresh->became;
	fresh->reason = kept ? qb_steps_text(to, step->reason) : NULL;
	return fresh->became || !left ? 0 : -ENOMEM;
}

/* Adds to the list whatever of these steps is not in it and has to be; `forced`: but conflicts. -ENOMEM. */
static int keep_all(struct qb_steps *list, const struct qb_steps *steps, bool forced)
{
	const bool moves = may_move(steps), threads = keeps_threads(steps);
	const size_t known = list->n;
	int r = 0;

	for (size_t i = 0; i < steps->n && r == 0; i++) {
		const struct qb_step *step = &steps->v[i];
		const struct qb_lever *lever = &qb_levers[step->lever];
		const bool watched =
			step->restored == QB_RESTORED_YES &&
			((moves && lever->coupled) || (threads && lever->unit == QB_UNIT_TASK));

		if (forced && step->restored == QB_RESTORED_CONFLICT)
			continue;
		if ((is_kept(step) || watched) &&
			!(known && qb_steps_find(list, step->lever, step->unit)))
			r = keep(list, step);
	}
	return r;
}

static int write_list(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *list, struct qb_error *err)
{
	if (list->n)
		return qb_journal_summarize(path, owner, list, err);
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
		found += is_kept(&steps->v[i]);
	if (!found)
		return 0;
	/* What earlier sessions kept stays. A list that cannot be read is replaced: it can neither
	 * be used nor extended, and what is at stake now is known. */
	if (qb_journal_read(&old, path, &list, &gone) < 0)
		qb_steps_free(&list);
	if (keep_all(&list, steps, false) < 0)
		return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	return write_list(path, owner, &list, err);
}

/* One that was only watched and changed since is forgotten. */
static void judge_list(struct qb_steps *list, bool force)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct qb_step *step = &list->v[i];
		enum qb_verdict verdict = qb_undo_judge(list, step);

		if (step->restored == QB_RESTORED_CONFLICT && !force && verdict == QB_VERDICT_OURS)
			verdict = QB_VERDICT_CONFLICT;
		step->verdict = (uint8_t)verdict;
		step->restored = QB_RESTORED_NONE;
	}
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].intent || list->v[i].verdict != QB_VERDICT_CONFLICT)
			list->v[n++] = list->v[i];
	list->n = n;
}

/* For the report: what stands where another program's value is; what was only watched is no news. */
static void tell(struct qb_steps *list)
{
	char now[QB_TEXT_MAX];

	for (size_t i = 0; i < list->n; i++) {
		struct qb_step *step = &list->v[i];

		if (!step->intent && step->restored == QB_RESTORED_YES)
			step->restored = QB_RESTORED_NONE;
		if (step->restored == QB_RESTORED_CONFLICT &&
			qb_lever_read(step->lever, &step->unit, now, sizeof(now), NULL) == 0)
			step->became = qb_steps_text(list, now);
	}
}

int qb_conflicts_retry(const char *path, bool force, struct qb_steps *ret_steps,
	struct qb_undo_summary *ret, struct qb_error *err)
{
	_cleanup_(qb_steps_free) struct qb_steps rest = {0};
	struct qb_conditioning s = {.journal.fd = -1}; /* the list itself is the journal */
	struct qb_journal old = {.fd = -1};
	int r;

	*ret = (struct qb_undo_summary){0};
	r = qb_journal_read(&old, path, &s.steps, err);
	if (r == -ENOENT)
		return 0;
	if (r == -ESTALE) /* another boot's: what it tells of is gone */
		return unlink(path) < 0 ? qb_error_errno(err, errno, "remove %s", path) : 0;
	if (r < 0)
		return r;
	judge_list(&s.steps, force);
	qb_undo(&s.journal, &s.steps, ret);
	r = settle_threads(&s, ret, err);
	*ret_steps = s.steps;
	if (r < 0)
		return r;
	/* What changed again before it was forced is whoever's did that: nobody is told of it for ever. */
	if (keep_all(&rest, ret_steps, force) < 0)
		return qb_error_errno(err, ENOMEM, "keep the list of conflicts");
	tell(ret_steps);
	return write_list(path, &old.owner, &rest, err);
}
