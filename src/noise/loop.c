/* SPDX-License-Identifier: GPL-2.0-or-later */
/* loop.h */
#include "loop.h"
#include "ticks.h"
#include <base/macros.h>
#include <errno.h>
#include <host/tasks.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MULTIPLICATIONS 256
/* Chunks are sorted by length into so many boxes of 1/128 of the median each, up to four of it. */
#define BOXES	     512
#define BOXES_MEDIAN 128
/* A chunk with a gap: longer than the median by half, and by this. */
#define GAP_NS 80
/* Of fewer chunks no median is taken. */
#define CHUNKS_MIN 100

struct state {
	struct qb_loop *loop;
	double tick_ns; /* what a tick is worth */
	double median;	/* the present idea of the chunk, in ticks */
	uint64_t box;	/* ticks of a box; never 0 */
	uint64_t limit; /* a chunk above this has a gap */
	uint64_t start;
	uint32_t boxes[BOXES];
};

/* Each multiplication waits for the one before it. */
static inline uint64_t chunk(uint64_t x)
{
	for (int i = 0; i < MULTIPLICATIONS; i++) {
		x *= UINT64_C(6364136223846793005);
		__asm__ volatile("" : "+r"(x)); /* nor may the compiler fold two into one */
	}
	return x;
}

static void expect(struct state *s, double median)
{
	s->median = median;
	s->box = (uint64_t)(median / BOXES_MEDIAN) + 1;
	s->limit = (uint64_t)(median * 1.5 + GAP_NS / s->tick_ns);
}

/* Spins for the warm-up; finds what a tick is worth, and the chunk to begin with: the fastest. */
static void warm_up(struct state *s)
{
	const bool direct = s->loop->direct;
	int64_t start_ns = qb_ns_now(CLOCK_MONOTONIC_RAW), end_ns;
	uint64_t start = qb_ticks_read(direct), before = start, now = start, fastest = UINT64_MAX;
	const int64_t least = s->loop->brief ? QB_LOOP_BRIEF_NS : QB_LOOP_WARM_UP_NS;
	volatile uint64_t sink = 1;

	do {
		for (int i = 0; i < 1000; i++) {
			sink = chunk(sink);
			now = qb_ticks_read(direct);
			if (now - before < fastest)
				fastest = now - before;
			before = now;
		}
		end_ns = qb_ns_now(CLOCK_MONOTONIC_RAW);
		now = before = qb_ticks_read(direct);
	} while (end_ns - start_ns < least);
	s->tick_ns = (double)(end_ns - start_ns) / (double)(now - start);
	expect(s, (double)fastest);
}

/* So many ticks are looked at, for so long at most. */
#define TICKS_SEEN    5
#define TICKS_SEEN_NS INT64_C(100000000)

static int compare_int64(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * When does the kernel tick? Its coarse clock moves at each tick and at no other time, by the tick's
 * period, which is also the clock's resolution. CPUs tick together, unless skew_tick=1 was booted
 * with. Returns when a tick began (CLOCK_MONOTONIC, by which the kernel sets its ticks); 0: none was
 * seen.
 */
static int64_t find_tick(int64_t *ret_period)
{
	int64_t off[TICKS_SEEN], first = 0, now = qb_ns_now(CLOCK_MONOTONIC), before = now;
	int64_t coarse = qb_ns_now(CLOCK_MONOTONIC_COARSE), until = now + TICKS_SEEN_NS, period;
	struct timespec resolution;
	size_t n = 0;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &resolution) < 0 || resolution.tv_sec > 0)
		return 0;
	period = resolution.tv_nsec;
	while (n < TICKS_SEEN && now < until) {
		const int64_t coarse_now = qb_ns_now(CLOCK_MONOTONIC_COARSE);

		if (coarse_now != coarse) { /* since the reading before the last */
			first = n ? first : before;
			off[n++] = (before - first + period / 2) % period - period / 2;
		}
		coarse = coarse_now;
		before = now;
		now = qb_ns_now(CLOCK_MONOTONIC);
	}
	if (!n)
		return 0;
	qsort(off, n, sizeof(off[0]), compare_int64);
	*ret_period = period;
	return first + off[n / 2];
}

