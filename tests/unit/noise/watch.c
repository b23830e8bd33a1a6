/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is counted around a run, and the verdict that is made of it. */
#include <errno.h>
#include <noise/cgroup.h>
#include <noise/watch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct qb_watch_terms terms = {
	.used_ns = 900000000, .max_preempted = 500, .max_speed = 20000};

static void test_pressure(void **state)
{
	uint64_t us = 1;

	assert_true(qb_pressure_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=4711\n"
				      "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
		&us));
	assert_int_equal(us, 4711);
	assert_false(qb_pressure_parse("", &us));
	assert_false(qb_pressure_parse("full avg10=0.00 total=1\n", &us));
	assert_false(qb_pressure_parse("some avg10=0.00 total=\n", &us));
}

/* A delay between two readings of clocks is no sleep, wherever it falls; and sleep is one. */
static void test_sleep(void **state)
{
	const int64_t s = 1000000000, delay = 50000000, base = 7 * s;
	const struct qb_tally_sleep then = qb_tally_sleep_of(100, base + 110, 120);

	assert_int_equal(qb_tally_slept(then, qb_tally_sleep_of(s, base + s, s)), 0);
	assert_int_equal(
		qb_tally_slept(then, qb_tally_sleep_of(s, base + s + delay, s + delay)), 0);
	assert_int_equal(qb_tally_slept(then, qb_tally_sleep_of(s, base + s, s + delay)), 0);
	assert_int_equal(qb_tally_slept(qb_tally_sleep_of(0, base + delay, delay),
				 qb_tally_sleep_of(s, base + s, s)),
		0);
	assert_int_equal(qb_tally_slept(qb_tally_sleep_of(0, base, delay),
				 qb_tally_sleep_of(s, base + s, s)),
		0);
	assert_int_equal(qb_tally_slept(then, qb_tally_sleep_of(s, base + 3 * s, s + delay)),
		2 * s - delay - 10);
}

/* A watch of a second on one CPU, by switches, with one stranger. */
static struct qb_watch watch_of(int64_t others_ns)
{
	const struct qb_runner cron = {
		.pid = 812, .tid = 812, .comm = "cron", .whose = QB_WHOSE_OTHER};
	const struct qb_runner own = {.pid = 900, .tid = 900, .whose = QB_WHOSE_OWN};
	struct qb_watch watch = {
		.n = 1, .by_switches = true, .steal_known = true, .wall_ns = 1000000000};

	watch.of = calloc(1, sizeof(*watch.of));
	assert_non_null(watch.of);
	watch.watcher.lent = true;
	assert_int_equal(
		qb_runners_add(&watch.watcher.seen, &own, (struct qb_stay){.ns = terms.used_ns}),
		0);
	assert_int_equal(qb_runners_add(&watch.watcher.seen, &cron,
				 (struct qb_stay){.ns = others_ns, .times = 3}),
		0);
	return watch;
}

