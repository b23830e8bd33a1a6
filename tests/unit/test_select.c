/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The choice of CPUs: hosts built in code, wishes as a user writes them, the answer as lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <core/select.h>
#include <errno.h>

/*
 * A host. CPUs are numbered thread by thread ("apart": first all cores' first threads), or core by
 * core; `slow` cores of another kind without siblings come last, in the same package and L3.
 */
struct host {
	unsigned packages, l3s, cores, threads; /* l3s per package, cores per l3 */
	bool adjacent;
	unsigned slow;
	unsigned boot;
	const char *offline, *isolated; /* lists */
};

static const struct host one_cpu = {1, 1, 1, 1, .adjacent = true};
static const struct host one_core = {1, 1, 1, 2, .adjacent = true};
static const struct host one_core_smt4 = {1, 1, 1, 4, .adjacent = true};
static const struct host two_cpus = {1, 1, 2, 1};
static const struct host laptop = {1, 1, 4, 2};	       /* 0,4 1,5 2,6 3,7 */
static const struct host server = {2, 2, 3, 2};	       /* L3s 0-2 3-5 | 6-8 9-11, siblings +12 */
static const struct host plain = {2, 1, 4, 1};	       /* 0-3 | 4-7 */
static const struct host hybrid = {1, 1, 3, 2, .adjacent = true, .slow = 4}; /* P 0-5, E 6-9 */
static const struct host isolated = {2, 2, 3, 2, .isolated = "1-2,13-14"};
static const struct host holes = {1, 1, 4, 2, .offline = "5-6", .boot = 0};
static const struct host boot_gone = {1, 1, 4, 1, .offline = "0", .boot = 1};

static void add(struct qb_topology *t, unsigned cpu, int core, int package, int l3, int kind)
{
	t->pus[t->n++] = (struct qb_pu){.cpu = (uint16_t)cpu, .core = (int16_t)core,
		.package = (int16_t)package, .node = (int16_t)package, .l3 = (int16_t)l3,
		.os_core = core, .os_package = package, .os_node = package,
		.kind = (int16_t)kind};
	qb_cpus_add(&t->online, cpu);
	qb_cpus_add(&t->possible, cpu);
}

static int by_cpu(const void *a, const void *b)
{
	return (int)((const struct qb_pu *)a)->cpu - (int)((const struct qb_pu *)b)->cpu;
}

static void take_offline(struct qb_topology *t, const char *list)
{
	struct qb_cpus offline;
	unsigned kept = 0;

	assert_int_equal(qb_cpus_parse_list(list, &offline), 0);
	qb_cpus_andnot(&t->online, &offline);
	for (unsigned i = 0; i < t->n; i++)
		if (qb_cpus_has(&t->online, t->pus[i].cpu))
			t->pus[kept++] = t->pus[i];
	t->n = kept;
}

static struct qb_topology build(const struct host *host)
{
	unsigned cores = host->packages * host->l3s * host->cores;
	struct qb_topology t = {.kinds = host->slow ? 2 : 1, .boot_cpu = host->boot};

	t.pus = calloc(cores * host->threads + host->slow, sizeof(*t.pus));
	assert_non_null(t.pus);
	for (unsigned core = 0; core < cores; core++)
		for (unsigned thread = 0; thread < host->threads; thread++)
			add(&t,
				host->adjacent ? core * host->threads + thread
					       : thread * cores + core,
				(int)core, (int)(core / (host->l3s * host->cores)),
				(int)(core / host->cores), host->slow ? 1 : 0);
	for (unsigned i = 0; i < host->slow; i++)
		add(&t, cores * host->threads + i, (int)(cores + i), 0, 0, 0);
	qsort(t.pus, t.n, sizeof(*t.pus), by_cpu);
	if (host->offline)
		take_offline(&t, host->offline);
	if (host->isolated)
		assert_int_equal(qb_cpus_parse_list(host->isolated, &t.isolated), 0);
	t.n_cores = cores + host->slow;
	t.n_packages = t.n_nodes = host->packages;
	return t;
}

/* "cpus.count=2 cpus.smt=share" over the defaults of the table. "allowed=LIST" is the caller's. */
static void read_wish(const char *wish, struct qb_profile *profile, struct qb_cpus *allowed)
{
	struct qb_error err = {0};
	char text[256], *save = NULL;

	memset(profile, 0, sizeof(*profile));
	memset(allowed, 0, sizeof(*allowed));
	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (qb_keys[key].dflt[0])
			assert_int_equal(qb_setting_parse((enum qb_key)key, qb_keys[key].dflt,
						 &profile->set[key], &err),
				0);
	snprintf(text, sizeof(text), "%s", wish);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');
		int key;

		assert_non_null(value);
		*value++ = '\0';
		if (strcmp(word, "allowed") == 0) {
			assert_int_equal(qb_cpus_parse_list(value, allowed), 0);
			continue;
		}
		key = qb_key_find(word);
		assert_true(key >= 0);
		assert_int_equal(qb_setting_parse((enum qb_key)key, value, &profile->set[key], &err),
			0);
		profile->set[key].explicit_ = true;
	}
}

