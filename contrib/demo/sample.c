/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A benchmark to try quietbench with: the same piece of work 200 times, and how long it took.
 * The work is a chain of dependent multiplications: it measures the core's clock and whatever
 * takes the core away, and nothing else.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RUNS  200
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

int main(void)
{
	static double times[RUNS];
	volatile uint64_t result;
	double mad = 0, deviations[RUNS];

	for (int i = 0; i < RUNS; i++) {
		double start = now_ms();
		uint64_t x = 88172645463325252u;

		for (int step = 0; step < STEPS; step++)
			x = x * 6364136223846793005u + 1442695040888963407u;
		result = x;
		times[i] = now_ms() - start;
	}
	(void)result;
	qsort(times, RUNS, sizeof(times[0]), compare);
	for (int i = 0; i < RUNS; i++)
		deviations[i] = times[i] > times[RUNS / 2] ? times[i] - times[RUNS / 2]
							   : times[RUNS / 2] - times[i];
	qsort(deviations, RUNS, sizeof(deviations[0]), compare);
	mad = deviations[RUNS / 2];
	printf("%d runs: median %.3f ms, half of them within ±%.3f ms (%.2f %%), slowest +%.1f %%\n",
		RUNS, times[RUNS / 2], mad, 100 * mad / times[RUNS / 2],
		100 * (times[RUNS - 1] / times[RUNS / 2] - 1));
	return 0;
}
