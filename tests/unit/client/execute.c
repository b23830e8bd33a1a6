/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands executed one after the other in one process: each has a result of its own, and nothing is left
 * of it.
 *
 * With a number as its argument it conditions this host, executes so many commands in that one session,
 * restores, and prints what came of it, for tests/cli/repeat.t.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <client/execute.h>
#include <quietbench/lever.h>

/* Of a sanitized build: all that is allocated and not freed. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

#define TIMES 1000

static char *const argv_true[] = {"true", NULL};
static char *const argv_exit[] = {"sh", "-c", "exit 7", NULL};
static char *const argv_kill[] = {"sh", "-c", "kill -9 $$", NULL};
static char *const argv_nice[] = {"sh", "-c", "exit $(nice)", NULL};

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Living or dead; "/proc/self/task/TID/children" names them. */
static unsigned children(void)
{
	char path[64], line[4096] = "";
	unsigned n = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	in = fopen(path, "r");
	assert_non_null(in);
	if (fgets(line, sizeof(line), in))
		for (const char *at = line; (at = strchr(at, ' ')); at++)
			n++;
	fclose(in);
	return n;
}

static size_t allocated(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
						       : 0;
}

/* The first CPU that this process may use; nothing of the host is changed. */
static void enter(struct qb_condition *condition)
{
	struct qb_error err = {0};
	cpu_set_t set;
	unsigned cpu = 0;
	char text[16];

	*condition = QB_CONDITION_NONE;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	qb_cpus_add(&condition->answer.selection.bench, cpu);
	snprintf(text, sizeof(text), "%u", cpu);
	assert_non_null(qb_steps_add(
		&condition->answer.steps, QB_LEVER_PROCESS_PIN, qb_unit_none(), NULL, text));
	assert_non_null(qb_steps_add(
		&condition->answer.steps, QB_LEVER_PROCESS_NICE, qb_unit_none(), NULL, "5"));
	assert_int_equal(qb_condition_begin(condition, &err), 0);
}

static void execute(
	struct qb_condition *condition, char *const *argv, bool recorded, struct qb_result *ret)
{
	const struct qb_execute_order order = {.path = *argv[0] == 's' ? "/bin/sh" : "/bin/true",
		.argv = argv,
		.recorded = recorded};
	struct qb_error err = {0};

