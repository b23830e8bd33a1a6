/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What makes a measurement noisy at once, whatever the metrics say: the CPU was slowed down or
 * taken away, or memory was so short that pages came from the disk. A benchmark under such
 * conditions measures the condition.
 *
 * Counters are compared at each look; whether every loop is still kept on its CPU, at each window.
 */
#ifndef QB_NOISE_HARD_H
#define QB_NOISE_HARD_H

#include "causes.h"
#include "cgroup.h"

enum qb_hard {
	QB_HARD_THROTTLED, /* by heat */
	QB_HARD_QUOTA,	   /* of the control group, or of one above it */
	QB_HARD_SWAP,	   /* pages read back */
	QB_HARD_OFFLINE,   /* the CPU */
	QB_HARD_CPUSET,	   /* the CPU is no longer ours */
	QB_HARD_COUNT
};

/* The counters before the measurement; which of them there are, and those of
 * each CPU, are noted in it. */
struct qb_hard_before {
	struct qb_cgroup group; /* of the loops */
	uint64_t swapped_in, quota_us;
	bool swap_known, quota_known;
};

void qb_hard_begin(struct qb_measure *measure, pid_t child, struct qb_hard_before *ret);
/* What has come since, into the measurement. */
void qb_hard_count(struct qb_measure *measure, const struct qb_hard_before *before);
/* Is a loop no longer kept on its CPU alone? Notes which, and why. */
bool qb_hard_moved(struct qb_measure *measure);

/* Did this happen? Pure: what the measurement holds. */
bool qb_hard_is(const struct qb_measure *measure, enum qb_hard hard);
bool qb_hard_any(const struct qb_measure *measure);

const char *qb_hard_name(enum qb_hard hard); /* "throttled", "quota", … */
/* "clock lowered because of heat, 3 times"; of one that happened. */
void qb_hard_text(const struct qb_measure *measure, enum qb_hard hard, char *buf, size_t size);
const char *qb_hard_advice(enum qb_hard hard);

#endif
