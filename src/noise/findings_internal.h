/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the findings share: reading below a root, and saying what was found. */
#ifndef QB_NOISE_FINDINGS_INTERNAL_H
#define QB_NOISE_FINDINGS_INTERNAL_H

#include "findings.h"
#include <sys/types.h>

/* ---- findings_look.c ---- */

/* The path `name` below the root, and what is there; as in base/file.h, without words. */
void qb_look_path(const struct qb_look *look, char *buf, size_t size, const char *name);
ssize_t qb_look_read(const struct qb_look *look, char *buf, size_t size, const char *name, ...)
	__attribute__((format(printf, 4, 5)));
bool qb_look_number(const struct qb_look *look, long long *ret, const char *name);
/* Of any length; *ret is malloc'd. */
bool qb_look_read_all(const struct qb_look *look, const char *name, char **ret);

/* Each fills in its finding, which is NOTHING before. */
void qb_finding_say(struct qb_finding *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void qb_finding_advise(struct qb_finding *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void qb_finding_unknown(struct qb_finding *ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* UNKNOWN: its file is not there. On this host that means `why`; a capture may lack anything. */
void qb_finding_missing(const struct qb_look *look, struct qb_finding *ret, const char *why);
/* "312 MiB" */
void qb_finding_kib(unsigned long long kib, char *buf, size_t size);

/* ---- findings_host.c: qb_find_timers, … ---- */

#define LEVER(...)
#define OTHER(id, name, key)                                                                       \
	void qb_find_##name(const struct qb_look *look, struct qb_finding *ret);
QB_FINDINGS(LEVER, OTHER)
#undef LEVER
#undef OTHER

#endif
