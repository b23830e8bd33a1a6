/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure.h: the child, a thread on each CPU that is measured. */
#include "measure_internal.h"
#include "ticks.h"
#include <base/macros.h>
#include <errno.h>
#include <host/tasks.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

void qb_measure_sleep(int64_t until_ns)
{
	const struct timespec t = qb_ns_timespec(until_ns);

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

struct thread {
	struct qb_measure_shared *shared;
	struct qb_measure_cpu *of;
	pthread_t id;
};

static void *run_loop(void *data)
{
	const struct thread *thread = data;
	struct qb_measure_shared *shared = thread->shared;
	struct qb_cpus own = {0};
	int r;

	qb_cpus_add(&own, thread->of->cpu);
	thread->of->loop->tid = gettid();
	r = qb_task_set_affinity(gettid(), &own, NULL);
	if (r < 0)
		shared->failed = -r;
	else
		qb_loop_run(thread->of->loop);
	return NULL;
}

int qb_measure_loops(struct qb_measure *m)
{
	_cleanup_free_ struct thread *threads = calloc(m->n, sizeof(*threads));
	sigset_t most;
	size_t n = 0;
	int r = threads ? 0 : ENOMEM;

	sigfillset(&most); /* a handler in a loop would be a gap */
	sigdelset(&most, SIGTERM);
	sigdelset(&most, SIGINT);
	pthread_sigmask(SIG_SETMASK, &most, NULL);
	/* Kept from being paged out where that is allowed; all is touched already. */
	(void)mlockall(MCL_CURRENT);
	for (; n < m->n && r == 0; n += r == 0) {
		threads[n] = (struct thread){.shared = m->shared, .of = &m->of[n]};
		r = pthread_create(&threads[n].id, NULL, run_loop, &threads[n]);
	}
	if (r != 0)
		m->shared->failed = r;
	m->shared->stop = m->shared->stop || r != 0;
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i].id, NULL);
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
