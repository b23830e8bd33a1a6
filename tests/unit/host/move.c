/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rules of move.c, each by its number. Numbers that become another's in the middle of it are a /proc of
 * plain files, changed while the move waits for a fifo in the place of cgroup.procs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <host/move.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>

#include "../plain_proc.h"

static const struct qb_cgroups cgroups = {
	.mount = {[QB_HIERARCHY_V2] = ROOT, [QB_HIERARCHY_CPUSET] = ROOT "/v1"}};

static pid_t start_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

/* ---- a real /proc ---- */

/* 1: from the folder that is held nobody else is ever seen. */
static void a_task_is_held_until_its_number_is_free(void **state)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	char group[QB_GROUP_MAX], again[QB_GROUP_MAX];
	const pid_t pid = start_process();
	struct qb_task task, read;
	struct qb_error err = {0};
	siginfo_t ended;

	assert_int_equal(qb_held_open(pid, 0, &held, NULL), 0);
	assert_int_equal(qb_held_task(&held, &task, NULL), 0);
	assert_int_equal(qb_task_read(pid, &read, NULL), 0);
	assert_int_equal(task.start, read.start);
	assert_int_equal(task.tgid, pid);
	assert_int_equal(task.ppid, getpid());
	assert_int_equal(task.uids[1], geteuid());
	assert_string_equal(task.allowed, read.allowed);
	assert_string_equal(task.process, read.process);
	if (qb_held_group(&held, QB_HIERARCHY_V2, group, sizeof(group), NULL) == 0) {
		assert_int_equal(
			qb_cgroups_of(pid, QB_HIERARCHY_V2, again, sizeof(again), NULL), 0);
		assert_string_equal(group, again);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
	assert_true(qb_held_stands(&held)); /* a zombie's number is its own, its group is not */
	assert_int_equal(qb_held_group(&held, QB_HIERARCHY_V2, group, sizeof(group), NULL), -ESRCH);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(qb_held_stands(&held));
	assert_int_equal(qb_held_task(&held, &task, &err), -ESRCH);
	assert_non_null(strstr(err.text, "has ended"));
	assert_int_equal(qb_held_group(&held, QB_HIERARCHY_V2, group, sizeof(group), NULL), -ESRCH);
	assert_int_equal(qb_end(&held, NULL), -ESRCH);
	assert_int_equal(qb_held_open(pid, 0, &held, NULL), -ESRCH);
}

static void another_start_is_another_task(void **state)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	struct qb_error err = {0};
	struct qb_task self;

	assert_int_equal(qb_task_read(getpid(), &self, NULL), 0);
	assert_int_equal(qb_held_open(getpid(), self.start + 1, &held, &err), -ESRCH);
	assert_non_null(strstr(err.text, "another's"));
	assert_int_equal(held.fd, -1);
	assert_int_equal(qb_held_open(getpid(), self.start, &held, NULL), 0);
}

