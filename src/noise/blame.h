/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which cause goes with which metric: who is to blame that this limit does not hold?
 *
 * Pure: the causes that qb_causes_attribute has left in the measurement.
 */
#ifndef QB_NOISE_BLAME_H
#define QB_NOISE_BLAME_H

#include "causes.h"

struct qb_blame {
	const struct qb_cause *cause; /* of the measurement's; NULL: none is known */
	unsigned cpu;
};

/* The greatest cause on any CPU of those that can be behind the metric; of the longest gap, on its
 * CPU, and by its tag: somebody had the CPU then, or nobody. */
struct qb_blame qb_blame_find(const struct qb_measure *measure, enum qb_noise_metric metric);

#endif
