/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of CPUs by count, kind, closeness and siblings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../select_hosts.h"

static void one_core_away_from_the_boot_cpu(void **state)
{
	static const struct choice cases[] = {
		{LAPTOP, "", "3", "7", "0-2,4-6", ""},
		{TWO_CPUS, "", "1", "", "0", ""},
		{SERVER, "", "11", "23", "0-10,12-22", ""},
		{PLAIN, "", "7", "", "0-6", ""},
		{HOLES, "", "3", "7", "0-2,4", ""},
		{BOOT_GONE, "", "3", "", "1-2", ""},
		{BOOT_GONE, "cpus.count=2", "2-3", "", "1", ""},
	};

	CHECK_ALL(cases);
}

static void too_small_hosts_say_what_gives(void **state)
{
	static const struct choice cases[] = {
		{ONE_CPU, "", "0", "", "0", "one CPU: other tasks cannot be kept off"},
		{ONE_CPU, "cpus.count=max", "0", "", "0", "one CPU"},
		{ONE_CORE, "", "1", "", "0", "sibling 0 beside the benchmark cannot be kept idle"},
		{ONE_CORE, "cpus.count=max", "1", "", "0", "the only one that fits"},
		{ONE_CORE, "cpus.smt=share cpus.count=max", "1", "", "0", "the only one that fits"},
		{ONE_CORE_SMT4, "", "1", "2-3", "0", "sibling 0"},
		{ONE_CORE_SMT4, "cpus.smt=share cpus.count=max", "1-3", "", "0", "the boot CPU's"},
		{LAPTOP, "cpus.count=4 cpus.avoid=[]", "1-4", "5-7", "0",
			"sibling 0 is not idle: it is needed for housekeeping"},
	};

	CHECK_ALL(cases);
}

static void several_stay_together(void **state)
{
	static const struct choice cases[] = {
		{SERVER, "cpus.count=2", "10-11", "22-23", "0-9,12-21", ""},
		{SERVER, "cpus.count=3", "9-11", "21-23", "0-8,12-20", ""},
		{SERVER, "cpus.count=4", "8-11", "20-23", "0-7,12-19", "these are in one package"},
		{SERVER, "cpus.count=4 cpus.within=node", "8-11", "20-23", "0-7,12-19", ""},
		{SERVER, "cpus.count=7 cpus.within=core", "5-11", "17-23", "0-4,12-16",
			"spread over the host"},
		{SERVER, "cpus.count=7 cpus.within=any", "5-11", "17-23", "0-4,12-16", ""},
		{SERVER, "cpus.node=0 cpus.count=2", "4-5", "16-17", "0-3,6-15,18-23", ""},
		{SERVER, "cpus.node=0 cpus.count=5 cpus.within=node", "1-5", "13-17",
			"0,6-12,18-23", ""},
		{PLAIN, "cpus.node=0", "3", "", "0-2,4-7", ""},
	};

	CHECK_ALL(cases);
}

static void max_and_all(void **state)
{
	static const struct choice cases[] = {
		{LAPTOP, "cpus.count=max", "1-3", "5-7", "0,4", ""},
		{LAPTOP, "cpus.count=max cpus.avoid=[]", "1-3", "5-7", "0,4", ""},
		{LAPTOP, "cpus.count=max cpus.smt=share", "1-3,5-7", "", "0,4", ""},
		{LAPTOP, "cpus.count=max allowed=2-3,6-7", "2-3", "6-7", "0-1,4-5", ""},
		{LAPTOP, "cpus.count=all", "0-3", "", "0-7", ""},
		{LAPTOP, "cpus.count=all cpus.smt=share", "0-7", "", "0-7", ""},
		{SERVER, "cpus.count=max cpus.node=1", "6-11", "18-23", "0-5,12-17", ""},
		{HYBRID, "cpus.count=max", "2,4", "3,5", "0-1,6-9", ""},
		{LAPTOP, "cpus.count=all allowed=2-3,6-7", "2-3", "6-7", "0-1,4-5", ""},
		{SERVER, "cpus.count=all cpus.node=1", "6-11", "18-23", "0-5,12-17", ""},
		{HYBRID, "cpus.count=all", "0,2,4", "1,3,5", "6-9", "cpus.kind=any takes them"},
		{HYBRID, "cpus.count=all cpus.kind=efficiency", "6-9", "", "0-5", "other kinds"},
		{HYBRID, "cpus.count=all cpus.kind=any", "0,2,4,6-9", "", "0-9",
			"mixed: all are asked for"},
		{HYBRID, "cpus.count=max cpus.kind=any", "2,4,6-9", "3,5", "0-1", "mixed"},
		{TWO_CPUS, "cpus.count=max", "1", "", "0", ""},
	};

	CHECK_ALL(cases);
}

