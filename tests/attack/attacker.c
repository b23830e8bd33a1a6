/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attacker: speaks the protocol to the helper behind QB_SOCKET_PATH as no client of ours would, one attack each call, and
 * prints what it got: the words of an ERROR, "done", or "closed". With ATTACK_HELPER, a path, the helper comes through sudo: then
 * the attacker keeps a copy of the helper's own end of the session. ATTACK_ISOLATION: the way of isolating; none otherwise.
 */
#include <base/macros.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <quietbench/journal.h>
#include <quietbench/protocol.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static struct qb_message got;

static int reach(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

/* The next answer that matters. True: it was DONE. */
static bool hear(int fd)
{
	for (;;) {
		struct qb_error err = {0};
		int r = qb_message_receive(fd, QB_SENDER_HELPER, &got, &err);

		if (r == -ECONNRESET)
			continue;
		if (r <= 0) {
			puts(r < 0 ? err.text : "closed");
			return false;
		}
		qb_message_close(&got);
		if (got.head.type == QB_MSG_DONE)
			return true;
		if (got.head.type == QB_MSG_ERROR) {
			puts(got.error.text);
			return false;
		}
	}
}

static void tell(int fd)
{
	if (hear(fd))
		puts("done");
}

static bool simple(int fd, enum qb_message_type type, const int *fds, unsigned n)
{
	struct qb_message_head head;

	qb_message_send(fd, type, &head, sizeof(head), fds, n);
	return hear(fd);
}

static bool hello(int fd, struct qb_hello *body)
{
	qb_message_send(fd, QB_MSG_HELLO, body, sizeof(*body), NULL, 0);
	return hear(fd);
}

static int helpers_end = -1;

static int come_through_sudo(const char *helper)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		perror("socketpair");
	if (fork() == 0) {
		dup2(pair[1], 0);
		execlp("sudo", "sudo", "-n", "--", helper, NULL);
		_exit(9);
	}
	helpers_end = pair[1];
	return pair[0];
}

static int open_session(void)
{
	const char *helper = getenv("ATTACK_HELPER");

	return helper ? come_through_sudo(helper) : reach(QB_SOCKET_PATH);
}

static struct qb_request *request(void)
{
	static struct qb_request body = {
		.n_set = 2, .set = {"cpus.isolation=none", "cpus.list=1"}, .profile = "minimal"};
	const char *isolation = getenv("ATTACK_ISOLATION");

	if (isolation)
		(void)snprintf(body.set[0], sizeof(body.set[0]), "cpus.isolation=%s", isolation);

	return &body;
}

static bool plan(int fd, struct qb_request *body, const int *fds, unsigned n)
{
	qb_message_send(fd, QB_MSG_PLAN, body, sizeof(*body), fds, n);
	return hear(fd);
}

static int greeted(void)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_RUN,
		.lock_wait_ns = -1,
		.shared = getenv("ATTACK_SHARED") != NULL,
		.command = "attack"};
	int fd = open_session();

	if (!hello(fd, &body))
		exit(0);
	return fd;
}

/* A conditioned host, up to RUN. */
static int conditioned(void)
{
	int fd = greeted();

	if (!plan(fd, request(), NULL, 0) || !simple(fd, QB_MSG_APPLY, NULL, 0))
		exit(0);
	return fd;
}

/* ---- packets that are none ---- */
static void send_raw(const void *bytes, size_t size)
{
	int fd = reach(QB_SOCKET_PATH);

	if (send(fd, bytes, size, MSG_NOSIGNAL) < 0)
		perror("send");
	tell(fd);
}

static void half(void)
{
	send_raw("QB", 2);
}

static void huge(void)
{
	static char bytes[QB_MESSAGE_MAX + 4096];

	send_raw(bytes, sizeof(bytes));
}

static void version(void)
{
	send_raw(&(struct qb_message_head){QB_MESSAGE_MAGIC, 99, QB_MSG_BYE},
		sizeof(struct qb_message_head));
}

static void cut(void)
{
	send_raw(&(struct qb_message_head){QB_MESSAGE_MAGIC, QB_PROTOCOL_VERSION, QB_MSG_PLAN},
		sizeof(struct qb_message_head));
}

static void unknown(void)
{
	send_raw(&(struct qb_message_head){QB_MESSAGE_MAGIC, QB_PROTOCOL_VERSION, 4711},
		sizeof(struct qb_message_head));
}

