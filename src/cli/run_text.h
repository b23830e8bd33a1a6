/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The texts of `run`, and of all that conditions and restores: lines on stderr, in this order. */
#ifndef QB_CLI_RUN_TEXT_H
#define QB_CLI_RUN_TEXT_H

#include <client/execute.h>

/* The first lines of a run that changes nothing of the host: why, how to change that, and what is
 * done nevertheless. `hint`: more privilege would help. */
void qb_run_text_not_conditioned(const struct qb_answer *answer, const char *why);
/* The CPUs, the clock, how many levers, which are missing and why. Of a host that was joined,
 * one line: which session, and the CPUs. That session has said everything else. */
void qb_run_text_conditioned(const struct qb_condition *condition);
/* Who else runs on the CPUs of the session that was joined. */
void qb_run_text_others(const struct qb_condition *condition);
/* Where the command will not run where the caller's affinity (qb_caller_affinity) says. */
void qb_run_text_affinity(const struct qb_condition *condition, const struct qb_cpus *mask);
/* The levers of the benchmark's own process that failed. */
void qb_run_text_process(const struct qb_answer *answer);
/* How the command ended, and the verdict. */
void qb_run_text_result(const struct qb_result *run);
/* "2 threads shared 1 CPU: try -n 2": own threads that waited for each other are not noise, but worth
 * a word; with advice only where it would change something. False: they did not. */
bool qb_run_text_waits(const struct qb_result *run, char *buf, size_t size);
/* What the helper says when a run leaves the conditioned host that it had joined. */
void qb_run_text_left(const struct qb_answer *answer, const struct qb_session *session);
/* What the helper says of the restored host. */
void qb_run_text_restored(const struct qb_answer *answer, const struct qb_session *session);

#endif
