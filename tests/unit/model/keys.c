/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of keys, finding keys in it, and the judge of single settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <quietbench/profile.h>

static int parse(enum qb_key key, const char *text, struct qb_setting *ret, struct qb_error *err)
{
	memset(ret, 0x55, sizeof(*ret));
	memset(err, 0, sizeof(*err));
	return qb_setting_parse(key, text, ret, err);
}

static void test_find(void **state)
{
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		assert_int_equal(qb_key_find(qb_keys[key].name), key);
		assert_true(qb_keys[key].help[0] && qb_keys[key].min <= qb_keys[key].max);
	}
	assert_int_equal(qb_key_find("cpus"), -1);
	assert_int_equal(qb_key_find(""), -1);
	assert_int_equal(qb_key_find("cpus.coun"), -1);
}

static void test_nearest(void **state)
{
	static const char *const cases[][2] = {
		{"frequncy.turbo", "frequency.turbo"},
		{"cpus.cuont", "cpus.count"},
		{"irq.move", "irqs.move"},
		{"requires", "require"},
		{"turbo", "frequency.turbo"},
		{"cpus.governor", "frequency.governor"},
		{"kernel.watchdog_nmi", NULL},
		{"x", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		const char *nearest = qb_key_nearest(cases[i][0]);

		if (cases[i][1])
			assert_string_equal(nearest, cases[i][1]);
		else
			assert_null(nearest);
	}
}

static void test_defaults(void **state)
{
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		struct qb_setting setting;
		struct qb_error err;

		if (!qb_keys[key].dflt[0])
			continue;
		if (parse((enum qb_key)key, qb_keys[key].dflt, &setting, &err) < 0)
			fail_msg("%s", err.text);
		assert_false(setting.explicit_);
	}
}

