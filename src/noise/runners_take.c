/* SPDX-License-Identifier: GPL-2.0-or-later */
/* runners.h: events, in the order of time. */
#include "runners_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

/* ---- time ---- */

/* So many own threads could run until now. */
static void count_level(struct qb_runners *table, int64_t at_ns)
{
	const unsigned level =
		table->runnable < QB_RUNNERS_LEVELS ? table->runnable : QB_RUNNERS_LEVELS - 1;

	if (at_ns > table->runnable_since)
		table->level_ns[level] += at_ns - table->runnable_since;
	table->runnable_since = at_ns;
}

static bool is_runnable(const struct qb_runner *runner)
{
	return runner->whose == QB_WHOSE_OWN && (runner->runs || runner->waits);
}

static void set_state(
	struct qb_runners *table, struct qb_runner *runner, bool runs, int64_t waits, int64_t at_ns)
{
	const bool was = is_runnable(runner);

	runner->runs = runs;
	runner->waits = waits;
	if (was == is_runnable(runner))
		return;
	count_level(table, at_ns);
	table->runnable += was ? -1U : 1U;
}

static void count_stay(struct qb_runners *table, struct qb_runners_cpu *of,
	struct qb_runner *runner, int64_t since, int64_t at_ns)
{
	if (since < of->from_ns)
		since = of->from_ns;
	if (since < at_ns)
		qb_runners_stay(
			table, runner, (struct qb_stay){.cpu = of->cpu, .ns = at_ns - since});
}

/* The task that had the CPU has left it: there is one at a time. */
static void leave(struct qb_runners *table, struct qb_runners_cpu *of, int64_t at_ns)
{
	if (of->on) {
		count_stay(table, of, of->on, of->since, at_ns);
		set_state(table, of->on, false, 0, at_ns);
	}
	of->on = NULL;
}

static void enter(struct qb_runners *table, struct qb_runners_cpu *of, struct qb_runner *runner,
	int64_t at_ns)
{
	for (size_t i = 0; runner->runs && i < table->n_of; i++)
		if (table->of[i].on == runner)
			leave(table, &table->of[i], at_ns); /* its leaving was lost */
	if (runner->waits)
		runner->waited += at_ns - runner->waits;
	set_state(table, runner, true, 0, at_ns);
	of->on = runner;
	of->since = at_ns;
	if (at_ns >= of->from_ns)
		qb_runners_stay(table, runner, (struct qb_stay){.cpu = of->cpu, .times = 1});
}

/*
 * Who comes is told by who leaves, and then by its own record, which may be missing: the kernel keeps
 * those of some tasks from us (on a guest whose agent was the first process, all of that process').
 */
static void take_next(
	struct qb_runners *table, struct qb_runners_cpu *of, const struct qb_event *event)
{
	struct qb_runner *next;

	if (event->type == QB_EVENT_IN || event->next_tid <= 0)
		return;
	next = qb_runners_meet(table, event->next_pid, event->next_tid);
	if (next)
		enter(table, of, next, event->at_ns);
}

/* A task that has died is switched out under no number (-1); tid 0: the CPU is idle. */
static void take_switch(struct qb_runners *table, const struct qb_event *event)
{
	struct qb_runners_cpu *of = qb_runners_of(table, event->cpu);
	struct qb_runner *runner;

	if (!of || (event->type == QB_EVENT_IN && of->on && of->on->tid == event->tid))
		return;
	leave(table, of, event->at_ns);
	/* The first task to leave ran there from the beginning. */
	if (of->fresh && event->type != QB_EVENT_IN && event->tid > 0 && of->from_ns) {
		runner = qb_runners_meet(table, event->pid, event->tid);
		if (runner)
			count_stay(table, of, runner, of->from_ns, event->at_ns);
	}
	of->fresh = false;
	runner = event->tid > 0 && event->type != QB_EVENT_OUT
			 ? qb_runners_meet(table, event->pid, event->tid)
			 : NULL;
	if (runner && event->type == QB_EVENT_PREEMPTED)
		set_state(table, runner, runner->runs, event->at_ns, event->at_ns);
	else if (runner)
		enter(table, of, runner, event->at_ns);
	take_next(table, of, event);
}

/* ---- families ---- */