struct choice {
	const struct host *host;
	const char *wish;
	const char *bench, *reserved, *house;
	const char *note; /* part of it; "" none */
};

static void check(const struct choice *want)
{
	struct qb_topology t = build(want->host);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;
	struct qb_error err = {0};
	char bench[256], reserved[256], house[256];
	int r;

	read_wish(want->wish, &profile, &allowed);
	r = qb_select(&t, &profile, &allowed, &got, &err);
	free(t.pus);
	if (r < 0)
		fail_msg("%s: %s", want->wish, err.text);
	qb_cpus_format_list(&got.bench, bench, sizeof(bench));
	qb_cpus_format_list(&got.reserved, reserved, sizeof(reserved));
	qb_cpus_format_list(&got.house, house, sizeof(house));
	if (strcmp(bench, want->bench) != 0 || strcmp(reserved, want->reserved) != 0 ||
		strcmp(house, want->house) != 0)
		fail_msg("%s: expected %s | %s | %s, got %s | %s | %s", want->wish, want->bench,
			want->reserved, want->house, bench, reserved, house);
	if (want->note[0] ? !strstr(got.note, want->note) : got.note[0] != '\0')
		fail_msg("%s: expected the note '%s', got '%s'", want->wish, want->note, got.note);
	assert_true(got.why[0]);
	assert_int_equal(got.balanced, qb_cpus_count(&got.bench) > 1);
	assert_int_equal(got.isolation, QB_ISOLATION_NONE);
}

#define CHECK_ALL(cases)                                                                           \
	do {                                                                                       \
		(void)state;                                                                       \
		for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++)                                  \
			check(&(cases)[i]);                                                        \
	} while (0)

static void one_core_away_from_the_boot_cpu(void **state)
{
	static const struct choice cases[] = {
		{&laptop, "", "3", "7", "0-2,4-6", ""},
		{&two_cpus, "", "1", "", "0", ""},
		{&server, "", "11", "23", "0-10,12-22", ""},
		{&plain, "", "7", "", "0-6", ""},
		{&holes, "", "3", "7", "0-2,4", ""},
		{&boot_gone, "", "3", "", "1-2", ""},
		{&boot_gone, "cpus.count=2", "2-3", "", "1", ""},
	};

	CHECK_ALL(cases);
}

static void too_small_hosts_say_what_gives(void **state)
{
	static const struct choice cases[] = {
		{&one_cpu, "", "0", "", "0", "one CPU: nobody can be kept off"},
		{&one_cpu, "cpus.count=max", "0", "", "0", "one CPU"},
		{&one_core, "", "1", "", "0", "sibling 0 beside the benchmark cannot be kept idle"},
		{&one_core, "cpus.count=max", "1", "", "0", "the only one that fits"},
		{&one_core, "cpus.smt=share cpus.count=max", "1", "", "0", "the only one that fits"},
		{&one_core_smt4, "", "1", "2-3", "0", "sibling 0"},
		{&one_core_smt4, "cpus.smt=share cpus.count=max", "1-3", "", "0", "the boot CPU's"},
		{&laptop, "cpus.count=4 cpus.avoid=[]", "1-4", "5-7", "0",
			"sibling 0 is not idle: somebody must keep house"},
	};

	CHECK_ALL(cases);
}

static void several_stay_together(void **state)
{
	static const struct choice cases[] = {
		{&server, "cpus.count=2", "10-11", "22-23", "0-9,12-21", ""},
		{&server, "cpus.count=3", "9-11", "21-23", "0-8,12-20", ""},
		{&server, "cpus.count=4", "8-11", "20-23", "0-7,12-19", "these are in one package"},
		{&server, "cpus.count=4 cpus.within=node", "8-11", "20-23", "0-7,12-19", ""},
		{&server, "cpus.count=7 cpus.within=core", "5-11", "17-23", "0-4,12-16",
			"spread over the host"},
		{&server, "cpus.count=7 cpus.within=any", "5-11", "17-23", "0-4,12-16", ""},
		{&server, "cpus.node=0 cpus.count=2", "4-5", "16-17", "0-3,6-15,18-23", ""},
		{&server, "cpus.node=0 cpus.count=5 cpus.within=node", "1-5", "13-17",
			"0,6-12,18-23", ""},
		{&plain, "cpus.node=0", "3", "", "0-2,4-7", ""},
	};

	CHECK_ALL(cases);
}

