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
#include <errno.h>
#include <grp.h>
#include <helper/helper.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <quietbench/protocol.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

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

/* Where the kernel gives no pidfd of a peer, one that began after this process is taken for another: these
 * clients do. A real one begins before the helper. */
static bool gives_peerpidfd(void)
{
	int pair[2], pidfd = -1;
	socklen_t size = sizeof(pidfd);
	bool gives;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	gives = getsockopt(pair[0], SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &size) == 0;
	if (gives)
		close(pidfd);
	close(pair[0]);
	close(pair[1]);
	return gives;
}

/* A client of this user, in one group beside its own, that connects at the unit's socket. */
static int connected_by_user(uid_t uid, gid_t group)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = QB_SOCKET_PATH};
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), session;

	unlink(QB_SOCKET_PATH);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(QB_SOCKET_PATH, 0666), 0);
	assert_int_equal(listen(listener, 1), 0);
	if (fork() == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

		if (setgroups(1, &group) < 0 || setresgid(uid, uid, uid) < 0 ||
			setresuid(uid, uid, uid) < 0 ||
			connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
			_exit(1);
		(void)!read(fd, &(char){0}, 1); /* until the other end is closed */
		_exit(0);
	}
	session = accept(listener, NULL, NULL);
	assert_true(session >= 0);
	close(listener);
	return session;
}

/* The group that the socket's file has decides, and any of the client's groups counts. */
static void test_members_alone_come_by_the_socket(void **state)
{
	enum { UID = 4242, GROUP = 4300 };
	static const struct {
		gid_t file;
		int r;
	} rows[] = {{GROUP, 0}, {UID, 0}, {GROUP + 1, -QB_NOT_FROM_HERE}, {0, -QB_NOT_FROM_HERE}};
	bool activated;
	int pair[2] = {-1, -1};

	if (!sandboxed || setgroups(0, NULL) < 0 || !gives_peerpidfd())
		skip(); /* in a user's own namespace there are no other users */
	for (size_t i = 0; i < QB_ARRAY_SIZE(rows); i++) {
		pair[0] = connected_by_user(UID, GROUP);
		assert_int_equal(chown(QB_SOCKET_PATH, 0, rows[i].file), 0);
		assert_int_equal(identify(pair, NULL, &activated), rows[i].r);
		if (rows[i].r == 0)
			assert_true(activated);
		close(pair[0]);
		wait(NULL);
	}
	assert_int_equal(unlink(QB_SOCKET_PATH), 0);
}

/* ---- whose number is another's by now ---- */

/* The kernel is one of before Linux 6.5 from now on: it does not know SO_PEERPIDFD (77). */
static bool forget_peerpidfd(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = QB_ARRAY_SIZE(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* The exit status of a child that does this; 77: it could not be tried. */
static int in_child(int (*act)(void))
{
	const pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(act());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int looked(int session)
{
	struct qb_peer peer;

	return -qb_peer_look(session, &peer, NULL);
}

static int look_at_oneself(void)
{
	int pair[2];

	return forget_peerpidfd() && socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0
		       ? looked(pair[0])
		       : 77;
}

static int look_at_another_user(void)
{
	int pair[2];

	if (!forget_peerpidfd() || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
		seteuid(4242) < 0)
		return 77;
	return looked(pair[0]);
}

/* A socketpair that a child has made, which ends after some ticks, or has ended. */
static int pair_of_child(bool dead)
{
	const struct timespec ticks = {.tv_nsec = 30000000};
	int way[2], pair[2] = {-1, -1};
	char byte[1] = "x", control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {byte, 1};
	struct msghdr message = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	pid_t pid;

	nanosleep(&ticks, NULL); /* it is younger than we are */
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, way) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
			_exit(1);
		*head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(head), &pair[0], sizeof(int));
		if (sendmsg(way[1], &message, 0) == 1 && !dead)
			nanosleep(&(struct timespec){.tv_sec = 5}, NULL);
		_exit(0);
	}
	if (recvmsg(way[0], &message, 0) != 1 || (dead && waitpid(pid, NULL, 0) != pid))
		return -1;
	memcpy(&pair[0], CMSG_DATA(head), sizeof(int));
	return pair[0];
}

static int look_at_dead(void)
{
	const int session = pair_of_child(true);

	return session >= 0 && forget_peerpidfd() ? looked(session) : 77;
}

/* Who began after the helper cannot have started it. */
static int identify_younger(void)
{
	const int session = pair_of_child(false);
	struct qb_peer peer;

	if (session < 0 || !forget_peerpidfd())
		return 77;
	return looked(session) ? 78 : -qb_peer_identify(session, NULL, &peer, NULL);
}

/* Where the kernel tells but a number, it must be that of whom it told of. */
static void test_without_peerpidfd(void **state)
{
	if (in_child(look_at_oneself) == 77)
		skip();
	assert_int_equal(in_child(look_at_oneself), 0);
	assert_int_equal(in_child(look_at_dead), ESRCH);
	assert_int_equal(in_child(identify_younger), ESRCH);
	if (sandboxed && geteuid() == 0)
		assert_int_equal(in_child(look_at_another_user), ESRCH);
}

/* Where it holds them for us, one that has ended is seen to have. */
static void test_dead_by_peerpidfd(void **state)
{
	const int session = pair_of_child(true);
	struct qb_peer peer;
	int r;

	assert_true(session >= 0);
	r = qb_peer_look(session, &peer, NULL);
	if (r == 0) {
		assert_true(qb_peer_dead(&peer));
		close(peer.pidfd);
	}
	close(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_members_alone_come_by_the_socket),
		cmocka_unit_test(test_only_packets_are_a_session),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_root_by_a_socketpair),
		cmocka_unit_test(test_sudo_is_for_whom_it_let_through),
		cmocka_unit_test(test_a_name_must_be_the_socket_of_the_unit),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_without_peerpidfd),
		cmocka_unit_test(test_dead_by_peerpidfd),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
