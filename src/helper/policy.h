/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy (quietbench/policy.h) leaves to the peer of a session.
 *
 * The file is opened, checked and read anew for each session, and parsed by a planner of its own,
 * before anything of the client's but its HELLO has been looked at. Without it the rule that is
 * built in counts for everybody who got here: the members of the group quietbench, and those whom
 * sudo let through.
 */
#ifndef QB_HELPER_POLICY_H
#define QB_HELPER_POLICY_H

#include "helper.h"
#include <quietbench/policy.h>
#include <quietbench/protocol.h>

struct qb_limits {
	bool limited; /* root is not; then nothing below means anything */
	struct qb_policy_rule rule;
	int timer; /* readable: the lock has been held long enough; -1: not counted */
};
#define QB_LIMITS_NONE ((struct qb_limits){.timer = -1})

/*
 * Finds the peer's rule. -EPERM: none names them, or the file is no good; then root is only told.
 */
int qb_limits_find(struct qb_helper *helper, struct qb_limits *ret, struct qb_error *err);
/* So long the peer may have had the host before other users go first: what it asks for must still fit. */
int64_t qb_limits_left(const struct qb_limits *limits, int64_t lease_ns);
/* The peer holds the lock, and has had the host since then (CLOCK_BOOTTIME, like a lease's). */
int qb_limits_start(struct qb_limits *limits, int64_t since, struct qb_error *err);
/* It does not count any more: a lease has its own, or the lock has been left. */
void qb_limits_stop(struct qb_limits *limits);
/* Why the session ends now. */
void qb_limits_explain(const struct qb_limits *limits, struct qb_error *err);

/* Before and after the plan: core/policy.h, for who is limited. */
int qb_limits_wish(
	const struct qb_limits *limits, struct qb_request *request, struct qb_error *err);
int qb_limits_judge(const struct qb_limits *limits, const struct qb_profile *profile,
	const struct qb_selection *selection, struct qb_steps *steps, struct qb_error *err);
/* How many CPUs the rule lets be taken away from other tasks; 0: there is no rule. */
unsigned qb_limits_cpus(const struct qb_limits *limits);
/* May a shared run have these CPUs, which other tasks have lost already? */
int qb_limits_claim(
	const struct qb_limits *limits, const struct qb_cpus *cpus, struct qb_error *err);

#endif
