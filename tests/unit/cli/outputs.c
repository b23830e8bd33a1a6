/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is told of a measurement: what the causes are, what fails at once, and the forms for people
 * and programs.
 *
 * With a folder as its argument it writes those forms there instead, for tests/cli/formats.t and
 * schema.t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cli/noise.h>
#include <cmocka.h>
#include <noise/advice.h>

#include "../measure_sample.h"

static void written_by(
	void (*write)(const struct qb_measure *, FILE *), const struct qb_measure *m, char **ret)
{
	size_t size;
	FILE *out = open_memstream(ret, &size);

	assert_non_null(out);
	write(m, out);
	assert_int_equal(fclose(out), 0);
}

/* ---- who ---- */

static void set_cause(
	const struct qb_measure *m, enum qb_noise_metric metric, const char *name, unsigned cpu)
{
	struct qb_cause_on found = qb_cause_of_metric(m, metric);

	assert_non_null(found.cause);
	assert_string_equal(found.cause->name, name);
	assert_int_equal(found.cpu, cpu);
}

static void what_is_the_cause(void **unused)
{
	struct qb_measure *m = loud();

	set_cause(m, QB_NOISE_PREEMPTED_METRIC, ODD_NAME, 1);
	/* A greater one of another kind, and on another CPU. */
	set_cause(m, QB_NOISE_GAPS_METRIC, "timer tick", 3);
	/* Heat goes before the wander that it makes. */
	set_cause(m, QB_NOISE_SPEED_METRIC, "clock lowered because of heat", 3);
	assert_null(qb_cause_of_metric(m, QB_NOISE_STEAL_METRIC).cause);
	/* Somebody had the CPU of the longest gap; or nobody. */
	set_cause(m, QB_NOISE_LONGEST_METRIC, ODD_NAME, 1);
	m->of[1].loop->longest[0].ns = 400000;
	set_cause(m, QB_NOISE_LONGEST_METRIC, "timer tick", 3);
	m->of[1].loop->longest[0].preempted = true;
	assert_null(qb_cause_of_metric(m, QB_NOISE_LONGEST_METRIC).cause);
	assert_null(qb_cause_of_metric(quiet(), QB_NOISE_GAPS_METRIC).cause);
}

/* What helps against a cause, and is not in effect. */
static void advice_of_a_cause(void **unused)
{
	const struct qb_cause stopper = {.kind = QB_CAUSE_KERNEL_TASK, .name = "migration/1"};
	const struct qb_cause unbound = {.kind = QB_CAUSE_KERNEL_TASK, .name = "kworker/u8:2"};
	const struct qb_cause task = {.kind = QB_CAUSE_TASK, .name = "cron (pid 812)"};
	bool applied[QB_KEY_COUNT] = {0};

	assert_non_null(strstr(qb_cause_advice(&stopper, applied), "kernel.watchdog=false"));
	assert_non_null(strstr(qb_cause_advice(&unbound, NULL), "kernel.workqueues=housekeeping"));
	assert_non_null(strstr(qb_cause_advice(&task, applied), "cpus.isolation"));
	applied[QB_KEY_KERNEL_WATCHDOG_CPUS] = true;
	applied[QB_KEY_KERNEL_WORKQUEUES] = true;
	applied[QB_KEY_CPUS_ISOLATION] = true;
	assert_null(strstr(qb_cause_advice(&stopper, applied), "kernel."));
	assert_null(strstr(qb_cause_advice(&unbound, applied), "kernel.workqueues"));
	assert_null(strstr(qb_cause_advice(&task, applied), "cpus.isolation"));
	for (int kind = QB_CAUSE_TASK; kind <= QB_CAUSE_SWAP; kind++) {
		const struct qb_cause cause = {.kind = (enum qb_cause_kind)kind, .name = "x"};

		assert_true(strlen(qb_cause_advice(&cause, NULL)) > 10);
		memset(applied, true, sizeof(applied));
		assert_true(strlen(qb_cause_advice(&cause, applied)) > 10);
	}
}

/* ---- at once ---- */

static void hard(const struct qb_measure *m, enum qb_hard which, const char *wanted)
{
	char text[160];

	assert_true(qb_hard_is(m, which));
	qb_hard_text(m, which, text, sizeof(text));
	assert_string_equal(text, wanted);
	assert_true(strlen(qb_hard_advice(m, which)) > 10);
}

