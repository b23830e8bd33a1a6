/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages and steps on the wire: what is sent arrives, what is malformed does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <quietbench/lever.h>
#include <quietbench/protocol.h>
#include <sys/socket.h>

static int pair[2];
static struct qb_message message;

static int open_pair(void **state)
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	close(pair[0]);
	return close(pair[1]) < 0 && errno != EBADF;
}

static void a_step_travels_whole(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0}, got = {0};
	struct qb_step *step = qb_steps_add(&steps, QB_LEVER_IRQ,
		(struct qb_unit){.number = 7, .key = UINT64_MAX, .name = "x"}, "ff", "");

	step->status = QB_STATUS_FAILED;
	step->reason = qb_steps_text(&steps, "because");
	assert_int_equal(qb_message_send_steps(pair[0], &steps), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_HELPER, &message, NULL), 1);
	assert_int_equal(message.head.type, QB_MSG_STEP);
	assert_int_equal(qb_message_read_steps(&message, &got), 1);
	assert_string_equal(got.v[0].before, "ff");
	assert_string_equal(got.v[0].wanted, "");
	assert_null(got.v[0].became);
	assert_string_equal(got.v[0].reason, "because");
	assert_true(got.v[0].unit.key == UINT64_MAX);
}

/* A peer that ends with something unread resets the socket, once: what it said before is to be heard all the same. */
static void last_words_are_heard(void **state)
{
	struct qb_message_head head;
	struct qb_error err = {0};

	assert_int_equal(qb_message_send(pair[0], QB_MSG_BYE, &head, sizeof(head), NULL, 0), 0);
	assert_int_equal(qb_message_send_done(pair[1], QB_MSG_RESTORE), 0);
	close(pair[1]);
	assert_int_equal(qb_message_receive(pair[0], QB_SENDER_HELPER, &message, &err), 1);
	assert_int_equal(message.head.type, QB_MSG_DONE);
	assert_int_equal(qb_message_receive(pair[0], QB_SENDER_HELPER, &message, &err), 0);

	/* And where it said nothing there is nothing to wait for. */
	close(pair[0]);
	assert_int_equal(open_pair(state), 0);
	assert_int_equal(qb_message_send(pair[0], QB_MSG_BYE, &head, sizeof(head), NULL, 0), 0);
	close(pair[1]);
	assert_int_equal(qb_message_receive(pair[0], QB_SENDER_HELPER, &message, &err), 0);
}

static void many_steps_share_packets(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0}, got = {0};
	int packets = 0;

	for (unsigned i = 0; i < 1000; i++)
		assert_non_null(qb_steps_add(
			&steps, QB_LEVER_IRQ, qb_unit_number(i), "ffffffff", "0fffffff"));
	assert_int_equal(qb_message_send_steps(pair[0], &steps), 0);
	for (; got.n < 1000; packets++) {
		assert_int_equal(qb_message_receive(pair[1], QB_SENDER_HELPER, &message, NULL), 1);
		assert_true(qb_message_read_steps(&message, &got) > 0);
	}
	assert_true(packets < 10);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(got.v[i].unit.number, i);
	message.size--;
	assert_int_equal(qb_message_read_steps(&message, &got), -EBADMSG);
}

static void malformed_steps_are_refused(void **state)
{
	/* in steps.c's struct packed_step: pad, pad2, the end of name, the last of lengths */
	static const size_t unused[] = {7, 12, 71, 82, 87};
	_cleanup_(qb_steps_free) struct qb_steps steps = {0}, got = {0};
	unsigned char buf[1024];
	int n = qb_step_encode(
		qb_steps_add(&steps, QB_LEVER_GOVERNOR, qb_unit_number(1), "powersave", "x"), buf,
		sizeof(buf));

	assert_true(n > 0);
	for (int size = 0; size < n; size++)
		assert_int_equal(qb_step_decode(&got, buf, (size_t)size), -EBADMSG);
	buf[n] = 'y';
	assert_int_equal(qb_step_decode(&got, buf, (size_t)n + 1), -EBADMSG);
	/* what no member uses is 0: the padding, what is behind a name, the last lengths */
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		buf[unused[i]] ^= 1;
		assert_int_equal(qb_step_decode(&got, buf, (size_t)n), -EBADMSG);
		buf[unused[i]] ^= 1;
	}
	buf[0] = QB_LEVER_COUNT;
	assert_int_equal(qb_step_decode(&got, buf, (size_t)n), -EBADMSG);
	assert_int_equal(got.n, 0);
	assert_int_equal(qb_step_encode(&steps.v[0], buf, 20), -EMSGSIZE);
}

