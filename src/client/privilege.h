/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which way to the helper is open to this user, in the order in which session.h seeks them. */
#ifndef QB_CLIENT_PRIVILEGE_H
#define QB_CLIENT_PRIVILEGE_H

#include <limits.h>
#include <quietbench/error.h>
#include <stdbool.h>
#include <stddef.h>

struct qb_privilege {
	const char *way; /* "root", "socket", "sudo", "sudo-password"; NULL: none */
	const char *say; /* the same for people */
	bool lease; /* a live `apply` of this user's: the user's runs join it, whatever `way` is */
	char why[QB_ERROR_MAX];	      /* without a way: why; "" otherwise */
	char command[PATH_MAX + 128]; /* what opens one, or a better one than sudo's password */
};

/* 0, or -QB_NOT_FROM_HERE: no program can give this process privilege, sudo neither, and why. */
int qb_privilege_attainable(struct qb_error *err);
/* Tries them: the helper is started, and told BYE at once. It takes no lock and touches nothing. */
int qb_privilege_find(struct qb_privilege *ret, struct qb_error *err);
/*
 * For people, after a session could not be opened: why, and the command that doctor names. `why`: why it could not, said
 * where doctor names none.
 */
void qb_privilege_explain(const char *why, char *buf, size_t size);

#endif
