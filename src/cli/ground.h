/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ground on which commands are executed: a host that is conditioned (or is not, and that is said), the
 * look at it before, and the way back.
 *
 *	struct qb_ground ground = QB_GROUND_NONE;
 *	r = qb_ground_prepare(&ground, options, &err);          all that can be wrong, nothing is touched
 *	r = qb_ground_enter(&ground, options, command, &err);   conditions, tells, looks
 *	… execute commands …
 *	qb_condition_end(&ground.condition);
 *	qb_ground_free(&ground);                                also after an error: then it restores
 */
#ifndef QB_CLI_GROUND_H
#define QB_CLI_GROUND_H

#include <cli/options.h>
#include <client/condition.h>
#include <noise/probe.h>

struct qb_ground {
	struct qb_cpus affinity; /* the caller's, as qb_caller_affinity has it */
	struct qb_condition condition;
	struct qb_measure preflight; /* n is 0: there was none */
	struct qb_probe usual;	     /* by the preflight */
	char noisy_before[160];	     /* "": nothing that a run would not show as well */
};
#define QB_GROUND_NONE ((struct qb_ground){.condition = QB_CONDITION_NONE})

int qb_ground_prepare(
	struct qb_ground *ground, const struct qb_options *options, struct qb_error *err);
/* `command`: what is told to other sessions that it is for. Errors are those of qb_condition_open and of
 * qb_preflight_measure. */
int qb_ground_enter(struct qb_ground *ground, const struct qb_options *options,
	char *const *command, struct qb_error *err);
/* After the restore: what was said of the runs is worth nothing, and why; NULL: it is. */
const char *qb_ground_spoilt(const struct qb_condition *condition);
/* Of the command's process, once: its own levers, and root. For qb_execute_order's `prepared`. */
void qb_ground_say_prepared(const struct qb_condition *condition);
/* How long a probe beside a run takes; 0: none. */
int64_t qb_ground_probe(const struct qb_ground *ground, const struct qb_options *options);
void qb_ground_free(struct qb_ground *ground);

#endif
