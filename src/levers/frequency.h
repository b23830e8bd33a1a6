/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock of one CPU: the one place that knows the base clock, the switch of turbo and what the
 * policy allows. The plan, the record, the findings and the first line of `run` ask here.
 *
 *	struct qb_clock clock;
 *	if (qb_clock_read("", cpu, &clock) && qb_clock_rises(&clock))
 *		…
 *
 * Read from sysfs below a root ("": this host; else the folder of a captured one); no privilege is
 * needed. All frequencies are kHz, and 0 is: this host does not tell.
 */
#ifndef QB_LEVERS_FREQUENCY_H
#define QB_LEVERS_FREQUENCY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * May the clock go above its base? Of several switches the first there is holds for a CPU:
 * intel_pstate's no_turbo, the boost of its policy, the boost of all policies (a write to the last
 * sets the boost of every policy, which may be changed afterwards).
 */
enum qb_turbo { QB_TURBO_NO_SWITCH, QB_TURBO_OFF, QB_TURBO_ON };

struct qb_clock {
	unsigned policy;     /* its number; where CPUs have no common policies, the CPU's */
	char driver[32];     /* "intel_pstate", "acpi-cpufreq", …; "": not told */
	char governor[32];   /* "": not told */
	int64_t min, max;    /* what is allowed now (scaling_min_freq, scaling_max_freq) */
	int64_t low, high;   /* what the hardware can (cpuinfo_min_freq, cpuinfo_max_freq) */
	int64_t base;	     /* what it holds for ever, turbo or not */
	enum qb_turbo turbo; /* the switch; an absent one does not mean that there is no turbo */
};

/* False: no cpufreq for this CPU; then only the base may be known (of CPPC). */
bool qb_clock_read(const char *root, unsigned cpu, struct qb_clock *ret);
/* The base clock alone, for those who know the driver, `low` and `high` already. 0: nobody knows. */
int64_t qb_clock_base(const char *root, unsigned cpu, const struct qb_clock *clock);
/* May it rise above what it holds for ever? */
bool qb_clock_rises(const struct qb_clock *clock);
/* Do the limits of its driver leave out what boost adds? (Then nothing tells how far it rises.) */
bool qb_clock_hides_boost(const struct qb_clock *clock);

/*
 * What the governor makes of the clock. `powersave` depends on the driver: in active mode
 * intel_pstate and amd-pstate follow the load, with all other drivers it is the lowest clock.
 */
enum qb_pace { QB_PACE_STEADY, QB_PACE_FOLLOWS, QB_PACE_LOWEST };
enum qb_pace qb_clock_pace(const struct qb_clock *clock);

#endif
