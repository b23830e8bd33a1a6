/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure.h */
#include "hard.h"
#include "measure_internal.h"
#include "ticks.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A loop that does not begin within this, beyond its warm-up, has no CPU to begin on. */
#define BEGIN_NS INT64_C(10000000000)

/* ---- waiting for them ---- */

static int check_child(const struct qb_measure *m, pid_t child, struct qb_error *err)
{
	siginfo_t info = {0};

	if (m->shared->failed)
		return qb_error_errno(err, m->shared->failed, "bind a measuring thread to its CPU");
	if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
		return 0;
	return qb_error_set(err, ECHILD, "the measuring process has ended early");
}

/* All have begun: their clocks run from about the same time on. */
static int await_loops(const struct qb_measure *m, pid_t child, struct qb_error *err)
{
	int64_t end = qb_ns_now(CLOCK_MONOTONIC) + QB_LOOP_WARM_UP_NS + BEGIN_NS;

	for (size_t i = 0; i < m->n; i++)
		while (!m->of[i].loop->started_ns) {
			int r = check_child(m, child, err);

			if (r < 0)
				return r;
			if (qb_ns_now(CLOCK_MONOTONIC) > end)
				return qb_error_set(err, ETIMEDOUT,
					"measure CPU %u: the measuring thread did not get to run there for %d s",
					m->of[i].cpu, (int)(BEGIN_NS / 1000000000));
			qb_measure_sleep(qb_ns_now(CLOCK_MONOTONIC) + 1000000);
		}
	return 0;
}

/* ---- the sampler ---- */

static void take_accounts(struct qb_measure *m, bool first)
{
	for (size_t i = 0; i < m->n; i++)
		m->of[i].waited[!first] = qb_task_waited(m->of[i].loop->tid);
}

