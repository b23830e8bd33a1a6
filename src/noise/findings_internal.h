/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the findings share: reading below a root, and saying what was found. */
#ifndef QB_NOISE_FINDINGS_INTERNAL_H
#define QB_NOISE_FINDINGS_INTERNAL_H

#include "findings.h"
#include <sys/types.h>

/* The path `name` below the root, and what is there; as in base/file.h, without words. */
void qb_look_path(const struct qb_look *look, char *buf, size_t size, const char *name);
ssize_t qb_look_read(const struct qb_look *look, char *buf, size_t size, const char *name, ...)
	__attribute__((format(printf, 4, 5)));
bool qb_look_number(const struct qb_look *look, long long *ret, const char *name, ...)
	__attribute__((format(printf, 3, 4)));
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

/* "CPU 2", "CPUs 2-3". */
void qb_finding_cpus(const struct qb_cpus *cpus, char *buf, size_t size);
/* The siblings of the benchmark's CPUs that are not its own. False: this host does not tell. */
bool qb_find_siblings(const struct qb_look *look, struct qb_cpus *ret);

/* Remembers what the siblings have done so far. */
void qb_findings_begin(const struct qb_look *look, struct qb_findings *findings);

/* What the table names: qb_find_turbo, … */
#define X(id, name, key) void qb_find_##name(const struct qb_look *look, struct qb_finding *ret);
QB_FINDINGS(X)
#undef X

#endif
