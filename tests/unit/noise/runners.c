/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What events amount to: who ran where, for how long, and whose they are. */
#include <noise/runners.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define A	1000
#define B	1001
#define CHILD	1002
#define OTHER	1003
#define CROWD	20000
#define SEED	20261130
#define TREES	3000
#define CPUS	4
#define MEMBERS 48
#define BENCH	50 /* numbers from 100 on are recycled */

static struct qb_runners table;

static int begin(void **state)
{
	table = (struct qb_runners){0};
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		assert_int_equal(qb_runners_watch(&table, cpu, 0), 0);
	return 0;
}

static int end(void **state)
{
	qb_runners_free(&table);
	return 0;
}

static void on(unsigned cpu, enum qb_event_type type, int64_t at_ns, int id)
{
	qb_runners_take(&table,
		&(struct qb_event){.type = type, .cpu = cpu, .at_ns = at_ns, .pid = id, .tid = id});
}

static void in(int64_t at_ns, int id)
{
	on(0, QB_EVENT_IN, at_ns, id);
}

static void out(int64_t at_ns, int id)
{
	on(0, QB_EVENT_OUT, at_ns, id);
}

static void preempted(int64_t at_ns, int id)
{
	on(0, QB_EVENT_PREEMPTED, at_ns, id);
}

static void forks(int64_t at_ns, int parent, int child)
{
	qb_runners_take(&table, &(struct qb_event){.type = QB_EVENT_FORK,
					.at_ns = at_ns,
					.pid = child,
					.tid = child,
					.ppid = parent,
					.ptid = parent});
}

static void named(enum qb_event_type type, int64_t at_ns, int id, const char *comm)
{
	struct qb_event event = {.type = type, .at_ns = at_ns, .pid = id, .tid = id};

	strncpy(event.comm, comm, sizeof(event.comm) - 1);
	qb_runners_take(&table, &event);
}

static const struct qb_runner *runner(int id)
{
	for (size_t i = 0; i < table.n; i++)
		if (table.v[i]->tid == id)
			return table.v[i];
	fail_msg("nobody has the number %d", id);
	return NULL;
}

static int64_t ns(int id)
{
	return qb_runner_total(runner(id)).ns;
}

static uint64_t times(int id)
{
	return qb_runner_total(runner(id)).times;
}

static void switched(enum qb_event_type type, int64_t at_ns, int id, int next)
{
	qb_runners_take(&table, &(struct qb_event){.type = type,
					.at_ns = at_ns,
					.pid = id,
					.tid = id,
					.next_pid = next,
					.next_tid = next});
}

/* The kernel keeps the records of some tasks from us; who left, and who came back, name them. */
static void test_records_of_one_are_missing(void **state)
{
	in(100, A);
	switched(QB_EVENT_PREEMPTED, 150, A, B);
	in(180, A);
	switched(QB_EVENT_OUT, 200, A, 0);
	in(250, A);
	switched(QB_EVENT_PREEMPTED, 300, A, B);
	in(310, B); /* and once it is not */
	switched(QB_EVENT_OUT, 350, B, A);
	in(352, A);
	qb_runners_end(&table, 400);
	assert_int_equal(ns(B), 30 + 50);
	assert_int_equal(times(B), 2);
	assert_int_equal(ns(A), 50 + 20 + 50 + 50);
	assert_int_equal(runner(A)->waited, 30 + 50);
}

static void test_time(void **state)
{
	in(100, A);
	preempted(150, A);
	in(150, B);
	out(180, B);
	in(180, 0);
	out(300, 0);
	in(300, A);
	qb_runners_end(&table, 400);
	assert_int_equal(ns(A), 150);
	assert_int_equal(times(A), 2);
	assert_int_equal(runner(A)->waited, 150);
	assert_int_equal(ns(B), 30);
	assert_int_equal(table.n, 2);
}

