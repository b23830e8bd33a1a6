/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lever.h: which siblings go offline. For the planner; nothing here is written. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/isolation_internal.h>
#include <levers/smt.h>

struct plan {
	const struct qb_wish *wish;
	struct qb_steps *steps;
	struct qb_cgroups cgroups;
	struct qb_cpus going; /* will be offline */
};

/* May this CPU go? 0, or the reason why it stays. */
static int may_go(const struct plan *plan, unsigned cpu, struct qb_error *why)
{
	struct qb_cpus one = {0};
	char path[64];

	qb_text_format(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	if (!qb_file_exists(path))
		return qb_error_set(why, ENOTSUP,
			"the kernel offers no switch for CPU %u (%s): it is kept idle instead", cpu,
			path);
	qb_cpus_add(&one, cpu);
	return plan->cgroups.cpuset2 ? qb_isolation_check_free(&plan->cgroups, &one, why) : 0;
}

static int choose(struct plan *plan)
{
	int r = 0;

	qb_cpus_foreach (cpu, &plan->wish->selection->reserved) {
		struct qb_error why = {0};

		if (may_go(plan, cpu, &why) == 0)
			qb_cpus_add(&plan->going, cpu);
		else if (r == 0)
			r = qb_steps_refuse(plan->steps, QB_LEVER_SMT_OFFLINE,
				QB_STATUS_UNSUPPORTED, "%s", why.text);
	}
	return r;
}

/* The CPUs of a v1 cpuset; false for the root, which follows the kernel's. */
static bool cpuset_of(const struct plan *plan, const char *folder, struct qb_cpus *ret)
{
	char path[QB_GROUP_PATH], list[QB_CPUS_TEXT];

	return strcmp(folder, plan->cgroups.mount[QB_HIERARCHY_CPUSET]) != 0 &&
	       qb_text_format(path, sizeof(path), "%s/cpuset.cpus", folder) &&
	       qb_file_read(path, list, sizeof(list), NULL) > 0 &&
	       qb_cpus_parse_list(list, ret) == 0;
}

/* The kernel would empty such a cpuset for good, and move its threads to the one above. */
static int keep_populated(void *data, const char *folder, uint64_t id)
{
	struct plan *plan = data;
	struct qb_cpus cpus;
	char list[128];

	if (!cpuset_of(plan, folder, &cpus) || !qb_cpus_subset(&cpus, &plan->going))
		return 0;
	qb_cpus_andnot(&plan->going, &cpus);
	return qb_steps_refuse(plan->steps, QB_LEVER_SMT_OFFLINE, QB_STATUS_UNSUPPORTED,
		"the cpuset %s has no CPUs but %s: kept idle instead", folder,
		qb_cpus_text(&cpus, list, sizeof(list)));
}

static int remember_cpuset(void *data, const char *folder, uint64_t id)
{
	struct plan *plan = data;
	struct qb_unit unit = qb_unit_none();
	struct qb_cpus cpus;
	size_t length = strlen(folder);

	if (!cpuset_of(plan, folder, &cpus) || !qb_cpus_intersect(&cpus, &plan->going))
		return 0;
	unit.key = id;
	if (length >= sizeof(unit.name))
		folder += length - sizeof(unit.name) + 1;
	qb_text_copy(unit.name, sizeof(unit.name), folder);
	return qb_steps_add(plan->steps, QB_LEVER_SMT_CPUSET, unit, NULL, NULL) ? 0 : -ENOMEM;
}

/* v2's cpusets show what was asked of them; only v1's lose it. */
static int look_at_cpusets(struct plan *plan)
{
	struct qb_error why = {0};
	int r = qb_cgroups_walk(
		&plan->cgroups, QB_HIERARCHY_CPUSET, "/", keep_populated, plan, NULL);

	/* What one cannot list the other cannot, either. */
	if (r != -ENOMEM)
		r = qb_cgroups_walk(
			&plan->cgroups, QB_HIERARCHY_CPUSET, "/", remember_cpuset, plan, &why);
	return r < 0 && r != -ENOMEM
		       ? qb_steps_refuse(plan->steps, QB_LEVER_SMT_CPUSET, QB_STATUS_UNSUPPORTED,
				 "some cpusets cannot be read: %s", why.text)
		       : r;
}

/* Siblings that the choice of CPUs left online and in use: the wish is not fulfilled, and that is said. */
static int tell_rest(const struct plan *plan)
{
	const struct qb_topology *t = plan->wish->topology;
	const struct qb_selection *s = plan->wish->selection;
	struct qb_cpus rest = {0};
	char list[128];

	for (unsigned i = 0; i < t->n; i++)
		for (unsigned k = 0; k < t->n; k++)
			if (t->pus[i].core >= 0 && t->pus[i].core == t->pus[k].core &&
				qb_cpus_has(&s->bench, t->pus[i].cpu))
				qb_cpus_add(&rest, t->pus[k].cpu);
	qb_cpus_andnot(&rest, &s->bench);
	if (qb_cpus_empty(&rest))
		return qb_steps_refuse(plan->steps, QB_LEVER_SMT_OFFLINE, QB_STATUS_UNCHANGED,
			"no sibling is online beside the benchmark");
	qb_cpus_andnot(&rest, &s->reserved);
	if (qb_cpus_empty(&rest))
		return 0;
	return qb_steps_refuse(plan->steps, QB_LEVER_SMT_OFFLINE, QB_STATUS_UNSUPPORTED,
		"CPU %s beside the benchmark is needed for housekeeping: choose fewer or other cores (-n, -c)",
		qb_cpus_text(&rest, list, sizeof(list)));
}

int qb_smt_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct qb_selection *selection = wish->selection;
	struct plan plan = {.wish = wish, .steps = steps};
	int r;

	if (!qb_setting_is(&wish->profile->set[QB_KEY_CPUS_SMT], "offline"))
		return 0;
	/* A captured host has no mounts to show. */
	if (qb_cgroups_load(&plan.cgroups, NULL) < 0)
		plan.cgroups = (struct qb_cgroups){0};
	r = tell_rest(&plan);
	if (r == 0)
		r = choose(&plan);
	if (r == 0)
		r = look_at_cpusets(&plan);
	qb_cpus_foreach (cpu, &plan.going)
		if (r == 0 &&
			!qb_steps_add(steps, QB_LEVER_SMT_OFFLINE, qb_unit_number(cpu), "1", "0"))
			r = -ENOMEM;
	if (r < 0)
		return qb_error_errno(err, -r, "plan which siblings go offline");
	selection->offline = plan.going;
	qb_cpus_andnot(&selection->reserved, &plan.going);
	return 0;
}

int qb_smt_without(const struct qb_topology *topology, const struct qb_cpus *gone,
	struct qb_topology *ret, struct qb_error *err)
{
	struct qb_topology left = *topology;

	left.pus = malloc((topology->n + 1) * sizeof(*left.pus));
	if (!left.pus)
		return qb_error_errno(err, ENOMEM, "look at the CPUs that are left");
	left.n = 0;
	for (unsigned i = 0; i < topology->n; i++)
		if (!qb_cpus_has(gone, topology->pus[i].cpu))
			left.pus[left.n++] = topology->pus[i];
	qb_cpus_andnot(&left.online, gone);
	*ret = left;
	return 0;
}
