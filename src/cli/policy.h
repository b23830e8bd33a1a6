/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy leaves to the caller, as far as the caller can see: for plan and doctor. The helper judges
 * anew, and alone counts.
 *
 *	qb_allowed_find    reads the policy through the caller's own planner
 *	qb_allowed_wish    before the plan is asked for
 *	qb_allowed_judge   marks in it what is refused
 */
#ifndef QB_CLI_POLICY_H
#define QB_CLI_POLICY_H

#include <cli/json.h>
#include <client/planner.h>
#include <quietbench/policy.h>

struct qb_allowed {
	bool limited; /* false: root, or another host (--root); nothing is said then */
	bool known;   /* `rule` is the caller's */
	struct qb_policy_rule rule;
	struct qb_cpus online;
	char text[QB_POLICY_TEXT];  /* one line for people */
	char refusal[QB_ERROR_MAX]; /* why the helper would do nothing of it; "": it would */
};

/* `here`: it is about this host. What stands in the way of knowing is said in ret->text. */
void qb_allowed_find(bool here, struct qb_allowed *ret);
void qb_allowed_wish(struct qb_allowed *allowed, struct qb_request *request);
int qb_allowed_judge(struct qb_allowed *allowed, struct qb_answer *answer, struct qb_error *err);
/* "policy": null, or {rule, built_in, text, refusal}. */
void qb_allowed_json(const struct qb_allowed *allowed, struct qb_json *json);

#endif
