/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h: whose commands are on the CPUs of a session that was joined. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <client/session.h>

static const struct qb_tenant tenants[] = {
	{.cpu = 2, .pid = 812, .uid = 1000},
	{.cpu = 3, .pid = 812, .uid = 1000},
	{.cpu = 3, .pid = 900, .uid = 0},
};

static struct qb_joined_message with_tenants(void)
{
	struct qb_joined_message with = {.n = sizeof(tenants) / sizeof(tenants[0])};

	for (uint32_t i = 0; i < with.n; i++) {
		with.tenants[i] = tenants[i];
		qb_cpus_add(&with.taken, tenants[i].cpu);
	}
	return with;
}

static void expect(const struct qb_joined_message *with, const char *list, const char *wanted)
{
	struct qb_cpus cpus = {0};
	char buf[QB_ERROR_MAX];

	assert_int_equal(qb_cpus_parse_list(list, &cpus), 0);
	assert_int_equal(qb_session_others(with, &cpus, buf, sizeof(buf)), *wanted != 0);
	assert_string_equal(buf, wanted);
}

static void test_others(void **state)
{
	const struct qb_joined_message with = with_tenants();

	expect(&with, "0-1", "");
	expect(&with, "2", "CPU 2 has another run's command (pid 812, user 1000)");
	expect(&with, "0-3",
		"CPU 2-3 has another run's command (pid 812, user 1000), "
		"CPU 3 has another run's command (pid 900, user 0)");
	expect(&with, "3-4",
		"CPU 3 has another run's command (pid 812, user 1000), "
		"CPU 3 has another run's command (pid 900, user 0)");
}

static void test_more_than_are_told(void **state)
{
	struct qb_joined_message with = with_tenants();

	qb_cpus_add(&with.taken, 7);
	expect(&with, "7", "another run's command is on one of the CPUs");
	expect(&with, "6", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_more_than_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
