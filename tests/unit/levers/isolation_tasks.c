/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking at the host's threads: one that cannot be read, or ends meanwhile, costs nobody else anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <levers/isolation.h>
#include <pthread.h>
#include <quietbench/lever.h>

#include "../plain_proc.h"

/* Three processes; what group the second is in cannot be read. */
static void put_tasks(const char *group, const char *mask)
{
	for (pid_t pid = 5000001; pid <= 5000003; pid++)
		put_task(pid, 1, 100, group, mask);
	CHECK(unlink("/proc/5000002/task/5000002/cgroup") == 0);
	CHECK(mkdir("/proc/5000002/task/5000002/cgroup", 0755) == 0);
}

static size_t count(const struct qb_steps *steps, unsigned lever, bool with_unit)
{
	size_t n = 0;

	for (size_t i = 0; i < steps->n; i++)
		n += steps->v[i].lever == lever && (steps->v[i].unit.number > 0) == with_unit;
	return n;
}

static const char *told(const struct qb_steps *steps)
{
	const struct qb_step *step = qb_steps_find(steps, QB_LEVER_TASK_AFFINITY, qb_unit_none());

	CHECK(step && step->status == QB_STATUS_UNSUPPORTED);
	return step->reason;
}

static void snapshot(void)
{
	static struct qb_profile profile;
	struct qb_selection selection = {.isolation = QB_ISOLATION_SHIELD};
	struct qb_steps steps = {0};

	qb_cpus_add(&selection.bench, 1);
	qb_cpus_add(&selection.housekeeping, 0);
	put_tasks("/", "3");
	CHECK(qb_isolation_snapshot(&selection, &profile, &steps, NULL) == 0);
	CHECK(count(&steps, QB_LEVER_TASK_GROUP, true) == 2);
	CHECK(count(&steps, QB_LEVER_TASK_AFFINITY, true) == 2);
	CHECK(strncmp(told(&steps), "1 tasks cannot be read and stay where they are (", 48) == 0);
	CHECK(strstr(told(&steps), "5000002"));
	/* And again for those born since, told once. */
	put_task(5000004, 1, 100, "/", "3");
	CHECK(qb_isolation_sweep(&selection, &profile, &steps, NULL) == 1);
	CHECK(count(&steps, QB_LEVER_TASK_GROUP, true) == 3);
	CHECK(count(&steps, QB_LEVER_TASK_AFFINITY, false) == 1);
	CHECK(qb_isolation_sweep(&selection, &profile, &steps, NULL) == 0);
}

static void one_that_cannot_be_read_ends_no_snapshot(void **state)
{
	in_plain_files(snapshot);
}

static void adopt(void)
{
	const struct qb_unit known = {.number = 5000009, .key = 100};
	struct qb_steps steps = {0};

	put_tasks(QB_GROUP_HOUSEKEEPING, "1");
	CHECK(qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY, known, "3", "1"));
	CHECK(qb_steps_add(&steps, QB_LEVER_TASK_GROUP, known, "/", QB_GROUP_HOUSEKEEPING));
	CHECK(qb_isolation_adopt(&steps, NULL) == 4);
	CHECK(count(&steps, QB_LEVER_TASK_GROUP, true) == 3);
	CHECK(count(&steps, QB_LEVER_TASK_AFFINITY, true) == 3);
	CHECK(strstr(told(&steps), "1 tasks cannot be read and keep what was imposed"));
	CHECK(qb_isolation_adopt(&steps, NULL) == 0);
	CHECK(count(&steps, QB_LEVER_TASK_AFFINITY, false) == 1);
}

static void one_that_cannot_be_read_ends_no_restore(void **state)
{
	in_plain_files(adopt);
}

static void *end_it(void *data)
{
	FILE *out = fopen("/proc/5000001/task/5000001/cgroup", "w");

	CHECK(out && fputs("7:cpuset:/\n0::/\n", out) >= 0);
	put_file(
		"5000001 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 0 0",
		"/proc/5000001/task/5000001/stat");
	fclose(out);
	return NULL;
}

/* The group of one that has ended is the root's: not where it was. */
static void ends_while_it_is_looked_at(void)
{
	const struct qb_unit unit = {.number = 5000001, .key = 100};
	char group[QB_TEXT_MAX];
	pthread_t thread;

	put_task(5000001, 1, 100, QB_GROUP_HOUSEKEEPING, "1");
	CHECK(qb_lever_read(QB_LEVER_TASK_GROUP, &unit, group, sizeof(group), NULL) == 0);
	CHECK(strcmp(group, QB_GROUP_HOUSEKEEPING) == 0);
	CHECK(unlink("/proc/5000001/task/5000001/cgroup") == 0);
	CHECK(mkfifo("/proc/5000001/task/5000001/cgroup", 0600) == 0);
	CHECK(pthread_create(&thread, NULL, end_it, NULL) == 0);
	CHECK(qb_lever_read(QB_LEVER_TASK_GROUP, &unit, group, sizeof(group), NULL) == -ESRCH);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void one_that_ends_meanwhile_is_gone(void **state)
{
	in_plain_files(ends_while_it_is_looked_at);
}

/* A kernel thread that was seen as it was born, and is bound since: nobody can give it its mask back. */
static void is_bound_by_the_kernel(void)
{
	const struct qb_unit unit = {.number = 5000001, .key = 100};
	char mask[QB_TEXT_MAX];

	put_task(5000001, 2, 100, "/", "1");
	CHECK(qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, mask, sizeof(mask), NULL) == 0);
	put_file(
		"5000001 (x) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 0 0",
		"/proc/5000001/task/5000001/stat");
	CHECK(qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, mask, sizeof(mask), NULL) == -ESRCH);
}

static void one_that_the_kernel_binds_is_not_ours(void **state)
{
	in_plain_files(is_bound_by_the_kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_cannot_be_read_ends_no_snapshot),
		cmocka_unit_test(one_that_cannot_be_read_ends_no_restore),
		cmocka_unit_test(one_that_ends_meanwhile_is_gone),
		cmocka_unit_test(one_that_the_kernel_binds_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
