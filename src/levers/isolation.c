/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation.h: which way to keep other tasks off, the steps that prepare it, and whether a plan does
 * what its selection says, and no more. Reads only.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/systemd.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <quietbench/lever.h>

const char *qb_isolation_name(enum qb_isolation isolation)
{
	switch (isolation) {
	case QB_ISOLATION_NONE: return "none";
	case QB_ISOLATION_AFFINITY: return "affinity";
	case QB_ISOLATION_SHIELD: return "shield";
	case QB_ISOLATION_PARTITION: return "partition";
	}
	return "?";
}

/* A captured host's cgroups are plain files: they cannot be asked. */
#define UNKNOWN "whether it has cpusets is unknown on a captured host"

struct plan {
	const struct qb_selection *selection;
	struct qb_steps *steps;
	bool captured;
	struct qb_cgroups cgroups;
	struct qb_cpus quiet;		/* bench and reserved */
	char cpus[QB_TEXT_MAX];		/* the same as a list */
	char housekeeping[QB_TEXT_MAX]; /* everybody else's */
	bool systemd;
};

static int add_named(struct plan *plan, unsigned lever, const char *name, const char *wanted)
{
	struct qb_unit unit = qb_unit_none();

	qb_text_copy(unit.name, sizeof(unit.name), name);
	return qb_steps_add(plan->steps, lever, unit, NULL, wanted) ? 0 : -ENOMEM;
}

static int add(struct plan *plan, unsigned lever, const char *wanted)
{
	return add_named(plan, lever, "", wanted);
}

/*
 * `isolated` takes the CPUs out of load balancing: best for one CPU, but a program of several
 * threads would pile up on one of many.
 */
static int plan_partition(struct plan *plan)
{
	int r;

	if (plan->systemd) {
		r = add(plan, QB_LEVER_SLICE, plan->cpus);
	} else {
		r = add(plan, QB_LEVER_CONTROLLER, "on");
		if (r == 0)
			r = add(plan, QB_LEVER_GROUP, "present");
		if (r == 0)
			r = add(plan, QB_LEVER_GROUP_CPUS, plan->cpus);
	}
	return r < 0 ? r
		     : add(plan, QB_LEVER_PARTITION,
			       plan->selection->balanced ? "root" : "isolated");
}

/* A cpuset needs its memory nodes before it takes a task: the root's, whatever they are. */
static int plan_cpuset(struct plan *plan, const char *name, const char *cpus)
{
	char path[QB_GROUP_PATH], mems[QB_TEXT_MAX];
	int r = qb_cgroups_path(
		&plan->cgroups, QB_HIERARCHY_CPUSET, "/", "cpuset.mems", path, sizeof(path), NULL);

	if (r == 0)
		r = (int)qb_file_read(path, mems, sizeof(mems), NULL);
	if (r < 0)
		return r;
	r = add_named(plan, QB_LEVER_SHIELD, name, "present");
	if (r == 0)
		r = add_named(plan, QB_LEVER_SHIELD_CPUS, name, cpus);
	return r < 0 ? r : add_named(plan, QB_LEVER_SHIELD_MEMS, name, mems);
}

/* Does a cpuset that is not ours have some of the benchmark's CPUs? Then none can be exclusive. */
static bool is_shared(const struct plan *plan)
{
	const char *root = plan->cgroups.mount[QB_HIERARCHY_CPUSET];
	_cleanup_closedir_ DIR *dir = opendir(root);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char path[QB_GROUP_PATH], list[QB_CPUS_TEXT];
		struct qb_cpus cpus;

		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
			strcmp(entry->d_name, QB_UNIT_RUN) != 0 &&
			qb_text_format(
				path, sizeof(path), "%s/%s/cpuset.cpus", root, entry->d_name) &&
			qb_file_read(path, list, sizeof(list), NULL) > 0 &&
			qb_cpus_parse_list(list, &cpus) == 0 &&
			qb_cpus_intersect(&cpus, &plan->quiet))
			return true;
	}
	return false;
}

