/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_internal.h: which masks of threads are this session's doing. */
#include <base/macros.h>
#include <errno.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <quietbench/lever.h>

void qb_imposed_free(struct qb_imposed *imposed)
{
	free(imposed->v);
}

/* Texts are shared, so equal pointers are equal masks: a few, whatever the host's size. */
static int impose(struct qb_imposed *imposed, const char *mask)
{
	for (size_t i = 0; i < imposed->n; i++)
		if (imposed->v[i] == mask)
			return 0;
	if (imposed->n == imposed->cap) {
		size_t cap = imposed->cap ? imposed->cap * 2 : 16;
		const char **v = realloc(imposed->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		imposed->v = v;
		imposed->cap = cap;
	}
	imposed->v[imposed->n++] = mask;
	return 0;
}

static int impose_cpus(
	struct qb_imposed *imposed, struct qb_steps *steps, const struct qb_cpus *cpus)
{
	char mask[QB_TASK_MASK];
	const char *text;

	if (qb_cpus_empty(cpus) || qb_cpus_format_hex(cpus, 0, mask, sizeof(mask)) < 0)
		return 0;
	text = qb_steps_text(steps, mask);
	return text ? impose(imposed, text) : -ENOMEM;
}

/* What a cpuset with the CPUs `list` leaves to everybody outside the benchmark. */
static bool house_of(const struct qb_step *step, const char *list, const struct qb_cpus *online,
	struct qb_cpus *ret_house)
{
	struct qb_cpus cpus;
	const bool quiet = step->lever == QB_LEVER_SLICE || step->lever == QB_LEVER_GROUP_CPUS;
	const bool house =
		step->lever == QB_LEVER_SHIELD_CPUS && strcmp(step->unit.name, QB_UNIT_HOUSE) == 0;

	if ((!quiet && !house) || !list || qb_cpus_parse_list(list, &cpus) < 0)
		return false;
	*ret_house = quiet ? *online : cpus;
	if (quiet)
		qb_cpus_andnot(ret_house, &cpus);
	return true;
}

/* The CPU lists among the steps, for the masks that no thread of the snapshot was seen with. */
static int impose_groups(struct qb_imposed *imposed, struct qb_steps *steps,
	const struct qb_step *step, const struct qb_cpus *online)
{
	struct qb_cpus cpus, house;
	int r;

	if (house_of(step, step->wanted, online, &house)) {
		imposed->cpusets = true;
		r = impose_cpus(imposed, steps, &house);
		if (r < 0 || step->lever == QB_LEVER_SHIELD_CPUS)
			return r;
	} else if (step->lever != QB_LEVER_PROCESS_PIN) {
		return 0;
	}
	/* The benchmark's own, which its survivors carry. */
	return step->wanted && qb_cpus_parse_list(step->wanted, &cpus) == 0
		       ? impose_cpus(imposed, steps, &cpus)
		       : 0;
}

bool qb_masks_equal(const char *a, const char *b)
{
	struct qb_cpus x, y;

	return qb_cpus_parse_hex(a, &x) == 0 && qb_cpus_parse_hex(b, &y) == 0 &&
	       qb_cpus_equal(&x, &y);
}

/* All CPUs but the siblings that we took offline: what the kernel shows of a thread without a cpuset
 * between the end of a partition and their return. */
static int impose_siblings(
	struct qb_imposed *imposed, struct qb_steps *steps, const struct qb_cpus *online)
{
	struct qb_cpus all = *online, gone = {0};

	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_SMT_OFFLINE && steps->v[i].intent)
			qb_cpus_add(&gone, steps->v[i].unit.number);
	qb_cpus_andnot(&all, &gone);
	return qb_cpus_empty(&gone) ? 0 : impose_cpus(imposed, steps, &all);
}

int qb_imposed_collect(struct qb_imposed *imposed, struct qb_steps *steps, struct qb_error *err)
{
	struct qb_cpus online;
	int r = qb_isolation_online(&online, err);

	if (r == 0)
		r = impose_siblings(imposed, steps, &online);

	for (size_t i = 0; r == 0 && i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		const char *mask = step->left ? step->left : step->became;

		if (!mask)
			mask = step->wanted;
		if (step->lever != QB_LEVER_TASK_AFFINITY)
			r = impose_groups(imposed, steps, step, &online);
		else if (mask && !qb_masks_equal(mask, step->before))
			r = impose(imposed, mask);
	}
	return r == -ENOMEM ? qb_error_errno(err, ENOMEM, "sort the masks of the session") : r;
}

bool qb_imposed_has(const struct qb_imposed *imposed, const char *mask)
{
	for (size_t i = 0; i < imposed->n; i++)
		if (qb_lever_same(QB_LEVER_TASK_AFFINITY, imposed->v[i], mask))
			return true;
	return false;
}

bool qb_isolation_displaced(
	const struct qb_steps *steps, const struct qb_step *step, const char *mask)
{
	struct qb_cpus online, house, before, now;
	char list[QB_TEXT_MAX];

	if (step->wanted || qb_isolation_online(&online, NULL) < 0 ||
		qb_cpus_parse_hex(mask, &now) < 0 || qb_cpus_parse_hex(step->before, &before) < 0)
		return false;
	qb_cpus_and(&now, &online);
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *group = &steps->v[i];

		if (!group->intent || !house_of(group, group->wanted, &online, &house) ||
			qb_lever_read(group->lever, &group->unit, list, sizeof(list), NULL) < 0 ||
			!house_of(group, list, &online, &house))
			continue;
		/* Linux before 6.2 gives everybody all of it, later ones what he had of it. */
		if (qb_cpus_equal(&now, &house))
			return true;
		qb_cpus_and(&house, &before);
		if (qb_cpus_equal(&now, &house))
			return true;
	}
	return false;
}
