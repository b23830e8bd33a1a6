/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the table needs of the small families: operations of attributes that are more than a file. */
#ifndef QB_LEVERS_TABLE_INTERNAL_H
#define QB_LEVERS_TABLE_INTERNAL_H

#include <quietbench/lever.h>

/* ---- frequency.c ---- */

/* Values must be among those the policy itself offers. */
extern const struct qb_lever_ops qb_governor_ops;
extern const struct qb_lever_ops qb_epp_ops;
/* Values must lie within cpuinfo_min_freq and cpuinfo_max_freq of the policy. */
extern const struct qb_lever_ops qb_limit_ops;

/* ---- idle.c ---- */

/* As the kernel writes it: "0" is no limit at all, "n/a" is a latency of zero, else microseconds. */
extern const struct qb_lever_ops qb_resume_latency_ops;
/*
 * The request of this process for all CPUs: "none", or microseconds. It lasts as long as a
 * descriptor is open, so it dies with the process; another one that looks, a recovery, reads "none".
 */
extern const struct qb_lever_ops qb_dma_latency_ops;

/* ---- kernel.c ---- */

/* The mask of all unbound workqueues: as it was asked for, not as partitions have left it. */
extern const struct qb_lever_ops qb_workqueues_ops;
/* Switches the master on with the detector. The hard one without a counter is unsupported, not
 * failed. */
extern const struct qb_lever_ops qb_detector_ops;
/* perf's rate can be written only while perf_cpu_time_max_percent limits something: it does for
 * that moment. What the kernel lowered it to is not somebody else's wish. */
extern const struct qb_lever_ops qb_sample_rate_ops;

/* ---- memory.c ---- */

/* A file that reads "always [madvise] never": its value is the word in brackets, and only the
 * words that it shows are taken. */
extern const struct qb_lever_ops qb_choice_ops;
/* KSM's switch: 0 or 1. A 2 is never read (-ENOENT), and so never put back. */
#define QB_KSM_UNMERGED                                                                            \
	"pages are unmerged and stay so (ksm/run is 2, and putting that back would unmerge again)"
extern const struct qb_lever_ops qb_ksm_ops;
/* Not written when it is already set: an earlier write may have brought it back, and a write of
 * the same value would do more than that. */
extern const struct qb_lever_ops qb_once_ops;
/* An action: always reads "kept"; "dropped" is done and leaves nothing to restore. */
extern const struct qb_lever_ops qb_drop_caches_ops;

#endif
