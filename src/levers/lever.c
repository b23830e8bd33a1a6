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
#include <dirent.h>
#include <errno.h>
#include <host/caller.h>
#include <inttypes.h>
#include <limits.h>
#include <quietbench/lever.h>

#define PATH_SIZE   192
#define POLICY_CPUS "/sys/devices/system/cpu/cpufreq/policy%u/affected_cpus"

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
	case QB_UNIT_NAMED: qb_text_copy(buf, size, unit->name); break;
	case QB_UNIT_STATE:
		qb_text_format(buf, size, "cpu%u/state%" PRIu64, unit->number, unit->key);
		break;
	case QB_UNIT_CPU: qb_text_format(buf, size, "cpu%u", unit->number); break;
	case QB_UNIT_POLICY: qb_text_format(buf, size, "policy%u", unit->number); break;
	case QB_UNIT_IRQ: qb_text_format(buf, size, "irq%u", unit->number); break;
	case QB_UNIT_TASK: qb_text_format(buf, size, "task %u", unit->number); break;
	}
	used = strlen(buf);
	slash = used && *row->part ? "/" : "";
	qb_text_format(buf + used, size - used, "%s%s", slash, row->part);
}

/* The next word of a unit's name ("eth0/rx-0"), which must be an entry of the folder `dir`. */
static int next_entry(
	const char *dir, const char **name, char *buf, size_t size, struct qb_error *err)
{
	_cleanup_closedir_ DIR *open = opendir(dir);
	size_t length = strcspn(*name, "/");
	const struct dirent *entry;
	int r;

	if (!open)
		return qb_error_errno(err, errno, "list %s", dir);
	while ((r = qb_dir_next(open, dir, &entry, err)) > 0)
		if (entry->d_name[0] != '.' && strlen(entry->d_name) == length &&
			strncmp(entry->d_name, *name, length) == 0 &&
			qb_text_copy(buf, size, entry->d_name)) {
			*name += length + ((*name)[length] == '/');
			return 0;
		}
	return r < 0 ? r : qb_error_set(err, ENOENT, "%s has no '%.*s'", dir, (int)length, *name);
}

/*
 * A row's path for a unit: %u is its number (a second %u its key), %s the next word of its name.
 * A word is never pasted: what goes into the path is an entry that we saw in that folder.
 */
static int path_of(const struct qb_lever *row, const struct qb_unit *unit, char *buf, size_t size,
	struct qb_error *err)
{
	const uint64_t numbers[] = {unit->number, unit->key};
	const uint64_t *number = numbers;
	const char *name = unit->name;
	size_t used = 0;

	for (const char *at = row->path; *at && used < size - 1; at++) {
		int r;

		if (*at != '%') {
			buf[used++] = *at;
			continue;
		}
		buf[used] = '\0';
		if (*++at == 'u') {
			qb_text_format(buf + used, size - used, "%" PRIu64, *number++);
		} else {
			r = next_entry(buf, &name, buf + used, size - used, err);
			if (r < 0)
				return r;
		}
		used += strlen(buf + used);
	}
	buf[used] = '\0';
	return 0;
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
	int r;

	if (row->ops && row->ops->read)
		return row->ops->read(row, unit, buf, size, err);
	if (!row->path)
		return qb_error_set(
			err, ENOTSUP, "%s is not an attribute of the host", qb_lever_name(lever));
	r = path_of(row, unit, path, sizeof(path), err);
	if (r < 0)
		return r;
	n = qb_file_read_changing(path, buf, size, err);
	return n < 0 ? (int)n : 0;
}

int qb_lever_read_below(const char *root, unsigned lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	struct qb_lever row = qb_levers[lever];
	char path[PATH_SIZE], below[PATH_MAX];
	ssize_t n;
	int r;

	if (!row.path)
		return qb_error_set(
			err, ENOTSUP, "%s is not an attribute of the host", qb_lever_name(lever));
	r = path_of(&row, unit, path, sizeof(path), err);
	if (r < 0)
		return r;
	if (!qb_text_format(below, sizeof(below), "%s%s", root, path))
		return qb_error_set(err, ENAMETOOLONG, "%s is too long a path", root);
	row.path = below;
	if (row.ops && row.ops->read)
		return row.ops->read(&row, unit, buf, size, err);
	n = qb_file_read(below, buf, size, err);
	return n < 0 ? (int)n : 0;
}

bool qb_lever_costs(unsigned lever, const char *value)
{
	const struct qb_effect *effect = &qb_levers[lever].effect;
	int64_t number;

	if (effect->fine)
		return !qb_text_has_word(effect->fine, value);
	return (effect->low || effect->high) && qb_number_parse(value, &number) == 0 &&
	       number >= effect->low && number <= effect->high;
}

int qb_lever_write(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err)
{
	const struct qb_lever *row = &qb_levers[lever];
	char path[PATH_SIZE];
	int r;

	if (row->ops && row->ops->write)
		return row->ops->write(row, unit, text, err);
	if (!row->path)
		return qb_error_set(
			err, ENOTSUP, "%s is not an attribute of the host", qb_lever_name(lever));
	r = path_of(row, unit, path, sizeof(path), err);
	return r < 0 ? r : qb_file_write(path, text, err);
}

