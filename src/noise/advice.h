/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which cause goes with which metric, and what to do about a cause: only what is not in effect, and
 * concerns that cause.
 *
 * Pure: the causes that qb_causes_attribute has left in the measurement.
 */
#ifndef QB_NOISE_ADVICE_H
#define QB_NOISE_ADVICE_H

#include "causes.h"
#include <quietbench/profile.h>

struct qb_cause_on {
	const struct qb_cause *cause; /* one of the measurement's; NULL: none is known */
	unsigned cpu;
};

/* The greatest cause on any CPU of those that can be behind the metric; of the longest gap, on its
 * CPU, and by its tag: a task had the CPU then, or none. */
struct qb_cause_on qb_cause_of_metric(
	const struct qb_measure *measure, enum qb_noise_metric metric);

/* One line of what to do about it; never NULL. `applied`: the levers in effect when it was measured
 * (struct qb_measure); NULL: none. */
const char *qb_cause_advice(const struct qb_cause *cause, const bool applied[QB_KEY_COUNT]);

#endif
