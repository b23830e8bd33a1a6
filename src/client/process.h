/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The levers of section process: what the benchmark's own process sets for itself before exec.
 * They need no privilege (but for fifo, rr and a negative nice) and leave nothing to restore.
 * process.lock it finds done: it is a limit of the group that the helper moved it to.
 */
#ifndef QB_CLIENT_PROCESS_H
#define QB_CLIENT_PROCESS_H

#include <quietbench/step.h>
#include <quietbench/topology.h>
#include <stdint.h>

struct qb_process_result {
	uint16_t lever; /* enum qb_lever_id */
	uint8_t status; /* APPLIED, UNCHANGED, UNSUPPORTED or FAILED */
	int32_t code;	/* of the last two: the errno */
};
#define QB_PROCESS_LEVERS 7

/* In the child: does what the plan's steps say of its own process. Returns how many results. */
unsigned qb_process_apply(const struct qb_steps *steps, const struct qb_selection *selection,
	struct qb_process_result ret[QB_PROCESS_LEVERS]);

/* In the parent: what became of those steps. */
void qb_process_note(const struct qb_process_result *results, unsigned n, struct qb_steps *steps);

#endif
