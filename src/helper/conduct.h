/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conditioning: from judged steps to a conditioned host, under a journal. */
#ifndef QB_HELPER_CONDUCT_H
#define QB_HELPER_CONDUCT_H

#include "session.h"
#include <core/restore.h>
#include <quietbench/profile.h>

/*
 * Silences the rivals, looks at everything, journals it, writes, sweeps for threads born
 * meanwhile, looks again. When the partition turns out invalid and the profile leaves the way to
 * us, masks isolate instead. On error the caller restores `session` (its journal knows how far
 * it came).
 */
int qb_conduct_apply(struct qb_conditioning *session, const struct qb_journal_owner *owner,
	struct qb_selection *selection, const struct qb_profile *profile, struct qb_error *err);

#endif