/* What is good, and how it is written out. NULL: as it was. Every key is here. */
static const struct {
	enum qb_key key;
	const char *text, *written;
} good[] = {
	{QB_KEY_CPUS_COUNT, "1", NULL},
	{QB_KEY_CPUS_COUNT, "8192", NULL},
	{QB_KEY_CPUS_COUNT, "max", NULL},
	{QB_KEY_CPUS_COUNT, "all", NULL},
	{QB_KEY_CPUS_LIST, "2-3,8", NULL},
	{QB_KEY_CPUS_LIST, "0-15:2/4", NULL},
	{QB_KEY_CPUS_LIST, "\"5\"", "5"},
	{QB_KEY_CPUS_KIND, "efficiency", NULL},
	{QB_KEY_CPUS_WITHIN, "core", NULL},
	{QB_KEY_CPUS_NODE, "auto", NULL},
	{QB_KEY_CPUS_NODE, "0", NULL},
	{QB_KEY_CPUS_AVOID, "[boot-cpu]", NULL},
	{QB_KEY_CPUS_AVOID, "[]", NULL},
	{QB_KEY_CPUS_AVOID, "", "[]"},
	{QB_KEY_CPUS_SMT, "offline", NULL},
	{QB_KEY_CPUS_ISOLATION, "partition", NULL},
	{QB_KEY_CPUS_EXEMPT, "[sshd, cron, dbus-daemon]", NULL},
	{QB_KEY_CPUS_EXEMPT, "sshd,cron", "[sshd, cron]"},
	{QB_KEY_CPUS_EXEMPT, "sshd", "[sshd]"},
	{QB_KEY_FREQUENCY_GOVERNOR, "performance", NULL},
	{QB_KEY_FREQUENCY_GOVERNOR, "walt", NULL},
	{QB_KEY_FREQUENCY_TURBO, "true", NULL},
	{QB_KEY_FREQUENCY_TURBO, "false", NULL},
	{QB_KEY_FREQUENCY_TURBO, "keep", NULL},
	{QB_KEY_FREQUENCY_RANGE, "base", NULL},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2.4GHz, max: 2.4GHz}", NULL},
	{QB_KEY_FREQUENCY_RANGE, "{max: 3GHz, min: 800 MHz}", "{min: 800MHz, max: 3GHz}"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2400001kHz, max: 20GHz}", "{min: 2400.001MHz, max: 20GHz}"},
	{QB_KEY_FREQUENCY_EPP, "balance_performance", NULL},
	{QB_KEY_FREQUENCY_EPP, "128", NULL},
	{QB_KEY_FREQUENCY_EPB, "0", NULL},
	{QB_KEY_FREQUENCY_DYNAMIC_BOOST, "false", NULL},
	{QB_KEY_FREQUENCY_UNCORE, "{min: 2GHz, max: 2GHz}", NULL},
	{QB_KEY_IDLE_MAX_LATENCY, "10us", NULL},
	{QB_KEY_IDLE_MAX_LATENCY, "0", NULL},
	{QB_KEY_IDLE_MAX_LATENCY, "1.5ms", "1500us"},
	{QB_KEY_IDLE_RESUME_LATENCY, "10us", NULL},
	{QB_KEY_IDLE_DMA_LATENCY, "0", NULL},
	{QB_KEY_IRQS_MOVE, "true", NULL},
	{QB_KEY_IRQS_IRQBALANCE, "ban", NULL},
	{QB_KEY_IRQS_NETWORK, "housekeeping", NULL},
	{QB_KEY_KERNEL_NMI_WATCHDOG, "false", NULL},
	{QB_KEY_KERNEL_WATCHDOG, "true", NULL},
	{QB_KEY_KERNEL_SOFT_WATCHDOG, "keep", NULL},
	{QB_KEY_KERNEL_WATCHDOG_CPUS, "housekeeping", NULL},
	{QB_KEY_KERNEL_TIMER_MIGRATION, "false", NULL},
	{QB_KEY_KERNEL_WORKQUEUES, "housekeeping", NULL},
	{QB_KEY_KERNEL_STAT_INTERVAL, "120s", "2m"},
	{QB_KEY_KERNEL_STAT_INTERVAL, "1h", NULL},
	{QB_KEY_KERNEL_AUTOGROUP, "false", NULL},
	{QB_KEY_MEMORY_THP, "madvise", NULL},
	{QB_KEY_MEMORY_THP_DEFRAG, "defer+madvise", NULL},
	{QB_KEY_MEMORY_THP_SHMEM, "within_size", NULL},
	{QB_KEY_MEMORY_KSM, "false", NULL},
	{QB_KEY_MEMORY_NUMA_BALANCING, "keep", NULL},
	{QB_KEY_MEMORY_COMPACTION, "0", NULL},
	{QB_KEY_MEMORY_ZONE_RECLAIM, "7", NULL},
	{QB_KEY_MEMORY_DIRTY_RATIO, "20", NULL},
	{QB_KEY_MEMORY_DIRTY_BACKGROUND_RATIO, "100", NULL},
	{QB_KEY_MEMORY_DROP_CACHES, "true", NULL},
	{QB_KEY_PROCESS_PIN, "false", NULL},
	{QB_KEY_PROCESS_POLICY, "fifo", NULL},
	{QB_KEY_PROCESS_NICE, "-20", NULL},
	{QB_KEY_PROCESS_NICE, "19", NULL},
	{QB_KEY_PROCESS_ASLR, "false", NULL},
	{QB_KEY_PROCESS_NUMA, "interleave", NULL},
	{QB_KEY_PROCESS_LOCK, "true", NULL},
	{QB_KEY_PROCESS_CORE_SCHED, "true", NULL},
	{QB_KEY_PERF_PARANOID, "-1", NULL},
	{QB_KEY_PERF_KPTR_RESTRICT, "keep", NULL},
	{QB_KEY_PERF_MAX_SAMPLE_RATE, "100000", NULL},
	{QB_KEY_PERF_CPU_PERCENT, "0", NULL},
	{QB_KEY_CACHE_L3, "50%", NULL},
	{QB_KEY_SERVICES_STOP, "[apt-daily.timer, getty@tty1.service]", NULL},
	{QB_KEY_SERVICES_FREEZE, "[]", NULL},
	{QB_KEY_SERVICES_INHIBIT, "true", NULL},
	{QB_KEY_CHECK_DURATION, "1s", NULL},
	{QB_KEY_CHECK_PROBE, "25ms", NULL},
	{QB_KEY_CHECK_MAX_PREEMPTED, "0.05%", NULL},
	{QB_KEY_CHECK_MAX_GAPS, "0.0001%", NULL},
	{QB_KEY_CHECK_MAX_GAP, "200us", NULL},
	{QB_KEY_CHECK_MAX_STEAL, "0", NULL},
	{QB_KEY_CHECK_MAX_STEAL, "0%", "0"},
	{QB_KEY_CHECK_MAX_SPEED_DEVIATION, "100%", NULL},
	{QB_KEY_CHECK_ON_NOISE, "wait", NULL},
	{QB_KEY_CHECK_MAX_WAIT, "1m", NULL},
	{QB_KEY_REQUIRE, "[cpus.isolation, frequency.turbo]", NULL},
};