static void max_and_all(void **state)
{
	static const struct choice cases[] = {
		{&laptop, "cpus.count=max", "1-3", "5-7", "0,4", ""},
		{&laptop, "cpus.count=max cpus.avoid=[]", "1-3", "5-7", "0,4", ""},
		{&laptop, "cpus.count=max cpus.smt=share", "1-3,5-7", "", "0,4", ""},
		{&laptop, "cpus.count=max allowed=2-3,6-7", "2-3", "6-7", "0-1,4-5", ""},
		{&laptop, "cpus.count=all", "0-3", "", "0-7", ""},
		{&laptop, "cpus.count=all cpus.smt=share", "0-7", "", "0-7", ""},
		{&server, "cpus.count=max cpus.node=1", "6-11", "18-23", "0-5,12-17", ""},
		{&hybrid, "cpus.count=max", "2,4", "3,5", "0-1,6-9", ""},
		{&hybrid, "cpus.count=all", "0,2,4", "", "0-9", ""},
		{&hybrid, "cpus.count=max cpus.kind=any", "2,4,6-9", "3,5", "0-1", "mixed"},
		{&two_cpus, "cpus.count=max", "1", "", "0", ""},
	};

	CHECK_ALL(cases);
}

static void siblings_are_shared_when_asked(void **state)
{
	static const struct choice cases[] = {
		{&laptop, "cpus.smt=share", "3", "", "0-2,4-7", ""},
		{&laptop, "cpus.smt=share cpus.count=2", "3,7", "", "0-2,4-6", ""},
		{&laptop, "cpus.smt=share cpus.count=3", "2-3,7", "", "0-1,4-6", ""},
		{&laptop, "cpus.smt=share cpus.count=2 cpus.within=core", "3,7", "", "0-2,4-6", ""},
		{&laptop, "cpus.smt=share cpus.count=3 cpus.within=core", "2-3,7", "", "0-1,4-6",
			"sharing one L3"},
		{&laptop, "cpus.smt=offline", "3", "7", "0-2,4-6", ""},
	};

	CHECK_ALL(cases);
}

static void kinds_do_not_mix_silently(void **state)
{
	static const struct choice cases[] = {
		{&hybrid, "", "4", "5", "0-3,6-9", ""},
		{&hybrid, "cpus.count=2", "2,4", "3,5", "0-1,6-9", ""},
		{&hybrid, "cpus.kind=efficiency cpus.count=2", "8-9", "", "0-7", ""},
		{&hybrid, "cpus.kind=any", "4", "5", "0-3,6-9", ""},
		{&hybrid, "cpus.kind=any cpus.count=3", "7-9", "", "0-6", ""},
		{&hybrid, "cpus.kind=any cpus.count=5", "2,4,7-9", "3,5", "0-1,6",
			"fast and slow cores mixed"},
		{&hybrid, "allowed=6-9", "9", "", "0-8", "none of the usable CPUs is of the fastest"},
		{&hybrid, "allowed=0-1,6-9", "1", "", "0,2-9", "the only one that fits"},
	};

	CHECK_ALL(cases);
}

static void isolated_at_boot_is_preferred(void **state)
{
	static const struct choice cases[] = {
		{&isolated, "", "2", "14", "0-1,3-13,15-23", ""},
		{&isolated, "cpus.count=2", "1-2", "13-14", "0,3-12,15-23", ""},
		{&isolated, "cpus.count=3", "9-11", "21-23", "0-8,12-20", ""},
		{&isolated, "cpus.node=1", "11", "23", "0-10,12-22", ""},
	};

	CHECK_ALL(cases);
}

static void a_list_is_obeyed(void **state)
{
	static const struct choice cases[] = {
		{&laptop, "cpus.list=2", "2", "6", "0-1,3-5,7", ""},
		{&laptop, "cpus.list=2,6", "2,6", "", "0-1,3-5,7", ""},
		{&laptop, "cpus.list=0", "0", "4", "1-3,5-7", ""},
		{&laptop, "cpus.list=0,4 cpus.smt=share", "0,4", "", "1-3,5-7", ""},
		{&laptop, "cpus.list=1-3,5-7 cpus.count=2", "2-3", "6-7", "0-1,4-5", ""},
		{&laptop, "cpus.list=0-1 cpus.count=1", "1", "5", "0,2-4,6-7", ""},
		{&laptop, "cpus.list=1-3 cpus.count=all", "1-3", "5-7", "0,4", ""},
		{&laptop, "cpus.list=1-3 cpus.count=max", "1-3", "5-7", "0,4", ""},
		{&laptop, "cpus.list=0-7", "0-7", "", "0-7", "nobody can be kept off them"},
		{&laptop, "cpus.list=0-7 cpus.count=max", "1-3", "5-7", "0,4", ""},
		{&laptop, "cpus.list=0-3", "0-3", "5-7", "4", "somebody must keep house"},
		{&laptop, "cpus.list=3 allowed=3", "3", "", "0-2,4-7",
			"sibling 7 beside the benchmark cannot be kept idle"},
		{&hybrid, "cpus.list=4,9", "4,9", "5", "0-3,6-8", "mixed, as the list says"},
		{&hybrid, "cpus.list=9", "9", "", "0-8", ""},
		{&server, "cpus.list=7 cpus.node=1", "7", "19", "0-6,8-18,20-23", ""},
	};

	CHECK_ALL(cases);
}

