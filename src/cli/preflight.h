/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The preflight of `run`: a short measurement of the benchmark's CPUs before the command has them
 * (check.duration; 0: none). It finds noise and its cause; it is too short to find that the CPUs are
 * quiet. The profile says what becomes of noise (check.on_noise):
 *
 *	warn   a warning, and the command runs
 *	wait   the measurement is repeated until it finds no noise, for check.max_wait at most; then
 *	       the command runs
 *	fail   the command does not run
 */
#ifndef QB_CLI_PREFLIGHT_H
#define QB_CLI_PREFLIGHT_H

#include <cli/noise.h>

/*
 * `ret` is the last measurement (qb_measure_free); its n is 0 when there was none. 0: go on; what there
 * was to say has been said. -EAGAIN: noisy, and the profile says fail. -QB_TOLD_TO_END: told to end.
 */
int qb_preflight_measure(
	struct qb_measure *ret, struct qb_condition *condition, struct qb_error *err);
/* "gaps took 5.70 % (limit 2 %)": what was too much and is not measured while a command runs; "" if
 * there is no such thing. */
void qb_preflight_unseen(const struct qb_measure *m, char *buf, size_t size);

#endif
