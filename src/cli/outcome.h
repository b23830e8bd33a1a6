/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What became of steps when they were to be put back, in words: told by run, restore and status. */
#ifndef QB_CLI_OUTCOME_H
#define QB_CLI_OUTCOME_H

#include <client/say.h>
#include <quietbench/error.h>
#include <quietbench/step.h>
#include <stdio.h>

/* Of what the host lacks something for (QB_RESTORED_OWED). */
#define QB_OUTCOME_OWED "to be given back when that is possible"

size_t qb_outcome_count(const struct qb_steps *steps, enum qb_restored restored);
/*
 * "  frequency.governor policy0  performance → ondemand" for the steps that ended so, one line for all
 * units that share a change; of those that are not back: "  cpus.isolation 212 tasks: CPU 3 is offline".
 * -ENOMEM, with nothing printed.
 */
int qb_outcome_print(
	FILE *out, const struct qb_steps *steps, enum qb_restored restored, struct qb_error *err);
/* Says each of these lines, after "heading: ". */
int qb_outcome_say(enum qb_say kind, const char *heading, const struct qb_steps *steps,
	enum qb_restored restored, struct qb_error *err);

#endif
