/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain CPU SECONDS: does what the loop sees tell how long work takes?
 *
 * Chunks of the measurement loop (its own code) and pieces of work of some microseconds take turns.
 * The work is not the loop's: it hashes a table that fits the first cache. Gaps are looked for in
 * both, as they come whoever is running; the speed is that of the loop's chunks alone. For each
 * 100 ms, always the same number of pieces, it prints
 *
 *	FROM_NS TO_NS PIECE_NS CHUNK_NS GAPS
 *
 * in times of CLOCK_MONOTONIC: what a piece took on average, with all that happened; the median
 * chunk (the mean of ten medians); and the share of gaps. So what is not told is how the work itself
 * was slower where the loop's chunks were not, and what is too short for a gap.
 */
#include "../../src/noise/loop.c"
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define UNIT_NS	    INT64_C(100000000)
#define MEDIANS	    10	 /* so many in a unit */
#define TABLE	    2048 /* 16 KiB */
#define TURNS_TRIED 100000
#define SECONDS_MAX 60

static uint64_t table[TABLE], a = 1, b = 2;

static void work(void)
{
	for (size_t i = 0; i < TABLE; i += 2) {
		a = (a ^ table[i]) * UINT64_C(0x9e3779b97f4a7c15);
		b = (b << 13 | b >> 51) + table[i + 1];
		table[i] += b;
		if (a & 64)
			b ^= a;
	}
}

struct unit {
	uint64_t work, gaps; /* ticks */
	double chunk;
};

/* A chunk or a piece that took so long. */
static void note(struct state *s, struct unit *unit, uint64_t took)
{
	uint64_t box = took / s->box;

	if (took > s->limit)
		unit->gaps += took - (uint64_t)s->median;
	else
		s->boxes[box < BOXES ? box : BOXES - 1]++;
}

static void take_turns(struct state *loop, struct state *pieces, struct unit *unit, size_t turns)
{
	const bool direct = loop->loop->direct;
	uint64_t before = qb_ticks_read(direct), between, after, x = 1;

	for (size_t i = 0; i < turns; i++) {
		x = chunk(x);
		between = qb_ticks_read(direct);
		work();
		after = qb_ticks_read(direct);
		note(loop, unit, between - before);
		note(pieces, unit, after - between);
		unit->work += after - between;
		before = qb_ticks_read(direct);
	}
}

/* The usual lengths of both from now on. */
static void close_window(struct state *loop, struct state *pieces)
{
	double median = take_median(loop);

	if (median > 0)
		expect(loop, median);
	median = take_median(pieces);
	if (median > 0)
		expect(pieces, median);
}

/* How many turns make a unit, if nothing comes between. */
static size_t calibrate(struct state *loop, struct state *pieces)
{
	struct unit unit = {0};
	uint64_t fastest = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t before = qb_ticks_read(loop->loop->direct), took;

		work();
		took = qb_ticks_read(loop->loop->direct) - before;
		fastest = took < fastest ? took : fastest;
	}
	expect(pieces, (double)fastest);
	take_turns(loop, pieces, &unit, TURNS_TRIED);
	close_window(loop, pieces);
	return (size_t)(UNIT_NS / ((loop->median + pieces->median) * loop->tick_ns)) / MEDIANS;
}

int main(int argc, char **argv)
{
	static struct state loop, pieces;
	struct qb_loop given = {.direct = qb_ticks_direct()};
	const int seconds = argc == 3 ? atoi(argv[2]) : 0;
	int64_t now, until;
	cpu_set_t set;
	size_t turns;

	if (seconds < 1 || seconds > SECONDS_MAX)
		return 2;
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return 1;
	prctl(PR_SET_NAME, "qb-explain");
	loop.loop = &given;
	warm_up(&loop);
	pieces = loop;
	turns = calibrate(&loop, &pieces);
	now = qb_ns_now(CLOCK_MONOTONIC);
	until = now + (int64_t)seconds * 1000000000;
	while (now < until) {
		struct unit unit = {0};
		int64_t from = now;

		for (int i = 0; i < MEDIANS; i++) {
			take_turns(&loop, &pieces, &unit, turns);
			close_window(&loop, &pieces);
			unit.chunk += loop.median * loop.tick_ns / MEDIANS;
		}
		now = qb_ns_now(CLOCK_MONOTONIC);
		printf("%lld %lld %.3f %.4f %.8f\n", (long long)from, (long long)now,
			(double)unit.work * loop.tick_ns / (double)(turns * MEDIANS), unit.chunk,
			(double)unit.gaps * loop.tick_ns / (double)(now - from));
	}
	/* Or the work would be left out. */
	fprintf(stderr, "explain: %llu\n", (unsigned long long)(a ^ b));
	return 0;
}