/* 4 */
static void what_is_held_is_killed(void **state)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;
	const pid_t pid = start_process();
	int status;

	assert_int_equal(qb_held_open(pid, 0, &held, NULL), 0);
	assert_int_equal(qb_end(&held, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* 5: whom the user could not end, root does not end for them. */
static void all_uids_count(void **state)
{
	struct qb_task task = {.uids = {1000, 1000, 1000, 1000}};

	assert_true(qb_task_is_of(&task, 1000));
	assert_true(qb_task_is_of(&task, 0));
	assert_false(qb_task_is_of(&task, 1001));
	for (size_t i = 0; i < QB_ARRAY_SIZE(task.uids); i++) {
		const uid_t uid = task.uids[i];

		task.uids[i] = 0;
		assert_false(qb_task_is_of(&task, 1000));
		task.uids[i] = uid;
	}
}

/* ---- a /proc of plain files ---- */

/* A number that no real process has: above the kernel's most (PID_MAX_LIMIT). */
#define NUMBER 5000001
#define PARENT 5000002

/* It has ended and been waited for: its folder shows nothing more, and another one has its number. */
static void replace(pid_t pid, pid_t parent, const char *group, const char *mask)
{
	char path[64], old[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	snprintf(old, sizeof(old), "/proc/%d.old", pid);
	assert_int_equal(rename(path, old), 0);
	snprintf(old, sizeof(old), "/proc/%d.old/task/%d/stat", pid, pid);
	assert_int_equal(unlink(old), 0);
	put_task(pid, parent, 200, group, mask);
}

static struct qb_held hold(pid_t pid)
{
	struct qb_held held = QB_HELD_NONE;

	CHECK(qb_held_open(pid, 0, &held, NULL) == 0);
	return held;
}

static void not_out_of_another_group(void)
{
	struct qb_held held;
	struct qb_error err = {0};

	put_task(NUMBER, PARENT, 100, "/else", "f");
	put_file("", ROOT "/to/cgroup.procs");
	held = hold(NUMBER);
	CHECK(qb_move(&cgroups, QB_HIERARCHY_V2, &held, "/q", "/to", false, &err) == -ESRCH);
	CHECK(strstr(err.text, "/else"));
	CHECK(qb_move(&cgroups, QB_HIERARCHY_V2, &held, "/", "/to", false, &err) == -ESRCH);
	CHECK(qb_move(&cgroups, QB_HIERARCHY_V2, &held, "/el", "/to", false, &err) == -ESRCH);
	CHECK(holds(ROOT "/to/cgroup.procs", ""));
	CHECK(qb_move(&cgroups, QB_HIERARCHY_V2, &held, "/else", "/to", false, &err) == 0);
	CHECK(holds(ROOT "/to/cgroup.procs", "5000001"));
}

/* 2 */
static void who_is_in_another_group_stays_there(void **state)
{
	in_plain_files(not_out_of_another_group);
}

/* What becomes of the number while it is written to the fifo. */
static struct {
	const char *fifo;
	const char *group; /* of who has the number then; NULL: it stays whose it is */
	char written[32];
	int looked; /* inotify: its stat was read, so that what comes next is the write */
} meanwhile;

static void *read_fifo(void *data)
{
	char events[4096];
	FILE *in;

	CHECK(read(meanwhile.looked, events, sizeof(events)) > 0);
	if (meanwhile.group)
		replace(NUMBER, PARENT, meanwhile.group, "f");
	in = fopen(meanwhile.fifo, "r"); /* only now the writer goes on */
	CHECK(in && fgets(meanwhile.written, sizeof(meanwhile.written), in));
	fclose(in);
	return NULL;
}

/* Moves NUMBER from /q to /to, through a fifo: `group` is then that of the new owner of the number. */
static int move_while(enum qb_hierarchy hierarchy, const char *group, struct qb_error *err)
{
	const bool thread = hierarchy == QB_HIERARCHY_CPUSET;
	struct qb_held held;
	pthread_t reader;
	int r;

	meanwhile.fifo = thread ? ROOT "/v1/to/tasks" : ROOT "/to/cgroup.procs";
	meanwhile.group = group;
	put_task(NUMBER, 1, 100, "/q", "f");
	put_task(PARENT, 1, 100, "/home", "f");
	put_file("", "%s", meanwhile.fifo);
	put_file("", "%s/home/%s", cgroups.mount[hierarchy], thread ? "tasks" : "cgroup.procs");
	CHECK(unlink(meanwhile.fifo) == 0 && mkfifo(meanwhile.fifo, 0600) == 0);
	held = hold(NUMBER);
	meanwhile.looked = inotify_init1(IN_CLOEXEC);
	CHECK(inotify_add_watch(
		      meanwhile.looked, "/proc/5000001/task/5000001/stat", IN_CLOSE_NOWRITE) >= 0);
	CHECK(pthread_create(&reader, NULL, read_fifo, NULL) == 0);
	r = qb_move(&cgroups, hierarchy, &held, "/q", "/to", thread, err);
	CHECK(pthread_join(reader, NULL) == 0);
	CHECK(strcmp(meanwhile.written, "5000001\n") == 0);
	qb_held_close(&held);
	return r;
}

static void moved_in_its_place(void)
{
	struct qb_error err = {0};

	CHECK(move_while(QB_HIERARCHY_V2, "/to", &err) == -ESRCH);
	CHECK(strstr(err.text, "has ended"));
	CHECK(holds(ROOT "/home/cgroup.procs", "5000001"));
}

static void moved_thread_in_its_place(void)
{
	CHECK(move_while(QB_HIERARCHY_CPUSET, "/to", NULL) == -ESRCH);
	CHECK(holds(ROOT "/v1/home/tasks", "5000001"));
}

/* 3: root's newborn that had the bad luck to get the number is back with its parent. */
static void who_is_moved_in_its_place_is_put_back(void **state)
{
	in_plain_files(moved_in_its_place);
	in_plain_files(moved_thread_in_its_place);
}

static void elsewhere_already(void)
{
	CHECK(move_while(QB_HIERARCHY_V2, "/mine", NULL) == -ESRCH);
	CHECK(holds(ROOT "/home/cgroup.procs", ""));
}

static void it_lives(void)
{
	CHECK(move_while(QB_HIERARCHY_V2, NULL, NULL) == 0);
	CHECK(holds(ROOT "/home/cgroup.procs", ""));
}

static void nobody_else_is_touched(void **state)
{
	in_plain_files(elsewhere_already);
	in_plain_files(it_lives);
}

/* A real process of this number: its mask is real, what /proc says of it is not. */
static void bound_in_its_place(void)
{
	const pid_t pid = fork();
	struct qb_cpus first = {0};
	struct qb_held held;
	cpu_set_t set;

	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	qb_cpus_add(&first, 0);
	put_task(pid, PARENT, 100, "/q", "3");
	put_task(PARENT, 1, 100, "/home", "3");
	held = hold(pid);
	CHECK(qb_bind(&held, &first, NULL) == 0);
	CHECK(sched_getaffinity(pid, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1);
	replace(pid, PARENT, "/q", "1");
	CHECK(qb_bind(&held, &first, NULL) == -ESRCH);
	CHECK(sched_getaffinity(pid, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 2);
	kill(pid, SIGKILL);
}

/* 3, of masks. */
static void who_is_bound_in_its_place_gets_its_parents_mask(void **state)
{
	cpu_set_t set, two;

	CPU_ZERO(&two);
	CPU_SET(0, &two);
	CPU_SET(1, &two);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	if (sched_setaffinity(0, sizeof(two), &two) < 0 ||
		sched_getaffinity(0, sizeof(two), &two) < 0 || CPU_COUNT(&two) < 2)
		skip();
	in_plain_files(bound_in_its_place);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* ---- emptying a group ---- */

static struct {
	unsigned rounds, stubborn; /* so many rounds all stay */
	int answer;
	bool frozen; /* was it, in a round but the first? */
	char given[64];
} host;

/* Three members; the second's group cannot be read when `odd`. */
static void put_group(bool odd)
{
	put_file("5000001\n5000002\n5000003\n", ROOT "/q/cgroup.procs");
	put_file("0", ROOT "/q/cgroup.freeze");
	for (pid_t pid = 5000001; pid <= 5000003; pid++)
		put_task(pid, 1, 100, pid == 5000003 ? "/q/below" : "/q", "f");
	if (odd) {
		CHECK(unlink("/proc/5000002/task/5000002/cgroup") == 0);
		CHECK(mkdir("/proc/5000002/task/5000002/cgroup", 0755) == 0);
	}
}

static int note(void *data, const struct qb_held *held, struct qb_error *err)
{
	const size_t length = strlen(host.given);
	char text[8] = "";

	snprintf(host.given + length, sizeof(host.given) - length, "%d ", held->tid - 5000000);
	(void)qb_file_read(ROOT "/q/cgroup.freeze", text, sizeof(text), NULL);
	host.frozen |= strcmp(text, "1") == 0;
	if (held->tid == 5000003 && ++host.rounds > host.stubborn)
		put_file("", ROOT "/q/cgroup.procs");
	return host.answer;
}

static int empty(struct qb_error *err)
{
	return qb_cgroups_empty(&cgroups, QB_HIERARCHY_V2, "/q", note, NULL, err);
}

static void all_have_their_turn(void)
{
	struct qb_error err = {0};

	put_group(true);
	CHECK(empty(&err) == -EISDIR);
	CHECK(strstr(err.text, "5000002"));
	CHECK(strcmp(host.given, "1 3 ") == 0);
}

/* 7 */
static void one_that_cannot_be_read_keeps_no_other(void **state)
{
	in_plain_files(all_have_their_turn);
}

static void who_left(void)
{
	put_group(false);
	put_task(5000002, 1, 100, "/quite/else", "f");
	CHECK(empty(NULL) == 0);
	CHECK(strcmp(host.given, "1 3 ") == 0);
}

static void only_members_are_given(void **state)
{
	in_plain_files(who_left);
}

static void fast_ones(void)
{
	put_group(false);
	host.stubborn = 2;
	CHECK(empty(NULL) == 0);
	CHECK(host.frozen);
	CHECK(holds(ROOT "/q/cgroup.freeze", "0"));
}

static void fast_ones_of_others(void)
{
	put_group(false);
	host.stubborn = 2;
	host.answer = 1;
	CHECK(empty(NULL) == 0);
	CHECK(!host.frozen);
}

/* 6 */
static void only_the_users_own_are_frozen(void **state)
{
	in_plain_files(fast_ones);
	in_plain_files(fast_ones_of_others);
}

static void who_stays(void)
{
	struct qb_error err = {0};

	put_group(false);
	host.stubborn = UINT32_MAX;
	host.answer = 1;
	CHECK(empty(&err) == -ETIMEDOUT);
	CHECK(strstr(err.text, "process 5000001"));
}

static void who_stays_is_named(void **state)
{
	in_plain_files(who_stays);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_is_held_until_its_number_is_free),
		cmocka_unit_test(another_start_is_another_task),
		cmocka_unit_test(what_is_held_is_killed),
		cmocka_unit_test(all_uids_count),
		cmocka_unit_test(who_is_in_another_group_stays_there),
		cmocka_unit_test(who_is_moved_in_its_place_is_put_back),
		cmocka_unit_test(nobody_else_is_touched),
		cmocka_unit_test(who_is_bound_in_its_place_gets_its_parents_mask),
		cmocka_unit_test(one_that_cannot_be_read_keeps_no_other),
		cmocka_unit_test(only_members_are_given),
		cmocka_unit_test(only_the_users_own_are_frozen),
		cmocka_unit_test(who_stays_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