/* Each CPU has its own part of a thread. */
static void test_move(void **state)
{
	on(1, QB_EVENT_IN, 100, A);
	on(1, QB_EVENT_PREEMPTED, 150, A);
	on(2, QB_EVENT_IN, 170, A);
	on(2, QB_EVENT_OUT, 200, A);
	on(7, QB_EVENT_IN, 300, A); /* which nobody watches */
	qb_runners_end(&table, 400);
	assert_int_equal(qb_runner_stay(runner(A), 1).ns, 50);
	assert_int_equal(qb_runner_stay(runner(A), 2).ns, 30);
	assert_int_equal(qb_runner_stay(runner(A), 7).ns, 0);
	assert_int_equal(runner(A)->waited, 20);
	assert_int_equal(times(A), 2);
}

/* The last switch of a task that has died bears no number. */
static void test_death(void **state)
{
	in(100, A);
	out(110, -1);
	in(110, B);
	out(150, -1);
	in(150, 0);
	qb_runners_end(&table, 1000000);
	assert_int_equal(ns(A), 10);
	assert_int_equal(ns(B), 40);
	assert_int_equal(table.n, 2);
}

/* Records that were lost take a time with them, they do not make up one. */
static void test_lost(void **state)
{
	in(100, A);
	in(200, B); /* how A left is lost */
	out(250, B);
	out(300, A); /* and how it came back */
	in(400, A);
	qb_runners_take(&table, &(struct qb_event){.type = QB_EVENT_LOST, .at_ns = 500, .lost = 5});
	out(600, A);
	qb_runners_end(&table, 700);
	assert_int_equal(ns(A) + ns(B), 150);
	assert_int_equal(table.lost, 5);
}

static void test_family(void **state)
{
	qb_runners_follow(&table, A);
	table.complete = true;
	in(100, A);
	forks(110, A, CHILD);
	out(120, A);
	on(1, QB_EVENT_IN, 120, CHILD); /* on another CPU than it was forked */
	on(1, QB_EVENT_OUT, 130, -1);
	in(130, OTHER);
	qb_runners_end(&table, 150);
	assert_int_equal(runner(A)->whose, QB_WHOSE_OWN);
	assert_int_equal(runner(CHILD)->whose, QB_WHOSE_OWN);
	assert_int_equal(runner(OTHER)->whose, QB_WHOSE_OTHER);
	assert_int_equal(ns(CHILD), 10);
	assert_string_equal(runner(CHILD)->comm, runner(A)->comm);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), 20);
}

/* Where forks may have been missed nobody is taken for a stranger; after a loss, too. */
static void test_unknown(void **state)
{
	qb_runners_follow(&table, A);
	in(100, OTHER);
	out(110, OTHER);
	assert_int_equal(runner(OTHER)->whose, QB_WHOSE_UNKNOWN);
	table.complete = true;
	in(120, B);
	out(130, B);
	assert_int_equal(runner(B)->whose, QB_WHOSE_OTHER);
	qb_runners_take(&table,
		&(struct qb_event){.type = QB_EVENT_LOST, .cpu = 9, .at_ns = 140, .lost = 1});
	in(150, CHILD);
	assert_int_equal(runner(CHILD)->whose, QB_WHOSE_UNKNOWN);
	qb_runners_end(&table, 200);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), 10);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_UNKNOWN), 60);
}

/* A number that had an owner before is another thread's now. */
static void test_recycled(void **state)
{
	qb_runners_follow(&table, A);
	table.complete = true;
	forks(100, A, CHILD);
	in(100, CHILD);
	on(0, QB_EVENT_EXIT, 110, CHILD);
	out(110, -1);
	forks(120, OTHER, CHILD);
	in(120, CHILD);
	out(150, CHILD);
	qb_runners_end(&table, 200);
	assert_int_equal(runner(CHILD)->whose, QB_WHOSE_OTHER);
	assert_int_equal(ns(CHILD), 30);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OWN), 10);
}

static void test_begin(void **state)
{
	table.of[0].from_ns = 250;
	in(100, A);
	out(200, A);
	in(200, B);
	out(300, B);
	in(300, A);
	qb_runners_end(&table, 400);
	assert_int_equal(ns(A), 100);
	assert_int_equal(times(A), 1);
	assert_int_equal(ns(B), 50);
	assert_int_equal(times(B), 0);
}

