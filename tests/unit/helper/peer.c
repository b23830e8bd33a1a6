/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end, and may they be there: by the kernel's word, whatever they claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include "../sandbox.h"
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <helper/helper.h>
#include <quietbench/protocol.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static bool sandboxed;

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return !sandboxed || sandbox_empty("/run") ? 0 : -1;
}

static void pair_of(int type, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
}

/* Both ends of a connection at this path, which is removed again; the helper's end is pair[0]. */
static void connected_at(const char *path, int pair[2])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	qb_text_copy(address.sun_path, sizeof(address.sun_path), path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	pair[1] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[1], (struct sockaddr *)&address, sizeof(address)), 0);
	pair[0] = accept(listener, NULL, NULL);
	assert_true(pair[0] >= 0);
	close(listener);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void test_look(void **state)
{
	struct qb_peer peer;
	struct qb_error err = {0};
	int pair[2];

	pair_of(SOCK_SEQPACKET, pair);
	assert_int_equal(qb_peer_look(pair[0], &peer, &err), 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_false(peer.activated);
	assert_false(qb_peer_dead(&peer));
	close(peer.pidfd);
	close_pair(pair);
}

static void test_only_packets_are_a_session(void **state)
{
	struct qb_peer peer;
	struct qb_error err = {0};
	int pair[2];

	pair_of(SOCK_STREAM, pair);
	assert_int_equal(qb_peer_look(pair[0], &peer, &err), -ENOTSOCK);
	close_pair(pair);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(qb_peer_look(pair[0], &peer, &err), -ENOTSOCK);
	close_pair(pair);
}

static void test_dead(void **state)
{
	struct qb_peer peer = {.pid = fork()};

	if (peer.pid == 0) {
		pause();
		_exit(0);
	}
	peer.pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	assert_false(qb_peer_dead(&peer));
	kill(peer.pid, SIGKILL);
	assert_int_equal(waitpid(peer.pid, NULL, 0), peer.pid);
	assert_true(qb_peer_dead(&peer));
	close(peer.pidfd);
}

/* What the helper that is started like this says of who started it. */
static int identify(const int pair[2], const char *sudo_uid, bool *ret_activated)
{
	struct qb_peer peer = {.pidfd = -1};
	struct qb_error err = {0};
	int r = qb_peer_identify(pair[0], sudo_uid, &peer, &err);

	if (r == 0)
		close(peer.pidfd);
	else
		assert_string_not_equal(err.text, "");
	*ret_activated = peer.activated;
	return r;
}

static void test_root_by_a_socketpair(void **state)
{
	bool activated;
	int pair[2];

	if (!sandboxed)
		skip();
	pair_of(SOCK_SEQPACKET, pair);
	assert_int_equal(identify(pair, NULL, &activated), 0);
	assert_false(activated);
	close_pair(pair);
}

static void test_sudo_is_for_whom_it_let_through(void **state)
{
	static const char *const others[] = {"1000", "", "0x0", "root", "0 ", "-1"};
	bool activated;
	int pair[2];

	if (!sandboxed)
		skip();
	pair_of(SOCK_SEQPACKET, pair);
	assert_int_equal(identify(pair, "0", &activated), 0);
	for (size_t i = 0; i < QB_ARRAY_SIZE(others); i++)
		assert_int_equal(identify(pair, others[i], &activated), -QB_NOT_FROM_HERE);
	close_pair(pair);
	connected_at("/run/sudo", pair); /* and only by a socketpair */
	assert_int_equal(identify(pair, "0", &activated), -QB_NOT_FROM_HERE);
	close_pair(pair);
}

static void test_a_name_must_be_the_socket_of_the_unit(void **state)
{
	bool activated;
	int pair[2];

	if (!sandboxed)
		skip();
	connected_at("/run/other", pair);
	assert_int_equal(identify(pair, NULL, &activated), -QB_NOT_FROM_HERE);
	close_pair(pair);
	connected_at(QB_SOCKET_PATH "2", pair);
	assert_int_equal(identify(pair, NULL, &activated), -QB_NOT_FROM_HERE);
	close_pair(pair);
	connected_at(QB_SOCKET_PATH, pair);
	assert_int_equal(identify(pair, NULL, &activated), 0);
	assert_true(activated);
	/* What has the name now is no socket. */
	assert_int_equal(unlink(QB_SOCKET_PATH), 0);
	assert_true(sandbox_put(QB_SOCKET_PATH, ""));
	assert_int_equal(identify(pair, NULL, &activated), -QB_NOT_FROM_HERE);
	close_pair(pair);
}

static void test_groups(void **state)
{
	_cleanup_free_ gid_t *groups = NULL;
	int pair[2], own = getgroups(0, NULL);
	size_t n = 0;

	pair_of(SOCK_SEQPACKET, pair);
	assert_int_equal(qb_peer_groups(pair[0], &groups, &n, NULL), 0);
	assert_int_equal(groups[0], getegid());
	assert_int_equal(n, 1 + own);
	close_pair(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_only_packets_are_a_session),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_root_by_a_socketpair),
		cmocka_unit_test(test_sudo_is_for_whom_it_let_through),
		cmocka_unit_test(test_a_name_must_be_the_socket_of_the_unit),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
