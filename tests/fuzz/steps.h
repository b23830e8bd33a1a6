/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps that were taken from foreign bytes: they have one encoding, and it means them. */
#ifndef QB_TESTS_FUZZ_STEPS_H
#define QB_TESTS_FUZZ_STEPS_H

#include "fuzz.h"
#include <quietbench/lever.h>
#include <quietbench/step.h>

static inline bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static inline bool same_step(const struct qb_step *a, const struct qb_step *b)
{
	return a->lever == b->lever && a->status == b->status && a->verdict == b->verdict &&
	       a->restored == b->restored && a->undoing == b->undoing && a->intent == b->intent &&
	       qb_unit_equal(&a->unit, &b->unit) && same_text(a->before, b->before) &&
	       same_text(a->wanted, b->wanted) && same_text(a->became, b->became) &&
	       same_text(a->left, b->left) && same_text(a->reason, b->reason);
}

/* Encodes the step into buf, decodes that, and returns its size. */
static inline size_t check_step(const struct qb_step *step, unsigned char *buf, size_t size)
{
	struct qb_steps again = {0};
	int n = qb_step_encode(step, buf, size);

	must(n > 0);
	must(step->lever < QB_LEVER_COUNT);
	must(qb_step_encode(step, buf, (size_t)n - 1) < 0);
	must(qb_step_encode(step, buf, (size_t)n) == n);
	must(qb_step_decode(&again, buf, (size_t)n) == 0);
	must(again.n == 1 && same_step(step, &again.v[0]));
	qb_steps_free(&again);
	return (size_t)n;
}

#endif
