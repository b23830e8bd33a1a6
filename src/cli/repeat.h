/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `run -r N`, `--time`, `--precision`: one command many times in one session, and what a careful person
 * would write of it: median, interval, spread, what such runs can show, which were disturbed and by what.
 */
#ifndef QB_CLI_REPEAT_H
#define QB_CLI_REPEAT_H

#include <cli/ground.h>

/* Do the options ask for more than one run? */
bool qb_repeat_asked(const struct qb_options *options);
/* `path`: of the command argv[0]. Returns the exit status of `run`; the ground is still to be freed. */
int qb_repeat_run(const struct qb_options *options, struct qb_ground *ground, const char *path,
	char *const *argv);

#endif
