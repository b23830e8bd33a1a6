/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read from what benchmarks print and write: each tool's form, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cli/figures.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>

static struct qb_figures figures;
static struct qb_error err;

static int clean(void **state)
{
	qb_figures_free(&figures);
	err = (struct qb_error){0};
	return 0;
}

static int read_at(const char *measure, const char *output, int64_t begun_ns)
{
	struct qb_measure_source source = {
		.output = output, .size = strlen(output), .begun_ns = begun_ns};
	struct qb_measure_spec spec;

	assert_int_equal(qb_measure_parse(measure, &spec, &err), 0);
	return qb_measure_read(&spec, &source, &figures, &err);
}

static void reads(const char *measure, const char *output)
{
	const int r = read_at(measure, output, 0);

	if (r < 0)
		fail_msg("%s: %s", measure, err.text);
}

static void refuses(const char *measure, const char *output, const char *why)
{
	assert_int_equal(read_at(measure, output, 0), -EBADMSG);
	if (!strstr(err.text, why))
		fail_msg("%s: %s", measure, err.text);
}

static void is_figure(size_t i, const char *name, double value)
{
	assert_true(i < figures.n);
	assert_string_equal(figures.v[i].name, name);
	if (fabs(figures.v[i].value - value) > 1e-9 * value)
		fail_msg("%s is %g, wanted %g", name, figures.v[i].value, value);
}

static void patterns(void **state)
{
	reads("regex:took ([0-9.]+ ms)", "warm\ntook 12.5 ms\ntook 13 ms\n");
	is_figure(0, "", 0.0125);
	assert_string_equal(figures.unit, "s");
	clean(NULL);
	reads("regex:^total: ([0-9,]+)", "a total: 1\ntotal: 1,234,567 requests\n");
	is_figure(0, "", 1234567);
	assert_string_equal(figures.unit, "");
	clean(NULL);
	reads("regex:([0-9.]+ MB/s)", "at 17.5 MB/s");
	is_figure(0, "", 17.5);
	assert_string_equal(figures.unit, "MB/s");
	clean(NULL);
	refuses("regex:took ([0-9.]+)", "nothing of the kind", "matches nothing");
	refuses("regex:took (.*)", "took long", "no number in");
	refuses("regex:took (.*)", "took 0 ms", "only positive figures");
	refuses("regex:took (.*)", "took -3 ms", "only positive figures");
	refuses("regex:took (.*)", "took inf", "only positive figures");
	refuses("regex:took (.*)", "took 1e204", "only positive figures");
	refuses("regex:took (.*)", "took 1e-204", "from 1e-100 to 1e100");
}

static void pointers(void **state)
{
	const char *json = "{\"a\": {\"b/c\": [1, \"3.5 us\"]}, \"t~\": 7, \"n\": null}";

	reads("json:/a/b~1c/0", json);
	is_figure(0, "", 1);
	clean(NULL);
	reads("json:/a/b~1c/1", json);
	is_figure(0, "", 3.5e-6);
	assert_string_equal(figures.unit, "s");
	clean(NULL);
	reads("json:/t~0", json);
	is_figure(0, "", 7);
	clean(NULL);
	refuses("json:/a", json, "no number there");
	refuses("json:/a/b~1c/2", json, "no number there");
	refuses("json:/a/b~1c/-1", json, "no number there");
	refuses("json:/n", json, "no number there");
	refuses("json:a", json, "no number there");
	refuses("json:/t~2", json, "no number there");
	refuses("json:/a", "{\"a\": 1", "no JSON: line 1");
	refuses("json:/a", "", "printed nothing");
	refuses("json:/a", "{\"a\": 1, \"a\": 2}", "no JSON");
}

static void google(void **state)
{
	reads("google",
		"{\"context\": {}, \"benchmarks\": ["
		"{\"name\": \"BM_a\", \"run_type\": \"iteration\", \"real_time\": 12.5, \"cpu_time\": 12, \"time_unit\": \"us\"},"
		"{\"name\": \"BM_b/8\", \"run_type\": \"iteration\", \"real_time\": 3, \"cpu_time\": 3, \"time_unit\": \"us\"}]}");
	is_figure(0, "BM_a", 12.5e-6);
	is_figure(1, "BM_b/8", 3e-6);
	clean(NULL);
	reads("google",
		"{\"benchmarks\": ["
		"{\"name\": \"BM_a\", \"run_type\": \"iteration\", \"real_time\": 1, \"time_unit\": \"ns\"},"
		"{\"name\": \"BM_a_mean\", \"run_name\": \"BM_a\", \"run_type\": \"aggregate\", \"aggregate_name\": \"mean\", \"real_time\": 5, \"time_unit\": \"ns\"},"
		"{\"name\": \"BM_a_median\", \"run_name\": \"BM_a\", \"run_type\": \"aggregate\", \"aggregate_name\": \"median\", \"real_time\": 4, \"time_unit\": \"ns\"}]}");
	assert_int_equal(figures.n, 1);
	is_figure(0, "BM_a", 4e-9);
	clean(NULL);
	refuses("google", "{\"benchmarks\": []}", "there is no benchmark");
	refuses("google",
		"{\"benchmarks\": [{\"name\": \"BM_a\", \"error_message\": \"no file\"}]}",
		"BM_a has no real_time: no file");
}

static void hyperfine(void **state)
{
	reads("hyperfine",
		"{\"results\": [{\"command\": \"sleep 1\", \"median\": 1.001, \"times\": [1.001]},"
		"{\"command\": \"sleep 2\", \"median\": 2.002}]}");
	is_figure(0, "sleep 1", 1.001);
	is_figure(1, "sleep 2", 2.002);
	clean(NULL);
	reads("hyperfine", "{\"results\": [{\"command\": \"sleep 1\", \"median\": 1.001}]}");
	is_figure(0, "", 1.001);
	clean(NULL);
	refuses("hyperfine", "{\"results\": [{\"command\": \"x\"}]}", "has no median");
	refuses("hyperfine", "[]", "there is no benchmark");
}