static void test_round_trip(void **state)
{
	bool tried[QB_KEY_COUNT] = {false};

	for (size_t i = 0; i < QB_ARRAY_SIZE(good); i++) {
		const char *written = good[i].written ? good[i].written : good[i].text;
		struct qb_setting first = {0}, again = {0};
		char text[QB_SETTING_FORMAT];
		struct qb_error err = {0};

		if (qb_setting_parse(good[i].key, good[i].text, &first, &err) < 0)
			fail_msg("%s", err.text);
		qb_setting_format(good[i].key, &first, text, sizeof(text));
		assert_string_equal(text, written);
		if (qb_setting_parse(good[i].key, text, &again, &err) < 0)
			fail_msg("written out: %s", err.text);
		assert_memory_equal(&first, &again, sizeof(first));
		tried[good[i].key] = true;
	}
	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (!tried[key])
			fail_msg("%s is not tested", qb_keys[key].name);
}

static const struct {
	enum qb_key key;
	const char *text, *error;
} bad[] = {
	{QB_KEY_CPUS_COUNT, "0",
		"cpus.count: expected a number from 1 to 8192, max or all, found '0'"},
	{QB_KEY_CPUS_COUNT, "alll",
		"cpus.count: expected a number from 1 to 8192, max or all, found 'alll'; "
		"did you mean 'all'?"},
	{QB_KEY_CPUS_COUNT, "1.0",
		"cpus.count: expected a number from 1 to 8192, max or all, found '1.0'"},
	{QB_KEY_CPUS_COUNT, "99999999999999999999",
		"cpus.count: expected a number from 1 to 8192, max or all, found "
		"'99999999999999999999'"},
	{QB_KEY_CPUS_COUNT, "keep",
		"cpus.count: expected a number from 1 to 8192, max or all, found 'keep'"},
	{QB_KEY_CPUS_LIST, "", "cpus.list: expected a list of CPUs like \"2-3,8\", found ''"},
	{QB_KEY_CPUS_LIST, "3-2", "cpus.list: expected a list of CPUs like \"2-3,8\", found '3-2'"},
	{QB_KEY_CPUS_LIST, "[2, 3]",
		"cpus.list: expected a list of CPUs like \"2-3,8\", found a list"},
	{QB_KEY_CPUS_KIND, "perfromance",
		"cpus.kind: expected performance, efficiency or any, found 'perfromance'; "
		"did you mean 'performance'?"},
	{QB_KEY_CPUS_NODE, "-1", "cpus.node: expected a number from 0 to 1023 or auto, found '-1'"},
	{QB_KEY_CPUS_AVOID, "[boot-cp]",
		"cpus.avoid: expected a list of words among [boot-cpu], found 'boot-cp'; "
		"did you mean 'boot-cpu'?"},
	{QB_KEY_CPUS_EXEMPT, "[a b]",
		"cpus.exempt: expected a list of words like [sshd, cron], found 'a b'"},
	{QB_KEY_CPUS_EXEMPT, "[a, [b]]",
		"cpus.exempt: expected a list of words like [sshd, cron], found '[a, [b]]'"},
	{QB_KEY_CPUS_EXEMPT, "{a: b}",
		"cpus.exempt: expected a list of words like [sshd, cron], found '{a: b}'"},
	{QB_KEY_FREQUENCY_GOVERNOR, "a/../b",
		"frequency.governor: expected a word of letters, digits and _.:@+-, found "
		"'a/../b'"},
	{QB_KEY_FREQUENCY_GOVERNOR, "&a keep",
		"frequency.governor: expected a word of letters, digits and _.:@+-, found "
		"'&a keep'"},
	{QB_KEY_FREQUENCY_GOVERNOR, "\x1b[31m\xc3\xa9",
		"frequency.governor: expected a word of letters, digits and _.:@+-, found "
		"'?[31m?\?'"},
	{QB_KEY_FREQUENCY_TURBO, "yes",
		"frequency.turbo: expected true, false or keep, found 'yes'; did you mean 'true'?"},
	{QB_KEY_FREQUENCY_TURBO, "Off",
		"frequency.turbo: expected true, false or keep, found 'Off'; did you mean "
		"'false'?"},
	{QB_KEY_FREQUENCY_TURBO, "TRUE",
		"frequency.turbo: expected true, false or keep, found 'TRUE'; did you mean "
		"'true'?"},
	{QB_KEY_FREQUENCY_TURBO, "kep",
		"frequency.turbo: expected true, false or keep, found 'kep'; did you mean 'keep'?"},
	{QB_KEY_PROCESS_PIN, "keep", "process.pin: expected true or false, found 'keep'"},
	{QB_KEY_FREQUENCY_RANGE, "2.4GHz",
		"frequency.range: expected {min: FREQUENCY, max: FREQUENCY} from 1MHz to 20GHz, "
		"base, max or keep, found '2.4GHz'; did you mean '{min: 2.4GHz, max: 2.4GHz}'?"},
	{QB_KEY_FREQUENCY_RANGE, "bsae",
		"frequency.range: expected {min: FREQUENCY, max: FREQUENCY} from 1MHz to 20GHz, "
		"base, max or keep, found 'bsae'; did you mean 'base'?"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2400, max: 3GHz}",
		"frequency.range.min: expected a frequency from 1MHz to 20GHz, found '2400'; "
		"did you mean '2400MHz'?"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2GHz, max: 30GHz}",
		"frequency.range.max: expected a frequency from 1MHz to 20GHz, found '30GHz'"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2GHz}",
		"frequency.range: expected both min and max, found min"},
	{QB_KEY_FREQUENCY_RANGE, "{}", "frequency.range: expected both min and max, found neither"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 2GHz, mix: 2GHz}",
		"frequency.range: expected {min: FREQUENCY, max: FREQUENCY} from 1MHz to 20GHz, "
		"base, max or keep, found 'mix'"},
	{QB_KEY_FREQUENCY_RANGE, "{min: 3GHz, max: 2GHz}",
		"frequency.range: expected a min not above its max, found "
		"'{min: 3GHz, max: 2GHz}'"},
	{QB_KEY_IDLE_MAX_LATENCY, "10",
		"idle.max_latency: expected a duration from 0 to 1s or keep, found '10'; "
		"did you mean '10us'?"},
	{QB_KEY_IDLE_MAX_LATENCY, "2s",
		"idle.max_latency: expected a duration from 0 to 1s or keep, found '2s'"},
	{QB_KEY_IDLE_MAX_LATENCY, "10 parsecs",
		"idle.max_latency: expected a duration from 0 to 1s or keep, found '10 parsecs'"},
	{QB_KEY_KERNEL_STAT_INTERVAL, "120",
		"kernel.stat_interval: expected a duration from 1s to 1h or keep, found '120'; "
		"did you mean '120s'?"},
	{QB_KEY_KERNEL_STAT_INTERVAL, "10ms",
		"kernel.stat_interval: expected a duration from 1s to 1h or keep, found '10ms'"},
	{QB_KEY_PROCESS_NICE, "20", "process.nice: expected a number from -20 to 19, found '20'"},
	{QB_KEY_PROCESS_NICE, "+5", "process.nice: expected a number from -20 to 19, found '+5'"},
	{QB_KEY_PROCESS_POLICY, "deadline",
		"process.policy: expected other, batch, fifo or rr, found 'deadline'"},
	{QB_KEY_CHECK_MAX_GAPS, "0.5",
		"check.max_gaps: expected a percentage from 0 to 100%, found '0.5'; "
		"did you mean '0.5%'?"},
	{QB_KEY_CHECK_MAX_GAPS, "101%",
		"check.max_gaps: expected a percentage from 0 to 100%, found '101%'"},
	{QB_KEY_CHECK_MAX_GAPS, "-1%",
		"check.max_gaps: expected a percentage from 0 to 100%, found '-1%'"},
	{QB_KEY_REQUIRE, "[frequency.turb]",
		"require: expected a list of keys like [cpus.isolation], found 'frequency.turb'; "
		"did you mean 'frequency.turbo'?"},
	{QB_KEY_REQUIRE, "[require]",
		"require: expected a list of keys like [cpus.isolation], found 'require'"},
	{QB_KEY_REQUIRE, "[all]",
		"require: expected a list of keys like [cpus.isolation], found 'all'"},
};

