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
	ROLE_FORKER, /* a child that forks: what it forks are children of the client's, too */
	ROLE_GUARDIAN,
	ROLE_MONITOR,
	ROLE_RECOVERY,
	ROLE_KEEPER, /* a child of the monitor's: the guardian of a guest, or it becomes a program */
	ROLE_GUEST,  /* a child of a keeper's: it serves a run that joins */
	ROLE_PLANNER,
	ROLE_BUS,
	ROLE_WATCHER,
	ROLE_COUNT,
};
extern const char *const role_names[ROLE_COUNT];

enum action { ACTION_KILL, ACTION_STOP, ACTION_DELAY, ACTION_FAIL, ACTION_BAR, ACTION_SHORT };

/* What a strike counts, beside the kinds of calls: all of them. */
#define CALL_ANY CALL_HARMLESS

struct strike {
	enum role role;
	enum call_kind kind;
	unsigned long at;
	bool after; /* the call, not before it */
	enum action action;
	unsigned victims; /* a bit for each role */
	int error;
	int ms;
	bool done;
	char barred[256]; /* ACTION_BAR, done: the file that all later calls fail on, too */
};

struct order {
	struct strike strikes[8];
	size_t n_strikes;
	int watch;	 /* to the end; 1: changes and looks, 2: all calls */
	bool filtered;	 /* the kernel picks the changes; nobody's looks are seen */
	int seconds;	 /* how long all may take */
	int client_ms;	 /* after the last strike the client is killed; -1: never */
	int outlive_ms;	 /* others may live on when no client does; -1: as long as all may take */
	const char *log; /* NULL: the standard error */
	char **command;
};

struct process {
	pid_t tid;
	enum role role;
	bool known;		/* its parent's fork has been seen: the role is set */
	bool held;		/* stopped until it is known */
	pid_t parent;		/* of one that is held: its parent then */
	bool had_monitor;	/* of a guardian or a keeper: the next child is a recovery */
	bool stopped;		/* by a signal */
	bool held_up;		/* a strike's caller: it was delayed, or stopped others */
	int64_t delayed_until;	/* in ms; 0: it is not */
	struct strike *pending; /* strikes when the call returns */
};

/* ---- strike_roles.c: who is what ---- */

/* A new process or thread has the role that its parent's child has. */
void role_inherit(struct process *process, struct process *parent, bool thread);
/* Its role by the program that it executes now, whose name is put into buf. False: killed meanwhile. */
bool role_execute(struct process *process, char *buf, size_t size);
/* -1: it is gone. */
pid_t role_parent(pid_t pid);

/* ---- strike_order.c ---- */

/* Reads the command line, or tells how it must be and exits. */
void order_parse(int argc, char **argv, struct order *ret);

#endif
