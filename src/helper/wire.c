/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: wire */
#include "helper.h"
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>

/* More than the steps of a host with 100,000 threads take. */
#define QUEUED_MAX (32u << 20)

struct qb_packet {
	struct qb_packet *next;
	enum qb_message_type type;
	size_t size;
	_Alignas(8) unsigned char bytes[];
};

void qb_wire_send(struct qb_wire *wire, enum qb_message_type type, const void *message, size_t size)
{
	struct qb_packet *packet = NULL;

	if (wire->fd < 0 || wire->gone)
		return;
	if (wire->queued + size <= QUEUED_MAX)
		packet = malloc(sizeof(*packet) + size);
	if (!packet) {
		wire->gone = ENOBUFS;
		return;
	}
	*packet = (struct qb_packet){.type = type, .size = size};
	memcpy(packet->bytes, message, size);
	if (wire->first)
		wire->last->next = packet;
	else
		wire->first = packet;
	if (!wire->queued)
		wire->since_ns = qb_ns_now(CLOCK_MONOTONIC);
	wire->last = packet;
	wire->queued += size;
}

void qb_wire_send_fds(struct qb_wire *wire, enum qb_message_type type, void *message, size_t size,
	const int *fds, unsigned n_fds)
{
	int r = wire->first ? -EAGAIN
			    : qb_message_send_now(wire->fd, type, message, size, fds, n_fds);

	if (r < 0 && !wire->gone)
		wire->gone = -r;
}

void qb_wire_send_steps(struct qb_wire *wire, const struct qb_steps *steps)
{
	_Alignas(8) unsigned char buf[QB_MESSAGE_MAX];

	for (size_t at = 0; at < steps->n && !wire->gone;) {
		int size = qb_message_pack_steps(steps, &at, buf);

		if (size < 0)
			wire->gone = -size;
		else
			qb_wire_send(wire, QB_MSG_STEP, buf, (size_t)size);
	}
}

void qb_wire_send_done(struct qb_wire *wire, enum qb_message_type of)
{
	const struct qb_done done = {.of = (uint16_t)of};

	qb_wire_send(wire, QB_MSG_DONE, &done, sizeof(done));
}

void qb_wire_send_error(struct qb_wire *wire, const struct qb_error *err)
{
	struct qb_error_message message = {.code = err->code};

	memcpy(message.text, err->text, sizeof(message.text));
	qb_wire_send(wire, QB_MSG_ERROR, &message, sizeof(message));
}

void qb_wire_send_note(struct qb_wire *wire, const char *fmt, ...)
{
	struct qb_note note = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(note.text, sizeof(note.text), fmt, ap);
	va_end(ap);
	qb_wire_send(wire, QB_MSG_NOTE, &note, sizeof(note));
}

void qb_wire_send_restored(struct qb_wire *wire, const struct qb_steps *steps,
	const struct qb_undo_summary *summary, bool recovered, bool over)
{
	const struct qb_done done = {.of = QB_MSG_RESTORE,
		.complete = summary->failures == 0,
		.recovered = recovered,
		.over = over,
		.conflicts = (uint32_t)summary->conflicts,
		.failures = (uint32_t)summary->failures};

	if (summary->failures)
		qb_wire_send_note(wire, "not restored: %s", summary->first.text);
	else if (summary->first.code)
		qb_wire_send_note(wire, "%s", summary->first.text);
	qb_wire_send_steps(wire, steps);
	qb_wire_send(wire, QB_MSG_DONE, &done, sizeof(done));
}

void qb_wire_send_leftover(void *wire, pid_t pid, const char *comm)
{
	struct qb_leftover leftover = {.pid = pid};

	qb_text_copy(leftover.comm, sizeof(leftover.comm), comm);
	qb_wire_send(wire, QB_MSG_LEFTOVER, &leftover, sizeof(leftover));
}

static void pop(struct qb_wire *wire)
{
	struct qb_packet *packet = wire->first;

	wire->first = packet->next;
	wire->queued -= packet->size;
	free(packet);
}

