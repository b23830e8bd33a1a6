/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watcher.h: what one process saw, told to another. */
#include "watcher.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

_Static_assert(QB_SWITCHES_WHOSE == QB_WHOSE_COUNT && QB_SWITCHES_LEVELS == QB_RUNNERS_LEVELS,
	"messages have the words of the table");

/*
 * A list that is told: first the sums, whose-th of each CPU; then, in the same order, those of tasks that
 * must not be named; then those with an entry of their own.
 */
struct list {
	struct qb_seen *v;
	size_t n, sums;
};
#define NAMELESS "other users' processes"

static bool is_listed(const struct qb_runner *runner)
{
	return runner->whose != QB_WHOSE_OWN; /* of the benchmark the sums will do */
}

static size_t count_entries(const struct qb_runners *seen)
{
	size_t n = 0;

	for (size_t i = 0; i < seen->n; i++)
		for (const struct qb_stay *stay = seen->v[i]->stays; stay; stay = stay->next)
			n++;
	return n;
}

/* To the sum of its CPU and whose: from `at` on, where each CPU has one. */
static void add_to_sum(const struct list *list, size_t at, const struct qb_seen *seen)
{
	struct qb_seen *sum = &list->v[at + seen->whose];

	while (sum->cpu != seen->cpu)
		sum += QB_WHOSE_COUNT;
	sum->ns += seen->ns;
	sum->times += seen->times;
}

static int compare(const void *a, const void *b)
{
	const struct qb_seen *x = a, *y = b;

	return (x->ns < y->ns) - (x->ns > y->ns);
}

static void list_sums(const struct qb_runners *seen, struct list *list)
{
	for (size_t i = 0; i < seen->n_of; i++)
		for (unsigned whose = 0; whose < QB_WHOSE_COUNT; whose++)
			list->v[list->n++] = (struct qb_seen){.cpu = seen->of[i].cpu,
				.whose = (uint8_t)whose,
				.ns = seen->of[i].rest[whose].ns,
				.times = seen->of[i].rest[whose].times};
	list->sums = list->n;
	for (size_t i = 0; i < list->sums; i++) {
		struct qb_seen nameless = {.cpu = list->v[i].cpu, .whose = list->v[i].whose};

		qb_text_copy(nameless.comm, sizeof(nameless.comm), NAMELESS);
		list->v[list->n++] = nameless;
	}
}

static void list_runner(const struct qb_runner *runner, bool hidden, struct list *list)
{
	for (const struct qb_stay *stay = runner->stays; stay; stay = stay->next) {
		struct qb_seen entry = {.pid = runner->pid,
			.tid = runner->tid,
			.cpu = stay->cpu,
			.whose = (uint8_t)runner->whose,
			.ns = stay->ns,
			.times = stay->times};

		qb_text_copy(entry.comm, sizeof(entry.comm), runner->comm);
		if (hidden || !is_listed(runner))
			add_to_sum(list, is_listed(runner) ? list->sums : 0, &entry);
		else
			list->v[list->n++] = entry;
	}
}

int qb_watcher_tell(const struct qb_watcher *watcher,
	bool (*hide)(const struct qb_runner *runner, const void *data), const void *data,
	int (*send)(struct qb_switches_message *message, void *to), void *to)
{
	const struct qb_runners *seen = &watcher->seen;
	const size_t room = 2 * seen->n_of * QB_WHOSE_COUNT + count_entries(seen);
	_cleanup_free_ struct qb_switches_message *message = calloc(1, sizeof(*message));
	_cleanup_free_ struct qb_seen *entries = calloc(room + 1, sizeof(*entries));
	struct list list = {.v = entries};
	int r = 0;

	if (!message || !entries)
		return -ENOMEM;
	list_sums(seen, &list);
	for (size_t i = 0; i < seen->n; i++)
		list_runner(seen->v[i], hide && hide(seen->v[i], data), &list);
	qsort(list.v + list.sums, list.n - list.sums, sizeof(*list.v), compare);
	while (list.n > list.sums && !list.v[list.n - 1].times && !list.v[list.n - 1].ns)
		list.n--;
	while (list.n > list.sums + QB_SWITCHES_NAMED)
		add_to_sum(&list, 0, &list.v[--list.n]);
	for (size_t at = 0; at < list.n && r == 0; at += message->n) {
		const size_t left = list.n - at;

		*message = (struct qb_switches_message){
			.n = (uint32_t)(left < QB_SWITCHES_SEEN ? left : QB_SWITCHES_SEEN),
			.at_once = qb_runners_at_once(seen),
			.waited_ns = qb_runners_waited(seen),
			.exec_ns = seen->exec_ns,
			.exit_ns = seen->exit_ns,
			.lost = seen->lost};
		memcpy(message->seen, list.v + at, message->n * sizeof(*list.v));
		r = send(message, to);
	}
	return r;
}

void qb_watcher_lend(struct qb_watcher *watcher, const struct qb_switches_message *message)
{
	struct qb_runners *table = &watcher->seen;

	watcher->lent = true;
	memset(table->level_ns, 0, sizeof(table->level_ns));
	table->level_ns[message->at_once] = 1;
	table->rest_waited = message->waited_ns;
	table->exec_ns = message->exec_ns;
	table->exit_ns = message->exit_ns;
	if (message->lost > table->lost)
		table->lost = message->lost;
	for (uint32_t i = 0; i < message->n; i++) {
		const struct qb_seen *seen = &message->seen[i];
		const struct qb_stay stay = {
			.cpu = seen->cpu, .ns = seen->ns, .times = seen->times};
		struct qb_runner runner = {
			.pid = seen->pid, .tid = seen->tid, .whose = (enum qb_whose)seen->whose};
		struct qb_runners_cpu *of = qb_runners_of(table, seen->cpu);

		if (!of && qb_runners_watch(table, seen->cpu, 0) < 0)
			table->lost++;
		of = qb_runners_of(table, seen->cpu);
		qb_text_copy(runner.comm, sizeof(runner.comm), seen->comm);
		qb_text_printable(runner.comm);
		if (seen->comm[0] && qb_runners_add(table, &runner, stay) < 0)
			table->lost++;
		else if (!seen->comm[0] && of)
			of->rest[seen->whose] = stay;
	}
}
