/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Root's end of a socket: whatever they do to theirs, or to a copy of ours, nothing here waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/clock.h>
#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <helper/helper.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int pair[2];
static struct qb_helper helper;
static struct qb_wire *wire; /* our end is pair[0]; theirs is pair[1] */
static struct qb_message got;

static int open_pair(void **state)
{
	sigset_t term;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	helper = (struct qb_helper){.client = {.fd = pair[0]},
		.peer.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0),
		.term = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK)};
	wire = &helper.client;
	return 0;
}

static int close_pair(void **state)
{
	qb_wire_close(wire);
	close(helper.term);
	close(helper.peer.pidfd);
	close(pair[1]);
	return 0;
}

static int64_t in(int64_t ms)
{
	return qb_ns_now(CLOCK_MONOTONIC) + ms * QB_NS_PER_MS;
}

/* The type of the next message that they got. */
static enum qb_message_type next(void)
{
	if (qb_message_receive_now(pair[1], QB_SENDER_HELPER, &got, NULL) <= 0)
		return QB_MSG_NONE;
	return (enum qb_message_type)got.head.type;
}

/* Until there is no room. */
static void fill(void)
{
	while (qb_wire_flush(wire) == 0)
		qb_wire_send_note(wire, "more");
	assert_int_equal(wire->gone, 0);
}

static void nothing_is_sent_before_the_flush(void **state)
{
	qb_wire_send_note(wire, "%s", "one");
	qb_wire_send_done(wire, QB_MSG_HELLO);
	assert_int_equal(next(), QB_MSG_NONE);
	assert_int_equal(qb_wire_flush(wire), 0);
	assert_int_equal(next(), QB_MSG_NOTE);
	assert_string_equal(got.note.text, "one");
	assert_int_equal(next(), QB_MSG_DONE);
	assert_int_equal(got.done.of, QB_MSG_HELLO);
	assert_true(qb_wire_until(wire) == INT64_MAX);
}

static void a_full_socket_is_flushed_when_there_is_room(void **state)
{
	unsigned sent = 0;

	fill();
	for (; sent < 100; sent++)
		qb_wire_send_note(wire, "%u", sent);
	assert_int_equal(qb_wire_flush(wire), 1);
	assert_true(qb_wire_until(wire) > qb_ns_now(CLOCK_MONOTONIC));
	for (sent = 0; sent < 100;) {
		char wanted[16];

		qb_wire_flush(wire);
		snprintf(wanted, sizeof(wanted), "%u", sent);
		assert_int_equal(next(), QB_MSG_NOTE);
		sent += strcmp(got.note.text, wanted) == 0; /* in their order */
	}
	assert_int_equal(qb_wire_flush(wire), 0);
	assert_int_equal(next(), QB_MSG_NONE);
}

static void who_does_not_read_is_gone(void **state)
{
	fill();
	wire->since_ns -= QB_WIRE_MS * QB_NS_PER_MS;
	assert_int_equal(qb_wire_flush(wire), -ETIMEDOUT);
	qb_wire_send_note(wire, "swallowed");
	assert_int_equal(qb_wire_flush(wire), -ETIMEDOUT);
	assert_int_equal(qb_wire_wait(&helper, wire, in(10000), NULL), -ETIMEDOUT);
}

static void who_reads_slowly_is_not(void **state)
{
	fill();
	wire->since_ns -= QB_WIRE_MS * QB_NS_PER_MS - 100 * QB_NS_PER_MS;
	while (next() != QB_MSG_NONE)
		;
	assert_int_equal(qb_wire_flush(wire), 0);
	fill();
	assert_true(qb_wire_until(wire) > in(QB_WIRE_MS / 2));
}

static void a_queue_has_an_end(void **state)
{
	static struct qb_message_head big[QB_MESSAGE_MAX / sizeof(struct qb_message_head)];
	size_t queued = 0;

	for (; !wire->gone; queued += sizeof(big)) {
		assert_true(queued < 256u << 20);
		qb_wire_send(wire, QB_MSG_STEP, big, sizeof(big));
	}
	assert_int_equal(qb_wire_flush(wire), -ENOBUFS);
}

static void who_has_closed_is_gone(void **state)
{
	close(pair[1]);
	qb_wire_send_done(wire, QB_MSG_BYE);
	assert_int_equal(qb_wire_flush(wire), -EPIPE);
	pair[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A copy of our end in other hands: they fill it, shrink it, raise its mark, make it block, read from it. */
static void a_shared_end_costs_no_wait(void **state)
{
	static const int flags[] = {0, O_NONBLOCK};
	const int big = 1 << 20, small = 1;
	int copy = dup(pair[0]);
	char byte = 0;

	setsockopt(copy, SOL_SOCKET, SO_RCVLOWAT, &big, sizeof(big));
	setsockopt(copy, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (size_t i = 0; i < QB_ARRAY_SIZE(flags); i++) {
		fcntl(copy, F_SETFL, flags[i]);
		while (send(copy, &byte, 1, MSG_DONTWAIT) > 0)
			;
		qb_wire_send_done(wire, QB_MSG_HELLO);
		assert_int_equal(qb_wire_flush(wire), 1);
		assert_int_equal(
			qb_message_receive_now(wire->fd, QB_SENDER_CLIENT, &got, NULL), -EAGAIN);
	}
	close(copy);
}

static void descriptors_go_at_once_or_not_at_all(void **state)
{
	struct qb_message_head head;

	qb_wire_send_fds(wire, QB_MSG_RUN, &head, sizeof(head), &pair[1], 1);
	assert_int_equal(wire->gone, 0);
	assert_int_equal(qb_message_receive_now(pair[1], QB_SENDER_CLIENT, &got, NULL), 1);
	assert_int_equal(got.n_fds, 1);
	qb_message_close(&got);
	fill();
	qb_wire_send_fds(wire, QB_MSG_RUN, &head, sizeof(head), &pair[1], 1);
	assert_int_equal(qb_wire_flush(wire), -EAGAIN);
}

/* A connection that lingers for an hour when its last descriptor is closed: there is something to send, and nobody takes it. */
static int lingering(int *ret_other)
{
	const struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char garbage[4096] = {0};

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)), 0);
	while (send(fd, garbage, sizeof(garbage), MSG_DONTWAIT) > 0)
		;
	*ret_other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return fd;
}

