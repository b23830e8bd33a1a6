/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands that need a condition (client/condition.h) share: from the command line to what is
 * asked for, and the restored host told.
 */
#ifndef QB_CLI_CONDITION_H
#define QB_CLI_CONDITION_H

#include <cli/options.h>
#include <client/condition.h>

/* -s, then -c, -n and --node as the sets they stand for, and what is required (qb_asked_free). */
int qb_asked_build(const struct qb_options *options, enum qb_request_mode mode,
	struct qb_asked *ret, struct qb_error *err);
/* All that can be wrong with what is asked for, before anything is touched; and the job. */
int qb_condition_prepare(
	const struct qb_options *options, struct qb_condition *condition, struct qb_error *err);
/* How long to wait for the host, as hello has it. */
int64_t qb_condition_wait(const struct qb_options *options);
/* Restores and tells what came of it. */
void qb_condition_end(struct qb_condition *condition);

#endif