int qb_wire_flush(struct qb_wire *wire)
{
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC);

	while (wire->first && !wire->gone) {
		struct qb_packet *packet = wire->first;
		int r = qb_message_send_now(
			wire->fd, packet->type, packet->bytes, packet->size, NULL, 0);

		if (r == -EAGAIN && now - wire->since_ns < QB_WIRE_MS * QB_NS_PER_MS)
			return 1;
		if (r < 0) {
			wire->gone = r == -EAGAIN ? ETIMEDOUT : -r;
			break;
		}
		wire->since_ns = now;
		pop(wire);
	}
	return -wire->gone;
}

/* Nothing lies in it, and nothing will: with credentials asked for, an empty packet is not an end of file either. */
static bool is_empty(int fd)
{
	const int on = 1;
	bool packet;

	(void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	(void)shutdown(fd, SHUT_RD);
	(void)qb_message_peek(fd, &packet);
	return !packet;
}

/*
 * What lies in a socket goes with its last descriptor, and descriptors that lie there are closed by whoever closes that one:
 * a child of ours, which nobody waits for. Without a child it is left to the end of this process.
 */
static void discard(int fd)
{
	int closed[2];
	pid_t pid;

	if (is_empty(fd)) {
		close(fd);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, closed) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(closed[1]);
		(void)!read(closed[0], &(char){0}, 1);
		_exit(0);
	}
	if (pid > 0)
		close(fd);
	close(closed[0]);
	close(closed[1]);
}

void qb_wire_close(struct qb_wire *wire)
{
	(void)qb_wire_flush(wire); /* who does not take it now does not want it */
	while (wire->first)
		pop(wire);
	if (wire->fd >= 0)
		discard(wire->fd);
	*wire = QB_WIRE_NONE;
}

int64_t qb_wire_until(const struct qb_wire *wire)
{
	return wire->first ? wire->since_ns + QB_WIRE_MS * QB_NS_PER_MS : INT64_MAX;
}

int qb_wire_poll(struct pollfd *fds, size_t n, int64_t until_ns)
{
	const int64_t left = until_ns - qb_ns_now(CLOCK_MONOTONIC);

	/* Rounded up: what is due then is due when this returns. */
	return poll(fds, n,
		left <= 0			 ? 0
		: left / QB_NS_PER_MS >= INT_MAX ? -1
						 : (int)(left / QB_NS_PER_MS) + 1);
}

/* Its queue is flushed; what is left of that waits for room. */
static struct pollfd interest(struct qb_wire *wire, short events, int64_t *until_ns)
{
	if (!wire)
		return (struct pollfd){.fd = -1};
	if (qb_wire_flush(wire) > 0)
		events |= POLLOUT;
	if (wire->gone) /* what it said before can still be received */
		*until_ns = 0;
	else if (qb_wire_until(wire) < *until_ns)
		*until_ns = qb_wire_until(wire);
	return (struct pollfd){.fd = wire->fd, .events = events};
}

int qb_wire_wait(
	struct qb_helper *helper, struct qb_wire *wire, int64_t until_ns, struct qb_error *err)
{
	struct qb_wire *client = wire == &helper->client ? NULL : &helper->client;

	for (;;) {
		int64_t until = until_ns;
		struct pollfd fds[] = {{.fd = helper->term, .events = POLLIN},
			interest(wire, POLLIN, &until),
			{.fd = helper->peer.pidfd, .events = POLLIN},
			interest(client, POLLRDHUP, &until)};

		if (qb_wire_poll(fds, QB_ARRAY_SIZE(fds), until) < 0 && errno != EINTR)
			return qb_error_errno(err, errno, "wait");
		if (fds[0].revents)
			return qb_error_set(err, ECANCELED, "the helper was told to end");
		if (fds[1].revents & ~POLLOUT)
			return 1;
		if (wire && wire->gone)
			return qb_error_errno(err, wire->gone, "speak to another session");
		if (helper->client.gone || fds[2].revents || fds[3].revents & ~POLLOUT)
			return qb_error_set(err, EPIPE, "the client is gone");
		if (qb_ns_now(CLOCK_MONOTONIC) >= until_ns)
			return 0;
	}
}

void qb_wire_drain(struct qb_helper *helper, struct qb_wire *wire)
{
	while (qb_wire_flush(wire) > 0) {
		struct pollfd fds[] = {{.fd = helper->term, .events = POLLIN},
			{.fd = wire->fd, .events = POLLOUT}};

		if (qb_wire_poll(fds, QB_ARRAY_SIZE(fds), qb_wire_until(wire)) < 0 ||
			fds[0].revents)
			return;
	}
}
