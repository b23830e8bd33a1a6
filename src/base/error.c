/* SPDX-License-Identifier: GPL-2.0-or-later */
/* error.h: errors as values. */
#include <base/macros.h>
#include <errno.h>
#include <quietbench/error.h>
#include <stdarg.h>

/* The kernel's internal ENOTSUPP: never meant for user space, leaked by some sysctls. */
#define KERNEL_ENOTSUPP 524

const char *qb_error_name(int code, char *buf, size_t size)
{
	if (code == KERNEL_ENOTSUPP)
		return "not supported by this kernel or CPU (524)";
	/* GNU strerror_r: the text may or may not be in buf. */
	return strerror_r(code, buf, size);
}

static int set(struct qb_error *err, int code, const char *tail, const char *fmt, va_list ap)
{
	int n;

	if (!err)
		return -code;
	err->code = code;
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	if (n < 0)
		err->text[0] = '\0';
	else if (tail && (size_t)n < sizeof(err->text))
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", tail);
	return -code;
}

int qb_error_set(struct qb_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set(err, code, NULL, fmt, ap);
	va_end(ap);
	return -code;
}

int qb_error_errno(struct qb_error *err, int code, const char *fmt, ...)
{
	char buf[128];
	va_list ap;

	va_start(ap, fmt);
	set(err, code, qb_error_name(code, buf, sizeof(buf)), fmt, ap);
	va_end(ap);
	return -code;
}

int qb_error_wrap(struct qb_error *err, const char *fmt, ...)
{
	char inner[QB_ERROR_MAX];
	va_list ap;

	if (!err)
		return -EIO;
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	set(err, err->code, inner, fmt, ap);
	va_end(ap);
	return -err->code;
}
