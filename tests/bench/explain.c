/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain CPU SECONDS: does what the loop sees tell how long work takes there?
 *
 * A window of the measurement loop's (10 ms, its own code) and a piece of work take turns. The work
 * is not the loop's: it hashes a table that fits the first cache, always the same number of times.
 * Ten turns make a unit of about 100 ms of work; for each it prints
 *
 *	FROM_NS TO_NS ROUND_NS CHUNK_NS GAPS
 *
 * in times of CLOCK_MONOTONIC: what a round of the table took in the ten pieces, and what the ten
 * windows beside them had: the mean of their median chunks, and the share of gaps. The loop never
 * sees the work's own time, so only what lasts longer than 10 ms, or comes again and again, is told.
 */
#include "../../src/noise/loop.c"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define TURNS	    10
#define TABLE	    2048 /* 16 KiB */
#define SECONDS_MAX 60

static uint64_t table[TABLE];

static uint64_t work(uint64_t rounds)
{
	uint64_t a = 1, b = 2;

	for (uint64_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < TABLE; i += 2) {
			a = (a ^ table[i]) * UINT64_C(0x9e3779b97f4a7c15);
			b = (b << 13 | b >> 51) + table[i + 1];
			table[i] += b;
			if (a & 64)
				b ^= a;
		}
	return a ^ b;
}

/* Rounds that take as long as a window. */
static uint64_t calibrate(uint64_t *sink)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 50; i++) {
		int64_t before = qb_ns_now(CLOCK_MONOTONIC), took;

		*sink += work(100);
		took = qb_ns_now(CLOCK_MONOTONIC) - before;
		best = took < best ? took : best;
	}
	return (uint64_t)(QB_LOOP_WINDOW_NS * 100 / best);
}

struct unit {
	int64_t from, to, work, gap, window;
	double chunk;
};

static void take_turn(struct state *s, struct unit *unit, uint64_t rounds, uint64_t *sink)
{
	/* A gap that goes beyond its window has its part in the next. */
	struct qb_loop_window windows[2] = {0};
	uint64_t end, at;
	double median;

	s->loop->windows = windows;
	s->loop->n_windows = 2;
	s->start = qb_ticks_read(s->loop->direct);
	end = s->start + (uint64_t)((double)QB_LOOP_WINDOW_NS / s->tick_ns);
	at = measure_window(s, &windows[0], s->start, end);
	unit->window += (int64_t)((double)(at - s->start) * s->tick_ns);
	unit->gap += windows[0].gap_ns + windows[1].gap_ns;
	median = take_median(s);
	if (median > 0)
		expect(s, median);
	unit->chunk += s->median * s->tick_ns / TURNS;
	at = qb_ticks_read(s->loop->direct);
	*sink += work(rounds);
	unit->work += (int64_t)((double)(qb_ticks_read(s->loop->direct) - at) * s->tick_ns);
}

int main(int argc, char **argv)
{
	static struct state state;
	struct qb_loop loop = {.preempt = {.by = QB_PREEMPT_NONE}};
	const int seconds = argc == 3 ? atoi(argv[2]) : 0;
	uint64_t rounds, sink = 0;
	int64_t until;
	cpu_set_t set;

	if (seconds < 1 || seconds > SECONDS_MAX)
		return 2;
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return 1;
	prctl(PR_SET_NAME, "qb-explain");
	loop.direct = qb_ticks_direct();
	state.loop = &loop;
	warm_up(&state);
	rounds = calibrate(&sink);
	until = qb_ns_now(CLOCK_MONOTONIC) + (int64_t)seconds * 1000000000;
	for (;;) {
		struct unit unit = {.from = qb_ns_now(CLOCK_MONOTONIC)};

		if (unit.from >= until)
			break;
		for (int i = 0; i < TURNS; i++)
			take_turn(&state, &unit, rounds, &sink);
		unit.to = qb_ns_now(CLOCK_MONOTONIC);
		printf("%lld %lld %.3f %.4f %.8f\n", (long long)unit.from, (long long)unit.to,
			(double)unit.work / TURNS / (double)rounds, unit.chunk,
			(double)unit.gap / (double)unit.window);
	}
	fprintf(stderr, "explain: %llu\n",
		(unsigned long long)sink); /* or the work would be left out */
	return 0;
}
