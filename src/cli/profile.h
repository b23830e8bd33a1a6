/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile as the file that says the same. */
#ifndef QB_CLI_PROFILE_H
#define QB_CLI_PROFILE_H

#include <core/profile.h>
#include <stdbool.h>

/*
 * Its settings on stdout, as YAML: what somebody wrote, and the defaults as comments; `brief`: only what is
 * not as by default. What comes before (version, name) is the caller's.
 */
void qb_profile_print(const struct qb_profile *profile, bool brief);

#endif
