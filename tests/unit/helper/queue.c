/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue for the host (the MUSTs of helper/queue.c): who gets it, who is passed, and what waiting costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/clock.h>
#include <base/macros.h>
#include <cmocka.h>
#include <dirent.h>
#include <helper/helper.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MS   QB_NS_PER_MS
#define USER 1000

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

/* Somebody who wants the host, and how they ask. */
struct one {
	struct qb_helper helper;
	struct qb_queue_wait wait;
	int told;
	int told_to; /* the end of a pipe, or 0 */
	int64_t since;
	struct qb_error err;
};

static void told(void *data, const char *holder)
{
	struct one *one = data;

	assert_non_null(holder);
	one->told++;
	if (one->told_to)
		assert_int_equal(write(one->told_to, "w", 1), 1);
}

static void come(struct one *one, int64_t ns)
{
	if (!sandboxed)
		skip();
	*one = (struct one){.helper = {.client.fd = -1, .lost = -1, .sign = -1, .peer = self},
		.wait = {.ns = ns, .limit_ns = INT64_MAX, .signals = -1, .told = told}};
	one->wait.data = one;
	one->helper.lock = qb_lock_open(&one->err);
	if (one->helper.lock < 0)
		fail_msg("%s", one->err.text);
}

/* Only one process has a sign: a child that is forked here is another session. */
static int sign = -1;

static int take(struct one *one)
{
	int r;

	if (getpid() != self.pid && sign >= 0)
		close(sign);
	one->err = (struct qb_error){0};
	r = qb_queue_take(&one->helper, &one->wait, &one->since, &one->err);
	if (one->helper.sign >= 0)
		sign = one->helper.sign;
	return r;
}

static void go(struct one *one)
{
	qb_queue_leave(&one->helper);
	if (one->helper.lost >= 0)
		close(one->helper.lost);
	close(one->helper.lock);
}

static int64_t now_ms(void)
{
	return qb_ns_now(CLOCK_MONOTONIC) / MS;
}

/* Places in the queue, of the dead ones, too. */
static size_t waiting(void)
{
	DIR *dir = opendir(QB_QUEUE_DIR);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
	closedir(dir);
	return n;
}

static void until_waiting(size_t n)
{
	for (int i = 0; i < 500 && waiting() != n; i++)
		poll(NULL, 0, 10);
	assert_int_equal(waiting(), n);
}

static char heard(int tell)
{
	char letter = 0;

	assert_int_equal(read(tell, &letter, 1), 1);
	return letter;
}

/* Starts a process that waits for the host, tells its letter when it has it, and ends. */
struct waiter {
	struct one one;
	char letter;
	int tell;
};

static pid_t start(struct waiter *waiter)
{
	struct one *one = &waiter->one;
	int r, waits[2];
	pid_t pid;

	assert_int_equal(pipe(waits), 0);
	pid = fork();
	if (pid != 0) {
		close(waits[1]);
		assert_int_equal(heard(waits[0]), 'w');
		close(waits[0]);
		close(one->helper.lock); /* else it would be ours as well */
		return pid;
	}
	one->told_to = waits[1];
	one->wait.data = one;
	r = take(one);
	if (r == -ECANCELED)
		_exit(3);
	_exit(r == 0 && one->told == 1 && write(waiter->tell, &waiter->letter, 1) == 1 ? 0 : 1);
}

static pid_t waiter_of(uint32_t uid, char letter, int tell)
{
	struct waiter waiter = {.letter = letter, .tell = tell};

	come(&waiter.one, -1);
	waiter.one.helper.peer.uid = uid;
	return start(&waiter);
}

static void ended(pid_t pid, int as)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), as);
}

static void test_one_at_a_time(void **state)
{
	struct one first, second;

	come(&first, 0);
	come(&second, 0);
	assert_int_equal(take(&first), 0);
	assert_in_range(qb_ns_now(CLOCK_BOOTTIME) - first.since, 0, 60 * QB_NS_PER_S);
	assert_int_equal(qb_lock_try(first.helper.lock), 0);
	assert_int_equal(qb_lock_try(second.helper.lock), -EWOULDBLOCK);
	assert_int_equal(take(&second), -EWOULDBLOCK);
	assert_non_null(strstr(second.err.text, "in use by"));
	assert_int_equal(second.told, 0); /* who does not wait is not told of a wait */
	qb_queue_leave(&first.helper);
	assert_int_equal(take(&second), 0);
	assert_int_equal(waiting(), 0);
	go(&first);
	go(&second);
}

