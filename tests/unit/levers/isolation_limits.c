/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_limits.c: what a caller's groups enforce, on a tree of plain files. BPF programs: tests/vm/confined.t. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../plain_groups.h"
#include <base/file.h>
#include <base/macros.h>
#include <cmocka.h>
#include <levers/isolation_internal.h>

static void the_tightest_limit_counts(void **state)
{
	struct qb_systemd_limits limits;

	need_tree();
	put("/a", "pids.max", "100\n");
	put("/a", "memory.max", "max\n");
	put("/a", "cpu.max", "50000 100000\n");
	put("/a/b", "pids.max", "max\n");
	put("/a/b", "memory.max", "4096\n");
	put("/a/b/c", "pids.max", "200\n");
	put("/a/b/c", "cpu.max", "max 100000\n");
	put("/a/b/c", "io.max", "");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a/b/c", "/q", &limits, NULL), 0);
	assert_int_equal(limits.tasks_max, 100);
	assert_int_equal(limits.memory_max, 4096);
	assert_int_equal(limits.cpu_usec, 500000);
	assert_true(limits.swap_max == UINT64_MAX && limits.memory_high == UINT64_MAX);
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/", "/q", &limits, NULL), 0);
	assert_true(limits.tasks_max == UINT64_MAX);
}

/* A limit that cannot be read is not taken for none. */
static void odd_limits_are_refused(void **state)
{
	static const char *const odd[][2] = {{"memory.max", "lots\n"}, {"memory.high", "-1\n"},
		{"pids.max", "99999999999999999999\n"}, {"memory.swap.max", "1 2\n"},
		{"cpu.max", "1\n"}, {"cpu.max", "100000 0\n"}, {"cpu.max", "maximum\n"},
		{"cpu.max", "99999999999999999 100000\n"}};
	struct qb_systemd_limits limits;
	struct qb_error err;

	for (size_t i = 0; i < QB_ARRAY_SIZE(odd); i++) {
		need_tree();
		put("/a", odd[i][0], odd[i][1]);
		assert_int_equal(
			qb_isolation_limits_of(&cgroups, "/a", "/q", &limits, &err), -EBADMSG);
		assert_non_null(strstr(err.text, odd[i][0]));
	}
}

static void limits_are_imposed_or_refused(void **state)
{
	struct qb_systemd_limits limits;
	struct qb_error err = {0};
	char path[64], text[64];

	need_tree();
	put("/a", "pids.max", "100\n");
	put("/a", "cpu.max", "50000 100000\n");
	put("/q", "cpu.max", "max 100000\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a", "/q", &limits, NULL), 0);
	assert_int_equal(qb_isolation_limits_impose(&cgroups, "/q", &limits, &err), -ENOENT);
	assert_non_null(strstr(err.text, "pids.max"));
	put("/q", "pids.max", "max\n");
	assert_int_equal(qb_isolation_limits_impose(&cgroups, "/q", &limits, NULL), 0);
	snprintf(path, sizeof(path), ROOT "/q/cpu.max");
	assert_true(qb_file_read(path, text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "500000 1000000");
	put("/a", "io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a", "/q", &limits, &err), -EPERM);
	assert_non_null(strstr(err.text, "io.max"));
}

/* A tenth of a tenth; what is more than everybody's in one group is so in the next. */
static void weights_multiply(void **state)
{
	static const char *const more[] = {"default 100\n8:0 200\n", "default 10001\n", "heavy\n"};
	struct qb_systemd_limits limits;
	char text[64];

	need_tree();
	put("/a", "cpu.weight", "20\n");
	put("/a", "io.weight", "default 10000\n");
	put("/a/b", "cpu.weight", "50\n");
	put("/a/b", "io.weight", "default 300\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a/b", "/q", &limits, NULL), 0);
	assert_int_equal(limits.cpu_weight, 10);
	assert_int_equal(limits.io_weight, 10000);
	put("/q", "cpu.weight", "100\n");
	put("/q", "io.weight", "default 100\n");
	assert_int_equal(qb_isolation_limits_impose(&cgroups, "/q", &limits, NULL), 0);
	assert_true(qb_file_read(ROOT "/q/cpu.weight", text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "10");
	put("/a", "cpu.weight", "1\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a/b", "/q", &limits, NULL), 0);
	assert_int_equal(limits.cpu_weight, 1);
	for (size_t i = 0; i < QB_ARRAY_SIZE(more); i++) {
		put("/a", "io.weight", more[i]);
		assert_int_equal(
			qb_isolation_limits_of(&cgroups, "/a/b", "/q", &limits, NULL), -EPERM);
	}
}

