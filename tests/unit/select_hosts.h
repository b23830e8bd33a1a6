/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For the tests of qb_select: hosts built in code, wishes as users write them, answers as lists. */
#ifndef QB_TESTS_SELECT_HOSTS_H
#define QB_TESTS_SELECT_HOSTS_H

#include <base/macros.h>
#include <core/select.h>

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

enum host_name {
	ONE_CPU,
	ONE_CORE,
	ONE_CORE_SMT4,
	TWO_CPUS,
	LAPTOP, /* 0,4 1,5 2,6 3,7 */
	SERVER, /* L3s 0-2 3-5 | 6-8 9-11, siblings 12 further */
	PLAIN,	/* 0-3 | 4-7 */
	HYBRID, /* fast 0-5 in pairs, slow 6-9 */
	ISOLATED,
	HOLES,
	BOOT_GONE,
};

static const struct host hosts[] = {
	[ONE_CPU] = {1, 1, 1, 1, .adjacent = true},
	[ONE_CORE] = {1, 1, 1, 2, .adjacent = true},
	[ONE_CORE_SMT4] = {1, 1, 1, 4, .adjacent = true},
	[TWO_CPUS] = {1, 1, 2, 1, .boot = 0},
	[LAPTOP] = {1, 1, 4, 2, .boot = 0},
	[SERVER] = {2, 2, 3, 2, .boot = 0},
	[PLAIN] = {2, 1, 4, 1, .boot = 0},
	[HYBRID] = {1, 1, 3, 2, .adjacent = true, .slow = 4},
	[ISOLATED] = {2, 2, 3, 2, .isolated = "1-2,13-14"},
	[HOLES] = {1, 1, 4, 2, .offline = "5-6"},
	[BOOT_GONE] = {1, 1, 4, 1, .offline = "0", .boot = 1},
};

static void add(struct qb_topology *t, unsigned cpu, int core, int package, int l3, int kind)
{
	t->pus[t->n++] = (struct qb_pu){.cpu = (uint16_t)cpu,
		.core = (int16_t)core,
		.package = (int16_t)package,
		.node = (int16_t)package,
		.l2 = (int16_t)core,
		.l3 = (int16_t)l3,
		.os_core = core,
		.os_package = package,
		.os_node = package,
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

static inline struct qb_topology build(enum host_name name)
{
	const struct host *host = &hosts[name];
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
static inline void read_wish(const char *wish, struct qb_profile *profile, struct qb_cpus *allowed)
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
		assert_int_equal(
			qb_setting_parse((enum qb_key)key, value, &profile->set[key], &err), 0);
		profile->set[key].explicit_ = true;
	}
}

struct choice {
	enum host_name host;
	const char *wish;
	const char *bench, *reserved, *housekeeping;
	const char *note; /* part of it; "" none */
};

static inline void check(const struct choice *want)
{
	struct qb_topology t = build(want->host);
	struct qb_profile profile;
	struct qb_cpus allowed;
	struct qb_selection got;
	struct qb_error err = {0};
	char bench[256], reserved[256], housekeeping[256];
	const struct qb_cpus online = t.online, isolated = t.isolated;
	struct qb_cpus rest;
	int r;

	read_wish(want->wish, &profile, &allowed);
	r = qb_select(&t, &profile, &allowed, &got, &err);
	free(t.pus);
	if (r < 0)
		fail_msg("%s: %s", want->wish, err.text);
	qb_cpus_format_list(&got.bench, bench, sizeof(bench));
	qb_cpus_format_list(&got.reserved, reserved, sizeof(reserved));
	qb_cpus_format_list(&got.housekeeping, housekeeping, sizeof(housekeeping));
	if (strcmp(bench, want->bench) != 0 || strcmp(reserved, want->reserved) != 0 ||
		strcmp(housekeeping, want->housekeeping) != 0)
		fail_msg("%s: expected %s | %s | %s, got %s | %s | %s", want->wish, want->bench,
			want->reserved, want->housekeeping, bench, reserved, housekeeping);
	/* All others are isolated at boot, and nothing else is. */
	rest = online;
	qb_cpus_andnot(&rest, &got.bench);
	qb_cpus_andnot(&rest, &got.reserved);
	qb_cpus_andnot(&rest, &got.housekeeping);
	assert_true(qb_cpus_equal(&rest, &got.isolated));
	assert_true(qb_cpus_subset(&rest, &isolated));
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

#endif
