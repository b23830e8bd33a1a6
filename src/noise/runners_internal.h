/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the table (runners.c) is to those who fill it (runners_take.c). */
#ifndef QB_NOISE_RUNNERS_INTERNAL_H
#define QB_NOISE_RUNNERS_INTERNAL_H

#include "runners.h"

/* The thread that has this number now; NULL: none is known. */
struct qb_runner *qb_runners_find(const struct qb_runners *table, pid_t tid);
/* The same, and a new one is asked for its name and its family. NULL: no memory, which is lost. */
struct qb_runner *qb_runners_meet(struct qb_runners *table, pid_t pid, pid_t tid);
/* A new one like that, without stays; tid 0 is never found. NULL: no memory, which is lost. */
struct qb_runner *qb_runners_insert(struct qb_runners *table, const struct qb_runner *from);
/* Its number is another one's from now on. */
void qb_runners_unlist(struct qb_runners *table, const struct qb_runner *runner);
/* It had so much more of a CPU. */
void qb_runners_stay(struct qb_runners *table, struct qb_runner *runner, struct qb_stay more);
/* When many have ended: all own ones are summed up, and of the other
 * tasks, which have names, those that ran less than the mean. */
void qb_runners_fold(struct qb_runners *table, int64_t now_ns);

#endif
