/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Planning the kernel's own work, memory and network queues, and the ops of their files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <cmocka.h>
#include <levers/planning.h>
#include <levers/table_internal.h>

#include "../fake_kernel.h"

static struct qb_profile profile;
static struct qb_topology topology;
static struct qb_selection selection;
static const struct qb_wish wish = {
	.profile = &profile, .topology = &topology, .selection = &selection};
static struct qb_steps steps;

/* Eight CPUs; 2 is the benchmark's, 6 its idle sibling; nothing is asked. */
static int begin(void **state)
{
	memset(&profile, 0, sizeof(profile));
	memset(&topology, 0, sizeof(topology));
	memset(&selection, 0, sizeof(selection));
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		profile.set[key] = (struct qb_setting){.kind = QB_SETTING_WORD, .text = "keep"};
	qb_cpus_parse_list("0-7", &topology.online);
	qb_cpus_parse_list("2", &selection.bench);
	qb_cpus_parse_list("6", &selection.reserved);
	qb_cpus_parse_list("0-1,3-5,7", &selection.housekeeping);
	return fake_begin(state);
}

static int end(void **state)
{
	qb_steps_free(&steps);
	return 0;
}

static void ask_number(enum qb_key key, int64_t number)
{
	profile.set[key] = (struct qb_setting){.kind = QB_SETTING_NUMBER, .number = number};
}

static void ask(enum qb_key key, const char *word)
{
	profile.set[key] = (struct qb_setting){.kind = QB_SETTING_WORD};
	snprintf(profile.set[key].text, sizeof(profile.set[key].text), "%s", word);
}

static void plan(void)
{
	struct qb_error err = {0};

	qb_steps_free(&steps);
	assert_int_equal(qb_kernel_plan(&wish, &steps, &err), 0);
	assert_int_equal(qb_memory_plan(&wish, &steps, &err), 0);
	assert_int_equal(qb_network_plan(&wish, &steps, &err), 0);
}

static const struct qb_step *step_of(unsigned lever, const char *name)
{
	struct qb_unit unit = {0};

	snprintf(unit.name, sizeof(unit.name), "%s", name);
	return qb_steps_find(&steps, lever, unit);
}

static void assert_step(unsigned lever, const char *name, const char *before, const char *wanted)
{
	const struct qb_step *step = step_of(lever, name);

	assert_non_null(step);
	assert_string_equal(step->before, before);
	if (wanted)
		assert_string_equal(step->wanted, wanted);
	else
		assert_null(step->wanted);
	assert_int_equal(step->status, wanted && qb_lever_same(lever, before, wanted)
					       ? QB_STATUS_UNCHANGED
					       : QB_STATUS_PLANNED);
}

/* Is there a step of this lever that only says why not? */
static void assert_refused(unsigned lever, enum qb_status status, const char *why)
{
	for (size_t i = 0; i < steps.n; i++)
		if (steps.v[i].lever == lever && steps.v[i].reason &&
			strstr(steps.v[i].reason, why)) {
			assert_int_equal(steps.v[i].status, status);
			assert_null(steps.v[i].wanted);
			return;
		}
	fail_msg("%s: nothing says '%s'", qb_lever_name(lever), why);
}

static void test_nothing_asked(void **state)
{
	fake_need();
	fake_put(KERNEL "watchdog", "1");
	fake_put(RATE, "100000");
	ask_number(QB_KEY_MEMORY_DROP_CACHES, 0);
	plan();
	assert_int_equal(steps.n, 0);
}

