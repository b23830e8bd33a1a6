/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads as /proc shows them, and whose mask a thread born under ours inherits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <host/move.h>
#include <levers/isolation.h>
#include <levers/isolation_internal.h>
#include <pthread.h>
#include <quietbench/lever.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../sandbox.h"

#define STRANGE_NAME ") S 1 (2 3"

struct sleeper {
	pthread_t thread;
	int wake[2];
	pid_t tid;
	pthread_barrier_t ready;
};

static void *sleep_on_pipe(void *data)
{
	struct sleeper *sleeper = data;
	char c;

	prctl(PR_SET_NAME, STRANGE_NAME);
	sleeper->tid = (pid_t)syscall(SYS_gettid);
	pthread_barrier_wait(&sleeper->ready);
	return read(sleeper->wake[0], &c, 1) == 1 ? sleeper : NULL;
}

static void start(struct sleeper *sleeper)
{
	assert_int_equal(pipe(sleeper->wake), 0);
	assert_int_equal(pthread_barrier_init(&sleeper->ready, NULL, 2), 0);
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_on_pipe, sleeper), 0);
	pthread_barrier_wait(&sleeper->ready);
}

static void stop(struct sleeper *sleeper)
{
	assert_int_equal(write(sleeper->wake[1], "x", 1), 1);
	assert_int_equal(pthread_join(sleeper->thread, NULL), 0);
	close(sleeper->wake[0]);
	close(sleeper->wake[1]);
}

