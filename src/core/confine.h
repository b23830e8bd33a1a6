/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter of system calls (seccomp): what a program does not name, the kernel does not do for it.
 *
 * All programs that are confined share what everybody needs: reading files and folders, memory, the
 * conversation. Each has rows of its own (confine_rules.c). The filters are made when the programs are
 * (contrib/confine): building one takes longer than all else that a start takes. A filter holds for
 * what the process executes, too. Call it last: it cannot be undone.
 */
#ifndef QB_CORE_CONFINE_H
#define QB_CORE_CONFINE_H

#include <quietbench/error.h>
#include <stddef.h>

enum qb_confined {
	QB_CONFINED_HELPER,
	QB_CONFINED_PLANNER,	 /* the helper's */
	QB_CONFINED_OWN_PLANNER, /* a user's */
	QB_CONFINED_WATCHER,
	QB_CONFINED_BUS,
	QB_CONFINED_COUNT,
};

struct sock_filter;
struct qb_confine_filter {
	const struct sock_filter *code;
	unsigned short n;
	unsigned flags; /* of seccomp(2) */
};
extern const struct qb_confine_filter qb_confine_filters[QB_CONFINED_COUNT];

int qb_confine(enum qb_confined who, struct qb_error *err);

#endif
