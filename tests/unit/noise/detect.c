/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What n runs can show: the factors that books have, and pieces whose spread is known. */
#include <math.h>
#include <noise/detect.h>
#include <noise/measure.h>
#include <setjmp.h>
#include <stats/describe.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <errno.h>

#define WINDOWS 1200

static struct qb_loop loop;
static struct qb_loop_window windows[WINDOWS];
static struct qb_measure_cpu cpu = {.loop = &loop, .chunk_ns = 250};
static struct qb_measure measure = {.of = &cpu, .n = 1, .ns = WINDOWS * QB_LOOP_WINDOW_NS};

static int begin(void **state)
{
	loop.windows = windows;
	measure.ns = WINDOWS * QB_LOOP_WINDOW_NS;
	for (size_t i = 0; i < WINDOWS; i++)
		windows[i] = (struct qb_loop_window){.chunk_ns = 250};
	return 0;
}

static struct qb_detect *ask(int64_t run_ns, unsigned runs)
{
	measure.detect = (struct qb_detect){.run_ns = run_ns, .runs = runs};
	return &measure.detect;
}

static void assert_near(double got, double wanted, double within)
{
	if (fabs(got - wanted) > within)
		fail_msg("%.6f, wanted %.6f", got, wanted);
}

static void test_steady(void **state)
{
	struct qb_detect *detect = ask(1000000000, 20);

	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_int_equal(detect->pieces, 12);
	assert_near(detect->cv, 0, 1e-12);
}

/* Every second piece is 2 % slower: a deviation of 1 % times the root of 12/11. */
static void test_speed(void **state)
{
	struct qb_detect *detect = ask(1000000000, 20);

	for (size_t i = 0; i < WINDOWS; i++)
		windows[i].chunk_ns = i / 100 % 2 ? 255 : 250;
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_near(detect->speed, 0.01 * sqrt(12.0 / 11), 1e-9);
	assert_near(detect->gaps, 0, 1e-12);
	assert_near(detect->change, detect->cv * 0.9092, 1e-4);
	/* Longer ones have some of both in them. */
	detect = ask(1500000000, 20);
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_true(detect->speed < 0.01);
}

static void test_gaps(void **state)
{
	struct qb_detect *detect = ask(10000000, 2);

	for (size_t i = 0; i < WINDOWS; i += 2)
		windows[i].gap_ns = QB_LOOP_WINDOW_NS / 10;
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_int_equal(detect->pieces, WINDOWS);
	assert_near(detect->gaps, 0.05, 1e-4);
	/* Averaged over a second there is no difference. */
	detect->run_ns = 1000000000;
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_near(detect->gaps, 0, 1e-9);
}

static void test_wanted(void **state)
{
	struct qb_detect *detect = ask(1000000000, 20);

	for (size_t i = 0; i < WINDOWS; i++)
		windows[i].chunk_ns = i / 100 % 2 ? 255 : 250;
	measure.verdict = QB_VERDICT_OF_PASS;
	detect->wanted = 0.01;
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_int_equal(measure.verdict, QB_VERDICT_OF_PASS);
	detect->wanted = 0.005;
	assert_int_equal(qb_detect_judge(&measure, NULL), 0);
	assert_int_equal(measure.verdict, QB_VERDICT_OF_FAIL);
	assert_true(qb_stats_detectable(detect->cv, qb_detect_runs(detect->cv, 0.005)) <= 0.005);
	assert_true(qb_stats_detectable(detect->cv, qb_detect_runs(detect->cv, 0.005) - 1) > 0.005);
	assert_int_equal(qb_detect_runs(0.5, 0.001), 0);
}

static void test_too_short(void **state)
{
	struct qb_error err = {0};

	ask(2000000000, 20);
	assert_int_equal(qb_detect_judge(&measure, &err), -ENODATA);
	assert_string_equal(err.text,
		"12.0 s are too short to predict runs of 2 s: at least 16 s (--duration)");
	assert_int_equal(qb_detect_duration(2000000000), 16000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_steady, begin),
		cmocka_unit_test_setup(test_speed, begin),
		cmocka_unit_test_setup(test_gaps, begin),
		cmocka_unit_test_setup(test_wanted, begin),
		cmocka_unit_test_setup(test_too_short, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