int qb_lever_judge(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err)
{
	char name[96];
	int r;

	if (lever >= QB_LEVER_COUNT || qb_levers[lever].where != QB_LEVER_HOST)
		return qb_error_set(err, EPERM, "lever %u does not change a host", lever);
	r = qb_spec_judge(&qb_levers[lever].spec, text, err);
	if (r == 0 && qb_levers[lever].ops && qb_levers[lever].ops->judge)
		r = qb_levers[lever].ops->judge(&qb_levers[lever], unit, text, err);
	if (r < 0) {
		qb_lever_unit_name(lever, unit, name, sizeof(name));
		return qb_error_wrap(err, "%s %s", qb_lever_name(lever), name);
	}
	return 0;
}

/* As sets: the kernel pads with zeros, up to the CPUs it was built for or found. */
static bool same_mask(const char *a, const char *b)
{
	struct qb_cpus x, y;

	return qb_cpus_parse_hex(a, &x) == 0 && qb_cpus_parse_hex(b, &y) == 0 &&
	       qb_cpus_equal(&x, &y);
}

bool qb_lever_same(unsigned lever, const char *a, const char *b)
{
	const struct qb_lever *row = &qb_levers[lever];

	if (row->ops && row->ops->same)
		return row->ops->same(a, b);
	if (strcmp(a, b) == 0)
		return true;
	return row->spec.type == QB_VALUE_MASK && same_mask(a, b);
}

bool qb_lever_ours(const struct qb_steps *steps, const struct qb_step *step, const char *now)
{
	const struct qb_lever *row = &qb_levers[step->lever];

	return row->ops && row->ops->ours && row->ops->ours(steps, step, now);
}

/* "CPU 3 is offline" of those of `cpus` that are not in `online`. */
static bool are_offline(
	const struct qb_cpus *cpus, const struct qb_cpus *online, struct qb_error *err)
{
	struct qb_cpus gone = *cpus;
	char list[QB_CPUS_TEXT];

	qb_cpus_andnot(&gone, online);
	if (qb_cpus_empty(&gone) || qb_cpus_format_list(&gone, list, sizeof(list)) < 0)
		return false;
	qb_error_set(
		err, ENODEV, "CPU %s %s offline", list, qb_cpus_count(&gone) == 1 ? "is" : "are");
	return true;
}

bool qb_lever_lacks(
	unsigned lever, const struct qb_unit *unit, const char *text, struct qb_error *err)
{
	const struct qb_lever *row = &qb_levers[lever];
	struct qb_cpus cpus = {0}, online;
	char path[PATH_SIZE], list[QB_CPUS_TEXT];
	ssize_t n;

	if (row->ops && row->ops->lacks && row->ops->lacks(row, unit, text, err))
		return true;
	if (qb_host_online(&online, NULL) < 0)
		return false;
	switch (row->unit) {
	case QB_UNIT_POLICY: /* without a CPU: EBUSY; up to Linux 5.x an empty list */
		qb_text_format(path, sizeof(path), POLICY_CPUS, unit->number);
		n = qb_file_read(path, list, sizeof(list), NULL);
		if (n != 0 && n != -EBUSY)
			return false;
		qb_error_set(err, ENODEV, "all CPUs of policy%u are offline", unit->number);
		return true;
	case QB_UNIT_CPU:
	case QB_UNIT_STATE: /* (to wake a CPU takes nothing but the CPU) */
		qb_cpus_add(&cpus, unit->number);
		return lever != QB_LEVER_SMT_OFFLINE && are_offline(&cpus, &online, err);
	case QB_UNIT_HOST:
	case QB_UNIT_IRQ:
	case QB_UNIT_NAMED:
	case QB_UNIT_TASK: break;
	}
	return row->spec.type == QB_VALUE_MASK && qb_cpus_parse_hex(text, &cpus) == 0 &&
	       !qb_cpus_intersect(&cpus, &online) && are_offline(&cpus, &online, err);
}

int qb_lever_plan_from(struct qb_steps *steps, unsigned lever, struct qb_unit unit,
	const char *before, const char *wanted)
{
	struct qb_step *step = qb_steps_add(steps, lever, unit, before, wanted);

	if (!step)
		return -ENOMEM;
	if (wanted && qb_lever_same(lever, before, wanted))
		step->status = QB_STATUS_UNCHANGED;
	return 1;
}

int qb_lever_plan(struct qb_steps *steps, unsigned lever, struct qb_unit unit, const char *wanted)
{
	char before[QB_TEXT_MAX];

	return qb_lever_read(lever, &unit, before, sizeof(before), NULL) < 0
		       ? 0
		       : qb_lever_plan_from(steps, lever, unit, before, wanted);
}

enum qb_risk qb_lever_risk(unsigned lever, const char *wanted)
{
	if (!wanted)
		return qb_levers[lever].risk;
	if (lever == QB_LEVER_PROCESS_NICE && *wanted == '-')
		return QB_RISK_DISRUPTIVE;
	if (lever == QB_LEVER_PROCESS_POLICY && qb_text_has_word("fifo rr", wanted))
		return QB_RISK_DISRUPTIVE;
	return qb_levers[lever].risk;
}