/* Counters at the border before window `at`, of every CPU. */
static int sample(struct qb_measure *m, size_t at, struct qb_error *err)
{
	_cleanup_free_ char *interrupts = NULL, *stat = NULL;
	int r = 0;

	if (qb_file_read_all("/proc/interrupts", &interrupts, err) < 0 ||
		qb_file_read_all("/proc/stat", &stat, err) < 0)
		return -err->code;
	m->steal_untold = m->guest && !qb_counters_steal_moved(stat);
	qb_trace_drain(&m->trace);
	for (size_t i = 0; i < m->n && r >= 0; i++) {
		struct qb_measure_cpu *of = &m->of[i];

		r = qb_sources_take(
			&m->sources, interrupts, of->cpu, of->counts + at * m->sources.n, err);
		if (of->steal && qb_counters_steal(stat, of->cpu, &of->steal[at]) < 0) {
			free(of->steal);
			of->steal = NULL;
		}
	}
	qb_watcher_drain(&m->watcher);
	return r;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The usual chunk of a CPU: the median of its windows'. */
static double usual_chunk(const struct qb_loop_window *windows, size_t n)
{
	_cleanup_free_ double *chunks = calloc(n + 1, sizeof(*chunks));
	size_t used = 0;

	for (size_t i = 0; chunks && i < n; i++)
		if (windows[i].chunk_ns > 0)
			chunks[used++] = (double)windows[i].chunk_ns;
	if (!used)
		return 0;
	qsort(chunks, used, sizeof(*chunks), compare_doubles);
	return chunks[used / 2];
}

/*
 * A gap in which another task ran begins with the interrupt that woke that task. The
 * kernel's account says which part of these gaps belongs to tasks; what is left belongs to interrupts.
 */
static double part_of_others(const struct qb_measure_cpu *of, size_t n)
{
	const int64_t waited = of->waited[1] - of->waited[0];
	int64_t gaps = 0;

	for (size_t i = 0; i < n * QB_MEASURE_LOOPS; i++)
		gaps += of->loop->windows[i].preempted_ns;
	if (of->waited[0] < 0 || of->waited[1] < 0 || waited >= gaps)
		return 1;
	return (double)waited / (double)gaps;
}

/* Ten windows of the loop's as one of the verdict's. */
static struct qb_noise_window fold(
	const struct qb_measure *m, const struct qb_measure_cpu *of, size_t at, double others)
{
	const struct qb_loop_window *from = &of->loop->windows[at * QB_MEASURE_LOOPS];
	struct qb_noise_window window = {.steal = -1, .speed = -1};
	double chunk = usual_chunk(from, QB_MEASURE_LOOPS);

	for (size_t i = 0; i < QB_MEASURE_LOOPS; i++) {
		window.gaps += (double)from[i].gap_ns / (double)QB_VERDICT_WINDOW_NS;
		window.preempted +=
			others * (double)from[i].preempted_ns / (double)QB_VERDICT_WINDOW_NS;
		if (from[i].longest_ns > window.longest_ns)
			window.longest_ns = from[i].longest_ns;
	}
	if (of->loop->preempt.by == QB_PREEMPT_NONE)
		window.preempted = -1;
	if (chunk > 0 && of->chunk_ns > 0)
		window.speed =
			chunk > of->chunk_ns ? chunk / of->chunk_ns - 1 : 1 - chunk / of->chunk_ns;
	if (of->steal && !m->steal_untold)
		window.steal = (double)(of->steal[at + 1] - of->steal[at]) * 1e9 /
			       (double)sysconf(_SC_CLK_TCK) / (double)QB_VERDICT_WINDOW_NS;
	return window;
}

int qb_measure_judge(struct qb_measure *m, size_t n, struct qb_error *err)
{
	_cleanup_free_ struct qb_noise_window *all = calloc(n * m->n + 1, sizeof(*all));
	unsigned looks = 0;

	if (!all)
		return qb_error_errno(err, ENOMEM, "judge the measurement");
	for (size_t i = 0; i < m->n; i++) {
		struct qb_measure_cpu *of = &m->of[i];
		const double others = part_of_others(of, n);

		of->n = n;
		of->chunk_ns = usual_chunk(of->loop->windows, n * QB_MEASURE_LOOPS);
		for (size_t w = 0; w < n; w++)
			all[i * n + w] = of->windows[w] = fold(m, of, w, others);
	}
	while (looks < QB_MEASURE_LOOKS && m->looks[looks])
		looks++;
	qb_verdict_judge(all, n * m->n, &m->limits, looks, m->verdicts);
	m->verdict = qb_verdict_of_all(m->verdicts);
	m->looked++;
	return 0;
}

static int judge(
	struct qb_measure *m, size_t n, const struct qb_hard_before *before, struct qb_error *err)
{
	int r = qb_measure_judge(m, n, err);

	qb_hard_count(m, before);
	if (r == 0 && qb_hard_any(m))
		m->verdict = QB_VERDICT_OF_FAIL;
	return r;
}

/* How many windows of 100 ms the longest look takes. */
static size_t count_windows(const struct qb_measure *m)
{
	size_t windows = 0;

	for (int i = 0; i < QB_MEASURE_LOOKS && m->looks[i]; i++)
		windows = (size_t)(m->looks[i] / QB_VERDICT_WINDOW_NS);
	return windows;
}

/* Samples until a look decides. */
static int watch(struct qb_measure *m, pid_t child, const struct qb_hard_before *before,
	struct qb_error *err)
{
	const size_t windows = count_windows(m);
	const int64_t start = m->of[0].loop->started_ns;
	const int64_t end = start + (int64_t)windows * QB_VERDICT_WINDOW_NS;
	unsigned look = 0;
	int r;

	if (m->begun)
		m->begun(m->data);
	take_accounts(m, true);
	r = sample(m, 0, err);
	for (size_t at = 1; at <= windows && r >= 0; at++) {
		int64_t now = start + (int64_t)at * QB_VERDICT_WINDOW_NS;

		qb_measure_sleep(now);
		take_accounts(m, false);
		qb_measure_sleep(now + QB_MEASURE_LATE_NS);
		r = check_child(m, child, err);
		if (r == 0)
			r = sample(m, at, err);
		m->ns = now - start;
		/* An offline CPU has no counters. What was measured elsewhere does not count. */
		if ((r == 0 || r == -ENOENT) && qb_hard_moved(m))
			return judge(m, at - 1, before, err);
		if (r < 0)
			return r;
		if (m->progress && !m->progress(m->data, m->ns, end - start))
			return qb_error_set(err, QB_TOLD_TO_END, "told to end");
		if (m->ns < m->looks[look])
			continue;
		r = judge(m, at, before, err);
		if (r < 0 || m->verdict != QB_VERDICT_OF_UNDECIDED || at == windows)
			return r;
		look++;
	}
	return r;
}

/* ---- the whole ---- */

/* The loops go on for a window more than they are looked at. */
static size_t count_loops(size_t windows)
{
	return (windows + 1) * QB_MEASURE_LOOPS;
}

static size_t count_gaps(size_t windows)
{
	return (size_t)((int64_t)(windows + 1) * QB_VERDICT_WINDOW_NS * QB_LOOP_GAPS_PER_S /
			1000000000);
}

static int prepare_cpu(struct qb_measure *m, unsigned cpu, size_t windows, struct qb_error *err)
{
	struct qb_measure_cpu *of = &m->of[m->n];
	struct qb_loop *loop = &m->shared->loops[m->n];
	const size_t n = qb_cpus_count(&m->cpus);
	struct qb_loop_window *all = (struct qb_loop_window *)&m->shared->loops[n];

	of->cpu = loop->cpu = cpu;
	of->loop = loop;
	loop->n_windows = count_loops(windows);
	loop->windows = all + m->n * loop->n_windows;
	loop->gaps_room = count_gaps(windows);
	loop->gaps = (struct qb_loop_gap *)(all + n * loop->n_windows) + m->n * loop->gaps_room;
	loop->stop = &m->shared->stop;
	m->n++;
	of->windows = calloc(windows + 1, sizeof(*of->windows));
	of->counts = calloc((windows + 1) * (m->sources.n + 1), sizeof(*of->counts));
	of->steal = calloc(windows + 1, sizeof(*of->steal));
	if (!of->windows || !of->counts || !of->steal)
		return qb_error_errno(err, ENOMEM, "measure CPU %u", cpu);
	return 0;
}

int qb_measure_prepare(struct qb_measure *m, struct qb_error *err)
{
	const size_t windows = count_windows(m), n = qb_cpus_count(&m->cpus);
	const size_t size =
		sizeof(*m->shared) +
		n * (sizeof(struct qb_loop) + count_loops(windows) * sizeof(struct qb_loop_window) +
			    count_gaps(windows) * sizeof(struct qb_loop_gap));
	int r;

	if (!windows || !n)
		return qb_error_set(err, EINVAL,
			"measure: no CPU, or less than the 100 ms that a window takes");
	r = qb_sources_find(&m->sources, err);
	if (r < 0)
		return r;
	m->of = calloc(n, sizeof(*m->of));
	m->shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (m->shared == MAP_FAILED) {
		m->shared = NULL;
		return qb_error_errno(err, errno, "make memory for a measurement");
	}
	m->shared->size = size;
	if (!m->of)
		return qb_error_errno(err, ENOMEM, "measure");
	qb_cpus_foreach (cpu, &m->cpus) {
		r = prepare_cpu(m, cpu, windows, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int qb_measure_watch(struct qb_measure *m, pid_t child, struct qb_error *err)
{
	struct qb_accounts before = {0};
	struct qb_hard_before counters = {0};
	struct qb_cpus mask = {0};
	int r = 0;

	if (syscall(SYS_sched_getaffinity, 0, sizeof(mask), &mask) < 0)
		r = qb_error_errno(err, errno, "look at this thread's CPUs");
	/* If this thread may not run there it stays where it is, and is part of the noise. */
	if (r == 0 && !qb_cpus_empty(&m->housekeeping))
		(void)qb_task_set_affinity(gettid(), &m->housekeeping, NULL);
	if (r == 0)
		r = qb_accounts_begin(&before, err);
	m->accounts_ns = -qb_ns_now(CLOCK_MONOTONIC);
	if (r == 0) {
		(void)qb_watcher_open(&m->watcher, &m->cpus, 0, &m->not_watched);
		if (m->traces)
			r = qb_trace_begin(&m->trace, &m->cpus, err);
	}
	if (r == 0) {
		r = await_loops(m, child, err);
	}
	if (r == 0) {
		/* The loops' own beginning, with a thread to try the switches with, is nobody's noise. */
		for (size_t i = 0; i < m->watcher.seen.n_of; i++)
			m->watcher.seen.of[i].from_ns = m->of[i].loop->started_ns;
		m->trace.from_ns = m->of[0].loop->started_ns;
		qb_hard_begin(m, child, &counters);
		r = watch(m, child, &counters, err);
	}
	if (r == 0)
		qb_watcher_end(&m->watcher, m->of[0].loop->started_ns + m->ns);
	if (r == 0 && m->traces)
		qb_trace_end(&m->trace, m->of[0].loop->started_ns + m->ns);
	m->shared->stop = true;
	if (r == 0)
		r = qb_accounts_take(&m->accounts, err);
	m->accounts_ns += qb_ns_now(CLOCK_MONOTONIC);
	if (r == 0)
		qb_accounts_since(&m->accounts, &before);
	qb_accounts_free(&before);
	if (qb_task_set_affinity(gettid(), &mask, r < 0 ? NULL : err) < 0 && r == 0)
		r = -err->code;
	return r;
}

void qb_measure_free(struct qb_measure *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->of[i].windows);
		free(m->of[i].counts);
		free(m->of[i].steal);
		free(m->of[i].causes);
	}
	qb_watcher_close(&m->watcher);
	free(m->of);
	if (m->shared)
		munmap(m->shared, m->shared->size);
	qb_trace_free(&m->trace);
	qb_sources_free(&m->sources);
	qb_accounts_free(&m->accounts);
	m->of = NULL;
	m->shared = NULL;
	m->n = 0;
}
