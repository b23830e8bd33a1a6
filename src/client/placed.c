/* SPDX-License-Identifier: GPL-2.0-or-later */
/* placed.h */
#include <base/macros.h>
#include <client/placed.h>
#include <errno.h>
#include <sys/socket.h>

int qb_placed_hold(struct qb_child *ret, struct qb_child_order *order, struct qb_session *session,
	struct qb_answer *answer, struct qb_error *err)
{
	const int on = 1;
	int pair[2], ours[2], r;

	order->place = -1;
	if (!session)
		return qb_child_hold(ret, order, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return qb_error_errno(err, errno, "make the throw-away socket");
	/* Set before PLACE is sent, it makes the kernel attach the child's credentials. */
	setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	ours[0] = session->fd;
	ours[1] = pair[0];
	order->ours = ours;
	order->n_ours = QB_ARRAY_SIZE(ours);
	order->place = pair[1];
	r = qb_child_hold(ret, order, err);
	close(pair[1]);
	if (r == 0) {
		r = qb_session_run(session, pair[0], answer, err);
		if (r < 0)
			qb_child_cancel(ret);
	}
	close(pair[0]);
	order->ours = NULL;
	order->n_ours = 0;
	return r;
}