	if (qb_execute(condition, &order, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static void nothing_is_left(void **state)
{
	struct qb_condition condition;
	struct qb_result result;
	unsigned fds = 0, processes = 0;
	size_t bytes = 0;

	enter(&condition);
	for (unsigned i = 0; i < TIMES; i++) {
		execute(&condition, argv_true, i % 2, &result);
		assert_int_equal(result.code, 0);
		assert_int_equal(result.signal, 0);
		assert_true(result.used.wall_ns > 0);
		qb_result_free(&result);
		if (i == 1) { /* the first two have loaded what stays */
			fds = descriptors();
			processes = children();
			bytes = allocated();
		}
	}
	assert_int_equal(descriptors(), fds);
	assert_int_equal(children(), processes);
	assert_int_equal(processes, 1); /* the sentinel */
	assert_int_equal(allocated(), bytes);
	qb_condition_close(&condition);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* What each result says stays so when others follow, and when the condition has ended. */
static void results_are_independent(void **state)
{
	static const struct {
		char *const *argv;
		int code, signal;
	} rows[] = {
		{argv_exit, 7, 0},
		{argv_kill, -1, 9},
		{argv_true, 0, 0},
		{argv_nice, 5, 0}, /* each process sets its own levers */
		{argv_nice, 5, 0},
	};
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	struct qb_result results[N];
	struct qb_condition condition;

	enter(&condition);
	for (size_t i = 0; i < N; i++)
		execute(&condition, rows[i].argv, true, &results[i]);
	qb_condition_close(&condition);
	for (size_t i = 0; i < N; i++) {
		assert_ptr_equal(results[i].argv, rows[i].argv);
		assert_int_equal(results[i].code, rows[i].code);
		assert_int_equal(results[i].signal, rows[i].signal);
		assert_int_equal(results[i].cpus, 1);
		assert_true(results[i].is_watched);
		assert_true(results[i].tally.detailed);
		assert_non_null(results[i].samples);
		for (size_t j = 0; j < i; j++) {
			assert_ptr_not_equal(results[i].samples, results[j].samples);
			assert_ptr_not_equal(results[i].tally.interrupts.times,
				results[j].tally.interrupts.times);
			assert_true(results[j].started_at < results[i].started_at);
		}
		qb_result_free(&results[i]);
		qb_result_free(&results[i]); /* twice is once */
	}
}

/* A command that cannot be executed leaves nothing, either. */
static void a_failed_exec_is_told_apart(void **state)
{
	const struct qb_execute_order order = {
		.path = "/nonexistent/command", .argv = argv_true, .recorded = true};
	struct qb_condition condition;
	struct qb_result result;
	struct qb_error err = {0};
	unsigned fds;

	enter(&condition);
	fds = descriptors();
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(qb_execute(&condition, &order, &result, &err), -ENOENT);
		assert_true(result.started_at > 0);
		qb_result_free(&result);
	}
	assert_int_equal(descriptors(), fds);
	assert_int_equal(children(), 1);
	execute(&condition, argv_exit, false, &result);
	assert_int_equal(result.code, 7);
	assert_null(result.samples);
	qb_result_free(&result);
	qb_condition_close(&condition);
}

/* What is required and lacking keeps the command from running: it was never let go. */
static void what_is_required(void **state)
{
	const struct qb_execute_order order = {.path = "/bin/true", .argv = argv_true};
	struct qb_condition condition;
	struct qb_result result;
	struct qb_error err = {0};

	enter(&condition);
	condition.asked.request.n_require = 1;
	strcpy(condition.asked.request.require[0], "frequency.turbo");
	assert_int_equal(qb_execute(&condition, &order, &result, &err), -ENOTSUP);
	assert_string_equal(err.text,
		"frequency.turbo is required but not available: the profile leaves it alone");
	assert_int_equal(result.started_at, 0);
	assert_int_equal(children(), 1);
	qb_condition_close(&condition);
}

static int fail_with(struct qb_condition *condition, const struct qb_error *err)
{
	fprintf(stderr, "%s\n", err->text);
	qb_condition_close(condition);
	return EXIT_FAILURE;
}

/* In one session: so many commands, then "COUNT done, N watched, restored completely". */
static int repeat(unsigned long times)
{
	const struct qb_session_hello hello = {
		.purpose = QB_PURPOSE_RUN, .command = (char *const[]){"repeat", NULL}};
	struct qb_condition condition = QB_CONDITION_NONE;
	struct qb_error err = {0};
	unsigned long done = 0, watched = 0;
	unsigned fds = 0;

	if (qb_request_begin(QB_REQUEST_PLAN, "default", NULL, &condition.asked, &err) < 0)
		return fail_with(&condition, &err);
	/* Other tasks are the machine's own, which a substituted host only shows. */
	condition.asked.request.n_set = 1;
	strcpy(condition.asked.request.set[0], "cpus.isolation=none");
	if (qb_condition_begin(&condition, &err) < 0 ||
		qb_condition_open(&condition, &hello, &err) < 0)
		return fail_with(&condition, &err);
	for (unsigned long i = 0; i < times; i++) {
		char script[32], *const argv[] = {"sh", "-c", script, NULL};
		const struct qb_execute_order order = {.path = "/bin/sh", .argv = argv};
		struct qb_result result;

		snprintf(script, sizeof(script), "exit %lu", i % 100);
		if (qb_execute(&condition, &order, &result, &err) < 0)
			return fail_with(&condition, &err);
		done += result.code == (int)(i % 100) && result.started_at > 0;
		watched += result.is_watched;
		qb_result_free(&result);
		if (i == 0)
			fds = descriptors();
		if (descriptors() != fds)
			return fail_with(
				&condition, &(struct qb_error){.text = "a descriptor is left"});
	}
	if (qb_condition_restore(&condition, &err) < 0)
		return fail_with(&condition, &err);
	printf("%lu done, %lu watched, %s\n", done, watched,
		condition.complete ? "restored completely" : "not restored completely");
	qb_condition_close(&condition);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left),
		cmocka_unit_test(results_are_independent),
		cmocka_unit_test(a_failed_exec_is_told_apart),
		cmocka_unit_test(what_is_required),
	};

	if (argc == 2)
		return repeat(strtoul(argv[1], NULL, 10));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
