/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The preflight of `run`: a short look at the benchmark's CPUs before the command has them
 * (check.duration; 0: none). It finds what is noisy there and by whom; it is too short to find that
 * they are quiet. What becomes of a noisy one is the profile's to say (check.on_noise):
 *
 *	warn   it is said, and the command runs
 *	wait   one looks again until it is noisy no more, for check.max_wait at most; then it runs
 *	fail   the command does not run
 */
#ifndef QB_CLI_PREFLIGHT_H
#define QB_CLI_PREFLIGHT_H

#include <cli/noise.h>

/*
 * `ret` is the last look (qb_measure_free); its n is 0 when there was none. `session`: who places
 * the benchmark, or NULL. 0: go on; what there was to say has been said. -EAGAIN: noisy, and the
 * profile says fail. -EINTR: told to end.
 */
int qb_preflight_look(struct qb_measure *ret, struct qb_job *job, struct qb_session *session,
	struct qb_answer *answer, struct qb_error *err);

#endif