/* A child has its parent's name until it executes something; it may be gone before we look. */
static void take_fork(struct qb_runners *table, const struct qb_event *event)
{
	const struct qb_runner *parent = qb_runners_find(table, event->ptid);
	struct qb_runner *before = qb_runners_find(table, event->tid);
	struct qb_runner child = {.pid = event->pid, .tid = event->tid};

	if (event->tid <= 0 || event->ptid <= 0)
		return;
	if (before) { /* numbers are recycled */
		table->ended += before->ended_ns == 0;
		before->ended_ns = before->ended_ns ? before->ended_ns : event->at_ns;
		qb_runners_unlist(table, before);
		before->tid = 0;
	}
	if (!parent)
		parent = qb_runners_meet(table, event->ppid, event->ptid);
	if (!parent)
		return;
	child.uid = parent->uid;
	child.whose = parent->whose;
	qb_text_copy(child.comm, sizeof(child.comm), parent->comm);
	qb_runners_insert(table, &child);
	table->threads += event->pid == table->follow;
}

/* The benchmark's process has ended. Processes that it left behind do not belong to the run. */
static void finish(struct qb_runners *table, int64_t at_ns)
{
	for (size_t i = 0; i < table->n_of; i++)
		leave(table, &table->of[i], at_ns);
	count_level(table, at_ns);
}

/* It is on the CPU still, for its last switch. */
static void take_exit(struct qb_runners *table, const struct qb_event *event)
{
	struct qb_runner *runner = qb_runners_find(table, event->tid);

	if (runner && !runner->ended_ns) {
		runner->ended_ns = event->at_ns;
		table->ended++;
		if (!runner->runs)
			set_state(table, runner, false, 0, event->at_ns);
	}
	if (event->pid != table->follow || !table->threads || --table->threads)
		return;
	if (!table->complete || table->lost)
		return; /* there may be threads that nobody saw come */
	finish(table, event->at_ns);
	table->exit_ns = event->at_ns;
}

/* The benchmark begins: what was before does not count. */
static void take_exec(struct qb_runners *table, int64_t at_ns)
{
	for (size_t i = 0; i < table->n; i++) {
		struct qb_runner *runner = table->v[i];

		runner->waited = 0;
		if (runner->waits)
			runner->waits = at_ns;
		for (struct qb_stay *stay = runner->stays; stay; stay = stay->next)
			stay->ns = 0, stay->times = 0;
	}
	for (size_t i = 0; i < table->n_of; i++) {
		table->of[i].from_ns = at_ns;
		memset(table->of[i].rest, 0, sizeof(table->of[i].rest));
	}
	memset(table->level_ns, 0, sizeof(table->level_ns));
	table->runnable_since = at_ns;
	table->rest_waited = 0;
	table->exec_ns = at_ns;
}

/* A program was executed, so the thread has another name: its process' number, too, whoever of its
 * threads did it. */
static void take_name(struct qb_runners *table, const struct qb_event *event)
{
	struct qb_runner *runner = qb_runners_find(table, event->tid);

	if (runner) {
		qb_text_format(runner->comm, sizeof(runner->comm), "%.*s", (int)sizeof(event->comm),
			event->comm);
		qb_text_printable(runner->comm);
		if (event->type == QB_EVENT_EXEC && runner->ended_ns) {
			runner->ended_ns = 0;
			table->ended--;
		}
	}
	if (event->type == QB_EVENT_EXEC && event->pid == table->follow && !table->exec_ns)
		take_exec(table, event->at_ns);
}

static void take_loss(struct qb_runners *table, const struct qb_event *event)
{
	struct qb_runners_cpu *of = qb_runners_of(table, event->cpu);

	table->lost += event->lost;
	if (of && of->on) { /* who knows how long */
		set_state(table, of->on, false, 0, event->at_ns);
		of->on = NULL;
	}
	if (of)
		of->fresh = false;
}

void qb_runners_take(struct qb_runners *table, const struct qb_event *event)
{
	if (table->exit_ns)
		return;
	switch (event->type) {
	case QB_EVENT_IN:
	case QB_EVENT_OUT:
	case QB_EVENT_PREEMPTED: take_switch(table, event); break;
	case QB_EVENT_FORK: take_fork(table, event); break;
	case QB_EVENT_EXIT: take_exit(table, event); break;
	case QB_EVENT_NAME:
	case QB_EVENT_EXEC: take_name(table, event); break;
	case QB_EVENT_LOST: take_loss(table, event); break;
	}
	qb_runners_fold(table, event->at_ns);
}

void qb_runners_end(struct qb_runners *table, int64_t until_ns)
{
	if (!table->exit_ns)
		finish(table, until_ns);
}

int qb_runners_follow(struct qb_runners *table, pid_t pid)
{
	table->follow = pid;
	table->threads = 1;
	return qb_runners_meet(table, pid, pid) ? 0 : -ENOMEM;
}
