/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measure N A... -- B...: runs A and B in turn, N times each, their output thrown away, and prints
 * "median_ms_A median_ms_B peak_kib_A peak_kib_B cpu_ms_A cpu_ms_B" (peak: of the largest process in
 * the tree; cpu: the median of what the tree used, which a busy machine changes less).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000

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

static double ms(struct timeval t)
{
	return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static double run(char **argv, long *peak, double *ret_cpu)
{
	double start = now_ms();
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int nowhere = open("/dev/null", O_RDWR);

		dup2(nowhere, 1);
		dup2(nowhere, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "measure: %s failed (wait status %#x)\n", argv[0], status);
		exit(1);
	}
	if (usage.ru_maxrss > *peak)
		*peak = usage.ru_maxrss;
	*ret_cpu = ms(usage.ru_utime) + ms(usage.ru_stime);
	return now_ms() - start;
}

int main(int argc, char **argv)
{
	static double times[2][RUNS_MAX], cpu[2][RUNS_MAX];
	long peaks[2] = {0, 0};
	int n = argc > 1 ? atoi(argv[1]) : 0, split = 2;

	while (split < argc && strcmp(argv[split], "--") != 0)
		split++;
	if (n < 1 || n > RUNS_MAX || split >= argc - 1)
		return 2;
	argv[split] = NULL;
	for (int i = 0; i < n; i++) {
		times[0][i] = run(argv + 2, &peaks[0], &cpu[0][i]);
		times[1][i] = run(argv + split + 1, &peaks[1], &cpu[1][i]);
	}
	for (int i = 0; i < 2; i++) {
		qsort(times[i], (size_t)n, sizeof(times[i][0]), compare);
		qsort(cpu[i], (size_t)n, sizeof(cpu[i][0]), compare);
	}
	printf("%.2f %.2f %ld %ld %.2f %.2f\n", times[0][n / 2], times[1][n / 2], peaks[0],
		peaks[1], cpu[0][n / 2], cpu[1][n / 2]);
	return 0;
}
