/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logind: may this host be put to sleep or shut down? An inhibitor is an open descriptor: it ends with the
 * process that holds it. (root can override one on the command line.) And who sits at a desktop here?
 */
#ifndef QB_HOST_LOGIND_H
#define QB_HOST_LOGIND_H

#include <quietbench/protocol.h>

/* What quietbench holds off, as logind names it. */
#define QB_LOGIND_WHAT "sleep:idle:shutdown"

/* Does logind run, as far as an unprivileged look can tell? 0 or -ENOENT with the reason. */
int qb_logind_available(struct qb_error *err);
/* Takes an inhibitor, or lets go of it; it ends with this process. -ENOENT: logind does not run. */
int qb_logind_inhibit(bool on, struct qb_error *err);
/* Does a living process hold one in quietbench's name? -ENOENT: logind does not run. */
int qb_logind_inhibited(bool *ret, struct qb_error *err);

/* How many there are, and one of them. -ENOENT: logind does not run. */
int qb_logind_desktops(struct qb_logind_desktop *ret, size_t *ret_n, struct qb_error *err);

#endif
