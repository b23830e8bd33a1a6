/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which tasks used CPU time in between, by the kernel's accounts of each thread (schedstat): the second best
 * after perf's switches, for callers who may not use that. It says how long a thread ran and where
 * it ran last, so a thread that moved is told of only in one place, and how much of its time it had
 * there is not known (qb_account_share).
 */
#ifndef QB_NOISE_ACCOUNTS_H
#define QB_NOISE_ACCOUNTS_H

#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct qb_account {
	pid_t pid, tid;
	uint64_t start; /* of the thread: ids are recycled */
	char comm[32];
	unsigned cpu; /* where it ran last */
	bool bound;   /* and it may run nowhere else */
	int64_t ns;   /* run so far; after qb_accounts_since: meanwhile */
};

struct qb_accounts {
	struct qb_account *v; /* owned; by tid */
	size_t n, room;
	uint64_t at; /* when it was begun: clock ticks since boot, as `start` */
};

/* What all threads have used so far, and no more of them than that: for qb_accounts_since. */
int qb_accounts_begin(struct qb_accounts *ret, struct qb_error *err);
int qb_accounts_take(struct qb_accounts *ret, struct qb_error *err);
/* Makes of `now` what was used since `before`; tasks that used nothing are left out. */
void qb_accounts_since(struct qb_accounts *now, const struct qb_accounts *before);
/* How much of its time it probably had on that CPU: all, if it is bound to it, or else half, which is
 * in the middle of all that is possible. */
int64_t qb_account_share(const struct qb_account *account);
void qb_accounts_free(struct qb_accounts *accounts);

#endif