static void silent(void)
{
	tell(reach(QB_SOCKET_PATH));
}

/* ---- requests where they do not belong ---- */
static void early(void)
{
	static const enum qb_message_type types[] = {
		QB_MSG_APPLY, QB_MSG_RUN, QB_MSG_RESTORE, QB_MSG_LEASE, QB_MSG_PLACE};

	for (size_t i = 0; i < QB_ARRAY_SIZE(types); i++)
		simple(reach(QB_SOCKET_PATH), types[i], NULL, 0);
}

static void unplanned(void)
{
	simple(greeted(), QB_MSG_APPLY, NULL, 0);
}

static void hello_twice(void)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_RUN};

	hello(greeted(), &body);
}

static void plan_twice(void)
{
	int fd = greeted();

	if (plan(fd, request(), NULL, 0))
		plan(fd, request(), NULL, 0);
}

static void steps_of_mine(void)
{
	int fd = greeted();
	struct qb_steps steps = {0};

	qb_steps_add(&steps, 0, qb_unit_none(), NULL, "1");
	qb_message_send_steps(fd, &steps);
	tell(fd);
}

static void leases_run(void)
{
	simple(conditioned(), QB_MSG_LEASE, NULL, 0);
}

static void purpose(void)
{
	struct qb_hello body = {.purpose = 77, .lock_wait_ns = -1};
	int fd = reach(QB_SOCKET_PATH);

	if (hello(fd, &body) && plan(fd, request(), NULL, 0) && simple(fd, QB_MSG_APPLY, NULL, 0))
		puts("conditioned");
}

static void leases(void)
{
	struct qb_hello of_root = {.purpose = QB_PURPOSE_LEASE, .lease_while = getppid()},
			never = {.purpose = QB_PURPOSE_LEASE, .lease_ns = -5};

	hello(reach(QB_SOCKET_PATH), &of_root);
	hello(reach(QB_SOCKET_PATH), &never);
}

/* ---- requests that ask for what is not theirs ---- */
static void rooted(void)
{
	struct qb_request *body = request();

	body->chroot = 1;
	plan(greeted(), body, NULL, 0);
	body->chroot = 0;
	body->mode = QB_REQUEST_DOCTOR;
	plan(greeted(), body, NULL, 0);
}

static void counts(void)
{
	struct qb_request *body = request();

	body->n_set = 255;
	plan(greeted(), body, NULL, 0);
}

static void endless(void)
{
	struct qb_request *body = request();

	memset(body->profile, 'A', sizeof(body->profile));
	plan(greeted(), body, NULL, 0);
}

static void path(void)
{
	struct qb_request *body = request();

	memcpy(body->profile, "../../../etc/shadow", 20);
	plan(greeted(), body, NULL, 0);
}

static void value(void)
{
	struct qb_request *body = request();

	memcpy(body->set[body->n_set++], "frequency.governor=../../../etc", 32);
	plan(greeted(), body, NULL, 0);
}

/* ---- descriptors ---- */
static int memfd(size_t size, int seals)
{
	int fd = memfd_create("profile", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
		perror("memfd");
	return fd;
}

static void offer(const char *name, int profile)
{
	struct qb_request *body = request();

	body->n_files = 1;
	memcpy(body->profile, "mine.yaml", 10);
	memcpy(body->files[0], "mine.yaml", 10);
	printf("%s: ", name);
	(void)fflush(stdout);
	plan(greeted(), body, &profile, 1);
}

static void profiles(void)
{
	int pipes[2];

	if (pipe(pipes) < 0 || mkfifo("attack.fifo", 0600) < 0)
		perror("pipe");
	offer("pipe", pipes[0]);
	offer("fifo", open("attack.fifo", O_RDWR));
	offer("zero", open("/dev/zero", O_RDONLY));
	offer("folder", open("/", O_RDONLY));
	offer("file", open("/etc/passwd", O_RDONLY));
	offer("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	offer("unsealed", memfd(10, 0));
	offer("growing", memfd(10, ALL_SEALS & ~F_SEAL_GROW));
	offer("large", memfd(64 * 1024 + 1, ALL_SEALS));
	offer("sealed", memfd(10, ALL_SEALS));
}

static void missing(void)
{
	struct qb_request *body = request();

	body->n_files = 3;
	plan(greeted(), body, NULL, 0);
}

/* Is the other end of what was sent closed again? HELLO takes none, so the session is refused. */
static void send_ends(unsigned n)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_RUN, .lock_wait_ns = -1};
	int pipes[2], fd = reach(QB_SOCKET_PATH);
	struct pollfd end;

	if (pipe(pipes) < 0)
		perror("pipe");
	int ends[] = {pipes[1], pipes[1], pipes[1], pipes[1]};
	qb_message_send(fd, QB_MSG_HELLO, &body, sizeof(body), ends, n);
	close(pipes[1]);
	hear(fd);
	end = (struct pollfd){.fd = pipes[0]};
	puts(poll(&end, 1, 5000) == 1 && end.revents & POLLHUP ? "not kept" : "kept");
	close(fd);
}

