/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands share that ask and change nothing: plan, doctor, topology, profile.
 *
 * Their exit status is 0, or 1 for the answer "no" (a required lever is missing, a profile is not
 * valid), or QB_EXIT_USAGE when there is no answer: what was asked for could not be understood.
 */
#ifndef QUIETBENCH_CLI_QUERY_H
#define QUIETBENCH_CLI_QUERY_H

#include <cli/command.h>
#include <cli/json.h>
#include <cli/policy.h>
#include <client/planner.h>
#include <client/request.h>

/*
 * Asks the planner what the options say, and `allowed` (may be NULL: it does not matter) what of it
 * the policy leaves to the caller. A negative errno: err says why, for people.
 */
int qb_query_ask(const struct qb_cli *cli, enum qb_request_mode mode, struct qb_asked *asked,
	struct qb_answer *answer, struct qb_allowed *allowed, struct qb_error *err);

/* Says the error; the exit status of a command that has no answer. */
int qb_query_fail(const struct qb_error *err);

/* Prints the document; the exit status. */
int qb_query_print(const struct qb_json *json, int status);

/* Is colour wanted on stdout: a terminal, and NO_COLOR unset? */
bool qb_query_colour(void);
/* A line that stands out; the same after an empty one. */
void qb_query_heading(const char *text);
void qb_query_section(const char *text);

#endif
