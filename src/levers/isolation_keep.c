/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation.h: does a plan do what its selection says, and no more? */
#include <base/macros.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>

static bool is_of(const struct qb_step *step, const char *group)
{
	return strcmp(step->unit.name, group) == 0;
}

bool qb_isolation_is_group(const struct qb_step *step)
{
	const unsigned lever = step->lever;

	if (lever == QB_LEVER_SLICE)
		return strcmp(step->wanted, "all") == 0;
	if (lever == QB_LEVER_SHIELD || lever == QB_LEVER_SHIELD_CPUS ||
		lever == QB_LEVER_SHIELD_MEMS)
		return is_of(step, QB_UNIT_RUN);
	return lever == QB_LEVER_GROUP;
}

/* The CPUs that a step of an isolating plan names. */
static bool keeps_list(const struct qb_step *step, const struct qb_selection *selection,
	const struct qb_cpus *taken)
{
	struct qb_cpus cpus;

	if (step->lever != QB_LEVER_SLICE && step->lever != QB_LEVER_GROUP_CPUS &&
		step->lever != QB_LEVER_SHIELD_CPUS)
		return true;
	if (qb_cpus_parse_list(step->wanted, &cpus) < 0)
		return qb_isolation_is_group(step);
	return step->lever == QB_LEVER_SHIELD_CPUS && is_of(step, QB_UNIT_HOUSE)
		       ? qb_cpus_equal(&cpus, &selection->house)
		       : qb_cpus_subset(&cpus, taken);
}

bool qb_isolation_keeps_to(const struct qb_step *step, const struct qb_selection *selection,
	const struct qb_cpus *taken)
{
	if (step->lever == QB_LEVER_TASK_GROUP || step->lever == QB_LEVER_TASK_AFFINITY)
		return false;
	if (step->lever == QB_LEVER_SMT_OFFLINE)
		return qb_cpus_has(&selection->offline, step->unit.number);
	if (qb_levers[step->lever].key != QB_KEY_CPUS_ISOLATION)
		return true;
	if (selection->isolation == QB_ISOLATION_NONE ||
		selection->isolation == QB_ISOLATION_AFFINITY)
		return qb_isolation_is_group(step);
	return keeps_list(step, selection, taken);
}
