/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runners.h */
#include "runners_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

#define HASH_MIN 256 /* a power of two */
#define FOLD_MIN 4096
/* A dead task may be switched in once more, so it is kept for a while. */
#define KEPT_NS	    INT64_C(1000000000)
#define LEVEL_SHARE 20

void qb_runner_name(const char *comm, pid_t pid, char *buf, size_t size)
{
	if (pid)
		qb_text_format(buf, size, "%s (pid %d)", comm, pid);
	else
		qb_text_copy(buf, size, comm);
}

/* ---- stays ---- */

struct qb_stay qb_runner_stay(const struct qb_runner *runner, unsigned cpu)
{
	for (const struct qb_stay *stay = runner->stays; stay; stay = stay->next)
		if (stay->cpu == cpu)
			return *stay;
	return (struct qb_stay){.cpu = cpu};
}

struct qb_stay qb_runner_total(const struct qb_runner *runner)
{
	struct qb_stay total = {0};

	for (const struct qb_stay *stay = runner->stays; stay; stay = stay->next) {
		total.ns += stay->ns;
		total.times += stay->times;
	}
	return total;
}

void qb_runners_stay(struct qb_runners *table, struct qb_runner *runner, struct qb_stay more)
{
	struct qb_stay *stay = runner->stays;

	while (stay && stay->cpu != more.cpu)
		stay = stay->next;
	if (!stay) {
		stay = calloc(1, sizeof(*stay));
		if (!stay) {
			table->lost++;
			return;
		}
		stay->cpu = more.cpu;
		stay->next = runner->stays;
		runner->stays = stay;
	}
	stay->ns += more.ns;
	stay->times += more.times;
}

static void free_runner(struct qb_runner *runner)
{
	while (runner->stays) {
		struct qb_stay *stay = runner->stays;

		runner->stays = stay->next;
		free(stay);
	}
	free(runner);
}

/* ---- the table ---- */

static struct qb_runner **bucket(const struct qb_runners *table, pid_t tid)
{
	return &table->hash[((uint32_t)tid * UINT32_C(2654435761)) & (table->n_hash - 1)];
}

struct qb_runner *qb_runners_find(const struct qb_runners *table, pid_t tid)
{
	struct qb_runner *runner = table->hash ? *bucket(table, tid) : NULL;

	while (runner && runner->tid != tid)
		runner = runner->next;
	return runner;
}

/* Its number is another one's from now on. */
void qb_runners_unlist(struct qb_runners *table, const struct qb_runner *runner)
{
	for (struct qb_runner **at = bucket(table, runner->tid); *at; at = &(*at)->next)
		if (*at == runner) {
			*at = runner->next;
			return;
		}
}

static int grow_hash(struct qb_runners *table)
{
	const struct qb_runners old = *table;
	const size_t n = old.n_hash ? 2 * old.n_hash : HASH_MIN;
	struct qb_runner **hash = calloc(n, sizeof(struct qb_runner *));

	if (!hash)
		return old.hash ? 0 : -ENOMEM; /* longer chains will do */
	table->hash = hash;
	table->n_hash = n;
	for (size_t i = 0; i < old.n_hash; i++)
		for (struct qb_runner *runner = old.hash[i], *next; runner; runner = next) {
			struct qb_runner **to = bucket(table, runner->tid);

			next = runner->next;
			runner->next = *to;
			*to = runner;
		}
	free(old.hash);
	return 0;
}

/* NULL: no memory, which is lost. tid 0 is never found. */
struct qb_runner *qb_runners_insert(struct qb_runners *table, const struct qb_runner *from)
{
	struct qb_runner *runner = calloc(1, sizeof(*runner)), **to;

	if (table->n == table->room) {
		const size_t room = table->room ? 2 * table->room : HASH_MIN;
		struct qb_runner **v = realloc(table->v, room * sizeof(struct qb_runner *));

		if (v) {
			table->v = v;
			table->room = room;
		}
	}
	if (table->n >= table->n_hash && grow_hash(table) < 0)
		goto lost;
	if (!runner || table->n == table->room)
		goto lost;
	*runner = *from;
	runner->stays = NULL;
	runner->next = NULL;
	table->v[table->n++] = runner;
	if (runner->tid) {
		to = bucket(table, runner->tid);
		runner->next = *to;
		*to = runner;
	}
	return runner;
lost:
	free(runner);
	table->lost++;
	return NULL;
}

/* Its fork was not seen. */
static enum qb_whose tell_whose(const struct qb_runners *table, pid_t pid, pid_t tid)
{
	const struct qb_runner *leader = pid == tid ? NULL : qb_runners_find(table, pid);

	if (!table->follow)
		return QB_WHOSE_OTHER;
	if (pid == table->follow)
		return QB_WHOSE_OWN;
	if (leader && !leader->ended_ns)
		return leader->whose;
	if (table->complete && !table->lost)
		return QB_WHOSE_OTHER; /* it was there before the benchmark */
	return table->ask ? table->ask(pid, tid, table->data) : QB_WHOSE_UNKNOWN;
}

struct qb_runner *qb_runners_meet(struct qb_runners *table, pid_t pid, pid_t tid)
{
	struct qb_runner new = {.pid = pid, .tid = tid, .uid = (uid_t)-1, .comm = "short-lived"};
	struct qb_runner *runner = qb_runners_find(table, tid);

