/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From options to a request (protocol.h), with the files that travel beside it.
 *
 * -c, -n and --node become sets. A profile of the caller's own (-p FILE, or a name found in
 * $XDG_CONFIG_HOME/quietbench/profiles) is opened by the caller, copied into a sealed memfd and
 * attached: planner and monitor never open a path that a user chose. What an own profile extends
 * is attached by qb_planner_ask, when the planner says that it misses it.
 *
 *	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
 *	qb_request_build(&cli->options, QB_REQUEST_PLAN, &asked, &err)
 */
#ifndef QB_CLI_REQUEST_H
#define QB_CLI_REQUEST_H

#include <cli/options.h>
#include <quietbench/error.h>
#include <quietbench/protocol.h>

struct qb_asked {
	struct qb_request request;
	int fds[QB_REQUEST_FILES]; /* the memfds in order of request.files, then --root */
	unsigned n_fds;
};
#define QB_ASKED_NONE ((struct qb_asked){.n_fds = 0})

void qb_asked_free(struct qb_asked *asked);

int qb_request_build(const struct qb_options *options, enum qb_request_mode mode,
	struct qb_asked *ret, struct qb_error *err);
/*
 * Attaches the caller's own profile of this name. -ENOENT: he has none; -E2BIG: no room for
 * another.
 */
int qb_request_attach(struct qb_asked *asked, const char *name, struct qb_error *err);

/* Where the caller's own profiles are; false when neither XDG_CONFIG_HOME nor HOME says. */
bool qb_request_folder(char *buf, size_t size);

#endif
