/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What strike is told on its command line: whom to hit, at which call, how. */
#ifndef QB_TESTS_STRIKE_H
#define QB_TESTS_STRIKE_H

#include "calls.h"

enum {
	STATUS_STRUCK = 0,
	STATUS_MISSED = 1, /* a strike's call never came */
	STATUS_TROUBLE = 2,
	STATUS_LEFT = 3, /* somebody did not end */
};

/* What a process is. Told by what it has executed and whose child it is. */
enum role {
	ROLE_OTHER,
	ROLE_CLIENT,
	ROLE_CHILD,
	ROLE_GUARDIAN,
	ROLE_MONITOR,
	ROLE_RECOVERY,
	ROLE_PLANNER,
	ROLE_COUNT,
};
extern const char *const role_names[ROLE_COUNT];

enum action { ACTION_KILL, ACTION_AFTER, ACTION_FAIL, ACTION_BAR, ACTION_SHORT };

struct strike {
	enum role role;
	enum call_kind kind;
	unsigned long at;
	enum action action;
	unsigned victims; /* a bit for each role */
	int error;
	bool done;
	char barred[256]; /* ACTION_BAR, done: the file that all later calls fail on, too */
};

struct order {
	struct strike strikes[8];
	size_t n_strikes;
	bool watch;	 /* to the end, all calls */
	bool filtered;	 /* the kernel picks the changes; nobody's looks are seen */
	int seconds;	 /* how long all may take */
	const char *log; /* NULL: the standard error */
	char **command;
};

/* Reads the command line, or tells how it must be and exits. */
void order_parse(int argc, char **argv, struct order *ret);

#endif