static void fds_and_credentials_arrive(void **state)
{
	struct qb_message_head head;
	const int on = 1;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	assert_int_equal(qb_message_send(pair[0], QB_MSG_RUN, &head, sizeof(head), &fd, 1), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, NULL), 1);
	assert_int_equal(message.n_fds, 1);
	assert_int_equal(message.pid, getpid());
	assert_int_equal(fcntl(message.fds[0], F_GETFD), FD_CLOEXEC);
	qb_message_close(&message);
	assert_int_equal(message.n_fds, 0);
	close(fd);
}

/* Without SCM_CREDENTIALS the room for them holds more fds than a message has places for. */
static void too_many_fds_are_refused(void **state)
{
	struct qb_message_head head = {
		.magic = QB_MESSAGE_MAGIC, .version = QB_PROTOCOL_VERSION, .type = QB_MSG_RUN};
	struct iovec iov = {.iov_base = &head, .iov_len = sizeof(head)};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(12 * sizeof(int))] = {0};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control};

	for (unsigned n = QB_MESSAGE_FDS + 1; n <= 12; n++) {
		int before = dup(pair[0]), after, fds[12];

		for (unsigned i = 0; i < n; i++)
			fds[i] = pair[0];
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
		assert_int_equal(sendmsg(pair[0], &msg, 0), sizeof(head));
		close(before);
		assert_int_equal(
			qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, NULL), -EBADMSG);
		assert_int_equal(message.n_fds, 0);
		assert_int_equal(message.pid, 0);
		after = dup(pair[0]);
		close(after);
		assert_int_equal(before, after); /* the lowest that is free: none stayed open */
	}
}

/* Is this end of a pipe the only one left? */
static bool is_last(int end)
{
	struct pollfd p = {.fd = end, .events = POLLIN};

	return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* Closes all but those that were there (`was`, which it fills in the first time); how many. */
static int close_new(bool was[64], bool first)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++) {
		const bool is = fcntl(fd, F_GETFD) >= 0;

		if (first)
			was[fd] = is;
		else if (is && !was[fd])
			n += close(fd) == 0;
	}
	return n;
}

/*
 * Root's way to receive: a descriptor that nobody asked for may take an hour to close, so it is neither received nor closed; more than
 * a message may have are received, by a process that is to end, and not closed either.
 */
static void none_is_closed_that_may_hang(void **state)
{
	struct qb_message_head head;
	struct qb_request plan = {0};
	struct qb_error err = {0};
	int ends[2], fds[QB_MESSAGE_FDS];
	bool with, was[64];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (size_t i = 0; i < QB_ARRAY_SIZE(fds); i++)
		fds[i] = ends[1];
	assert_int_equal(qb_message_send(pair[0], QB_MSG_RUN, &head, sizeof(head), fds, 2), 0);
	assert_int_equal(
		qb_message_send(pair[0], QB_MSG_PLAN, &plan, sizeof(plan), fds, QB_MESSAGE_FDS), 0);
	assert_int_equal(qb_message_send(pair[0], QB_MSG_BYE, &head, sizeof(head), fds, 1), 0);
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	close_new(was, true);
	/* RUN: one more than it may have. */
	assert_int_equal(
		qb_message_receive_now(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	assert_string_equal(err.text, "RUN with 2 descriptors, not at most 1");
	assert_int_equal(message.n_fds, 0);
	assert_int_equal(close_new(was, false), 2);
	/* PLAN: not a guest's to send; and the client's, with as many as it may have. */
	assert_int_equal(qb_message_peek(pair[1], &with), QB_MSG_PLAN);
	assert_true(with);
	assert_int_equal(
		qb_message_receive_now(pair[1], QB_SENDER_GUEST, &message, &err), -EBADMSG);
	assert_string_equal(err.text, "PLAN with descriptors, which it has not");
	assert_int_equal(qb_message_receive_now(pair[1], QB_SENDER_CLIENT, &message, NULL), 1);
	assert_int_equal(message.n_fds, QB_MESSAGE_FDS);
	qb_message_close(&message);
	/* BYE has none: it stays where it is. */
	close(ends[1]);
	for (int i = 0; i < 2; i++)
		assert_int_equal(qb_message_receive_now(pair[1], QB_SENDER_CLIENT, &message, NULL),
			-EBADMSG);
	assert_false(is_last(ends[0]));
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, NULL), -EBADMSG);
	assert_true(is_last(ends[0]));
	assert_int_equal(qb_message_peek(pair[1], &with), QB_MSG_NONE);
	assert_false(with);
	close(ends[0]);
}

