/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: what the benchmark's own process does to itself before exec (src/client/process.c). Nothing
 * of it outlives the process, so nothing is restored; what is the default anyway makes no step.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cgroups.h>
#include <host/systemd.h>
#include <quietbench/lever.h>

static int add(struct qb_steps *steps, enum qb_lever_id lever, const char *wanted)
{
	return qb_steps_add(steps, lever, qb_unit_none(), NULL, wanted) ? 0 : -ENOMEM;
}

/* Does any core have two CPUs online? Where the host tells no cores, the kernel will tell. */
static bool has_smt(const struct qb_topology *t)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->pus[i].core < 0)
			return true;
	return t->n > t->n_cores;
}

static int plan_core_sched(const struct qb_wish *wish, struct qb_steps *steps)
{
	return has_smt(wish->topology) ? add(steps, QB_LEVER_CORE_SCHED, "true")
				       : qb_steps_refuse(steps, QB_LEVER_CORE_SCHED,
						 QB_STATUS_UNSUPPORTED, QB_PROCESS_NO_SMT);
}

/*
 * mlockall would not outlive exec, so it is the run's group that gets no swap, when the benchmark is
 * moved there. The controller is not turned on for it: that would be felt by all groups beside it.
 */
static int plan_lock(struct qb_steps *steps)
{
	char path[2 * QB_GROUP_MAX], controllers[512];
	struct qb_cgroups cgroups;
	const char *why = NULL;

	if (qb_cgroups_load(&cgroups, NULL) < 0 ||
		qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, "/",
			qb_systemd_booted() ? "cgroup.controllers" : "cgroup.subtree_control", path,
			sizeof(path), NULL) < 0)
		why = QB_PROCESS_NO_V2;
	else if (qb_file_read(path, controllers, sizeof(controllers), NULL) < 0 ||
		 !qb_text_has_word(controllers, "memory"))
		why = QB_PROCESS_NO_MEMORY;
	return why ? qb_steps_refuse(steps, QB_LEVER_PROCESS_LOCK, QB_STATUS_UNSUPPORTED, "%s", why)
		   : add(steps, QB_LEVER_PROCESS_LOCK, "true");
}

int qb_process_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	const struct qb_setting *set = wish->profile->set;
	char text[QB_TEXT_MAX];
	int r = 0;

	if (set[QB_KEY_PROCESS_PIN].number) {
		if (qb_cpus_format_list(&wish->selection->bench, text, sizeof(text)) < 0)
			return qb_error_set(
				err, EOVERFLOW, "the list of the benchmark's CPUs is too long");
		r = add(steps, QB_LEVER_PROCESS_PIN, text);
	}
	if (r == 0 && !qb_setting_is(&set[QB_KEY_PROCESS_POLICY], "other"))
		r = add(steps, QB_LEVER_PROCESS_POLICY, set[QB_KEY_PROCESS_POLICY].text);
	if (r == 0 && set[QB_KEY_PROCESS_NICE].number) {
		snprintf(text, sizeof(text), "%lld", (long long)set[QB_KEY_PROCESS_NICE].number);
		r = add(steps, QB_LEVER_PROCESS_NICE, text);
	}
	if (r == 0 && !qb_setting_is(&set[QB_KEY_PROCESS_ASLR], "keep"))
		r = add(steps, QB_LEVER_PROCESS_ASLR,
			set[QB_KEY_PROCESS_ASLR].number ? "true" : "false");
	if (r == 0 && !qb_setting_is(&set[QB_KEY_PROCESS_NUMA], "keep") &&
		wish->topology->n_nodes > 1)
		r = add(steps, QB_LEVER_PROCESS_NUMA, set[QB_KEY_PROCESS_NUMA].text);
	if (r == 0 && set[QB_KEY_PROCESS_LOCK].number)
		r = plan_lock(steps);
	if (r == 0 && set[QB_KEY_PROCESS_CORE_SCHED].number)
		r = plan_core_sched(wish, steps);
	return r < 0 ? qb_error_errno(err, -r, "plan the benchmark's process") : 0;
}
