/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of an experiment, from the command line: each operand is one command, split into words as a
 * shell splits it but executed without one (--shell: by sh -c); with --parameter NAME=a,b,c one for
 * each value, which takes the place of {NAME}.
 *
 * Names are A, B, C … in that order.
 */
#ifndef QB_CLI_PROGRAMS_H
#define QB_CLI_PROGRAMS_H

#include <cli/options.h>
#include <client/experiment.h>

#define QB_PROGRAMS_MAX 26

struct qb_programs {
	struct qb_program *v; /* for struct qb_experiment */
	unsigned n;
	struct qb_program_text *texts; /* what v points into */
};

/* `times`: each operand so often. -ENOENT, or what qb_child_find has: a command is not there. */
int qb_programs_make(const struct qb_options *options, int argc, char *const *argv, unsigned times,
	struct qb_programs *ret, struct qb_error *err);
/* The command as it was written, with its parameter. */
const char *qb_programs_text(const struct qb_programs *programs, unsigned i);
void qb_programs_free(struct qb_programs *programs);

#endif
