/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guardian: its MUSTs, with a monitor that is killed, stopped or held up where it hurts most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <helper/monitor_internal.h>
#include <host/tasks.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static bool sandboxed;
static int session = -1;
static pid_t guardian, client; /* client: who the helper takes for it */
static pid_t bench;	       /* 0: none */
static struct qb_message answer;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

/* What is played instead of a monitor. */
struct part {
	void (*play)(struct qb_helper *helper);
};

/* A helper whose client says HELLO for `quietbench restore`: no planner, no host is needed for that. */
static int begin(void **state)
{
	const struct part *part = *state;
	struct qb_hello hello = {.purpose = QB_PURPOSE_RESTORE};
	struct qb_helper helper = {.lock = -1, .lost = -1, .sign = -1};
	int pair[2];

	if (!sandboxed)
		return 0;
	client = fork();
	if (client == 0) {
		pause();
		_exit(0);
	}
	if (!sandbox_empty("/run") || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return -1;
	helper.client.fd = pair[1];
	helper.peer.pid = client;
	helper.peer.pidfd = (int)syscall(SYS_pidfd_open, client, 0);
	helper.lock = qb_lock_open(NULL);
	guardian = fork();
	if (guardian == 0) {
		close(pair[0]);
		if (qb_guardian_fork(&helper, QB_MSG_NONE, NULL, 0) < 0)
			_exit(EXIT_FAILURE);
		if (part) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			part->play(&helper);
		}
		_exit(qb_monitor_run(&helper));
	}
	close(helper.peer.pidfd);
	close(helper.lock);
	close(pair[1]);
	session = pair[0];
	return qb_message_send(session, QB_MSG_HELLO, &hello, sizeof(hello), NULL, 0);
}

static int end(void **state)
{
	if (!sandboxed)
		return 0;
	close(session);
	kill(client, SIGKILL);
	waitpid(client, NULL, 0);
	kill(guardian, SIGKILL);
	waitpid(guardian, NULL, 0);
	if (bench)
		kill(bench, SIGKILL);
	bench = 0;
	return 0;
}

/* The next answer, within so long; QB_MSG_NONE: the end. */
static enum qb_message_type hear(int ms)
{
	struct pollfd p = {.fd = session, .events = POLLIN};
	int r;

	assert_int_equal(poll(&p, 1, ms), 1);
	do
		r = qb_message_receive(session, QB_SENDER_HELPER, &answer, NULL);
	while (r == -ECONNRESET);
	return r > 0 ? (enum qb_message_type)answer.head.type : QB_MSG_NONE;
}

static void ask(enum qb_message_type type)
{
	struct qb_message_head head;

	assert_int_equal(qb_message_send(session, type, &head, sizeof(head), NULL, 0), 0);
}

/* The guardian's child. */
static pid_t monitor(void)
{
	char path[64], text[32] = "";

	if (!sandboxed)
		skip();
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", guardian, guardian);
	assert_int_equal(hear(5000), QB_MSG_DONE);
	assert_true(qb_file_read(path, text, sizeof(text), NULL) >= 0);
	return (pid_t)strtol(text, NULL, 10);
}

/* Stops the monitor at its next recvmsg, before it (0) or after it (1), and kills it there. */
static void kill_at_recvmsg(pid_t pid, int after)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	ask(QB_MSG_RESTORE);
	for (int seen = 0; seen <= after;) {
		struct __ptrace_syscall_info info = {0};

		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, __WALL), pid);
		assert_true(WIFSTOPPED(status));
		ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info);
		if (seen || (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_recvmsg))
			seen++;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
}

/* MUST 4, and the monitor's 16. */
static void expect_one_answer(void)
{
	assert_int_equal(hear(10000), QB_MSG_DONE);
	assert_int_equal(answer.done.of, QB_MSG_RESTORE);
	assert_true(answer.done.recovered && answer.done.complete);
	ask(QB_MSG_BYE);
	assert_int_equal(hear(1000), QB_MSG_NONE);
}

static void killed_before_it_takes_a_request(void **state)
{
	kill_at_recvmsg(monitor(), 0);
	expect_one_answer();
}

static void killed_when_it_has_taken_one(void **state)
{
	kill_at_recvmsg(monitor(), 1);
	expect_one_answer();
}

static void killed_between_two(void **state)
{
	pid_t pid = monitor();

	poll(NULL, 0, 50);
	kill(pid, SIGKILL);
	poll(NULL, 0, 50);
	ask(QB_MSG_RESTORE);
	expect_one_answer();
}

