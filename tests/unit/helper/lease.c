/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ends a lease. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/clock.h>
#include <base/macros.h>
#include <cmocka.h>
#include <helper/helper.h>
#include <helper/policy.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

static bool sandboxed;
static const struct qb_peer root = {.uid = 0}, user = {.uid = 1000};
static const struct qb_limits unlimited = {.timer = -1};
static const struct qb_limits an_hour = {
	.limited = true, .timer = -1, .rule = {.name = "ci", .lease_ns = 3600 * NS_PER_S}};

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

/* The state folder, in a /run of the test's own. */
static int fresh(void **state)
{
	if (!sandboxed)
		return 0;
	return sandbox_empty("/run") && close(qb_lock_open(NULL)) == 0 ? 0 : -1;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* ---- what HELLO asks for ---- */

static int make(struct qb_lease *ret, int64_t ns, pid_t pid, const struct qb_peer *peer,
	const struct qb_limits *limits)
{
	const struct qb_hello hello = {.lease_ns = ns, .lease_while = pid};
	struct qb_error err = {0};
	int r = qb_lease_make(ret, &hello, peer, limits, &err);

	if (r < 0)
		assert_string_not_equal(err.text, "");
	return r;
}

static void test_a_time(void **state)
{
	struct qb_lease lease;

	assert_int_equal(make(&lease, NS_PER_S, 0, &user, &unlimited), 0);
	assert_true(lease.timer >= 0);
	assert_int_equal(lease.pidfd, -1);
	assert_int_equal(lease.ns, NS_PER_S);
	assert_false(readable(lease.timer, 0)); /* it has not begun to count */
	qb_lease_close(&lease);
	assert_int_equal(lease.timer, -1);
}

static void test_neither_time_nor_process(void **state)
{
	struct qb_lease lease = QB_LEASE_NONE;

	assert_int_equal(make(&lease, 0, 0, &user, &unlimited), -EPROTO);
	assert_int_equal(make(&lease, -1, -1, &user, &unlimited), -EPROTO);
	assert_int_equal(lease.timer, -1);
}

static void test_a_process(void **state)
{
	struct qb_lease lease;
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(make(&lease, 0, pid, &root, &unlimited), 0);
	assert_int_equal(lease.timer, -1);
	assert_int_equal(lease.pid, pid);
	assert_false(readable(lease.pidfd, 0));
	kill(pid, SIGKILL);
	assert_true(readable(lease.pidfd, 5000));
	waitpid(pid, NULL, 0);
	qb_lease_close(&lease);
	assert_int_equal(make(&lease, 0, pid, &root, &unlimited), -ESRCH);
}

static void test_only_ones_own_process(void **state)
{
	const struct qb_peer stranger = {.uid = geteuid() + 1}, owner = {.uid = geteuid()};
	struct qb_lease lease;

	assert_int_equal(make(&lease, 0, getpid(), &stranger, &unlimited), -EPERM);
	assert_int_equal(make(&lease, 0, getpid(), &owner, &unlimited), 0);
	qb_lease_close(&lease);
}

static void test_the_policys_time(void **state)
{
	const struct qb_peer owner = {.uid = geteuid()};
	struct qb_lease lease;

	assert_int_equal(make(&lease, 3600 * NS_PER_S, 0, &user, &an_hour), 0);
	qb_lease_close(&lease);
	assert_true(make(&lease, 3600 * NS_PER_S + 1, 0, &user, &an_hour) < 0);
	/* Whatever lives, it lasts no longer. */
	assert_int_equal(make(&lease, 0, getpid(), &owner, &an_hour), 0);
	assert_true(lease.timer >= 0 && lease.pidfd >= 0);
	assert_int_equal(lease.ns, 3600 * NS_PER_S);
	qb_lease_close(&lease);
}

static void test_it_counts_from_its_start(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps seen = {0};
	const struct qb_steps none = {0};
	struct qb_journal_owner owner = {.lease = true};
	struct qb_journal summary;
	struct qb_error err = {0};
	struct qb_lease lease;
	int64_t now = qb_time_now();

	if (!sandboxed)
		skip();
	assert_int_equal(qb_journal_boot_id(owner.boot_id, &err), 0);
	assert_int_equal(make(&lease, 2 * NS_PER_S + 50 * NS_PER_MS, 0, &user, &unlimited), 0);
	assert_int_equal(qb_lease_start(&lease, &owner, &none, &err), 0);
	assert_in_range(owner.until, now + 2, now + 4);
	assert_int_equal(qb_journal_read(&summary, QB_SUMMARY_PATH, &seen, &err), 0);
	assert_int_equal(summary.owner.until, owner.until); /* for status */
	assert_false(readable(lease.timer, 500));
	assert_true(readable(lease.timer, 10000));
	qb_lease_close(&lease);
}

static void test_described(void **state)
{
	struct qb_journal_owner owner = {.uid = 1000, .client = 812, .command = "make\nbench"};
	char text[256];

	qb_lease_describe(&owner, text, sizeof(text));
	assert_non_null(strstr(text, "the run of user 1000 (process 812), since "));
	assert_non_null(strstr(text, ": make"));
	assert_null(strchr(text, '\n'));
	owner.lease = true;
	qb_lease_describe(&owner, text, sizeof(text));
	assert_non_null(strstr(text, "the apply of user 1000, since "));
	assert_null(strstr(text, "until")); /* it is still being made */
	owner.until = 1;
	qb_lease_describe(&owner, text, sizeof(text));
	assert_non_null(strstr(text, " until "));
	owner.until_pid = 7;
	qb_lease_describe(&owner, text, sizeof(text));
	assert_non_null(strstr(text, "while process 7 lives"));
	owner.shared = true;
	qb_lease_describe(&owner, text, sizeof(text));
	assert_non_null(strstr(text, "the shared runs that user 1000 began"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_time),
		cmocka_unit_test(test_neither_time_nor_process),
		cmocka_unit_test(test_a_process),
		cmocka_unit_test(test_only_ones_own_process),
		cmocka_unit_test(test_the_policys_time),
		cmocka_unit_test_setup(test_it_counts_from_its_start, fresh),
		cmocka_unit_test(test_described),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
