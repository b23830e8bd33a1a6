/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h: a rule's word on a request and on a plan. The planner's plan is not believed. */
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <errno.h>
#include <levers/isolation.h>
#include <quietbench/lever.h>

#define NAME_TEXT 160

static bool permits(const struct qb_policy_rule *rule, enum qb_key key, enum qb_risk risk)
{
	return !rule->deny[key] && (rule->allow[key] || rule->classes >> risk & 1);
}

/* Others are kept off CPUs, in whatever way: these two keys are class D as a whole. */
static bool permits_isolation(const struct qb_policy_rule *rule)
{
	return permits(rule, QB_KEY_CPUS_ISOLATION, QB_RISK_DISRUPTIVE);
}

static bool permits_offline(const struct qb_policy_rule *rule)
{
	return permits(rule, QB_KEY_CPUS_SMT, QB_RISK_DISRUPTIVE);
}

static int refuse(const struct qb_policy_rule *rule, unsigned lever, enum qb_risk risk,
	struct qb_steps *steps)
{
	enum qb_key key = qb_levers[lever].key;
	char name[NAME_TEXT];

	qb_policy_name(rule, name, sizeof(name));
	if (rule->deny[key])
		return qb_steps_refuse(
			steps, lever, QB_STATUS_REFUSED, "policy: %s denies it", name);
	return qb_steps_refuse(steps, lever, QB_STATUS_REFUSED, "policy: class %c is not for %s",
		"SDX"[risk], name);
}

int qb_policy_judge_profiles(
	const struct qb_policy_rule *rule, unsigned n_files, struct qb_error *err)
{
	char name[NAME_TEXT];

	if (rule->own_profiles || !n_files)
		return 0;
	qb_policy_name(rule, name, sizeof(name));
	return qb_error_set(err, EPERM,
		"policy: no profiles of your own are read for %s; those of the system are "
		"(quietbench profile list)",
		name);
}

int qb_policy_wish(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	struct qb_request *request, struct qb_error *err)
{
	struct qb_cpus allowed = qb_cpus_empty(&request->allowed) ? *online : request->allowed;
	char name[NAME_TEXT], list[128] = "many";
	int r = qb_policy_judge_profiles(rule, request->n_files, err);

	request->without_isolation = !permits_isolation(rule);
	request->without_offline = !permits_offline(rule);
	if (r < 0 || qb_cpus_empty(&rule->cpus))
		return r;
	qb_cpus_and(&allowed, &rule->cpus);
	if (qb_cpus_empty(&allowed)) {
		qb_policy_name(rule, name, sizeof(name));
		qb_cpus_format_list(&rule->cpus, list, sizeof(list));
		return qb_error_set(err, EPERM,
			"policy: %s leaves the CPUs %s, and none of them is online and yours", name,
			list);
	}
	request->allowed = allowed;
	return 0;
}

int qb_policy_judge_lease(const struct qb_policy_rule *rule, int64_t lease_ns, struct qb_error *err)
{
	char name[NAME_TEXT], limit[32], wish[32];

	if (lease_ns <= rule->lease_ns)
		return 0;
	qb_policy_name(rule, name, sizeof(name));
	qb_quantity_format(QB_QUANTITY_DURATION, rule->lease_ns, limit, sizeof(limit));
	qb_quantity_format(QB_QUANTITY_DURATION, lease_ns, wish, sizeof(wish));
	return qb_error_set(
		err, EPERM, "policy: %s lets an apply last %s, not %s", name, limit, wish);
}

/* What a plan takes away from others: whatever is online and no longer theirs. */
static struct qb_cpus taken_by(const struct qb_selection *selection, const struct qb_cpus *online)
{
	struct qb_cpus taken = *online;

	if (selection->isolation == QB_ISOLATION_NONE)
		return selection->offline;
	qb_cpus_andnot(&taken, &selection->house);
	qb_cpus_or(&taken, &selection->offline);
	return taken;
}

