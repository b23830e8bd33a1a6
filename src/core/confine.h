/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A filter of system calls (seccomp): what a program does not name, the kernel does not do for it.
 *
 * Both programs that are confined share what everybody needs: reading files and folders, memory, the
 * conversation. Each adds rows of its own. The filter holds for what the process executes, too.
 * Call it last: it needs no_new_privs, and cannot be undone.
 */
#ifndef QB_CORE_CONFINE_H
#define QB_CORE_CONFINE_H

#include <quietbench/error.h>
#include <stddef.h>
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

enum qb_confine_breach {
	QB_CONFINE_KILL,   /* a process that breaks the rules is ended at once */
	QB_CONFINE_REFUSE, /* EPERM, and a line in the kernel's log */
};

int qb_confine(enum qb_confine_breach breach, const struct qb_confine_rule *rules, size_t n,
	struct qb_error *err);

#endif
