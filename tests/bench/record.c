/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record CPU SECONDS: what `check` sees there, before anything is made of it, for tests/unit to replay:
 *
 *	started NS, cpu CPU, seconds N, direct 0|1, by N (enum qb_preempt_by), waited FROM TO (ns)
 *	source LABEL COUNT... NAME     one per window of 100 ms: how often it came
 *	steal TICKS...                 the same
 *	runner TID NS TIMES COMM
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

static void print(const struct qb_measure *m, const struct qb_measure_cpu *of, int seconds)
{
	printf("started %lld\ncpu %u\nseconds %d\ndirect %d\nby %d\nwaited %lld %lld\n",
		(long long)of->loop->started_ns, of->cpu, seconds, of->loop->direct,
		(int)of->loop->preempt.by, (long long)of->waited[0], (long long)of->waited[1]);
	print_counts(m, of);
	for (size_t i = 0; i < of->switches.n && of->switches.fd >= 0; i++) {
		const struct qb_runner *runner = &of->switches.v[i];

		if (!qb_measure_is_ours(m, runner->tid) && runner->ns > 0)
			printf("runner %d %lld %llu %s\n", runner->tid, (long long)runner->ns,
				(unsigned long long)runner->times, runner->comm);
	}
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
