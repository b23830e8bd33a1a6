/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of CPUs from a list or within limits, what is refused, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "../select_hosts.h"

static void a_list_is_obeyed(void **state)
{
	static const struct choice cases[] = {
		{LAPTOP, "cpus.list=2", "2", "6", "0-1,3-5,7", ""},
		{LAPTOP, "cpus.list=2,6", "2,6", "", "0-1,3-5,7", ""},
		{LAPTOP, "cpus.list=0", "0", "4", "1-3,5-7", ""},
		{LAPTOP, "cpus.list=0,4 cpus.smt=share", "0,4", "", "1-3,5-7", ""},
		{LAPTOP, "cpus.list=1-3,5-7 cpus.count=2", "2-3", "6-7", "0-1,4-5", ""},
		{LAPTOP, "cpus.list=0-1 cpus.count=1", "1", "5", "0,2-4,6-7", ""},
		{LAPTOP, "cpus.list=1-3 cpus.count=all", "1-3", "5-7", "0,4", ""},
		{LAPTOP, "cpus.list=1-3 cpus.count=max", "1-3", "5-7", "0,4", ""},
		{LAPTOP, "cpus.list=0-7", "0-7", "", "0-7", "other tasks cannot be kept off"},
		{LAPTOP, "cpus.list=0-7 cpus.count=max", "1-3", "5-7", "0,4", ""},
		{LAPTOP, "cpus.list=0-3", "0-3", "5-7", "4", "it is needed for housekeeping"},
		{LAPTOP, "cpus.list=3 allowed=3", "3", "", "0-2,4-7",
			"sibling 7 beside the benchmark cannot be kept idle"},
		{HYBRID, "cpus.list=4,9", "4,9", "5", "0-3,6-8", "mixed, as the list says"},
		{HYBRID, "cpus.list=9", "9", "", "0-8", ""},
		{SERVER, "cpus.list=7 cpus.node=1", "7", "19", "0-6,8-18,20-23", ""},
	};

	CHECK_ALL(cases);
}

static void only_what_the_caller_may_use(void **state)
{
	static const struct choice cases[] = {
		{LAPTOP, "allowed=1-2", "2", "", "0-1,3-7",
			"sibling 6 beside the benchmark cannot be kept idle"},
		/* a core that can be had whole goes before a higher number */
		{LAPTOP, "allowed=1,3,5", "1", "5", "0,2-4,6-7", ""},
		{LAPTOP, "allowed=0", "0", "", "1-7", "the boot CPU's core (CPU 0)"},
		/* of a list with a count, what is allowed */
		{LAPTOP, "cpus.list=2-3 cpus.count=1 allowed=0-2", "2", "", "0-1,3-7",
			"CPU 3 of cpus.list is forbidden to this process (its cpuset, taskset or session)"},
		{LAPTOP, "allowed=0-99", "3", "7", "0-2,4-6", ""},
	};

	CHECK_ALL(cases);
}

