/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The planner's answers, on fd 0. Negative: whoever asked is gone. */
#ifndef QB_PLANNER_ANSWER_H
#define QB_PLANNER_ANSWER_H

#include <quietbench/protocol.h>

/* A PROFILE with a name and no file: the client may own what is missing. */
void qb_answer_missing(const char *name);
int qb_answer_profile(const struct qb_profile *profile, struct qb_error *err);
int qb_answer_policy(struct qb_policy_message *policy, struct qb_error *err);
int qb_answer_host(const struct qb_topology *topology, const struct qb_selection *selection,
	struct qb_error *err);
int qb_answer_pus(const struct qb_topology *topology, struct qb_error *err);
int qb_answer_selection(const struct qb_selection *selection, struct qb_error *err);
int qb_answer_steps(const struct qb_steps *steps, struct qb_error *err);

#endif
