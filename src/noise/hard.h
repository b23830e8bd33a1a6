/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a measurement noisy at once, whatever the metrics say: the CPU was slowed down or
 * taken away, or memory was so short that pages came from the disk. A benchmark under such
 * conditions measures the condition.
 *
 * Counters are compared at each look; whether every loop is still kept on its CPU, at each window
 * (measure_internal.h).
 */
#ifndef QB_NOISE_HARD_H
#define QB_NOISE_HARD_H

#include "measure.h"

enum qb_hard {
	QB_HARD_THROTTLED, /* by heat */
	QB_HARD_QUOTA,	   /* of the control group, or of one above it */
	QB_HARD_SWAP,	   /* pages read back */
	QB_HARD_OFFLINE,   /* the CPU */
	QB_HARD_CPUSET,	   /* the CPU is no longer ours */
	QB_HARD_COUNT
};

/* Did this happen? Pure: what the measurement holds. */
bool qb_hard_is(const struct qb_measure *measure, enum qb_hard hard);
bool qb_hard_any(const struct qb_measure *measure);

const char *qb_hard_name(enum qb_hard hard); /* "throttled", "quota", … */
/* "clock lowered because of heat, 3 times"; of one that happened. */
void qb_hard_text(const struct qb_measure *measure, enum qb_hard hard, char *buf, size_t size);
const char *qb_hard_advice(const struct qb_measure *m, enum qb_hard hard);

#endif
