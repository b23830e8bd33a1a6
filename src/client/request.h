/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A request (protocol.h), with the files that travel beside it.
 *
 * A profile of the caller's own (-p FILE, or a name found in
 * $XDG_CONFIG_HOME/quietbench/profiles) is opened by the caller, copied into a sealed memfd and
 * attached: planner and monitor never open a path that a user chose. What an own profile extends
 * is attached by qb_planner_ask, when the planner says that it misses it.
 *
 *	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
 *	qb_request_begin(QB_REQUEST_PLAN, "default", NULL, &asked, &err)
 */
#ifndef QB_CLIENT_REQUEST_H
#define QB_CLIENT_REQUEST_H

#include <quietbench/error.h>
#include <quietbench/protocol.h>

struct qb_asked {
	struct qb_request request;
	int fds[QB_REQUEST_FILES]; /* the memfds in order of request.files, then --root */
	unsigned n_fds;
};
#define QB_ASKED_NONE ((struct qb_asked){.n_fds = 0})

void qb_asked_free(struct qb_asked *asked);

/* `profile` NULL: the host's default; `root` NULL: this host, else a captured one. What is to be set
 * and required is added to ret->request afterwards. */
int qb_request_begin(enum qb_request_mode mode, const char *profile, const char *root,
	struct qb_asked *ret, struct qb_error *err);
/*
 * Attaches the caller's own profile of this name. -ENOENT: there is none; -E2BIG: no room for
 * another.
 */
int qb_request_attach(struct qb_asked *asked, const char *name, struct qb_error *err);

/* Where the caller's own profiles are; false when neither XDG_CONFIG_HOME nor HOME says. */
bool qb_request_folder(char *buf, size_t size);

#endif
