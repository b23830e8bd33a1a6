/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of a session, and what it could not put back: conflicts, failures, and what the host lacks
 * something for. Kept, told, and given back when that is possible.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <core/restore.h>
#include <host/irqs.h>
#include <quietbench/lever.h>

#include "../fake_kernel.h"

#define TIMERS KERNEL "timer_migration"

static const char path[] = QB_CONFLICTS_PATH;

static int begin(void **state)
{
	int r = fake_begin(state);

	if (r < 0 || !fake_sandboxed)
		return r;
	if (!sandbox_empty("/run") || mkdir(QB_STATE_DIR, 0755) < 0)
		return -1;
	fake_put(KERNEL "random/boot_id", "00000000-0000-4000-8000-000000000000");
	return 0;
}

/* As the monitor does. */
static void apply(struct qb_journal *journal, struct qb_steps *steps)
{
	struct qb_journal_owner owner = {.profile = "test"};
	struct qb_error err = {0};

	assert_int_equal(qb_journal_boot_id(owner.boot_id, &err), 0);
	assert_int_equal(qb_apply_sort(steps, &err), 0);
	assert_int_equal(qb_apply_snapshot(steps, 0, steps->n, &err), 0);
	assert_int_equal(qb_journal_create(
				 journal, QB_JOURNAL_PATH, &owner, qb_journal_room(steps, 0), &err),
		0);
	for (size_t i = 0; i < steps->n; i++)
		assert_int_equal(qb_journal_step(journal, &steps->v[i], &err), 0);
	assert_int_equal(qb_apply_write(journal, steps, 0, steps->n, &err), 0);
	assert_int_equal(qb_apply_left(journal, steps, &err), 0);
	fake_log[0] = '\0';
}

static bool is_listed(void)
{
	return access(path, F_OK) == 0;
}

/* A switch that could not be put back is put back later: what that moves comes back with it, unless
 * somebody changed it since. */
static void test_later(void **state)
{
	static const struct {
		const char *meanwhile, *then, *writes;
	} cases[] = {{"60", "60", "enabled=always min_free_kbytes=60 "},
		{"70", "100", "enabled=always "}};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0}, later = {0};
		_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};
		struct qb_undo_summary sum;
		struct qb_error err = {0};

		fake_put(HUGE_PAGES "enabled", "[always] madvise never");
		fake_put(VM "min_free_kbytes", "60");
		assert_non_null(qb_steps_add(&steps, QB_LEVER_THP, qb_unit_none(), NULL, "never"));
		assert_non_null(
			qb_steps_add(&steps, QB_LEVER_MIN_FREE, qb_unit_none(), NULL, NULL));
		apply(&journal, &steps);
		fake_broken = EIO;
		qb_undo(&journal, &steps, &sum);
		fake_broken = 0;
		assert_int_equal(sum.failures, 1);
		unlink(QB_JOURNAL_PATH);
		assert_int_equal(qb_conflicts_keep(path, &journal.owner, &steps, &err), 0);
		fake_put(VM "min_free_kbytes", cases[i].meanwhile);
		fake_log[0] = '\0';
		assert_int_equal(qb_conflicts_retry(path, false, &later, &sum, &err), 0);
		assert_string_equal(sum.first.text, "");
		assert_int_equal(sum.conflicts, 0);
		assert_string_equal(fake_log, cases[i].writes);
		assert_string_equal(fake_value(VM "min_free_kbytes"), cases[i].then);
		assert_int_equal(access(path, F_OK), -1); /* nothing is left to be kept */
	}
}

/* Applies one step, has `meanwhile` happen, undoes it, and keeps what is not back. */
static struct qb_undo_summary leave(struct qb_steps *steps, unsigned lever, struct qb_unit unit,
	const char *wanted, void (*meanwhile)(void))
{
	_cleanup_(qb_journal_close) struct qb_journal journal = {.fd = -1};
	struct qb_undo_summary sum;
	struct qb_error err = {0};

	assert_non_null(qb_steps_add(steps, lever, unit, NULL, wanted));
	apply(&journal, steps);
	meanwhile();
	qb_undo(&journal, steps, &sum);
	unlink(QB_JOURNAL_PATH);
	assert_int_equal(qb_conflicts_keep(path, &journal.owner, steps, &err), 0);
	fake_log[0] = '\0';
	return sum;
}

/* What another `restore` makes of it: the one step of the list as it is afterwards. */
static enum qb_restored again(bool force, struct qb_undo_summary *sum)
{
	_cleanup_(qb_steps_free) struct qb_steps later = {0};
	struct qb_error err = {0};

