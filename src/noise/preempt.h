/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Was this thread switched out just now? Asked after each gap of the measurement loop.
 *
 * Restartable sequences (rseq(2), linux/rseq.h): the kernel clears the thread's rseq_cs pointer
 * when it returns to user space after a preemption or a signal and the thread is not in the
 * critical section that the pointer describes. So a pointer to a section that is never entered
 * tells of the switch without a system call. It is cleared by other events, too (some ten a second),
 * so a cleared one is confirmed by the kernel's count of involuntary switches.
 *
 * Where there is no rseq, the count alone is asked, after gaps of QB_PREEMPT_GAP_NS and more.
 */
#ifndef QB_NOISE_PREEMPT_H
#define QB_NOISE_PREEMPT_H

#include <stdbool.h>
#include <stdint.h>

#define QB_PREEMPT_GAP_NS 5000

enum qb_preempt_by {
	QB_PREEMPT_NONE,  /* this system tells nothing */
	QB_PREEMPT_COUNT, /* getrusage after long gaps */
	QB_PREEMPT_RSEQ,
};

struct qb_preempt {
	enum qb_preempt_by by;
	long seen; /* involuntary switches so far */
	uint64_t confirmed, doubted;
};

/*
 * For the calling thread, which must be allowed to run on one CPU only. Forces itself to be
 * switched out to see what this system tells, which takes some milliseconds.
 */
void qb_preempt_begin(struct qb_preempt *ret);
/* After a gap of this length: was it a switch? */
bool qb_preempt_ask(struct qb_preempt *preempt, int64_t gap_ns);
void qb_preempt_end(struct qb_preempt *preempt);

/* For people and records: "rseq", "count", "none". */
const char *qb_preempt_name(enum qb_preempt_by by);

#endif
