/* SPDX-License-Identifier: GPL-2.0-or-later */
/* accounts.h */
#include "accounts.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>
#include <inttypes.h>
#include <quietbench/value.h>
#include <sched.h>

void qb_accounts_free(struct qb_accounts *accounts)
{
	free(accounts->v);
	*accounts = (struct qb_accounts){0};
}

/* Nanoseconds on a CPU so far (Documentation/scheduler/sched-stats.rst). */
static int read_time(const struct qb_task *task, int64_t *ret)
{
	char path[64], text[128];

	qb_text_format(path, sizeof(path), "/proc/%d/task/%d/schedstat", task->tgid, task->tid);
	if (qb_file_read(path, text, sizeof(text), NULL) < 0)
		return -ESRCH; /* it has ended, or this kernel keeps no such account */
	return sscanf(text, "%" SCNd64, ret) == 1 ? 0 : -EBADMSG;
}

static int add(struct qb_accounts *accounts, const struct qb_task *task, bool only_times)
{
	cpu_set_t allowed[QB_CPUS_MAX / CPU_SETSIZE];
	struct qb_account account = {
		.pid = task->tgid, .tid = task->tid, .start = task->start, .cpu = task->cpu};

	if (read_time(task, &account.ns) < 0)
		return 0;
	if (accounts->n == accounts->room) {
		size_t room = accounts->room ? 2 * accounts->room : 256;
		struct qb_account *v = realloc(accounts->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		accounts->v = v;
		accounts->room = room;
	}
	account.bound = !only_times &&
			sched_getaffinity(task->tid, sizeof(allowed), allowed) == 0 &&
			CPU_COUNT_S(sizeof(allowed), allowed) == 1;
	qb_text_copy(account.comm, sizeof(account.comm), task->comm);
	qb_text_printable(account.comm);
	accounts->v[accounts->n++] = account;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct qb_account *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int walk_all(bool only_times, struct qb_accounts *ret, struct qb_error *err)
{
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {.no_masks = true, .only_ids = only_times};
	struct qb_accounts accounts = {
		.at = (uint64_t)(qb_ns_now(CLOCK_BOOTTIME) * 1e-9 * (double)sysconf(_SC_CLK_TCK))};
	static struct qb_task task;
	int r;

	while ((r = qb_tasks_next(&walk, &task, err)) > 0) {
		r = add(&accounts, &task, only_times);
		if (r < 0) {
			qb_error_errno(err, -r, "take the accounts of all threads");
			break;
		}
	}
	if (r < 0) {
		qb_accounts_free(&accounts);
		return r;
	}
	qsort(accounts.v, accounts.n, sizeof(*accounts.v), compare);
	*ret = accounts;
	return 0;
}

int qb_accounts_begin(struct qb_accounts *ret, struct qb_error *err)
{
	return walk_all(true, ret, err);
}

int qb_accounts_take(struct qb_accounts *ret, struct qb_error *err)
{
	return walk_all(false, ret, err);
}

int64_t qb_account_share(const struct qb_account *account)
{
	return account->bound ? account->ns : account->ns / 2;
}

void qb_accounts_since(struct qb_accounts *now, const struct qb_accounts *before)
{
	size_t kept = 0, b = 0;

	for (size_t i = 0; i < now->n; i++) {
		struct qb_account account = now->v[i];

		while (b < before->n && before->v[b].tid < account.tid)
			b++;
		/* The same thread, if it lived then: numbers are recycled. */
		if (b < before->n && before->v[b].tid == account.tid && account.start <= before->at)
			account.ns -= before->v[b].ns;
		if (account.ns > 0)
			now->v[kept++] = account;
	}
	now->n = kept;
}