/* A process that waits to be killed, bound to `cpu` from its start. */
static pid_t start_process(unsigned cpu)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) == 0 && write(ready[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The first two CPUs this test may use; false on a machine with one. */
static bool two_cpus(unsigned cpu[2])
{
	cpu_set_t set;
	size_t n = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	for (unsigned i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	return n == 2;
}

static void mask_of(unsigned cpu, char *buf, size_t size)
{
	struct qb_cpus cpus = {0};

	qb_cpus_add(&cpus, cpu);
	assert_int_equal(qb_cpus_format_hex(&cpus, 0, buf, size), 0);
}

static int check(const struct qb_unit *unit)
{
	_cleanup_(qb_held_close) struct qb_held held = QB_HELD_NONE;

	return qb_held_open((pid_t)unit->number, unit->key, &held, NULL);
}

static void a_thread_is_read(void **state)
{
	struct sleeper sleeper;
	struct qb_task task, leader;
	struct qb_unit unit;

	start(&sleeper);
	assert_int_equal(qb_task_read(sleeper.tid, &task, NULL), 0);
	assert_int_equal(qb_task_read(getpid(), &leader, NULL), 0);
	assert_int_equal(task.tid, sleeper.tid);
	assert_int_equal(task.tgid, getpid());
	assert_int_equal(task.ppid, getppid());
	assert_string_equal(task.comm, STRANGE_NAME);
	assert_string_equal(task.process, leader.comm);
	assert_string_equal(task.allowed, leader.allowed);
	assert_true(task.start >= leader.start && leader.start > 0);
	assert_false(task.kernel || task.fixed);
	unit = qb_task_unit(&task);
	assert_int_equal(check(&unit), 0);
	unit.key++;
	assert_int_equal(check(&unit), -ESRCH);
	stop(&sleeper);
}

/* What is not as the kernel writes it is refused, and leaves the task as it was. */
static void odd_texts_are_refused(void **state)
{
	static const char *const stats[] = {"", "7 (a", "7 a) S 1", "7 )a( S 1", "7 (a) S 1 2 3",
		"7 (a) S x 2 3 4 5 6 1 1 1 1 1 1 1 1 20 0 1 0 5"};
	static const char *const statuses[] = {"", "Tgid:\t7\n", "Cpus_allowed:\tf\n",
		"Tgid:\t\nCpus_allowed:\tf\n", "Tgid:\t0\nCpus_allowed:\tf\n",
		"Tgid:\t-7\nCpus_allowed:\tf\n", "Tgid:\t4294967303\nCpus_allowed:\tf\n",
		"Tgid:\t7\nCpus_allowed:\t\n", "Tgid:\t7\nCpus_allowed:\tx\n"};
	const struct qb_task before = {.tid = 7, .comm = "before", .allowed = "ff"};
	struct qb_task task = before;
	char text[256];

	for (size_t i = 0; i < QB_ARRAY_SIZE(stats); i++) {
		qb_text_copy(text, sizeof(text), stats[i]);
		assert_int_equal(qb_task_parse_stat(text, &task), -EBADMSG);
	}
	for (size_t i = 0; i < QB_ARRAY_SIZE(statuses); i++) {
		qb_text_copy(text, sizeof(text), statuses[i]);
		assert_int_equal(qb_task_parse_status(text, &task), -EBADMSG);
	}
	assert_memory_equal(&task, &before, sizeof(task));
}

static void the_dead_are_gone(void **state)
{
	pid_t pid = fork();
	struct qb_error err = {0};
	struct qb_task task;

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(qb_task_read(pid, &task, &err), -ESRCH);
	assert_non_null(strstr(err.text, "has ended"));
}

/* Its mask stays with the cpuset it died in, whatever is written: a zombie is no thread to restore. */
static void a_zombie_has_ended(void **state)
{
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
	char mask[QB_TEXT_MAX];
	struct qb_unit unit;
	struct qb_task task;
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(qb_task_read(pid, &task, NULL), 0);
	assert_true(task.ended);
	unit = qb_task_unit(&task);
	assert_int_equal(check(&unit), -ESRCH);
	assert_int_equal(
		qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, mask, sizeof(mask), NULL), -ESRCH);
	while (qb_tasks_next(&walk, &task, NULL) > 0)
		assert_int_not_equal(task.tid, pid);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void walk_all(bool only_ids)
{
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {.only_ids = only_ids};
	struct sleeper sleeper;
	struct qb_task task;
	int r, seen = 0;

	start(&sleeper);
	while ((r = qb_tasks_next(&walk, &task, NULL)) > 0) {
		const bool ours = task.tid == sleeper.tid || task.tid == getpid();

		seen += ours;
		assert_true(!ours || task.tgid == getpid());
		assert_true(!ours || (task.comm[0] == '\0') == only_ids);
	}
	assert_int_equal(r, 0);
	assert_int_equal(seen, 2);
	stop(&sleeper);
}

static void every_thread_is_walked(void **state)
{
	walk_all(false);
	walk_all(true);
}

/* Its groups stand in its status, before its mask: some 50 KiB of them here. */
static void a_status_may_be_of_any_size(void **state)
{
	gid_t groups[5000];
	struct qb_task task, self;
	int ready[2];
	char c = 0;
	pid_t pid;

	for (size_t i = 0; i < QB_ARRAY_SIZE(groups); i++)
		groups[i] = (gid_t)(1000000000 + i);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		c = setgroups(QB_ARRAY_SIZE(groups), groups) == 0 ? 'y' : 'n';
		for (ssize_t n = write(ready[1], &c, 1); n == 1;)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (c == 'y') {
		assert_int_equal(qb_task_read(getpid(), &self, NULL), 0);
		assert_int_equal(qb_task_read(pid, &task, NULL), 0);
		assert_string_equal(task.allowed, self.allowed);
	}
	end_process(pid);
	close(ready[0]);
	close(ready[1]);
	if (c != 'y')
		skip(); /* not root */
}

/* In a process of its own, which alone sees the file that hides a task's. */
static int walk_past(pid_t hidden, pid_t seen)
{
	_cleanup_(qb_tasks_close) struct qb_tasks walk = {0};
	struct qb_task task;
	char path[64];
	int r, found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", hidden, hidden);
	if (!sandbox_enter() || mount("/dev/null", path, NULL, MS_BIND, NULL) < 0)
		return 77;
	while ((r = qb_tasks_next(&walk, &task, NULL)) > 0)
		found += task.tid == hidden ? 10 : task.tid == seen;
	return r == 0 && found == 1 && walk.unreadable == 1 && strstr(walk.why.text, "stat") ? 0
											     : 1;
}

static void an_unreadable_task_is_counted(void **state)
{
	pid_t hidden = start_process(sched_getcpu() < 0 ? 0 : (unsigned)sched_getcpu());
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(walk_past(hidden, getppid()));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	end_process(hidden);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void affinities_are_sets(void **state)
{
	assert_true(qb_lever_same(QB_LEVER_TASK_AFFINITY, "1", "00000000,00000001"));
	assert_false(qb_lever_same(QB_LEVER_TASK_AFFINITY, "0", "1"));
	assert_false(qb_lever_same(QB_LEVER_TASK_AFFINITY, "1", "rubbish"));
}

static void an_affinity_is_written_and_put_back(void **state)
{
	char before[QB_TEXT_MAX], one[QB_TASK_MASK], now[QB_TEXT_MAX];
	unsigned cpu[2];
	struct qb_unit unit;
	struct qb_task task;

	if (!two_cpus(cpu))
		skip();
	assert_int_equal(qb_task_read(getpid(), &task, NULL), 0);
	unit = qb_task_unit(&task);
	mask_of(cpu[1], one, sizeof(one));
	assert_int_equal(
		qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, before, sizeof(before), NULL), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_TASK_AFFINITY, &unit, one, NULL), 0);
	assert_int_equal(qb_lever_write(QB_LEVER_TASK_AFFINITY, &unit, one, NULL), 0);
	assert_int_equal(qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, now, sizeof(now), NULL), 0);
	assert_true(qb_lever_same(QB_LEVER_TASK_AFFINITY, now, one));
	assert_int_equal(qb_lever_write(QB_LEVER_TASK_AFFINITY, &unit, before, NULL), 0);
	assert_int_equal(qb_lever_read(QB_LEVER_TASK_AFFINITY, &unit, now, sizeof(now), NULL), 0);
	assert_true(qb_lever_same(QB_LEVER_TASK_AFFINITY, now, before));
}

static void only_some_may_be_moved_and_only_there(void **state)
{
	const struct qb_unit init = qb_unit_number(1), self = qb_unit_number((uint32_t)getpid());
	struct qb_error err = {0};

	assert_int_equal(qb_lever_judge(QB_LEVER_TASK_AFFINITY, &init, "1", &err), -EPERM);
	assert_int_equal(
		qb_lever_judge(QB_LEVER_TASK_GROUP, &init, "/quietbench.house", &err), -EPERM);
	assert_int_equal(qb_lever_judge(QB_LEVER_TASK_GROUP, &self, "/quietbench.house", NULL), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_TASK_GROUP, &self, "/../../etc", &err), -EPERM);
}

