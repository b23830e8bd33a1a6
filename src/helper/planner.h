/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Executing quietbench-planner as nobody, and believing as little of its answer as possible. */
#ifndef QB_HELPER_PLANNER_H
#define QB_HELPER_PLANNER_H

#include "session.h"
#include <quietbench/protocol.h>

struct qb_planned {
	struct qb_profile profile;
	struct qb_selection selection;
	struct qb_policy policy; /* asked for alone */
	struct qb_steps steps;	 /* judged; their `before`s are not the planner's to say */
};

/*
 * Hands request and memfds to a fresh planner and takes its plan. PROFILE, HOST and SELECTION are
 * passed on to the client as they come. Steps that the levers' own specification does not accept
 * become refused, CPUs that cannot be are an error. Errors: the planner's own word, its crash, or silence for too long.
 */
int qb_planner_ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *ret,
	struct qb_error *err);

/* Turns the policy's file (a sealed memfd, which is closed) into its table. */
int qb_planner_ask_policy(
	struct qb_helper *helper, int file, struct qb_policy *ret, struct qb_error *err);

#endif