	if (runner)
		return runner;
	new.whose = tell_whose(table, pid, tid);
	runner = qb_runners_insert(table, &new);
	if (runner && table->name)
		table->name(runner, table->data);
	return runner;
}

static void fold(struct qb_runners *table, struct qb_runner *runner)
{
	for (const struct qb_stay *stay = runner->stays; stay; stay = stay->next) {
		struct qb_runners_cpu *of = qb_runners_of(table, stay->cpu);

		if (of) {
			of->rest[runner->whose].ns += stay->ns;
			of->rest[runner->whose].times += stay->times;
		}
	}
	if (runner->whose == QB_WHOSE_OWN)
		table->rest_waited += runner->waited;
	if (runner->tid)
		qb_runners_unlist(table, runner);
	free_runner(runner);
}

static bool is_foldable(const struct qb_runner *runner, int64_t now_ns)
{
	return runner->ended_ns && !runner->runs && runner->ended_ns < now_ns - KEPT_NS;
}

/* All own ones that have ended; of the other tasks, which have names, those that ran less than the mean. */
void qb_runners_fold(struct qb_runners *table, int64_t now_ns)
{
	int64_t sum = 0, n = 0;
	size_t kept = 0;

	if (table->ended <= (table->fold_at ? table->fold_at : FOLD_MIN))
		return;
	for (size_t i = 0; i < table->n; i++)
		if (table->v[i]->whose != QB_WHOSE_OWN && is_foldable(table->v[i], now_ns)) {
			sum += qb_runner_total(table->v[i]).ns;
			n++;
		}
	for (size_t i = 0; i < table->n; i++) {
		struct qb_runner *runner = table->v[i];

		if (is_foldable(runner, now_ns) &&
			(runner->whose == QB_WHOSE_OWN || qb_runner_total(runner).ns * n <= sum)) {
			fold(table, runner);
			table->ended--;
		} else {
			table->v[kept++] = runner;
		}
	}
	table->n = kept;
	table->fold_at = 2 * table->ended > FOLD_MIN ? 2 * table->ended : FOLD_MIN;
}

/* ---- CPUs ---- */

struct qb_runners_cpu *qb_runners_of(struct qb_runners *table, unsigned cpu)
{
	for (size_t i = 0; i < table->n_of; i++) {
		const size_t at = (table->last + i) % table->n_of;

		if (table->of[at].cpu == cpu) {
			table->last = at;
			return &table->of[at];
		}
	}
	return NULL;
}

int qb_runners_watch(struct qb_runners *table, unsigned cpu, int64_t from_ns)
{
	struct qb_runners_cpu *of =
		realloc(table->of, (table->n_of + 1) * sizeof(struct qb_runners_cpu));

	if (!of)
		return -ENOMEM;
	table->of = of;
	of[table->n_of++] = (struct qb_runners_cpu){.cpu = cpu, .fresh = true, .from_ns = from_ns};
	return 0;
}

/* ---- what it amounts to ---- */

int qb_runners_add(struct qb_runners *table, const struct qb_runner *from, struct qb_stay stay)
{
	struct qb_runner *runner = from->tid ? qb_runners_find(table, from->tid) : NULL;
	const uint64_t lost = table->lost;

	/* Sums have no id: there is one for each name and kind. */
	for (size_t i = 0; !from->tid && !runner && i < table->n; i++)
		if (!table->v[i]->tid && table->v[i]->whose == from->whose &&
			strcmp(table->v[i]->comm, from->comm) == 0)
			runner = table->v[i];
	if (!runner)
		runner = qb_runners_insert(table, from);
	if (runner)
		qb_runners_stay(table, runner, stay);
	return table->lost == lost ? 0 : -ENOMEM;
}

int64_t qb_runners_sum(const struct qb_runners *table, enum qb_whose whose)
{
	int64_t sum = 0;

	for (size_t i = 0; i < table->n_of; i++)
		sum += table->of[i].rest[whose].ns;
	for (size_t i = 0; i < table->n; i++)
		if (table->v[i]->whose == whose)
			sum += qb_runner_total(table->v[i]).ns;
	return sum;
}

int64_t qb_runners_waited(const struct qb_runners *table)
{
	int64_t sum = table->rest_waited;

	for (size_t i = 0; i < table->n; i++)
		if (table->v[i]->whose == QB_WHOSE_OWN)
			sum += table->v[i]->waited;
	return sum;
}

unsigned qb_runners_at_once(const struct qb_runners *table)
{
	int64_t all = 0, so_many = 0;
	unsigned level = QB_RUNNERS_LEVELS - 1;

	for (unsigned i = 0; i < QB_RUNNERS_LEVELS; i++)
		all += table->level_ns[i];
	for (; level > 0; level--) {
		so_many += table->level_ns[level];
		if (so_many > all / LEVEL_SHARE)
			break;
	}
	return level;
}

void qb_runners_free(struct qb_runners *table)
{
	for (size_t i = 0; i < table->n; i++)
		free_runner(table->v[i]);
	free(table->v);
	free(table->hash);
	free(table->of);
	*table = (struct qb_runners){0};
}
