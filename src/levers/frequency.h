/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock's levers: what the table needs of them, and what the files of their planning share
 * (frequency_plan.c, frequency_base.c, frequency_tunables.c, frequency_uncore.c).
 */
#ifndef QB_LEVERS_FREQUENCY_H
#define QB_LEVERS_FREQUENCY_H

#include <quietbench/lever.h>

/* Values must be among those the policy itself offers. */
extern const struct qb_lever_ops qb_governor_ops;
extern const struct qb_lever_ops qb_epp_ops;
/* Values must lie within cpuinfo_min_freq and cpuinfo_max_freq of the policy. */
extern const struct qb_lever_ops qb_limit_ops;

struct qb_cpufreq_policy;
/* The clock that this policy holds for ever, turbo or not; 0: nobody tells. */
int64_t qb_frequency_base_khz(const struct qb_cpufreq_policy *policy);
/* Remembers what the governor of this policy is tuned with. 0 or -ENOMEM. */
int qb_frequency_plan_tunables(struct qb_steps *steps, const struct qb_cpufreq_policy *policy);
/* 0 or more, or -ENOMEM. */
int qb_frequency_plan_uncore(const struct qb_wish *wish, struct qb_steps *steps);

#endif