static int plan_shield(struct plan *plan)
{
	int r = plan_cpuset(plan, QB_UNIT_RUN, plan->cpus);

	if (r == 0)
		r = plan_cpuset(plan, QB_UNIT_HOUSEKEEPING, plan->housekeeping);
	if (r == 0 && !is_shared(plan))
		r = add_named(plan, QB_LEVER_SHIELD_EXCLUSIVE, QB_UNIT_RUN, "1");
	return r < 0 ? r : add(plan, QB_LEVER_LOAD_BALANCE, "0");
}

/*
 * A group for the benchmark where its isolation brings none: the one way to find its descendants,
 * to name them when they outlive it and to end them when its owner dies.
 */
static int plan_group(struct plan *plan, const struct qb_cpus *online)
{
	char cpus[QB_TEXT_MAX];

	if (plan->cgroups.mount[QB_HIERARCHY_V2][0] && plan->systemd)
		return qb_systemd_available(NULL) == 0 ? add(plan, QB_LEVER_SLICE, "all") : 0;
	if (plan->cgroups.mount[QB_HIERARCHY_V2][0])
		return add(plan, QB_LEVER_GROUP, "present");
	if (!plan->cgroups.mount[QB_HIERARCHY_CPUSET][0] ||
		qb_cpus_format_list(online, cpus, sizeof(cpus)) < 0)
		return 0;
	return plan_cpuset(plan, QB_UNIT_RUN, cpus);
}

/* Can this host do it? 0, or -ENOTSUP with the reason and what would make it so. */
static int offers(const struct plan *plan, enum qb_isolation isolation, struct qb_error *err)
{
	const bool v2 = plan->cgroups.mount[QB_HIERARCHY_V2][0];
	const bool v1 = plan->cgroups.mount[QB_HIERARCHY_CPUSET][0];

	switch (isolation) {
	case QB_ISOLATION_NONE:
	case QB_ISOLATION_AFFINITY: return 0;
	case QB_ISOLATION_SHIELD:
		if (plan->captured)
			return qb_error_set(err, ENOTSUP, UNKNOWN);
		if (!v1)
			return qb_error_set(
				err, ENOTSUP, "no cgroup v1 cpuset hierarchy is mounted");
		return 0;
	case QB_ISOLATION_PARTITION:
		if (plan->captured)
			return qb_error_set(err, ENOTSUP, UNKNOWN);
		if (!v2)
			return qb_error_set(err, ENOTSUP, "cgroup v2 is not mounted");
		if (!plan->cgroups.cpuset2)
			return qb_error_set(err, ENOTSUP,
				"cgroup v2 has no cpuset controller here%s",
				v1 ? " (v1 holds it)" : "");
		if (plan->systemd && qb_systemd_available(err) < 0)
			return -ENOTSUP;
		return qb_isolation_check_free(&plan->cgroups, &plan->quiet, err);
	}
	return -ENOTSUP;
}

/* From the strongest down: the first that the host offers. The weakest wants a word of why. */
static enum qb_isolation strongest(const struct plan *plan, struct qb_selection *selection)
{
	struct qb_error why = {0};

	if (offers(plan, QB_ISOLATION_PARTITION, &why) == 0)
		return QB_ISOLATION_PARTITION;
	if (offers(plan, QB_ISOLATION_SHIELD, NULL) == 0)
		return QB_ISOLATION_SHIELD;
	if (!selection->note[0])
		qb_text_format(selection->note, sizeof(selection->note),
			"other tasks are kept off by their affinity alone: %s", why.text);
	return QB_ISOLATION_AFFINITY;
}

static enum qb_isolation wished(
	const struct qb_setting *setting, const struct plan *plan, struct qb_selection *selection)
{
	for (int i = QB_ISOLATION_NONE; i <= QB_ISOLATION_PARTITION; i++)
		if (qb_setting_is(setting, qb_isolation_name((enum qb_isolation)i)))
			return (enum qb_isolation)i;
	return strongest(plan, selection);
}

