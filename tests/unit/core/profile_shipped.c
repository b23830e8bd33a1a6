/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shipped profiles: valid, complete, and as their names promise. */
#include "../profile_ask.h"

/* No folder but the shipped one; each with -s as the planner would get them. */
static void test_shipped(void **state)
{
	static const char *const promised[] = {
		"base", "default", "minimal", "vm", "dohost", "strict", "profiling", "as-is"};
	const char *dirs[] = {SHIPPED, NULL};
	struct qb_profile_name *names;
	size_t n;

	for (size_t i = 0; i < QB_ARRAY_SIZE(promised); i++) {
		_cleanup_ask_ struct ask ask = {.dirs = {SHIPPED}};

		load(&ask, promised[i]);
		assert_loaded(&ask);
	}
	assert_int_equal(qb_profile_names(dirs, &names, &n, NULL), 0);
	for (size_t i = 0; i < n; i++) {
		_cleanup_ask_ struct ask ask = {.dirs = {SHIPPED}};

		load(&ask, names[i].name);
		assert_loaded(&ask);
		assert_string_equal(ask.profile.name, names[i].name);
		assert_true(ask.profile.description[0]);
	}
	free(names);
}

/* base writes down every default, and they are the table's. */
static void test_base(void **state)
{
	_cleanup_ask_ struct ask ask = {.dirs = {SHIPPED}};

	load(&ask, "base");
	assert_loaded(&ask);
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		struct qb_setting dflt;

		if (key == QB_KEY_CPUS_LIST)
			continue;
		if (!ask.profile.set[key].explicit_)
			fail_msg("%s is not in base.yaml", qb_keys[key].name);
		assert_int_equal(
			qb_setting_parse((enum qb_key)key, qb_keys[key].dflt, &dflt, NULL), 0);
		dflt.explicit_ = true;
		if (memcmp(&ask.profile.set[key], &dflt, sizeof(dflt)) != 0)
			fail_msg("%s differs", qb_keys[key].name);
	}
}

/* What the contract's example says of default, and what the names of the others promise. */
static void test_promises(void **state)
{
	static const enum qb_key clock[] = {QB_KEY_FREQUENCY_GOVERNOR, QB_KEY_FREQUENCY_TURBO,
		QB_KEY_FREQUENCY_RANGE, QB_KEY_FREQUENCY_EPP, QB_KEY_IDLE_MAX_LATENCY};
	static const enum qb_key quiet[] = {QB_KEY_IRQS_IRQBALANCE, QB_KEY_KERNEL_NMI_WATCHDOG,
		QB_KEY_KERNEL_TIMER_MIGRATION, QB_KEY_KERNEL_WORKQUEUES,
		QB_KEY_KERNEL_STAT_INTERVAL, QB_KEY_MEMORY_THP, QB_KEY_MEMORY_KSM,
		QB_KEY_MEMORY_NUMA_BALANCING, QB_KEY_PERF_PARANOID, QB_KEY_PERF_KPTR_RESTRICT,
		QB_KEY_PERF_MAX_SAMPLE_RATE};
	_cleanup_ask_ struct ask ask = {.dirs = {SHIPPED}};

	load(&ask, "default");
	assert_setting(&ask, QB_KEY_CPUS_COUNT, "1");
	assert_setting(&ask, QB_KEY_FREQUENCY_TURBO, "false");
	assert_setting(&ask, QB_KEY_FREQUENCY_RANGE, "base");
	assert_setting(&ask, QB_KEY_REQUIRE, "[]");
	for (unsigned vm = 0; vm < 2; vm++) {
		load(&ask, vm ? "vm" : "minimal");
		for (size_t i = 0; i < QB_ARRAY_SIZE(clock); i++)
			assert_setting(&ask, clock[i], "keep");
		assert_setting(&ask, QB_KEY_REQUIRE, "[]");
	}
	load(&ask, "minimal");
	for (size_t i = 0; i < QB_ARRAY_SIZE(quiet); i++)
		assert_setting(&ask, quiet[i], "keep");
	assert_setting(&ask, QB_KEY_CPUS_ISOLATION, "none");
	assert_setting(&ask, QB_KEY_CPUS_SMT, "share");
	assert_setting(&ask, QB_KEY_IRQS_MOVE, "false");
	assert_setting(&ask, QB_KEY_SERVICES_STOP, "[]");
	load(&ask, "strict");
	assert_setting(&ask, QB_KEY_CPUS_SMT, "offline");
	assert_setting(&ask, QB_KEY_IRQS_IRQBALANCE, "stop");
	assert_setting(&ask, QB_KEY_PERF_PARANOID, "keep");
	load(&ask, "profiling");
	assert_setting(&ask, QB_KEY_PERF_PARANOID, "-1");
	assert_setting(&ask, QB_KEY_PERF_KPTR_RESTRICT, "0");
	assert_setting(&ask, QB_KEY_FREQUENCY_TURBO, "false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_base),
		cmocka_unit_test(test_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
