/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client of irqbalance's socket, against a stand-in. Like irqbalance it shows a command's
 * effect only after its next look, which the tests play.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/file.h>
#include <cmocka.h>
#include <host/irqbalance.h>
#include <levers/irqs.h>
#include <stdlib.h>
#include <time.h>

#include "../fake_irqbalance.h"
#include "../sandbox.h"

static bool sandboxed, own_root;

static void start(enum manner manner, const char *setup)
{
	int ready[2];
	char byte;

	if (!sandboxed)
		skip();
	memset(it, 0, sizeof(*it));
	it->manner = manner;
	qb_irqbalance_patience = 10;
	snprintf(it->setup, sizeof(it->setup), "%s", setup);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static int stop(void **state)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	child = 0;
	return 0;
}

static int enter(void **state)
{
	it = mmap(NULL, sizeof(*it), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (it == MAP_FAILED)
		return -1;
	prctl(PR_SET_NAME, "test"); /* this program bears the name that is looked for */
	own_root = geteuid() == 0;
	sandboxed = sandbox_enter();
	return 0;
}

static int fresh_run(void **state)
{
	if (sandboxed && (!sandbox_empty("/run") || mkdir("/run/irqbalance", 0755) < 0 ||
				 mkdir("/run/quietbench", 0755) < 0))
		return -1;
	return 0;
}

static void assert_read(const char *expected)
{
	const struct qb_unit host = qb_unit_none();
	struct qb_error err = {0};
	char text[64] = "";
	int r = qb_irqbalance_ban_ops.read(NULL, &host, text, sizeof(text), &err);

	if (r < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, expected);
}

static void assert_write(const char *text, const char *expected_command)
{
	const struct qb_unit host = qb_unit_none();
	struct qb_error err = {0};
	const int before = it->commands;

	if (qb_irqbalance_ban_ops.write(NULL, &host, text, &err) < 0)
		fail_msg("%s", err.text);
	/* A ban is waited for; what gives CPUs back only stands in line. */
	for (int i = 0; i < 2000 && *text != '+' && it->commands == before; i++)
		usleep(1000);
	assert_int_equal(it->commands, before + 1);
	assert_string_equal(it->command, expected_command);
	assert_true(it->root);
}

static void look(const char *mask)
{
	snprintf(it->setup, sizeof(it->setup), "SLEEP 10 BANNED %s", mask);
}

static void test_ban(void **state)
{
	start(MANNER_PROPER, "SLEEP 10 BANNED 00000000");
	assert_read("none");
	assert_write("+2-3,6", "settings cpus 2-3,6");
	look("0000004c");
	assert_read("2-3,6");
	assert_write("none", "settings cpus NULL");
	look("00000000");
	assert_read("none");
}

/* Somebody's ban of CPU 7 stays, and is what is put back. */
static void test_ban_adds(void **state)
{
	start(MANNER_PROPER, "SLEEP 10 IRQ 5 LOAD 0 DIFF 0 CLASS 0 BANNED 00000080");
	assert_read("7");
	assert_write("+2", "settings cpus 2,7");
	assert_write("7", "settings cpus 7");
}

/* Between command and look irqbalance shows the past: what it was told counts. */
static void test_told(void **state)
{
	start(MANNER_PROPER, "SLEEP 10 BANNED 00000000");
	assert_write("+2", "settings cpus 2");
	assert_read("2");
	assert_write("+3", "settings cpus 2-3");
	assert_write("none", "settings cpus NULL");
	assert_read("none");

	/* The next session starts before the look: it must not take our ban for the host's. */
	look("00000004");
	assert_read("none");
	assert_write("+5", "settings cpus 5");
	assert_write("none", "settings cpus NULL");
	assert_int_equal(it->asked, 2); /* by the first write; for all the others it may be deaf */
}

static void put_note(int pid, long long age_ms, const char *told)
{
	struct timespec now;
	char line[128];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(line, sizeof(line), "%d 1 %lld %s\n", pid,
		(long long)now.tv_sec * 1000 + now.tv_nsec / 1000000 - age_ms, told);
	assert_true(sandbox_put(QB_IRQBALANCE_TOLD, line));
}

/* Told long ago, or to an earlier irqbalance, or garbled: what is shown counts. */
static void test_stale_note(void **state)
{
	start(MANNER_PROPER, "SLEEP 1 BANNED 00000004");
	put_note(child, 6000, "7");
	assert_read("7");
	put_note(child, 8000, "7"); /* twice the interval, and five seconds */
	assert_read("2");
	put_note(1, 0, "7");
	assert_read("2");
	put_note(child, -5000, "7"); /* the future: of another boot */
	assert_read("2");
	put_note(child, 0, "seven");
	assert_read("2");
	assert_true(sandbox_put(QB_IRQBALANCE_TOLD, "rubbish\n"));
	assert_read("2");
	put_note(child, 0, "NULL");
	assert_read("none");
}

/* Without the note a crash could not be told from a rival: nothing is sent. */
static void test_unnoted(void **state)
{
	const struct qb_unit host = qb_unit_none();
	struct qb_error err = {0};

	start(MANNER_PROPER, "SLEEP 10 BANNED 00000000");
	assert_int_equal(rmdir("/run/quietbench"), 0);
	assert_int_equal(qb_irqbalance_ban_ops.write(NULL, &host, "+2", &err), -ENOENT);
	assert_int_equal(it->commands, 0);
}

static void test_abstract(void **state)
{
	start(MANNER_ABSTRACT, "SLEEP 10 BANNED 00000000");
	assert_write("+1", "settings cpus 1");
}

static void test_absent(void **state)
{
	struct qb_error err = {0};
	struct qb_cpus cpus = {0};
	pid_t pid = -1;
	int r;

	if (!sandboxed)
		skip();
	r = qb_irqbalance_find(&pid, &err);
	if (r == 0)
		skip(); /* a real one runs on this machine */
	assert_int_equal(r, -ENOENT);
	assert_int_equal(pid, -1);
	assert_int_equal(qb_irqbalance_banned(&cpus, &err), -ENOENT);
	assert_int_equal(qb_irqbalance_ban(&cpus, true, &err), -ENOENT);
}

static void assert_refused(int expected)
{
	const struct qb_unit host = qb_unit_none();
	struct qb_error err = {0};
	char text[64];

	assert_int_equal(
		qb_irqbalance_ban_ops.read(NULL, &host, text, sizeof(text), &err), expected);
	assert_int_equal(qb_irqbalance_ban_ops.write(NULL, &host, "+2", &err), expected);
	assert_int_equal(it->commands, 0);
	assert_true(err.text[0]);
}

/* Deaf for longer than we wait: an error, but irqbalance must live, and hears what stood in line.
 */
static void test_deaf(void **state)
{
	const struct qb_unit host = qb_unit_none();
	struct qb_error err = {0};
	struct qb_cpus cpus;

	start(MANNER_DEAF, "SLEEP 10 BANNED 00000000");
	qb_irqbalance_patience = 1;
	assert_int_equal(qb_irqbalance_banned(&cpus, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "stopped"));
	assert_int_equal(it->asked, 0);
	put_note(child, 6500, "NULL");
	assert_int_equal(qb_irqbalance_ban_ops.write(NULL, &host, "+2", &err), -ETIMEDOUT);
	assert_read("2"); /* it will come */
	/* Behind what it was told just now, a ban takes longer. */
	assert_int_equal(qb_irqbalance_ban_ops.write(NULL, &host, "none", &err), 0);
	assert_int_equal(qb_irqbalance_ban_ops.write(NULL, &host, "+4", &err), 0);
	assert_int_equal(it->commands, 3);
	assert_string_equal(it->command, "settings cpus 4");
	assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
}

static void test_endless(void **state)
{
	start(MANNER_ENDLESS, "");
	assert_refused(-EBADMSG);
}

static void test_foreign(void **state)
{
	if (!own_root)
		skip(); /* in a user namespace of one user there is nobody else to be */
	start(MANNER_FOREIGN, "SLEEP 10 BANNED 00000000");
	assert_refused(-EPERM);
}

static void test_no_answer(void **state)
{
	start(MANNER_PROPER, "");
	assert_refused(-EPERM);
}

static void test_garbled(void **state)
{
	start(MANNER_PROPER, "SLEEP ten BANNED 0");
	assert_refused(-EBADMSG);
}

static void test_parse(void **state)
{
	static const char *const garbled[] = {"", "SLEEP", "SLEEP 10", "SLEEP 10 BANNED ",
		"SLEEP 10 BANNED x", "SLEEP 10BANNED 4", "SLEEP 0 BANNED 4", "SLEEP -1 BANNED 4",
		"SLEEP 99999999999999999999 BANNED 4", "SLEEP 10 BANNED 4 4", "BANNED 4 SLEEP 10",
		"TYPE 0 NUMBER 1", "SLEEP  BANNED 4"};
	struct qb_irqbalance_setup setup = {.sleep = -1};

	for (size_t i = 0; i < sizeof(garbled) / sizeof(garbled[0]); i++)
		if (qb_irqbalance_parse_setup(garbled[i], &setup) != -EBADMSG)
			fail_msg("taken: '%s'", garbled[i]);
	assert_int_equal(setup.sleep, -1);
	assert_int_equal(qb_irqbalance_parse_setup(
				 "SLEEP 10 IRQ 9 LOAD 1 DIFF 2 CLASS 3 BANNED 1,00000000", &setup),
		0);
	assert_int_equal(setup.sleep, 10);
	assert_int_equal(qb_cpus_count(&setup.banned), 1);
	assert_true(qb_cpus_has(&setup.banned, 32));
}

static void test_same_and_judge(void **state)
{
	const struct qb_lever_ops *ops = &qb_irqbalance_ban_ops;
	char list[700] = "+1";

	assert_true(ops->same("2-3", "2,3"));
	assert_true(ops->same("+2-3", "1-4")); /* banned already: nothing to do */
	assert_true(ops->same("1-4", "+2-3"));
	assert_false(ops->same("+2-3", "2"));
	assert_false(ops->same("none", "+2"));
	assert_false(ops->same("none", "2"));
	assert_true(ops->same("none", "none"));

	assert_int_equal(ops->judge(NULL, NULL, "+2,6", NULL), 0);
	assert_int_equal(ops->judge(NULL, NULL, "2", NULL), -EINVAL); /* may lift another's ban */
	assert_int_equal(ops->judge(NULL, NULL, "none", NULL), -EINVAL);
	assert_int_equal(ops->judge(NULL, NULL, "+", NULL), -EINVAL);
	assert_int_equal(ops->judge(NULL, NULL, "", NULL), -EINVAL);
	assert_int_equal(ops->judge(NULL, NULL, "+none", NULL), -EINVAL);

	/* irqbalance reads 500 bytes and would ban a part. */
	for (unsigned cpu = 3; cpu < 300; cpu += 2)
		snprintf(list + strlen(list), sizeof(list) - strlen(list), ",%u", cpu);
	start(MANNER_PROPER, "SLEEP 10 BANNED 00000000");
	assert_int_equal(ops->write(NULL, NULL, list, NULL), -EOPNOTSUPP);
	assert_int_equal(it->commands, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_run, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_ban),
		TEST(test_ban_adds),
		TEST(test_told),
		TEST(test_stale_note),
		TEST(test_unnoted),
		TEST(test_abstract),
		TEST(test_absent),
		TEST(test_deaf),
		TEST(test_endless),
		TEST(test_foreign),
		TEST(test_no_answer),
		TEST(test_garbled),
		TEST(test_parse),
		TEST(test_same_and_judge),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
