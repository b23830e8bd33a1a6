/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the policy's file to a table, and from a rule to what of a plan it refuses. */
#ifndef QB_CORE_POLICY_H
#define QB_CORE_POLICY_H

#include <quietbench/policy.h>
#include <quietbench/protocol.h>

/*
 * The rule of a caller; of nobody (NULL): the file is only checked. QB_POLICY_PATH, or what lies in
 * its place, is opened, checked and copied to a sealed memfd; `parse` has a planner turn it into a
 * table (it owns the memfd, and its request is qb_policy_ask's); without a file the rule is
 * qb_policy_members. 0; -ESRCH: no rule names the caller; -EACCES: the caller may not read the file;
 * -EPERM: it is not a regular file of root's, of at most 64 KiB, that only root may write; or what
 * `parse` returned.
 */
int qb_policy_load(const struct qb_policy_caller *caller,
	int (*parse)(void *data, int file, struct qb_policy *ret, struct qb_error *err), void *data,
	struct qb_policy_rule *ret, struct qb_error *err);
/* Asks a planner for its table. */
void qb_policy_ask(struct qb_request *ret);
/* What is said before the reason while the file is no good. */
#define QB_POLICY_BROKEN "policy: only root may use quietbench until this file is fixed"

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
 * with the reason; -EPERM: more CPUs than may be taken away from other tasks, or, when a plan
 * contradicts itself or the request, -EPROTO.
 */
int qb_policy_judge(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_profile *profile, const struct qb_selection *selection,
	struct qb_steps *steps, struct qb_error *err);
/* The CPUs alone: the benchmark's, and those that other tasks lose by it. */
int qb_policy_judge_cpus(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_cpus *bench, const struct qb_cpus *taken, struct qb_error *err);
/* May the caller bring profiles of their own? -EPERM when not; a run that joins is asked nothing else. */
int qb_policy_judge_profiles(
	const struct qb_policy_rule *rule, unsigned n_files, struct qb_error *err);
/* May a lease last so long? -EPERM when not. */
int qb_policy_judge_lease(
	const struct qb_policy_rule *rule, int64_t lease_ns, struct qb_error *err);

#endif
