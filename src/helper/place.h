/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Placing the benchmark: the held child asks for itself, on a throw-away socket. */
#ifndef QB_HELPER_PLACE_H
#define QB_HELPER_PLACE_H

#include "session.h"
#include <core/restore.h>
#include <quietbench/protocol.h>
#include <quietbench/topology.h>

/* Takes the socket out of RUN's message and has the kernel attach credentials to what comes. */
int qb_place_take(struct qb_message *message, int *ret_socket, struct qb_error *err);
/*
 * Receives PLACE, places its sender, answers him, and closes the socket. Only a child of the peer's
 * with the peer's uid is placed. A failure is the child's to hear; the session goes on. The bench is
 * remembered in the session's journal, or, `joined`, beside it; `confined` to its CPUs.
 */
void qb_place_serve(int *socket, const struct qb_peer *peer, struct qb_conditioning *session,
	const struct qb_selection *selection, bool joined, bool confined);

#endif
