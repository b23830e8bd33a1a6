/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpus.smt=offline: which siblings go, what is left to plan with, and the words for those who stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <levers/smt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "../tree.h"

#define CPU "sys/devices/system/cpu/"

/* What the kernel answers to the next writes, for good; 0: it takes them. */
static int refusal;

ssize_t write(int fd, const void *buf, size_t size)
{
	if (refusal) {
		errno = refusal;
		return -1;
	}
	return syscall(SYS_write, fd, buf, size);
}

/* Two cores: CPUs 0 and 2, 1 and 3. */
static struct qb_pu pus[] = {
	{.cpu = 0, .core = 0}, {.cpu = 1, .core = 1}, {.cpu = 2, .core = 0}, {.cpu = 3, .core = 1}};

static struct qb_cpus set_of(const char *list)
{
	struct qb_cpus set = {0};

	assert_int_equal(qb_cpus_parse_list(list, &set), 0);
	return set;
}

static const char *wished, *bench, *reserved;

static void put_set(FILE *out, const char *name, const struct qb_cpus *set)
{
	char list[64];

	qb_cpus_format_list(set, list, sizeof(list));
	fprintf(out, "%s '%s'\n", name, list);
}

static void tell_plan(FILE *out)
{
	static struct qb_profile profile;
	struct qb_topology topology = {
		.pus = pus, .n = QB_ARRAY_SIZE(pus), .n_cores = 2, .online = set_of("0-3")};
	struct qb_topology left = {0};
	struct qb_selection selection = {.bench = set_of(bench), .reserved = set_of(reserved)};
	const struct qb_wish wish = {
		.profile = &profile, .topology = &topology, .selection = &selection};
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};

	assert_int_equal(
		qb_setting_parse(QB_KEY_CPUS_SMT, wished, &profile.set[QB_KEY_CPUS_SMT], NULL), 0);
	assert_int_equal(qb_smt_plan(&wish, &steps, NULL), 0);
	assert_int_equal(qb_smt_without(&topology, &selection.offline, &left, NULL), 0);
	for (size_t i = 0; i < steps.n; i++) {
		const struct qb_step *step = &steps.v[i];
		char name[64];

		qb_lever_unit_name(step->lever, &step->unit, name, sizeof(name));
		if (step->wanted)
			fprintf(out, "%s %s -> %s\n", name, step->before, step->wanted);
		else
			fprintf(out, "%s: %s\n", qb_status_name(step->status), step->reason);
	}
	put_set(out, "offline", &selection.offline);
	put_set(out, "reserved", &selection.reserved);
	put_set(out, "left", &left.online);
	fprintf(out, "%u CPUs\n", left.n);
	free(left.pus);
}

static void expect_plan(const char *its_bench, const char *its_reserved, const char *expected)
{
	char text[2048];

	bench = its_bench;
	reserved = its_reserved;
	tree_run(tell_plan, text, sizeof(text));
	assert_string_equal(text, expected);
}

static void switches_for(const char *const *cpus)
{
	char path[64];

	tree_begin();
	for (; *cpus; cpus++) {
		snprintf(path, sizeof(path), CPU "cpu%s/online", *cpus);
		tree_put(path, "1\n");
	}
	wished = "offline";
}

static void siblings_go_and_are_left_to_nobody(void **state)
{
	switches_for((const char *const[]){"1", "2", "3", NULL});
	expect_plan("1", "3", "cpu3/online 1 -> 0\noffline '3'\nreserved ''\nleft '0-2'\n3 CPUs\n");
	wished = "idle";
	expect_plan("1", "3", "offline ''\nreserved '3'\nleft '0-3'\n4 CPUs\n");
	tree_end();
}

static void who_has_no_switch_is_kept_idle(void **state)
{
	switches_for((const char *const[]){"1", NULL});
	expect_plan("1", "3",
		"unsupported: the kernel offers no switch for CPU 3 "
		"(/sys/devices/system/cpu/cpu3/online): it is kept idle instead\n"
		"offline ''\nreserved '3'\nleft '0-3'\n4 CPUs\n");
	tree_end();
}

