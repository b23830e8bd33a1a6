/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record CPU SECONDS: what `check` sees there, before anything is made of it, for tests/unit to replay:
 *
 *	started NS, cpu CPU, seconds N, direct 0|1, by N (enum qb_preempt_by), waited FROM TO (ns)
 *	source LABEL COUNT... NAME     one per window of 100 ms: how often it came
 *	steal TICKS...                 the same
 *	runner TID NS TIMES COMM
 *	tick NS AT                     the kernel's own: its period, and when one began
 *	gaps FROM NS[+] FROM NS[+]...  one line per window of 100 ms, in units of 0.1 us, FROM since the last
 *	                               began; +: somebody else had the CPU
 *	loop CHUNK_NS GAP_NS PREEMPTED_NS GAPS PREEMPTIONS LONGEST_NS     one per window of 10 ms
 */
#include <noise/measure.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void print_counts(const struct qb_measure *m, const struct qb_measure_cpu *of)
{
	const size_t n = m->sources.n;

	for (size_t s = 0; s < n; s++) {
		if (of->counts[of->n * n + s] == of->counts[s])
			continue;
		printf("source %s", m->sources.v[s].label);
		for (size_t i = 0; i < of->n; i++)
			printf(" %llu", (unsigned long long)(of->counts[(i + 1) * n + s] -
							     of->counts[i * n + s]));
		printf(" %s\n", m->sources.v[s].name);
	}
	if (!of->steal)
		return;
	printf("steal");
	for (size_t i = 0; i < of->n; i++)
		printf(" %llu", (unsigned long long)(of->steal[i + 1] - of->steal[i]));
	putchar('\n');
}

/* Tenths of a microsecond. */
static long long tenths(int64_t ns)
{
	return (ns + 50) / 100;
}

static void print_gaps(const struct qb_measure_cpu *of)
{
	const struct qb_loop *loop = of->loop;
	long long before = 0;
	size_t at = 0;

	printf("tick %.3f %lld", loop->tick_ns, (long long)loop->tick_at_ns);
	for (size_t i = 0; i < of->n; i++) {
		printf("\ngaps");
		for (; at < loop->n_gaps &&
			loop->gaps[at].at_ns < (int64_t)(i + 1) * QB_VERDICT_WINDOW_NS;
			at++) {
			const struct qb_loop_gap *gap = &loop->gaps[at];

			printf(" %lld %lld%s", tenths(gap->at_ns) - before, tenths(gap->ns),
				gap->preempted ? "+" : "");
			before = tenths(gap->at_ns);
		}
	}
	putchar('\n');
}

static void print(const struct qb_measure *m, const struct qb_measure_cpu *of, int seconds)
{
	printf("started %lld\ncpu %u\nseconds %d\ndirect %d\nby %d\nwaited %lld %lld\n",
		(long long)of->loop->started_ns, of->cpu, seconds, of->loop->direct,
		(int)of->loop->preempt.by, (long long)of->waited[0], (long long)of->waited[1]);
	print_counts(m, of);
	for (size_t i = 0; i < m->watcher.seen.n; i++) {
		const struct qb_runner *runner = m->watcher.seen.v[i];
		const struct qb_stay stay = qb_runner_stay(runner, of->cpu);

		if (!qb_measure_is_ours(m, runner->tid) && stay.ns > 0)
			printf("runner %d %lld %llu %s\n", runner->tid, (long long)stay.ns,
				(unsigned long long)stay.times, runner->comm);
	}
	print_gaps(of);
	for (size_t i = 0; i < of->n * QB_MEASURE_LOOPS; i++) {
		const struct qb_loop_window *w = &of->loop->windows[i];

		printf("loop %.3f %lld %lld %u %u %lld\n", (double)w->chunk_ns,
			(long long)w->gap_ns, (long long)w->preempted_ns, w->gaps, w->preemptions,
			(long long)w->longest_ns);
	}
}

int main(int argc, char **argv)
{
	static struct qb_measure m;
	const int seconds = argc == 3 ? atoi(argv[2]) : 0;
	struct qb_error err = {0};
	pid_t child;
	int r;

	if (seconds < 1 || seconds > 60)
		return 2;
	qb_cpus_add(&m.cpus, (unsigned)atoi(argv[1]));
	m.looks[0] = seconds * INT64_C(1000000000);
	r = qb_measure_prepare(&m, &err);
	if (r == 0) {
		child = fork();
		if (child == 0)
			_exit(qb_measure_loops(&m));
		r = qb_measure_watch(&m, child, &err);
		waitpid(child, NULL, 0);
	}
	if (r == 0)
		print(&m, &m.of[0], seconds);
	else
		fprintf(stderr, "record: %s\n", err.text);
	qb_measure_free(&m);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