/* Who leaves a CPU first has been there since it is watched. */
static void test_first(void **state)
{
	table.of[0].from_ns = 50;
	preempted(100, A);
	in(100, B);
	qb_runners_end(&table, 130);
	assert_int_equal(ns(A), 50);
	assert_int_equal(ns(B), 30);
}

/* Only what was between the command's exec and its exit counts, whoever goes on. */
static void test_exec_to_exit(void **state)
{
	qb_runners_follow(&table, A);
	table.complete = true;
	in(100, OTHER);
	preempted(200, OTHER);
	in(200, A);
	named(QB_EVENT_EXEC, 300, A, "bench");
	forks(310, A, CHILD);
	preempted(400, A);
	in(400, OTHER);
	out(450, OTHER);
	in(450, A);
	named(QB_EVENT_EXEC, 460, A, "bench2"); /* it counts once */
	on(0, QB_EVENT_EXIT, 500, A);
	out(510, -1);
	in(510, OTHER);
	qb_runners_end(&table, 900);
	assert_int_equal(table.exec_ns, 300);
	assert_int_equal(table.exit_ns, 500);
	assert_int_equal(ns(A), 150);
	assert_int_equal(ns(OTHER), 50);
	assert_int_equal(times(OTHER), 1);
	assert_int_equal(qb_runners_waited(&table), 50);
	assert_string_equal(runner(A)->comm, "bench2");
}

/* Of what was before exec nothing counts: not how long whoever waits then has waited, nor how many could run, nor who
 * was there. */
static void test_before_exec(void **state)
{
	qb_runners_follow(&table, A);
	table.complete = true;
	in(100, A);
	forks(110, A, CHILD);
	forks(110, A, CHILD + 1);
	forks(110, A, CHILD + 2);
	preempted(120, A);
	in(120, CHILD + 1); /* two more threads than later on, for longer */
	preempted(180, CHILD + 1);
	in(180, CHILD + 2);
	on(0, QB_EVENT_EXIT, 200, CHILD + 2);
	out(200, CHILD + 2);
	in(200, CHILD + 1);
	on(0, QB_EVENT_EXIT, 240, CHILD + 1);
	out(240, CHILD + 1);
	in(240, CHILD);
	preempted(270, CHILD);
	in(270, OTHER);
	out(290, OTHER);
	in(290, A);
	named(QB_EVENT_EXEC, 300, A, "bench");
	preempted(320, A);
	in(320, CHILD);
	out(340, CHILD);
	in(340, A);
	on(0, QB_EVENT_EXIT, 400, A);
	out(400, A);
	qb_runners_end(&table, 500);
	assert_int_equal(table.exec_ns, 300);
	assert_int_equal(ns(A), 20 + 60);
	assert_int_equal(times(A), 1); /* it was there already */
	assert_int_equal(ns(CHILD), 20);
	assert_int_equal(ns(CHILD + 1), 0);
	assert_int_equal(ns(OTHER), 0);
	assert_int_equal(times(OTHER), 0);
	assert_int_equal(runner(CHILD)->waited, 20); /* 300 to 320 */
	assert_int_equal(runner(A)->waited, 20);
	assert_int_equal(qb_runners_waited(&table), 40);
	assert_int_equal(qb_runners_at_once(&table), 2);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), 0);
}

/* The process ends with its last thread; one that executes takes the first one's number. */
static void test_threads(void **state)
{
	struct qb_event thread = {
		.type = QB_EVENT_FORK, .at_ns = 100, .pid = A, .tid = B, .ppid = A, .ptid = A};

	qb_runners_follow(&table, A);
	table.complete = true;
	named(QB_EVENT_EXEC, 50, A, "bench");
	qb_runners_take(&table, &thread);
	on(0, QB_EVENT_EXIT, 200, A);
	assert_int_equal(table.exit_ns, 0);
	named(QB_EVENT_EXEC, 210, A, "bench");
	in(220, A);
	on(0, QB_EVENT_EXIT, 300, A);
	assert_int_equal(table.exit_ns, 300);
	assert_int_equal(ns(A), 80);
}

