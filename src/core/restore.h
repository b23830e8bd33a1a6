/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The whole way back of a session: the benchmark's processes, then every step, then the journal; and
 * what a session could not put back, whenever that is possible.
 *
 * The same function serves the monitor at the end of its run, the guardian after the monitor's
 * death, and the next quietbench after everybody's death. Its caller holds the host lock.
 */
#ifndef QB_CORE_RESTORE_H
#define QB_CORE_RESTORE_H

#include <core/apply.h>
#include <levers/isolation.h>
#include <stdbool.h>

struct qb_conditioning {
	struct qb_journal journal; /* fd -1: nothing was journaled, nothing to restore */
	struct qb_steps steps;
};

/*
 * `end`: the client is gone, so what is left of the benchmark is killed; otherwise survivors are
 * moved back to where the benchmark came from, each told to `seen`. Afterwards the journal is
 * settled and removed, and what could not be put back is kept. An error means that the journal stays: a
 * later start tries again.
 */
int qb_restore_host(struct qb_conditioning *session, bool end, const struct qb_isolation_seen *seen,
	struct qb_undo_summary *ret, struct qb_error *err);

/* The first part of it alone, for a run that joined another's session. */
int qb_restore_bench(const struct qb_journal_bench *bench, bool end,
	const struct qb_isolation_seen *seen, struct qb_error *err);

/*
 * What is not back: conflicts (another program's value stands, `left`), failures, and what is owed (the
 * host lacks what it takes: a CPU that is offline, a governor that is no longer loaded). They are kept in
 * a file of the journal's format, readable by anybody, so that they stand in nobody's way; with them
 * (restored NONE, no intent) what these may move when they are put back one day.
 */
#define QB_CONFLICTS_PATH QB_STATE_DIR "/conflicts"
int qb_conflicts_keep(const char *path, const struct qb_journal_owner *owner,
	const struct qb_steps *steps, struct qb_error *err);
/*
 * Tries failures and what is owed again and, with `force`, writes `before` over a rival's value that
 * still stands. What is settled leaves the file, and so does a value that stood no more when it was to be
 * forced. No file: nothing to do, and no error.
 */
int qb_conflicts_retry(const char *path, bool force, struct qb_steps *ret_steps,
	struct qb_undo_summary *ret, struct qb_error *err);

/*
 * Loads a dead session's journal into *ret. 1: there is one to restore; 0: there is none (one of
 * another boot is removed, one that was settled too); negative: it cannot be trusted.
 */
int qb_restore_load(struct qb_conditioning *ret, struct qb_error *err);
/*
 * The state folder was removed under the session, which is about to be restored: the journal is written
 * there anew, as far as that is possible, for whoever has to go on if this process dies on the way.
 */
void qb_restore_save(struct qb_conditioning *session);
void qb_conditioning_free(struct qb_conditioning *session);

#endif
