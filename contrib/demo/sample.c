/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A benchmark to try quietbench with: the same piece of work 200 times (or as often as it is told), and how
 * long it took.
 * The work is a chain of dependent multiplications: it measures the core's clock and whatever
 * takes the core away, and nothing else.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS  200 /* at most */
#define STEPS 2000000

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	const int runs = argc > 1 ? atoi(argv[1]) : RUNS;
	static double times[RUNS];
	volatile uint64_t result;
	double mad = 0, deviations[RUNS];

	if (runs < 1 || runs > RUNS)
		return EXIT_FAILURE;
	for (int i = 0; i < runs; i++) {
		double start = now_ms();
		uint64_t x = 88172645463325252u;

		for (int step = 0; step < STEPS; step++)
			x = x * 6364136223846793005u + 1442695040888963407u;
		result = x;
		times[i] = now_ms() - start;
	}
	(void)result;
	qsort(times, (size_t)runs, sizeof(times[0]), compare);
	for (int i = 0; i < runs; i++)
		deviations[i] = times[i] > times[runs / 2] ? times[i] - times[runs / 2]
							   : times[runs / 2] - times[i];
	qsort(deviations, (size_t)runs, sizeof(deviations[0]), compare);
	mad = deviations[runs / 2];
	printf("%d runs: median %.3f ms, half of them within ±%.3f ms (%.2f %%), slowest +%.1f %%\n",
		runs, times[runs / 2], mad, 100 * mad / times[runs / 2],
		100 * (times[runs - 1] / times[runs / 2] - 1));
	return 0;
}