/* One that is just ending (or starting) has no summary: it is worth a moment, not a refusal. */
static void test_one_that_ends_is_awaited(void **state)
{
	struct one first, second;
	pid_t ending;

	come(&first, 0);
	come(&second, 0);
	assert_int_equal(qb_lock_try(first.helper.lock), 0);
	ending = fork();
	if (ending == 0) { /* it has the description, too */
		poll(NULL, 0, 100);
		_exit(0);
	}
	close(first.helper.lock);
	assert_int_equal(take(&second), 0);
	assert_int_equal(second.told, 0);
	go(&second);
	ended(ending, 0);
}

static void test_time_is_limited(void **state)
{
	struct one first, second;
	int64_t begin = now_ms();

	come(&first, 0);
	come(&second, 200 * MS);
	assert_int_equal(take(&first), 0);
	assert_int_equal(take(&second), -EWOULDBLOCK);
	assert_in_range(now_ms() - begin, 200, 5000);
	assert_int_equal(second.told, 1);
	assert_int_equal(waiting(), 0);
	go(&first);
	go(&second);
}

static void test_first_come_first_served(void **state)
{
	struct one holder;
	char order[4] = "";
	pid_t pids[3];
	int tell[2];

	come(&holder, 0);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	for (size_t i = 0; i < 3; i++) {
		pids[i] = waiter_of(0, (char)('a' + i), tell[1]);
		until_waiting(i + 1);
	}
	go(&holder);
	for (size_t i = 0; i < 3; i++) {
		ended(pids[i], 0);
		order[i] = heard(tell[0]);
	}
	assert_string_equal(order, "abc");
	assert_int_equal(waiting(), 0);
	close(tell[0]);
	close(tell[1]);
}

static void test_dead_waiter_frees_its_place(void **state)
{
	struct one holder;
	pid_t dead, second;
	int tell[2];

	come(&holder, 0);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	dead = waiter_of(0, 'a', tell[1]);
	until_waiting(1);
	second = waiter_of(0, 'b', tell[1]);
	until_waiting(2);
	kill(dead, SIGKILL);
	waitpid(dead, NULL, 0);
	go(&holder);
	ended(second, 0);
	assert_int_equal(heard(tell[0]), 'b');
	assert_int_equal(waiting(), 0);
	close(tell[0]);
	close(tell[1]);
}

static void test_stopped_waiter_is_passed(void **state)
{
	struct one holder;
	pid_t stopped, second;
	int tell[2];

	come(&holder, 0);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	stopped = waiter_of(0, 'a', tell[1]);
	until_waiting(1);
	second = waiter_of(0, 'b', tell[1]);
	until_waiting(2);
	kill(stopped, SIGSTOP);
	assert_int_equal(waitpid(stopped, NULL, WUNTRACED), stopped);
	go(&holder);
	ended(second, 0);
	assert_int_equal(heard(tell[0]), 'b');
	kill(stopped, SIGCONT);
	ended(stopped, 0);
	close(tell[0]);
	close(tell[1]);
}

/* Ctrl-Z: the helper goes on, its client does not; it has its turn when that goes on. */
static void test_stopped_client_is_passed(void **state)
{
	struct waiter waiter = {.letter = 'a'};
	struct one holder;
	pid_t client = fork(), pid, second;
	int tell[2];

	if (client == 0) {
		pause();
		_exit(0);
	}
	come(&holder, 0);
	come(&waiter.one, -1);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	waiter.tell = tell[1];
	waiter.one.helper.peer.pid = client;
	waiter.one.helper.peer.pidfd = (int)syscall(SYS_pidfd_open, client, 0);
	kill(client, SIGSTOP);
	assert_int_equal(waitpid(client, NULL, WUNTRACED), client);
	pid = start(&waiter);
	until_waiting(1);
	second = waiter_of(0, 'b', tell[1]);
	until_waiting(2);
	go(&holder);
	ended(second, 0);
	assert_int_equal(heard(tell[0]), 'b');
	kill(client, SIGCONT);
	ended(pid, 0);
	assert_int_equal(heard(tell[0]), 'a');
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	close(tell[0]);
	close(tell[1]);
}