/* By the loop's own clock: from its start on, which was at `started_ns`. */
static void place_tick(struct qb_loop *loop, int64_t at_ns, int64_t period_ns)
{
	loop->tick_ns = (double)period_ns;
	loop->tick_at_ns = (at_ns - loop->started_ns) % period_ns;
	loop->tick_at_ns += loop->tick_at_ns < 0 ? period_ns : 0;
}

/* The clock that the kernel ticks by is made to run a little faster or slower than the loop's. */
static void follow_tick(struct state *s, int64_t period_ns)
{
	const int64_t ns = qb_ns_now(CLOCK_MONOTONIC) - s->loop->started_ns;
	const double ticks = (double)(qb_ticks_read(s->loop->direct) - s->start);

	if (period_ns && ns > 0)
		s->loop->tick_ns = (double)period_ns * ticks * s->tick_ns / (double)ns;
}

/* The median of the window's chunks, in ticks; 0: there were too few. Empties the boxes. */
static double take_median(struct state *s)
{
	uint64_t n = 0, seen = 0;
	double median = 0;

	for (size_t i = 0; i < BOXES; i++)
		n += s->boxes[i];
	for (size_t i = 0; i < BOXES && n >= CHUNKS_MIN; i++) {
		if (2 * (seen + s->boxes[i]) >= n) {
			/* Within the box, as if its chunks were spread evenly. */
			double part = ((double)n / 2 - (double)seen) / s->boxes[i];

			median = ((double)i + part) * (double)s->box;
			break;
		}
		seen += s->boxes[i];
	}
	memset(s->boxes, 0, sizeof(s->boxes));
	return median;
}

static void keep_longest(struct qb_loop *loop, const struct qb_loop_gap *gap)
{
	size_t i = QB_LOOP_LONGEST;

	while (i > 0 && loop->longest[i - 1].ns < gap->ns)
		i--;
	if (i == QB_LOOP_LONGEST)
		return;
	memmove(&loop->longest[i + 1], &loop->longest[i],
		(QB_LOOP_LONGEST - 1 - i) * sizeof(loop->longest[0]));
	loop->longest[i] = *gap;
}

/* A gap may be longer than what is left of its window: each of those that it covers has its part. */
static void spread(struct state *s, const struct qb_loop_gap *gap)
{
	int64_t at = gap->at_ns, rest = gap->ns;

	for (size_t i = (size_t)(at / QB_LOOP_WINDOW_NS); rest > 0 && i < s->loop->n_windows; i++) {
		struct qb_loop_window *window = &s->loop->windows[i];
		int64_t part = (int64_t)(i + 1) * QB_LOOP_WINDOW_NS - at;

		part = part < rest ? part : rest;
		window->gap_ns += part;
		window->preempted_ns += gap->preempted ? part : 0;
		at += part;
		rest -= part;
	}
}

static void keep(struct qb_loop *loop, const struct qb_loop_gap *gap)
{
	if (loop->n_gaps < loop->gaps_room)
		loop->gaps[loop->n_gaps++] = *gap;
	else
		loop->gaps_unkept++;
}

static void note_gap(struct state *s, struct qb_loop_window *window, uint64_t at, uint64_t took)
{
	const double ticks = (double)took - s->median;
	struct qb_loop_gap gap = {
		.at_ns = (int64_t)((double)(at - s->start) * s->tick_ns),
		.ns = (int64_t)(ticks * s->tick_ns),
	};
	int length = 63 - __builtin_clzll((uint64_t)gap.ns | 1);

	gap.preempted = qb_preempt_ask(&s->loop->preempt, gap.ns);
	spread(s, &gap);
	window->gaps++;
	window->preemptions += gap.preempted;
	if (gap.ns > window->longest_ns)
		window->longest_ns = gap.ns;
	s->loop->lengths[length < QB_LOOP_LENGTHS ? length : QB_LOOP_LENGTHS - 1]++;
	keep_longest(s->loop, &gap);
	keep(s->loop, &gap);
}

/* One window, from `from` to `end`. Returns the time up to which it has counted everything. */
static uint64_t measure_window(
	struct state *s, struct qb_loop_window *window, uint64_t from, uint64_t end)
{
	const bool direct = s->loop->direct;
	uint64_t before = from, now, x = 1, chunks = 0;