static void test_verdict(void **state)
{
	static const struct {
		int64_t others_ns;
		struct qb_tally_look look;
		enum qb_noise noise;
		const char *reason;
	} rows[] = {
		{1000000, {.quota_us = 0}, QB_NOISE_QUIET, NULL},
		{41000000, {.quota_us = 0}, QB_NOISE_NOISY, "cron (pid 812) ran 3 times, 41 ms"},
		{0, {.quota_us = 4000}, QB_NOISE_QUIET, NULL},
		{0, {.quota_us = 12500}, QB_NOISE_NOISY,
			"its control group's quota (cpu.max) kept it off for 12.5 ms"},
		/* Both together. */
		{3000000, {.quota_us = 3000}, QB_NOISE_NOISY,
			"cron (pid 812) ran 3 times, 3.00 ms"},
		{0, {.asleep_ns = 2500000000}, QB_NOISE_NOISY,
			"the machine slept for 2.5 s meanwhile"},
		/* Its own pressing is nobody's noise. */
		{0, {.pressure_us = {900000, 900000, 900000}}, QB_NOISE_QUIET, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(rows[i].others_ns);
		struct qb_watched watched;

		watch.tally.looks[1] = rows[i].look;
		qb_watch_judge(&watch, &terms, &watched);
		assert_int_equal(watched.noise, rows[i].noise);
		assert_int_equal(watched.n_reasons > 0, rows[i].reason != NULL);
		if (rows[i].reason)
			assert_string_equal(watched.reasons[0], rows[i].reason);
		qb_watch_free(&watch);
	}
}

/* From exec to exit as the kernel saw them, however late the caller was woken; what it saw itself where that is not known. */
static void test_wall(void **state)
{
	static const struct {
		int64_t exec_ns, exit_ns, wall_ns;
	} rows[] = {
		{7020000000, 7520000000, 500000000},
		{0, 7520000000, 520000000},
		{7020000000, 0, 980000000},
		{0, 0, 1000000000},
		{7520000000, 7020000000, 1000000000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(0);
		struct qb_watched watched;

		watch.started_ns = 7000000000;
		watch.watcher.seen.exec_ns = rows[i].exec_ns;
		watch.watcher.seen.exit_ns = rows[i].exit_ns;
		qb_watch_judge(&watch, &terms, &watched);
		assert_int_equal(watched.wall_ns, rows[i].wall_ns);
		qb_watch_free(&watch);
	}
}

/* What was watched was quiet: what a hypervisor may have taken, and what was noisy before it. */
static void test_what_cannot_be_seen(void **state)
{
	static const struct {
		struct qb_watch_terms terms;
		bool steal_moved;
		int64_t wall_ns;
		const char *reason; /* NULL: quiet */
	} rows[] = {
		{{.guest = false}, false, 900000000, NULL},
		{{.guest = true}, true, 900000000, NULL},
		{{.guest = true}, false, 900000000,
			"the hypervisor tells no steal, and the CPU was not probed"},
		{{.guest = true, .probes = {.known = true}}, false, 900000000, NULL},
		{{.guest = true, .probes = {.known = true}}, false, 2100000000,
			"the hypervisor tells no steal, so it may have taken any time between the "
			"probes at both ends"},
		{{.guest = true, .probes = {.known = true}}, true, 2100000000, NULL},
		{{.probes = {true, 0.019, 0.015, -0.018}}, false, 900000000, NULL},
		{{.guest = true, .probes = {true, 0.01, 0.07, 0.071}}, false, 900000000,
			"the CPU itself was 7.1 % slower after than before (hypervisor, which "
			"tells no steal)"},
		{{.probes = {true, 0.25, 0.02, -0.18}}, false, 900000000,
			"the CPU itself was 25 % slower before it than usual"},
		{{.probes = {true, 0, 0, -0.05}}, false, 900000000,
			"the CPU itself was 5.0 % faster after than before"},
		{{.noisy_before = "gaps took 5.70 %"}, false, 900000000,
			"gaps took 5.70 % before the command, and that is not measured during it"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(0);
		struct qb_watch_terms these = rows[i].terms;
		struct qb_watched watched;

		these.used_ns = terms.used_ns;
		these.max_preempted = terms.max_preempted;
		these.max_speed = terms.max_speed;
		watch.wall_ns = rows[i].wall_ns;
		watch.steal_moved = rows[i].steal_moved;
		qb_watch_judge(&watch, &these, &watched);
		assert_int_equal(watched.noise, rows[i].reason ? QB_NOISE_UNKNOWN : QB_NOISE_QUIET);
		assert_int_equal(watched.n_reasons, rows[i].reason != NULL);
		if (rows[i].reason)
			assert_string_equal(watched.reasons[0], rows[i].reason);
		assert_int_equal(watched.slowed,
			rows[i].reason && strstr(rows[i].reason, "the CPU itself") != NULL);
		qb_watch_free(&watch);
	}
}

/* What could not be read at the end (0) is no swapping, no heat and no steal. */
static void test_unread(void **state)
{
	struct qb_watch watch = watch_of(0);
	struct qb_watched watched;

	watch.swapped[0] = watch.of[0].throttled[0] = watch.of[0].steal[0] = 4711;
	qb_watch_judge(&watch, &terms, &watched);
	assert_int_equal(watched.noise, QB_NOISE_QUIET);
	assert_int_equal(watched.swapped + watched.throttled, 0);
	qb_watch_free(&watch);
}

/* Of who is not to be named nothing but the time is told. */
static void test_nameless(void **state)
{
	struct qb_watch watch = watch_of(0);
	struct qb_watched watched;
	const struct qb_switches_message message = {.n = 2,
		.at_once = 1,
		.seen = {{.whose = QB_WHOSE_OWN, .ns = 900000000},
			{.whose = QB_WHOSE_OTHER,
				.comm = "other users' processes",
				.ns = 50000000,
				.times = 2}}};

	qb_watch_lend(&watch, &message);
	qb_watch_judge(&watch, &terms, &watched);
	assert_int_equal(watched.noise, QB_NOISE_NOISY);
	assert_string_equal(watched.reasons[0], "other users' processes ran 2 times, 50 ms");
	assert_int_equal(watched.threads, 1);
	qb_watch_free(&watch);
}

/* What was done where nothing was watched makes unknown of quiet; noise stays noise. */
static void test_elsewhere(void **state)
{
	static const char *const idle =
		"it used 2.0 % of a CPU: did it sleep, or was the work done elsewhere (a daemon, a "
		"container)? then this tells nothing of it";
	static const struct {
		const char *what;
		int64_t used_ns, own_ns, others_ns, wall_ns;
		uint64_t waited; /* ticks */
		enum qb_noise noise;
		const char *reason; /* the last one */
	} rows[] = {
		{"at work", 900000000, 900000000, 0, 1000000000, 0, QB_NOISE_QUIET, NULL},
		{"a daemon worked", 20000000, 20000000, 0, 1000000000, 0, QB_NOISE_UNKNOWN, idle},
		{"at the limit", 50000000, 0, 0, 1000000000, 0, QB_NOISE_QUIET, NULL},
		{"its children were not waited for", 0, 50000000, 0, 1000000000, 0, QB_NOISE_QUIET,
			NULL},
		{"short", 0, 0, 0, 100000000, 0, QB_NOISE_QUIET, NULL},
		{"it waited for its disk", 20000000, 20000000, 0, 1000000000, 50, QB_NOISE_QUIET,
			NULL},
		{"it waited a little", 20000000, 20000000, 0, 1000000000, 49, QB_NOISE_UNKNOWN,
			idle},
		{"it left its CPUs", 3000000000, 10000000, 0, 3000000000, 0, QB_NOISE_UNKNOWN,
			"it spent 2.99 s of its 3.00 s of CPU time on other CPUs: a process of it "
			"left its control group, or was moved"},
		{"what came before exec", 500000000, 400000000, 0, 1000000000, 0, QB_NOISE_QUIET,
			NULL},
		{"disturbed, too", 20000000, 20000000, 90000000, 1000000000, 0, QB_NOISE_NOISY,
			idle},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(rows[i].others_ns);
		struct qb_watch_terms these = terms;
		struct qb_watched watched;

		watch.watcher.seen.v[0]->stays->ns = rows[i].own_ns;
		watch.of[0].waited[1] = rows[i].waited;
		watch.wall_ns = rows[i].wall_ns;
		these.used_ns = rows[i].used_ns;
		qb_watch_judge(&watch, &these, &watched);
		if (watched.noise != rows[i].noise)
			fail_msg("%s: %d", rows[i].what, watched.noise);
		assert_int_equal(watched.n_reasons > 0, rows[i].reason != NULL);
		if (rows[i].reason)
			assert_string_equal(watched.reasons[watched.n_reasons - 1], rows[i].reason);
		qb_watch_free(&watch);
	}
}

/* Who leaves the group and stays on its CPU is told by the group's account, or by that of the one above. */
static void test_outside_the_group(void **state)
{
	static const char *const left =
		"0.80 s of its 0.90 s of CPU time were used outside of its control group: a "
		"process of it left that";
	static const struct {
		const char *what;
		bool known, above_known;
		uint64_t us, above_us;
		int64_t used_ns;
		const char *reason;
	} rows[] = {
		{"not told", false, false, 0, 0, 900000000, NULL},
		{"all in it", true, true, 900000, 900000, 900000000, NULL},
		{"it left", true, true, 100000, 900000, 900000000, left},
		{"it left, and nobody waited for it", true, true, 100000, 900000, 0, left},
		{"it left, and the group is gone", false, true, 0, 100000, 900000000, left},
		{"the group is gone", false, true, 0, 900000, 900000000, NULL},
		{"what came before exec", true, true, 770000, 0, 900000000, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(0);
		struct qb_watch_terms these = terms;
		struct qb_watched watched;

		watch.watcher.seen.v[0]->stays->ns = 900000000;
		watch.wall_ns = 1000000000;
		watch.used_in[0].known = rows[i].known;
		watch.used_in[0].us[0] = watch.used_in[1].us[0] = 5000;
		watch.used_in[0].us[1] = 5000 + rows[i].us;
		watch.used_in[1].known = rows[i].above_known;
		watch.used_in[1].us[1] = 5000 + rows[i].above_us;
		these.used_ns = rows[i].used_ns;
		qb_watch_judge(&watch, &these, &watched);
		if (watched.noise != (rows[i].reason ? QB_NOISE_UNKNOWN : QB_NOISE_QUIET))
			fail_msg("%s: %d", rows[i].what, watched.noise);
		if (rows[i].reason)
			assert_string_equal(watched.reasons[watched.n_reasons - 1], rows[i].reason);
		qb_watch_free(&watch);
	}
}

/* Of a table with holes nothing is concluded; the ticks tell of other CPUs as well. */
static void test_elsewhere_by_ticks(void **state)
{
	struct qb_watch watch = watch_of(0);
	struct qb_watch_terms these = terms;
	struct qb_watched watched;

	watch.watcher.seen.lost = 1;
	these.used_ns = 3000000000;
	qb_watch_judge(&watch, &these, &watched);
	assert_null(strstr(watched.reasons[0], "other CPUs"));
	watch.by_switches = false;
	watch.wall_ns = 10000000000; /* long enough for ticks */
	watch.of[0].busy[1] = 298;
	qb_watch_judge(&watch, &these, &watched);
	assert_int_equal(watched.noise, QB_NOISE_QUIET);
	watch.of[0].busy[1] = 98;
	qb_watch_judge(&watch, &these, &watched);
	assert_int_equal(watched.noise, QB_NOISE_UNKNOWN);
	assert_non_null(strstr(watched.reasons[0], "it spent 2.00 s of its 3.00 s"));
	qb_watch_free(&watch);
}

/* Root is not told to become root: where perf shows it nothing, it is told why. */
static uid_t user;
uid_t geteuid(void)
{
	return user;
}

static void test_too_short_for_ticks(void **state)
{
	struct qb_watch watch = watch_of(0);
	struct qb_watch_terms these = terms;
	struct qb_watched watched;

	watch.by_switches = false;
	watch.unseen = -EACCES;
	watch.wall_ns = 30000000;
	watch.of[0].busy[1] = 2;
	these.used_ns = 10000000;
	user = 1000;
	qb_watch_judge(&watch, &these, &watched);
	assert_int_equal(watched.noise, QB_NOISE_UNKNOWN);
	assert_string_equal(watched.reasons[0],
		"too short to tell by the kernel's ticks; as root every switch is seen");
	user = 0;
	qb_watch_judge(&watch, &these, &watched);
	assert_int_equal(watched.noise, QB_NOISE_UNKNOWN);
	assert_string_equal(watched.reasons[0],
		"too short to tell by the kernel's ticks, and perf shows no switches here "
		"(Permission denied)");
	qb_watch_free(&watch);
}

/* The host's count is another's as long as the command was not killed. */
static void test_out_of_memory(void **state)
{
	static const struct {
		bool own, killed, bound;
		const char *reason;
	} rows[] = {
		{true, false, false, "the kernel killed a process for lack of memory"},
		{false, true, true,
			"the kernel killed a process for lack of memory; it was bound to memory of "
			"its own node, -s process.numa=preferred gives it that of other nodes as well"},
		{false, false, true, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qb_watch watch = watch_of(0);
		struct qb_watch_terms these = terms;
		struct qb_watched watched;

		watch.oom_kills[0] = 3;
		watch.oom_kills[1] = 4;
		watch.own_oom_kills = rows[i].own;
		these.killed = rows[i].killed;
		these.bound = rows[i].bound;
		qb_watch_judge(&watch, &these, &watched);
		assert_int_equal(watched.noise, rows[i].reason ? QB_NOISE_UNKNOWN : QB_NOISE_QUIET);
		assert_int_equal(watched.n_reasons, rows[i].reason != NULL);
		if (rows[i].reason)
			assert_string_equal(watched.reasons[0], rows[i].reason);
		watch.oom_kills[1] = 3;
		qb_watch_judge(&watch, &these, &watched);
		assert_int_equal(watched.noise, QB_NOISE_QUIET);
		qb_watch_free(&watch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pressure),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_wall),
		cmocka_unit_test(test_what_cannot_be_seen),
		cmocka_unit_test(test_unread),
		cmocka_unit_test(test_nameless),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_outside_the_group),
		cmocka_unit_test(test_elsewhere_by_ticks),
		cmocka_unit_test(test_too_short_for_ticks),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
