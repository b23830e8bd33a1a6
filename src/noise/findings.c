/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.h: the table, and what the files of the findings share. */
#include "findings_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <stdarg.h>

#define PATH_SIZE 4096

static const struct {
	const char *name;
	enum qb_key key;
	void (*look)(const struct qb_look *look, struct qb_finding *ret);
} table[QB_FINDING_COUNT] = {
#define X(id, name, key) [QB_FINDING_##id] = {#name, QB_KEY_##key, qb_find_##name},
	QB_FINDINGS(X)
#undef X
};

const char *qb_finding_name(enum qb_finding_id id)
{
	return table[id].name;
}

enum qb_key qb_finding_key(enum qb_finding_id id)
{
	return table[id].key;
}

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

bool qb_look_number(const struct qb_look *look, long long *ret, const char *name, ...)
{
	char path[PATH_SIZE], below[256];
	va_list args;

	va_start(args, name);
	vsnprintf(below, sizeof(below), name, args);
	va_end(args);
	qb_look_path(look, path, sizeof(path), below);
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

void qb_finding_cpus(const struct qb_cpus *cpus, char *buf, size_t size)
{
	char list[128];

	if (qb_cpus_format_list(cpus, list, sizeof(list)) < 0)
		qb_text_format(buf, size, "%u CPUs", qb_cpus_count(cpus));
	else
		qb_text_format(buf, size, "CPU%s %s", qb_cpus_count(cpus) == 1 ? "" : "s", list);
}

void qb_findings_look(const struct qb_look *look, struct qb_findings *ret)
{
	*ret = (struct qb_findings){0};
	for (int id = 0; id < QB_FINDING_COUNT; id++)
		table[id].look(look, &ret->of[id]);
	qb_findings_begin(look, ret);
}
