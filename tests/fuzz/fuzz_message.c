/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any packet from a peer, with any number of fds: refused with an error, or a message whose strings
 * end and whose counts are within bounds; no fd stays open. The steps of a STEP are sent on and
 * arrive as the same.
 *
 * The first byte says how many fds come along, and whether the rest is the packet itself or what to
 * fill a packet of the right head and size with (half of the types are too large to be guessed),
 * and whether it comes from one who may send it.
 */
#include "steps.h"
#include <errno.h>
#include <fcntl.h>
#include <quietbench/protocol.h>
#include <sys/socket.h>

#define FDS    7
#define FILLED 8
#define SENDER 16 /* the three bits above say which */

/* Too large for the stack of a program with a sanitizer. */
static struct qb_message message;
static _Alignas(struct qb_message_head) unsigned char packet[QB_MESSAGE_MAX + 64];

/* The packet: type in the first byte, then what the body repeats. */
static size_t fill(const uint8_t *data, size_t size)
{
	struct qb_message_head head = {.magic = QB_MESSAGE_MAGIC,
		.version = QB_PROTOCOL_VERSION,
		.type = size ? data[0] % (QB_MSG_END + 1) : 0};
	const struct qb_message_info *info =
		&qb_messages[head.type < QB_MSG_END ? head.type : QB_MSG_NONE];
	size_t whole = info->variable || info->size == sizeof(head) ? 0 : info->size;

	memcpy(packet, &head, sizeof(head));
	if (!whole) {
		whole = sizeof(head) + (size ? size - 1 : 0);
		if (size > 1)
			memcpy(packet + sizeof(head), data + 1, size - 1);
		return whole;
	}
	for (size_t i = sizeof(head); i < whole; i++)
		packet[i] = size > 1 ? data[1 + (i - sizeof(head)) % (size - 1)] : 0;
	return whole;
}

static void send_packet(int fd, size_t size, unsigned n_fds)
{
	struct iovec iov = {.iov_base = packet, .iov_len = size};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS)] = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[FDS];

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = fd;
	if (n_fds) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	must(sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)size);
}

#define ends(array) (memchr((array), '\0', sizeof(array)) != NULL)

static void check_request(const struct qb_request *request)
{
	must(request->n_set <= QB_REQUEST_SETS && request->n_require <= QB_REQUEST_REQUIRES);
	must(request->n_files <= QB_REQUEST_FILES && request->mode <= QB_REQUEST_POLICY);
	must(ends(request->profile));
	for (unsigned i = 0; i < QB_REQUEST_SETS; i++)
		must(ends(request->set[i]) && ends(request->require[i]));
	for (unsigned i = 0; i < QB_REQUEST_FILES; i++)
		must(ends(request->files[i]));
}

static void check_strings(void)
{
	switch ((enum qb_message_type)message.head.type) {
	case QB_MSG_HELLO:
		must(ends(message.hello.command) && message.hello.purpose <= QB_PURPOSE_LEASE);
		break;
	case QB_MSG_PLAN: check_request(&message.request); break;
	case QB_MSG_NOTE: must(ends(message.note.text)); break;
	case QB_MSG_PROFILE:
		must(ends(message.profile.profile.name) && ends(message.profile.profile.file) &&
			ends(message.profile.profile.sha256));
		for (unsigned i = 0; i < QB_KEY_COUNT; i++)
			must(ends(message.profile.profile.set[i].text));
		break;
	case QB_MSG_HOST:
		must(ends(message.host.hypervisor) && ends(message.host.cpu_model));
		break;
	case QB_MSG_PU: must(message.pus.n <= QB_PUS_PER_MESSAGE); break;
	case QB_MSG_SELECTION:
		must(ends(message.selection.selection.why) &&
			ends(message.selection.selection.note));
		break;
	case QB_MSG_LEFTOVER: must(ends(message.leftover.comm)); break;
	case QB_MSG_ERROR: must(ends(message.error.text)); break;
	case QB_MSG_POLICY:
		must(message.policy.policy.n <= QB_POLICY_RULES);
		for (unsigned i = 0; i < message.policy.policy.n; i++)
			must(ends(message.policy.policy.rules[i].name) &&
				message.policy.policy.rules[i].n_who <= QB_POLICY_WHO);
		break;
	case QB_MSG_SWITCHES:
		must(message.switches.n <= QB_SWITCHES_SEEN);
		for (unsigned i = 0; i < message.switches.n; i++)
			must(ends(message.switches.seen[i].comm) &&
				message.switches.seen[i].whose < QB_SWITCHES_WHOSE &&
				message.switches.seen[i].cpu < QB_CPUS_MAX);
		break;
	case QB_MSG_JOINED:
		must(ends(message.joined.holder) && message.joined.n <= QB_TENANTS);
		for (unsigned i = 0; i < message.joined.n; i++)
			must(message.joined.tenants[i].cpu < QB_CPUS_MAX);
		break;
	case QB_MSG_ASK:
		must(ends(message.ask.name) && ends(message.ask.slice));
		must(message.ask.call < QB_BUS_CALL_COUNT);
		break;
	case QB_MSG_TOLD:
		must(ends(message.told.name) && ends(message.told.desktop.user) &&
			ends(message.told.desktop.seat) && ends(message.told.desktop.type));
		for (unsigned i = 0; i < QB_TOLD_TIMERS; i++)
			must(ends(message.told.timers[i].name));
		break;
	case QB_MSG_FOLLOW:
	case QB_MSG_APPLY:
	case QB_MSG_RUN:
	case QB_MSG_PLACE:
	case QB_MSG_RESTORE:
	case QB_MSG_BYE:
	case QB_MSG_JOIN:
	case QB_MSG_LEASE:
	case QB_MSG_BORN:
	case QB_MSG_WATCH:
	case QB_MSG_STEP:
	case QB_MSG_DONE: break;
	case QB_MSG_NONE:
	case QB_MSG_END: must(false);
	}
}