static void wrong_packets_are_refused(void **state)
{
	struct qb_message_head head = {.magic = QB_MESSAGE_MAGIC, .version = QB_PROTOCOL_VERSION};
	struct qb_error err = {0};
	static char big[QB_MESSAGE_MAX + 8];
	static struct qb_request request;

	assert_int_equal(send(pair[0], "hello", 5, 0), 5);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	head.version = 99;
	head.type = QB_MSG_BYE;
	assert_int_equal(send(pair[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EPROTO);
	head.version = QB_PROTOCOL_VERSION;
	head.type = QB_MSG_PLAN; /* far too short for one */
	assert_int_equal(send(pair[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	head.type = 999;
	assert_int_equal(send(pair[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	assert_int_equal(send(pair[0], big, sizeof(big), 0), sizeof(big));
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	request.n_set = QB_REQUEST_SETS + 1;
	assert_int_equal(
		qb_message_send(pair[0], QB_MSG_PLAN, &request, sizeof(request), NULL, 0), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
}

/* Each type from each sender, with each size and number of descriptors around its row's. */
static void every_row_is_enforced(void **state)
{
	static unsigned char packet[QB_MESSAGE_MAX];
	const enum qb_sender senders[] = {QB_SENDER_CLIENT, QB_SENDER_BENCHMARK, QB_SENDER_HELPER,
		QB_SENDER_PLANNER, QB_SENDER_BUS, QB_SENDER_WATCHER, QB_SENDER_GUEST};
	const int fds[QB_MESSAGE_FDS + 1] = {pair[0], pair[0], pair[0], pair[0], pair[0]};

	assert_null(qb_messages[QB_MSG_NONE].name);
	for (unsigned type = QB_MSG_NONE + 1; type < QB_MSG_END; type++) {
		const struct qb_message_info *info = &qb_messages[type];

		assert_true(info->senders && info->size >= sizeof(struct qb_message_head));
		for (size_t i = 0; i < QB_ARRAY_SIZE(senders); i++)
			for (int more = -1; more <= 1; more++)
				for (unsigned n = 0; n <= QB_MESSAGE_FDS; n++) {
					bool fits = more == 0 || (more > 0 && info->variable),
					     may = info->senders & senders[i],
					     full = info->size + (size_t)more > sizeof(packet);

					if (full)
						continue;
					assert_int_equal(qb_message_send(pair[0], type, packet,
								 info->size + (size_t)more, fds, n),
						0);
					assert_int_equal(qb_message_receive(pair[1], senders[i],
								 &message, NULL),
						!fits		? -EBADMSG
						: !may		? -EPROTO
						: n > info->fds ? -EBADMSG
								: 1);
					assert_int_equal(message.n_fds,
						fits && may && n <= info->fds ? n : 0);
					qb_message_close(&message);
				}
	}
}

static void a_refusal_names_the_message(void **state)
{
	struct qb_message_head head;
	struct qb_error err = {0};

	assert_int_equal(qb_message_send(pair[0], QB_MSG_BYE, &head, sizeof(head), NULL, 0), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_PLANNER, &message, &err), -EPROTO);
	assert_string_equal(err.text, "the planner may not send BYE");
	assert_int_equal(qb_message_send(pair[0], QB_MSG_BYE, &head, sizeof(head), pair, 1), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, &err), -EBADMSG);
	assert_string_equal(err.text, "BYE with 1 descriptors, not at most 0");
}

static void strings_end_and_so_do_sessions(void **state)
{
	struct qb_hello hello;

	memset(&hello, 'x', sizeof(hello));
	hello.purpose = QB_PURPOSE_RUN;
	assert_int_equal(qb_message_send(pair[0], QB_MSG_HELLO, &hello, sizeof(hello), NULL, 0), 0);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, NULL), 1);
	assert_int_equal(strlen(message.hello.command), sizeof(hello.command) - 1);
	close(pair[0]);
	assert_int_equal(qb_message_receive(pair[1], QB_SENDER_CLIENT, &message, NULL), 0);
	assert_int_equal(qb_message_send_done(pair[1], QB_MSG_BYE), -EPIPE);
	pair[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void equal_texts_are_shared(void **state)
{
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};

	for (unsigned i = 0; i < 5000; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", i % 1000);
		assert_non_null(qb_steps_add(&steps, QB_LEVER_IRQ, qb_unit_number(i), text, text));
	}
	assert_int_equal(steps.n_texts, 1000);
	assert_ptr_equal(steps.v[7].before, steps.v[1007].wanted);
	assert_ptr_equal(qb_steps_find(&steps, QB_LEVER_IRQ, qb_unit_number(4999)), &steps.v[4999]);
	assert_null(qb_steps_find(&steps, QB_LEVER_EPP, qb_unit_number(1)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(a_step_travels_whole),
		TEST(last_words_are_heard),
		TEST(many_steps_share_packets),
		TEST(malformed_steps_are_refused),
		TEST(fds_and_credentials_arrive),
		TEST(too_many_fds_are_refused),
		TEST(none_is_closed_that_may_hang),
		TEST(wrong_packets_are_refused),
		TEST(every_row_is_enforced),
		TEST(a_refusal_names_the_message),
		TEST(strings_end_and_so_do_sessions),
		TEST(equal_texts_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
