/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the command line's options to a request: -s, then -c, -n and --node as the sets they stand
 * for, and what is required.
 *
 *	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
 *	qb_asked_build(&cli->options, QB_REQUEST_PLAN, &asked, &err)
 */
#ifndef QB_CLI_ASKED_H
#define QB_CLI_ASKED_H

#include <cli/options.h>
#include <client/request.h>

int qb_asked_build(const struct qb_options *options, enum qb_request_mode mode,
	struct qb_asked *ret, struct qb_error *err);

#endif
