/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A train that is being taken apart: gaps_sources.c serves gaps.c. */
#ifndef QB_NOISE_GAPS_INTERNAL_H
#define QB_NOISE_GAPS_INTERNAL_H

#include "comb.h"
#include "gaps.h"

/* Lengths of gaps, in boxes of half a power of two each. */
#define QB_GAPS_LENGTHS 80

struct qb_gaps_work {
	struct qb_gaps *gaps;
	struct qb_train train;
	uint32_t *left; /* n_windows rows of n_sources: interrupts that explain no gap yet */
	struct qb_comb combs[1 + QB_GAPS_COMBS]; /* by the part's index */
	int n_combs;
	double *counts; /* n_windows: one source's */
	double *seen;	/* n_windows: gaps of one length */
	double *boxes;	/* n_windows rows of QB_GAPS_LENGTHS: the free gaps */
	bool *done;	/* n_sources */
};

struct qb_gaps_part *qb_gaps_add(struct qb_gaps_work *work, enum qb_gaps_of of, size_t source);
/* The window in which a gap's interrupt is counted. */
size_t qb_gaps_window(const struct qb_gaps_work *work, size_t gap);
/* Interrupts that explain no gap yet. */
uint32_t *qb_gaps_left(const struct qb_gaps_work *work, size_t window, size_t source);
uint64_t qb_gaps_left_total(const struct qb_gaps_work *work, size_t source);

/* Gives free gaps to the sources that explain them; the surest first. */
void qb_gaps_claim_sources(struct qb_gaps_work *work);

#endif
