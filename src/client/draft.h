/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file that is replaced at once: written beside it, synced, renamed into its place. A
 * reader finds the old one or the new one, whole.
 *
 *	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
 *	r = qb_draft_open(&draft, file, 0, err);   … write to draft.out …
 *	r = qb_draft_keep(&draft, err);
 */
#ifndef QB_CLIENT_DRAFT_H
#define QB_CLIENT_DRAFT_H

#include <limits.h>
#include <quietbench/error.h>
#include <stdio.h>
#include <sys/types.h>

struct qb_draft {
	char target[PATH_MAX]; /* the file itself, links followed */
	char path[PATH_MAX];   /* beside it; "": none, or it has taken its place */
	FILE *out;
};

/* Mode 0: that of the file that is there, else that of new files. What is there must be a regular
 * file, or a link to one. */
int qb_draft_open(struct qb_draft *draft, const char *file, mode_t mode, struct qb_error *err);
int qb_draft_keep(struct qb_draft *draft, struct qb_error *err);
void qb_draft_discard(struct qb_draft *draft);

#endif