/* Children that come one after the other are many, and never more than two at once. */
static void test_at_once(void **state)
{
	int64_t now = 1000;

	qb_runners_follow(&table, A);
	named(QB_EVENT_EXEC, now, A, "sh");
	for (int i = 0; i < 40; i += 2) {
		const int one = CROWD + i, two = CROWD + i + 1;

		in(now, A);
		forks(now + 1, A, one);
		forks(now + 2, A, two);
		preempted(now + 3, A); /* a third for a moment */
		in(now + 3, one);
		preempted(now + 500, one);
		in(now + 500, A);
		out(now + 505, A);
		in(now + 505, two);
		preempted(now + 900, two);
		in(now + 900, one);
		on(0, QB_EVENT_EXIT, now + 950, one);
		out(now + 951, -1);
		in(now + 951, two);
		on(0, QB_EVENT_EXIT, now + 1000, two);
		out(now + 1001, -1);
		now += 1001;
	}
	qb_runners_end(&table, now);
	assert_int_equal(qb_runners_at_once(&table), 2);
}

/* More ended than are kept: the least of them are summed up, and nothing is lost. */
static void test_crowd(void **state)
{
	int64_t sum = 0, now = 1;
	size_t most = 0;

	for (int i = 0; i < CROWD; i++) {
		const int64_t so_long = i % 1000 == 0 ? 3000000000 : 1000000;

		in(now, CROWD + i);
		on(0, QB_EVENT_EXIT, now + 5, CROWD + i);
		out(now + so_long, -1);
		now += so_long;
		sum += so_long;
		most = table.n > most ? table.n : most;
	}
	qb_runners_end(&table, now);
	assert_true(most < CROWD / 2);
	assert_true(table.of[0].rest[QB_WHOSE_OTHER].ns > 0);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), sum);
	assert_int_equal(table.lost, 0);
	assert_int_equal(ns(CROWD), 3000000000);
}

/* A benchmark that forks without end: its children are its own, however many there were. */
static void test_children(void **state)
{
	int64_t now = 1;

	qb_runners_follow(&table, A);
	table.complete = true;
	for (int i = 1; i <= CROWD; i++) {
		forks(now, A, CROWD + i);
		in(now, CROWD + i);
		on(0, QB_EVENT_EXIT, now, CROWD + i);
		out(now + 1000000, i % 2 ? -1 : CROWD + i);
		now += 2000000;
	}
	qb_runners_end(&table, now);
	assert_true(table.n < CROWD / 2);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OWN), (int64_t)CROWD * 1000000);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), 0);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_UNKNOWN), 0);
	assert_int_equal(table.lost, 0);
	assert_int_equal(runner(A)->whose, QB_WHOSE_OWN);
}

/* All of them live at once. */
static void test_many(void **state)
{
	qb_runners_follow(&table, A);
	table.complete = true;
	for (int i = 1; i <= CROWD; i++)
		forks(i, A, CROWD + i);
	for (int i = 1; i <= CROWD; i++) {
		in(CROWD + i, CROWD + i);
		out(CROWD + i + 1, CROWD + i);
	}
	assert_int_equal(table.n, CROWD + 1);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OWN), CROWD);
	assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), 0);
}

/*
 * Trees at random: processes of the benchmark and of strangers fork, thread, move between CPUs and
 * die, numbers are recycled; the model knows who everybody is, and what they had between exec and
 * exit. Some worlds lose records: then nobody of ours may be taken for a stranger.
 */
struct member {
	int tid, pid;
	bool own, alive, put_off;
	int cpu; /* where it runs; -1: nowhere */
	int64_t since;
};

struct world {
	struct member v[MEMBERS];
	size_t n;
	int on[CPUS]; /* index of who is there; -1: nobody */
	int64_t now, exec_ns, exit_ns, own_ns, other_ns;
	int threads; /* of the benchmark's process */
	bool holes;
	unsigned left;
};

static uint64_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static struct qb_event event_of(
	const struct world *w, const struct member *m, enum qb_event_type type, unsigned cpu)
{
	return (struct qb_event){
		.type = type, .cpu = cpu, .at_ns = w->now, .pid = m->pid, .tid = m->tid};
}

