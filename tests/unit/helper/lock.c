/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of the host lock, and the claims of CPUs: who gets what, and what the dead leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/macros.h>
#include <cmocka.h>
#include <helper/helper.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static bool sandboxed;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

/* An empty /run for each test. */
static int fresh(void **state)
{
	return !sandboxed || sandbox_empty("/run") ? 0 : -1;
}

static int opened(void)
{
	struct qb_error err = {0};
	int lock;

	if (!sandboxed)
		skip();
	lock = qb_lock_open(&err);
	if (lock < 0)
		fail_msg("%s", err.text);
	return lock;
}

/* ---- what lies in the way ---- */

static void test_planted_files_are_refused(void **state)
{
	struct qb_error err = {0};

	close(opened());
	assert_int_equal(unlink(QB_LOCK_PATH), 0);
	assert_int_equal(symlink("/etc/passwd", QB_LOCK_PATH), 0);
	assert_int_equal(qb_lock_open(&err), -EPERM);
	assert_int_equal(unlink(QB_LOCK_PATH), 0);
	assert_true(sandbox_put(QB_LOCK_PATH, "")); /* 0644: others could open and hold it */
	assert_int_equal(qb_lock_open(&err), -EPERM);
	assert_int_equal(unlink(QB_LOCK_PATH), 0);
	assert_int_equal(chmod(QB_STATE_DIR, 0777), 0);
	assert_int_equal(qb_lock_open(&err), -EPERM);
}

/* ---- the lock is where the state is ---- */

static void ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A session in a process that has a helper's name; it ends when told. */
static pid_t session(int *ret_end)
{
	int began[2], end[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(began), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		int lock = qb_lock_open(NULL), watch = qb_lock_watch(NULL);
		struct pollfd p = {.fd = watch, .events = POLLIN};

		close(end[1]);
		prctl(PR_SET_NAME, "quietbench-helper");
		if (qb_lock_try(lock) != 0 || qb_lock_lost(lock) || poll(&p, 1, 0) != 0 ||
			write(began[1], "x", 1) != 1 || read(end[0], &byte, 1) != 0)
			_exit(1);
		_exit(poll(&p, 1, 0) == 1 && qb_lock_lost(lock) ? 0 : 2);
	}
	assert_int_equal(read(began[0], &byte, 1), 1);
	close(began[0]);
	close(began[1]);
	close(end[0]);
	*ret_end = end[1];
	return pid;
}

static void remove_folder(void)
{
	assert_int_equal(unlink(QB_LOCK_PATH), 0);
	assert_int_equal(rmdir(QB_QUEUE_DIR), 0);
	assert_int_equal(rmdir(QB_STATE_DIR), 0);
}

static void move_folder(void)
{
	assert_int_equal(rename(QB_STATE_DIR, "/run/elsewhere"), 0);
}

static void move_lock(void)
{
	assert_int_equal(rename(QB_LOCK_PATH, "/run/lock"), 0);
}

/* A session that ends does not make its client wait until the kernel has forgotten what it watched. */
static void test_watch_ends_before_it_is_closed(void **state)
{
	char events[4096];
	int lock = opened(), watch = qb_lock_watch(NULL);
	struct pollfd p = {.fd = watch, .events = POLLIN};

	assert_true(watch >= 0);
	qb_lock_unwatch(watch);
	while (read(watch, events, sizeof(events)) > 0)
		; /* that they are ended */
	remove_folder();
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true(qb_lock_lost(lock));
	close(watch);
	close(lock);
	qb_lock_unwatch(-1);
}

static void cover_folder(void)
{
	assert_int_equal(mount("tmpfs", QB_STATE_DIR, "tmpfs", 0, "mode=0755"), 0);
}

/* MUST 14: however its lock was lost, the session that held it holds the host. */
static void test_lost_lock_holds_still(void **state)
{
	static void (*const ways[])(void) = {remove_folder, move_folder, move_lock};

	for (size_t i = 0; i < QB_ARRAY_SIZE(ways); i++) {
		int end, second;
		pid_t first;

		close(opened());
		first = session(&end);
		ways[i]();
		second = opened();
		assert_int_equal(qb_lock_try(second), -EWOULDBLOCK);
		close(end);
		ended_well(first);
		assert_int_equal(qb_lock_try(second), 0);
		close(second);
		assert_true(sandbox_empty("/run"));
	}
}

