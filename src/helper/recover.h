/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Restoring what a dead session left. Both need the host lock. */
#ifndef QB_HELPER_RECOVER_H
#define QB_HELPER_RECOVER_H

#include "session.h"
#include <core/restore.h>

/* Tells the client of every process moved back; `data` is a pointer to the session's fd. */
void qb_recover_leftover(void *data, pid_t pid, const char *comm);
/* Sends the steps and the DONE that answers RESTORE. */
int qb_recover_report(int session, const struct qb_steps *steps,
	const struct qb_undo_summary *summary, bool recovered, bool over);

/*
 * The guardian's: heals, then serves what is left of the session (the client's RESTORE is answered
 * with the steps and `recovered`). Exit status: 0 restored, 1 not completely.
 */
int qb_recover_run(struct qb_helper *helper);

/*
 * At the start of a session: restores what a session left of which nobody lives. 1: there was one
 * (ret tells how it went), 0: there was none, negative: there is one that cannot be trusted.
 */
int qb_recover_leftovers(
	struct qb_conditioning *ret_session, struct qb_undo_summary *ret, struct qb_error *err);

#endif