	assert_int_equal(qb_conflicts_retry(path, force, &later, sum, &err), 0);
	assert_string_equal(sum->first.text, "");
	if (!later.n)
		return QB_RESTORED_NONE;
	assert_int_equal(later.n, 1);
	if (later.v[0].restored == QB_RESTORED_OWED)
		assert_true(strlen(later.v[0].reason) > 0);
	return (enum qb_restored)later.v[0].restored;
}

static void unload(void)
{
	fake_put(GOVERNORS, "performance");
}

/* Its module is gone: that is owed, no failure, and given back when it is loaded again. */
static void test_owed_governor(void **state)
{
	static const struct {
		const char *meanwhile, *then;
		enum qb_restored restored;
	} cases[] = {
		{"performance", "ondemand", QB_RESTORED_YES},
		{"ondemand", "ondemand", QB_RESTORED_YES},
		{"userspace", "userspace", QB_RESTORED_CONFLICT},
	};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		struct qb_undo_summary sum;

		assert_true(sandbox_empty(CPUS));
		fake_put(CPUS "online", "0-1");
		fake_put(GOVERNOR, "ondemand");
		fake_put(GOVERNORS, "ondemand performance");
		sum = leave(&steps, QB_LEVER_GOVERNOR, qb_unit_number(0), "performance", unload);
		assert_int_equal(sum.failures, 0);
		assert_int_equal(sum.owed, 1);
		assert_int_equal(steps.v[0].restored, QB_RESTORED_OWED);
		assert_non_null(strstr(steps.v[0].reason, "modprobe cpufreq_ondemand"));
		assert_int_equal(again(false, &sum), QB_RESTORED_OWED);
		assert_int_equal(again(true, &sum), QB_RESTORED_OWED);
		assert_int_equal(sum.owed, 1);
		assert_true(is_listed());
		fake_put(GOVERNORS, "ondemand performance userspace");
		fake_put(GOVERNOR, cases[i].meanwhile);
		assert_int_equal(again(false, &sum), cases[i].restored);
		assert_string_equal(fake_value(GOVERNOR), cases[i].then);
		assert_int_equal(is_listed(), cases[i].restored == QB_RESTORED_CONFLICT);
		unlink(path);
	}
}

#define IRQ "/proc/irq/33/smp_affinity"

static void go_offline(void)
{
	fake_put(CPUS "online", "0-2");
	fake_put(ONLINE_MASK, "7");
}

/* An interrupt whose CPU is offline by now. */
static void test_owed_interrupt(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_unit unit = {.number = 33};
	struct qb_undo_summary sum;
	struct qb_irq irq;

	fake_need();
	assert_true(sandbox_empty(CPUS) && sandbox_empty("/proc/irq"));
	fake_put(CPUS "online", "0-3");
	fake_put(ONLINE_MASK, "f");
	fake_put(IRQ, "8");
	assert_int_equal(qb_irq_identify(33, &irq, NULL), 0);
	unit.key = irq.key;
	sum = leave(&steps, QB_LEVER_IRQ, unit, "3", go_offline);
	assert_int_equal(sum.failures, 0);
	assert_int_equal(sum.owed, 1);
	assert_string_equal(steps.v[0].reason, "CPU 3 is offline");
	assert_string_equal(fake_value(IRQ), "3");
	assert_int_equal(again(false, &sum), QB_RESTORED_OWED);
	fake_put(CPUS "online", "0-3");
	fake_put(ONLINE_MASK, "f");
	assert_int_equal(again(false, &sum), QB_RESTORED_YES);
	assert_string_equal(fake_value(IRQ), "8");
	assert_false(is_listed());
}

static void change(void)
{
	fake_put(TIMERS, "2");
}

/* A value of another program's is forced only as long as it stands; then it is forgotten. */
static void test_forced(void **state)
{
	static const struct {
		const char *meanwhile, *then;
		enum qb_restored restored;
	} cases[] = {
		{"2", "1", QB_RESTORED_YES},
		{"3", "3", QB_RESTORED_CONFLICT},
		{"1", "1", QB_RESTORED_YES},
	};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		struct qb_undo_summary sum;

		fake_put(TIMERS, "1");
		sum = leave(&steps, QB_LEVER_TIMER_MIGRATION, qb_unit_none(), "0", change);
		assert_int_equal(sum.conflicts, 1);
		assert_int_equal(again(false, &sum), QB_RESTORED_CONFLICT);
		assert_int_equal(sum.conflicts, 1);
		assert_true(is_listed());
		fake_put(TIMERS, cases[i].meanwhile);
		assert_int_equal(again(true, &sum), cases[i].restored);
		assert_string_equal(fake_value(TIMERS), cases[i].then);
		assert_int_equal(again(true, &sum), QB_RESTORED_NONE);
		assert_int_equal(sum.conflicts, 0);
		assert_false(is_listed());
	}
}

static void be_busy(void)
{
	fake_answer = EBUSY;
}

static void be_broken(void)
{
	fake_broken = EIO;
}