static void keep(void)
{
	send_ends(1);
	send_ends(4);
}

/* ---- placing ---- */
static void run_twice(void)
{
	int pair[2], fd = conditioned();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		perror("socketpair");
	if (simple(fd, QB_MSG_RUN, &pair[0], 1))
		simple(fd, QB_MSG_RUN, &pair[0], 1);
}

static void run_bare(void)
{
	int pipes[2];

	simple(conditioned(), QB_MSG_RUN, NULL, 0);
	if (pipe(pipes) < 0)
		perror("pipe");
	simple(conditioned(), QB_MSG_RUN, &pipes[0], 1);
}

/* Sends PLACE with credentials that name `pid`, and tells what came of it. */
static void place(int socket, pid_t pid)
{
	struct qb_message_head head = {QB_MESSAGE_MAGIC, QB_PROTOCOL_VERSION, QB_MSG_PLACE};
	struct iovec iov = {&head, sizeof(head)};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	const struct ucred cred = {.pid = pid, .uid = getuid(), .gid = getgid()};

	control.align = (struct cmsghdr){CMSG_LEN(sizeof(cred)), SOL_SOCKET, SCM_CREDENTIALS};
	memcpy(CMSG_DATA(&control.align), &cred, sizeof(cred));
	if (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
		perror("send");
	else
		tell(socket);
}

static int running(int *ret_session)
{
	int pair[2];

	*ret_session = conditioned();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		perror("socketpair");
	if (!simple(*ret_session, QB_MSG_RUN, &pair[0], 1))
		exit(0);
	close(pair[0]);
	return pair[1];
}

static void place_self(void)
{
	int session, socket = running(&session);

	place(socket, getpid());
}

static void place_other(void)
{
	int session, socket = running(&session);

	place(socket, 1);
}

static void place_grandchild(void)
{
	int session, socket = running(&session);

	if (fork() == 0) {
		if (fork() == 0)
			place(socket, getpid());
		else
			wait(NULL);
		(void)fflush(stdout);
		_exit(0);
	}
	wait(NULL);
}

/* A child that executes a set-uid program (this one, with that name) is the client's child, and may say that it is
 * its user's: it is root's as well. */
static void place_set_uid(void)
{
	int session, socket = running(&session);
	char path[4096], number[16];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("-set-uid"));

	if (n < 0)
		perror("readlink");
	memcpy(path + n, "-set-uid", sizeof("-set-uid"));
	(void)snprintf(number, sizeof(number), "%d", socket);
	if (fork() == 0) {
		execl(path, path, number, (char *)NULL);
		perror(path);
		_exit(1);
	}
	wait(NULL);
}

