/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs of a host and the choice among them as a picture: `quietbench topology`.
 *
 * One frame per package, one row per last-level cache (and kind of core), one cell per core with
 * its CPUs in it: [3] runs the benchmark, (7) is a sibling kept idle, 0 is for housekeeping. On big hosts
 * neighbours that look alike are folded into one row.
 */
#ifndef QB_CLI_PICTURE_H
#define QB_CLI_PICTURE_H

#include <quietbench/protocol.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct qb_picture {
	const struct qb_host *host;
	const struct qb_pu *pus;
	size_t n;
	const struct qb_selection *selection;
	bool colour;
	bool utf8;	/* box drawing; else ASCII (nl_langinfo(CODESET) knows) */
	unsigned width; /* columns of the terminal; 0: 80 */
};

/* 0 or -ENOMEM. Whether `out` could be written is the caller's to see (ferror). */
int qb_picture_draw(const struct qb_picture *picture, FILE *out);

#endif