/* No event tells the session of a mount; the others still wait for it. */
static void test_covered_lock_holds_still(void **state)
{
	int end, second;
	pid_t first;

	close(opened());
	first = session(&end);
	cover_folder();
	second = opened();
	assert_int_equal(qb_lock_try(second), -EWOULDBLOCK);
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	assert_int_equal(qb_lock_try(second), 0);
	close(second);
	close(end);
	assert_int_equal(umount(QB_STATE_DIR), 0);
}

/* A helper that has a /run of its own below this one, in a mount namespace: another host's. */
static void test_another_hosts_lock_is_its_own(void **state)
{
	int end[2], began[2], lock;
	char byte;
	pid_t other;

	close(opened());
	assert_int_equal(mkdir("/run/another", 0755), 0);
	assert_int_equal(pipe(end), 0);
	assert_int_equal(pipe(began), 0);
	other = fork();
	if (other == 0) {
		close(end[1]);
		prctl(PR_SET_NAME, "quietbench-helper");
		if (unshare(CLONE_NEWNS) < 0 ||
			mount("/run/another", "/run", NULL, MS_BIND, NULL) < 0 ||
			qb_lock_try(qb_lock_open(NULL)) < 0 || write(began[1], "x", 1) != 1)
			_exit(1);
		_exit((int)read(end[0], &byte, 1));
	}
	assert_int_equal(read(began[0], &byte, 1), 1);
	lock = opened();
	assert_int_equal(qb_lock_try(lock), 0);
	close(lock);
	for (int i = 0; i < 2; i++) {
		close(end[i]);
		close(began[i]);
	}
	ended_well(other);
}

/* Once somebody has looked for others, the mark says so: that costs each session a walk no more. */
static void test_only_a_new_lock_is_doubted(void **state)
{
	int end, lock;
	pid_t other;

	close(opened());
	other = session(&end);
	assert_int_equal(unlink(QB_LOCK_PATH), 0);
	lock = opened();
	assert_int_equal(pwrite(lock, "x", 1, 0), 1);
	assert_int_equal(qb_lock_try(lock), 0);
	close(lock);
	close(end);
	ended_well(other);
}

/* ---- claims ---- */

/* Has no other a seat there? */
static bool is_free(int claims, unsigned cpu)
{
	return !qb_claims_find(claims, cpu, NULL, &(unsigned){0});
}

static void test_claims_are_one_runs(void **state)
{
	int lock = opened(), first = qb_claims_open(NULL), second = qb_claims_open(NULL);

	assert_true(first >= 0 && second >= 0);
	assert_true(is_free(first, 5));
	assert_true(qb_claims_take(first, 5, 0));
	assert_true(qb_claims_take(first, 5, 0));
	assert_true(is_free(first, 5)); /* to its own session */
	assert_false(is_free(second, 5));
	assert_false(qb_claims_take(second, 5, 0));
	assert_true(qb_claims_take(second, 4, 0)); /* its neighbours are others' */
	assert_true(qb_claims_take(second, QB_CPUS_MAX - 1, 0));
	assert_false(qb_claims_take(first, QB_CPUS_MAX - 1, 0));
	qb_claims_leave(first, 5);
	assert_true(qb_claims_take(second, 5, 0));
	close(second);
	assert_true(is_free(first, 4));
	close(first);
	close(lock);
}

