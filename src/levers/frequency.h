/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock's levers: what the table needs of them. Planning is in frequency_plan.c. */
#ifndef QB_LEVERS_FREQUENCY_H
#define QB_LEVERS_FREQUENCY_H

#include <quietbench/lever.h>

/* Values must be among those the policy itself offers. */
extern const struct qb_lever_ops qb_governor_ops;
extern const struct qb_lever_ops qb_epp_ops;
/* Values must lie within cpuinfo_min_freq and cpuinfo_max_freq of the policy. */
extern const struct qb_lever_ops qb_limit_ops;

#endif