/* ---- what ends a wait ---- */

static void test_client_that_dies_ends_the_wait(void **state)
{
	struct one first, second;
	pid_t client = fork();

	if (client == 0) {
		poll(NULL, 0, 200);
		_exit(0);
	}
	come(&first, 0);
	come(&second, -1);
	second.helper.peer.pid = client;
	second.helper.peer.pidfd = (int)syscall(SYS_pidfd_open, client, 0);
	assert_int_equal(take(&first), 0);
	assert_int_equal(take(&second), -ECANCELED);
	assert_int_equal(waiting(), 0);
	waitpid(client, NULL, 0);
	close(second.helper.peer.pidfd);
	go(&first);
	go(&second);
}

static void test_a_session_that_is_closed_ends_the_wait(void **state)
{
	struct one first, second;
	int pair[2];

	come(&first, 0);
	come(&second, -1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	second.helper.client.fd = pair[0];
	close(pair[1]);
	assert_int_equal(take(&first), 0);
	assert_int_equal(take(&second), -ECANCELED);
	close(pair[0]);
	go(&first);
	go(&second);
}

/* S7 */
static void test_sigterm_ends_the_wait(void **state)
{
	struct waiter waiter = {.letter = 'a'};
	struct one holder;
	sigset_t mask, before;
	pid_t pid;
	int tell[2];

	come(&holder, 0);
	come(&waiter.one, -1);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, &before);
	waiter.tell = tell[1];
	waiter.one.wait.signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	pid = start(&waiter);
	until_waiting(1);
	kill(pid, SIGCHLD); /* of the planner that read the policy: no reason to end */
	poll(NULL, 0, 50);
	assert_int_equal(waiting(), 1);
	kill(pid, SIGTERM);
	ended(pid, 3);
	assert_int_equal(waiting(), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(waiter.one.wait.signals);
	close(tell[0]);
	close(tell[1]);
	go(&holder);
}

/* MUST 14 of the monitor: who waits for a lock that is none any more hears so, and does not get it. */
static void test_a_lost_lock_is_not_taken(void **state)
{
	struct one first, second;
	pid_t mover;

	come(&first, 0);
	come(&second, -1);
	assert_int_equal(take(&first), 0);
	mover = fork();
	if (mover == 0) {
		poll(NULL, 0, 200);
		_exit(rename(QB_STATE_DIR, "/run/elsewhere") == 0 ? 0 : 1);
	}
	assert_int_equal(take(&second), -ESTALE);
	assert_non_null(strstr(second.err.text, QB_LOCK_PATH));
	ended(mover, 0);
	go(&first);
	assert_int_equal(take(&second), -ESTALE);
	go(&second);
}

/* ---- fairness ---- */

/* How often a process went to sleep. */
static long sleeps(pid_t pid)
{
	char path[64], line[256];
	long n = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (n < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "voluntary_ctxt_switches: %ld", &n);
	fclose(file);
	assert_true(n >= 0);
	return n;
}

/* A9: whoever made a system call that waits would have slept once more. */
static void test_waiting_costs_nothing(void **state)
{
	long before[3];
	struct one holder;
	pid_t pids[3];
	int tell[2];

	come(&holder, 0);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	for (size_t i = 0; i < 3; i++) {
		pids[i] = waiter_of(0, 'a', tell[1]);
		until_waiting(i + 1);
	}
	poll(NULL, 0, 300); /* until the last one sleeps */
	for (size_t i = 0; i < 3; i++)
		before[i] = sleeps(pids[i]);
	poll(NULL, 0, 2000);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sleeps(pids[i]), before[i]);
	go(&holder);
	for (size_t i = 0; i < 3; i++)
		ended(pids[i], 0);
	close(tell[0]);
	close(tell[1]);
}

