/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a value of a key looks like, in words: for errors and for the manual. */
#ifndef QB_MODEL_DESCRIBE_H
#define QB_MODEL_DESCRIBE_H

#include <quietbench/profile.h>

/* "true, false or keep"; "a number from 0 to 15 or keep". */
void qb_key_describe(enum qb_key key, char *buf, size_t size);
/* "WHAT from MIN to MAX", with units. */
void qb_key_describe_bounds(enum qb_key key, const char *what, char *buf, size_t size);

#endif
