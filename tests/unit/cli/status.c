/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `quietbench status` on a host of its own: a /run with what sessions leave there, living or dead,
 * and a policy whose governor somebody may have changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/clock.h>
#include <cli/command.h>
#include <cmocka.h>
#include <core/restore.h>
#include <quietbench/journal.h>
#include <quietbench/lever.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "../sandbox.h"

#define CPU_DIR	 "/sys/devices/system/cpu"
#define POLICY	 CPU_DIR "/cpufreq/policy0"
#define GOVERNOR POLICY "/scaling_governor"
#define LOCK	 QB_STATE_DIR "/lock"

static bool sandboxed;
static int lock = -1;
static char *said;
static struct qb_journal_owner owner;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

static int fresh_host(void **state)
{
	if (!sandboxed)
		return 0;
	owner = (struct qb_journal_owner){.since = qb_time_now() - 180,
		.client = 1,
		.guardian = getpid(),
		.monitor = 1,
		.profile = "default",
		.command = "make bench",
		.cpus = "2"};
	return !sandbox_empty("/run") || !sandbox_empty(CPU_DIR) || mkdir(QB_STATE_DIR, 0755) < 0 ||
	       mkdir(CPU_DIR "/cpufreq", 0755) < 0 || mkdir(POLICY, 0755) < 0 ||
	       !sandbox_put(GOVERNOR, "performance\n") || !sandbox_put(LOCK, "") ||
	       qb_journal_boot_id(owner.boot_id, NULL) < 0;
}

static int tidy(void **state)
{
	if (lock >= 0)
		close(lock);
	lock = -1;
	free(said);
	said = NULL;
	return 0;
}

static void live(void)
{
	lock = open(LOCK, O_RDWR | O_CLOEXEC);
	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
}

/* The journal, which is root's. */
static void journal(void)
{
	struct qb_journal fresh;
	struct qb_error err = {0};

	if (qb_journal_create(&fresh, QB_JOURNAL_PATH, &owner, 4096, &err) < 0)
		fail_msg("%s", err.text);
	qb_journal_close(&fresh);
}

static void summarize(const char *path)
{
	struct qb_steps steps = {0};
	struct qb_step *step = qb_steps_add(
		&steps, QB_LEVER_GOVERNOR, qb_unit_number(0), "powersave", "performance");
	struct qb_error err = {0};

	assert_non_null(step);
	step->status = QB_STATUS_APPLIED;
	step->intent = true;
	step->left = step->became = qb_steps_text(&steps, "performance");
	step->restored =
		strcmp(path, QB_CONFLICTS_PATH) == 0 ? QB_RESTORED_CONFLICT : QB_RESTORED_NONE;
	qb_steps_refuse(&steps, QB_LEVER_EPP, QB_STATUS_UNSUPPORTED, "this driver has none");
	if (qb_journal_summarize(path, &owner, &steps, &err) < 0)
		fail_msg("%s", err.text);
	qb_steps_free(&steps);
}

/* What the command prints goes to `said`. Returns its exit status. */
static int status(bool json)
{
	struct qb_cli cli = {.options.given = json ? QB_OPTION_BIT(JSON) : 0};
	FILE *file = tmpfile();
	int out, result;
	long size;

	assert_non_null(file);
	fflush(stdout);
	out = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	result = qb_cmd_status(&cli);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	size = lseek(fileno(file), 0, SEEK_END);
	free(said);
	said = calloc(1, (size_t)size + 1);
	assert_non_null(said);
	assert_int_equal(pread(fileno(file), said, (size_t)size, 0), size);
	fclose(file);
	return result;
}

static void expect(const char *text)
{
	if (!strstr(said, text))
		fail_msg("expected \"%s\" in:\n%s", text, said);
}

#define NEEDS_SANDBOX()                                                                            \
	do {                                                                                       \
		(void)state;                                                                       \
		if (!sandboxed)                                                                    \
			skip();                                                                    \
	} while (0)

static void test_never_conditioned(void **state)
{
	NEEDS_SANDBOX();
	assert_true(sandbox_empty("/run")); /* not even the folder */
	assert_int_equal(status(false), 3);
	assert_string_equal(said, "not conditioned\n");
}

