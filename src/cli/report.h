/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of `run`: what a person is told, on stderr, and in which order. */
#ifndef QB_CLI_REPORT_H
#define QB_CLI_REPORT_H

#include <client/planner.h>
#include <client/session.h>
#include <quietbench/record.h>

/* The first lines of a run that changes nothing of the host: why, how to change that, and what is
 * done nevertheless. `hint`: more privilege would help. */
void qb_report_not_conditioned(const struct qb_answer *answer, const char *why, bool hint);
/* The CPUs, the clock, how many levers, which are missing and why. Of a host that was joined, the
 * CPUs: the rest was said to the one who conditioned it. */
void qb_report_conditioned(const struct qb_answer *answer);
/* The levers of the benchmark's own process that failed. */
void qb_report_process(const struct qb_answer *answer);
/* How the command ended, and the verdict. */
void qb_report_run(const struct qb_record_run *run);
/* What the helper says when a run leaves the conditioned host that it had joined. */
void qb_report_left(const struct qb_answer *answer, const struct qb_session *session);
/* What the helper says of the restored host. */
void qb_report_restored(const struct qb_answer *answer, const struct qb_session *session);

#endif
