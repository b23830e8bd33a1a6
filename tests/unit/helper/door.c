/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The door of a session: who is there is heard when there is something to hear, and nobody is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/clock.h>
#include <base/macros.h>
#include <cmocka.h>
#include <helper/monitor_internal.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool sandboxed;
static struct qb_shared shared;
static struct qb_helper helper;
static struct qb_monitor m;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

/* A lease of root's, its door open, in a /run of the test's own. */
static int open_door(void **state)
{
	if (!sandboxed)
		return 0;
	helper = (struct qb_helper){.client = QB_WIRE_NONE,
		.lock = -1,
		.lost = -1,
		.sign = -1,
		.peer.pidfd = -1,
		.term = -1,
		.children = -1,
		.watchdog = -1,
		.shared = &shared,
		.pending = &shared.pending};
	m = QB_MONITOR_NONE;
	m.helper = &helper;
	m.state = QB_STATE_LEASE;
	return sandbox_empty("/run") && close(qb_lock_open(NULL)) == 0 &&
			       qb_door_open(&m.door, NULL) == 0
		       ? 0
		       : -1;
}

static int close_door(void **state)
{
	if (sandboxed)
		qb_door_close(&m);
	return 0;
}

static int knock(void)
{
	const struct sockaddr_un door = {.sun_family = AF_UNIX, .sun_path = QB_DOOR_PATH};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (!sandboxed)
		skip();
	assert_int_equal(connect(fd, (const struct sockaddr *)&door, sizeof(door)), 0);
	return fd;
}

static unsigned guests(enum qb_guest_kind kind)
{
	unsigned n = 0;

	for (int i = 0; i < QB_GUESTS_MAX; i++)
		n += m.guests[i].kind == kind;
	return n;
}

static bool ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

static void test_a_visitor_is_heard_when_it_speaks(void **state)
{
	const struct qb_done joined = {.of = QB_MSG_HELLO, .joined = 1};
	struct qb_hello hello = {.purpose = QB_PURPOSE_LEASE, .lease_ns = QB_NS_PER_S};
	static struct qb_message answer;
	int visitor = knock();

	qb_door_serve(&m);
	assert_int_equal(guests(QB_GUEST_VISITOR), 1);
	assert_int_equal(m.guests[0].peer.pid, getpid());
	assert_true(qb_door_tend(&m) > qb_ns_now(CLOCK_MONOTONIC));
	assert_int_equal(qb_message_send(visitor, QB_MSG_HELLO, &hello, sizeof(hello), NULL, 0), 0);
	qb_door_hear(&m, &m.guests[0]);
	/* Renewed: it is told so, and dismissed. */
	assert_int_equal(qb_message_receive(visitor, QB_SENDER_HELPER, &answer, NULL), 1);
	assert_int_equal(answer.head.type, QB_MSG_NOTE);
	assert_int_equal(qb_message_receive(visitor, QB_SENDER_HELPER, &answer, NULL), 1);
	assert_int_equal(answer.done.joined, joined.joined);
	assert_true(ended(visitor));
	assert_int_equal(guests(QB_GUEST_NONE), QB_GUESTS_MAX);
	close(visitor);
}

/* It is for HELLO alone. */
static void test_another_word_is_no_greeting(void **state)
{
	struct qb_message_head head;
	int visitor = knock();

	qb_door_serve(&m);
	assert_int_equal(qb_message_send(visitor, QB_MSG_APPLY, &head, sizeof(head), NULL, 0), 0);
	qb_door_hear(&m, &m.guests[0]);
	assert_true(ended(visitor));
	close(visitor);
}

/* MUST 17: the silent are sent away after a second, and nothing waits for them meanwhile. */
static void test_nobody_holds_up_the_door(void **state)
{
	const int64_t begin = qb_ns_now(CLOCK_MONOTONIC);
	int visitor = knock(), none;

	qb_door_serve(&m);
	none = accept4(m.door, NULL, NULL, SOCK_CLOEXEC);
	assert_int_equal(none, -1); /* nobody else is there: it does not wait */
	qb_door_serve(&m);
	assert_int_equal(guests(QB_GUEST_VISITOR), 1);
	assert_false(ended(visitor));
	for (int64_t until; (until = qb_door_tend(&m)) < INT64_MAX;) {
		assert_true(qb_ns_now(CLOCK_MONOTONIC) - begin < 5 * QB_NS_PER_S);
		qb_wire_poll(NULL, 0, until);
	}
	assert_true(qb_ns_now(CLOCK_MONOTONIC) - begin >= QB_NS_PER_S);
	assert_true(ended(visitor));
	close(visitor);
}

static void test_a_crowd_takes_some_seats_alone(void **state)
{
	int visitors[QB_GUESTS_MAX];

	for (int i = 0; i < QB_GUESTS_MAX; i++) {
		visitors[i] = knock();
		qb_door_serve(&m);
	}
	assert_in_range(guests(QB_GUEST_VISITOR), 1, QB_GUESTS_MAX / 2);
	for (int i = 0; i < QB_GUESTS_MAX; i++)
		close(visitors[i]);
}

/* MUST 15: one who does not take its answer is forgotten; what it sat on is free. */
static void test_a_deaf_guest_is_forgotten(void **state)
{
	struct qb_note note = {.text = "hear, hear"};
	int visitor = knock();

	qb_door_serve(&m);
	m.guests[0].until_ns = INT64_MAX;
	while (qb_wire_flush(&m.guests[0].wire) == 0)
		qb_wire_send(&m.guests[0].wire, QB_MSG_NOTE, &note, sizeof(note));
	assert_true(qb_door_tend(&m) < INT64_MAX);
	assert_int_equal(guests(QB_GUEST_VISITOR), 1);
	m.guests[0].wire.since_ns -= QB_WIRE_MS * QB_NS_PER_MS;
	qb_door_tend(&m);
	assert_int_equal(guests(QB_GUEST_VISITOR), 0);
	close(visitor);
}

static void test_a_dead_sessions_door_is_replaced(void **state)
{
	int first = m.door, visitor;

	if (!sandboxed)
		skip();
	assert_int_equal(qb_door_open(&m.door, NULL), 0);
	visitor = knock();
	qb_door_serve(&m);
	assert_int_equal(guests(QB_GUEST_VISITOR), 1);
	assert_int_equal(accept4(first, NULL, NULL, SOCK_CLOEXEC), -1);
	close(first);
	close(visitor);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_door, close_door)
	const struct CMUnitTest tests[] = {
		TEST(test_a_visitor_is_heard_when_it_speaks),
		TEST(test_another_word_is_no_greeting),
		TEST(test_nobody_holds_up_the_door),
		TEST(test_a_crowd_takes_some_seats_alone),
		TEST(test_a_deaf_guest_is_forgotten),
		TEST(test_a_dead_sessions_door_is_replaced),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