/* A second process while the first still runs. */
static void place_twice(void)
{
	int session, socket = running(&session), pair[2], placed[2];
	pid_t first;

	if (pipe(placed) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		perror("pipe");
	first = fork();
	if (first == 0) {
		place(socket, getpid());
		close(placed[1]);
		close(placed[0]);
		pause();
	}
	close(placed[1]);
	if (read(placed[0], &(char){0}, 1) == 0 && simple(session, QB_MSG_RUN, &pair[0], 1) &&
		fork() == 0) {
		place(pair[1], getpid());
		(void)fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	kill(first, SIGKILL);
}

/* To see who runs on CPUs that nothing was placed on. */
static void watch_nobody(void)
{
	struct qb_watch_message body = {0};
	int fd = conditioned();

	qb_message_send(fd, QB_MSG_WATCH, &body, sizeof(body), NULL, 0);
	tell(fd);
}

/* A child that was placed as a command is, and then waits, or ends at once. Returns when it is placed. */
static pid_t placed_child(int socket, bool waits)
{
	int placed[2];
	pid_t child;

	if (pipe(placed) < 0)
		perror("pipe");
	(void)fflush(stdout); /* once */
	child = fork();
	if (child == 0) {
		place(socket, getpid());
		(void)fflush(stdout);
		close(placed[1]);
		close(placed[0]);
		while (waits)
			pause();
		_exit(0);
	}
	close(placed[1]);
	if (read(placed[0], &(char){0}, 1) != 0)
		perror("placed");
	close(placed[0]);
	return child;
}

/* A8: a trace of whoever runs there, round after round. */
static void watch_again(void)
{
	struct qb_watch_message begin = {0}, end = {.until_ns = 1};
	int session, socket = running(&session);
	pid_t child = placed_child(socket, true);

	qb_message_send(session, QB_MSG_WATCH, &begin, sizeof(begin), NULL, 0);
	hear(session);
	qb_message_send(session, QB_MSG_WATCH, &end, sizeof(end), NULL, 0);
	hear(session);
	qb_message_send(session, QB_MSG_WATCH, &begin, sizeof(begin), NULL, 0);
	tell(session);
	kill(child, SIGKILL);
}

/* A8: who runs there while the command lives, and when it does not. */
static void watch_late(void)
{
	struct qb_watch_message begin = {0};
	int session, pair[2], socket = running(&session);

	for (int dead = 0; dead < 2; dead++) {
		pid_t child = placed_child(socket, !dead);

		if (dead)
			waitpid(child, NULL, 0);
		qb_message_send(session, QB_MSG_WATCH, &begin, sizeof(begin), NULL, 0);
		if (hear(session))
			puts(got.done.unseen ? "unseen" : "watched");
		(void)fflush(stdout);
		if (dead)
			return;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
			!simple(session, QB_MSG_RUN, &pair[0], 1))
			return;
		close(pair[0]);
		socket = pair[1];
	}
}

/* ---- the client's word for who the benchmark is ---- */
static void born(int session, pid_t pid)
{
	struct qb_born body = {.pid = pid};

	qb_message_send(session, QB_MSG_BORN, &body, sizeof(body), NULL, 0);
	tell(session);
}

static pid_t sleeper(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* BORN when nobody was placed yet; when all is restored; of others' processes and of one outside of the run's group. */
static void born_outside(void)
{
	int session, socket = running(&session);
	pid_t child, outside;

	born(reach(QB_SOCKET_PATH), getpid());
	born(session, getpid());
	close(session);
	close(socket);
	socket = running(&session);
	child = placed_child(socket, true);
	outside = sleeper();
	born(session, 1);
	born(session, getpid());
	born(session, getppid());
	born(session, outside);
	born(session, child);
	end(outside);
	end(child);
	if (simple(session, QB_MSG_RESTORE, NULL, 0))
		born(session, child);
}

/* Who has joined has a group of its own. */
static void born_joined(void)
{
	int session, socket;
	pid_t child;

	setenv("ATTACK_SHARED", "1", 1);
	socket = running(&session);
	child = placed_child(socket, true);
	born(session, child);
	end(child);
}

static int orders[2], births[2];

static void *be_thread(void *data)
{
	const pid_t tid = (pid_t)syscall(SYS_gettid);

	if (write(births[1], &tid, sizeof(tid)) < 0)
		perror("write");
	for (;;)
		pause();
	return data;
}

/* In the run's group: one of the client's ('c', or with a second thread 't', or executing a set-uid program 'u'), or
 * a child of its own ('g'). */
static void give_birth(char kind)
{
	char path[4096], number[16];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("-set-uid"));
	pthread_t thread;
	pid_t pid;

	pid = kind == 'g'
		      ? fork()
		      : (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid != 0 && kind != 't' && kind != 'u' && write(births[1], &pid, sizeof(pid)) < 0)
		perror("write");
	if (pid != 0)
		return;
	if (kind == 't')
		pthread_create(&thread, NULL, be_thread, NULL);
	if (kind == 'u' && n > 0) {
		memcpy(path + n, "-set-uid", sizeof("-set-uid"));
		(void)snprintf(number, sizeof(number), "%d", births[1]);
		execl(path, path, "wait", number, (char *)NULL);
		perror(path);
	}
	for (;;)
		pause();
}

/* The placed process: forks whom it is told to. */
static void placed_forker(int socket)
{
	pid_t pid;

	if (pipe(orders) < 0 || pipe(births) < 0)
		perror("pipe");
	(void)fflush(stdout); /* once */
	pid = fork();
	if (pid == 0) {
		char kind;

		close(orders[1]);
		place(socket, getpid());
		(void)fflush(stdout);
		pid = getpid();
		if (write(births[1], &pid, sizeof(pid)) < 0)
			perror("write");
		while (read(orders[0], &kind, 1) == 1)
			give_birth(kind);
		_exit(0);
	}
	close(orders[0]);
}

static pid_t family[16];

/* The next that it tells of: itself, then whom it was told to fork. */
static pid_t next_birth(char kind)
{
	static size_t n;
	pid_t pid = -1;

	if ((kind && write(orders[1], &kind, 1) != 1) ||
		read(births[0], &pid, sizeof(pid)) != sizeof(pid))
		perror("a birth");
	return family[n++] = pid;
}

static void end_family(void)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(family) && family[i] > 0; i++)
		kill(family[i], SIGKILL);
}