/* What is refused is written once more when all else is back; a failure is tried again whatever it reads. */
static void test_refused(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps busy = {0}, broken = {0};
	struct qb_undo_summary sum;

	fake_need();
	fake_put(TIMERS, "1");
	sum = leave(&busy, QB_LEVER_TIMER_MIGRATION, qb_unit_none(), "0", be_busy);
	assert_int_equal(sum.failures, 0);
	assert_int_equal(sum.restored, 1);
	assert_null(busy.v[0].reason);
	assert_string_equal(fake_value(TIMERS), "1");
	assert_false(is_listed());
	sum = leave(&broken, QB_LEVER_TIMER_MIGRATION, qb_unit_none(), "0", be_broken);
	fake_broken = 0;
	assert_int_equal(sum.failures, 1);
	assert_non_null(strstr(broken.v[0].reason, "Input/output error"));
	assert_true(is_listed());
	fake_put(TIMERS, "3");
	assert_int_equal(again(false, &sum), QB_RESTORED_YES);
	assert_string_equal(fake_value(TIMERS), "1");
	assert_false(is_listed());
}

/* ---- the end of a session ---- */

/* Its only value is another program's by now, and /run has no room left. */
static void test_full(void **state)
{
	static const struct {
		bool summary, kept;
	} cases[] = {{true, true}, {false, false}};

	fake_need();
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_conditioning s = {.journal.fd = -1};
		struct qb_undo_summary sum;
		struct qb_error err = {0};
		char page[4096] = "";
		int filler;

		assert_int_equal(mount("test", QB_STATE_DIR, "tmpfs", 0, "mode=755,size=512k"), 0);
		fake_put(TIMERS, "1");
		assert_non_null(qb_steps_add(
			&s.steps, QB_LEVER_TIMER_MIGRATION, qb_unit_none(), NULL, "0"));
		apply(&s.journal, &s.steps);
		if (cases[i].summary)
			assert_int_equal(qb_journal_summarize(
						 QB_SUMMARY_PATH, &s.journal.owner, &s.steps, &err),
				0);
		fake_put(TIMERS, "2");
		filler = open(QB_STATE_DIR "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		while (write(filler, page, sizeof(page)) == (ssize_t)sizeof(page))
			;
		close(filler);
		assert_int_equal(qb_restore_host(&s, false, NULL, &sum, &err), 0);
		assert_int_equal(sum.failures, 0);
		assert_int_equal(sum.conflicts, 1);
		assert_int_equal(access(QB_JOURNAL_PATH, F_OK), -1);
		assert_int_equal(is_listed(), cases[i].kept);
		assert_int_equal(
			strstr(sum.first.text, "cannot be remembered") != NULL, !cases[i].kept);
		qb_conditioning_free(&s);
		assert_int_equal(umount(QB_STATE_DIR), 0);
	}
}

/* The same with a value of ours that cannot be put back: only the journal tells of it. */
static void test_full_with_a_failure(void **state)
{
	struct qb_conditioning s = {.journal.fd = -1};
	struct qb_undo_summary sum;
	struct qb_error err = {0};
	char page[4096] = "";
	int filler;

	fake_need();
	assert_int_equal(mount("test", QB_STATE_DIR, "tmpfs", 0, "mode=755,size=512k"), 0);
	fake_put(TIMERS, "1");
	assert_non_null(
		qb_steps_add(&s.steps, QB_LEVER_TIMER_MIGRATION, qb_unit_none(), NULL, "0"));
	apply(&s.journal, &s.steps);
	filler = open(QB_STATE_DIR "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(filler, page, sizeof(page)) == (ssize_t)sizeof(page))
		;
	close(filler);
	fake_broken = EIO;
	assert_true(qb_restore_host(&s, false, NULL, &sum, &err) < 0);
	fake_broken = 0;
	assert_int_equal(access(QB_JOURNAL_PATH, F_OK), 0);
	assert_int_equal(unlink(QB_STATE_DIR "/filler"), 0);
	qb_conditioning_free(&s);
	/* as the next session does */
	assert_int_equal(qb_restore_load(&s, &err), 1);
	assert_int_equal(qb_restore_host(&s, false, NULL, &sum, &err), 0);
	assert_int_equal(sum.failures, 0);
	assert_string_equal(fake_value(TIMERS), "1");
	assert_int_equal(access(QB_JOURNAL_PATH, F_OK), -1);
	qb_conditioning_free(&s);
	assert_int_equal(umount(QB_STATE_DIR), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_later),
		TEST(test_owed_governor),
		TEST(test_owed_interrupt),
		TEST(test_forced),
		TEST(test_refused),
		TEST(test_full),
		TEST(test_full_with_a_failure),
	};

	return cmocka_run_group_tests(tests, fake_enter, NULL);
}
