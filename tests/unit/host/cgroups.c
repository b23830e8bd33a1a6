/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups: paths, members, and the choice of an isolation. On a tree of plain files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../plain_groups.h"
#include <base/file.h>
#include <base/macros.h>
#include <cmocka.h>
#include <host/cgroups_text.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <pthread.h>
#include <quietbench/lever.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void paths_are_built(void **state)
{
	const struct qb_cgroups none = {0};
	struct qb_error err = {0};
	char path[64];

	assert_int_equal(qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, "/a", "cgroup.procs", path,
				 sizeof(path), NULL),
		0);
	assert_string_equal(path, ROOT "/a/cgroup.procs");
	assert_int_equal(
		qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, "/", NULL, path, sizeof(path), NULL), 0);
	assert_string_equal(path, ROOT);
	assert_int_equal(qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, "/a/b", NULL, path, 5, &err),
		-ENAMETOOLONG);
	assert_int_equal(
		qb_cgroups_path(&none, QB_HIERARCHY_CPUSET, "/", NULL, path, sizeof(path), &err),
		-ENOENT);
	assert_non_null(strstr(err.text, "not mounted"));
}

static void mounts_are_read(void **state)
{
	static const char line[] =
		"31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
	struct qb_mount mount;
	char cut[512];

	assert_int_equal(qb_mount_parse(line, &mount), 0);
	assert_string_equal(mount.root, "/");
	assert_string_equal(mount.point, "/sys/fs/cgroup");
	assert_string_equal(mount.type, "cgroup2");
	assert_string_equal(mount.super, "rw,nsdelegate");
	assert_int_equal(qb_mount_parse("", &mount), -EBADMSG);
	assert_int_equal(qb_mount_parse("31 23 0:28 / - cgroup2 cgroup2 rw", &mount), -EBADMSG);
	assert_int_equal(
		qb_mount_parse("31 23 0:28 -\t/ rw - cgroup2 cgroup2 rw", &mount), -EBADMSG);
	assert_int_equal(
		qb_mount_parse("31 23 0:28 / -\trw - cgroup2 cgroup2 rw", &mount), -EBADMSG);
	/* a word that does not fit its place is not cut to another one */
	snprintf(cut, sizeof(cut), "31 23 0:28 / /%0300d rw - cgroup2 cgroup2 rw", 0);
	assert_int_equal(qb_mount_parse(cut, &mount), -EBADMSG);
	assert_string_equal(mount.point, "/sys/fs/cgroup");
}

/* Whatever this machine has: a hierarchy that is found is one of the kernel's. */
static void mounts_are_verified(void **state)
{
	struct qb_cgroups found;

	assert_int_equal(qb_cgroups_load(&found, NULL), 0);
	for (int i = 0; i < QB_HIERARCHY_COUNT; i++) {
		if (!found.mount[i][0])
			continue;
		assert_int_equal(found.mount[i][0], '/');
		assert_true(qb_cgroups_exists(&found, (enum qb_hierarchy)i, "/"));
	}
	assert_false(found.cpuset2 && found.mount[QB_HIERARCHY_CPUSET][0]);
}

static void a_hidden_mount_is_not_found(void **state)
{
	struct qb_cgroups found;

	if (!sandbox_enter() || !sandbox_empty("/sys/fs/cgroup"))
		skip();
	qb_cgroups_forget();
	assert_int_equal(qb_cgroups_load(&found, NULL), 0);
	assert_false(qb_cgroups_exists(&found, QB_HIERARCHY_V2, "/"));
	assert_int_equal(umount("/sys/fs/cgroup"), 0);
	qb_cgroups_forget();
}

/* Who is seen in a group and those below it; they stay. */
struct members {
	pid_t v[8];
	size_t n;
};

static int remember(void *data, const struct qb_held *held, struct qb_error *err)
{
	struct members *members = data;

	if (members->n < QB_ARRAY_SIZE(members->v))
		members->v[members->n++] = held->tid;
	return -ECANCELED; /* one round is enough */
}

static void *wait_in_thread(void *data)
{
	const pid_t tid = (pid_t)syscall(SYS_gettid);

	if (write(*(const int *)data, &tid, sizeof(tid)) == (ssize_t)sizeof(tid))
		pause();
	return NULL;
}

/* A process with a second thread, whose id is returned. */
static pid_t start_two_threads(pid_t *ret_tid)
{
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, wait_in_thread, &ready[1]) == 0)
			pthread_join(thread, NULL);
		_exit(1);
	}
	assert_int_equal(read(ready[0], ret_tid, sizeof(*ret_tid)), sizeof(*ret_tid));
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static bool write_group(
	const struct qb_cgroups *real, const char *group, const char *file, pid_t id)
{
	char path[512], text[16];

	snprintf(text, sizeof(text), "%d", id);
	return qb_cgroups_path(real, QB_HIERARCHY_V2, group, file, path, sizeof(path), NULL) == 0 &&
	       sandbox_put(path, id ? text : "threaded");
}