/* The form of pyperf 2.x: names in the metadata, of one benchmark in that of the file. */
static void pyperf(void **state)
{
	reads("pyperf",
		"{\"metadata\": {\"name\": \"json_loads\", \"unit\": \"second\"}, \"version\": \"1.0\","
		"\"benchmarks\": [{\"runs\": [{\"metadata\": {}, \"warmups\": [[1, 9]]}, {\"values\": [0.25, 0.75]}, {\"values\": [0.5]}]}]}");
	assert_int_equal(figures.n, 1);
	is_figure(0, "json_loads", 0.5);
	clean(NULL);
	reads("pyperf",
		"{\"metadata\": {}, \"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [1]}]},"
		"{\"metadata\": {\"name\": \"b\"}, \"runs\": [{\"values\": [2]}]}]}");
	is_figure(0, "a", 1);
	is_figure(1, "b", 2);
	clean(NULL);
	refuses("pyperf", "{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": []}]}",
		"a is 0");
}

static void perf(void **state)
{
	const char *output = "\n1234567,,instructions,2000,100.00,1.2,insn per cycle\n"
			     "12.5,msec,task-clock,12500000,100.00,0.9,CPUs utilized\n"
			     "<not supported>,,cycles,0,100.00,,\n";

	reads("perf:instructions", output);
	is_figure(0, "", 1234567);
	assert_string_equal(figures.unit, "instructions");
	clean(NULL);
	reads("perf:task-clock", output);
	is_figure(0, "", 0.0125);
	assert_string_equal(figures.unit, "s");
	clean(NULL);
	refuses("perf:cycles", output, "<not supported> here");
	refuses("perf:branches", output, "no such counter");
	refuses("perf:instructions", "", "no such counter");
	refuses("perf:instructions", "oops",
		"no such counter"); /* no comma, nor the end of a line */
	refuses("perf:instructions", "1,2\noops\n,", "no such counter");
}

static void write_file(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void criterion(void **state)
{
	char dir[] = "/tmp/quietbench-criterion.XXXXXX", path[128], measure[64];
	struct timespec now;

	assert_non_null(mkdtemp(dir));
	snprintf(measure, sizeof(measure), "criterion:%s", dir);
	refuses(measure, "", "did the benchmark write it?");
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/g%d", dir, i);
		assert_int_equal(mkdir(path, 0755), 0);
		for (int old = 0; old < 2; old++) {
			snprintf(path, sizeof(path), "%s/g%d/%s", dir, i, old ? "base" : "new");
			assert_int_equal(mkdir(path, 0755), 0);
			snprintf(path, sizeof(path), "%s/g%d/%s/estimates.json", dir, i,
				old ? "base" : "new");
			write_file(path,
				"{\"mean\": {\"point_estimate\": 9}, \"median\": {\"point_estimate\": 1500}}");
			snprintf(path, sizeof(path), "%s/g%d/%s/benchmark.json", dir, i,
				old ? "base" : "new");
			write_file(
				path, i ? "{\"full_id\": \"g/one\"}" : "{\"full_id\": \"g/zero\"}");
		}
	}
	reads(measure, "");
	assert_int_equal(figures.n, 2); /* not what is the baseline's */
	for (size_t i = 0; i < 2; i++)
		is_figure(i, strcmp(figures.v[i].name, "g/one") == 0 ? "g/one" : "g/zero", 1.5e-6);
	clean(NULL);
	/* What is there from before the run is another run's. */
	clock_gettime(CLOCK_REALTIME, &now);
	assert_int_equal(read_at(measure, "", (now.tv_sec + 1) * INT64_C(1000000000)), -EBADMSG);
	assert_non_null(strstr(err.text, "did the benchmark write it?"));
	snprintf(path, sizeof(path), "rm -rf %s", dir);
	assert_int_equal(system(path), 0);
}

/* Rows: a figure that comes later, one that is missing once, a unit that changes. */
static void rows(void **state)
{
	struct qb_rows r = {0};
	struct qb_figures one = {.unit = "s"}, two = {.unit = "s"}, other = {.unit = "B"};

	assert_int_equal(qb_figures_add(&one, "a", 1, &err), 0);
	assert_int_equal(qb_figures_add(&two, "b", 2, &err), 0);
	assert_int_equal(qb_figures_add(&other, "a", 3, &err), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(qb_rows_add(&r, i % 2 ? &two : &one, &err), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.runs, 100);
	for (int i = 0; i < 100; i++) {
		assert_true(i % 2 ? isnan(r.v[0].values[i]) : r.v[0].values[i] == 1);
		assert_true(i % 2 ? r.v[1].values[i] == 2 : isnan(r.v[1].values[i]));
	}
	assert_int_equal(qb_rows_add(&r, &other, &err), -EBADMSG);
	assert_int_equal(r.runs, 100);
	qb_rows_free(&r);
	qb_figures_free(&one);
	qb_figures_free(&two);
	qb_figures_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(patterns, clean),
		cmocka_unit_test_teardown(pointers, clean),
		cmocka_unit_test_teardown(google, clean),
		cmocka_unit_test_teardown(hyperfine, clean),
		cmocka_unit_test_teardown(pyperf, clean),
		cmocka_unit_test_teardown(perf, clean),
		cmocka_unit_test_teardown(criterion, clean),
		cmocka_unit_test_teardown(rows, clean),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