static void test_conditioned(void **state)
{
	NEEDS_SANDBOX();
	summarize(QB_SUMMARY_PATH);
	live();
	assert_int_equal(status(false), 0);
	expect("conditioned\n  by       root, since ");
	expect(", 3 min ago\n");
	expect("  profile  default, CPU 2, 1 change\n");
	assert_null(strstr(said, "command")); /* the summary is everybody's */
	journal();
	assert_int_equal(status(false), 0);
	expect("  profile  default, CPU 2, 1 change\n  command  make bench\n");
}

static void test_lease(void **state)
{
	NEEDS_SANDBOX();
	owner.lease = true;
	owner.until = qb_time_now() + 601;
	summarize(QB_SUMMARY_PATH);
	live();
	assert_int_equal(status(false), 0);
	expect("  profile  default, CPU 2, 1 change\n  apply    until ");
	expect(", in 10 min\n");
	assert_int_equal(status(true), 0);
	expect("\"command\": null");
	expect("\"while\": null");
	owner.until = 0;
	owner.until_pid = 812;
	summarize(QB_SUMMARY_PATH);
	assert_int_equal(status(false), 0);
	expect("  apply    as long as process 812 lives\n");
	assert_int_equal(status(true), 0);
	expect("\"until\": null");
	expect("\"while\": 812");
}

static void test_starting(void **state)
{
	NEEDS_SANDBOX();
	live();
	assert_int_equal(status(false), 3);
	expect("not conditioned: a session is running (pid ");
}

static void test_drifted(void **state)
{
	NEEDS_SANDBOX();
	summarize(QB_SUMMARY_PATH);
	live();
	assert_true(sandbox_put(GOVERNOR, "powersave\n"));
	assert_int_equal(status(false), 1);
	expect("drifted\n");
	expect("changed by another program since:\n  frequency.governor  policy0  performance → powersave\n");
	assert_int_equal(unlink(GOVERNOR), 0);
	assert_int_equal(status(false), 1);
	expect("performance → (No such file or directory)");
}

static void test_left_over(void **state)
{
	NEEDS_SANDBOX();
	summarize(QB_SUMMARY_PATH);
	assert_int_equal(status(false), 1);
	expect("left over: its session was interrupted; run: quietbench restore\n  by ");
}

/* The lock is another session's, which is about to recover what this one left. */
static void test_left_over_and_busy(void **state)
{
	NEEDS_SANDBOX();
	owner.guardian = 1;
	summarize(QB_SUMMARY_PATH);
	live();
	assert_int_equal(status(false), 1);
	expect("left over: its session was interrupted; another one is running (pid ");
}

static void test_died_early(void **state)
{
	NEEDS_SANDBOX();
	assert_true(sandbox_put(QB_JOURNAL_PATH, ""));
	assert_int_equal(status(false), 1);
	expect("left over: a session was interrupted while changing the host; run: quietbench restore\n");
}

static void test_another_boot(void **state)
{
	NEEDS_SANDBOX();
	owner.boot_id[0] = owner.boot_id[0] == 'a' ? 'b' : 'a';
	summarize(QB_SUMMARY_PATH);
	assert_int_equal(status(false), 3);
	assert_string_equal(said, "not conditioned\n");
}

static void test_conflicts(void **state)
{
	NEEDS_SANDBOX();
	summarize(QB_CONFLICTS_PATH);
	assert_int_equal(status(false), 3);
	expect("quietbench restore --force\n");
	expect("(to put it back: quietbench restore --force):\n  frequency.governor  policy0  powersave → performance\n");
}

/* What is owed is told with what it waits for, in a session of another's, too. */
static void test_owed(void **state)
{
	struct qb_steps kept = {0};
	struct qb_error err = {0};

	NEEDS_SANDBOX();
	for (uint32_t tid = 7; tid < 10; tid++) {
		struct qb_step *step = qb_steps_add(&kept, QB_LEVER_TASK_AFFINITY,
			(struct qb_unit){.number = tid, .key = 1}, "ff", NULL);

		assert_non_null(step);
		step->intent = true;
		step->restored = QB_RESTORED_OWED;
		step->reason = qb_steps_text(&kept, "CPU 3 is offline");
		step->became = step->left = qb_steps_text(&kept, "f7");
	}
	if (qb_journal_summarize(QB_CONFLICTS_PATH, &owner, &kept, &err) < 0)
		fail_msg("%s", err.text);
	qb_steps_free(&kept);
	assert_int_equal(status(false), 3);
	expect("not conditioned: 3 values cannot be given back yet; once that is possible, run: quietbench restore\n");
	expect(" (then run: quietbench restore):\n  cpus.isolation 3 tasks: CPU 3 is offline\n");
	assert_int_equal(status(true), 3);
	expect("\"restored\": \"owed\"");
	expect("\"reason\": \"CPU 3 is offline\"");
	summarize(QB_SUMMARY_PATH);
	live();
	assert_int_equal(status(false), 0);
	expect("conditioned\n");
	expect("CPU 3 is offline");
}