/* A9: a user who is not root cannot fill the host with sessions that wait. */
static void test_places_of_a_user_are_limited(void **state)
{
	enum { MOST = 64 };
	struct one holder, late, other;
	pid_t pids[MOST];
	int tell[2];

	come(&holder, 0);
	come(&late, -1);
	come(&other, 50 * MS);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	for (size_t i = 0; i < MOST; i++)
		pids[i] = waiter_of(USER, 'a', tell[1]);
	until_waiting(MOST);
	late.helper.peer.uid = USER;
	assert_int_equal(take(&late), -EUSERS);
	assert_non_null(strstr(late.err.text, "64 sessions of user 1000 wait"));
	assert_int_equal(late.told, 0);
	other.helper.peer.uid = USER + 1;
	assert_int_equal(take(&other), -EWOULDBLOCK);
	assert_int_equal(other.told, 1);
	kill(pids[0], SIGKILL);
	waitpid(pids[0], NULL, 0);
	late.wait.ns = 50 * MS;
	assert_int_equal(take(&late), -EWOULDBLOCK); /* a dead one's place is free */
	go(&holder);
	for (size_t i = 1; i < MOST; i++)
		ended(pids[i], 0);
	close(tell[0]);
	close(tell[1]);
	go(&late);
	go(&other);
}

/* Whoever has had the host for as long as the policy leaves them goes behind other users, not behind themselves. */
static void test_who_has_had_it_stands_back(void **state)
{
	struct waiter own[2];
	struct one holder;
	pid_t pids[3];
	int tell[2];

	come(&holder, 0);
	holder.helper.peer.uid = USER;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&holder), 0);
	assert_int_equal(qb_queue_others(USER, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		own[i] = (struct waiter){.letter = (char)('a' + i), .tell = tell[1]};
		come(&own[i].one, -1);
		own[i].one.helper.peer.uid = USER;
		own[i].one.wait.limit_ns = 100 * MS;
		pids[i] = start(&own[i]);
		until_waiting(i + 1);
	}
	assert_int_equal(qb_queue_others(USER, NULL), 0);
	pids[2] = waiter_of(USER + 1, 'c', tell[1]);
	until_waiting(3);
	assert_int_equal(qb_queue_others(USER, NULL), 1);
	assert_int_equal(qb_queue_others(USER + 1, NULL), 1);
	poll(NULL, 0, 150);
	go(&holder);
	assert_int_equal(heard(tell[0]), 'c');
	assert_int_equal(heard(tell[0]), 'a'); /* it was another's meanwhile */
	assert_int_equal(heard(tell[0]), 'b');
	for (size_t i = 0; i < 3; i++)
		ended(pids[i], 0);
	close(tell[0]);
	close(tell[1]);
}

/* What a user has had counts as long as another one waits; else each turn is a new one. */
static void test_turns_of_one_user_are_one(void **state)
{
	struct one first, second, other;
	pid_t waits;
	int tell[2];

	come(&first, 0);
	come(&second, 0);
	come(&other, 0);
	first.helper.peer.uid = second.helper.peer.uid = USER;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&first), 0);
	qb_queue_leave(&first.helper);
	poll(NULL, 0, 20);
	assert_int_equal(take(&second), 0);
	assert_true(second.since > first.since); /* nobody waited */
	waits = waiter_of(USER, 'a', tell[1]);
	until_waiting(1);
	assert_int_equal(qb_queue_others(USER + 1, NULL), 1);
	qb_queue_leave(&second.helper);
	ended(waits, 0);
	other.helper.peer.uid = USER + 1;
	assert_int_equal(take(&other), 0);
	assert_true(other.since > second.since);
	close(tell[0]);
	close(tell[1]);
	go(&first);
	go(&second);
	go(&other);
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
	struct one first, second;

	come(&first, 0);
	come(&second, 0);
	second.wait.admitted = admit;
	asked = 0;
	assert_int_equal(take(&first), 0);
	summarize("shared");
	assert_int_equal(take(&second), 1);
	assert_int_equal(second.helper.sign, -1);
	assert_int_equal(asked, 1);
	assert_int_equal(qb_lock_try(second.helper.lock), -EWOULDBLOCK);
	summarize("other");
	assert_int_equal(take(&second), -EWOULDBLOCK);
	assert_int_equal(asked, 2);
	qb_queue_leave(&first.helper); /* a free lock is its own, without a question */
	assert_int_equal(take(&second), 0);
	assert_int_equal(asked, 2);
	go(&first);
	go(&second);
}