/* A benchmark may make threaded groups below the run's: its process is found, and the group goes. */
static void a_threaded_group_is_emptied_and_removed(void **state)
{
	struct members members = {0};
	struct qb_cgroups real;
	char group[64], below[80];
	pid_t tid, pid;
	bool made;

	assert_int_equal(qb_cgroups_load(&real, NULL), 0);
	snprintf(group, sizeof(group), "/quietbench-test-%d", getpid());
	snprintf(below, sizeof(below), "%s/threaded", group);
	if (!real.mount[QB_HIERARCHY_V2][0] ||
		qb_cgroups_create(&real, QB_HIERARCHY_V2, group, NULL) < 0)
		skip();
	pid = start_two_threads(&tid);
	made = qb_cgroups_create(&real, QB_HIERARCHY_V2, below, NULL) == 0 &&
	       write_group(&real, group, "cgroup.procs", pid) &&
	       write_group(&real, below, "cgroup.type", 0) &&
	       write_group(&real, below, "cgroup.threads", tid);
	if (made) {
		assert_true(qb_cgroups_alone(&real, QB_HIERARCHY_V2, group, pid));
		assert_false(qb_cgroups_alone(&real, QB_HIERARCHY_V2, group, getpid()));
		assert_int_equal(
			qb_cgroups_empty(&real, QB_HIERARCHY_V2, group, remember, &members, NULL),
			-ECANCELED);
		assert_int_equal(members.n, 1);
		assert_int_equal(members.v[0], pid);
	}
	assert_int_equal(qb_cgroups_remove(&real, QB_HIERARCHY_V2, group, NULL), 0);
	assert_false(qb_cgroups_exists(&real, QB_HIERARCHY_V2, group));
	assert_false(qb_cgroups_alone(&real, QB_HIERARCHY_V2, group, pid));
	assert_int_equal(kill(pid, 0), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	if (!made)
		skip();
}

static void groups_are_removed_with_those_below(void **state)
{
	need_tree();
	assert_int_equal(qb_cgroups_remove(&cgroups, QB_HIERARCHY_V2, "/q", NULL), 0);
	assert_int_equal(qb_cgroups_create(&cgroups, QB_HIERARCHY_V2, "/q", NULL), 0);
	assert_int_equal(qb_cgroups_create(&cgroups, QB_HIERARCHY_V2, "/q", NULL), 0);
	assert_int_equal(qb_cgroups_create(&cgroups, QB_HIERARCHY_V2, "/q/sub", NULL), 0);
	assert_true(qb_cgroups_exists(&cgroups, QB_HIERARCHY_V2, "/q/sub"));
	assert_int_equal(qb_cgroups_remove(&cgroups, QB_HIERARCHY_V2, "/q", NULL), 0);
	assert_false(qb_cgroups_exists(&cgroups, QB_HIERARCHY_V2, "/q"));
}

static void an_absent_group_is_empty(void **state)
{
	struct members members = {0};

	need_tree();
	assert_int_equal(
		qb_cgroups_empty(&cgroups, QB_HIERARCHY_V2, "/q", remember, &members, NULL), 0);
	put("/q", "cgroup.procs", "0\n");
	put("/q/sub", "cgroup.procs", "");
	assert_int_equal(
		qb_cgroups_empty(&cgroups, QB_HIERARCHY_V2, "/q", remember, &members, NULL), 0);
	assert_int_equal(members.n, 0);
}

static void who_is_alone_is_told(void **state)
{
	need_tree();
	assert_false(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 12));
	put("/alone", "cgroup.procs", "12\n");
	assert_true(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 12));
	assert_false(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 1));
	put("/alone/below", "cgroup.procs", "");
	assert_true(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 12));
	put("/alone/below", "cgroup.procs", "13\n");
	assert_false(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 12));
	put("/alone/below", "cgroup.procs", "");
	put("/alone", "cgroup.procs", "12\n13\n");
	assert_false(qb_cgroups_alone(&cgroups, QB_HIERARCHY_V2, "/alone", 12));
	/* v1: another thread of it */
	put("/alone", "tasks", "12\n14\n");
	assert_false(qb_cgroups_alone(&cgroups, QB_HIERARCHY_CPUSET, "/alone", 12));
	put("/alone", "tasks", "12\n");
	assert_true(qb_cgroups_alone(&cgroups, QB_HIERARCHY_CPUSET, "/alone", 12));
}