static void siblings_are_shared_when_asked(void **state)
{
	static const struct choice cases[] = {
		{LAPTOP, "cpus.smt=share", "3", "", "0-2,4-7", ""},
		{LAPTOP, "cpus.smt=share cpus.count=2", "3,7", "", "0-2,4-6", ""},
		{LAPTOP, "cpus.smt=share cpus.count=3", "2-3,7", "", "0-1,4-6", ""},
		{LAPTOP, "cpus.smt=share cpus.count=2 cpus.within=core", "3,7", "", "0-2,4-6", ""},
		{LAPTOP, "cpus.smt=share cpus.count=3 cpus.within=core", "2-3,7", "", "0-1,4-6",
			"sharing one L3"},
		{LAPTOP, "cpus.smt=offline", "3", "7", "0-2,4-6", ""},
	};

	CHECK_ALL(cases);
}

static void kinds_do_not_mix_silently(void **state)
{
	static const struct choice cases[] = {
		{HYBRID, "", "4", "5", "0-3,6-9", ""},
		{HYBRID, "cpus.count=2", "2,4", "3,5", "0-1,6-9", ""},
		{HYBRID, "cpus.kind=efficiency cpus.count=2", "8-9", "", "0-7", ""},
		{HYBRID, "cpus.kind=any", "4", "5", "0-3,6-9", ""},
		{HYBRID, "cpus.kind=any cpus.count=3", "7-9", "", "0-6", ""},
		{HYBRID, "cpus.kind=any cpus.count=5", "2,4,7-9", "3,5", "0-1,6",
			"fast and slow cores mixed"},
		{HYBRID, "allowed=6-9", "9", "", "0-8",
			"none of the usable CPUs is of the fastest"},
		{HYBRID, "allowed=0-1,6-9", "1", "", "0,2-9", "the only one that fits"},
	};

	CHECK_ALL(cases);
}

/* One CPU: they were set aside for it. Several: the scheduler spreads no threads over them. */
static void isolated_at_boot_is_for_one(void **state)
{
	static const struct choice cases[] = {
		{ISOLATED, "", "2", "14", "0,3-12,15-23", ""},
		{ISOLATED, "cpus.node=1", "11", "23", "0,3-10,12,15-22", ""},
		{ISOLATED, "cpus.count=2", "10-11", "22-23", "0,3-9,12,15-21", ""},
		{ISOLATED, "cpus.count=2 cpus.node=0", "4-5", "16-17", "0,3,6-12,15,18-23", ""},
		{ISOLATED, "cpus.count=9 cpus.within=any", "3-11", "15-23", "0,12", ""},
		{ISOLATED, "cpus.count=max", "3-11", "15-23", "0,12", ""},
		{ISOLATED, "cpus.count=2 cpus.smt=share", "11,23", "", "0,3-10,12,15-22", ""},
		{ISOLATED, "cpus.list=1-2", "1-2", "13-14", "0,3-12,15-23",
			"CPUs 1-2 are isolated at boot: threads stay where they start, so pin"},
		{ISOLATED, "cpus.list=2-3", "2-3", "14-15", "0,4-12,16-23",
			"CPU 2 is isolated at boot: no thread is moved to it or off it"},
		{ISOLATED, "cpus.list=1-4 cpus.count=2", "3-4", "15-16", "0,5-12,17-23", ""},
		{ISOLATED, "cpus.list=1-3 cpus.count=2", "1-2", "13-14", "0,3-12,15-23",
			"CPUs 1-2 are isolated"},
		{ISOLATED, "cpus.count=all", "0-11", "", "0-23", "CPUs 1-2 are isolated"},
		{ISOLATED, "cpus.count=max allowed=0-2,12-14", "2", "14", "0,3-12,15-23",
			"so this is one of them"},
	};

	CHECK_ALL(cases);
}

