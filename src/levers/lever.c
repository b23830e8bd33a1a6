/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: reading, judging and writing, whatever the lever.
 *
 * qb_lever_write is the one function through which the host changes. It is called by the journal's
 * apply and undo (src/core/apply.c, src/core/undo.c) and nobody else; a test proves it.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <quietbench/lever.h>

#define PATH_SIZE 192

const char *qb_lever_name(unsigned lever)
{
	return qb_keys[qb_levers[lever].key].name;
}

void qb_lever_unit_name(unsigned lever, const struct qb_unit *unit, char *buf, size_t size)
{
	const struct qb_lever *row = &qb_levers[lever];
	const char *slash;
	size_t used;

	buf[0] = '\0';
	switch (row->unit) {
	case QB_UNIT_HOST: qb_text_copy(buf, size, unit->name); break;
	case QB_UNIT_CPU: qb_text_format(buf, size, "cpu%u", unit->number); break;
	case QB_UNIT_POLICY: qb_text_format(buf, size, "policy%u", unit->number); break;
	case QB_UNIT_IRQ: qb_text_format(buf, size, "irq%u", unit->number); break;
	case QB_UNIT_TASK: qb_text_format(buf, size, "task %u", unit->number); break;
	}
	used = strlen(buf);
	slash = used && *row->part ? "/" : "";
	qb_text_format(buf + used, size - used, "%s%s", slash, row->part);
}

static void path_of(const struct qb_lever *row, const struct qb_unit *unit, char *buf, size_t size)
{
	const char *hole = strstr(row->path, "%u");

	if (hole)
		qb_text_format(buf, size, "%.*s%u%s", (int)(hole - row->path), row->path,
			unit->number, hole + 2);
	else
		qb_text_copy(buf, size, row->path);
}

int qb_lever_exists(unsigned lever, const struct qb_unit *unit, struct qb_error *err)
{
	const struct qb_lever *row = &qb_levers[lever];

	return row->ops && row->ops->exists ? row->ops->exists(row, unit, err) : 0;
}

int qb_lever_read(
	unsigned lever, const struct qb_unit *unit, char *buf, size_t size, struct qb_error *err)
{
	const struct qb_lever *row = &qb_levers[lever];
	char path[PATH_SIZE];
	ssize_t n;

	if (row->ops && row->ops->read)
		return row->ops->read(row, unit, buf, size, err);
	if (!row->path)
		return qb_error_set(
			err, ENOTSUP, "%s is not in this version", qb_lever_name(lever));
	path_of(row, unit, path, sizeof(path));
	n = qb_file_read(path, buf, size, err);
	return n < 0 ? (int)n : 0;
}

int qb_lever_write(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err)
{
	const struct qb_lever *row = &qb_levers[lever];
	char path[PATH_SIZE];

	if (row->ops && row->ops->write)
		return row->ops->write(row, unit, text, err);
	if (!row->path)
		return qb_error_set(
			err, ENOTSUP, "%s is not in this version", qb_lever_name(lever));
	path_of(row, unit, path, sizeof(path));
	return qb_file_write(path, text, err);
}

int qb_lever_judge(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err)
{
	char name[96];
	int r;

	if (lever >= QB_LEVER_COUNT || qb_levers[lever].where != QB_LEVER_HOST)
		return qb_error_set(err, EPERM, "lever %u is none that changes a host", lever);
	r = qb_spec_judge(&qb_levers[lever].spec, text, err);
	if (r == 0 && qb_levers[lever].ops && qb_levers[lever].ops->judge)
		r = qb_levers[lever].ops->judge(&qb_levers[lever], unit, text, err);
	if (r < 0) {
		qb_lever_unit_name(lever, unit, name, sizeof(name));
		return qb_error_wrap(err, "%s %s", qb_lever_name(lever), name);
	}
	return 0;
}

bool qb_lever_same(unsigned lever, const char *a, const char *b)
{
	const struct qb_lever *row = &qb_levers[lever];

	return row->ops && row->ops->same ? row->ops->same(a, b) : strcmp(a, b) == 0;
}