	while (before < end) {
		x = chunk(x);
		now = qb_ticks_read(direct);
		chunks++;
		if (__builtin_expect(now - before <= s->limit, 1)) {
			uint64_t box = (now - before) / s->box;

			s->boxes[box < BOXES ? box : BOXES - 1]++;
			before = now;
			continue;
		}
		note_gap(s, window, before, now - before);
		before = qb_ticks_read(direct);
		window->lost_ns += (int64_t)((double)(before - now) * s->tick_ns);
	}
	s->loop->chunks += chunks;
	return before;
}

/* A gap that is longer than a window swallows the following ones: they have no chunk of their own. */
void qb_loop_run(struct qb_loop *loop)
{
	static _Thread_local struct state state;
	struct state *s = &state;
	int64_t tick_at = 0, period = 0;
	uint64_t window, at;

	*s = (struct state){.loop = loop};
	loop->direct = qb_ticks_direct();
	if (!loop->brief)
		qb_preempt_begin(&loop->preempt);
	warm_up(s);
	if (!loop->brief) {
		tick_at = find_tick(&period);
		(void)qb_preempt_ask(&loop->preempt, QB_PREEMPT_GAP_NS); /* of the warm-up: past */
	}
	window = (uint64_t)((double)(loop->window_ns ? loop->window_ns : QB_LOOP_WINDOW_NS) /
			    s->tick_ns);
	loop->started_ns = qb_ns_now(CLOCK_MONOTONIC);
	s->start = at = qb_ticks_read(loop->direct);
	if (tick_at)
		place_tick(loop, tick_at, period);
	for (size_t i = 0; i < loop->n_windows && !*loop->stop; i++) {
		struct qb_loop_window *w = &loop->windows[i];
		uint64_t end = s->start + (i + 1) * window, closed;
		double median;

		closed = measure_window(s, w, at, end);
		median = take_median(s);
		w->chunk_ns = (float)(median * s->tick_ns);
		if (median > 0)
			expect(s, median);
		if (period)
			follow_tick(s, period);
		at = qb_ticks_read(loop->direct);
		w->lost_ns += (int64_t)((double)(at - closed) * s->tick_ns);
		loop->done = i + 1;
	}
	if (!loop->brief)
		qb_preempt_end(&loop->preempt);
}

/* ---- a process of loops ---- */

struct thread {
	struct qb_loop *loop;
	pthread_t id;
	_Atomic bool *stop;
	int failed;
};

static void *run_bound(void *data)
{
	struct thread *thread = data;
	struct qb_cpus own = {0};

	qb_cpus_add(&own, thread->loop->cpu);
	thread->loop->tid = gettid();
	thread->failed = -qb_task_set_affinity(gettid(), &own, NULL);
	if (thread->failed) {
		*thread->stop = true;
	} else {
		const int64_t before = qb_task_waited(gettid());

		qb_loop_run(thread->loop);
		thread->loop->waited_ns = before < 0 ? -1 : qb_task_waited(gettid()) - before;
	}
	return NULL;
}

int qb_loops_run(struct qb_loop *loops, size_t n, _Atomic bool *stop)
{
	_cleanup_free_ struct thread *threads = calloc(n, sizeof(*threads));
	sigset_t most;
	size_t begun = 0;
	int r = threads ? 0 : ENOMEM;

	sigfillset(&most); /* a handler in a loop would be a gap */
	sigdelset(&most, SIGTERM);
	sigdelset(&most, SIGINT);
	pthread_sigmask(SIG_SETMASK, &most, NULL);
	/* Kept from being paged out where that is allowed; all is touched already. */
	(void)mlockall(MCL_CURRENT);
	for (; begun < n && r == 0; begun += r == 0) {
		threads[begun] = (struct thread){.loop = &loops[begun], .stop = stop};
		r = pthread_create(&threads[begun].id, NULL, run_bound, &threads[begun]);
	}
	*stop = *stop || r != 0;
	for (size_t i = 0; i < begun; i++) {
		pthread_join(threads[i].id, NULL);
		r = r ? r : threads[i].failed;
	}
	return r;
}
