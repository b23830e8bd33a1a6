/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * logind: may this host be put to sleep or shut down? An inhibitor is an open descriptor: it ends with the
 * process that holds it. (root can override one on the command line.) And who sits at a desktop here?
 */
#ifndef QB_HOST_LOGIND_H
#define QB_HOST_LOGIND_H

#include <quietbench/error.h>
#include <sys/types.h>

/* What quietbench holds off, as logind names it. */
#define QB_LOGIND_WHAT "sleep:idle:shutdown"

/* Does logind run, as far as an unprivileged look can tell? 0 or -ENOENT with the reason. */
int qb_logind_available(struct qb_error *err);
/* Takes an inhibitor. -ENOENT: logind does not run. */
int qb_logind_inhibit(int *ret_fd, struct qb_error *err);
/* A living process that holds one in quietbench's name, 0: none. -ENOENT: logind does not run. */
int qb_logind_holder(pid_t *ret, struct qb_error *err);

/* A session with a desktop, or the greeter that waits for one. */
struct qb_logind_desktop {
	char user[64];
	char seat[32]; /* "": a remote one */
	char type[16]; /* "wayland", "x11" */
};
/* How many there are, and one of them. -ENOENT: logind does not run. */
int qb_logind_desktops(struct qb_logind_desktop *ret, size_t *ret_n, struct qb_error *err);

#endif
