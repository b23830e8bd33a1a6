/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who did what: lines for the host's log (facility authpriv, as sudo's).
 *
 * Each session has at most one line when it begins to change the host and one when it ends, or one
 * that says why it was refused; so connections bound them. Best effort: where nobody listens at
 * /dev/log, or cannot keep up, a restore does not wait for it (which syslog(3) would).
 */
#ifndef QB_HELPER_AUDIT_H
#define QB_HELPER_AUDIT_H

#include "peer.h"

/* A line "user 1000, process 812: …", cut where it is long, and printable. */
void qb_audit(const struct qb_peer *peer, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
