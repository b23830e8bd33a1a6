/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `run`, `apply` and `check` share: from a request to a conditioned host. */
#ifndef QB_CLI_CONDITION_H
#define QB_CLI_CONDITION_H

#include <cli/options.h>
#include <client/session.h>
#include <quietbench/record.h>

/* How long to wait for the host, as hello has it. */
int64_t qb_condition_wait(const struct qb_options *options);
/* What a profile of the caller's own extends must be attached before the helper sees it. */
int qb_condition_complete(struct qb_asked *asked, struct qb_error *err);
/* -EINTR: the caller was told to end. */
/* Nothing of the host is changed, whatever the plan was: nobody is kept off, no CPU goes offline. */
void qb_condition_none(struct qb_answer *answer);
int qb_condition_interrupted(struct qb_job *job, struct qb_error *err);
/*
 * Plans, judges what is required, applies, judges again, and says what is so now. *ret_applied also
 * when it fails after that: then RESTORE is owed.
 */
int qb_condition_host(struct qb_session *session, const struct qb_asked *asked, struct qb_job *job,
	struct qb_answer *answer, bool *ret_applied, struct qb_error *err);

/* What of it was had, for the record; `applied`: as qb_condition_host said. */
enum qb_conditioned qb_condition_reached(const struct qb_answer *answer, bool applied);

#endif