/* In a world with holes a record in 30 is lost, and the kernel says so with the next one. */
static void tell(struct world *w, struct qb_event event)
{
	if (w->holes && any(30) == 0) {
		w->left++;
		return;
	}
	if (w->left) {
		qb_runners_take(&table, &(struct qb_event){.type = QB_EVENT_LOST,
						.cpu = event.cpu,
						.at_ns = event.at_ns,
						.lost = w->left});
		w->left = 0;
	}
	qb_runners_take(&table, &event);
}

static void account(struct world *w, const struct member *m)
{
	const int64_t from = m->since > w->exec_ns ? m->since : w->exec_ns;

	if (!w->exec_ns || w->exit_ns || from >= w->now)
		return;
	*(m->own ? &w->own_ns : &w->other_ns) += w->now - from;
}

static void world_out(struct world *w, struct member *m, enum qb_event_type type)
{
	struct qb_event event = event_of(w, m, type, (unsigned)m->cpu);

	account(w, m);
	if (!m->alive)
		event.pid = event.tid = -1;
	tell(w, event);
	w->on[m->cpu] = -1;
	m->cpu = -1;
	m->put_off = type == QB_EVENT_PREEMPTED;
}

static void world_in(struct world *w, struct member *m, int cpu)
{
	if (w->on[cpu] >= 0)
		world_out(w, &w->v[w->on[cpu]], any(2) ? QB_EVENT_OUT : QB_EVENT_PREEMPTED);
	m->cpu = cpu;
	m->since = w->now;
	w->on[cpu] = (int)(m - w->v);
	tell(w, event_of(w, m, QB_EVENT_IN, (unsigned)cpu));
}

/* A number that nobody has; that of one who has died may come back. */
static int free_number(const struct world *w)
{
	while (true) {
		const int tid = 100 + (int)any(2 * MEMBERS);
		bool taken = false;

		for (size_t i = 0; i < w->n; i++)
			taken |= (w->v[i].alive || w->v[i].cpu >= 0) && w->v[i].tid == tid;
		if (!taken)
			return tid;
	}
}

static void world_fork(struct world *w, const struct member *parent)
{
	struct member *child = NULL;
	struct qb_event event;
	const bool thread = any(4) == 0;

	for (size_t i = 0; i < w->n && !child; i++)
		if (!w->v[i].alive && w->v[i].cpu < 0)
			child = &w->v[i];
	if (!child && w->n == MEMBERS)
		return;
	if (!child)
		child = &w->v[w->n++];
	*child = (struct member){
		.tid = free_number(w), .own = parent->own, .alive = true, .cpu = -1};
	child->pid = thread ? parent->pid : child->tid;
	w->threads += thread && child->pid == BENCH;
	event = event_of(w, child, QB_EVENT_FORK, (unsigned)parent->cpu);
	event.ppid = parent->pid;
	event.ptid = parent->tid;
	tell(w, event);
}

static void world_exit(struct world *w, struct member *m)
{
	const unsigned cpu = (unsigned)m->cpu;

	if (w->threads && m->pid == BENCH && --w->threads == 0) {
		for (int i = 0; i < CPUS; i++)
			if (w->on[i] >= 0)
				account(w, &w->v[w->on[i]]);
		w->exit_ns = w->now;
	}
	tell(w, event_of(w, m, QB_EVENT_EXIT, cpu));
	m->alive = false;
	w->now++;
	if (any(8) == 0) { /* once more before it is gone */
		m->alive = true;
		world_out(w, m, QB_EVENT_PREEMPTED);
		w->now++;
		world_in(w, m, (int)cpu);
		m->alive = false;
		w->now++;
	}
	world_out(w, m, QB_EVENT_OUT);
}

static void world_step(struct world *w)
{
	struct member *m = &w->v[any((unsigned)w->n)];

	w->now += 1 + any(50);
	if (!m->alive)
		return;
	if (m->cpu < 0) {
		world_in(w, m, (int)any(CPUS));
		return;
	}
	switch (any(8)) {
	case 0:
	case 1:
	case 2: world_fork(w, m); return;
	case 3:
		/* Not the benchmark's first thread before its exec, nor for some time. */
		if (m->tid != BENCH || (w->exec_ns && any(3)))
			world_exit(w, m);
		return;
	case 4: world_out(w, m, QB_EVENT_PREEMPTED); return;
	default: world_out(w, m, QB_EVENT_OUT); return;
	}
}