static void what_fails_at_once(void **unused)
{
	struct qb_measure *m = quiet();

	assert_false(qb_hard_any(m));
	m->swapped_in = 1;
	assert_true(qb_hard_any(m));
	hard(m, QB_HARD_SWAP, "1 page read back from swap");
	m = loud();
	hard(m, QB_HARD_THROTTLED, "clock lowered because of heat, 3 times");
	hard(m, QB_HARD_QUOTA, "kept off by a quota for 12.5 ms");
	assert_false(qb_hard_is(m, QB_HARD_OFFLINE) || qb_hard_is(m, QB_HARD_CPUSET));
	m->of[0].gone = QB_GONE_OFFLINE;
	m->of[1].gone = QB_GONE_MOVED;
	hard(m, QB_HARD_OFFLINE, "CPU 1 went offline");
	hard(m, QB_HARD_CPUSET, "CPU 3 was taken from the measurement (cpuset, affinity)");
}

/* ---- for people ---- */

static void problem(
	const struct qb_noise_problem *p, enum qb_problem_level level, const char *wanted)
{
	char text[512];

	qb_noise_problem_text(p, text, sizeof(text));
	assert_string_equal(text, wanted);
	assert_int_equal(p->level, level);
}

#define KEEP_OFF                                                                                   \
	"keep it off: quietbench run or apply isolates CPUs (cpus.isolation); or stop it "         \
	"(services.stop)"
#define COOL "cool the machine, or lower its clock (frequency.turbo=false)"

static void a_line_for_each_rule(void **unused)
{
	struct qb_noise_problem p[QB_NOISE_PROBLEMS];
	struct qb_measure *m = loud();

	assert_int_equal(qb_noise_problems(m, p), 6);
	problem(&p[0], QB_PROBLEM_FAILED, "clock lowered because of heat, 3 times: " COOL);
	problem(&p[1], QB_PROBLEM_FAILED,
		"kept off by a quota for 12.5 ms: this control group has a CPU quota (cpu.max): "
		"measure outside of it");
	problem(&p[2], QB_PROBLEM_FAILED,
		"preempted 2.08 % (limit 0.05 %): " ODD_NAME " on CPU 1: " KEEP_OFF);
	problem(&p[3], QB_PROBLEM_UNDECIDED,
		"undecided: gaps 0.310 % (limit 0.5 %, above it in 4 of 60 windows): timer tick on "
		"CPU 3: boot with nohz_full= for these CPUs");
	/* On average it is below: that alone would not say why it failed. */
	problem(&p[4], QB_PROBLEM_FAILED,
		"speed 0.400 % (limit 0.5 %, above it in 20 of 60 windows): clock lowered because "
		"of heat on CPU 3: " COOL);
	problem(&p[5], QB_PROBLEM_WARNS,
		"longest 310.0 us (limit 200.0 us, one may happen): " ODD_NAME
		" on CPU 1: " KEEP_OFF);
	assert_int_equal(qb_noise_problems(quiet(), p), 0);
	/* Nothing was seen, for too short a time. */
	m = quiet();
	m->verdicts[QB_NOISE_GAPS_METRIC].verdict = QB_VERDICT_OF_UNDECIDED;
	assert_int_equal(qb_noise_problems(m, p), 1);
	problem(&p[0], QB_PROBLEM_UNDECIDED,
		"undecided: gaps 0.010 % (limit 0.5 %, above it in 0 of 120 windows): too short to "
		"be sure: measure longer (--duration)");
	/* A limit that fails without any cause that is known of. */
	m = quiet();
	m->verdicts[QB_NOISE_STEAL_METRIC].verdict = QB_VERDICT_OF_FAIL;
	assert_int_equal(qb_noise_problems(m, p), 1);
	problem(&p[0], QB_PROBLEM_FAILED,
		"steal 0.010 % (limit 0 %): nothing known took that time: repeat it with -v, which shows everything that was counted");
}

static void the_longest_gap(void **unused)
{
	struct qb_measure *m = quiet();
	char text[160];

	qb_noise_longest_text(m, text, sizeof(text));
	assert_string_equal(text, "none longer than 200.0 us in 12.0 s");
	m->verdicts[QB_NOISE_LONGEST_METRIC].exceeding = 1;
	qb_noise_longest_text(m, text, sizeof(text));
	assert_string_equal(text, "one longer than 200.0 us in 12.0 s: a second would be noisy");
	m->verdicts[QB_NOISE_LONGEST_METRIC].exceeding = 2;
	qb_noise_longest_text(m, text, sizeof(text));
	assert_string_equal(text, "longer than 200.0 us in 2 windows of 120");
}

static void the_line_above_all(void **unused)
{
	char text[1024];

	qb_noise_verdict_text(loud(), text, sizeof(text));
	assert_string_equal(text,
		"noisy: CPUs 1,3, 3.0 s: clock lowered because of heat, 3 times, kept off by a "
		"quota for 12.5 ms, preempted 2.08 % (above 0.05 % in 30 of 60 windows), speed "
		"0.400 % (above 0.5 % in 20 of 60 windows)");
	qb_noise_verdict_text(quiet(), text, sizeof(text));
	assert_string_equal(text, "quiet: CPU 1, 12.0 s");
}