static void test_claims_side_by_side(void **state)
{
	const struct qb_claimant one = {.pid = 812, .uid = 1000};
	int lock = opened(), first = qb_claims_open(NULL), second = qb_claims_open(NULL);
	int third = qb_claims_open(NULL);
	unsigned seat = 0;

	assert_false(qb_claims_find(second, 5, NULL, &seat));
	assert_true(qb_claims_take(first, 5, 0));
	qb_claims_sign(first, 5, 0, &one);
	assert_false(qb_claims_take(second, 5, 0));
	assert_true(qb_claims_take(second, 5, 1));
	assert_true(qb_claims_take(third, 5, QB_CLAIM_SEATS - 1));
	assert_true(qb_claims_take(third, 6, 0)); /* its neighbour, by no seat nearer */

	assert_true(qb_claims_find(second, 5, NULL, &seat));
	assert_int_equal(seat, 0);
	assert_int_equal(qb_claims_signed(second, 5, seat).pid, 812);
	assert_int_equal(qb_claims_signed(second, 5, seat).uid, 1000);
	seat = 1; /* its own is passed */
	assert_true(qb_claims_find(second, 5, NULL, &seat));
	assert_int_equal(seat, QB_CLAIM_SEATS - 1);
	assert_int_equal(qb_claims_signed(second, 5, seat).pid, 0);
	seat++;
	assert_false(qb_claims_find(second, 5, NULL, &seat));

	qb_claims_leave(first, 5);
	seat = 0;
	assert_true(qb_claims_find(third, 5, NULL, &seat));
	assert_int_equal(seat, 1);
	assert_false(is_free(first, 5));
	qb_claims_leave(second, 5);
	assert_true(is_free(third, 5)); /* but for its own */
	close(third);
	close(second);
	close(first);
	close(lock);
}

/* Whom a run is inside of is nobody else, however deep; who is beside it there is. */
static void test_claims_of_a_run_inside(void **state)
{
	bool around[QB_CLAIM_SEATS] = {[0] = true, [2] = true};
	int lock = opened(), outer = qb_claims_open(NULL), between = qb_claims_open(NULL);
	int inner = qb_claims_open(NULL), beside = qb_claims_open(NULL);
	unsigned seat = 0;

	assert_true(qb_claims_take(outer, 2, 0));
	assert_true(qb_claims_take(between, 2, 2));
	assert_false(qb_claims_find(inner, 2, around, &seat));
	assert_false(is_free(inner, 2));
	assert_true(qb_claims_take(beside, 2, 3));
	assert_true(qb_claims_find(inner, 2, around, &seat));
	assert_int_equal(seat, 3);
	close(beside);
	seat = 0;
	assert_false(qb_claims_find(inner, 2, around, &seat));
	around[2] = false;
	assert_true(qb_claims_find(inner, 2, around, &seat));
	assert_int_equal(seat, 2);
	close(outer);
	close(between);
	close(inner);
	close(lock);
}

/* A run that goes on when its session is dead keeps nothing of what the next one has. */
static void test_claims_end_with_their_session(void **state)
{
	int lock = opened(), left, next;

	qb_claims_forget(); /* there are none */
	left = qb_claims_open(NULL);
	assert_true(qb_claims_take(left, 2, 0));
	next = qb_claims_open(NULL);
	assert_false(is_free(next, 2));
	close(next);
	qb_claims_forget();
	next = qb_claims_open(NULL);
	assert_true(is_free(next, 2));
	assert_true(qb_claims_take(next, 2, 0));
	close(next);
	close(left);
	close(lock);
}

static void test_claims_of_the_dead_are_free(void **state)
{
	int lock = opened(), claims = qb_claims_open(NULL), tell[2];
	pid_t session;
	char byte;

	assert_int_equal(pipe(tell), 0);
	session = fork();
	if (session == 0) {
		int own = qb_claims_open(NULL);

		if (own < 0 || !qb_claims_take(own, 3, 0) || write(tell[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(tell[0], &byte, 1), 1);
	assert_false(qb_claims_take(claims, 3, 0));
	kill(session, SIGKILL);
	waitpid(session, NULL, 0);
	assert_true(qb_claims_take(claims, 3, 0));
	close(tell[0]);
	close(tell[1]);
	close(claims);
	close(lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_planted_files_are_refused, fresh),
		cmocka_unit_test_setup(test_watch_ends_before_it_is_closed, fresh),
		cmocka_unit_test_setup(test_lost_lock_holds_still, fresh),
		cmocka_unit_test_setup(test_covered_lock_holds_still, fresh),
		cmocka_unit_test_setup(test_another_hosts_lock_is_its_own, fresh),
		cmocka_unit_test_setup(test_only_a_new_lock_is_doubted, fresh),
		cmocka_unit_test_setup(test_claims_are_one_runs, fresh),
		cmocka_unit_test_setup(test_claims_side_by_side, fresh),
		cmocka_unit_test_setup(test_claims_of_a_run_inside, fresh),
		cmocka_unit_test_setup(test_claims_end_with_their_session, fresh),
		cmocka_unit_test_setup(test_claims_of_the_dead_are_free, fresh),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