/* All that may be tried in the run's group, which ATTACK_ISOLATION makes. */
static void born_inside(void)
{
	int session, socket = running(&session), pair[2];
	pid_t placed, first, second, third, outside;
	siginfo_t info;

	placed_forker(socket);
	placed = next_birth(0);
	born(session, placed);
	born(session, 0);
	born(session, -1);
	outside = sleeper();
	born(session, outside);
	end(outside);
	born(session, next_birth('g'));
	born(session, next_birth('t'));
	born(session, next_birth('u'));
	first = next_birth('c');
	second = next_birth('c');
	third = next_birth('c');
	born(session, first);
	born(session, first);
	born(session, second);
	end(first);
	born(session, first);
	kill(second, SIGKILL);
	waitid(P_PID, (id_t)second, &info, WEXITED | WNOWAIT);
	born(session, second);
	kill(placed, SIGSTOP); /* nobody waits for it */
	born(session, third);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0 &&
		simple(session, QB_MSG_RUN, &pair[0], 1))
		placed_child(pair[1], false);
	if (simple(session, QB_MSG_RESTORE, NULL, 0))
		born(session, third);
	end_family();
}

/* The host is restored before the client asks for it: attack.go is there when it is. */
static void born_late(void)
{
	int session, socket = running(&session);
	pid_t child;

	placed_forker(socket);
	next_birth(0);
	child = next_birth('c');
	puts("ready");
	(void)fflush(stdout);
	while (access("/tmp/attack.go", F_OK) < 0)
		usleep(100000);
	born(session, child);
	end_family();
}

/* A6: two that have their answer and never say BYE. */
static void nobye(void)
{
	struct qb_hello ask = {.purpose = QB_PURPOSE_LEASE, .lease_ns = INT64_C(600000000000)};
	struct qb_hello end = {.purpose = QB_PURPOSE_RESTORE};
	int lease, door;

	if (simple(conditioned(), QB_MSG_RESTORE, NULL, 0))
		puts("restored");
	lease = reach(QB_SOCKET_PATH);
	if (!hello(lease, &ask) || !plan(lease, request(), NULL, 0) ||
		!simple(lease, QB_MSG_APPLY, NULL, 0) || !simple(lease, QB_MSG_LEASE, NULL, 0))
		return;
	door = reach(QB_DOOR_PATH);
	if (hello(door, &end))
		puts("restored");
	(void)fflush(stdout);
	conditioned();
	puts("conditioned");
}

static void place_nothing(void)
{
	int session, socket = running(&session);

	if (send(socket, "x", 1, MSG_NOSIGNAL) < 0)
		perror("send");
	tell(socket);
}

/* ---- the door of somebody else's session ---- */
static void door(void)
{
	static int fds[200];
	struct qb_hello body = {.purpose = QB_PURPOSE_RESTORE};
	int closed = 0;

	for (size_t i = 0; i < QB_ARRAY_SIZE(fds); i++) {
		fds[i] = reach(QB_DOOR_PATH);
		qb_message_send(fds[i], QB_MSG_HELLO, &body, sizeof(body), NULL, 0);
	}
	for (size_t i = 0; i < QB_ARRAY_SIZE(fds); i++) {
		int r;

		do
			r = qb_message_receive(fds[i], QB_SENDER_HELPER, &got, NULL);
		while (r == -ECONNRESET);
		closed += r == 0;
	}
	printf("%d of %zu closed\n", closed, QB_ARRAY_SIZE(fds));
}

