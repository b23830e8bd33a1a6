/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.h */
#include "probe.h"
#include <base/macros.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Memory of parent and child. */
struct qb_probe_shared {
	size_t size, n_windows;
	int64_t window_ns; /* together they are as long as was asked for */
	_Atomic bool stop;
	struct qb_loop loops[]; /* behind them the windows of every CPU */
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * What a chunk cost on average in these windows, gaps included but for what other tasks took: the
 * watcher tells of them. 0: not known.
 */
static double cost_of(
	const struct qb_loop_window *windows, size_t n, int64_t window_ns, int64_t waited_ns)
{
	double chunk = 0, taken = -(double)waited_ns;
	size_t full = 0;

	for (size_t i = 0; i < n; i++) {
		chunk += (double)windows[i].chunk_ns;
		full += windows[i].chunk_ns > 0;
		taken += (double)windows[i].gap_ns;
	}
	taken = (taken > 0 ? taken : 0) / ((double)n * (double)window_ns);
	return full && taken < 1 ? chunk / (double)full / (1 - taken) : 0;
}

int qb_probe_prepare(
	struct qb_probe *ret, const struct qb_cpus *cpus, int64_t ns, struct qb_error *err)
{
	const size_t n = qb_cpus_count(cpus),
		     windows = (size_t)((ns + QB_LOOP_WINDOW_NS - 1) / QB_LOOP_WINDOW_NS);
	const size_t size = sizeof(*ret->shared) +
			    n * (sizeof(struct qb_loop) + windows * sizeof(struct qb_loop_window));
	struct qb_probe_shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	size_t i = 0;

	if (shared == MAP_FAILED)
		return qb_error_errno(err, ENOMEM, "make memory for a probe of the CPUs");
	shared->size = size;
	shared->n_windows = windows;
	shared->window_ns = ns / (int64_t)windows;
	qb_cpus_foreach (cpu, cpus)
		shared->loops[i++].cpu = cpu;
	*ret = (struct qb_probe){.n = n, .shared = shared};
	return 0;
}

void qb_probe_reset(struct qb_probe *probe)
{
	struct qb_probe_shared *shared = probe->shared;
	struct qb_loop_window *all = (struct qb_loop_window *)&shared->loops[probe->n];

	shared->stop = false;
	memset(all, 0,
		probe->n * shared->n_windows * sizeof(*all)); /* a loop adds to its windows */
	for (size_t i = 0; i < probe->n; i++)
		shared->loops[i] = (struct qb_loop){.cpu = shared->loops[i].cpu,
			.brief = true,
			.windows = all + i * shared->n_windows,
			.n_windows = shared->n_windows,
			.window_ns = shared->window_ns,
			.stop = &shared->stop};
}

int qb_probe_loops(struct qb_probe *probe)
{
	return qb_loops_run(probe->shared->loops, probe->n, &probe->shared->stop) ? EXIT_FAILURE
										  : EXIT_SUCCESS;
}

int qb_probe_finish(const struct qb_probe *probe, struct qb_probe *ret, struct qb_error *err)
{
	double *costs = calloc(probe->n + 1, sizeof(*costs));

	if (!costs)
		return qb_error_errno(err, ENOMEM, "keep what a probe of the CPUs found");
	for (size_t i = 0; i < probe->n; i++) {
		const struct qb_loop *loop = &probe->shared->loops[i];

		if (loop->done)
			costs[i] = cost_of(loop->windows, loop->done, loop->window_ns,
				loop->waited_ns > 0 ? loop->waited_ns : 0);
	}
	*ret = (struct qb_probe){.n = probe->n, .costs = costs};
	return 0;
}

/* The median of the windows of a measurement; `costs` has room for them. */
static double usual(const struct qb_measure_cpu *of, double *costs)
{
	size_t known = 0;

	for (size_t i = 0; i < of->n; i++) {
		const struct qb_loop_window *windows = &of->loop->windows[i * QB_MEASURE_LOOPS];
		int64_t preempted = 0;

		for (size_t j = 0; j < QB_MEASURE_LOOPS; j++)
			preempted += windows[j].preempted_ns;
		costs[known] = cost_of(windows, QB_MEASURE_LOOPS, QB_LOOP_WINDOW_NS, preempted);
		known += costs[known] > 0;
	}
	qsort(costs, known, sizeof(*costs), compare);
	return known ? costs[known / 2] : 0;
}

int qb_probe_of(const struct qb_measure *m, struct qb_probe *ret, struct qb_error *err)
{
	double *costs = calloc(m->n + 1, sizeof(*costs));
	_cleanup_free_ double *windows = calloc(m->n ? m->of[0].n + 1 : 1, sizeof(*windows));

	if (!costs || !windows) {
		free(costs);
		return qb_error_errno(err, ENOMEM, "keep what is usual of the CPUs");
	}
	for (size_t i = 0; i < m->n; i++)
		costs[i] = usual(&m->of[i], windows);
	*ret = (struct qb_probe){.n = m->n, .costs = costs};
	return 0;
}

void qb_probe_free(struct qb_probe *probe)
{
	free(probe->costs);
	if (probe->shared)
		munmap(probe->shared, probe->shared->size);
	*probe = (struct qb_probe){0};
}

double qb_probe_slower(const struct qb_probe *from, const struct qb_probe *to)
{
	double worst = 0;
	bool known = false;

	for (size_t i = 0; i < from->n && i < to->n; i++) {
		const double ratio = from->costs[i] > 0 ? to->costs[i] / from->costs[i] - 1 : -1;

		if (ratio <= -1)
			continue;
		worst = known && worst > ratio ? worst : ratio;
		known = true;
	}
	return worst;
}
