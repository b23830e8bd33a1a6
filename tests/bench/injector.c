/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * injector CPU PERCENT SEED SECONDS: takes that share of a CPU's time away, and says what it took.
 *
 * A SCHED_FIFO thread on an absolute timer. Periods are drawn evenly from 5 to 20 ms, so that it
 * falls into step with nobody. In each it uses PERCENT of the period, by the kernel's account of its
 * own CPU time: the way in and out counts, too. Ends after SECONDS, or on SIGTERM, and prints
 *
 *	{"tid": …, "started_ns": …, "stopped_ns": …, "cpu_ns": …, "activations": …,
 *	 "each": [[woke_ns, slept_ns, cpu_ns], …]}
 *
 * with times of CLOCK_MONOTONIC. The share in a window is known from `each`.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_MIN  INT64_C(5000000)
#define PERIOD_MAX  INT64_C(20000000)
#define SECONDS_MAX 60
#define PERCENT_MAX 20 /* beyond, the kernel's own limit of real-time tasks would interfere */
#define PRIORITY    10

struct activation {
	int64_t woke, slept, cpu;
};

static volatile sig_atomic_t stop;

static void end(int signal)
{
	stop = 1;
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64* (Vigna 2016). */
static int64_t draw_period(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return PERIOD_MIN +
	       (int64_t)(*state * UINT64_C(2685821657736338717) >> 11) % (PERIOD_MAX - PERIOD_MIN);
}

static void prepare(int cpu)
{
	const struct sched_param param = {.sched_priority = PRIORITY};
	struct sigaction action = {.sa_handler = end};
	cpu_set_t set;

	prctl(PR_SET_NAME, "qb-injector");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0 ||
		sched_setscheduler(0, SCHED_FIFO, &param) < 0) {
		perror("injector");
		exit(1);
	}
	mlockall(MCL_CURRENT | MCL_FUTURE);
}

static size_t inject(
	struct activation *each, size_t max, double percent, uint64_t state, int64_t until)
{
	int64_t next = now(CLOCK_MONOTONIC), used = now(CLOCK_THREAD_CPUTIME_ID);
	size_t n = 0;

	while (!stop && n < max && next < until) {
		int64_t period = draw_period(&state),
			target = (int64_t)((double)period * percent / 100);
		const struct timespec t = {next / 1000000000, next % 1000000000};

		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
			continue; /* told to stop */
		each[n].woke = now(CLOCK_MONOTONIC);
		do
			each[n].cpu = now(CLOCK_THREAD_CPUTIME_ID) - used;
		while (each[n].cpu < target);
		each[n].slept = now(CLOCK_MONOTONIC);
		used += each[n++].cpu;
		next += period;
	}
	return n;
}

int main(int argc, char **argv)
{
	const double percent = argc == 5 ? atof(argv[2]) : 0;
	const int seconds = argc == 5 ? atoi(argv[4]) : 0;
	struct activation *each;
	int64_t started, stopped, cpu = 0;
	size_t n, max;

	if (percent <= 0 || percent > PERCENT_MAX || seconds < 1 || seconds > SECONDS_MAX) {
		fprintf(stderr, "usage: injector CPU PERCENT(0..%d] SEED SECONDS[1..%d]\n",
			PERCENT_MAX, SECONDS_MAX);
		return 2;
	}
	max = (size_t)((int64_t)seconds * 1000000000 / PERIOD_MIN);
	each = calloc(max, sizeof(*each));
	if (!each)
		return 1;
	prepare(atoi(argv[1]));
	started = now(CLOCK_MONOTONIC);
	n = inject(each, max, percent, strtoull(argv[3], NULL, 0) * 2 + 1,
		started + (int64_t)seconds * 1000000000);
	stopped = now(CLOCK_MONOTONIC);
	for (size_t i = 0; i < n; i++)
		cpu += each[i].cpu;
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});
	printf("{\"tid\": %d, \"started_ns\": %lld, \"stopped_ns\": %lld, \"cpu_ns\": %lld, "
	       "\"activations\": %zu,\n\"each\": [",
		gettid(), (long long)started, (long long)stopped, (long long)cpu, n);
	for (size_t i = 0; i < n; i++)
		printf("%s[%lld,%lld,%lld]", i ? ",\n" : "", (long long)each[i].woke,
			(long long)each[i].slept, (long long)each[i].cpu);
	puts("]}");
	return 0;
}
