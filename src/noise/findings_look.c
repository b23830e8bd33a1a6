/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings_internal.h: reading below a root, and saying what was found. */
#include "findings_internal.h"
#include <base/file.h>
#include <base/text.h>
#include <stdarg.h>
#include <stdio.h>

#define PATH_SIZE 4096

void qb_look_path(const struct qb_look *look, char *buf, size_t size, const char *name)
{
	qb_text_format(buf, size, "%s%s", look->root, name);
}

ssize_t qb_look_read(const struct qb_look *look, char *buf, size_t size, const char *name, ...)
{
	char path[PATH_SIZE], below[256];
	va_list args;

	va_start(args, name);
	vsnprintf(below, sizeof(below), name, args);
	va_end(args);
	qb_look_path(look, path, sizeof(path), below);
	return qb_file_read(path, buf, size, NULL);
}

bool qb_look_number(const struct qb_look *look, long long *ret, const char *name)
{
	char path[PATH_SIZE];

	qb_look_path(look, path, sizeof(path), name);
	return qb_file_read_number(path, ret, NULL) == 0;
}

bool qb_look_read_all(const struct qb_look *look, const char *name, char **ret)
{
	char path[PATH_SIZE];

	qb_look_path(look, path, sizeof(path), name);
	return qb_file_read_all(path, ret, NULL) >= 0;
}

void qb_finding_say(struct qb_finding *ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret->text, sizeof(ret->text), fmt, args);
	va_end(args);
	ret->state = QB_FINDING_FOUND;
}

void qb_finding_advise(struct qb_finding *ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret->advice, sizeof(ret->advice), fmt, args);
	va_end(args);
}

void qb_finding_unknown(struct qb_finding *ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ret->text, sizeof(ret->text), fmt, args);
	va_end(args);
	ret->state = QB_FINDING_UNKNOWN;
}

void qb_finding_missing(const struct qb_look *look, struct qb_finding *ret, const char *why)
{
	qb_finding_unknown(ret, "%s", *look->root ? "not captured, or not on that host" : why);
}

void qb_finding_kib(unsigned long long kib, char *buf, size_t size)
{
	if (kib >= 1024 * 1024)
		qb_text_format(buf, size, "%.1f GiB", (double)kib / (1024 * 1024));
	else if (kib >= 1024)
		qb_text_format(buf, size, "%llu MiB", kib / 1024);
	else
		qb_text_format(buf, size, "%llu KiB", kib);
}