/* What max would give is known beside what was chosen, whichever way that was. */
static void the_most_is_told(void **state)
{
	static const struct {
		enum host_name host;
		const char *wish;
		unsigned most;
		bool unspread;
	} cases[] = {
		{LAPTOP, "", 3, false},
		{LAPTOP, "cpus.count=all", 3, false},
		{LAPTOP, "cpus.list=1", 3, false},
		{LAPTOP, "cpus.smt=share", 6, false},
		{TWO_CPUS, "", 1, false},
		{ONE_CPU, "", 1, false},
		{ISOLATED, "", 9, false},
		{ISOLATED, "cpus.list=1-2", 9, true},
		{ISOLATED, "cpus.list=2-3", 9, true},
		{ISOLATED, "cpus.list=3-4", 9, false},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_topology t = build(cases[i].host);
		struct qb_profile profile;
		struct qb_cpus allowed;
		struct qb_selection got;

		read_wish(cases[i].wish, &profile, &allowed);
		assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
		if (got.most != cases[i].most || got.unspread != cases[i].unspread)
			fail_msg("%s: at most %u, got %u; unspread %d", cases[i].wish,
				cases[i].most, got.most, got.unspread);
		free(t.pus);
	}
}

/* Where there is no L3, the last level of cache is L2: 0-3 and 4-7 share one each. */
static void the_last_cache_may_be_l2(void **state)
{
	struct qb_topology t = build(PLAIN);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;
	char text[64];

	for (unsigned i = 0; i < t.n; i++) {
		t.pus[i].l3 = -1;
		t.pus[i].l2 = (int16_t)(t.pus[i].cpu % 2);
		t.pus[i].package = t.pus[i].node = 0;
	}
	read_wish("cpus.count=2", &profile, &allowed);
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
	qb_cpus_format_list(&got.bench, text, sizeof(text));
	assert_string_equal(text, "5,7");
	assert_non_null(strstr(got.why, "2 cores sharing one L2"));
	read_wish("cpus.count=5", &profile, &allowed);
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
	assert_non_null(
		strstr(got.note, "no 5 free cores sharing one L2: these are in one package"));
	free(t.pus);
}

static void nodes_are_the_kernels(void **state)
{
	struct qb_topology t = build(PLAIN);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;

	for (unsigned i = 4; i < 8; i++)
		t.pus[i].os_node = 73;
	read_wish("cpus.count=5 cpus.within=any", &profile, &allowed);
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
	assert_int_equal(got.nodes[0], 1);
	assert_int_equal(got.nodes[73 / 32], 1U << 73 % 32);
	read_wish("cpus.node=73", &profile, &allowed);
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
	assert_int_equal(got.nodes[0], 0);
	free(t.pus);
}

/* No cores, no caches, no nodes known: every CPU is a core of its own. */
static void a_host_that_tells_nothing(void **state)
{
	struct qb_topology t = build(PLAIN);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;
	char text[64];

	for (unsigned i = 0; i < t.n; i++) {
		struct qb_pu *pu = &t.pus[i];

		pu->core = pu->package = pu->node = pu->l2 = pu->l3 = -1;
		pu->os_core = pu->os_package = pu->os_node = -1;
	}
	read_wish("cpus.count=2", &profile, &allowed);
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
	qb_cpus_format_list(&got.bench, text, sizeof(text));
	assert_string_equal(text, "6-7");
	assert_true(qb_cpus_empty(&got.reserved));
	assert_non_null(strstr(got.note, "spread over the host"));
	free(t.pus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_core_away_from_the_boot_cpu),
		cmocka_unit_test(too_small_hosts_say_what_gives),
		cmocka_unit_test(several_stay_together),
		cmocka_unit_test(max_and_all),
		cmocka_unit_test(siblings_are_shared_when_asked),
		cmocka_unit_test(kinds_do_not_mix_silently),
		cmocka_unit_test(isolated_at_boot_is_for_one),
		cmocka_unit_test(the_most_is_told),
		cmocka_unit_test(the_last_cache_may_be_l2),
		cmocka_unit_test(nodes_are_the_kernels),
		cmocka_unit_test(a_host_that_tells_nothing),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
