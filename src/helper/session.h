/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What guardian, monitor and recovery share of one session. */
#ifndef QB_HELPER_SESSION_H
#define QB_HELPER_SESSION_H

#include "peer.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct qb_helper {
	int session; /* the socket to the client */
	int lock;    /* the host lock's description */
	struct qb_peer peer;
	/* The request that is being served, 0 between two: shared memory, so that a recovery knows
	 * whether the client is waiting for an answer. BYE stays: nothing is to be heard after it. */
	_Atomic uint16_t *pending;
	/* Shared as well: the host is being restored, so whoever joined runs on one that is not
	 * conditioned any more. */
	_Atomic bool *over;
};

#endif
