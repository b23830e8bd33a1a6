/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors are values with context.
 *
 * Purpose: carry "what was attempted, on which object, why it failed, what to do" from the place
 * that knows to the place that shows, without printing and without allocating: reporting an error
 * never fails and never ends a restore halfway.
 *
 * Calling sequence: the caller owns a `struct qb_error` and passes its address last. A function
 * that fails returns a negative errno and has filled it; on success it is untouched. NULL is
 * allowed where a caller wants the code alone.
 *
 *	struct qb_error err = {0};
 *	if (qb_file_read(path, buf, sizeof(buf), &err) < 0)
 *		return qb_error_wrap(&err, "read the governor of policy %u", n);
 */
#ifndef QUIETBENCH_ERROR_H
#define QUIETBENCH_ERROR_H

#include <errno.h>
#include <stddef.h>

#define QB_ERROR_MAX 512

struct qb_error {
	int code;		 /* errno, positive; 0 when nothing failed */
	char text[QB_ERROR_MAX]; /* one line, no full stop, NUL-terminated, cut when too long */
};

/*
 * The code of: a signal told quietbench itself to end. Whoever sent it needs no words. No system call fails
 * with it, and no other program's error has it (an EINTR may be anybody's).
 */
#define QB_TOLD_TO_END EBADE

/* Fills *err (if any) with `code` and the formatted text. Returns -code. */
int qb_error_set(struct qb_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of `code` appended. */
int qb_error_errno(struct qb_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text that is there. Returns -err->code (-EIO when err is NULL). */
int qb_error_wrap(struct qb_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The text of an errno as a person should read it. Knows 524 (the kernel's internal ENOTSUPP,
 * which `nmi_watchdog` leaks and strerror cannot name). Static storage, or `buf`.
 */
const char *qb_error_name(int code, char *buf, size_t size);

#endif