/* A kernel that has nothing of all this says so for every key. */
static void test_nothing_there(void **state)
{
	static const enum qb_key numbers[] = {QB_KEY_KERNEL_NMI_WATCHDOG, QB_KEY_KERNEL_WATCHDOG,
		QB_KEY_KERNEL_SOFT_WATCHDOG, QB_KEY_KERNEL_TIMER_MIGRATION, QB_KEY_KERNEL_AUTOGROUP,
		QB_KEY_MEMORY_KSM, QB_KEY_MEMORY_NUMA_BALANCING, QB_KEY_MEMORY_COMPACTION,
		QB_KEY_MEMORY_ZONE_RECLAIM, QB_KEY_MEMORY_DIRTY_RATIO,
		QB_KEY_MEMORY_DIRTY_BACKGROUND_RATIO, QB_KEY_MEMORY_DROP_CACHES,
		QB_KEY_PERF_PARANOID, QB_KEY_PERF_KPTR_RESTRICT, QB_KEY_PERF_MAX_SAMPLE_RATE,
		QB_KEY_PERF_CPU_PERCENT};
	const size_t n_numbers = sizeof(numbers) / sizeof(numbers[0]);

	fake_need();
	for (size_t i = 0; i < n_numbers; i++)
		ask_number(numbers[i], 1);
	ask_number(QB_KEY_KERNEL_STAT_INTERVAL, 2000000000);
	ask(QB_KEY_KERNEL_WORKQUEUES, "housekeeping");
	ask(QB_KEY_KERNEL_WATCHDOG_CPUS, "housekeeping");
	ask(QB_KEY_MEMORY_THP, "never");
	ask(QB_KEY_MEMORY_THP_DEFRAG, "never");
	ask(QB_KEY_MEMORY_THP_SHMEM, "never");
	plan();
	assert_int_equal(steps.n, n_numbers + 6);
	for (size_t i = 0; i < steps.n; i++) {
		assert_int_equal(steps.v[i].status, QB_STATUS_UNSUPPORTED);
		assert_true(strlen(steps.v[i].reason) > 20);
	}
}

static void test_workqueues(void **state)
{
	const struct qb_unit global = {0};
	char text[64];

	fake_need();
	fake_put(WORKQUEUES "cpumask", "0f");
	fake_put(WORKQUEUES "writeback/cpumask", "ff");
	fake_put(WORKQUEUES "quiet/cpumask", "03");
	fake_put(WORKQUEUES "bound/per_cpu", "1");
	ask(QB_KEY_KERNEL_WORKQUEUES, "housekeeping");
	plan();
	assert_int_equal(steps.n, 3);
	assert_step(QB_LEVER_WORKQUEUES, "", "0f", "0b");
	assert_step(QB_LEVER_WORKQUEUE, "writeback", "ff", "bb");
	assert_step(QB_LEVER_WORKQUEUE, "quiet", "03", "03");

	/* What was asked for is remembered, not what a partition left of it. */
	fake_put(WORKQUEUES "cpumask_requested", "ff");
	plan();
	assert_step(QB_LEVER_WORKQUEUES, "", "ff", "bb");
	assert_int_equal(qb_lever_write(QB_LEVER_WORKQUEUES, &global, "bb", NULL), 0);
	assert_string_equal(fake_log, "cpumask=bb ");
	assert_int_equal(qb_lever_read(QB_LEVER_WORKQUEUES, &global, text, sizeof(text), NULL), 0);
	assert_string_equal(text, "ff");

	selection.housekeeping = selection.bench;
	ask(QB_KEY_KERNEL_WATCHDOG_CPUS, "housekeeping");
	ask(QB_KEY_IRQS_NETWORK, "housekeeping");
	plan();
	assert_refused(QB_LEVER_WORKQUEUES, QB_STATUS_UNSUPPORTED, "every CPU");
	assert_refused(QB_LEVER_WATCHDOG_CPUS, QB_STATUS_UNSUPPORTED, "every CPU");
	assert_refused(QB_LEVER_NETWORK, QB_STATUS_UNSUPPORTED, "every CPU");
}

static void test_watchdogs(void **state)
{
	fake_need();
	fake_put(KERNEL "watchdog", "1");
	fake_put(KERNEL "nmi_watchdog", "0");
	fake_put(KERNEL "soft_watchdog", "1");
	fake_put(KERNEL "watchdog_cpumask", "0-7,64-127"); /* possible CPUs, not only online ones */
	ask(QB_KEY_KERNEL_WATCHDOG_CPUS, "housekeeping");
	plan();
	assert_step(QB_LEVER_WATCHDOG, "", "1", NULL);
	assert_step(QB_LEVER_NMI_WATCHDOG, "", "0", NULL);
	assert_step(QB_LEVER_SOFT_WATCHDOG, "", "1", NULL);
	assert_step(QB_LEVER_WATCHDOG_CPUS, "", "0-7,64-127", "0-1,3-5,7");

	/* The master's `true` is for both, its `false` forbids a detector's `true`. */
	ask_number(QB_KEY_KERNEL_WATCHDOG, 1);
	ask_number(QB_KEY_KERNEL_SOFT_WATCHDOG, 0);
	plan();
	assert_step(QB_LEVER_WATCHDOG, "", "1", "1");
	assert_step(QB_LEVER_NMI_WATCHDOG, "", "0", "1");
	assert_step(QB_LEVER_SOFT_WATCHDOG, "", "1", "0");
	ask_number(QB_KEY_KERNEL_WATCHDOG, 0);
	ask_number(QB_KEY_KERNEL_SOFT_WATCHDOG, 1);
	plan();
	assert_step(QB_LEVER_WATCHDOG, "", "1", "0");
	assert_refused(QB_LEVER_SOFT_WATCHDOG, QB_STATUS_UNSUPPORTED, "kernel.watchdog=false");
}

