/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of causes.h: the list (causes_list.c), the interrupts (causes_interrupts.c), and all of it (causes.c). */
#ifndef QB_NOISE_CAUSES_INTERNAL_H
#define QB_NOISE_CAUSES_INTERNAL_H

#include "causes.h"

/* In its place; if there are too many the least is left out. */
void qb_causes_add(struct qb_causes *causes, const struct qb_cause *cause);
/* It happened so often, and what it cost is not known. */
void qb_causes_add_counted(
	struct qb_causes *causes, enum qb_cause_kind kind, const char *name, uint64_t times);

/* Shares out the gaps that are nobody's turn among interrupts and what is below the kernel. */
int qb_causes_find_interrupts(const struct qb_measure *measure, const struct qb_measure_cpu *of,
	struct qb_causes *causes, struct qb_error *err);
/* Sources that interrupted this CPU, and have no share. */
void qb_causes_count_interrupts(const struct qb_measure *measure, const struct qb_measure_cpu *of,
	struct qb_causes *causes);

#endif
