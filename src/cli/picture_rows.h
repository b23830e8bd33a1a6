/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rows of the picture: cores that share a cache, folded with neighbours that look alike. */
#ifndef QB_CLI_PICTURE_ROWS_H
#define QB_CLI_PICTURE_ROWS_H

#include <cli/picture.h>

enum qb_role {
	QB_ROLE_HOUSEKEEPING,
	QB_ROLE_BENCH,
	QB_ROLE_RESERVED,
	QB_ROLE_ISOLATED,
};

enum qb_role qb_picture_role(const struct qb_picture *picture, unsigned cpu);

struct qb_picture_row {
	const struct qb_pu **pus; /* by core, then number; of all rows folded into it */
	size_t n;
	unsigned folded;	   /* how many rows it stands for */
	unsigned cores;		   /* of one of them */
	unsigned cores_per_l2;	   /* 0: differs, or unknown */
	const struct qb_pu *first; /* package, node, caches and kind of the first */
	const struct qb_pu *last;
};

struct qb_picture_rows {
	const struct qb_pu **pus;
	struct qb_picture_row *v;
	size_t n;
};

/* Folds on hosts with more than QB_PICTURE_FOLD CPUs. 0 or -ENOMEM. */
#define QB_PICTURE_FOLD 64
int qb_picture_rows_init(struct qb_picture_rows *ret, const struct qb_picture *picture);
void qb_picture_rows_free(struct qb_picture_rows *rows);

/* Do two CPUs next to each other in a row belong to one core? */
bool qb_picture_same_core(const struct qb_pu *a, const struct qb_pu *b);

#endif
