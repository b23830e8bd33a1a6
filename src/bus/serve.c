/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus.h: one request, one answer. */
#include "bus.h"
#include <base/macros.h>
#include <errno.h>
#include <stdlib.h>

/* What other clients wait, too: while it switches a controller on, systemd does not answer. */
#define CALL_USEC (25 * 1000000ULL)

static int (*const calls[])(
	sd_bus *bus, const struct qb_ask *ask, struct qb_told *ret, struct qb_error *err) = {
#define X(call, name) [QB_BUS_##call] = qb_bus_##name,
	QB_BUS_CALLS(X)
#undef X
};

static int open_bus(sd_bus **ret, struct qb_error *err)
{
	int r = sd_bus_open_system(ret);

	if (r >= 0)
		r = sd_bus_set_method_call_timeout(*ret, CALL_USEC);
	return r < 0 ? qb_error_set(err, ENOTCONN, "reach the system bus: %s", strerror(-r)) : 0;
}

/* Has it been closed since the last request? What it sent unasked (its greeting) is thrown away. */
static int check_bus(sd_bus *bus, struct qb_error *err)
{
	int r;

	while ((r = sd_bus_process(bus, NULL)) > 0)
		;
	return r < 0 || sd_bus_is_open(bus) <= 0
		       ? qb_error_set(err, ENOTCONN, "reach the system bus: it was closed")
		       : 0;
}

int qb_bus_serve(int socket, int (*confine)(struct qb_error *err))
{
	static struct qb_message message;
	sd_bus *bus = NULL;
	struct qb_error lost = {0};
	int r = open_bus(&bus, &lost);

	if (r == 0)
		r = confine(&lost);
	while (qb_message_receive(socket, QB_SENDER_CLIENT, &message, NULL) > 0) {
		struct qb_told told = {0};
		struct qb_error err = {0};

		qb_message_close(&message);
		if (r == 0)
			r = check_bus(bus, &lost);
		if (r < 0 || message.head.type != QB_MSG_ASK) {
			qb_message_send_error(socket, &lost);
			break;
		}
		err.code = -calls[message.ask.call](bus, &message.ask, &told, &err);
		if (err.code > 0 ? qb_message_send_error(socket, &err)
				 : qb_message_send(
					   socket, QB_MSG_TOLD, &told, sizeof(told), NULL, 0))
			break;
	}
	sd_bus_flush_close_unref(bus);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