static void the_last_step_of_a_thread_is_found(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	_cleanup_(qb_task_index_free) struct qb_task_index index = {0};
	const struct qb_unit a = {.number = 70000, .key = 1}, b = {.number = 70000, .key = 2};

	qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY, a, "1", NULL);
	qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY, b, "2", NULL);
	qb_steps_add(&steps, QB_LEVER_TASK_GROUP, a, "/", NULL);
	qb_steps_add(&steps, QB_LEVER_TASK_AFFINITY, a, "3", NULL);
	assert_int_equal(qb_task_index_make(&index, &steps, QB_LEVER_TASK_AFFINITY, NULL), 0);
	assert_int_equal(index.n, 2);
	assert_string_equal(qb_task_index_find(&index, 70000, 1)->before, "3");
	assert_string_equal(qb_task_index_find(&index, 70000, 2)->before, "2");
	assert_null(qb_task_index_find(&index, 70000, 3));
	assert_null(qb_task_index_find(&index, 69999, 1));
}

/* A step as a session leaves it for this process, which was bound to `left`. */
static struct qb_unit remember_self(struct qb_steps *steps, const char *before, const char *left)
{
	struct qb_task self;
	struct qb_step *step;

	assert_int_equal(qb_task_read(getpid(), &self, NULL), 0);
	step = qb_steps_add(steps, QB_LEVER_TASK_AFFINITY, qb_task_unit(&self), before, NULL);
	assert_non_null(step);
	step->left = qb_steps_text(steps, left);
	return qb_task_unit(&self);
}

static const struct qb_step *find(const struct qb_steps *steps, pid_t pid)
{
	for (size_t i = steps->n; i-- > 0;)
		if (steps->v[i].unit.number == (uint32_t)pid)
			return &steps->v[i];
	return NULL;
}

/* Its parent (this test) was left with CPU b, and had CPU a: the child carries b. */
static void a_child_gets_what_its_parent_had(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	char a[QB_TASK_MASK], b[QB_TASK_MASK];
	const struct qb_step *step;
	unsigned cpu[2];
	pid_t child;

	if (!two_cpus(cpu))
		skip();
	mask_of(cpu[0], a, sizeof(a));
	mask_of(cpu[1], b, sizeof(b));
	remember_self(&steps, a, b);
	child = start_process(cpu[1]);
	assert_true(qb_isolation_adopt(&steps, NULL) >= 1);
	step = find(&steps, child);
	end_process(child);
	assert_non_null(step);
	assert_string_equal(step->before, a);
	assert_true(qb_lever_same(QB_LEVER_TASK_AFFINITY, step->left, b));
	assert_true(step->intent);
	assert_null(step->wanted);
}

/* A child that chose a mask of its own keeps it, whatever its parent had. */
static void a_choice_of_its_own_is_kept(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	char a[QB_TASK_MASK], b[QB_TASK_MASK];
	const struct qb_step *step;
	unsigned cpu[2];
	pid_t child;

	if (!two_cpus(cpu))
		skip();
	mask_of(cpu[0], a, sizeof(a));
	mask_of(cpu[1], b, sizeof(b));
	remember_self(&steps, "ffffffff", b);
	child = start_process(cpu[0]);
	assert_true(qb_isolation_adopt(&steps, NULL) >= 1);
	step = find(&steps, child);
	end_process(child);
	assert_non_null(step);
	assert_true(qb_lever_same(QB_LEVER_TASK_AFFINITY, step->before, a));
}

