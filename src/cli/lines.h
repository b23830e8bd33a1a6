/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps as lines for people: what `plan`, `doctor` and `restore` print.
 *
 * Many units share one change ("policy0-15  powersave → performance") and many levers are missing
 * for one reason: each is one line. Lines keep to QB_LINES_WIDTH columns where a value lets them;
 * a value is never cut, for it is exactly what will be written.
 */
#ifndef QUIETBENCH_CLI_LINES_H
#define QUIETBENCH_CLI_LINES_H

#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <quietbench/step.h>
#include <stdbool.h>
#include <stdio.h>

#define QB_LINES_WIDTH 100

/*
 * "default: benchmark on CPU 2 (sibling 6 idle), housekeeping on 0-1,3-5,7", or "vm (KVM guest): …": the
 * first line of run and plan.
 */
void qb_lines_head(const struct qb_profile *profile, const struct qb_host *host,
	const struct qb_selection *chosen, char *buf, size_t size);
/*
 * "programs will see 1 CPU (-n for more)". False: as many as the host has. The brackets are for a caller who
 * could have more and named neither CPUs nor their number.
 */
bool qb_lines_seen(const struct qb_profile *profile, const struct qb_host *host,
	const struct qb_selection *chosen, char *buf, size_t size);

/*
 * "clock fixed at 2.4 GHz (was up to 2.401 GHz): steadier, slower": what the limits of this policy
 * have become, from the steps' own values. False: they were not set.
 */
bool qb_lines_clock(const struct qb_steps *steps, unsigned policy, char *buf, size_t size);

/* 'S', 'D' or 'X' of lever.h, for this value (NULL: of the row). */
char qb_lines_risk(unsigned lever, const char *wanted);

/*
 * One line per lever and change of the steps with this status, indented by two, in the order in
 * which they are made:
 *
 *	  frequency.governor  policy0-15  powersave → performance  S
 *
 * Planned changes end with their risk class. -ENOMEM, with nothing printed.
 */
int qb_lines_changes(
	FILE *out, const struct qb_steps *steps, enum qb_status status, struct qb_error *err);

/*
 * "  lever, lever policy3: reason", one entry per reason of the steps with this status, wrapped.
 * Steps without a reason have none; of those that are unchanged, only those without values.
 */
int qb_lines_missing(
	FILE *out, const struct qb_steps *steps, enum qb_status status, struct qb_error *err);

/* Has any step this status? (A heading is wanted only then.) */
bool qb_lines_any(const struct qb_steps *steps, enum qb_status status);

/*
 * Prints `first` and then the words of `text`, broken at blanks; lines after the first start with
 * `rest`. Both prefixes count one column per byte.
 */
void qb_lines_wrap(FILE *out, const char *first, const char *rest, const char *text);

#endif
