/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory's levers: what the table needs of them. Planning is in memory_plan.c. */
#ifndef QB_LEVERS_MEMORY_H
#define QB_LEVERS_MEMORY_H

#include <quietbench/lever.h>

/* A file that reads "always [madvise] never": its value is the word in brackets, and only the
 * words that it shows are taken. */
extern const struct qb_lever_ops qb_choice_ops;
/* KSM's switch: 0 or 1. A 2 is never read (-ENOENT), and so never put back. */
#define QB_KSM_UNMERGED                                                                            \
	"pages are unmerged and stay so (ksm/run is 2, and putting that back would unmerge again)"
extern const struct qb_lever_ops qb_ksm_ops;
/* Not written when it reads so already: an earlier write may have brought it back, and a write of
 * the same value would do more than that. */
extern const struct qb_lever_ops qb_once_ops;
/* An action: always reads "kept"; "dropped" is done and leaves nothing to restore. */
extern const struct qb_lever_ops qb_drop_caches_ops;

#endif
