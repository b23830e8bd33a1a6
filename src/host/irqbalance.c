/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqbalance.h: the client of irqbalance's socket.
 *
 * The protocol (irqbalance 1.9, sock_handle): one command per connection, with the sender's
 * credentials; then irqbalance closes, so the end of the connection means that the command was
 * dealt with. Commands wait their turn in its backlog. Only `setup` is answered, and whoever hangs
 * up before that answer kills irqbalance: it sends without MSG_NOSIGNAL and dies of SIGPIPE. Up to
 * 1.9.3 it also sleeps for a whole interval after every command, deaf. So `setup` is sent only
 * after a knock, a word that it ignores, has shown that it listens.
 */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <host/irqbalance.h>
#include <host/tasks.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define SOCKET_DIR    "/run/irqbalance"
#define KNOCK	      "quietbench"
#define ANSWER_S      90	   /* after a knock it is there: hanging up is the last resort */
#define REPLY_SIZE    (256 * 1024) /* a banned IRQ takes some 50 bytes */
#define COMMAND_SIZE  500	   /* irqbalance reads no more */
#define LIST_SIZE     480
#define SLEEP_MAX     86400
#define LOOK_SLACK_MS 5000 /* glib's timers and a busy machine: a look may come later than due */

unsigned qb_irqbalance_patience = 12;

static int64_t now_ms(void)
{
	return qb_ns_now(CLOCK_MONOTONIC) / QB_NS_PER_MS;
}

/* ---- finding it ---- */

static bool is_irqbalance(unsigned pid)
{
	char path[64], name[32];

	qb_text_format(path, sizeof(path), "/proc/%u/comm", pid);
	return qb_file_read(path, name, sizeof(name), NULL) >= 0 && strcmp(name, "irqbalance") == 0;
}

/* The cheap way: by the name of its socket. A dead one's may have stayed. */
static pid_t find_by_socket(void)
{
	_cleanup_closedir_ DIR *dir = opendir(SOCKET_DIR);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned pid;
		int end = 0;

		if (sscanf(entry->d_name, "irqbalance%9u.sock%n", &pid, &end) == 1 && end &&
			!entry->d_name[end] && is_irqbalance(pid))
			return (pid_t)pid;
	}
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/*
 * Kernel threads, of which a big host has thousands: all are children of kthreadd's, process 2 of the first PID
 * namespace. Where the kernel does not tell them, all are looked at.
 */
static void leave_out_kernel_threads(unsigned *pids, size_t n)
{
	_cleanup_free_ char *children = NULL;
	char *save = NULL;

	if (!qb_task_is_kernel(2) ||
		qb_file_read_all("/proc/2/task/2/children", &children, NULL) < 0)
		return;
	for (char *word = strtok_r(children, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		const unsigned pid = (unsigned)strtoul(word, NULL, 10);
		unsigned *at = bsearch(&pid, pids, n, sizeof(*pids), compare_pids);

		if (at)
			*at = 0;
	}
}

int qb_irqbalance_find(pid_t *ret, struct qb_error *err)
{
	_cleanup_free_ unsigned *pids = NULL;
	pid_t found = find_by_socket();
	size_t n = 0;
	int r;

	if (!found) {
		r = qb_dir_numbers("/proc", "", &pids, &n, err);
		if (r < 0)
			return r;
		leave_out_kernel_threads(pids, n);
	}
	for (size_t i = 0; i < n && !found; i++)
		if (pids[i] && is_irqbalance(pids[i]))
			found = (pid_t)pids[i];
	if (!found)
		return qb_error_set(err, ENOENT, "irqbalance is not running");
	*ret = found;
	return 0;
}

/* ---- one command ---- */

/* Anybody may listen on an abstract name: talk to root only. */
static int check_peer(int fd, struct qb_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return qb_error_errno(
			err, errno, "find the process that listens on irqbalance's socket");
	if (peer.uid != 0)
		return qb_error_set(err, EPERM,
			"irqbalance's socket belongs to a process of uid %u: stop that process",
			(unsigned)peer.uid);
	return 0;
}

static int connect_to(pid_t pid, int *ret, struct qb_error *err)
{
	const struct timeval timeout = {.tv_sec = qb_irqbalance_patience};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	/* The send timeout bounds connect: its backlog may be full. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return qb_error_errno(err, errno, "open a socket for irqbalance");
	qb_text_format(address.sun_path, sizeof(address.sun_path), SOCKET_DIR "/irqbalance%d.sock",
		(int)pid);
	r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	if (r < 0 && (errno == ENOENT || errno == ECONNREFUSED)) {
		/* Where it cannot make the file, irqbalance listens on the abstract name of all
		 * zeros. */
		memset(address.sun_path, 0, sizeof(address.sun_path));
		r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
		if (r < 0 && errno == ECONNREFUSED)
			return qb_error_set(err, EOPNOTSUPP,
				"irqbalance (PID %d) listens on no socket, so its setup cannot be changed; use irqs.irqbalance: stop",
				(int)pid);
	}
	if (r < 0 && errno == EAGAIN)
		return qb_error_set(err, ETIMEDOUT,
			"irqbalance (PID %d) does not take connections: is it stopped?", (int)pid);
	if (r < 0)
		return qb_error_errno(err, errno, "connect to irqbalance (PID %d)", (int)pid);
	r = check_peer(fd, err);
	if (r < 0)
		return r;
	*ret = fd;
	fd = -1;
	return 0;
}

