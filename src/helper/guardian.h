/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guardian sleeps. Its only job is recovery when the monitor dies.
 *
 * It forks the monitor, answers a stopped one with SIGCONT, passes SIGTERM on (restore, then end),
 * and, should the monitor end without having settled its journal, forks a recovery that takes the
 * session over where it stands: the client is told the truth on the same socket. A recovery that
 * crashes is forked again; the journal skips a step after two crashes on it.
 */
#ifndef QB_HELPER_GUARDIAN_H
#define QB_HELPER_GUARDIAN_H

#include "session.h"

/* Returns the exit status of the helper: 0 when everything of ours is back. */
int qb_guardian_run(struct qb_helper *helper);

#endif
