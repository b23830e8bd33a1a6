/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a wish to steps: every family of levers, and the keys that are not built yet. */
#ifndef QB_CORE_PLAN_H
#define QB_CORE_PLAN_H

#include <quietbench/lever.h>

/* Asks for every lever there is, for `doctor`: what would this host offer? */
int qb_plan_wish_everything(struct qb_profile *profile, struct qb_error *err);
/* Appends the steps of all levers. selection->isolation is decided here. */
int qb_plan_make(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err);

#endif
