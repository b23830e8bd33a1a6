/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What qb_select says of its choice: the lines `why` and `note` of a selection. */
#ifndef QB_CORE_SELECT_TEXT_H
#define QB_CORE_SELECT_TEXT_H

#include <core/cores.h>
#include <core/cpus_wish.h>

/* One more thing that had to give. */
void qb_select_note(struct qb_selection *selection, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* " of the fastest kind" */
const char *qb_select_kind_text(const struct qb_topology *t, int kind);
/* "sharing one L3" */
const char *qb_select_level_text(enum qb_within within);
/* Writes s->why for a list taken as it stands, and for a choice of `want` within a level;
 * `spare`: there would have been others as good. */
void qb_select_explain_list(
	const struct qb_cpus_wish *w, const struct qb_cores *cores, struct qb_selection *s);
void qb_select_explain(const struct qb_cpus_wish *w, const struct qb_cores *cores, unsigned want,
	enum qb_within within, bool spare, struct qb_selection *s);

#endif
