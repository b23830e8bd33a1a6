/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Causes: which part of a measurement's noise each of them made.
 *
 * Shares are of the wall time of one CPU. They are never forced to sum up: what no evidence explains
 * stays as "unexplained". Evidence is
 *
 *	measured   the kernel's record of switches, or its accounts of steal and throttling; and gaps
 *		   that come at the times of a timer, each by its own length (gaps.h)
 *	estimated  interrupts are counted, not timed: a source has gaps of a length that comes more
 *		   often when its count is higher, at most as many as it counts; and accounts of tasks
 *		   do not say where they ran (accounts.h)
 *	counted    it happened, and what it cost is not known
 */
#ifndef QB_NOISE_CAUSES_H
#define QB_NOISE_CAUSES_H

#include "measure.h"

enum qb_cause_kind {
	QB_CAUSE_TASK,	       /* another task had the CPU */
	QB_CAUSE_KERNEL_TASK,  /* a kernel thread had it */
	QB_CAUSE_UNKNOWN_TASK, /* a task had it, and it is not known which */
	QB_CAUSE_TICK,
	QB_CAUSE_DEVICE,      /* an interrupt of a device */
	QB_CAUSE_IPI,	      /* a request of another CPU, an NMI, … */
	QB_CAUSE_STEAL,	      /* the hypervisor said so */
	QB_CAUSE_HYPERVISOR,  /* it had this guest's CPU and did not report it */
	QB_CAUSE_FIRMWARE,    /* or other things below the kernel, on bare metal */
	QB_CAUSE_UNEXPLAINED, /* gaps of which nothing is known */
	QB_CAUSE_SPEED,	      /* the CPU's speed wandered */
	QB_CAUSE_THROTTLED,   /* by heat */
	QB_CAUSE_QUOTA,	      /* of the own control group */
	QB_CAUSE_SWAP,
};

enum qb_evidence { QB_EVIDENCE_MEASURED, QB_EVIDENCE_ESTIMATED, QB_EVIDENCE_COUNTED };

struct qb_cause {
	enum qb_cause_kind kind;
	enum qb_evidence evidence;
	char name[64];	    /* "cron (pid 812)", "timer tick", "IRQ 33 virtio0-input.0" */
	double share;	    /* of the time; negative: only counted */
	uint64_t times;	    /* so often */
	int64_t typical_ns; /* the median; 0: not known */
};

#define QB_CAUSES_MAX 32

struct qb_causes {
	struct qb_cause v[QB_CAUSES_MAX]; /* the greatest share first */
	size_t n;
	double preempted, interrupted; /* shares: other tasks had it; all other gaps */
	uint64_t preemptions;	       /* gaps with a switch */
};

/* Of every CPU of a measurement: into its `causes`. Soon after it, while the tasks that ran still exist. */
int qb_causes_attribute(struct qb_measure *measure, struct qb_error *err);

/* "cron (pid 812)" without what is another one each time. */
void qb_cause_plain_name(const struct qb_cause *cause, char *buf, size_t size);
const char *qb_cause_kind_name(enum qb_cause_kind kind); /* "task", "tick", … */
const char *qb_evidence_name(enum qb_evidence evidence);

#endif
