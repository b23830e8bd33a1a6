/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Probes: what they find of a CPU, and how two are compared. */
#include <base/clock.h>
#include <noise/probe.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static void test_slower(void **state)
{
	double from[] = {100, 200, 0}, to[] = {99, 210, 50};
	struct qb_probe a = {.n = 3, .costs = from}, b = {.n = 3, .costs = to}, none = {0};

	/* The worst of those that are known of both. */
	assert_float_equal(qb_probe_slower(&a, &b), 0.05, 1e-6);
	assert_float_equal(qb_probe_slower(&b, &a), 100.0 / 99 - 1, 1e-6);
	to[1] = 190;
	assert_float_equal(qb_probe_slower(&a, &b), -0.01, 1e-6);
	assert_float_equal(qb_probe_slower(&none, &b), 0, 0);
	assert_float_equal(qb_probe_slower(&a, &none), 0, 0);
}

/* The median of the windows of 100 ms; what other tasks took is not the CPU's. */
static void test_usual(void **state)
{
	struct qb_loop_window windows[3 * QB_MEASURE_LOOPS] = {0};
	struct qb_loop loop = {.windows = windows};
	struct qb_measure_cpu of = {.loop = &loop, .n = 3};
	struct qb_measure m = {.of = &of, .n = 1};
	struct qb_probe usual;

	for (size_t i = 0; i < 3 * QB_MEASURE_LOOPS; i++) {
		windows[i].chunk_ns = i < QB_MEASURE_LOOPS ? 300 : 200;
		windows[i].gap_ns = QB_LOOP_WINDOW_NS / 2;
		windows[i].preempted_ns = i < 2 * QB_MEASURE_LOOPS ? QB_LOOP_WINDOW_NS / 2 : 0;
	}
	assert_int_equal(qb_probe_of(&m, &usual, NULL), 0);
	assert_int_equal(usual.n, 1);
	assert_float_equal(usual.costs[0], 300, 1e-6); /* of 300, 200 and 400 */
	qb_probe_free(&usual);
}

/* Real ones, each in a child, with the same memory; each takes as long as it was told. */
static void test_real(void **state)
{
	struct qb_cpus cpus = {0};
	struct qb_probe probe, found[2];
	void *first;
	size_t size;

	qb_cpus_add(&cpus, (unsigned)sched_getcpu());
	assert_int_equal(qb_probe_prepare(&probe, &cpus, 30000000, NULL), 0);
	qb_probe_reset(&probe);
	size = *(const size_t *)(const void *)probe.shared; /* its first member */
	first = malloc(size);
	assert_non_null(first);
	memcpy(first, probe.shared, size);
	for (int i = 0; i < 2; i++) {
		int64_t took = -qb_ns_now(CLOCK_MONOTONIC);
		int status;
		pid_t pid;

		qb_probe_reset(&probe);
		pid = fork();
		if (pid == 0)
			_exit(qb_probe_loops(&probe));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		took += qb_ns_now(CLOCK_MONOTONIC);
		assert_int_equal(status, 0);
		assert_int_equal(qb_probe_finish(&probe, &found[i], NULL), 0);
		assert_true(took > 30000000);
	}
	/* What has not run has found nothing, whatever the one before it did: not a byte is left of that. */
	qb_probe_reset(&probe);
	assert_memory_equal(probe.shared, first, size);
	free(first);
	qb_probe_free(&found[1]);
	assert_int_equal(qb_probe_finish(&probe, &found[1], NULL), 0);
	qb_probe_free(&probe);
	assert_int_equal(found[0].n, 1);
	assert_true(found[0].costs[0] > 10);
	assert_int_equal(found[1].n, 1);
	assert_float_equal(found[1].costs[0], 0, 0);
	for (int i = 0; i < 2; i++)
		qb_probe_free(&found[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slower),
		cmocka_unit_test(test_usual),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
