/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The levers of idle states: what the table needs of them. Planning is in idle_plan.c. */
#ifndef QB_LEVERS_IDLE_H
#define QB_LEVERS_IDLE_H

#include <quietbench/lever.h>

/* As the kernel writes it: "0" is no limit at all, "n/a" is a latency of zero, else microseconds. */
#define QB_LATENCY_ZERO "n/a"
extern const struct qb_lever_ops qb_resume_latency_ops;

/*
 * The request of this process for all CPUs: "none", or microseconds. It lasts as long as a
 * descriptor is open, so it dies with the process; another one that looks, a recovery, reads "none".
 */
#define QB_LATENCY_NONE "none"
extern const struct qb_lever_ops qb_dma_latency_ops;

#endif