static void what_cannot_be_had_is_named(void **state)
{
	static const struct {
		enum host_name host;
		const char *wish;
		int r;
		const char *text;
	} cases[] = {
		{LAPTOP, "cpus.list=2,8-9", -EINVAL, "CPU 8-9: not on this host"},
		{HOLES, "cpus.list=3-5", -EINVAL, "CPU 5: offline"},
		{LAPTOP, "cpus.list=2-3 allowed=3", -EINVAL, "CPU 2: forbidden to this process"},
		{LAPTOP, "cpus.list=2-3 cpus.count=1 allowed=4", -EINVAL,
			"CPU 2-3: forbidden to this"},
		{LAPTOP, "cpus.list=1-3 cpus.count=2 allowed=3", -ERANGE,
			"only 1 core to choose from"},
		{SERVER, "cpus.list=2,7 cpus.node=1", -EINVAL, "CPU 2: not on the node"},
		{LAPTOP, "cpus.list=1-2 cpus.count=3", -ERANGE, "only 2 cores to choose from"},
		{LAPTOP, "cpus.count=4", -ERANGE,
			"cpus.count 4: only 3 cores beside the boot CPU's to choose from (usable "
			"CPUs: 0-7); ask for fewer, or set cpus.smt=share"},
		{TWO_CPUS, "cpus.count=2", -ERANGE,
			"only 1 core beside the boot CPU's to choose from (usable CPUs: 0-1); ask for "
			"fewer, or for all (-n all: every CPU, no isolation)"},
		{TWO_CPUS, "cpus.count=2 cpus.avoid=[]", -ERANGE,
			"left for housekeeping; ask for fewer, for max (all but one core) or for all "
			"(-n all: every CPU, no isolation)"},
		{HYBRID, "cpus.count=3", -ERANGE, "2 cores of the fastest kind"},
		{HYBRID, "cpus.count=5 cpus.kind=efficiency", -ERANGE, "set cpus.kind=any"},
		{SERVER, "cpus.node=0 cpus.count=6", -ERANGE, "only 5 cores on that node"},
		{ISOLATED, "cpus.count=2 allowed=1-2", -ENODATA,
			"choose CPUs: for several threads there are none among the usable ones (1-2): all are "
			"isolated at boot; name some with cpus.list"},
		{LAPTOP, "cpus.node=1", -EINVAL, "cpus.node 1: none of the usable CPUs (0-7)"},
		{LAPTOP, "allowed=90", -EINVAL, "none of those this process may use is online"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_topology t = build(cases[i].host);
		struct qb_selection got = {.why = "untouched"};
		struct qb_error err = {0};
		struct qb_profile profile;
		struct qb_cpus allowed;

		read_wish(cases[i].wish, &profile, &allowed);
		assert_int_equal(qb_select(&t, &profile, &allowed, &got, &err), cases[i].r);
		if (!strstr(err.text, cases[i].text))
			fail_msg("%s: expected '%s' in '%s'", cases[i].wish, cases[i].text,
				err.text);
		assert_string_equal(got.why, "untouched");
		free(t.pus);
	}
}

/* CPUs that are online, and of which the host tells nothing else. */
static void cpus_without_cores(void **state)
{
	struct qb_topology t = build(LAPTOP);
	struct qb_selection got;
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_error err = {0};

	read_wish("allowed=5-6", &profile, &allowed);
	t.n = 4;
	assert_int_equal(qb_select(&t, &profile, &allowed, &got, &err), -ENODATA);
	assert_string_equal(err.text,
		"choose CPUs: the host tells no core of the usable ones (5-6); name some with cpus.list");
	free(t.pus);
}

/* The line a person reads. */
static void why_is_said(void **state)
{
	static const struct {
		enum host_name host;
		const char *wish, *why;
	} cases[] = {
		{ONE_CPU, "", "the only core"},
		{TWO_CPUS, "", "1 core, away from boot CPU 0"},
		{SERVER, "cpus.count=2",
			"2 cores sharing one L3, away from boot CPU 0, the last of those alike"},
		{ISOLATED, "",
			"1 core, isolated at boot, away from boot CPU 0, the last of those alike"},
		{ISOLATED, "cpus.list=1-2,13-14 cpus.count=2",
			"2 cores of cpus.list 1-2,13-14 sharing one L3, isolated at boot, away from "
			"boot CPU 0"},
		{HYBRID, "cpus.kind=efficiency",
			"1 core of the slowest kind, away from boot CPU 0, the last of those "
			"alike"},
		{HYBRID, "cpus.count=all", "all: 3 cores of the fastest kind"},
		{LAPTOP, "cpus.list=2,6", "as asked: cpus.list 2,6"},
		{LAPTOP, "cpus.list=1-2 cpus.count=1",
			"1 core of cpus.list 1-2, away from boot CPU 0, the last of those alike"},
		{SERVER, "cpus.node=0",
			"1 core on node 0, away from boot CPU 0, the last of those alike"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_topology t = build(cases[i].host);
		struct qb_selection got;
		struct qb_profile profile;
		struct qb_cpus allowed;

		read_wish(cases[i].wish, &profile, &allowed);
		assert_int_equal(qb_select(&t, &profile, &allowed, &got, NULL), 0);
		assert_string_equal(got.why, cases[i].why);
		free(t.pus);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_obeyed),
		cmocka_unit_test(only_what_the_caller_may_use),
		cmocka_unit_test(what_cannot_be_had_is_named),
		cmocka_unit_test(cpus_without_cores),
		cmocka_unit_test(why_is_said),
	};

	return cmocka_run_group_tests_name("select, as asked", tests, NULL, NULL);
}
