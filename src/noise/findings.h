/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is worth knowing of a host before anything is measured: settings and circumstances that make
 * runs differ, each with its effect and with what changes it. For doctor and check.
 *
 *	struct qb_look look = {.root = "", .host = …, .chosen = …, .soon_ns = …};
 *	qb_findings_look(&look, &findings);
 *	… measure …
 *	qb_findings_measured(&look, &findings);    what only shows with time
 *
 * Files are read below a root, so a captured host (--root) can be looked at; no privilege
 * is needed. Where CPUs matter it is those that a benchmark would get. Nothing fails: what this
 * host does not tell is QB_FINDING_UNKNOWN, with the reason.
 */
#ifndef QB_NOISE_FINDINGS_H
#define QB_NOISE_FINDINGS_H

#include <quietbench/profile.h>
#include <quietbench/protocol.h>

/*
 * QB_FINDINGS is the one list: name, the profile's key that deals with it (COUNT: none does). In the
 * order in which they are told. LEVER: follows from the table of levers; OTHER: an opinion beyond it.
 */
/* clang-format off */
#define QB_FINDINGS(LEVER, OTHER) \
	LEVER(TURBO, turbo, FREQUENCY_TURBO) \
	LEVER(GOVERNOR, governor, FREQUENCY_GOVERNOR) \
	LEVER(SIBLING, sibling, CPUS_SMT) \
	OTHER(BENCHMARKS, benchmarks, COUNT) \
	OTHER(TIMERS, timers, SERVICES_STOP) \
	OTHER(DESKTOP, desktop, CPUS_ISOLATION) \
	OTHER(BATTERY, battery, COUNT) \
	OTHER(BURSTABLE, burstable, COUNT) \
	OTHER(SWAP, swap, PROCESS_LOCK) \
	LEVER(THP, thp, MEMORY_THP) \
	LEVER(ASLR, aslr, PROCESS_ASLR) \
	LEVER(WATCHDOGS, watchdogs, KERNEL_WATCHDOG) \
	LEVER(PERF, perf, PERF_MAX_SAMPLE_RATE)
/* clang-format on */

enum qb_finding_id {
#define X(id, ...) QB_FINDING_##id,
	QB_FINDINGS(X, X)
#undef X
		QB_FINDING_COUNT
};

enum qb_finding_state {
	QB_FINDING_NOTHING, /* looked, and there is nothing to say */
	QB_FINDING_FOUND,
	QB_FINDING_UNKNOWN, /* it could not be looked at here */
};

struct qb_finding {
	enum qb_finding_state state;
	char text[384];	  /* what it is and what it does; UNKNOWN: why it could not be looked at */
	char advice[192]; /* what changes it; "" unless FOUND */
};

#define QB_FINDING_SIBLINGS 64

struct qb_findings {
	struct qb_finding of[QB_FINDING_COUNT];
	/* What the siblings of the benchmark's CPUs had done by then, and when that was. */
	struct qb_cpus siblings;
	uint64_t busy[QB_FINDING_SIBLINGS];
	int64_t looked_ns; /* 0: this host does not tell */
};

struct qb_look {
	const char *root; /* "": this host; else the folder of a captured one */
	const struct qb_host *host;
	const struct qb_selection *chosen;
	int64_t soon_ns; /* timers that are due within so long are told */
};

void qb_findings_look(const struct qb_look *look, struct qb_findings *ret);
/* Later, on this host: were siblings busy since? */
void qb_findings_measured(const struct qb_look *look, struct qb_findings *findings);

const char *qb_finding_name(enum qb_finding_id id);
/* QB_KEY_COUNT: no lever deals with it. */
enum qb_key qb_finding_key(enum qb_finding_id id);

#endif