/* Guardian and monitor of the session; what becomes of the monitor is for the caller. */
static void orphan(int monitor_signal, int guardian_signal, pid_t *ret_guardian)
{
	pid_t monitor = fork(), guardian;
	siginfo_t info;

	if (monitor == 0) {
		pause();
		_exit(0);
	}
	guardian = fork();
	if (guardian == 0) {
		live();
		kill(getpid(), SIGSTOP);
		pause();
		_exit(0);
	}
	assert_int_equal(waitpid(guardian, NULL, WUNTRACED), guardian);
	if (guardian_signal)
		kill(guardian, guardian_signal);
	if (guardian_signal)
		assert_int_equal(waitpid(guardian, NULL, WCONTINUED), guardian);
	kill(monitor, monitor_signal);
	/* as its stopped guardian leaves it: dead, and not waited for */
	assert_int_equal(waitid(P_PID, (id_t)monitor, &info, WEXITED | WNOWAIT), 0);
	owner.monitor = monitor;
	owner.guardian = guardian;
	summarize(QB_SUMMARY_PATH);
	*ret_guardian = guardian;
}

static void test_orphan(void **state)
{
	pid_t guardian;
	char text[64];

	NEEDS_SANDBOX();
	orphan(SIGKILL, 0, &guardian);
	assert_int_equal(status(false), 1);
	expect("left over: its monitor has died, and its guardian, process ");
	snprintf(text, sizeof(text), "is stopped; run: kill -CONT %d\n", guardian);
	expect(text);
	kill(guardian, SIGKILL);
	waitpid(guardian, NULL, 0);
	waitpid(owner.monitor, NULL, 0);
	orphan(SIGKILL, SIGCONT, &guardian);
	assert_int_equal(status(false), 1);
	expect("is restoring the host\n");
	kill(guardian, SIGKILL);
	waitpid(guardian, NULL, 0);
	waitpid(owner.monitor, NULL, 0);
}

static void test_unknown(void **state)
{
	NEEDS_SANDBOX();
	assert_true(sandbox_put(QB_SUMMARY_PATH, "nonsense"));
	assert_int_equal(status(false), 4);
	expect("unknown: ");
	expect(QB_SUMMARY_PATH);
	summarize(QB_SUMMARY_PATH);
	assert_int_equal(chmod(QB_SUMMARY_PATH, 0666), 0); /* anybody may have written it */
	assert_int_equal(status(false), 4);
}

static void test_json(void **state)
{
	NEEDS_SANDBOX();
	summarize(QB_SUMMARY_PATH);
	live();
	assert_int_equal(status(true), 0);
	expect("\"state\": \"conditioned\"");
	expect("\"command\": null");
	journal();
	assert_int_equal(status(true), 0);
	expect("\"command\": \"make bench\"");
	expect("\"drift\": []");
	assert_true(sandbox_put(GOVERNOR, "powersave\n"));
	assert_int_equal(status(true), 1);
	expect("\"state\": \"drifted\"");
	expect("\"left\": \"performance\"");
	expect("\"now\": \"powersave\"");
	assert_true(sandbox_empty("/run"));
	assert_int_equal(status(true), 3);
	expect("\"session\": null");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_never_conditioned, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_conditioned, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_lease, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_starting, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_drifted, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_left_over, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_left_over_and_busy, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_died_early, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_another_boot, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_conflicts, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_owed, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_orphan, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_unknown, fresh_host, tidy),
		cmocka_unit_test_setup_teardown(test_json, fresh_host, tidy),
	};
	return cmocka_run_group_tests(tests, enter, NULL);
}
