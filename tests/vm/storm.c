/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storm MASK...: threads and processes that are born, bind themselves to one of the hexadecimal
 * masks, bear others and die, all the time, on up to 8 CPUs. Some live to the end, and some leave
 * a process whose first thread has ended.
 *
 * Prints "ready" when it rages. On SIGUSR1 it holds its breath, judges and goes on:
 *
 *	1234 born, 56 alive, 7 wrong
 *
 * after a line for each that is wrong: its mask is neither one that it chose, nor one that an
 * ancestor chose, nor what the storm started with, which must be all CPUs. SIGTERM ends it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BIRTHS_MAX (1 << 17)
#define ALIVE_MAX  40
#define OLD_MAX	   20 /* of these, live to the end */
#define NOBODY	   (-1)

struct life {
	_Atomic int tid; /* 0: ended, or not born */
	int parent;
	_Atomic uint64_t had[4]; /* the masks that it chose: bit M stands for mask M */
};

static struct world {
	_Atomic int births, alive, old;
	_Atomic bool calm, over;
	struct life lives[BIRTHS_MAX];
} * world;

static unsigned choices[16];
static unsigned n_choices;
static unsigned online; /* and what the storm started with */

static void nap(unsigned ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

/* The mask of a thread on the CPUs that are online; 0 if it has ended. */
static unsigned mask_of(int tid)
{
	unsigned mask = 0;
	cpu_set_t cpus;

	if (sched_getaffinity(tid, sizeof(cpus), &cpus))
		return 0;
	for (int cpu = 0; cpu < 8; cpu++)
		mask |= CPU_ISSET(cpu, &cpus) ? 1U << cpu : 0;
	return mask;
}

static void remember(struct life *life, unsigned mask)
{
	atomic_fetch_or(&life->had[mask / 64], UINT64_C(1) << mask % 64);
}

/* What it asks for, and what of that it gets where others keep it off some CPUs. */
static void choose(struct life *life, unsigned mask)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (int cpu = 0; cpu < 8; cpu++) {
		if (mask & 1U << cpu)
			CPU_SET(cpu, &cpus);
	}
	remember(life, mask);
	if (!sched_setaffinity(0, sizeof(cpus), &cpus))
		remember(life, mask_of(0));
}

static void bear(int parent);

static void live(int parent)
{
	int self = atomic_fetch_add(&world->births, 1);
	struct life *life = &world->lives[self];
	unsigned chance = (unsigned)self * 2654435761U >> 8;
	bool long_lived = chance % 8 == 0 && atomic_fetch_add(&world->old, 1) < OLD_MAX;

	life->parent = parent;
	atomic_store(&life->tid, gettid());
	for (int age = 0; !world->over && (long_lived || age < 8); age++) {
		chance = chance * 1103515245U + 12345;
		if (!world->calm && chance >> 16 & 1)
			bear(self);
		if (!world->calm && (chance >> 17 & 7) == 0)
			choose(life, choices[(chance >> 20) % n_choices]);
		nap(2 + (chance >> 24) % (long_lived ? 200 : 60));
	}
	atomic_store(&life->tid, 0);
	atomic_fetch_sub(&world->alive, 1);
}

static void *live_as_thread(void *parent)
{
	live((int)(intptr_t)parent);
	return NULL;
}

/* A fork while another thread is creating one would leave the child with glibc's locks held. */
static pthread_mutex_t one_birth = PTHREAD_MUTEX_INITIALIZER;

static bool bear_thread(int parent)
{
	pthread_t thread;
	bool born;

	pthread_mutex_lock(&one_birth);
	born = !pthread_create(&thread, NULL, live_as_thread, (void *)(intptr_t)parent) &&
	       !pthread_detach(thread);
	pthread_mutex_unlock(&one_birth);
	return born;
}

static bool bear_process(int parent)
{
	pid_t child;

	pthread_mutex_lock(&one_birth);
	child = fork();
	pthread_mutex_unlock(&one_birth);
	if (child == 0) {
		live(parent);
		syscall(SYS_exit, 0); /* this thread alone: others of its process may outlive it */
	}
	return child > 0;
}

static void bear(int parent)
{
	if (world->births >= BIRTHS_MAX - ALIVE_MAX)
		return;
	if (atomic_fetch_add(&world->alive, 1) >= ALIVE_MAX ||
		!(world->births % 2 ? bear_thread(parent) : bear_process(parent)))
		atomic_fetch_sub(&world->alive, 1);
}

/* Is this mask one that the life or an ancestor of it chose? */
static bool is_right(const struct life *life, unsigned mask)
{
	for (; mask != online; life = &world->lives[life->parent]) {
		for (unsigned had = 0; had < 256; had++) {
			if (life->had[had / 64] & UINT64_C(1) << had % 64 && (had & online) == mask)
				return true;
		}
		if (life->parent == NOBODY)
			return false;
	}
	return true;
}

static void judge(void)
{
	int alive = 0, wrong = mask_of(0) != online, births;

	if (wrong)
		printf("wrong: the storm itself has %x\n", mask_of(0));

	world->calm = true;
	nap(500); /* who had begun to bear or to choose has done so */
	births = world->births;
	for (int i = 0; i < births; i++) {
		int tid = world->lives[i].tid;
		unsigned mask = tid ? mask_of(tid) : 0;

		if (!mask)
			continue;
		alive++;
		if (is_right(&world->lives[i], mask))
			continue;
		wrong++;
		printf("wrong: %d, born of %d, has %x\n", tid,
			world->lives[i].parent == NOBODY ? (int)getpid()
							 : world->lives[world->lives[i].parent].tid,
			mask);
	}
	printf("%d born, %d alive, %d wrong\n", births, alive, wrong);
	fflush(stdout);
	world->calm = false;
}

int main(int argc, char **argv)
{
	const struct timespec moment = {.tv_nsec = 5000000};
	bool ready = false;
	sigset_t signals;
	int got = 0;

	while ((int)n_choices < argc - 1 && n_choices < 16) {
		choices[n_choices] = (unsigned)strtoul(argv[n_choices + 1], NULL, 16) & 255;
		n_choices++;
	}
	world = mmap(
		NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!n_choices || world == MAP_FAILED) {
		fputs("storm: expected masks, and memory\n", stderr);
		return 1;
	}
	online = mask_of(0);
	signal(SIGCHLD, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	while (got != SIGTERM) {
		bear(NOBODY);
		if (!ready && world->births > ALIVE_MAX) {
			ready = true;
			puts("ready");
			fflush(stdout);
		}
		got = sigtimedwait(&signals, NULL, &moment);
		if (got == SIGUSR1)
			judge();
	}
	world->over = true;
	while (world->alive > 0)
		nap(20);
	return 0;
}
