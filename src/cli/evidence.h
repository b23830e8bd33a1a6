/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sentences of evidence: what was measured, how it is described, what is claimed. Plain text, for
 * `run -r`, `compare` and `prove`, and for the page that `report` writes.
 */
#ifndef QB_CLI_EVIDENCE_H
#define QB_CLI_EVIDENCE_H

#include <cli/figures.h>
#include <client/experiment.h>
#include <stats/change.h>
#include <stats/describe.h>
#include <stats/difference.h>

/* "103.2 ms", "1.26 s"; of other units "1.203e+09 instructions". */
void qb_evidence_value(double value, const char *unit, char *buf, size_t size);
/* "2.1 %", with as many digits as `half`, the half width of what it is known by, allows. */
void qb_evidence_percent(double share, double half, char *buf, size_t size);
/* "median 103.2 ms [102.9, 103.8], MNAD 0.41 %, 101.9 to 108.3 ms"; one unit for all. */
void qb_evidence_description(
	const struct qb_described *d, const char *unit, char *buf, size_t size);
/* How a series of runs went, after so many that do not count; "" where it is flat or too short. */
void qb_evidence_course(
	const struct qb_change *change, size_t warm_ups, const char *unit, char *buf, size_t size);

/* How a difference is told. */
struct qb_evidence_terms {
	const char *a, *b; /* the names: "A", "B" */
	const char *unit;
	bool more_is_better;
	double precision; /* as a logarithm; 0: none */
	unsigned rounds;
};
/* "B is 2.1 % faster than A [1.6 %, 2.7 %]", "no difference above 0.5 % …", "undecided: …". */
void qb_evidence_claim(enum qb_claim claim, const struct qb_difference *difference,
	const struct qb_evidence_terms *terms, char *buf, size_t size);
/* "2.1 % faster [1.6 %, 2.7 %]", or, where it holds 0, "+0.2 % [-0.4 %, +1.0 %]". */
void qb_evidence_interval(const struct qb_interval *interval, const struct qb_evidence_terms *terms,
	char *buf, size_t size);

/* The runs that were disturbed: how many, and the reasons that were recorded, the most frequent first. */
struct qb_evidence_disturbed {
	size_t n, unknown; /* noisy runs; runs of which it is not known */
	size_t runs;
	struct qb_evidence_reason {
		const char *reason; /* the sample's */
		size_t n;
	} of[8];
};
/* Of a program's runs that count; `program` -1: of all. */
struct qb_evidence_disturbed qb_evidence_disturbances(
	const struct qb_experiment *experiment, int program);
/* "2 of 24 runs disturbed: sshd (pid 812) ran for about 3 ms (2 alike)"; "" if none was. */
void qb_evidence_disturbance(const struct qb_evidence_disturbed *d, char *buf, size_t size);

#endif
