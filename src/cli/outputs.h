/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of `check`'s measurement: the answer on stdout (text, or JSON; annotations for
 * GitHub behind the text), a line on stderr for each rule that does not hold, and the files that
 * were asked for (a record, metrics for Prometheus).
 */
#ifndef QB_CLI_OUTPUTS_H
#define QB_CLI_OUTPUTS_H

#include <cli/findings.h>
#include <cli/noise.h>
#include <cli/options.h>

struct qb_outputs {
	const struct qb_options *options;
	const struct qb_condition *condition; /* after its restore */
	const struct qb_measure *measure;
	const struct qb_findings *findings;
	int64_t started_at; /* CLOCK_REALTIME */
};

/* Do these options go together? -EINVAL: no. */
int qb_outputs_judge(const struct qb_options *options, struct qb_error *err);
/* Before anything is measured: can the files be written? */
int qb_outputs_prepare(const struct qb_options *options, struct qb_error *err);
int qb_outputs_write(const struct qb_outputs *outputs, struct qb_error *err);

#endif
