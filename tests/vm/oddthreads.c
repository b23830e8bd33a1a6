/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oddthreads MASK...: a process with one thread per hexadecimal affinity mask, for tests that
 * restore affinities. Prints "ready" when all have theirs, and then waits to be killed.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *wait_for_death(void *unused)
{
	for (;;)
		pause();
	return unused;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unsigned long mask = strtoul(argv[i], NULL, 16);
		cpu_set_t cpus;
		pthread_t thread;
		int error;

		CPU_ZERO(&cpus);
		for (int cpu = 0; cpu < 64; cpu++) {
			if (mask & 1UL << cpu)
				CPU_SET(cpu, &cpus);
		}
		error = pthread_create(&thread, NULL, wait_for_death, NULL);
		if (!error)
			error = pthread_setaffinity_np(thread, sizeof(cpus), &cpus);
		if (error) {
			fprintf(stderr, "oddthreads: thread with mask %s: %s\n", argv[i],
				strerror(error));
			return 1;
		}
	}
	puts("ready");
	fflush(stdout);
	wait_for_death(NULL);
}
