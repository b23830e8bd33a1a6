/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the policy's file to a table, and from a rule to what of a plan it refuses. */
#ifndef QB_CORE_POLICY_H
#define QB_CORE_POLICY_H

#include <quietbench/policy.h>
#include <quietbench/protocol.h>

/*
 * Opens QB_POLICY_PATH, or what lies in its place, and copies it: *ret is a sealed memfd. 1; 0:
 * there is none; negative: it cannot be read (-EACCES), or it is not a regular file of root's, of
 * at most 64 KiB, that only root may write (-EPERM).
 */
int qb_policy_open(int *ret, struct qb_error *err);
/* Asks for its table. `ret` takes over the memfd in its place for the planner. */
void qb_policy_ask(struct qb_request *ret);

/*
 * Errors read `LABEL:LINE:COL: KEY: …`. Names are looked up in /etc/passwd and /etc/group. (Needs
 * libyaml; the other functions of this header do not.)
 */
int qb_policy_read(const char *label, const void *bytes, size_t size, struct qb_policy *ret,
	struct qb_error *err);

/*
 * What the rule says of a request before it is planned. -EPERM: nothing can come of it: an own
 * profile, or no CPU that the rule allows among those of the caller.
 */
int qb_policy_wish(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	struct qb_request *request, struct qb_error *err);
/*
 * What it says of the plan. Steps that it refuses are replaced by one refused step for each lever,
 * with the reason; -EPERM: more CPUs than may be taken away from others, or, when a plan
 * contradicts itself or the request, -EPROTO.
 */
int qb_policy_judge(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_profile *profile, const struct qb_selection *selection,
	struct qb_steps *steps, struct qb_error *err);
/* The CPUs alone: the benchmark's, and those that others lose by it. */
int qb_policy_judge_cpus(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_cpus *bench, const struct qb_cpus *taken, struct qb_error *err);
/* May he bring profiles of his own? -EPERM when not; a run that joins is asked nothing else. */
int qb_policy_judge_profiles(
	const struct qb_policy_rule *rule, unsigned n_files, struct qb_error *err);
/* May a lease last so long? -EPERM when not. */
int qb_policy_judge_lease(
	const struct qb_policy_rule *rule, int64_t lease_ns, struct qb_error *err);

#endif
