/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is worth knowing of a host (noise/findings.h), for check and doctor: asking and telling. */
#ifndef QB_CLI_FINDINGS_H
#define QB_CLI_FINDINGS_H

#include <cli/json.h>
#include <client/planner.h>
#include <noise/findings.h>

/* `root`: of a captured host, NULL: this one. `soon_ns`: as in struct qb_look. */
struct qb_look qb_findings_about(const struct qb_answer *answer, const char *root, int64_t soon_ns);
/* A section on stdout; nothing when nothing was found. */
void qb_findings_print(const struct qb_findings *findings);
/* "findings": what was found, and what could not be looked at. */
void qb_findings_json(struct qb_json *json, const struct qb_findings *findings);

#endif