static void siblings_at_work_are_told(void **state)
{
	switches_for((const char *const[]){"1", "2", "3", NULL});
	expect_plan("2", "",
		"unsupported: CPU 0 beside the benchmark is needed for housekeeping: choose fewer or other cores (-n, -c)\noffline ''\nreserved ''\nleft '0-3'\n4 CPUs\n");
	expect_plan("1,3", "",
		"unchanged: no sibling is online beside the benchmark\n"
		"offline ''\nreserved ''\nleft '0-3'\n4 CPUs\n");
	tree_end();
}

static void tell_judge(FILE *out)
{
	const struct qb_unit cpu2 = qb_unit_number(2), cpu3 = qb_unit_number(3);
	struct qb_error err = {0};

	fprintf(out, "%d ", qb_lever_judge(QB_LEVER_SMT_OFFLINE, &cpu3, "0", &err));
	fprintf(out, "%d ", qb_lever_judge(QB_LEVER_SMT_OFFLINE, &cpu3, "1", &err));
	fprintf(out, "%d ", qb_lever_judge(QB_LEVER_SMT_OFFLINE, &cpu2, "0", &err));
	fprintf(out, "%s", err.text);
}

static void nobody_is_woken(void **state)
{
	char text[512];

	tree_begin();
	tree_put(CPU "online", "0-1,3\n");
	tree_run(tell_judge, text, sizeof(text));
	tree_end();
	assert_string_equal(text,
		"0 -1 -1 cpus.smt cpu2/online: only a CPU that is online is taken offline, none is "
		"woken");
}

static void tell_refusal(FILE *out)
{
	const struct qb_unit cpu3 = qb_unit_number(3);
	struct qb_error err = {0};
	int r;

	refusal = EBUSY;
	r = qb_lever_write(QB_LEVER_SMT_OFFLINE, &cpu3, "0", &err);
	refusal = 0;
	fprintf(out, "%d %s\n", -r, err.text);
	refusal = EPERM;
	r = qb_lever_write(QB_LEVER_SMT_OFFLINE, &cpu3, "1", &err);
	refusal = 0;
	fprintf(out, "%d %s\n", -r, err.text);
}

static void a_refusal_gets_its_words(void **state)
{
	char text[1024], expected[1024];

	tree_begin();
	tree_put(CPU "cpu3/online", "1\n");
	tree_put(CPU "smt/control", "off\n");
	tree_run(tell_refusal, text, sizeof(text));
	tree_end();
	snprintf(expected, sizeof(expected),
		"%d take CPU 3 offline: the kernel keeps it (it is the last for housekeeping, or keeps the time for nohz_full CPUs, or has deadline tasks) or blocks hotplug at the moment; use cpus.smt=idle\n%d bring CPU 3 back online: SMT was switched off meanwhile (/sys/devices/system/cpu/smt/control reads 'off')\n",
		EBUSY, EPERM);
	assert_string_equal(text, expected);
}

static void tell_widened(FILE *out)
{
	static const char *const masks[] = {"8", "a", "4", "1"};
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};

	for (size_t i = 0; i < QB_ARRAY_SIZE(masks); i++)
		qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY, qb_unit_number(100 + (unsigned)i),
			masks[i], NULL);
	for (int intent = 0; intent < 2; intent++) {
		if (intent)
			qb_steps_add(&steps, QB_LEVER_SMT_OFFLINE, qb_unit_number(3), "1", "0")
				->intent = true;
		for (size_t i = 0; i < QB_ARRAY_SIZE(masks); i++)
			fprintf(out, "%d", qb_smt_widened(&steps, &steps.v[i]));
		fputc('\n', out);
	}
}

/* CPU 3 is ours, CPU 2 the admin took offline. */
static void only_our_own_hotplug_excuses_a_mask(void **state)
{
	char text[64];

	tree_begin();
	tree_put(CPU "online", "0-1\n");
	tree_run(tell_widened, text, sizeof(text));
	tree_end();
	assert_string_equal(text, "0000\n1000\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siblings_go_and_are_left_to_nobody),
		cmocka_unit_test(who_has_no_switch_is_kept_idle),
		cmocka_unit_test(siblings_at_work_are_told),
		cmocka_unit_test(nobody_is_woken),
		cmocka_unit_test(a_refusal_gets_its_words),
		cmocka_unit_test(only_our_own_hotplug_excuses_a_mask),
	};

	return cmocka_run_group_tests_name("smt", tests, NULL, NULL);
}
