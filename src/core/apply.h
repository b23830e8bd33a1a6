/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Applying and undoing steps under a journal.
 *
 * The only callers of qb_lever_write. Used by the monitor for its session and by a recovery for
 * somebody else's; both hold the host lock.
 *
 *	qb_apply_sort(&steps)                        once, before the journal
 *	qb_apply_snapshot(&steps, from, to, &err)    reads every before
 *	qb_journal_step for from..to
 *	qb_apply_write(&journal, &steps, from, to, …)
 *	qb_apply_left(&journal, &steps, …)           after the last write of all
 *	…
 *	qb_undo(&journal, &steps, &summary)
 */
#ifndef QB_CORE_APPLY_H
#define QB_CORE_APPLY_H

#include <quietbench/error.h>
#include <quietbench/journal.h>
#include <quietbench/step.h>
#include <stdbool.h>

/* Steps of a lower apply rank silence rivals (irqbalance): they come before the snapshot. */
#define QB_RANK_CONDITION 20

/* Stable, by apply rank. After this the order, and so the index, of steps stays. */
int qb_apply_sort(struct qb_steps *steps, struct qb_error *err);
/* How many of the sorted steps silence rivals. */
size_t qb_apply_rivals(const struct qb_steps *steps);
/*
 * Fills in `before` of the planned and coupled steps from..to. A step whose attribute cannot be
 * read becomes unsupported, with the reason; one that stands where it should becomes unchanged.
 * Never fails but for memory.
 */
int qb_apply_snapshot(struct qb_steps *steps, size_t from, size_t to, struct qb_error *err);
/*
 * Writes the planned steps from..to: INTENT, one write, BECAME. A refusal of the kernel's is the
 * step's status and reason, not an error; an error means that the journal failed, and nothing was
 * written after it.
 */
int qb_apply_write(struct qb_journal *journal, struct qb_steps *steps, size_t from, size_t to,
	struct qb_error *err);
/* Journals what every step reads now: later steps change earlier ones. */
int qb_apply_left(struct qb_journal *journal, struct qb_steps *steps, struct qb_error *err);

/*
 * The kernel carries some writes out later (a cpufreq limit is a request that a worker applies), so
 * an attribute may still read as it was. This long it gets, all steps together.
 */
#define QB_SETTLE_MS 100
/* Sleeps for a moment; false once `*left_ms` is used up. */
bool qb_apply_patience(int *left_ms);

struct qb_undo_summary {
	size_t restored, conflicts, failures, owed;
	struct qb_error first; /* the first failure */
};

/*
 * Judges every step (unless an earlier, interrupted undo did), then puts back what is ours, in
 * restore rank; what fails is tried once more when all else is back. One failure never stops the
 * other steps, nor does a journal that cannot be written any more.
 */
void qb_undo(struct qb_journal *journal, struct qb_steps *steps, struct qb_undo_summary *ret);
/* How it judges one of them, by what it reads now. */
enum qb_verdict qb_undo_judge(const struct qb_steps *steps, const struct qb_step *step);

#endif