static void test_detector(void **state)
{
	const struct qb_unit host = {0};
	struct qb_error err = {0};

	fake_need();
	fake_put(KERNEL "watchdog", "0");
	fake_put(KERNEL "nmi_watchdog", "0");
	assert_int_equal(qb_lever_write(QB_LEVER_NMI_WATCHDOG, &host, "1", &err), 0);
	assert_int_equal(qb_lever_write(QB_LEVER_NMI_WATCHDOG, &host, "0", &err), 0);
	assert_string_equal(fake_log, "watchdog=1 nmi_watchdog=1 nmi_watchdog=0 ");
	fake_answer = 524;
	assert_int_equal(qb_lever_write(QB_LEVER_NMI_WATCHDOG, &host, "0", &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "no performance counter"));
}

static void test_stat_interval(void **state)
{
	fake_need();
	fake_put(VM "stat_interval", "1");
	ask_number(QB_KEY_KERNEL_STAT_INTERVAL, INT64_C(120000000000));
	plan();
	assert_step(QB_LEVER_STAT_INTERVAL, "", "1", "120");
	ask_number(QB_KEY_KERNEL_STAT_INTERVAL, 1500000000);
	plan();
	assert_refused(QB_LEVER_STAT_INTERVAL, QB_STATUS_UNSUPPORTED, "1s or 2s");
}

static void test_perf(void **state)
{
	fake_need();
	fake_put(RATE, "63000");
	fake_put(PERCENT, "25");
	fake_put(KERNEL "perf_event_paranoid", "3");
	ask_number(QB_KEY_PERF_MAX_SAMPLE_RATE, 50000);
	ask_number(QB_KEY_PERF_PARANOID, -1);
	plan();
	assert_int_equal(steps.n, 3);
	assert_step(QB_LEVER_SAMPLE_RATE, "", "63000", "50000");
	assert_step(QB_LEVER_CPU_PERCENT, "", "25", NULL);
	assert_step(QB_LEVER_PARANOID, "", "3", "-1");
}

static void test_network(void **state)
{
	fake_need();
	ask(QB_KEY_IRQS_NETWORK, "housekeeping");
	fake_put(NET "lo/queues/rx-0/rps_cpus", "00");
	plan();
	assert_refused(QB_LEVER_NETWORK, QB_STATUS_UNCHANGED, "no network queue");

	fake_put(NET "eth0/queues/rx-0/rps_cpus", "ff");
	fake_put(NET "eth0/queues/rx-1/rps_cpus", "00"); /* off */
	fake_put(NET "eth0/queues/tx-0/xps_cpus", "04"); /* the benchmark's alone */
	fake_put(NET "eth0/queues/tx-1/xps_cpus", "08");
	fake_put(NET "bond0/queues/tx-0/tx_maxrate", "0"); /* one queue: no XPS */
	plan();
	assert_int_equal(steps.n, 2);
	assert_step(QB_LEVER_NETWORK, "eth0/rx-0", "ff", "bb");
	assert_step(QB_LEVER_NETWORK_SEND, "eth0/tx-0", "04", "bb");
}