static void world_begin(struct world *w, bool holes)
{
	*w = (struct world){.n = 6, .now = 1000, .threads = 1, .holes = holes};
	for (int i = 0; i < CPUS; i++)
		w->on[i] = -1;
	for (int i = 0; i < 6; i++)
		w->v[i] = (struct member){.tid = BENCH + i,
			.pid = BENCH + i,
			.own = i == 0,
			.alive = true,
			.cpu = -1};
	begin(NULL);
	table.complete = true;
	qb_runners_follow(&table, BENCH);
}

static void world_exec(struct world *w)
{
	struct qb_event event;

	if (w->v[0].cpu < 0)
		world_in(w, &w->v[0], 0);
	w->now++;
	event = event_of(w, &w->v[0], QB_EVENT_EXEC, (unsigned)w->v[0].cpu);
	w->exec_ns = w->now;
	qb_runners_take(&table, &event);
}

static void world_end(struct world *w)
{
	w->now += 10;
	for (int i = 0; i < CPUS; i++)
		if (w->on[i] >= 0)
			account(w, &w->v[w->on[i]]);
	qb_runners_end(&table, w->now);
}

/* Of the benchmark nobody may move before its exec. */
static void world_run(struct world *w, bool holes)
{
	world_begin(w, holes);
	for (int i = 0; i < 20; i++) {
		struct member *m = &w->v[1 + any(5)];

		w->now += 1 + any(50);
		if (m->cpu < 0)
			world_in(w, m, (int)any(CPUS));
		else
			world_out(w, m, QB_EVENT_PREEMPTED);
	}
	world_exec(w);
	for (int i = 0; i < 400; i++)
		world_step(w);
	world_end(w);
}

static void test_trees(void **state)
{
	unsigned exits = 0;

	seed = SEED;
	for (int i = 0; i < TREES; i++) {
		struct world w;

		world_run(&w, false);
		assert_int_equal(table.exec_ns, w.exec_ns);
		assert_int_equal(table.exit_ns, w.exit_ns);
		assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OWN), w.own_ns);
		assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), w.other_ns);
		assert_int_equal(qb_runners_sum(&table, QB_WHOSE_UNKNOWN), 0);
		assert_int_equal(table.lost, 0);
		exits += w.exit_ns != 0;
		qb_runners_free(&table);
	}
	assert_true(exits > TREES / 20 && exits < TREES);
}

/* The table says that it has holes; where it has none yet at the command's exit, all is right. */
static void test_trees_with_holes(void **state)
{
	unsigned holes = 0;

	seed = SEED;
	for (int i = 0; i < TREES; i++) {
		struct world w;

		world_run(&w, true);
		holes += table.lost > 0;
		if (!table.lost && !w.left) {
			assert_int_equal(table.exit_ns, w.exit_ns);
			assert_int_equal(qb_runners_sum(&table, QB_WHOSE_OTHER), w.other_ns);
		}
		qb_runners_free(&table);
	}
	assert_true(holes > TREES / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records_of_one_are_missing, begin, end),
		cmocka_unit_test_setup_teardown(test_time, begin, end),
		cmocka_unit_test_setup_teardown(test_move, begin, end),
		cmocka_unit_test_setup_teardown(test_death, begin, end),
		cmocka_unit_test_setup_teardown(test_lost, begin, end),
		cmocka_unit_test_setup_teardown(test_before_exec, begin, end),
		cmocka_unit_test_setup_teardown(test_family, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown, begin, end),
		cmocka_unit_test_setup_teardown(test_recycled, begin, end),
		cmocka_unit_test_setup_teardown(test_begin, begin, end),
		cmocka_unit_test_setup_teardown(test_first, begin, end),
		cmocka_unit_test_setup_teardown(test_exec_to_exit, begin, end),
		cmocka_unit_test_setup_teardown(test_threads, begin, end),
		cmocka_unit_test_setup_teardown(test_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_crowd, begin, end),
		cmocka_unit_test_setup_teardown(test_children, begin, end),
		cmocka_unit_test_setup_teardown(test_many, begin, end),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_trees_with_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