static void test_bad(void **state)
{
	struct qb_setting untouched;

	memset(&untouched, 0x55, sizeof(untouched));
	for (size_t i = 0; i < QB_ARRAY_SIZE(bad); i++) {
		struct qb_setting setting;
		struct qb_error err;
		int r = parse(bad[i].key, bad[i].text, &setting, &err);

		assert_string_equal(err.text, bad[i].error);
		assert_true(r < 0 && r == -err.code);
		assert_memory_equal(&setting, &untouched, sizeof(setting));
		assert_int_equal(qb_setting_parse(bad[i].key, bad[i].text, &setting, NULL), r);
	}
}

/* Every choice of every key is good; a typing error in it is not. */
static void test_choices(void **state)
{
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		for (const char *choice = qb_keys[key].choices; *choice;) {
			int n = (int)strcspn(choice, " ");
			struct qb_setting setting;
			struct qb_error err;
			char text[64];

			snprintf(text, sizeof(text), "%.*s", n, choice);
			assert_int_equal(parse((enum qb_key)key, text, &setting, &err), 0);
			assert_true(
				qb_keys[key].type == QB_KEY_WORDS || qb_setting_is(&setting, text));
			snprintf(text, sizeof(text), "%.*s~", n, choice);
			assert_int_equal(parse((enum qb_key)key, text, &setting, &err), -EINVAL);
			choice += n + (choice[n] == ' ');
		}
	}
}

