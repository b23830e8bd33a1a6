/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What strike knows of system calls: which of them count, what they are about, and how one is made
 * to fail. All act on a thread that is stopped under ptrace.
 */
#ifndef QB_TESTS_CALLS_H
#define QB_TESTS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum call_kind {
	CALL_HARMLESS, /* changes nothing but the caller itself */
	CALL_LOOK,     /* reads a file or a folder, or looks for one */
	CALL_CHANGE,   /* all else: also what nobody has thought of */
	CALL_KINDS,
};

enum call_kind call_judge(uint64_t nr, const uint64_t *args);

/* Lets the caller and its descendants stop for a tracer at changes only. -1 with errno. */
int call_filter(void);

/* "write /sys/…/scaling_governor": the call and what it is about. */
void call_text(pid_t tid, uint64_t nr, const uint64_t *args, char *buf, size_t size);

/* Does the call write to the standard error? Then its first line is in buf. */
bool call_said(pid_t tid, uint64_t nr, const uint64_t *args, char *buf, size_t size);

/* At the call's entry: it will not be executed; it will write half as much. 0 or -1 with errno. */
int call_skip(pid_t tid);
int call_halve(pid_t tid);
/* At its exit: what it returns. */
int call_return(pid_t tid, long result);

#endif