int qb_policy_judge_cpus(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_cpus *bench, const struct qb_cpus *taken, struct qb_error *err)
{
	unsigned n = qb_cpus_count(online), max = qb_policy_max(rule, n);
	char name[NAME_TEXT], list[128] = "many", allowed[128] = "many";

	qb_policy_name(rule, name, sizeof(name));
	qb_cpus_format_list(taken, list, sizeof(list));
	qb_cpus_format_list(&rule->cpus, allowed, sizeof(allowed));
	if (qb_cpus_count(taken) > max)
		return qb_error_set(err, EPERM,
			"policy: %s lets %u of %u CPUs be taken away from others, not %u (%s): "
			"choose fewer (-n, -c), or -s cpus.isolation=none",
			name, max, n, qb_cpus_count(taken), list);
	if (!qb_cpus_empty(&rule->cpus) &&
		(!qb_cpus_subset(taken, &rule->cpus) || !qb_cpus_subset(bench, &rule->cpus)))
		return qb_error_set(err, EPERM,
			"policy: %s leaves the CPUs %s, and this takes %s with their siblings",
			name, allowed, list);
	return 0;
}

/* Would this step change the host? Others only remember or tell. */
static bool is_live(const struct qb_step *step)
{
	return step->wanted &&
	       (step->status == QB_STATUS_PLANNED || step->status == QB_STATUS_UNCHANGED);
}

static bool is_refused(const struct qb_policy_rule *rule, const struct qb_step *step)
{
	enum qb_key key = qb_levers[step->lever].key;

	if (!is_live(step))
		return false;
	if (key == QB_KEY_CPUS_ISOLATION && qb_isolation_is_group(step))
		return false;
	return !permits(rule, key, qb_lever_risk(step->lever, step->wanted));
}

/* Takes out the steps that are refused. Those only remembered stay: they put things back. */
static int judge_steps(const struct qb_policy_rule *rule, struct qb_steps *steps)
{
	struct {
		bool refused;
		enum qb_risk risk;
	} levers[QB_LEVER_COUNT] = {0};
	size_t kept = 0;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if (is_refused(rule, step)) {
			levers[step->lever].refused = true;
			levers[step->lever].risk = qb_lever_risk(step->lever, step->wanted);
		} else {
			steps->v[kept++] = *step;
		}
	}
	steps->n = kept;
	for (unsigned lever = 0; lever < QB_LEVER_COUNT; lever++)
		if (levers[lever].refused && refuse(rule, lever, levers[lever].risk, steps) < 0)
			return -ENOMEM;
	return 0;
}

int qb_policy_judge(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_profile *profile, const struct qb_selection *selection,
	struct qb_steps *steps, struct qb_error *err)
{
	const struct qb_cpus taken = taken_by(selection, online);
	bool sound = (permits_isolation(rule) || selection->isolation == QB_ISOLATION_NONE) &&
		     (permits_offline(rule) || qb_cpus_empty(&selection->offline));
	int r = qb_policy_judge_cpus(rule, online, &selection->bench, &taken, err);

	for (size_t i = 0; i < steps->n; i++)
		sound &= !is_live(&steps->v[i]) ||
			 qb_isolation_keeps_to(&steps->v[i], selection, &taken);
	if (r == 0 && !sound)
		r = qb_error_set(err, EPROTO, "the planner takes CPUs that it does not tell of");
	if (r < 0)
		return r;
	r = judge_steps(rule, steps);
	if (r == 0 && !permits_isolation(rule) &&
		!qb_setting_is(&profile->set[QB_KEY_CPUS_ISOLATION], "none"))
		r = refuse(rule, QB_LEVER_PARTITION, QB_RISK_DISRUPTIVE, steps);
	if (r == 0 && !permits_offline(rule) &&
		qb_setting_is(&profile->set[QB_KEY_CPUS_SMT], "offline"))
		r = refuse(rule, QB_LEVER_SMT_OFFLINE, QB_RISK_DISRUPTIVE, steps);
	return r < 0 ? qb_error_errno(err, -r, "judge the plan by the policy") : 0;
}