/* Both sides of both bounds of every number. */
static void test_bounds(void **state)
{
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		const struct qb_key_info *info = &qb_keys[key];
		const int64_t values[] = {info->min, info->max, info->min - 1, info->max + 1};

		if (info->type != QB_KEY_NUMBER && info->type != QB_KEY_DURATION &&
			info->type != QB_KEY_PERCENT)
			continue;
		for (size_t i = 0; i < QB_ARRAY_SIZE(values); i++) {
			struct qb_setting setting = {QB_SETTING_NUMBER, .number = values[i]};
			char text[QB_SETTING_FORMAT];
			struct qb_error err;
			int r;

			qb_setting_format((enum qb_key)key, &setting, text, sizeof(text));
			r = parse((enum qb_key)key, text, &setting, &err);
			if ((r >= 0) != (i < 2) || (r >= 0 && setting.number != values[i]))
				fail_msg("%s: %s: %d %s", info->name, text, r, err.text);
		}
	}
}

static void test_words(void **state)
{
	struct qb_setting setting;
	struct qb_error err;
	const char *word;
	char text[1024] = "", *end = text;

	assert_int_equal(parse(QB_KEY_CPUS_EXEMPT, "[a, bc, d]", &setting, &err), 0);
	assert_int_equal(setting.n, 3);
	assert_string_equal(word = qb_setting_next(&setting, NULL), "a");
	assert_string_equal(word = qb_setting_next(&setting, word), "bc");
	assert_string_equal(word = qb_setting_next(&setting, word), "d");
	assert_null(qb_setting_next(&setting, word));
	assert_false(qb_setting_is(&setting, "a"));
	assert_int_equal(parse(QB_KEY_CPUS_KIND, "any", &setting, &err), 0);
	assert_null(qb_setting_next(&setting, NULL));

	/* As many words as a list may have fit, also written out; not one more. */
	for (int i = 0; i < 128; i++)
		end += snprintf(end, 8, "%c,", 'a' + i % 26);
	assert_int_equal(parse(QB_KEY_CPUS_EXEMPT, text, &setting, &err), 0);
	assert_int_equal(setting.n, 128);
	snprintf(end, 8, "x");
	assert_int_equal(parse(QB_KEY_CPUS_EXEMPT, text, &setting, &err), -EINVAL);
	for (end = text; end < text + 600; end += 64)
		snprintf(end, 65, "%063d,", 0);
	assert_int_equal(parse(QB_KEY_CPUS_EXEMPT, text, &setting, &err), -ERANGE);
	assert_string_equal(err.text, "cpus.exempt: longer than 512 bytes in all");
}

static void test_words_written(void **state)
{
	struct qb_setting setting = {.kind = QB_SETTING_WORDS, .n = 255};
	char text[QB_SETTING_FORMAT];

	for (int i = 0; i < 255; i++)
		setting.text[2 * i] = 'w';
	qb_setting_format(QB_KEY_CPUS_EXEMPT, &setting, text, sizeof(text));
	assert_int_equal(strlen(text), strlen("[]") + 255 + 254 * strlen(", "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
