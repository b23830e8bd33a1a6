/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `compare` has gathered, for those who tell it (exports.h). */
#ifndef QB_CLI_COMPARE_H
#define QB_CLI_COMPARE_H

#include <cli/ground.h>
#include <cli/programs.h>
#include <cli/trial.h>

struct qb_comparison {
	const struct qb_options *options;
	struct qb_programs programs;
	struct qb_ground ground;
	struct qb_trial trial;
};

#endif
