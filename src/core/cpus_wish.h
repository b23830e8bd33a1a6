/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The profile's cpus.* as numbers and sets, judged against the host: the first half of qb_select.
 */
#ifndef QB_CORE_CPUS_WISH_H
#define QB_CORE_CPUS_WISH_H

#include <core/cores.h>
#include <quietbench/profile.h>

struct qb_cpus_wish {
	const struct qb_topology *topology;
	struct qb_cpus usable; /* online and allowed */
	struct qb_cpus list;   /* of cpus.list */
	bool listed;
	bool counted; /* of the list not all, but the count */
	enum { QB_COUNT_NUMBER, QB_COUNT_MAX, QB_COUNT_ALL } count;
	unsigned number;
	bool share, avoid_boot;
	int kind;  /* rank; -1: any */
	long node; /* kernel number; -1: auto */
	enum qb_within within;
};

/* -EINVAL: a list with CPUs that cannot be had; the error names them, why, and what there is. */
int qb_cpus_wish_read(const struct qb_topology *topology, const struct qb_profile *profile,
	const struct qb_cpus *allowed, struct qb_cpus_wish *ret, struct qb_error *err);

/* A set as a short text, whatever its size: messages are one line. Returns buf. */
const char *qb_cpus_wish_text(const struct qb_cpus *set, char *buf, size_t size);

#endif