static void test_huge_pages(void **state)
{
	const struct qb_unit host = {0};
	struct qb_error err = {0};
	char text[64];

	fake_need();
	fake_put(HUGE_PAGES "enabled", "always [madvise] never");
	fake_put(HUGE_PAGES "defrag", "always madvise [never]"); /* of an old kernel */
	fake_put(VM "min_free_kbytes", "67584");
	ask(QB_KEY_MEMORY_THP, "never");
	ask(QB_KEY_MEMORY_THP_DEFRAG, "defer+madvise");
	plan();
	assert_step(QB_LEVER_THP, "", "madvise", "never");
	assert_step(QB_LEVER_MIN_FREE, "", "67584", NULL);
	assert_refused(QB_LEVER_THP_DEFRAG, QB_STATUS_UNSUPPORTED, "only: always madvise");
	assert_int_equal(qb_lever_judge(QB_LEVER_THP, &host, "madvise", &err), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_THP_DEFRAG, &host, "defer", &err), -EINVAL);

	fake_put(HUGE_PAGES "enabled", "always madvise never");
	assert_int_equal(qb_lever_read(QB_LEVER_THP, &host, text, sizeof(text), &err), -EBADMSG);
}

static void test_ksm(void **state)
{
	const struct qb_unit host = {0};
	struct qb_error err = {0};
	char text[64];

	fake_need();
	fake_put(KSM, "1");
	ask_number(QB_KEY_MEMORY_KSM, 0);
	plan();
	assert_step(QB_LEVER_KSM, "", "1", "0");

	fake_put(KSM, "2");
	assert_int_equal(qb_lever_read(QB_LEVER_KSM, &host, text, sizeof(text), &err), -ENOENT);
	assert_string_equal(err.text, QB_KSM_UNMERGED);
	assert_true(qb_lever_judge(QB_LEVER_KSM, &host, "2", &err) < 0);
	plan();
	assert_refused(QB_LEVER_KSM, QB_STATUS_UNCHANGED, QB_KSM_UNMERGED);
	ask_number(QB_KEY_MEMORY_KSM, 1);
	plan();
	assert_refused(QB_LEVER_KSM, QB_STATUS_UNSUPPORTED, QB_KSM_UNMERGED);
}

static void test_numa_balancing(void **state)
{
	fake_need();
	fake_put(KERNEL "numa_balancing", "2");
	ask_number(QB_KEY_MEMORY_NUMA_BALANCING, 1);
	plan();
	assert_step(QB_LEVER_NUMA_BALANCING, "", "2", "3");
	ask_number(QB_KEY_MEMORY_NUMA_BALANCING, 0);
	plan();
	assert_step(QB_LEVER_NUMA_BALANCING, "", "2", "0");
}

static void test_dirty(void **state)
{
	fake_need();
	fake_put(VM "dirty_ratio", "20");
	fake_put(VM "dirty_bytes", "0");
	fake_put(VM "dirty_background_ratio", "0");
	fake_put(VM "dirty_background_bytes", "1048576");
	ask_number(QB_KEY_MEMORY_DIRTY_RATIO, 30);
	plan();
	assert_int_equal(steps.n, 2); /* the pairs know nothing of each other */
	assert_step(QB_LEVER_DIRTY_RATIO, "", "20", "30");
	assert_step(QB_LEVER_DIRTY_BYTES, "", "0", NULL);
}

static void test_drop_caches(void **state)
{
	const struct qb_unit host = {0};
	struct qb_error err = {0};
	char text[64];

	fake_need();
	fake_put(VM "drop_caches", "0");
	ask_number(QB_KEY_MEMORY_DROP_CACHES, 1);
	plan();
	assert_step(QB_LEVER_DROP_CACHES, "", "kept", "dropped");
	assert_true(qb_lever_judge(QB_LEVER_DROP_CACHES, &host, "kept", &err) < 0);
	assert_int_equal(qb_lever_write(QB_LEVER_DROP_CACHES, &host, "dropped", &err), 0);
	assert_string_equal(fake_log, "drop_caches=3 ");
	assert_int_equal(qb_lever_read(QB_LEVER_DROP_CACHES, &host, text, sizeof(text), &err), 0);
	assert_string_equal(text, "kept");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_asked),
		TEST(test_nothing_there),
		TEST(test_workqueues),
		TEST(test_watchdogs),
		TEST(test_detector),
		TEST(test_stat_interval),
		TEST(test_perf),
		TEST(test_network),
		TEST(test_huge_pages),
		TEST(test_ksm),
		TEST(test_numa_balancing),
		TEST(test_dirty),
		TEST(test_drop_caches),
	};

	return cmocka_run_group_tests(tests, fake_enter, NULL);
}