static int send_command(int fd, const char *command, struct qb_error *err)
{
	const struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	} control = {0};
	struct iovec text = {.iov_base = (char *)command, .iov_len = strlen(command)};
	struct msghdr message = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t n;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_CREDENTIALS;
	header->cmsg_len = CMSG_LEN(sizeof(self));
	memcpy(CMSG_DATA(header), &self, sizeof(self));
	n = sendmsg(fd, &message, MSG_NOSIGNAL);
	if (n < 0)
		return qb_error_errno(err, errno, "send '%s' to irqbalance", command);
	if ((size_t)n != text.iov_len)
		return qb_error_set(
			err, EIO, "send '%s' to irqbalance: only %zd bytes taken", command, n);
	return 0;
}

/* Reads until irqbalance closes, at most `seconds`; what it said is NUL-terminated. */
static int await_end(int fd, unsigned seconds, char *buf, size_t size, struct qb_error *err)
{
	const int64_t deadline = now_ms() + (int64_t)seconds * 1000;
	size_t used = 0;

	for (;;) {
		int64_t left = deadline - now_ms();
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		int r = poll(&ready, 1, left > 0 ? (int)left : 0);
		ssize_t n;

		if (r == 0)
			return qb_error_set(err, ETIMEDOUT,
				"irqbalance has not answered for %u s: is it stopped?", seconds);
		n = r < 0 ? -1 : recv(fd, buf + used, size - used, 0);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return qb_error_errno(err, errno, "read irqbalance's answer");
		used += (size_t)n;
		if (used == size)
			return qb_error_set(err, EBADMSG, "irqbalance's answer does not end");
	}
	buf[used] = '\0';
	if (memchr(buf, '\0', used))
		return qb_error_set(err, EBADMSG, "irqbalance's answer holds a NUL byte");
	return 0;
}

/* A command without an answer. Waiting for its end (0: not at all) is safe to give up: it stays in line. */
static int tell(pid_t pid, const char *command, unsigned seconds, struct qb_error *err)
{
	_cleanup_close_ int fd = -1;
	char nothing[64];
	int r = connect_to(pid, &fd, err);

	if (r == 0)
		r = send_command(fd, command, err);
	if (r == 0 && seconds)
		r = await_end(fd, seconds, nothing, sizeof(nothing), err);
	return r;
}

/* ---- what it shows ---- */

int qb_irqbalance_parse_setup(const char *reply, struct qb_irqbalance_setup *ret)
{
	static const char sleep[] = "SLEEP ", banned[] = " BANNED ";
	struct qb_irqbalance_setup setup;
	char number[8];
	const char *mask;
	size_t len;

	if (strncmp(reply, sleep, strlen(sleep)) != 0)
		return -EBADMSG;
	reply += strlen(sleep);
	len = strcspn(reply, " ");
	mask = strstr(reply + len, banned);
	if (len >= sizeof(number) || !mask)
		return -EBADMSG;
	memcpy(number, reply, len);
	number[len] = '\0';
	if (qb_number_parse(number, &setup.sleep) < 0 || setup.sleep < 1 ||
		setup.sleep > SLEEP_MAX ||
		qb_cpus_parse_hex(mask + strlen(banned), &setup.banned) < 0)
		return -EBADMSG;
	*ret = setup;
	return 0;
}

static int ask_setup(pid_t pid, struct qb_irqbalance_setup *ret, struct qb_error *err)
{
	_cleanup_free_ char *reply = malloc(REPLY_SIZE);
	_cleanup_close_ int fd = -1;
	int r;

	if (!reply)
		return qb_error_errno(err, ENOMEM, "ask irqbalance for its setup");
	r = tell(pid, KNOCK, qb_irqbalance_patience, err);
	if (r == 0)
		r = connect_to(pid, &fd, err);
	if (r == 0)
		r = send_command(fd, "setup", err);
	if (r == 0)
		r = await_end(fd, ANSWER_S, reply, REPLY_SIZE, err);
	if (r < 0)
		return r;
	if (!*reply)
		return qb_error_set(err, EPERM,
			"irqbalance (PID %d) does not answer 'setup': it talks to root only",
			(int)pid);
	if (qb_irqbalance_parse_setup(reply, ret) < 0)
		return qb_error_set(err, EBADMSG,
			"irqbalance (PID %d) answered 'setup' with '%.100s', not 'SLEEP … BANNED "
			"…'",
			(int)pid, reply);
	return 0;
}

