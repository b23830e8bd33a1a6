/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The measurement loop's arithmetic: what is a gap, in which window it lies, and what the median is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../../../src/noise/loop.c" /* what is tested is static there */

#define WINDOWS 4
#define MEDIAN	500 /* ticks, of half a nanosecond */

#define TICKS_US 2000

#define ROOM 50

static struct qb_loop_window windows[WINDOWS];
static struct qb_loop_gap gaps[ROOM];
static struct qb_loop loop;
static struct state state;

static void begin(void)
{
	memset(windows, 0, sizeof(windows));
	loop = (struct qb_loop){
		.windows = windows, .n_windows = WINDOWS, .gaps = gaps, .gaps_room = ROOM};
	state = (struct state){.loop = &loop, .tick_ns = 0.5, .start = 1000};
	expect(&state, MEDIAN);
}

/* A chunk that takes longer than a median by `us`, begun so long after the start. */
static void gap(size_t window, uint64_t at_us, uint64_t us)
{
	note_gap(&state, &windows[window], state.start + at_us * TICKS_US, MEDIAN + us * TICKS_US);
}

static void what_is_a_gap(void **unused)
{
	begin();
	/* Half more than the median, and 80 ns. */
	assert_int_equal(state.limit, 750 + 160);
	expect(&state, 2 * MEDIAN);
	assert_int_equal(state.limit, 1500 + 160);
}

static void gaps_are_counted(void **unused)
{
	begin();
	gap(0, 100, 20);
	gap(0, 200, 300);
	gap(2, 20500, 40);
	assert_int_equal(windows[0].gap_ns, 320000);
	assert_int_equal(windows[0].gaps, 2);
	assert_int_equal(windows[0].longest_ns, 300000);
	assert_int_equal(windows[0].preempted_ns, 0); /* nothing tells of switches here */
	assert_int_equal(windows[1].gaps, 0);
	assert_int_equal(windows[2].gap_ns, 40000);
	assert_int_equal(loop.longest[0].ns, 300000);
	assert_int_equal(loop.longest[1].ns, 40000);
	assert_int_equal(loop.longest[2].at_ns, 100000);
	assert_int_equal(loop.lengths[14], 1); /* 2^14 ns and more: 20 us */
	assert_int_equal(loop.lengths[15], 1);
	assert_int_equal(loop.lengths[18], 1);
}

/* 25 ms, begun 1 ms before the end of a window, have their parts in four of them. */
static void a_gap_of_several_windows(void **unused)
{
	begin();
	gap(0, 9000, 25000);
	assert_int_equal(windows[0].gap_ns, 1000000);
	assert_int_equal(windows[1].gap_ns, QB_LOOP_WINDOW_NS);
	assert_int_equal(windows[2].gap_ns, QB_LOOP_WINDOW_NS);
	assert_int_equal(windows[3].gap_ns, 4000000);
	assert_int_equal(windows[0].gaps, 1);
	assert_int_equal(windows[0].longest_ns, 25000000);
	assert_int_equal(windows[3].gaps, 0);
	gap(3, 39000, 5000); /* beyond the last */
	assert_int_equal(windows[3].gap_ns, 5000000);
}

static void only_the_longest_are_kept(void **unused)
{
	begin();
	for (uint64_t i = 1; i <= 3 * QB_LOOP_LONGEST; i++)
		gap(0, 10 * i, i * 7 % (3 * QB_LOOP_LONGEST) + 1);
	for (size_t i = 0; i < QB_LOOP_LONGEST; i++)
		assert_int_equal(loop.longest[i].ns, (3 * QB_LOOP_LONGEST - i) * 1000);
}

/* In order while there is room; beyond that they are counted, and in the sums. */
static void every_gap_is_kept(void **unused)
{
	begin();
	for (uint64_t i = 0; i < ROOM + 7; i++)
		gap(0, 100 * i, i + 1);
	assert_int_equal(loop.n_gaps, ROOM);
	assert_int_equal(loop.gaps_unkept, 7);
	for (size_t i = 0; i < ROOM; i++) {
		assert_int_equal(gaps[i].at_ns, i * 100000);
		assert_int_equal(gaps[i].ns, (i + 1) * 1000);
		assert_false(gaps[i].preempted);
	}
	assert_int_equal(windows[0].gaps, ROOM + 7);
	assert_int_equal(windows[0].gap_ns, (ROOM + 7) * (ROOM + 8) / 2 * 1000);
}

/* The next tick after the start, wherever the one was that was seen. */
static void where_the_tick_is(void **unused)
{
	begin();
	loop.started_ns = 10000000;
	place_tick(&loop, 9000000, 4000000);
	assert_int_equal(loop.tick_at_ns, 3000000);
	place_tick(&loop, 1500000, 4000000);
	assert_int_equal(loop.tick_at_ns, 3500000);
	place_tick(&loop, 10000000, 4000000);
	assert_int_equal(loop.tick_at_ns, 0);
	assert_true(loop.tick_ns == 4000000);
}

/* This machine's: its period is one of Linux's, and the clock that moves with it is found moving. */
static void the_tick_is_seen(void **unused)
{
	int64_t period = 0, at = find_tick(&period), now = qb_ns_now(CLOCK_MONOTONIC);

	assert_true(at > 0 && at < now && at > now - 60 * INT64_C(1000000000));
	assert_true(period >= 1000000 - 1000 && period <= 10000000 + 1000);
}

static void fill(uint64_t ticks, uint32_t n)
{
	uint64_t box = ticks / state.box;

	state.boxes[box < BOXES ? box : BOXES - 1] += n;
}

static void the_median(void **unused)
{
	begin();
	fill(MEDIAN, CHUNKS_MIN - 1);
	assert_true(take_median(&state) == 0); /* too few */
	fill(MEDIAN, 1000);
	fill(MEDIAN * 3 / 2, 300);
	fill(MEDIAN * 50, 600); /* however long: they are but some */
	assert_true(fabs(take_median(&state) - MEDIAN) <= (double)state.box);
	assert_true(take_median(&state) == 0); /* and the next window begins anew */
	fill(MEDIAN, 1000);
	fill(MEDIAN * 3 / 2, 1100);
	assert_true(fabs(take_median(&state) - MEDIAN * 1.5) <= (double)state.box);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_a_gap),
		cmocka_unit_test(gaps_are_counted),
		cmocka_unit_test(a_gap_of_several_windows),
		cmocka_unit_test(only_the_longest_are_kept),
		cmocka_unit_test(every_gap_is_kept),
		cmocka_unit_test(where_the_tick_is),
		cmocka_unit_test(the_tick_is_seen),
		cmocka_unit_test(the_median),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
