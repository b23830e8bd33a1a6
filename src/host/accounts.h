/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers of users and groups, from /etc/passwd and /etc/group alone: no name service is asked, so
 * nothing hangs, no library is loaded, and a sandbox that only reads files suffices.
 */
#ifndef QB_HOST_ACCOUNTS_H
#define QB_HOST_ACCOUNTS_H

#include <stdint.h>

/* 0; -ENOENT: the file does not know that name; or why it cannot be read. */
int qb_accounts_user(const char *name, uint32_t *ret);
int qb_accounts_group(const char *name, uint32_t *ret);

#endif