/* ---- what it was last told ---- */

/* "NULL" for no CPU at all: irqbalance's own word, and its way back to its configuration. */
static int format_list(const struct qb_cpus *cpus, char *buf, struct qb_error *err)
{
	if (qb_cpus_empty(cpus)) {
		qb_text_copy(buf, LIST_SIZE, "NULL");
		return 0;
	}
	if (qb_cpus_format_list(cpus, buf, LIST_SIZE) < 0)
		return qb_error_set(err, EOPNOTSUPP,
			"irqbalance takes CPU lists up to %d bytes; irqs.irqbalance: stop works",
			LIST_SIZE - 1);
	return 0;
}

/* What irqbalance, which looks every `sleep` seconds, was last told, and when. */
struct note {
	int64_t sleep, when_ms;
	struct qb_cpus told;
};

/*
 * Written before irqbalance is told, so that a recovery after our death believes it. Replaced
 * as a whole.
 */
static int write_note(pid_t pid, int64_t sleep, const char *told, struct qb_error *err)
{
	static const char fresh[] = QB_IRQBALANCE_TOLD ".new";
	_cleanup_close_ int fd = -1;
	char line[LIST_SIZE + 64];

	qb_text_format(line, sizeof(line), "%d %lld %lld %s\n", (int)pid, (long long)sleep,
		(long long)now_ms(), told);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, line, strlen(line)) != (ssize_t)strlen(line) ||
		rename(fresh, QB_IRQBALANCE_TOLD) < 0)
		return qb_error_errno(
			err, errno, "note in %s what irqbalance is told", QB_IRQBALANCE_TOLD);
	return 0;
}

/* A note that is missing, garbled or about an earlier irqbalance tells nothing: false. */
static bool read_note(pid_t pid, struct note *ret)
{
	char line[LIST_SIZE + 64], told[LIST_SIZE];
	long long sleep, when;
	int of;

	_Static_assert(LIST_SIZE == 480, "the width of the last field is LIST_SIZE - 1");
	if (qb_file_read(QB_IRQBALANCE_TOLD, line, sizeof(line), NULL) < 0 ||
		sscanf(line, "%9d %5lld %18lld %479s", &of, &sleep, &when, told) != 4 ||
		of != pid || sleep < 1 || sleep > SLEEP_MAX || when > now_ms() ||
		qb_cpus_parse_list(strcmp(told, "NULL") == 0 ? "" : told, &ret->told) < 0)
		return false;
	ret->sleep = sleep;
	ret->when_ms = when;
	return true;
}

/* When has irqbalance surely looked since? Up to an interval until it does, and one deaf after that. */
static int64_t settles_ms(const struct note *note)
{
	return note->when_ms + 2 * note->sleep * 1000 + LOOK_SLACK_MS;
}

/* The next command stands in line behind that one, which may find irqbalance deaf, and deafens it. */
static unsigned patience_after(const struct note *note)
{
	const int64_t left = (settles_ms(note) - now_ms() + 999) / 1000;

	if (left <= qb_irqbalance_patience)
		return qb_irqbalance_patience;
	return left < ANSWER_S ? (unsigned)left : ANSWER_S;
}

int qb_irqbalance_banned(struct qb_cpus *ret, struct qb_error *err)
{
	struct qb_irqbalance_setup setup;
	struct note note;
	pid_t pid;
	int r = qb_irqbalance_find(&pid, err);

	if (r < 0)
		return r;
	if (read_note(pid, &note) && now_ms() <= settles_ms(&note)) {
		*ret = note.told;
		return 0;
	}
	r = ask_setup(pid, &setup, err);
	if (r == 0)
		*ret = setup.banned;
	return r;
}

int qb_irqbalance_ban(const struct qb_cpus *cpus, bool wait, struct qb_error *err)
{
	unsigned patience = wait ? qb_irqbalance_patience : 0;
	char list[LIST_SIZE], command[COMMAND_SIZE];
	struct qb_irqbalance_setup setup;
	struct note last;
	pid_t pid;
	int r = qb_irqbalance_find(&pid, err);

	if (r == 0)
		r = format_list(cpus, list, err);
	if (r < 0)
		return r;
	if (read_note(pid, &last)) {
		setup.sleep = last.sleep;
		if (wait)
			patience = patience_after(&last);
	} else {
		r = ask_setup(pid, &setup, err);
	}
	if (r == 0)
		r = write_note(pid, setup.sleep, list, err);
	if (r < 0)
		return r;
	qb_text_format(command, sizeof(command), "settings cpus %s", list);
	return tell(pid, command, patience, err);
}