/* ---- for programs ---- */

/* What @actions/core prints for these: core.error(MESSAGE, {title: TITLE}), and so on. */
static void annotations(void **unused)
{
	_cleanup_free_ char *text = NULL, *calm = NULL;

	written_by(qb_noise_github, loud(), &text);
	assert_non_null(strstr(text,
		"\n::error title=quietbench%3A noisy%3A preempted::preempted 2.08 %25 (limit 0.05 "
		"%25): 50%25:a,b \"c\\d\"%0A::error::x (pid 812) on CPU 1: keep it off: "));
	assert_int_equal(
		strncmp(text, "::error title=quietbench%3A noisy%3A throttled::clock lowered", 61),
		0);
	assert_non_null(strstr(text, "\n::warning title=quietbench%3A undecided%3A gaps::und"));
	assert_non_null(strstr(text, "\n::warning title=quietbench%3A longest::longest 310.0 us"));
	assert_null(strstr(text, "::notice"));
	written_by(qb_noise_github, quiet(), &calm);
	assert_string_equal(calm, "::notice title=quietbench%3A quiet::quiet: CPU 1, 12.0 s\n");
}

static void put_prometheus(const struct qb_measure *m, FILE *out)
{
	qb_noise_prometheus(m, INT64_C(1763835611123456789), out);
}

static void metrics(void **unused)
{
	static const char *const samples[] = {
		"quietbench_check_timestamp_seconds 1763835611.123\n",
		"quietbench_check_duration_seconds 3\n",
		"quietbench_check_verdict{verdict=\"noisy\"} 1\n",
		"quietbench_check_hard_failure{reason=\"quota\"} 1\n",
		"quietbench_check_noise_ratio{metric=\"preempted\"} 0.0208\n",
		"quietbench_check_longest_gap_seconds 0.00031\n",
		"quietbench_check_cause_ratio{cpu=\"1\",cause=\"task\",name=\"50%:a,b "
		"\\\"c\\\\d\\\"\\n::error::x\",evidence=\"measured\"} 0.0201\n",
		"quietbench_check_cause_events{cpu=\"3\",cause=\"throttled\",name=\"clock lowered "
		"because of heat\",evidence=\"counted\"} 3\n",
		"quietbench_check_cause_typical_seconds{cpu=\"3\",cause=\"hypervisor\",name=\"the "
		"hypervisor's own tick, 1000/s\",evidence=\"measured\"} 3.6e-05\n",
	};
	_cleanup_free_ char *text = NULL;

	written_by(put_prometheus, loud(), &text);
	for (size_t i = 0; i < QB_ARRAY_SIZE(samples); i++)
		if (!strstr(text, samples[i]))
			fail_msg("no %sin:\n%s", samples[i], text);
	/* What was not measured has no value, and what is only counted no share. */
	assert_null(strstr(text, "noise_ratio{metric=\"steal\""));
	assert_null(strstr(text, "cause_ratio{cpu=\"3\",cause=\"throttled\""));
	assert_null(strstr(text, "cause_typical_seconds{cpu=\"1\""));
	assert_null(strstr(text, "pid"));
}

/* ---- for other tests ---- */

static void put_json(const struct qb_measure *m, FILE *out)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
	const struct qb_host host = {.cpus = 4, .cores = 2, .cpu_model = "A CPU"};

	qb_json_text(json, "schema", "quietbench/check/1");
	qb_json_object(json, "host");
	qb_json_host(json, &host);
	qb_json_end(json);
	qb_noise_json(json, m);
	if (qb_json_print(json, out, NULL) < 0)
		exit(EXIT_FAILURE);
}

static int write_forms(const char *folder)
{
	static const struct {
		const char *end;
		void (*write)(const struct qb_measure *, FILE *);
	} forms[] = {{"github", qb_noise_github}, {"prom", put_prometheus}, {"json", put_json}};
	const struct qb_measure *const samples[] = {loud(), quiet()};

	for (size_t i = 0; i < 2 * QB_ARRAY_SIZE(forms); i++) {
		char path[4096];
		FILE *out;

		snprintf(path, sizeof(path), "%s/%s.%s", folder, i % 2 ? "quiet" : "loud",
			forms[i / 2].end);
		out = fopen(path, "w");
		if (!out)
			return EXIT_FAILURE;
		forms[i / 2].write(samples[i % 2], out);
		if (fclose(out) != 0)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_the_cause),
		cmocka_unit_test(advice_of_a_cause),
		cmocka_unit_test(what_fails_at_once),
		cmocka_unit_test(a_line_for_each_rule),
		cmocka_unit_test(the_longest_gap),
		cmocka_unit_test(the_line_above_all),
		cmocka_unit_test(annotations),
		cmocka_unit_test(metrics),
	};

	if (argc > 1)
		return write_forms(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
