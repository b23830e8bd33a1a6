/* SPDX-License-Identifier: GPL-2.0-or-later */
/* protocol.h: many steps in few packets. */
#include <errno.h>
#include <quietbench/protocol.h>
#include <string.h>

int qb_message_pack_steps(
	const struct qb_steps *steps, size_t *at, unsigned char buf[QB_MESSAGE_MAX])
{
	size_t used = sizeof(struct qb_message_head);
	const size_t first = *at;

	for (; *at < steps->n; ++*at) {
		uint32_t length;
		int n = -EMSGSIZE;

		if (used + sizeof(length) < QB_MESSAGE_MAX)
			n = qb_step_encode(&steps->v[*at], buf + used + sizeof(length),
				QB_MESSAGE_MAX - used - sizeof(length));
		if (n < 0 && *at == first)
			return n; /* one step that no packet holds */
		if (n < 0)
			break;
		length = (uint32_t)n;
		memcpy(buf + used, &length, sizeof(length));
		used += sizeof(length) + length;
	}
	return (int)used;
}

int qb_message_send_steps(int fd, const struct qb_steps *steps)
{
	_Alignas(8) unsigned char buf[QB_MESSAGE_MAX];
	int r = 0;

	for (size_t at = 0; r == 0 && at < steps->n;) {
		int size = qb_message_pack_steps(steps, &at, buf);

		r = size < 0 ? size : qb_message_send(fd, QB_MSG_STEP, buf, (size_t)size, NULL, 0);
	}
	return r;
}

int qb_message_read_steps(const struct qb_message *message, struct qb_steps *steps)
{
	size_t at = sizeof(message->head);
	int n = 0;

	while (at < message->size) {
		uint32_t length;
		int r;

		if (message->size - at < sizeof(length))
			return -EBADMSG;
		memcpy(&length, message->bytes + at, sizeof(length));
		at += sizeof(length);
		if (length > message->size - at)
			return -EBADMSG;
		r = qb_step_decode(steps, message->bytes + at, length);
		if (r < 0)
			return r;
		at += length;
		n++;
	}
	return n;
}