static void only_our_own_cpusets_have_names(void **state)
{
	struct qb_error err = {0};
	struct qb_unit unit = {.name = "quietbench.house"};

	assert_int_equal(qb_lever_judge(QB_LEVER_SHIELD, &unit, "present", NULL), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_SHIELD_CPUS, &unit, "0", NULL), 0);
	memcpy(unit.name, "../../etc", sizeof("../../etc"));
	assert_int_equal(qb_lever_judge(QB_LEVER_SHIELD, &unit, "present", &err), -EPERM);
	assert_int_equal(qb_lever_judge(QB_LEVER_SHIELD_CPUS, &unit, "0", &err), -EPERM);
}

/* It has drifted, and is undone all the same. */
static void an_invalid_partition_is_still_ours(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	struct qb_step *step =
		qb_steps_add(&steps, QB_LEVER_PARTITION, qb_unit_none(), "member", "isolated");

	assert_non_null(step);
	step->left = step->wanted;
	assert_false(qb_lever_same(QB_LEVER_PARTITION, "isolated", "isolated invalid (why)"));
	assert_true(qb_lever_ours(&steps, step, "isolated invalid (why)"));
	assert_false(qb_lever_ours(&steps, step, "root invalid (why)"));
	assert_false(qb_lever_ours(&steps, step, "member"));
	assert_false(qb_lever_same(QB_LEVER_PARTITION, "isolated", "root"));
	assert_false(qb_lever_same(QB_LEVER_PARTITION, "root", "roots"));
	assert_true(qb_lever_same(QB_LEVER_GROUP_CPUS, "0-1", "0,1"));
	assert_false(qb_lever_same(QB_LEVER_SLICE, "absent", "all"));
}

/* Plans on whatever this machine is, for the given CPUs out of 0-3. */
static enum qb_isolation plan(
	const char *wish, const char *bench, const char *housekeeping, struct qb_steps *steps)
{
	static struct qb_profile profile;
	struct qb_topology topology = {0};
	struct qb_selection selection = {0};
	const struct qb_wish all = {
		.profile = &profile, .topology = &topology, .selection = &selection};
	struct qb_setting *setting = &profile.set[QB_KEY_CPUS_ISOLATION];

	setting->kind = QB_SETTING_WORD;
	snprintf(setting->text, sizeof(setting->text), "%s", wish);
	assert_int_equal(qb_cpus_parse_list("0-3", &topology.online), 0);
	assert_int_equal(qb_cpus_parse_list(bench, &selection.bench), 0);
	assert_int_equal(qb_cpus_parse_list(housekeeping, &selection.housekeeping), 0);
	assert_int_equal(qb_isolation_plan(&all, steps, NULL), 0);
	return (enum qb_isolation)selection.isolation;
}

static const struct qb_step *refused(const struct qb_steps *steps)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].status == QB_STATUS_UNSUPPORTED)
			return &steps->v[i];
	return NULL;
}

static void without_housekeeping_cpus_nobody_is_moved(void **state)
{
	static const char *const wishes[] = {"auto", "partition", "shield", "affinity"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(wishes); i++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};

		assert_int_equal(plan(wishes[i], "0-3", "", &steps), QB_ISOLATION_NONE);
		assert_non_null(refused(&steps));
		assert_non_null(strstr(refused(&steps)->reason, "-n"));
	}
}

/* A host without control groups: what remains is affinity, and what was asked for is explained. */
static void without_groups_affinity_remains(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0}, explicit = {0}, none = {0};

	if (!sandbox_enter() || !sandbox_empty("/sys/fs/cgroup"))
		skip();
	qb_cgroups_forget();
	assert_int_equal(plan("auto", "1", "0,2-3", &steps), QB_ISOLATION_AFFINITY);
	assert_null(refused(&steps));
	assert_int_equal(steps.n, 0);
	assert_int_equal(plan("partition", "1", "0,2-3", &explicit), QB_ISOLATION_NONE);
	assert_non_null(refused(&explicit));
	assert_non_null(strstr(refused(&explicit)->reason, "cgroup v2"));
	assert_int_equal(plan("none", "1", "0,2-3", &none), QB_ISOLATION_NONE);
	assert_int_equal(none.n, 0);
	assert_int_equal(umount("/sys/fs/cgroup"), 0);
	qb_cgroups_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_built),
		cmocka_unit_test(mounts_are_read),
		cmocka_unit_test(mounts_are_verified),
		cmocka_unit_test(a_hidden_mount_is_not_found),
		cmocka_unit_test(a_threaded_group_is_emptied_and_removed),
		cmocka_unit_test(groups_are_removed_with_those_below),
		cmocka_unit_test(an_absent_group_is_empty),
		cmocka_unit_test(who_is_alone_is_told),
		cmocka_unit_test(only_our_own_cpusets_have_names),
		cmocka_unit_test(an_invalid_partition_is_still_ours),
		cmocka_unit_test(without_housekeeping_cpus_nobody_is_moved),
		cmocka_unit_test(without_groups_affinity_remains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
