/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What quietbench says to a person, on stderr: one write(2) a line, each starting "quietbench: ".
 *
 * The descriptor is a copy made at the start, so that a closed stderr or one that the caller
 * reuses is never written into by accident.
 */
#ifndef QB_CLIENT_SAY_H
#define QB_CLIENT_SAY_H

#include <stdbool.h>

enum qb_say {
	QB_SAY_ERROR,  /* always */
	QB_SAY_WARN,   /* a person must know; silenced by -q */
	QB_SAY_NOTE,   /* the ordinary lines */
	QB_SAY_DETAIL, /* with -v */
};

/* Takes its copy of stderr. First thing main does. */
void qb_say_begin(void);
/* The loudest kind that is still shown: ERROR for -q, DETAIL for -v, else NOTE. Returns what it was. */
enum qb_say qb_say_limit(enum qb_say limit);
bool qb_say_shows(enum qb_say kind);
/* Is stderr a terminal? Colour needs that, and NO_COLOR unset. */
bool qb_say_on_terminal(void);

void qb_say(enum qb_say kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