static void test_not_admitted_before_who_waits(void **state)
{
	struct one first, third;
	pid_t exclusive;
	int tell[2];

	come(&first, 0);
	come(&third, 700 * MS);
	third.wait.admitted = admit;
	asked = 0;
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&first), 0);
	summarize("shared");
	exclusive = waiter_of(0, 'a', tell[1]);
	until_waiting(1);
	assert_int_equal(take(&third), -EWOULDBLOCK);
	assert_int_equal(asked, 0);
	go(&first);
	ended(exclusive, 0);
	close(tell[0]);
	close(tell[1]);
	go(&third);
}

/* A process that waits to be admitted. */
static pid_t start_shared(struct one *one)
{
	pid_t pid;

	come(one, -1);
	one->wait.admitted = admit;
	pid = fork();
	if (pid == 0)
		_exit(take(one) == 1 ? 0 : 1);
	close(one->helper.lock);
	return pid;
}

/* What wakes a shared run: a new holder, CPUs that are left, the end of whoever was before it. */
static void test_a_shared_run_hears_of_its_chance(void **state)
{
	struct one first, shared[2];
	pid_t exclusive, pid;
	int tell[2];

	come(&first, 0);
	assert_int_equal(pipe(tell), 0);
	assert_int_equal(take(&first), 0);
	assert_true(sandbox_put(QB_CLAIMS_PATH, ""));
	summarize("other");
	pid = start_shared(&shared[0]);
	until_waiting(1);
	poll(NULL, 0, 300);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	summarize("shared");
	ended(pid, 0);

	exclusive = waiter_of(0, 'a', tell[1]);
	until_waiting(1);
	pid = start_shared(&shared[1]);
	until_waiting(2);
	poll(NULL, 0, 300);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(exclusive, SIGKILL);
	waitpid(exclusive, NULL, 0);
	ended(pid, 0);
	close(tell[0]);
	close(tell[1]);
	go(&first);
}

static bool admit_when_rung(void *data, const struct qb_journal_owner *holder)
{
	struct stat st;

	return stat("/run/free", &st) == 0;
}

static void test_a_shared_run_hears_of_free_cpus(void **state)
{
	struct one first, shared;
	long before;
	pid_t pid;

	come(&first, 0);
	come(&shared, -1);
	assert_int_equal(take(&first), 0);
	assert_true(sandbox_put(QB_CLAIMS_PATH, ""));
	summarize("shared");
	shared.wait.admitted = admit_when_rung;
	pid = fork();
	if (pid == 0)
		_exit(take(&shared) == 1 ? 0 : 1);
	until_waiting(1);
	poll(NULL, 0, 300);
	before = sleeps(pid);
	poll(NULL, 0, 1000);
	assert_int_equal(sleeps(pid), before);
	assert_true(sandbox_put("/run/free", ""));
	qb_claims_ring();
	ended(pid, 0);
	close(shared.helper.lock);
	go(&first);
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
		cmocka_unit_test_setup(test_stopped_client_is_passed, fresh),
		cmocka_unit_test_setup(test_client_that_dies_ends_the_wait, fresh),
		cmocka_unit_test_setup(test_a_session_that_is_closed_ends_the_wait, fresh),
		cmocka_unit_test_setup(test_sigterm_ends_the_wait, fresh),
		cmocka_unit_test_setup(test_a_lost_lock_is_not_taken, fresh),
		cmocka_unit_test_setup(test_waiting_costs_nothing, fresh),
		cmocka_unit_test_setup(test_places_of_a_user_are_limited, fresh),
		cmocka_unit_test_setup(test_who_has_had_it_stands_back, fresh),
		cmocka_unit_test_setup(test_turns_of_one_user_are_one, fresh),
		cmocka_unit_test_setup(test_admitted_beside_the_holder, fresh),
		cmocka_unit_test_setup(test_not_admitted_before_who_waits, fresh),
		cmocka_unit_test_setup(test_a_shared_run_hears_of_its_chance, fresh),
		cmocka_unit_test_setup(test_a_shared_run_hears_of_free_cpus, fresh),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
