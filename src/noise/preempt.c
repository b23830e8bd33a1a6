/* SPDX-License-Identifier: GPL-2.0-or-later */
/* preempt.h */
#include "preempt.h"
#include "ticks.h"
#include <base/macros.h>
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/rseq.h>

#define SELF_TEST_NS	 INT64_C(300000000)
#define SELF_TEST_SWITCH 3 /* so many must have been seen */

/*
 * A critical section that nobody ever enters. Its abort handler is never jumped to, but the kernel
 * looks for the signature before it.
 */
static struct {
	uint32_t signature;
	unsigned char nowhere[60];
} abort_handler = {.signature = RSEQ_SIG};

static struct rseq_cs section __attribute__((aligned(32)));

/* (Not every compiler has __builtin_thread_pointer.) */
static char *thread_pointer(void)
{
	char *thread = NULL;
#if defined(__x86_64__)
	__asm__("mov %%fs:0, %0" : "=r"(thread));
#elif defined(__aarch64__)
	__asm__("mrs %0, tpidr_el0" : "=r"(thread));
#endif
	return thread;
}

static volatile uint64_t *pointer(void)
{
	struct rseq *rseq = (struct rseq *)(thread_pointer() + __rseq_offset);

	return (volatile uint64_t *)&rseq->rseq_cs;
}

static void arm(void)
{
	section.start_ip = (uintptr_t)(abort_handler.nowhere + 16);
	section.post_commit_offset = 1;
	section.abort_ip = (uintptr_t)abort_handler.nowhere;
	*pointer() = (uintptr_t)&section;
}

static long count_switches(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) < 0 ? -1 : usage.ru_nivcsw;
}

/* Spins beside the caller on its CPU until told to end. */
static void *disturb(void *stop)
{
	while (!*(const volatile bool *)stop)
		;
	return NULL;
}

/* Two threads on one CPU take turns: does what we were told agree with the kernel's count? */
static bool tells_of_switches(struct qb_preempt *preempt)
{
	volatile bool stop = false;
	int64_t end = qb_ns_now(CLOCK_MONOTONIC) + SELF_TEST_NS;
	long before = count_switches();
	uint64_t told = 0;
	pthread_t other;

	if (before < 0 || pthread_create(&other, NULL, disturb, (void *)&stop) != 0)
		return false;
	while (told < SELF_TEST_SWITCH && qb_ns_now(CLOCK_MONOTONIC) < end)
		told += qb_preempt_ask(preempt, QB_PREEMPT_GAP_NS);
	stop = true;
	pthread_join(other, NULL);
	return told >= SELF_TEST_SWITCH;
}

void qb_preempt_begin(struct qb_preempt *ret)
{
	struct qb_preempt preempt = {.by = QB_PREEMPT_RSEQ, .seen = count_switches()};

	if (preempt.seen < 0) {
		preempt.by = QB_PREEMPT_NONE;
	} else if (__rseq_size == 0 || !thread_pointer()) {
		preempt.by = QB_PREEMPT_COUNT;
	} else {
		arm();
		if (!tells_of_switches(&preempt)) {
			*pointer() = 0;
			preempt.by = QB_PREEMPT_COUNT;
		}
	}
	preempt.seen = count_switches();
	preempt.confirmed = preempt.doubted = 0;
	*ret = preempt;
}

bool qb_preempt_ask(struct qb_preempt *preempt, int64_t gap_ns)
{
	long now;

	switch (preempt->by) {
	case QB_PREEMPT_NONE: return false;
	case QB_PREEMPT_COUNT:
		if (gap_ns < QB_PREEMPT_GAP_NS)
			return false;
		break;
	case QB_PREEMPT_RSEQ:
		if (*pointer() != 0)
			return false;
		*pointer() = (uintptr_t)&section;
		break;
	}
	now = count_switches();
	if (now == preempt->seen) {
		preempt->doubted++;
		return false;
	}
	preempt->confirmed += (uint64_t)(now - preempt->seen);
	preempt->seen = now;
	return true;
}

void qb_preempt_end(struct qb_preempt *preempt)
{
	if (preempt->by == QB_PREEMPT_RSEQ)
		*pointer() = 0;
}

const char *qb_preempt_name(enum qb_preempt_by by)
{
	switch (by) {
	case QB_PREEMPT_NONE: break;
	case QB_PREEMPT_COUNT: return "count";
	case QB_PREEMPT_RSEQ: return "rseq";
	}
	return "none";
}
