/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel counts on one CPU: interrupts by source, time stolen, throttling.
 *
 * A snapshot is taken from another CPU; two of them tell what happened in between. Sources that a
 * host does not count are simply not there (available()); nothing here needs privilege.
 */
#ifndef QB_NOISE_COUNTERS_H
#define QB_NOISE_COUNTERS_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QB_SOURCE_NAME 48
#define QB_SOURCES_MAX 1024

enum qb_source_kind {
	QB_SOURCE_TICK,
	QB_SOURCE_CPU,	  /* of this CPU's, or from another CPU: no device's */
	QB_SOURCE_DEVICE, /* has a mask of CPUs where it may come */
};

/* A row of /proc/interrupts: "LOC", "TLB", or a number with the device's name. */
struct qb_source {
	char label[16];		   /* as the kernel writes it: "LOC", "33" */
	char name[QB_SOURCE_NAME]; /* for people: "timer tick", "IRQ 33 virtio0-input.0" */
	enum qb_source_kind kind;
};

struct qb_sources {
	struct qb_source *v; /* owned */
	size_t n;
};

/* The rows there are now. Later rows (a device that came) are not counted. */
int qb_sources_find(struct qb_sources *ret, struct qb_error *err);
void qb_sources_free(struct qb_sources *sources);
int qb_sources_parse(const char *text, struct qb_sources *ret, struct qb_error *err);
/* How often each interrupted this CPU, in the order of the sources, out of /proc/interrupts. */
int qb_sources_take(const struct qb_sources *sources, const char *text, unsigned cpu, uint64_t *ret,
	struct qb_error *err);

/* Hundredths of a second (USER_HZ) that a hypervisor took from this CPU, out of /proc/stat. */
int qb_counters_steal(const char *stat, unsigned cpu, uint64_t *ret);
/* Has any of it ever been told, of any CPU? A hypervisor without that clock leaves all of it at 0. */
bool qb_counters_steal_moved(const char *stat);

/* The same unit: how long it was busy with tasks (user, nice, system), whoever's. */
int qb_counters_busy(const char *stat, unsigned cpu, uint64_t *ret);

/* The same unit: how long it was idle while a task that ran there last waited for a device (iowait). */
int qb_counters_waited(const char *stat, unsigned cpu, uint64_t *ret);

/* How often this CPU's clock was lowered because of heat (its own and its package's); false: this
 * host does not count that. */
bool qb_counters_throttled(unsigned cpu, uint64_t *ret);
/* Counters only rise: one that is gone, could not be read, or was made anew tells nothing. */
static inline uint64_t qb_counters_risen(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

/* Pages read back from swap, of the whole host. */
bool qb_counters_swapped_in(uint64_t *ret);
/* Processes that the kernel ended for lack of memory, on the whole host. */
bool qb_counters_oom_kills(uint64_t *ret);

#endif
