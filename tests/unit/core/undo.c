/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes that move each other, applied and undone on a kernel that couples them: everything is
 * as before, and nothing is written that does not have to be; also if we die on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <core/apply.h>
#include <quietbench/lever.h>
#include <sys/wait.h>

#include "../fake_kernel.h"

static char folder[] = "/tmp/qb-coupled-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/journal", folder);
	return fake_enter(state);
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static int begin(void **state)
{
	int r = fake_begin(state);

	if (r == 0 && fake_sandboxed)
		fake_put(KERNEL "random/boot_id", "00000000-0000-4000-8000-000000000000");
	return r;
}

static int remove_journal(void **state)
{
	unlink(path);
	return 0;
}

static void want(struct qb_steps *steps, unsigned lever, const char *wanted)
{
	assert_non_null(qb_steps_add(steps, lever, qb_unit_none(), NULL, wanted));
}

/* As the monitor does; the child it may be in dies where fake_crash says. */
static void apply(struct qb_journal *journal, struct qb_steps *steps)
{
	struct qb_journal_owner owner = {.profile = "test"};
	struct qb_error err = {0};

	assert_int_equal(qb_journal_boot_id(owner.boot_id, &err), 0);
	assert_int_equal(qb_apply_sort(steps, &err), 0);
	assert_int_equal(qb_apply_snapshot(steps, 0, steps->n, &err), 0);
	assert_int_equal(
		qb_journal_create(journal, path, &owner, qb_journal_room(steps, 0), &err), 0);
	for (size_t i = 0; i < steps->n; i++)
		assert_int_equal(qb_journal_step(journal, &steps->v[i], &err), 0);
	assert_int_equal(qb_apply_write(journal, steps, 0, steps->n, &err), 0);
	assert_int_equal(qb_apply_left(journal, steps, &err), 0);
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].wanted)
			assert_string_equal(steps->v[i].left, steps->v[i].wanted);
	fake_log[0] = '\0';
}

static void undo(struct qb_journal *journal, struct qb_steps *steps)
{
	struct qb_undo_summary sum;

	qb_undo(journal, steps, &sum);
	assert_string_equal(sum.first.text, "");
	assert_int_equal(sum.failures, 0);
	assert_int_equal(sum.conflicts, 0);
	assert_int_equal(sum.restored, steps->n);
}

/* There and back; `writes` are those of the way back. */
static void there_and_back(struct qb_steps *steps, const char *writes)
{
	_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};

	apply(&journal, steps);
	undo(&journal, steps);
	assert_string_equal(fake_log, writes);
}

static void put_dirty(const char *ratio, const char *bytes)
{
	fake_put(VM "dirty_background_ratio", ratio);
	fake_put(VM "dirty_background_bytes", bytes);
}

static void assert_dirty(const char *ratio, const char *bytes)
{
	assert_string_equal(fake_value(VM "dirty_background_ratio"), ratio);
	assert_string_equal(fake_value(VM "dirty_background_bytes"), bytes);
}

static void want_dirty(struct qb_steps *steps, const char *ratio)
{
	want(steps, QB_LEVER_DIRTY_BACKGROUND_RATIO, ratio);
	want(steps, QB_LEVER_DIRTY_BACKGROUND_BYTES, NULL);
}

static void test_dirty(void **state)
{
	static const struct {
		const char *ratio, *bytes, *wanted, *writes;
	} cases[] = {
		{"10", "0", "5", "dirty_background_ratio=10 "},
		{"10", "0", "0", "dirty_background_ratio=10 "},
		{"0", "1048576", "5", "dirty_background_bytes=1048576 "},
		{"0", "1048576", "0", ""},
		{"0", "0", "5", "dirty_background_ratio=0 "},
	};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};

		put_dirty(cases[i].ratio, cases[i].bytes);
		want_dirty(&steps, cases[i].wanted);
		there_and_back(&steps, cases[i].writes);
		assert_dirty(cases[i].ratio, cases[i].bytes);
		unlink(path);
	}
}

#define WRITES_RATE	  "perf_event_max_sample_rate=63000 "
#define WRITES_PERCENT(n) "perf_cpu_time_max_percent=" n " "

static void test_perf(void **state)
{
	static const struct {
		const char *percent, *wanted, *writes;
	} cases[] = {
		{"25", "0", WRITES_PERCENT("25") WRITES_RATE},
		{"0", NULL, WRITES_PERCENT("25") WRITES_RATE WRITES_PERCENT("0")},
		{"100", "100", WRITES_PERCENT("25") WRITES_RATE WRITES_PERCENT("100")},
		{"0", "50",
			WRITES_PERCENT("0") WRITES_PERCENT("25") WRITES_RATE WRITES_PERCENT("0")},
	};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};

		fake_put(RATE, "63000");
		fake_put(PERCENT, cases[i].percent);
		want(&steps, QB_LEVER_SAMPLE_RATE, "50000");
		want(&steps, QB_LEVER_CPU_PERCENT, cases[i].wanted);
		there_and_back(&steps, cases[i].writes);
		assert_string_equal(fake_value(RATE), "63000");
		assert_string_equal(fake_value(PERCENT), cases[i].percent);
		unlink(path);
	}
}