static void memory_nodes_are_those_of_all(void **state)
{
	struct qb_systemd_limits limits;
	char text[64];

	need_tree();
	put("/a", "cpuset.mems", "0-2\n");
	put("/a", "cpuset.mems.effective", "0-1\n");
	put("/a/b", "cpuset.mems", "1-3\n");
	put("/a/b", "cpuset.mems.effective", "1\n");
	put("/a/b/c", "cpuset.mems", "\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/a/b/c", "/q", &limits, NULL), 0);
	put("/q", "cpuset.mems", "\n");
	assert_int_equal(qb_isolation_limits_impose(&cgroups, "/q", &limits, NULL), 0);
	assert_true(qb_file_read(ROOT "/q/cpuset.mems", text, sizeof(text), NULL) > 0);
	assert_string_equal(text, "1");
}

/* The nodes of v1's group are a step of the session's: they cannot be narrowed for one run. */
static void nodes_of_v1_are_kept_or_refused(void **state)
{
	struct qb_error err = {0};

	need_tree();
	put("/job", "cpuset.effective_mems", "0-1\n");
	put("/q", "cpuset.mems", "1\n");
	assert_int_equal(qb_isolation_check_nodes(&cgroups, "/job", "/q", NULL), 0);
	put("/q", "cpuset.mems", "0-2\n");
	assert_int_equal(qb_isolation_check_nodes(&cgroups, "/job", "/q", &err), -EPERM);
	assert_non_null(strstr(err.text, "cgroup /job has"));
	put("/job", "cpuset.effective_mems", "many\n");
	assert_int_equal(qb_isolation_check_nodes(&cgroups, "/job", "/q", NULL), -EBADMSG);
}

/* Whatever controllers come. */
static void what_is_not_known_is_refused(void **state)
{
	static const struct {
		const char *file, *free, *limits;
	} odd[] = {{"io.max", "", "8:0 rbps=max wbps=1048576 riops=max wiops=max\n"},
		{"hugetlb.2MB.max", "max\n", "0\n"},
		{"misc.max", "res_a max\nres_b max\n", "res_a max\nres_b 3\n"},
		{"rdma.max", "mlx4_0 hca_handle=max hca_object=max\n",
			"mlx4_0 hca_handle=2 hca_object=max\n"},
		{"cpu.uclamp.max", "max\n", "33.00\n"}, {"new.one.max", "max\n", "7\n"},
		{"cpu.idle", "0\n", "1\n"}, {"io.latency", "", "8:0 target=75000\n"},
		{"io.prio.class", "no-change\n", "idle\n"},
		{"memory.swap.high", "max\n", "4096\n"}};
	struct qb_systemd_limits limits;
	struct qb_error err;

	for (size_t i = 0; i < QB_ARRAY_SIZE(odd); i++) {
		need_tree();
		put("/a", odd[i].file, odd[i].free);
		put("/a/b", "pids.max", "max\n");
		assert_int_equal(qb_isolation_limits_of(&cgroups, "/a/b", "/q", &limits, NULL), 0);
		put("/a", odd[i].file, odd[i].limits);
		err = (struct qb_error){0};
		assert_int_equal(
			qb_isolation_limits_of(&cgroups, "/a/b", "/q", &limits, &err), -EPERM);
		assert_non_null(strstr(err.text, odd[i].file));
		assert_non_null(strstr(err.text, "cgroup /a has"));
		/* It holds there already. */
		assert_int_equal(
			qb_isolation_limits_of(&cgroups, "/a/b", "/a/c", &limits, NULL), 0);
	}
}

/* A run in a run that joined a lease: what is above both holds already, what is that run's own does not. */
static void what_both_are_in_is_not_asked(void **state)
{
	struct qb_systemd_limits limits;
	struct qb_error err = {0};
	char text[64];

	need_tree();
	put("/quietbench", "pids.max", "7\n");
	put("/quietbench/joined-1", "pids.max", "50\n");
	assert_int_equal(qb_isolation_limits_of(&cgroups, "/quietbench/joined-1",
				 "/quietbench/joined-2", &limits, NULL),
		0);
	assert_int_equal(limits.tasks_max, 50);
	/* The controller is asked for where the group does not have it. */
	put("/quietbench", "cgroup.subtree_control", "");
	put("/quietbench/joined-2", "cgroup.procs", "");
	assert_int_equal(
		qb_isolation_limits_impose(&cgroups, "/quietbench/joined-2", &limits, &err),
		-ENOENT); /* a plain folder does not get it */
	assert_true(qb_file_read(ROOT "/quietbench/cgroup.subtree_control", text, sizeof(text),
			    NULL) > 0);
	assert_string_equal(text, "+pids");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tightest_limit_counts),
		cmocka_unit_test(odd_limits_are_refused),
		cmocka_unit_test(limits_are_imposed_or_refused),
		cmocka_unit_test(weights_multiply),
		cmocka_unit_test(memory_nodes_are_those_of_all),
		cmocka_unit_test(nodes_of_v1_are_kept_or_refused),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(what_both_are_in_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
