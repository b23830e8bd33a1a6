/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure.h: the child, a thread on each CPU that is measured. */
#include "measure_internal.h"
#include <base/clock.h>
#include <base/macros.h>
#include <errno.h>

void qb_measure_sleep(int64_t until_ns)
{
	const struct timespec t = qb_ns_timespec(until_ns);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

int qb_measure_loops(struct qb_measure *m)
{
	m->shared->failed = qb_loops_run(m->shared->loops, m->n, &m->shared->stop);
	while (!m->shared->stop) /* a sampler that is late would take our end for a mishap */
		qb_measure_sleep(qb_ns_now(CLOCK_MONOTONIC) + QB_LOOP_WINDOW_NS);
	return m->shared->failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

bool qb_measure_is_ours(const struct qb_measure *m, pid_t tid)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->of[i].loop->tid == tid)
			return true;
	return false;
}