/* MUST 1. */
static void a_stopped_monitor_goes_on(void **state)
{
	kill(monitor(), SIGSTOP);
	ask(QB_MSG_RESTORE);
	assert_int_equal(hear(10000), QB_MSG_DONE);
	assert_false(answer.done.recovered);
}

/* MUST 3: it is held up for ever, and its client dies. */
static void a_monitor_that_misses_its_clients_end_is_killed(void **state)
{
	pid_t pid = monitor();
	int status;

	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, __WALL), pid);
	kill(client, SIGKILL);
	close(session);
	session = -1;
	poll(NULL, 0, 500);
	assert_int_equal(waitpid(pid, &status, __WALL | WNOHANG), 0);
	for (int i = 0; i < 40 && waitpid(pid, &status, __WALL | WNOHANG) == 0; i++)
		poll(NULL, 0, 50);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(waitpid(guardian, &status, 0), guardian);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The monitor's 17: nobody who waits for a request is deaf. */
static void sigterm_ends_a_wait(void **state)
{
	int status;
	pid_t ended = 0;

	monitor();
	kill(guardian, SIGTERM);
	for (int i = 0; i < 40 && ended == 0; i++) {
		ended = waitpid(guardian, &status, WNOHANG);
		poll(NULL, 0, 50);
	}
	assert_int_equal(ended, guardian);
	assert_int_equal(hear(0), QB_MSG_NONE);
}

/* ---- with a monitor that only plays one ---- */

static const char
	*how; /* the next that is heard: it was killed and recovered, or went on to its end */

/* How long until the guardian ends, in ms; -1: it has not within so long. */
static int guarded_ms(int most)
{
	const int64_t begun = qb_ns_now(CLOCK_MONOTONIC);
	int status, ms = 0;

	while (waitpid(guardian, &status, WNOHANG) == 0) {
		ms = (int)((qb_ns_now(CLOCK_MONOTONIC) - begun) / QB_NS_PER_MS);
		if (ms >= most)
			return -1;
		poll(NULL, 0, 10);
	}
	how = WIFEXITED(status) && WEXITSTATUS(status) == 42 ? "by itself" : "recovered";
	return ms;
}

static void end_client(void)
{
	if (!sandboxed)
		skip();
	kill(client, SIGKILL);
	close(session);
	session = -1;
}

static void stand_still(struct qb_helper *helper)
{
	for (;;)
		pause();
}

static void restore_and_stand_still(struct qb_helper *helper)
{
	qb_guardian_restoring(helper, true);
	stand_still(helper);
}

static void restore_slowly(struct qb_helper *helper)
{
	qb_guardian_restoring(helper, true);
	for (int i = 0; i < 300; i++)
		poll(NULL, 0, 10);
	_exit(42);
}

static void hold_too_long(struct qb_helper *helper)
{
	static struct qb_monitor m;

	m = QB_MONITOR_NONE;
	m.helper = helper;
	m.state = QB_STATE_RUN;
	m.limits.limited = true;
	m.limits.rule.lock_ns = 100 * QB_NS_PER_MS;
	qb_hold_expect(&m);
	stand_still(helper);
}

/* MUST 3: it restores for nobody, and does not. */
static void a_restore_that_stands_still_is_ended(void **state)
{
	int ms;

	end_client();
	ms = guarded_ms(20000); /* late on a busy machine, but not never */
	assert_in_range(ms, 500, 20000);
	assert_string_equal(how, "recovered");
}

/* The same, for somebody who waits: it may be waiting itself. */
static void a_restore_for_somebody_may_wait(void **state)
{
	if (!sandboxed)
		skip();
	assert_int_equal(guarded_ms(3000), -1);
}

static void a_restore_at_work_goes_on(void **state)
{
	end_client();
	assert_true(guarded_ms(30000) > 2000);
	assert_string_equal(how, "by itself");
}

/* MUST 3: the policy's time for a run, and 2 s. */
static void a_monitor_that_holds_the_host_too_long_is_killed(void **state)
{
	struct pollfd p = {.fd = session, .events = POLLIN};

	if (!sandboxed)
		skip();
	assert_int_equal(poll(&p, 1, 1500), 0);
	assert_int_equal(hear(20000), QB_MSG_ERROR);
	assert_non_null(strstr(answer.error.text, "monitor died"));
}

