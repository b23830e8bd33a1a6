/* SPDX-License-Identifier: GPL-2.0-or-later */
/* planning.h: steps from what is read, and CPUs that are to be left. */
#include <base/macros.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <levers/planning.h>

bool qb_plan_asks(const struct qb_wish *wish, enum qb_key key)
{
	return !qb_setting_is(&wish->profile->set[key], "keep");
}

const char *qb_plan_number(const struct qb_wish *wish, enum qb_key key, char buf[24])
{
	if (!qb_plan_asks(wish, key))
		return NULL;
	snprintf(buf, 24, "%" PRId64, wish->profile->set[key].number);
	return buf;
}

int qb_plan_add(struct qb_steps *steps, unsigned lever, struct qb_unit unit, const char *wanted,
	const char *absent)
{
	int r = qb_lever_plan(steps, lever, unit, wanted);

	if (r == 0 && wanted)
		return qb_steps_refuse(steps, lever, QB_STATUS_UNSUPPORTED, "%s", absent);
	return r < 0 ? r : 0;
}

int qb_plan_numbers(const struct qb_wish *wish, struct qb_steps *steps,
	const struct qb_plan_number *rows, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		char number[24];
		const char *wanted = qb_plan_number(wish, rows[i].key, number);

		if (wanted)
			r = qb_plan_add(
				steps, rows[i].lever, qb_unit_none(), wanted, rows[i].absent);
	}
	return r;
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int qb_plan_each_name(const char *dir, int (*each)(void *data, const char *name), void *data)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_name, alphasort), r = 0;

	if (n < 0)
		return errno == ENOMEM ? -ENOMEM : 0;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = each(data, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

unsigned qb_plan_mask_width(const char *mask)
{
	unsigned width = 0;

	for (; *mask; mask++)
		width += isxdigit((unsigned char)*mask) ? 4 : 0;
	return width;
}

void qb_housekeeping_find(const struct qb_wish *wish, struct qb_housekeeping *ret)
{
	ret->away = wish->selection->bench;
	qb_cpus_or(&ret->away, &wish->selection->reserved);
	qb_cpus_or(&ret->away, &wish->selection->offline);
	ret->cpus = wish->selection->housekeeping;
	qb_cpus_and(&ret->cpus, &wish->topology->online);
	qb_cpus_andnot(&ret->cpus, &ret->away);
	ret->isolated = wish->selection->isolated;
}

bool qb_housekeeping_clear(const struct qb_housekeeping *housekeeping, struct qb_cpus *set)
{
	if (!qb_cpus_intersect(set, &housekeeping->away))
		return false;
	if (qb_cpus_intersect(set, &housekeeping->cpus))
		qb_cpus_and(set, &housekeeping->cpus);
	else if (qb_cpus_intersect(set, &housekeeping->isolated))
		qb_cpus_and(set, &housekeeping->isolated);
	else
		*set = housekeeping->cpus;
	return true;
}

bool qb_housekeeping_clear_mask(
	const struct qb_housekeeping *housekeeping, const char *before, char *ret, size_t size)
{
	struct qb_cpus mask;

	if (qb_cpus_parse_hex(before, &mask) < 0 || !qb_housekeeping_clear(housekeeping, &mask))
		return false;
	return qb_cpus_format_hex(&mask, qb_plan_mask_width(before), ret, size) == 0;
}
