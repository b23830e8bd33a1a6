/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a comparison: sentences on stdout (or JSON), and the files that were asked for: the
 * record, Markdown for a pull request, and times as hyperfine writes them (JSON, which its own scripts
 * read, and CSV).
 */
#ifndef QB_CLI_EXPORTS_H
#define QB_CLI_EXPORTS_H

#include <cli/compare.h>
#include <cli/evidence.h>
#include <stdio.h>

/* Before anything is measured: can the files be written? */
int qb_exports_prepare(const struct qb_options *options, struct qb_error *err);
/* All of it. A file that failed does not keep other files from being written. */
int qb_exports_write(const struct qb_comparison *comparison, struct qb_error *err);

/* ---- comparison_text.c ---- */

/* One difference, claimed or not. */
void qb_comparison_claim(
	const struct qb_trial *trial, const struct qb_trial_result *result, char *buf, size_t size);
/* All sentences. */
void qb_comparison_print(const struct qb_comparison *comparison, FILE *out);
void qb_comparison_markdown(const struct qb_comparison *comparison, FILE *out);

#endif