/* In so long the watchdog acts, by its timer; 0: it does not. */
static int watchdog_s(void)
{
	char path[64], text[512], *value;
	int s = 0;

	for (int fd = 3; fd < 32 && s == 0; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", guardian, fd);
		if (qb_file_read(path, text, sizeof(text), NULL) >= 0 &&
			(value = strstr(text, "it_value: (")))
			s = atoi(value + strlen("it_value: ("));
	}
	return s;
}

/* MUST 2. */
static void a_monitor_that_is_deaf_to_sigterm_is_killed(void **state)
{
	int ms, s;

	if (!sandboxed)
		skip();
	poll(NULL, 0, 300); /* it is a guardian by then, and its monitor stands still */
	assert_int_equal(watchdog_s(), 0);
	kill(guardian, SIGTERM);
	poll(NULL, 0, 300);
	s = watchdog_s();
	assert_in_range(s, 18, 20);
	if (!getenv("QB_FULL"))
		return; /* that it acts then is what the other tests are about */
	ms = guarded_ms(21000);
	assert_in_range(ms, 18000, 21000);
	assert_string_equal(how, "recovered");
}

/* ---- MUST 5: the benchmark of one that dies ---- */

static void place_and_die(struct qb_helper *helper)
{
	struct qb_journal_bench placed = {.joined = true, .uid = getuid()};
	struct qb_task task;

	bench = fork();
	if (bench == 0) {
		close_range(3, ~0u, 0);
		pause();
		_exit(0);
	}
	if (qb_task_read(bench, &task, NULL) < 0)
		_exit(EXIT_FAILURE);
	placed.pid = bench;
	placed.start = task.start;
	qb_guardian_remember(helper, &placed);
	qb_wire_send(&helper->client, QB_MSG_LEFTOVER, &(struct qb_leftover){.pid = bench},
		sizeof(struct qb_leftover));
	(void)qb_wire_flush(&helper->client);
	poll(NULL, 0, 200);
	kill(getpid(), SIGKILL);
}

static void expect_bench_ends(void)
{
	int ms = guarded_ms(20000);
	struct qb_task task;

	assert_in_range(ms, 0, 20000);
	assert_true(qb_task_read(bench, &task, NULL) < 0 || task.ended);
}

static void take_bench(void)
{
	if (!sandboxed)
		skip();
	assert_int_equal(hear(10000), QB_MSG_LEFTOVER);
	bench = answer.leftover.pid;
}

static void its_benchmark_ends_with_a_client_that_is_dead(void **state)
{
	take_bench();
	end_client();
	expect_bench_ends();
}

static void its_benchmark_ends_with_a_client_that_dies_later(void **state)
{
	take_bench();
	assert_int_equal(hear(10000), QB_MSG_ERROR);
	assert_int_equal(kill(bench, 0), 0);
	end_client();
	expect_bench_ends();
}

static void its_benchmark_outlives_a_client_that_says_bye(void **state)
{
	take_bench();
	assert_int_equal(hear(10000), QB_MSG_ERROR);
	ask(QB_MSG_BYE);
	assert_int_equal(hear(1000), QB_MSG_NONE);
	assert_int_equal(kill(bench, 0), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define PLAY(name, what)                                                                           \
	cmocka_unit_test_prestate_setup_teardown(name, begin, end, &(struct part){what})
	const struct CMUnitTest tests[] = {
		TEST(killed_before_it_takes_a_request),
		TEST(killed_when_it_has_taken_one),
		TEST(killed_between_two),
		TEST(a_stopped_monitor_goes_on),
		TEST(a_monitor_that_misses_its_clients_end_is_killed),
		TEST(sigterm_ends_a_wait),
		PLAY(a_restore_that_stands_still_is_ended, restore_and_stand_still),
		PLAY(a_restore_for_somebody_may_wait, restore_and_stand_still),
		PLAY(a_restore_at_work_goes_on, restore_slowly),
		PLAY(a_monitor_that_holds_the_host_too_long_is_killed, hold_too_long),
		PLAY(a_monitor_that_is_deaf_to_sigterm_is_killed, stand_still),
		PLAY(its_benchmark_ends_with_a_client_that_is_dead, place_and_die),
		PLAY(its_benchmark_ends_with_a_client_that_dies_later, place_and_die),
		PLAY(its_benchmark_outlives_a_client_that_says_bye, place_and_die),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
