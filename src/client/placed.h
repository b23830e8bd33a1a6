/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A held child on the CPUs that a session has made quiet. */
#ifndef QB_CLIENT_PLACED_H
#define QB_CLIENT_PLACED_H

#include <client/child.h>

/*
 * Holds a child as qb_child_hold does and, with a session (NULL: there is none), has the helper place
 * it: the throw-away socket is made here, and order->place, ours and n_ours are filled in.
 */
int qb_placed_hold(struct qb_child *ret, struct qb_child_order *order, struct qb_session *session,
	struct qb_answer *answer, struct qb_error *err);

#endif
