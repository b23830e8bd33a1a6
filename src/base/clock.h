/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and times: nanoseconds in an int64_t everywhere; seconds only where the kernel or a person
 * wants them. Durations with units, as people write them: quietbench/value.h (qb_quantity_parse).
 */
#ifndef QB_BASE_CLOCK_H
#define QB_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define QB_NS_PER_S  INT64_C(1000000000)
#define QB_NS_PER_MS INT64_C(1000000)
#define QB_NS_PER_US INT64_C(1000)

static inline int64_t qb_ns_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * QB_NS_PER_S + t.tv_nsec;
}

static inline struct timespec qb_ns_timespec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / QB_NS_PER_S, .tv_nsec = ns % QB_NS_PER_S};
}

/*
 * Moments that are told are seconds of CLOCK_BOOTTIME, which nobody can set and which goes on
 * in sleep. The wall clock is for people alone: what it says of such a moment, as it stands now.
 */
static inline int64_t qb_time_now(void)
{
	return qb_ns_now(CLOCK_BOOTTIME) / QB_NS_PER_S;
}
static inline int64_t qb_time_wall(int64_t moment)
{
	return time(NULL) - (qb_time_now() - moment);
}

/* Seconds since 1970 in local time, by strftime's format; "?" where there is no such date. */
void qb_time_format(int64_t seconds, const char *format, char *buf, size_t size);
/* How long: "3 min", in the largest unit of which there are two; "0 s" when it is negative. */
void qb_time_age(int64_t seconds, char *buf, size_t size);

#endif
