/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was seen of a run (noise/watch.h) as members of its record. */
#ifndef QB_CLI_WATCHED_H
#define QB_CLI_WATCHED_H

#include <cli/json.h>
#include <noise/watch.h>

/* Of the object `counters` that is open. */
void qb_watched_counters(struct qb_json *json, const struct qb_watched *watched);
/* `timeline`, and `sources`: who told what, and what nobody told here. */
void qb_watched_timeline(struct qb_json *json, const struct qb_watched *watched);

#endif