/* The kernel lowers the rate when samples take long; only a person raises it. */
static void test_rate_moved(void **state)
{
	static const struct {
		const char *now, *then;
		size_t conflicts;
	} cases[] = {{"40000", "63000", 0}, {"70000", "70000", 1}};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};
		struct qb_undo_summary sum;

		fake_put(RATE, "63000");
		fake_put(PERCENT, "25");
		want(&steps, QB_LEVER_SAMPLE_RATE, "50000");
		apply(&journal, &steps);
		fake_put(RATE, cases[i].now);
		qb_undo(&journal, &steps, &sum);
		assert_int_equal(sum.conflicts, cases[i].conflicts);
		assert_string_equal(fake_value(RATE), cases[i].then);
		unlink(path);
	}
}

static void test_huge_pages(void **state)
{
	fake_need();
	/* The kernel brings the reserve back itself: no write, which would count as ours. */
	fake_put(HUGE_PAGES "enabled", "[always] madvise never");
	fake_put(VM "min_free_kbytes", "100");
	{
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};

		want(&steps, QB_LEVER_THP, "never");
		want(&steps, QB_LEVER_MIN_FREE, NULL);
		apply(&journal, &steps);
		fake_put(VM "min_free_kbytes", "50");
		steps.v[1].left = "50";
		undo(&journal, &steps);
		assert_string_equal(fake_log, "enabled=always ");
		assert_string_equal(fake_value(VM "min_free_kbytes"), "100");
		unlink(path);
	}
	/* A reserve that nothing moved, until the undo does. */
	fake_put(HUGE_PAGES "enabled", "[always] madvise never");
	fake_put(VM "min_free_kbytes", "60");
	{
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};

		want(&steps, QB_LEVER_THP, "never");
		want(&steps, QB_LEVER_MIN_FREE, NULL);
		there_and_back(&steps, "enabled=always min_free_kbytes=60 ");
		assert_string_equal(fake_value(VM "min_free_kbytes"), "60");
	}
}

/* Dies in a child before the write of `where`; then a recovery with what the journal holds. */
static void die_at(const char *where, bool undoing, const char *percent, const char *wanted)
{
	_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_error err = {0};
	int status;
	pid_t child;

	fake_put(RATE, "63000");
	fake_put(PERCENT, percent);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		want(&steps, QB_LEVER_SAMPLE_RATE, "50000");
		want(&steps, QB_LEVER_CPU_PERCENT, wanted);
		fake_crash = undoing ? NULL : where;
		apply(&journal, &steps);
		fake_crash = where;
		undo(&journal, &steps);
		_exit(1); /* it should have died */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* The child's kernel is gone with it; its files are not. */
	for (size_t i = 0; i < fake_n; i++) {
		FILE *file = fopen(fake_files[i].path, "r");

		assert_non_null(file);
		assert_int_equal(fscanf(file, "%255s", fake_files[i].value), 1);
		fclose(file);
	}
	assert_string_not_equal(fake_value(PERCENT), percent);
	assert_int_equal(qb_journal_open(&journal, path, &steps, &err), 0);
	undo(&journal, &steps);
	assert_string_equal(fake_value(RATE), "63000");
	assert_string_equal(fake_value(PERCENT), percent);
	unlink(path);
}

/* The percentage is lifted for the rate's sake: a death right then leaves nothing behind. */
static void test_death(void **state)
{
	fake_need();
	die_at(RATE, false, "0", NULL);
	die_at(RATE, false, "0", "0");
	die_at(RATE, true, "0", NULL);
	die_at(RATE, true, "100", "100");
}

/* A thread that has ended since it was judged has nothing to get back. */
static void test_gone(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_journal none = {.fd = -1};
	struct qb_undo_summary sum;
	struct qb_step *step;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	step = qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY,
		(struct qb_unit){.number = (uint32_t)child, .key = 1}, "1", NULL);
	assert_non_null(step);
	step->verdict = QB_VERDICT_OURS;
	qb_undo(&none, &steps, &sum);
	assert_string_equal(sum.first.text, "");
	assert_int_equal(sum.failures, 0);
	assert_int_equal(sum.restored, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, remove_journal)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dirty),
		TEST(test_perf),
		TEST(test_rate_moved),
		TEST(test_huge_pages),
		TEST(test_death),
		TEST(test_gone),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
