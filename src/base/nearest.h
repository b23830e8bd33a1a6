/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * "Did you mean …?": of several candidates the one that a typing error explains best.
 *
 *	struct qb_nearest nearest = {.word = "frequncy"};
 *	qb_nearest_offer(&nearest, "frequency");
 *	if (nearest.best[0])
 *		… nearest.best
 */
#ifndef QB_BASE_NEAREST_H
#define QB_BASE_NEAREST_H

struct qb_nearest {
	const char *word;  /* as it was written */
	unsigned distance; /* of best: single-letter edits, at most 3 and half the word */
	char best[64];	   /* "" while nothing is near */
};

void qb_nearest_offer(struct qb_nearest *nearest, const char *candidate);
/* Offers each word of a blank-separated list. */
void qb_nearest_offer_words(struct qb_nearest *nearest, const char *words);

#endif
