/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel counted around a benchmark, between two looks.
 *
 *	qb_tally_begin    when it was placed, before it is let go
 *	qb_tally_look     meanwhile: what has been counted so far of what is cheap to read
 *	qb_tally_end      when it has ended
 *
 * Pressure (cgroup.h) is of the benchmark's control group where it has one, else of the host. A
 * benchmark presses, too: these are figures for the record, they do not change the verdict. The quota of
 * its group does, and so does sleep of the machine.
 *
 * The clock's frequency is not among them: up to Linux 5.17 reading it interrupts that CPU.
 */
#ifndef QB_NOISE_TALLY_H
#define QB_NOISE_TALLY_H

#include "cgroup.h"
#include "counters.h"
#include <quietbench/value.h>

/*
 * For how long the machine has slept: CLOCK_BOOTTIME goes on then, CLOCK_MONOTONIC does not. Two
 * clocks are never read at once, so the one is read between two readings of the other.
 */
struct qb_tally_sleep {
	int64_t least_ns, most_ns;
};

struct qb_tally_look {
	uint64_t pressure_us[QB_PRESSURE_COUNT];
	uint64_t quota_us; /* kept off its CPUs by a quota */
	int64_t asleep_ns; /* the whole machine, for certain */
};

/* Counts by source, in the order of the kernel's table. */
struct qb_tally_table {
	struct qb_sources sources;
	uint64_t *times; /* owned; of all CPUs together: so far, and after the end: meanwhile */
};

struct qb_tally {
	struct qb_cpus cpus;
	struct qb_cgroup group;
	bool own_pressure;   /* it is the group's, not the host's */
	bool pressure_known; /* the kernel accounts for it */
	bool quota_known;
	bool detailed; /* the tables are there */
	struct qb_tally_table interrupts, softirqs;
	struct qb_tally_look looks[2]; /* at the begin and at the end */
	struct qb_tally_sleep slept;   /* before the begin */
};

/* `detailed`: the tables and the pressure as well. Tables are large on large hosts, so only for those
 * who keep them. */
int qb_tally_begin(struct qb_tally *ret, const struct qb_cpus *cpus, pid_t child, bool detailed,
	struct qb_error *err);
/* From readings of CLOCK_MONOTONIC, CLOCK_BOOTTIME and CLOCK_MONOTONIC again, in that order. */
struct qb_tally_sleep qb_tally_sleep_of(int64_t before_ns, int64_t boot_ns, int64_t after_ns);
/* So long it slept in between for certain; 0 if that is too little to be a sleep. */
int64_t qb_tally_slept(struct qb_tally_sleep then, struct qb_tally_sleep now);
/* What has been counted since the begin. */
struct qb_tally_look qb_tally_since(const struct qb_tally *tally);
void qb_tally_end(struct qb_tally *tally);
void qb_tally_free(struct qb_tally *tally);

#endif
