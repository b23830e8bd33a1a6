/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * switchlog CPU: who was on that CPU, and when, as the kernel tells perf. Run it on another CPU.
 *
 * It shares no code with what it is the judge of. Prints "ready", logs until its input ends, and
 * then prints a line for each stay of a thread,
 *
 *	FROM_NS TO_NS TID PREEMPTED COMM
 *
 * in times of CLOCK_MONOTONIC, PREEMPTED being 1 where the thread wanted to go on; and at last
 * "lost N": records that did not fit (then nothing here is to be trusted).
 */
#include <linux/perf_event.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGES	    1024 /* a power of two */
#define STAYS_MAX   1000000
#define THREADS_MAX 4096
#define DRAIN_MS    20

struct stay {
	uint64_t from, to;
	uint32_t tid;
	int preempted;
	char comm[16];
};

struct thread {
	uint32_t tid;
	char comm[16];
};

static struct stay stays[STAYS_MAX];
static struct thread threads[THREADS_MAX];
static size_t n_stays, n_threads;
static uint64_t lost, since; /* since when somebody is there; 0: nobody, or not known */
static uint32_t there;

static struct thread *find(uint32_t tid)
{
	for (size_t i = n_threads; i-- > 0;) /* ids are recycled: the last one counts */
		if (threads[i].tid == tid)
			return &threads[i];
	if (n_threads == THREADS_MAX)
		n_threads--, lost++;
	threads[n_threads] = (struct thread){.tid = tid, .comm = "?"};
	return &threads[n_threads++];
}

/* It may have got another name elsewhere. One that has ended keeps the last that we knew. */
static const char *name(struct thread *thread)
{
	char path[64], comm[16];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", thread->tid);
	file = fopen(path, "r");
	if (file && fgets(comm, sizeof(comm), file)) {
		comm[strcspn(comm, "\n")] = '\0';
		memcpy(thread->comm, comm, sizeof(comm));
	}
	if (file)
		fclose(file);
	return thread->comm;
}

/* Whoever is there leaves. */
static void leave(uint64_t now, int preempted)
{
	struct stay *stay = &stays[n_stays];

	if (!since)
		return;
	if (n_stays == STAYS_MAX) {
		lost++;
		return;
	}
	*stay = (struct stay){.from = since, .to = now, .tid = there, .preempted = preempted};
	memcpy(stay->comm, name(find(there)), sizeof(stay->comm));
	n_stays++;
	since = 0;
}

static void take(const char *record)
{
	const struct perf_event_header *head = (const void *)record;
	uint32_t next, ids[6]; /* what they are depends on the type */
	uint64_t time;

	memcpy(ids, record + sizeof(*head), sizeof(ids));
	switch (head->type) {
	case PERF_RECORD_SWITCH_CPU_WIDE: /* other pid, other tid | pid, tid | time */
		memcpy(&time, record + sizeof(*head) + 16, sizeof(time));
		/* Who comes is told by who leaves; its own record may be missing. */
		next = head->misc & PERF_RECORD_MISC_SWITCH_OUT ? ids[1] : ids[3];
		if (since && there == next && !(head->misc & PERF_RECORD_MISC_SWITCH_OUT))
			return;
		leave(time, !!(head->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT));
		if (next == 0)
			return;
		there = find(next)->tid;
		since = time;
		return;
	case PERF_RECORD_COMM: /* pid, tid, comm */
		memcpy(find(ids[1])->comm, record + sizeof(*head) + 8, 15);
		return;
	case PERF_RECORD_FORK: /* pid, parent's pid, tid, parent's tid */
		if (n_threads < THREADS_MAX) {
			struct thread parent = *find(ids[3]);

			parent.tid = ids[2];
			if (n_threads < THREADS_MAX)
				threads[n_threads++] = parent;
		}
		return;
	case PERF_RECORD_LOST: /* id (64 bits), lost (64 bits) */
		memcpy(&time, record + sizeof(*head) + 8, sizeof(time));
		lost += time;
		return;
	}
}

static void drain(struct perf_event_mmap_page *page)
{
	const char *data = (const char *)page + page->data_offset;
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE), tail = page->data_tail;
	char record[256];

	while (tail < head) {
		uint16_t size;

		for (size_t i = 0; i < sizeof(record); i++)
			record[i] = data[(tail + i) % page->data_size];
		memcpy(&size, record + offsetof(struct perf_event_header, size), sizeof(size));
		take(record);
		tail += size;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
}

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
		.sample_id_all = 1,
		.context_switch = 1,
		.comm = 1,
		.task = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC};
	struct pollfd input = {.fd = 0, .events = POLLIN};
	struct perf_event_mmap_page *page;
	struct timespec now;
	int fd;

	if (argc != 2)
		return 2;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, atoi(argv[1]), -1, PERF_FLAG_FD_CLOEXEC);
	page = fd < 0 ? MAP_FAILED
		      : mmap(NULL, (size_t)(1 + PAGES) * (size_t)sysconf(_SC_PAGESIZE),
				PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED) {
		perror("switchlog");
		return 1;
	}
	prctl(PR_SET_NAME, "qb-switchlog");
	puts("ready");
	fflush(stdout);
	while (poll(&input, 1, DRAIN_MS) == 0)
		drain(page);
	drain(page);
	clock_gettime(CLOCK_MONOTONIC, &now);
	leave((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, 0);
	for (size_t i = 0; i < n_stays; i++)
		printf("%llu %llu %u %d %s\n", (unsigned long long)stays[i].from,
			(unsigned long long)stays[i].to, stays[i].tid, stays[i].preempted,
			stays[i].comm);
	printf("lost %llu\n", (unsigned long long)lost);
	return 0;
}