static void only_what_the_caller_may_use(void **state)
{
	static const struct choice cases[] = {
		{&laptop, "allowed=1-2", "2", "", "0-1,3-7",
			"sibling 6 beside the benchmark cannot be kept idle"},
		/* a core that can be had whole goes before a higher number */
		{&laptop, "allowed=1,3,5", "1", "5", "0,2-4,6-7", ""},
		{&laptop, "allowed=0", "0", "", "1-7", "the boot CPU's core (CPU 0)"},
		{&laptop, "allowed=0-99", "3", "7", "0-2,4-6", ""},
	};

	CHECK_ALL(cases);
}

static void what_cannot_be_had_is_named(void **state)
{
	static const struct {
		const struct host *host;
		const char *wish;
		int r;
		const char *text;
	} cases[] = {
		{&laptop, "cpus.list=2,8-9", -EINVAL, "CPU 8-9: not on this host"},
		{&holes, "cpus.list=3-5", -EINVAL, "CPU 5: offline"},
		{&laptop, "cpus.list=2-3 allowed=3", -EINVAL, "CPU 2: forbidden to this process"},
		{&server, "cpus.list=2,7 cpus.node=1", -EINVAL, "CPU 2: not on the node"},
		{&laptop, "cpus.list=1-2 cpus.count=3", -ERANGE, "only 2 cores to choose from"},
		{&laptop, "cpus.count=4", -ERANGE,
			"cpus.count 4: only 3 cores beside the boot CPU's to choose from (usable "
			"CPUs: 0-7); ask for fewer, or set cpus.smt=share"},
		{&two_cpus, "cpus.count=2", -ERANGE, "only 1 core beside the boot CPU's"},
		{&two_cpus, "cpus.count=2 cpus.avoid=[]", -ERANGE, "left to keep house"},
		{&hybrid, "cpus.count=3", -ERANGE, "2 cores of the fastest kind"},
		{&hybrid, "cpus.count=5 cpus.kind=efficiency", -ERANGE, "set cpus.kind=any"},
		{&server, "cpus.node=0 cpus.count=6", -ERANGE, "only 5 cores on that node"},
		{&laptop, "cpus.node=1", -EINVAL, "cpus.node 1: none of the usable CPUs (0-7)"},
		{&laptop, "allowed=90", -EINVAL, "none of those this process may use is online"},
	};

	(void)state;
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

/* The line a person reads. */
static void why_is_said(void **state)
{
	static const struct {
		const struct host *host;
		const char *wish, *why;
	} cases[] = {
		{&one_cpu, "", "the only core"},
		{&two_cpus, "", "1 core, away from boot CPU 0"},
		{&server, "cpus.count=2",
			"2 cores sharing one L3, away from boot CPU 0, the last of those alike"},
		{&isolated, "cpus.count=2",
			"2 cores sharing one L3, isolated at boot, away from boot CPU 0"},
		{&hybrid, "cpus.kind=efficiency",
			"1 core of the slowest kind, away from boot CPU 0, the last of those alike"},
		{&hybrid, "cpus.count=all", "all: 3 cores of the fastest kind"},
		{&laptop, "cpus.list=2,6", "as asked: cpus.list 2,6"},
		{&laptop, "cpus.list=1-2 cpus.count=1",
			"1 core of cpus.list 1-2, away from boot CPU 0, the last of those alike"},
		{&server, "cpus.node=0",
			"1 core on node 0, away from boot CPU 0, the last of those alike"},
	};

	(void)state;
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

static void nodes_are_the_kernels(void **state)
{
	struct qb_topology t = build(&plain);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;

	(void)state;
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
	struct qb_topology t = build(&plain);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;
	char text[64];

	(void)state;
	for (unsigned i = 0; i < t.n; i++) {
		struct qb_pu *pu = &t.pus[i];

		pu->core = pu->package = pu->node = pu->l3 = -1;
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
		cmocka_unit_test(isolated_at_boot_is_preferred),
		cmocka_unit_test(a_list_is_obeyed),
		cmocka_unit_test(only_what_the_caller_may_use),
		cmocka_unit_test(what_cannot_be_had_is_named),
		cmocka_unit_test(why_is_said),
		cmocka_unit_test(nodes_are_the_kernels),
		cmocka_unit_test(a_host_that_tells_nothing),
	};

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