/* Many small packets may hold what came in one, never more steps. */
static void send_on(int from, int to, const struct qb_steps *steps)
{
	static unsigned char buf[6 * QB_TEXT_MAX];
	struct qb_steps again = {0};

	must(qb_message_send_steps(from, steps) == 0);
	while (again.n < steps->n) {
		must(qb_message_receive(to, QB_SENDER_HELPER, &message, NULL) == 1);
		must(qb_message_read_steps(&message, &again) > 0);
	}
	must(again.n == steps->n);
	for (size_t i = 0; i < steps->n; i++) {
		must(same_step(&steps->v[i], &again.v[i]));
		check_step(&steps->v[i], buf, sizeof(buf));
	}
	qb_steps_free(&again);
}

static enum qb_sender choose_sender(unsigned choice)
{
	const struct qb_message_head *head = (const void *)packet;
	unsigned own = head->type < QB_MSG_END ? qb_messages[head->type].senders : 0;

	return choice & SENDER || !own ? 1u << choice / SENDER / 2 % 6 : own & -own;
}

static void receive(const int pair[2], enum qb_sender sender, size_t size, unsigned n_fds)
{
	struct qb_steps steps = {0};
	struct qb_error err = {0};
	int r = qb_message_receive(pair[1], sender, &message, &err), n;

	must(r == (size ? 1 : 0) || (r == -err.code && err.text[0] && !message.n_fds));
	if (r != 1)
		return;
	must(message.size == size && message.n_fds == n_fds);
	must(n_fds <= qb_messages[message.head.type].fds);
	must(qb_messages[message.head.type].senders & sender);
	for (unsigned i = 0; i < message.n_fds; i++)
		must(fcntl(message.fds[i], F_GETFD) == FD_CLOEXEC);
	check_strings();
	if (message.head.type == QB_MSG_STEP) {
		n = qb_message_read_steps(&message, &steps);
		must(n == (int)steps.n || n == -EBADMSG);
		qb_message_close(&message);
		if (n > 0)
			send_on(pair[0], pair[1], &steps);
	}
	qb_steps_free(&steps);
	qb_message_close(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const unsigned choice = size ? data[0] : 0, n_fds = choice % (FDS + 1);
	int pair[2], before, after;

	if (size) {
		data++;
		size--;
	}
	if (size > sizeof(packet) - 64)
		return 0;
	if (choice & FILLED)
		size = fill(data, size);
	else if (size)
		memcpy(packet, data, size);
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	before = dup(pair[0]);
	close(before);
	send_packet(pair[0], size, size ? n_fds : 0);
	receive(pair, choose_sender(choice), size, n_fds);
	after = dup(pair[0]);
	close(after);
	must(before == after); /* the lowest free number: nothing stays open */
	close(pair[0]);
	close(pair[1]);
	return 0;
}
