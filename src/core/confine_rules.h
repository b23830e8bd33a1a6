/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What contrib/confine makes filters of. No program of ours links it. */
#ifndef QB_CORE_CONFINE_RULES_H
#define QB_CORE_CONFINE_RULES_H

#include <core/confine.h>
#include <stdbool.h>
#include <stdint.h>

struct qb_confine_rule {
	const char *call;
	int refuse; /* this errno instead of the call; 0: it is allowed */
	unsigned n; /* 1: only where argument `arg`, masked, equals `value` */
	unsigned arg;
	uint64_t mask, value;
};
#define QB_CALL(name)                                                                              \
	{                                                                                          \
		.call = (name)                                                                     \
	}
#define QB_CALL_IF(name, argument, masked, equals)                                                 \
	{                                                                                          \
		.call = (name), .n = 1, .arg = (argument), .mask = (masked), .value = (equals)     \
	}

struct qb_confine_rules {
	bool kill; /* what breaks them is ended at once; else: EPERM, and a line in the kernel's log */
	const struct qb_confine_rule *v;
	size_t n;
};
extern const struct qb_confine_rules qb_confine_common;
extern const struct qb_confine_rules qb_confine_rules[QB_CONFINED_COUNT];

#endif
