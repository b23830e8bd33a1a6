/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --require and a profile's `require`: what must apply, or nothing runs. */
#ifndef QB_CLIENT_REQUIRE_H
#define QB_CLIENT_REQUIRE_H

#include <client/planner.h>

/*
 * Does this step say that its lever is not available? A single interrupt or thread that stays where it
 * is says nothing of the kind.
 */
bool qb_require_lacks(const struct qb_step *step);
/* Is anything required at all? */
bool qb_require_any(const struct qb_request *request, const struct qb_profile *profile);

/* Of each key that is required and not available: why. NULL: it is available, or not required. */
struct qb_lacking {
	const char *why[QB_KEY_COUNT]; /* valid as long as the answer's steps */
	unsigned n;
	enum qb_key first; /* as they are named: the request's, then the profile's */
};
/*
 * Judges by the steps as they are: before APPLY what is planned counts as available. `all` requires
 * every lever that the profile asks for; a key that the profile leaves alone is not available.
 */
void qb_require_find_lacking(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_lacking *ret);
/* 0, or -ENOTSUP with the first key that is lacking and why. */
int qb_require_judge(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_error *err);
/* "frequency.epp is required but not available: why", as all commands say it. */
#define QB_REQUIRE_LACKING "%s is required but not available: %s"

#endif
