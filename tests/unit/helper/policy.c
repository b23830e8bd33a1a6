/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the policy leaves to the peer of a session: nothing of it to root, and its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/clock.h>
#include <base/macros.h>
#include <cmocka.h>
#include <core/policy.h>
#include <errno.h>
#include <helper/policy.h>
#include <host/caller.h>
#include <poll.h>
#include <sys/socket.h>

static bool sandboxed;
static const struct qb_limits unlimited = {.timer = -1};

/* No policy is there: /etc is empty. */
static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return !sandboxed || sandbox_empty("/etc") ? 0 : -1;
}

static struct qb_limits half(void)
{
	struct qb_limits limits = {.limited = true, .rule = qb_policy_members, .timer = -1};

	return limits;
}

static unsigned online(struct qb_cpus *ret)
{
	assert_int_equal(qb_host_online(ret, NULL), 0);
	return qb_cpus_count(ret);
}

static struct qb_limits find(uid_t uid)
{
	_Atomic uint16_t pending = 0;
	struct qb_helper helper = {.lock = -1, .peer = {.uid = uid}, .pending = &pending};
	struct qb_limits limits = QB_LIMITS_NONE;
	struct qb_error err = {0};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	helper.client.fd = pair[0];
	if (qb_limits_find(&helper, &limits, &err) < 0)
		fail_msg("%s", err.text);
	qb_wire_close(&helper.client);
	close(pair[1]);
	return limits;
}

static void test_without_a_file(void **state)
{
	struct qb_limits limits;

	if (!sandboxed)
		skip();
	assert_false(find(0).limited);
	limits = find(1000);
	assert_true(limits.limited);
	assert_true(limits.rule.builtin);
	assert_int_equal(limits.timer, -1); /* the lock is not theirs yet */
}

/* Only root may go on when the file is no policy, and it says why. */
static void test_with_a_bad_file(void **state)
{
	_Atomic uint16_t pending = 0;
	struct qb_helper helper = {.lock = -1, .peer = {.uid = 1000}, .pending = &pending};
	struct qb_limits limits = QB_LIMITS_NONE;
	struct qb_error err = {0};
	int pair[2];

	if (!sandboxed)
		skip();
	assert_int_equal(mkdir("/etc/quietbench", 0755), 0);
	assert_true(sandbox_put(QB_POLICY_PATH, "rules: []"));
	assert_int_equal(chmod(QB_POLICY_PATH, 0666), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	helper.client.fd = pair[0];
	assert_int_equal(qb_limits_find(&helper, &limits, &err), -EPERM);
	assert_int_equal(
		strncmp(err.text, QB_POLICY_BROKEN ": ", strlen(QB_POLICY_BROKEN ": ")), 0);
	qb_wire_close(&helper.client);
	close(pair[1]);
	assert_false(find(0).limited);
	assert_int_equal(unlink(QB_POLICY_PATH), 0);
}

/* What a session asks for must fit into what is left of the rule's time. */
static void test_what_is_left(void **state)
{
	struct qb_limits limits = half();

	limits.rule.lease_ns = 100;
	limits.rule.lock_ns = 70;
	assert_int_equal(qb_limits_left(&limits, 0), 70);
	assert_int_equal(qb_limits_left(&limits, 60), 40);
	assert_int_equal(qb_limits_left(&limits, 100), 0);
	assert_true(qb_limits_left(&unlimited, 60) == INT64_MAX);
}

static void test_the_time_of_the_lock(void **state)
{
	struct qb_limits limits = half(), root = unlimited;
	struct pollfd p = {.events = POLLIN};
	struct qb_error err = {0};

	limits.rule.lock_ns = 2 * QB_NS_PER_S;
	assert_int_equal(qb_limits_start(&limits, qb_ns_now(CLOCK_BOOTTIME), &err), 0);
	p.fd = limits.timer;
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(poll(&p, 1, 10000), 1);
	qb_limits_stop(&limits);
	/* of its user, who has had the host for longer than this session */
	assert_int_equal(
		qb_limits_start(&limits, qb_ns_now(CLOCK_BOOTTIME) - 3 * QB_NS_PER_S, &err), 0);
	p.fd = limits.timer;
	assert_int_equal(poll(&p, 1, 1000), 1);
	qb_limits_explain(&limits, &err);
	assert_int_equal(err.code, ETIME);
	assert_non_null(strstr(err.text, "policy"));
	assert_non_null(strstr(err.text, "2 s"));
	qb_limits_stop(&limits);
	assert_int_equal(limits.timer, -1);
	qb_limits_stop(&limits);
	assert_int_equal(qb_limits_start(&root, 0, &err), 0);
	assert_int_equal(root.timer, -1);
}

static void test_a_clients_own_limits_are_not_believed(void **state)
{
	struct qb_request request = {.without_isolation = 1, .without_offline = 1};
	struct qb_limits limits = half();

	assert_int_equal(qb_limits_wish(&unlimited, &request, NULL), 0);
	assert_int_equal(request.without_isolation, 0);
	assert_int_equal(request.without_offline, 0);
	assert_int_equal(qb_limits_wish(&limits, &request, NULL), 0);
	assert_int_equal(request.without_offline, 1);
}

static void test_how_many_cpus(void **state)
{
	struct qb_limits limits = half();
	struct qb_cpus cpus;
	unsigned n = online(&cpus);

	assert_int_equal(qb_limits_cpus(&unlimited), 0);
	assert_int_equal(qb_limits_cpus(&limits), n / 2);
	limits.rule.cpus.percent = false;
	limits.rule.cpus.max = 1;
	assert_int_equal(qb_limits_cpus(&limits), 1);
}

static void test_which_cpus_a_shared_run_may_have(void **state)
{
	struct qb_limits limits = half();
	struct qb_cpus cpus, none = {0};
	struct qb_error err = {0};

	online(&cpus);
	assert_int_equal(qb_limits_claim(&unlimited, &cpus, &err), 0);
	limits.rule.cpus.percent = false;
	limits.rule.cpus.max = QB_CPUS_MAX;
	assert_int_equal(qb_limits_claim(&limits, &cpus, &err), 0);
	limits.rule.cpus.max = 0;
	assert_true(qb_limits_claim(&limits, &cpus, &err) < 0);
	limits.rule.cpus.max = QB_CPUS_MAX;
	qb_cpus_add(&none, QB_CPUS_MAX - 1); /* which is not among them */
	limits.rule.cpus.list = none;
	assert_true(qb_limits_claim(&limits, &cpus, &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_file),
		cmocka_unit_test(test_with_a_bad_file),
		cmocka_unit_test(test_what_is_left),
		cmocka_unit_test(test_the_time_of_the_lock),
		cmocka_unit_test(test_a_clients_own_limits_are_not_believed),
		cmocka_unit_test(test_how_many_cpus),
		cmocka_unit_test(test_which_cpus_a_shared_run_may_have),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