/* The kernel moved it while an undo was under way, which broke off: its step has a verdict. */
static void a_mask_of_a_broken_undo_is_no_choice(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	char b[QB_TASK_MASK];
	unsigned cpu[2];
	size_t n;

	if (!two_cpus(cpu))
		skip();
	mask_of(cpu[1], b, sizeof(b));
	remember_self(&steps, b, b); /* and reads as neither */
	steps.v[0].verdict = QB_VERDICT_OURS;
	n = steps.n;
	assert_true(qb_isolation_adopt(&steps, NULL) >= 0);
	for (size_t i = n; i < steps.n; i++)
		assert_int_not_equal(steps.v[i].unit.number, (uint32_t)getpid());
	steps.v[0].verdict = QB_VERDICT_NONE;
	assert_true(qb_isolation_adopt(&steps, NULL) >= 1);
	assert_non_null(find(&steps, getpid()));
	assert_ptr_not_equal(find(&steps, getpid()), &steps.v[0]);
}

/* What an undo changed after it was judged is put back; a conflict is not ours to touch. */
static void what_an_undo_changed_is_settled(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};
	char a[QB_TASK_MASK];
	struct qb_step *step;
	struct qb_unit self;
	unsigned cpu[2];

	if (!two_cpus(cpu))
		skip();
	mask_of(cpu[0], a, sizeof(a));
	self = remember_self(&steps, a, a);
	step = qb_steps_find(&steps, QB_LEVER_TASK_AFFINITY, self);
	step->verdict = QB_VERDICT_CONFLICT;
	qb_isolation_settle(&steps, NULL);
	step = qb_steps_find(&steps, QB_LEVER_TASK_AFFINITY, self);
	assert_int_equal(step->verdict, QB_VERDICT_CONFLICT);
	step->verdict = QB_VERDICT_ALREADY;
	step->restored = QB_RESTORED_YES;
	assert_true(qb_isolation_settle(&steps, NULL) >= 1);
	step = qb_steps_find(&steps, QB_LEVER_TASK_AFFINITY, self);
	assert_int_equal(step->verdict, QB_VERDICT_OURS);
	assert_int_equal(step->restored, QB_RESTORED_NONE);
}

static void a_session_without_threads_adopts_none(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};

	qb_steps_add(&steps, QB_LEVER_NO_TURBO, qb_unit_none(), "0", "1");
	assert_int_equal(qb_isolation_adopt(&steps, NULL), 0);
	assert_int_equal(qb_isolation_settle(&steps, NULL), 0);
	assert_int_equal(steps.n, 1);
}

static void exempt(struct qb_profile *profile, const char *word)
{
	struct qb_setting *setting = &profile->set[QB_KEY_CPUS_EXEMPT];

	setting->kind = QB_SETTING_WORDS;
	setting->n = 1;
	snprintf(setting->text, sizeof(setting->text), "%s", word);
}

/* This process is moved unless it is exempt; a thread it cannot see out of is never PID 1's. */
static void a_snapshot_moves_who_may_be_moved(void **state)
{
	struct qb_selection selection = {.isolation = QB_ISOLATION_AFFINITY};
	struct qb_profile profile = {0};
	struct qb_task self;
	unsigned cpu[2];

	if (!two_cpus(cpu))
		skip();
	qb_cpus_add(&selection.bench, cpu[1]);
	qb_cpus_add(&selection.housekeeping, cpu[0]);
	assert_int_equal(qb_task_read(getpid(), &self, NULL), 0);
	for (int round = 0; round < 2; round++) {
		_cleanup_(qb_steps_free) struct qb_steps steps = {0};
		const struct qb_step *step;

		exempt(&profile, round ? self.process : "sshd");
		assert_int_equal(qb_isolation_snapshot(&selection, &profile, &steps, NULL), 0);
		step = find(&steps, getpid());
		assert_non_null(step);
		assert_string_equal(step->before, self.allowed);
		assert_int_equal(step->wanted == NULL, round);
		step = find(&steps, 1);
		assert_true(!step || !step->wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_is_read),
		cmocka_unit_test(odd_texts_are_refused),
		cmocka_unit_test(the_dead_are_gone),
		cmocka_unit_test(a_zombie_has_ended),
		cmocka_unit_test(every_thread_is_walked),
		cmocka_unit_test(a_status_may_be_of_any_size),
		cmocka_unit_test(an_unreadable_task_is_counted),
		cmocka_unit_test(affinities_are_sets),
		cmocka_unit_test(an_affinity_is_written_and_put_back),
		cmocka_unit_test(only_some_may_be_moved_and_only_there),
		cmocka_unit_test(the_last_step_of_a_thread_is_found),
		cmocka_unit_test(a_child_gets_what_its_parent_had),
		cmocka_unit_test(a_choice_of_its_own_is_kept),
		cmocka_unit_test(a_mask_of_a_broken_undo_is_no_choice),
		cmocka_unit_test(what_an_undo_changed_is_settled),
		cmocka_unit_test(a_session_without_threads_adopts_none),
		cmocka_unit_test(a_snapshot_moves_who_may_be_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