/* What other people read is not his to write. */
static void command(void)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_RUN, .lock_wait_ns = -1};
	int fd = reach(QB_SOCKET_PATH);

	memset(body.command, 'x', sizeof(body.command));
	memcpy(body.command, "\033[2J\nroot: all is well\n", 23);
	if (hello(fd, &body) && plan(fd, request(), NULL, 0) && simple(fd, QB_MSG_APPLY, NULL, 0))
		puts("conditioned");
}

/* ---- to keep the host: each says "held" when the rest is only to be there ---- */

static _Noreturn void hold(void)
{
	alarm(60); /* whoever cannot kill it does not keep it */
	puts("held");
	(void)fflush(stdout);
	for (;;)
		pause();
}

/* A socket that poll finds readable, and recvmsg not. */
static void stream(void)
{
	const int never = 1 << 20;
	int pair[2], fd = conditioned();

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
		setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &never, sizeof(never)) < 0 ||
		write(pair[1], "x", 1) < 0)
		perror("stream");
	simple(fd, QB_MSG_RUN, &pair[0], 1);
}

/* Asks and asks, and reads no answer. */
static void mute(void)
{
	struct qb_watch_message body = {0};
	int fd, socket = running(&fd);

	if (fork() == 0) {
		place(socket, getpid());
		pause();
	}
	usleep(500000);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 4000; i++) {
		body.until_ns = i & 1;
		if (qb_message_send(fd, QB_MSG_WATCH, &body, sizeof(body), NULL, 0) < 0)
			usleep(1000);
	}
	hold();
}

/* Leaves no room for what the helper says; with SHARED it does so to the session of all shared runs. */
static void fill(void)
{
	const int mark = 1 << 20;
	char garbage[4096] = {0};
	struct qb_message_head head;
	int fd = conditioned();

	while (send(helpers_end, garbage, sizeof(garbage), MSG_DONTWAIT) > 0)
		;
	setsockopt(helpers_end, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
	(void)fcntl(helpers_end, F_SETFL, 0);
	qb_message_send(fd, QB_MSG_RESTORE, &head, sizeof(head), NULL, 0);
	hold();
}

/* Takes the requests off the helper's end before the helper does. */
static void thief(void)
{
	static struct qb_message stolen;
	struct qb_message_head head;
	int fd = conditioned();

	for (int i = 0; i < 200; i++) {
		(void)fcntl(helpers_end, F_SETFL, i & 1 ? O_NONBLOCK : 0);
		qb_message_send(fd, QB_MSG_RESTORE, &head, sizeof(head), NULL, 0);
		if (qb_message_receive_now(helpers_end, QB_SENDER_CLIENT, &stolen, NULL) <= 0)
			break;
	}
	qb_message_send(fd, QB_MSG_RESTORE, &head, sizeof(head), NULL, 0);
	hold();
}

/* It ends, and a child of its keeps all its descriptors. */
static void keeper(void)
{
	conditioned();
	if (fork() == 0)
		hold();
}

/*
 * A descriptor whose last close takes an hour: there is something to send, and nobody takes it. (Of a file system of the attacker's
 * own, FUSE, each close would.)
 */
static int slow(void)
{
	const struct linger hour = {.l_onoff = 1, .l_linger = 3600};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	char garbage[4096] = {0};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
		connect(fd, (struct sockaddr *)&address, size) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof(hour)) < 0)
		perror("slow");
	while (send(fd, garbage, sizeof(garbage), MSG_DONTWAIT) > 0)
		;
	return fd;
}

/* Sends it along, and has it no longer: whoever is the last here ends, and so waits for nothing. */
static void send_slow(int fd, enum qb_message_type type, void *body, size_t size)
{
	const int fds[] = {slow()};
	int closed[2];

	qb_message_send(fd, type, body, size, fds, 1);
	if (pipe(closed) < 0)
		perror("pipe");
	if (fork() == 0) {
		close(closed[1]);
		_exit((int)read(closed[0], &(char){0}, 1));
	}
	close(fds[0]);
	close(closed[0]);
	close(closed[1]);
}

static void slow_hello(void)
{
	struct qb_hello body = {0};

	send_slow(open_session(), QB_MSG_HELLO, &body, sizeof(body));
	hold();
}

static void slow_plan(void)
{
	struct qb_request *body = request();

	body->n_files = 1;
	send_slow(greeted(), QB_MSG_PLAN, body, sizeof(*body));
	hold();
}

