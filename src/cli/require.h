/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --require and a profile's `require`: what must apply, or nothing runs. */
#ifndef QB_CLI_REQUIRE_H
#define QB_CLI_REQUIRE_H

#include <client/planner.h>
#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <stdbool.h>

/*
 * Does this step say that its lever is not to be had? A single interrupt or thread that stays where
 * it is says nothing of the kind.
 */
bool qb_require_lacks(const struct qb_step *step);
/* Is anything required at all? */
bool qb_require_any(const struct qb_request *request, const struct qb_profile *profile);
/*
 * Judges by the steps as they are: before APPLY what is planned counts as had. 0, or -ENOTSUP
 * with the key that is missing and why.
 */
int qb_require_judge(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_error *err);

#endif
