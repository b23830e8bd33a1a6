/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU gives right before a run and right after it.
 *
 * Nothing of ours runs on the benchmark's CPUs while it does, so what slows them there without being
 * counted - a hypervisor that tells no steal, a sibling of another guest - is not seen. A probe is some
 * 25 ms of the measurement's loop on the same CPUs at either end of the run. It is compared with the
 * other one and with what the preflight found usual. On a guest of a lively hypervisor most of the
 * runs that were slow had a slow probe beside them (`make bench-noise` tells how many).
 *
 *	r = qb_probe_prepare(&probe, &cpus, ns, &err);
 *	qb_probe_reset(&probe);
 *	… a process that is placed as the benchmark is: _exit(qb_probe_loops(&probe)) …
 *	r = qb_probe_finish(&probe, &found, &err);      from the reset on as often as one likes
 *	… found.costs …
 *	qb_probe_free(&found);
 *	qb_probe_free(&probe);
 */
#ifndef QB_NOISE_PROBE_H
#define QB_NOISE_PROBE_H

#include "measure.h"

struct qb_probe {
	size_t n;      /* 0: there is none */
	double *costs; /* owned, by CPU in ascending order: what a chunk of work cost on average, in
			  ns, gaps included; 0: not known */
	struct qb_probe_shared *shared; /* owned; NULL: it is only what one found */
};

int qb_probe_prepare(
	struct qb_probe *ret, const struct qb_cpus *cpus, int64_t ns, struct qb_error *err);
/* The child's: its exit status. */
int qb_probe_loops(struct qb_probe *probe);
/* The parent's, before there is a child. */
void qb_probe_reset(struct qb_probe *probe);
/* The parent's, after the child's end: what it found. */
int qb_probe_finish(const struct qb_probe *probe, struct qb_probe *ret, struct qb_error *err);
/* The same of a measurement: what is usual, by the median of its windows. */
int qb_probe_of(const struct qb_measure *measure, struct qb_probe *ret, struct qb_error *err);
void qb_probe_free(struct qb_probe *probe);

/*
 * By how much the worst of the CPUs is slower in `to` than in `from`: 0.02 is by 2 %; negative: all
 * were faster. 0 where either is not known.
 */
double qb_probe_slower(const struct qb_probe *from, const struct qb_probe *to);

#endif