static int choose(const struct qb_wish *wish, struct plan *plan)
{
	struct qb_selection *selection = wish->selection;
	const struct qb_setting *setting = &wish->profile->set[QB_KEY_CPUS_ISOLATION];
	const struct qb_cpus *online = &wish->topology->online;
	enum qb_isolation isolation = QB_ISOLATION_PARTITION;
	struct qb_error why = {0};
	bool advisable = false; /* auto would find what is offered; itself it never fails */
	int r = 0;

	if (qb_setting_is(setting, "none"))
		return plan_group(plan, online);
	if (qb_cpus_empty(&selection->housekeeping) ||
		qb_cpus_intersect(&selection->housekeeping, &plan->quiet))
		r = qb_error_set(&why, ENOTSUP,
			"the benchmark has every CPU: other tasks cannot be kept off (choose fewer, -n)");
	if (r == 0) {
		isolation = wished(setting, plan, selection);
		r = offers(plan, isolation, &why);
		advisable = !plan->captured;
	}
	if (r < 0) {
		r = qb_steps_refuse(plan->steps,
			isolation == QB_ISOLATION_SHIELD ? QB_LEVER_SHIELD : QB_LEVER_PARTITION,
			QB_STATUS_UNSUPPORTED, "%s%s", why.text,
			advisable ? ": use cpus.isolation=auto" : "");
		return r < 0 ? r : plan_group(plan, online);
	}
	selection->isolation = (uint8_t)isolation;
	if (isolation == QB_ISOLATION_PARTITION)
		return plan_partition(plan);
	if (isolation == QB_ISOLATION_SHIELD)
		return plan_shield(plan);
	return plan_group(plan, online);
}

/* Where other tasks may be: what was put on a CPU that is isolated at boot stays there. */
static struct qb_cpus others_of(const struct qb_selection *selection)
{
	struct qb_cpus others = selection->housekeeping;

	qb_cpus_or(&others, &selection->isolated);
	return others;
}

int qb_isolation_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	struct plan plan = {
		.selection = wish->selection, .steps = steps, .quiet = wish->selection->bench};
	struct qb_cpus others;
	int r;

	wish->selection->isolation = QB_ISOLATION_NONE;
	plan.captured = wish->captured;
	plan.systemd = qb_systemd_booted();
	qb_cpus_or(&plan.quiet, &wish->selection->reserved);
	/* A captured host has no mounts of its own to show: then nothing is offered. */
	if (qb_cgroups_load(&plan.cgroups, NULL) < 0)
		plan.cgroups = (struct qb_cgroups){0};
	others = others_of(wish->selection);
	if (qb_cpus_format_list(&plan.quiet, plan.cpus, sizeof(plan.cpus)) < 0 ||
		qb_cpus_format_list(&others, plan.housekeeping, sizeof(plan.housekeeping)) < 0)
		return qb_error_set(err, EOVERFLOW, "the lists of CPUs are too long");
	r = choose(wish, &plan);
	return r < 0 ? qb_error_errno(
			       err, -r, "plan how to keep other tasks off the benchmark's CPUs")
		     : 0;
}

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
	const struct qb_cpus others = others_of(selection);
	struct qb_cpus cpus;

	if (step->lever != QB_LEVER_SLICE && step->lever != QB_LEVER_GROUP_CPUS &&
		step->lever != QB_LEVER_SHIELD_CPUS)
		return true;
	if (qb_cpus_parse_list(step->wanted, &cpus) < 0)
		return qb_isolation_is_group(step);
	return step->lever == QB_LEVER_SHIELD_CPUS && is_of(step, QB_UNIT_HOUSEKEEPING)
		       ? qb_cpus_equal(&cpus, &others)
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