static void slow_run(void)
{
	struct qb_message_head head;

	send_slow(conditioned(), QB_MSG_RUN, &head, sizeof(head));
	hold();
}

/* It lies in the socket that is handed over; or behind what ends the session. */
static void slow_place(void)
{
	struct qb_message_head head;
	int fd, socket = running(&fd);

	send_slow(socket, QB_MSG_PLACE, &head, sizeof(head));
	send_slow(fd, QB_MSG_RESTORE, &head, sizeof(head));
	hold();
}

static void slow_after(void)
{
	struct qb_message_head head;
	int fd = conditioned();

	qb_message_send(fd, QB_MSG_APPLY, &head, sizeof(head), NULL, 0);
	send_slow(fd, QB_MSG_APPLY, &head, sizeof(head));
	hold();
}

/* At the door of somebody else's session: nothing else is said, or it comes behind a HELLO. */
static void slow_door(void)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_RUN};

	for (int i = 0; i < 4; i++) {
		int fd = reach(QB_DOOR_PATH);

		if (i & 1)
			qb_message_send(fd, QB_MSG_HELLO, &body, sizeof(body), NULL, 0);
		send_slow(fd, QB_MSG_HELLO, &body, sizeof(body));
		if (i & 2)
			close(fd);
	}
	hold();
}

/* No attack: an apply that has conditioned the host, and stays only when the file in $LATE_LEASE is there. */
static void late_lease(void)
{
	struct qb_hello body = {.purpose = QB_PURPOSE_LEASE,
		.lock_wait_ns = -1,
		.lease_ns = INT64_C(3600000000000),
		.command = "late"};
	int fd = open_session();

	if (!hello(fd, &body) || !plan(fd, request(), NULL, 0) ||
		!simple(fd, QB_MSG_APPLY, NULL, 0))
		return;
	puts("held");
	fflush(stdout);
	while (access(getenv("LATE_LEASE"), F_OK) < 0)
		usleep(20000);
	simple(fd, QB_MSG_LEASE, NULL, 0);
}

static const struct {
	const char *name;
	void (*attack)(void);
} attacks[] = {{"half", half}, {"huge", huge}, {"version", version}, {"cut", cut},
	{"unknown", unknown}, {"silent", silent}, {"early", early}, {"unplanned", unplanned},
	{"hello-twice", hello_twice}, {"plan-twice", plan_twice}, {"steps", steps_of_mine},
	{"lease-run", leases_run}, {"purpose", purpose}, {"leases", leases}, {"rooted", rooted},
	{"counts", counts}, {"endless", endless}, {"path", path}, {"value", value},
	{"profiles", profiles}, {"missing", missing}, {"keep", keep}, {"run-twice", run_twice},
	{"run-bare", run_bare}, {"place-self", place_self}, {"place-other", place_other},
	{"place-grandchild", place_grandchild}, {"place-nothing", place_nothing},
	{"place-twice", place_twice}, {"place-set-uid", place_set_uid},
	{"watch-nobody", watch_nobody}, {"watch-again", watch_again}, {"watch-late", watch_late},
	{"born-outside", born_outside}, {"born-joined", born_joined}, {"born-inside", born_inside},
	{"born-late", born_late}, {"nobye", nobye}, {"door", door}, {"command", command},
	{"stream", stream}, {"mute", mute}, {"fill", fill}, {"thief", thief}, {"keeper", keeper},
	{"slow-hello", slow_hello}, {"slow-plan", slow_plan}, {"slow-run", slow_run},
	{"slow-place", slow_place}, {"slow-after", slow_after}, {"slow-door", slow_door},
	{"late-lease", late_lease}};

int main(int argc, char **argv)
{
	if (argc == 3 && geteuid() != getuid()) { /* as root, it is somebody else's */
		const pid_t pid = getpid();

		if (write(atoi(argv[2]), &pid, sizeof(pid)) < 0)
			return 1;
		for (;;)
			pause();
	}
	if (argc == 2 && geteuid() != getuid()) {
		place(atoi(argv[1]), getpid());
		return 0;
	}
	for (size_t i = 0; i < QB_ARRAY_SIZE(attacks); i++)
		if (argc == 2 && strcmp(argv[1], attacks[i].name) == 0) {
			attacks[i].attack();
			return 0;
		}
	return 2;
}