/* What lies in it unreceived is closed by a child: behind other messages, with a message, and with nothing at all. */
static void to_close_one_waits_for_nothing_that_lies_in_it(void **state)
{
	struct qb_message_head head;

	for (int kind = 0; kind < 3; kind++) {
		struct msghdr nothing = {0};
		_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
		int theirs[2], other, slow = lingering(&other);

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, theirs), 0);
		if (kind == 0)
			assert_int_equal(send(theirs[1], "", 0, 0), 0);
		if (kind < 2)
			assert_int_equal(qb_message_send(theirs[1], QB_MSG_BYE, &head, sizeof(head),
						 &slow, 1),
				0);
		nothing.msg_control = control;
		nothing.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&nothing) =
			(struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&nothing)), &slow, sizeof(slow));
		if (kind == 2)
			assert_int_equal(sendmsg(theirs[1], &nothing, 0), 0);
		close(slow);
		qb_wire_close(&(struct qb_wire){.fd = theirs[0]});
		assert_int_equal(send(theirs[1], "x", 1, MSG_NOSIGNAL), -1);
		assert_true(waitpid(-1, NULL, 0) > 0); /* which does not linger, since it ends */
		close(theirs[1]);
		close(other);
	}
	/* Nothing lies there: no child. */
	wire->fd = dup(pair[0]);
	qb_wire_close(wire);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	wire->fd = pair[0];
}

static void a_wait_has_a_limit(void **state)
{
	const int64_t until = in(30);

	assert_int_equal(qb_wire_wait(&helper, wire, until, NULL), 0);
	assert_true(qb_ns_now(CLOCK_MONOTONIC) >= until);
	assert_int_equal(qb_wire_wait(&helper, NULL, in(1), NULL), 0);
}

static void a_wait_ends_with_a_message_or_an_end(void **state)
{
	struct qb_message_head head;

	assert_int_equal(qb_message_send(pair[1], QB_MSG_BYE, &head, sizeof(head), NULL, 0), 0);
	assert_int_equal(qb_wire_wait(&helper, wire, in(10000), NULL), 1);
	assert_int_equal(qb_message_receive_now(wire->fd, QB_SENDER_CLIENT, &got, NULL), 1);
	shutdown(pair[1], SHUT_WR);
	assert_int_equal(qb_wire_wait(&helper, wire, in(10000), NULL), 1);
	assert_int_equal(qb_message_receive_now(wire->fd, QB_SENDER_CLIENT, &got, NULL), 0);
	/* Whoever waits for another hears of the client's end, too. */
	assert_int_equal(qb_wire_wait(&helper, NULL, in(10000), NULL), -EPIPE);
}

static void a_wait_hears_sigterm(void **state)
{
	struct qb_error err = {0};

	raise(SIGTERM);
	assert_int_equal(qb_wire_wait(&helper, wire, INT64_MAX, &err), -ECANCELED);
	assert_string_equal(err.text, "the helper was told to end");
	assert_int_equal(qb_wire_wait(&helper, NULL, INT64_MAX, &err), -ECANCELED); /* still */
	fill();
	qb_wire_drain(&helper, wire); /* nor do last words wait */
	assert_true(wire->first != NULL);
	assert_true(read(helper.term, &(struct signalfd_siginfo){0},
			    sizeof(struct signalfd_siginfo)) > 0);
}

static void a_wait_tells_the_client_what_is_queued(void **state)
{
	int other[2];
	struct qb_wire planner = QB_WIRE_NONE;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	planner.fd = other[0];
	qb_wire_send_note(wire, "waiting");
	assert_int_equal(qb_wire_wait(&helper, &planner, in(10), NULL), 0);
	assert_int_equal(next(), QB_MSG_NOTE);
	close(other[1]);
	assert_int_equal(qb_wire_wait(&helper, &planner, in(10000), NULL), 1);
	qb_wire_close(&planner);
}

int main(void)
{
	alarm(60);
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_sent_before_the_flush),
		TEST(a_full_socket_is_flushed_when_there_is_room),
		TEST(who_does_not_read_is_gone),
		TEST(who_reads_slowly_is_not),
		TEST(a_queue_has_an_end),
		TEST(who_has_closed_is_gone),
		TEST(a_shared_end_costs_no_wait),
		TEST(descriptors_go_at_once_or_not_at_all),
		TEST(to_close_one_waits_for_nothing_that_lies_in_it),
		TEST(a_wait_has_a_limit),
		TEST(a_wait_ends_with_a_message_or_an_end),
		TEST(a_wait_hears_sigterm),
		TEST(a_wait_tells_the_client_what_is_queued),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
