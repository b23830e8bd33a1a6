/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The levers of the kernel's own work: what the table needs. Planning is in kernel_plan.c. */
#ifndef QB_LEVERS_KERNEL_H
#define QB_LEVERS_KERNEL_H

#include <quietbench/lever.h>

/* The mask of all unbound workqueues: as it was asked for, not as partitions have left it. */
extern const struct qb_lever_ops qb_workqueues_ops;
/* Switches the master on with the detector. The hard one without a counter is unsupported, not
 * failed. */
extern const struct qb_lever_ops qb_detector_ops;
/* perf's rate can be written only while perf_cpu_time_max_percent limits something: it does for
 * that moment. What the kernel lowered it to is not somebody else's wish. */
extern const struct qb_lever_ops qb_sample_rate_ops;

#endif
