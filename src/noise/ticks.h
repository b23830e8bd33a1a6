/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of the measurement loop: a counter that costs nanoseconds to read.
 *
 * x86: the time stamp counter behind lfence, so that it is not read before the work it ends. arm64:
 * the virtual counter behind isb. Only where the kernel itself trusts that counter as its clock
 * source; elsewhere CLOCK_MONOTONIC_RAW, which is slower and said to be (`fallback`).
 *
 * A tick has no unit of its own: what it is worth is found from two pairs of (ticks, ns) that lie
 * the whole measurement apart, never from a frequency in whole MHz.
 */
#ifndef QB_NOISE_TICKS_H
#define QB_NOISE_TICKS_H

#include <base/clock.h>
#include <stdbool.h>
#include <stdint.h>

/* May the counter be read directly? Looked up once per call. */
bool qb_ticks_direct(void);

static inline uint64_t qb_ticks_read(bool direct)
{
#if defined(__x86_64__)
	if (direct) {
		uint32_t low, high;

		__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
		return (uint64_t)high << 32 | low;
	}
#elif defined(__aarch64__)
	if (direct) {
		uint64_t ticks;

		__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks)::"memory");
		return ticks;
	}
#else
#endif
	return (uint64_t)qb_ns_now(CLOCK_MONOTONIC_RAW);
}

#endif
