/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the planners of several families share. For the planner alone. */
#ifndef QB_LEVERS_PLANNING_H
#define QB_LEVERS_PLANNING_H

#include <quietbench/lever.h>

/* Is the key to be anything but left alone? */
bool qb_plan_asks(const struct qb_wish *wish, enum qb_key key);
/* The number that a key asks for as the kernel takes it (true: 1); NULL: nothing is asked. */
const char *qb_plan_number(const struct qb_wish *wish, enum qb_key key, char buf[24]);
/* qb_lever_plan, and where the host does not have what is wanted: refused with the reason `absent`.
 * 0 or -ENOMEM. */
int qb_plan_add(struct qb_steps *steps, unsigned lever, struct qb_unit unit, const char *wanted,
	const char *absent);
/* A key that is a number in a file, and nothing else with it. */
struct qb_plan_number {
	enum qb_key key;
	enum qb_lever_id lever;
	const char *absent;
};
int qb_plan_numbers(const struct qb_wish *wish, struct qb_steps *steps,
	const struct qb_plan_number *rows, size_t n);
/* Calls `each` with the names in a folder, in order, until one returns not 0: that is returned.
 * A folder that is not there has no names. */
int qb_plan_each_name(const char *dir, int (*each)(void *data, const char *name), void *data);

/* How many CPUs a mask as the kernel writes it spans. */
unsigned qb_plan_mask_width(const char *mask);

/* Whose CPUs are whose, for what is to leave the benchmark's. */
struct qb_housekeeping {
	struct qb_cpus away;	 /* the benchmark's CPUs and their siblings */
	struct qb_cpus isolated; /* at boot: for what was put there, and for nothing else */
	struct qb_cpus
		cpus; /* those for housekeeping that are online; empty: the benchmark has them all */
};

void qb_housekeeping_find(const struct qb_wish *wish, struct qb_housekeeping *ret);
/* What is left of a set that names CPUs of the benchmark's: its housekeeping CPUs; if it has none, what
 * it has of those that are isolated at boot; or all housekeeping CPUs. False: it names none, and stays as it is. */
bool qb_housekeeping_clear(const struct qb_housekeeping *housekeeping, struct qb_cpus *set);
/* The same for a mask as the kernel writes it, and as wide. */
bool qb_housekeeping_clear_mask(
	const struct qb_housekeeping *housekeeping, const char *before, char *ret, size_t size);

#endif
