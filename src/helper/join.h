/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Joining: a run on a host that somebody else conditioned.
 *
 * It wishes CPUs among the quiet ones, and levers for its own process, no others. Without -p it has
 * the profile of the session it joins, and its own -s on top of that one's.
 */
#ifndef QB_HELPER_JOIN_H
#define QB_HELPER_JOIN_H

#include "planner.h"

/* What a session was asked for, kept for those that join it. */
struct qb_wanted {
	struct qb_request request;
	int fds[QB_REQUEST_FILES]; /* its profiles, as many as request.n_files */
};
int qb_join_keep(const struct qb_message *plan, struct qb_wanted *ret, struct qb_error *err);

/* Makes of a joining run's PLAN one that can be planned: within `quiet`, all of it by default. */
int qb_join_ask(struct qb_message *plan, const struct qb_wanted *wanted,
	const struct qb_cpus *quiet, struct qb_error *err);
/* The same request as it was kept, with copies of its files. */
int qb_join_ask_again(const struct qb_wanted *wanted, struct qb_message *ret, struct qb_error *err);
/*
 * Puts what was planned into the place that there is: its CPUs must be quiet ones; everything else
 * is as the session that it joins has it. Of its steps only those of its own process stay.
 */
int qb_join_fit(struct qb_planned *planned, const struct qb_selection *quiet, struct qb_error *err);

/* Leaves only the steps of the benchmark's process, or (child false) only the others. */
void qb_join_keep_steps(struct qb_steps *steps, bool child);

#endif
