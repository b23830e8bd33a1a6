/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host lock and its queue, and the claims of CPUs: who gets what, and what the dead leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/file.h>
#include <base/macros.h>
#include <cmocka.h>
#include <helper/helper.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define QUEUE QB_STATE_DIR "/queue"
#define MS    INT64_C(1000000)

static bool sandboxed;
static struct qb_peer self;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	self = (struct qb_peer){
		.pid = getpid(), .pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0)};
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

static void count(void *data, const char *holder)
{
	assert_non_null(holder);
	++*(int *)data;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static size_t waiting(void)
{
	_cleanup_free_ unsigned *numbers = NULL;
	size_t n = 0;

	assert_int_equal(qb_dir_numbers(QUEUE, "", &numbers, &n, NULL), 0);
	return n;
}

static void until_waiting(size_t n)
{
	for (int i = 0; i < 500 && waiting() != n; i++)
		poll(NULL, 0, 10);
	assert_int_equal(waiting(), n);
}

/* A process that waits for the lock, tells its letter when it has it, and ends. */
static pid_t waiter(char letter, int tell)
{
	struct qb_lock_wait wait = {.ns = -1, .peer = &self, .told = count};
	int told = 0, lock;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	wait.data = &told;
	lock = qb_lock_open(NULL);
	if (lock < 0 || qb_lock_take(lock, &wait, NULL) != 0 || told != 1 ||
		write(tell, &letter, 1) != 1)
		_exit(1);
	_exit(0);
}

static void ended_well(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_one_at_a_time(void **state)
{
	int told = 0, first = opened(), second = opened();
	struct qb_lock_wait wait = {.peer = &self, .told = count, .data = &told};
	struct qb_error err = {0};

	assert_int_equal(qb_lock_take(first, &wait, &err), 0);
	assert_int_equal(qb_lock_try(first), 0);
	assert_int_equal(qb_lock_try(second), -EWOULDBLOCK);
	assert_int_equal(qb_lock_take(second, &wait, &err), -EWOULDBLOCK);
	assert_non_null(strstr(err.text, "in use by"));
	assert_int_equal(told, 0); /* who does not wait is not told of a wait */
	qb_lock_leave(first);
	assert_int_equal(qb_lock_take(second, &wait, &err), 0);
	close(first);
	close(second);
}

/* One that is just ending (or starting) has no summary: it is worth a moment, not a refusal. */
static void test_one_that_ends_is_awaited(void **state)
{
	int told = 0, first = opened(), second = opened();
	struct qb_lock_wait wait = {.peer = &self, .told = count, .data = &told};
	struct qb_error err = {0};
	pid_t ending;

	assert_int_equal(qb_lock_try(first), 0);
	ending = fork();
	if (ending == 0) { /* it has the description, too */
		poll(NULL, 0, 100);
		_exit(0);
	}
	close(first);
	assert_int_equal(qb_lock_take(second, &wait, &err), 0);
	assert_int_equal(told, 0);
	close(second);
	ended_well(ending);
}

static void test_time_is_limited(void **state)
{
	int told = 0, first = opened(), second = opened();
	struct qb_lock_wait wait = {.ns = 200 * MS, .peer = &self, .told = count, .data = &told};
	struct qb_error err = {0};
	int64_t begin = now_ms();

	assert_int_equal(qb_lock_try(first), 0);
	assert_int_equal(qb_lock_take(second, &wait, &err), -EWOULDBLOCK);
	assert_in_range(now_ms() - begin, 200, 5000);
	assert_int_equal(told, 1);
	assert_int_equal(waiting(), 0);
	close(first);
	close(second);
}

static void test_first_come_first_served(void **state)
{
	int lock = opened(), tell[2];
	char order[4] = "";
	pid_t pids[3];

	assert_int_equal(pipe(tell), 0);
	assert_int_equal(qb_lock_try(lock), 0);
	for (size_t i = 0; i < 3; i++) {
		pids[i] = waiter((char)('a' + i), tell[1]);
		until_waiting(i + 1);
	}
	qb_lock_leave(lock);
	for (size_t i = 0; i < 3; i++) {
		ended_well(pids[i]);
		assert_int_equal(read(tell[0], order + i, 1), 1);
	}
	assert_string_equal(order, "abc");
	assert_int_equal(waiting(), 0);
	close(tell[0]);
	close(tell[1]);
	close(lock);
}

static void test_dead_waiter_frees_its_place(void **state)
{
	int lock = opened(), tell[2];
	pid_t dead, second;
	char letter;

	assert_int_equal(pipe(tell), 0);
	assert_int_equal(qb_lock_try(lock), 0);
	dead = waiter('a', tell[1]);
	until_waiting(1);
	second = waiter('b', tell[1]);
	until_waiting(2);
	kill(dead, SIGKILL);
	waitpid(dead, NULL, 0);
	qb_lock_leave(lock);
	ended_well(second);
	assert_int_equal(read(tell[0], &letter, 1), 1);
	assert_int_equal(letter, 'b');
	assert_int_equal(waiting(), 0);
	close(tell[0]);
	close(tell[1]);
	close(lock);
}

static void test_stopped_waiter_is_passed(void **state)
{
	int lock = opened(), tell[2];
	pid_t stopped, second;
	char letter;

	assert_int_equal(pipe(tell), 0);
	assert_int_equal(qb_lock_try(lock), 0);
	stopped = waiter('a', tell[1]);
	until_waiting(1);
	second = waiter('b', tell[1]);
	until_waiting(2);
	kill(stopped, SIGSTOP);
	assert_int_equal(waitpid(stopped, NULL, WUNTRACED), stopped);
	qb_lock_leave(lock);
	ended_well(second);
	assert_int_equal(read(tell[0], &letter, 1), 1);
	assert_int_equal(letter, 'b');
	kill(stopped, SIGCONT);
	ended_well(stopped);
	close(tell[0]);
	close(tell[1]);
	close(lock);
}

static void test_client_that_dies_ends_the_wait(void **state)
{
	int told = 0, first = opened(), second = opened();
	pid_t client = fork();
	struct qb_peer peer = {.pid = client};
	struct qb_lock_wait wait = {.ns = -1, .peer = &peer, .told = count, .data = &told};
	struct qb_error err = {0};

	if (client == 0) {
		poll(NULL, 0, 200);
		_exit(0);
	}
	peer.pidfd = (int)syscall(SYS_pidfd_open, client, 0);
	assert_int_equal(qb_lock_try(first), 0);
	assert_int_equal(qb_lock_take(second, &wait, &err), -ECANCELED);
	assert_int_equal(waiting(), 0);
	waitpid(client, NULL, 0);
	close(peer.pidfd);
	close(first);
	close(second);
}

/* ---- shared runs: beside the holder, at their turn ---- */

static int asked;

static bool admit(void *data, const struct qb_journal_owner *holder)
{
	asked++;
	return strcmp(holder->profile, "shared") == 0;
}

/* The holder's summary is what a waiter asks about. */
static void summarize(const char *profile)
{
	struct qb_journal_owner owner = {.shared = true, .lease = true};
	struct qb_steps none = {0};
	struct qb_error err = {0};

	snprintf(owner.profile, sizeof(owner.profile), "%s", profile);
	assert_int_equal(qb_journal_boot_id(owner.boot_id, &err), 0);
	assert_int_equal(qb_journal_summarize(QB_SUMMARY_PATH, &owner, &none, &err), 0);
}

static void test_admitted_beside_the_holder(void **state)
{
	int told = 0, first = opened(), second = opened();
	struct qb_lock_wait wait = {.peer = &self, .told = count, .admitted = admit, .data = &told};

	asked = 0;
	assert_int_equal(qb_lock_try(first), 0);
	summarize("shared");
	assert_int_equal(qb_lock_take(second, &wait, NULL), 1);
	assert_int_equal(asked, 1);
	assert_int_equal(qb_lock_try(second), -EWOULDBLOCK);
	summarize("other");
	assert_int_equal(qb_lock_take(second, &wait, NULL), -EWOULDBLOCK);
	assert_int_equal(asked, 2);
	qb_lock_leave(first); /* a free lock is its own, without a question */
	assert_int_equal(qb_lock_take(second, &wait, NULL), 0);
	assert_int_equal(asked, 2);
	close(first);
	close(second);
}

static void test_not_admitted_before_who_waits(void **state)
{
	int told = 0, first = opened(), third = opened(), tell[2];
	struct qb_lock_wait wait = {
		.ns = 700 * MS, .peer = &self, .told = count, .admitted = admit, .data = &told};
	struct qb_error err = {0};
	pid_t exclusive;

	asked = 0;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(qb_lock_try(first), 0);
	summarize("shared");
	exclusive = waiter('a', tell[1]);
	until_waiting(1);
	assert_int_equal(qb_lock_take(third, &wait, &err), -EWOULDBLOCK);
	assert_int_equal(asked, 0);
	qb_lock_leave(first);
	ended_well(exclusive);
	close(tell[0]);
	close(tell[1]);
	close(first);
	close(third);
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
	assert_int_equal(rmdir(QUEUE), 0);
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

static void cover_folder(void)
{
	assert_int_equal(mount("tmpfs", QB_STATE_DIR, "tmpfs", 0, "mode=0755"), 0);
}

/* MUST 14: however its lock was lost, the session that held it holds the host. */
static void test_lost_lock_holds_still(void **state)
{
	static void (*const ways[])(void) = {remove_folder, move_folder, move_lock};

	for (size_t i = 0; i < QB_ARRAY_SIZE(ways); i++) {
		int told = 0, end, second;
		struct qb_lock_wait wait = {.peer = &self, .told = count, .data = &told};
		struct qb_error err = {0};
		pid_t first;

		close(opened());
		first = session(&end);
		ways[i]();
		second = opened();
		assert_int_equal(qb_lock_try(second), -EWOULDBLOCK);
		assert_int_equal(qb_lock_take(second, &wait, &err), -EWOULDBLOCK);
		close(end);
		ended_well(first);
		assert_int_equal(qb_lock_take(second, &wait, &err), 0);
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

/* Who waits for a lock that is none any more is told so, and does not get it. */
static void test_lost_lock_is_not_taken(void **state)
{
	int told = 0, lock = opened();
	struct qb_lock_wait wait = {.ns = -1, .peer = &self, .told = count, .data = &told};
	struct qb_error err = {0};

	remove_folder();
	close(opened());
	assert_int_equal(qb_lock_take(lock, &wait, &err), -ESTALE);
	assert_non_null(strstr(err.text, QB_LOCK_PATH));
	close(lock);
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

static void test_claims_are_one_sessions(void **state)
{
	int lock = opened(), first = qb_claims_open(NULL), second = qb_claims_open(NULL);

	assert_true(first >= 0 && second >= 0);
	assert_true(qb_claims_is_free(first, 5));
	assert_true(qb_claims_take(first, 5, 0));
	assert_true(qb_claims_take(first, 5, 0));
	assert_true(qb_claims_is_free(first, 5)); /* to its own session */
	assert_false(qb_claims_is_free(second, 5));
	assert_false(qb_claims_take(second, 5, 0));
	assert_true(qb_claims_take(second, 4, 0)); /* its neighbours are others' */
	assert_true(qb_claims_take(second, QB_CPUS_MAX - 1, 0));
	assert_false(qb_claims_take(first, QB_CPUS_MAX - 1, 0));
	qb_claims_leave(first, 5);
	assert_true(qb_claims_take(second, 5, 0));
	close(second);
	assert_true(qb_claims_is_free(first, 4));
	close(first);
	close(lock);
}

static void test_claims_side_by_side(void **state)
{
	const struct qb_claimant one = {.pid = 812, .uid = 1000};
	int lock = opened(), first = qb_claims_open(NULL), second = qb_claims_open(NULL);
	int third = qb_claims_open(NULL);
	unsigned seat = 0;

	assert_false(qb_claims_find(second, 5, &seat));
	assert_true(qb_claims_take(first, 5, 0));
	qb_claims_sign(first, 5, 0, &one);
	assert_false(qb_claims_take(second, 5, 0));
	assert_true(qb_claims_take(second, 5, 1));
	assert_true(qb_claims_take(third, 5, QB_CLAIM_SEATS - 1));
	assert_true(qb_claims_take(third, 6, 0)); /* its neighbour, by no seat nearer */

	assert_true(qb_claims_find(second, 5, &seat));
	assert_int_equal(seat, 0);
	assert_int_equal(qb_claims_signed(second, 5, seat).pid, 812);
	assert_int_equal(qb_claims_signed(second, 5, seat).uid, 1000);
	seat = 1; /* its own is passed */
	assert_true(qb_claims_find(second, 5, &seat));
	assert_int_equal(seat, QB_CLAIM_SEATS - 1);
	assert_int_equal(qb_claims_signed(second, 5, seat).pid, 0);
	seat++;
	assert_false(qb_claims_find(second, 5, &seat));

	qb_claims_leave(first, 5);
	seat = 0;
	assert_true(qb_claims_find(third, 5, &seat));
	assert_int_equal(seat, 1);
	assert_false(qb_claims_is_free(first, 5));
	qb_claims_leave(second, 5);
	assert_true(qb_claims_is_free(third, 5)); /* but for its own */
	close(third);
	close(second);
	close(first);
	close(lock);
}

static void test_claims_are_inherited(void **state)
{
	int lock = opened(), outer = qb_claims_open(NULL), inner = fcntl(outer, F_DUPFD_CLOEXEC, 3);
	int other = qb_claims_open(NULL);

	assert_true(qb_claims_take(outer, 2, 0));
	assert_true(qb_claims_is_free(inner, 2));
	close(outer); /* what is inside of it goes on */
	assert_false(qb_claims_is_free(other, 2));
	close(inner);
	assert_true(qb_claims_is_free(other, 2));
	close(other);
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
		cmocka_unit_test_setup(test_one_at_a_time, fresh),
		cmocka_unit_test_setup(test_one_that_ends_is_awaited, fresh),
		cmocka_unit_test_setup(test_time_is_limited, fresh),
		cmocka_unit_test_setup(test_first_come_first_served, fresh),
		cmocka_unit_test_setup(test_dead_waiter_frees_its_place, fresh),
		cmocka_unit_test_setup(test_stopped_waiter_is_passed, fresh),
		cmocka_unit_test_setup(test_client_that_dies_ends_the_wait, fresh),
		cmocka_unit_test_setup(test_admitted_beside_the_holder, fresh),
		cmocka_unit_test_setup(test_not_admitted_before_who_waits, fresh),
		cmocka_unit_test_setup(test_planted_files_are_refused, fresh),
		cmocka_unit_test_setup(test_lost_lock_holds_still, fresh),
		cmocka_unit_test_setup(test_covered_lock_holds_still, fresh),
		cmocka_unit_test_setup(test_lost_lock_is_not_taken, fresh),
		cmocka_unit_test_setup(test_only_a_new_lock_is_doubted, fresh),
		cmocka_unit_test_setup(test_claims_are_one_sessions, fresh),
		cmocka_unit_test_setup(test_claims_side_by_side, fresh),
		cmocka_unit_test_setup(test_claims_are_inherited, fresh),
		cmocka_unit_test_setup(test_claims_of_the_dead_are_free, fresh),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
