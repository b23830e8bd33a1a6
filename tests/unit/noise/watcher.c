/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perf's records as the kernel writes them into its rings; and what one process saw, told to another. */
#include <errno.h>
#include <noise/watcher.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/perf_event.h>

#define DATA	512	   /* so that records lie around its end */
#define FOREVER 0x3ffffff0 /* pids that nobody has: the kernel's greatest is 4194304 */
#define A	(FOREVER)
#define B	(FOREVER + 1)
#define CHILD	(FOREVER + 2)
#define NOBODY	0xffffffff
#define CROWD	3000

struct ring {
	struct perf_event_mmap_page page;
	char data[DATA];
};

static struct ring fakes[2];
static struct qb_watcher_ring rings[2];
static struct qb_watcher watcher;

static int begin(void **state)
{
	memset(fakes, 0, sizeof(fakes));
	watcher = (struct qb_watcher){.rings = rings, .n_rings = 2, .interval_ns = 64000000};
	for (unsigned i = 0; i < 2; i++) {
		fakes[i].page.data_offset = sizeof(fakes[i].page);
		fakes[i].page.data_size = DATA;
		rings[i] = (struct qb_watcher_ring){.cpu = i, .page = &fakes[i].page};
		assert_int_equal(qb_runners_watch(&watcher.seen, i, 0), 0);
	}
	return 0;
}

static int end(void **state)
{
	watcher.rings = NULL;
	watcher.n_rings = 0;
	qb_watcher_close(&watcher);
	return 0;
}

static void put(unsigned cpu, const void *record, size_t size)
{
	struct ring *ring = &fakes[cpu];

	for (size_t i = 0; i < size; i++)
		ring->data[(ring->page.data_head + i) % DATA] = ((const char *)record)[i];
	ring->page.data_head += size;
}

struct id {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, reserved;
};

static struct perf_event_header head_of(unsigned type, unsigned misc, size_t size)
{
	return (struct perf_event_header){type, (uint16_t)misc, (uint16_t)size};
}

static void put_switch(unsigned cpu, uint64_t time, uint32_t id, unsigned misc)
{
	struct {
		struct perf_event_header head;
		uint32_t other_pid, other_tid;
		struct id id;
	} record = {.id = {.pid = id, .tid = id, .time = time}};

	record.head = head_of(PERF_RECORD_SWITCH_CPU_WIDE, misc, sizeof(record));
	put(cpu, &record, sizeof(record));
}

static void in(unsigned cpu, uint64_t time, uint32_t id)
{
	put_switch(cpu, time, id, 0);
}

static void out(unsigned cpu, uint64_t time, uint32_t id)
{
	put_switch(cpu, time, id, PERF_RECORD_MISC_SWITCH_OUT);
}

static void preempted(unsigned cpu, uint64_t time, uint32_t id)
{
	put_switch(
		cpu, time, id, PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT);
}

static void put_family(unsigned cpu, unsigned type, uint64_t time, uint32_t parent, uint32_t child)
{
	struct {
		struct perf_event_header head;
		uint32_t pid, ppid, tid, ptid;
		uint64_t time;
		struct id id;
	} record = {.pid = child, .ppid = parent, .tid = child, .ptid = parent};

	record.head = head_of(type, 0, sizeof(record));
	record.time = record.id.time = time;
	put(cpu, &record, sizeof(record));
}

static void put_name(unsigned cpu, uint64_t time, uint32_t id, const char *comm, unsigned misc)
{
	struct {
		struct perf_event_header head;
		uint32_t pid, tid;
		char comm[16]; /* as long as it needs, in eights */
		struct id id;
	} record = {.pid = id, .tid = id, .id = {.time = time}};

	strncpy(record.comm, comm, sizeof(record.comm) - 1);
	record.head = head_of(PERF_RECORD_COMM, misc, sizeof(record));
	put(cpu, &record, sizeof(record));
}

static const struct qb_runner *runner(const struct qb_watcher *of, pid_t id)
{
	for (size_t i = 0; i < of->seen.n; i++)
		if (of->seen.v[i]->tid == id)
			return of->seen.v[i];
	fail_msg("nobody has the number %d", id);
	return NULL;
}

/* A child runs on one CPU after its fork on the other, whichever ring is read first. */
static void test_merge(void **state)
{
	watcher.seen.complete = true;
	qb_runners_follow(&watcher.seen, A);
	in(0, 150, CHILD);
	out(0, 180, NOBODY);
	in(0, 180, B);
	in(1, 100, A);
	put_name(1, 110, A, "bench", PERF_RECORD_MISC_COMM_EXEC);
	put_family(1, PERF_RECORD_FORK, 140, A, CHILD);
	preempted(1, 160, A);
	qb_watcher_drain(&watcher);
	in(1, 190, A);
	put_name(0, 195, B, "cron", 0);
	put_family(1, PERF_RECORD_EXIT, 200, 1, A);
	out(0, 230, B);
	qb_watcher_end(&watcher, 900);
	assert_int_equal(runner(&watcher, CHILD)->whose, QB_WHOSE_OWN);
	assert_int_equal(qb_runner_stay(runner(&watcher, CHILD), 0).ns, 30);
	assert_int_equal(runner(&watcher, B)->whose, QB_WHOSE_OTHER);
	assert_string_equal(runner(&watcher, B)->comm, "cron");
	assert_int_equal(qb_runner_total(runner(&watcher, B)).ns, 20);
	assert_int_equal(watcher.seen.exec_ns, 110);
	assert_int_equal(watcher.seen.exit_ns, 200);
	assert_int_equal(qb_runners_waited(&watcher.seen), 30);
	assert_int_equal(watcher.seen.lost, 0);
}

static void test_end(void **state)
{
	in(0, 100, A);
	out(0, 500, A);
	in(0, 500, B);
	qb_watcher_end(&watcher, 300);
	assert_int_equal(qb_runner_total(runner(&watcher, A)).ns, 200);
	assert_int_equal(watcher.seen.n, 1);
}

/* Many rounds of the ring, each record at another place of it. */
static void test_round(void **state)
{
	for (uint64_t i = 0; i < 100; i++) {
		in(1, 1000 + 20 * i, A);
		out(1, 1010 + 20 * i, A);
		put_name(1, 1015 + 20 * i, A, "round", 0);
		qb_watcher_drain(&watcher);
	}
	assert_int_equal(qb_runner_stay(runner(&watcher, A), 1).ns, 1000);
	assert_int_equal(qb_runner_stay(runner(&watcher, A), 1).times, 100);
	assert_int_equal(watcher.seen.lost, 0);
	assert_int_equal(fakes[1].page.data_tail, fakes[1].page.data_head);
}

static void test_loss_is_counted(void **state)
{
	struct {
		struct perf_event_header head;
		uint64_t id, lost;
		struct id sample;
	} record = {.lost = 5};

	record.head = head_of(PERF_RECORD_LOST, 0, sizeof(record));
	put(0, &record, sizeof(record));
	qb_watcher_drain(&watcher);
	assert_int_equal(watcher.seen.lost, 5);
}

/* The kernel tells of a loss with the next record that fits: with a full ring there may be none. */
static void test_full(void **state)
{
	while (fakes[0].page.data_head + 40 <= DATA)
		in(0, 1 + fakes[0].page.data_head, A);
	qb_watcher_drain(&watcher);
	assert_true(watcher.seen.lost > 0);
	assert_true(watcher.interval_ns < 64000000);
}

/* ---- told to another ---- */

static struct qb_watcher other;
static unsigned messages;

static int take(struct qb_switches_message *message, void *to)
{
	assert_ptr_equal(to, &other);
	assert_true(message->n <= QB_SWITCHES_SEEN);
	messages++;
	qb_watcher_lend(&other, message);
	return 0;
}

static int break_off(struct qb_switches_message *message, void *to)
{
	return -EPIPE;
}

static bool hide_odd(const struct qb_runner *who, const void *data)
{
	assert_ptr_equal(data, &messages);
	return who->tid % 2;
}

static void fill(void)
{
	for (int i = 0; i < CROWD; i++) {
		struct qb_runner who = {
			.pid = FOREVER + i, .tid = FOREVER + i, .whose = (enum qb_whose)(i % 3)};

		snprintf(who.comm, sizeof(who.comm), "task-%d", i);
		for (unsigned cpu = 0; cpu < 2; cpu++)
			assert_int_equal(
				qb_runners_add(&watcher.seen, &who,
					(struct qb_stay){
						.cpu = cpu, .ns = 1000 * (i + cpu), .times = 2}),
				0);
	}
	watcher.seen.exec_ns = 17;
	watcher.seen.exit_ns = 4711;
	watcher.seen.rest_waited = 12;
	watcher.seen.level_ns[3] = 100;
	watcher.seen.of[1].rest[QB_WHOSE_OTHER].ns = 5;
}

static int64_t sum_on(const struct qb_watcher *of, unsigned cpu, enum qb_whose whose)
{
	int64_t sum = 0;

	for (size_t i = 0; i < of->seen.n_of; i++)
		sum += of->seen.of[i].cpu == cpu ? of->seen.of[i].rest[whose].ns : 0;
	for (size_t i = 0; i < of->seen.n; i++)
		if (of->seen.v[i]->whose == whose)
			sum += qb_runner_stay(of->seen.v[i], cpu).ns;
	return sum;
}

/* Whoever has no entry of its own is in the sums, with its own kind; of who must not be named there is one
 * sum for each CPU and kind, and nothing else (A8). */
static void test_told(void **state)
{
	int nameless = 0;

	messages = 0;
	other = (struct qb_watcher){0};
	fill();
	assert_int_equal(qb_watcher_tell(&watcher, hide_odd, &messages, take, &other), 0);
	assert_true(messages > 1 && qb_watcher_knows(&other) && !qb_watcher_is_open(&other));
	for (unsigned cpu = 0; cpu < 2; cpu++)
		for (int whose = 0; whose < QB_WHOSE_COUNT; whose++)
			assert_int_equal(sum_on(&other, cpu, (enum qb_whose)whose),
				sum_on(&watcher, cpu, (enum qb_whose)whose));
	assert_int_equal(other.seen.exec_ns, 17);
	assert_int_equal(other.seen.exit_ns, 4711);
	assert_int_equal(qb_runners_waited(&other.seen), 12);
	assert_int_equal(qb_runners_at_once(&other.seen), 3);
	assert_int_equal(other.seen.lost, 0);
	/* The longest that is known by name. */
	assert_string_equal(runner(&other, FOREVER + CROWD - 4)->comm, "task-2996");
	for (size_t i = 0; i < other.seen.n; i++) {
		assert_int_equal(other.seen.v[i]->tid % 2, 0);
		if (!other.seen.v[i]->tid) {
			assert_int_equal(other.seen.v[i]->pid, 0);
			assert_string_equal(other.seen.v[i]->comm, "other users' processes");
			nameless++;
		}
	}
	assert_int_equal(nameless, 2); /* of two kinds, the benchmark's are never listed */
	qb_watcher_close(&other);
	assert_int_equal(qb_watcher_tell(&watcher, NULL, NULL, break_off, NULL), -EPIPE);
}

/* As many CPUs as there are: whoever ran on one of them is seen there, and told of it. */
static void test_wide(void **state)
{
	enum { WIDE = 1024 };

	other = (struct qb_watcher){0};
	for (unsigned cpu = 2; cpu < WIDE; cpu++)
		assert_int_equal(qb_runners_watch(&watcher.seen, cpu, 0), 0);
	qb_runners_follow(&watcher.seen, A);
	watcher.seen.complete = true;
	for (unsigned cpu = 0; cpu < WIDE; cpu++) {
		struct qb_event event = {.type = QB_EVENT_IN,
			.cpu = cpu,
			.at_ns = 1000 * cpu,
			.pid = cpu % 2 ? A : B,
			.tid = cpu % 2 ? A : B};

		qb_runners_take(&watcher.seen, &event);
		event.type = QB_EVENT_OUT;
		event.at_ns += cpu + 1;
		qb_runners_take(&watcher.seen, &event);
	}
	qb_runners_end(&watcher.seen, 1000 * WIDE);
	assert_int_equal(qb_watcher_tell(&watcher, NULL, NULL, take, &other), 0);
	for (unsigned cpu = 0; cpu < WIDE; cpu++) {
		const enum qb_whose whose = cpu % 2 ? QB_WHOSE_OWN : QB_WHOSE_OTHER;

		assert_int_equal(sum_on(&watcher, cpu, whose), cpu + 1);
		assert_int_equal(sum_on(&other, cpu, whose), cpu + 1);
	}
	assert_int_equal(other.seen.lost, 0);
	qb_watcher_close(&other);
}

/* Rings of the same size for every page there is: never larger than for small ones but by what a page needs. */
static void test_page_sizes(void **state)
{
	static const size_t pages[] = {4096, 16384, 65536};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		for (unsigned n_cpus = 1; n_cpus <= 8192; n_cpus *= 2)
			for (int switches = 0; switches < 2; switches++) {
				const size_t page = pages[i];
				size_t before = SIZE_MAX, size;
				bool everybodys = false;

				for (unsigned at = 0;
					(size = qb_watcher_ring_size(switches, n_cpus, page, at));
					at++) {
					const size_t data = size - page, n = data / page;

					assert_true(size > page && size < before);
					assert_int_equal(data % page, 0);
					assert_int_equal(n & (n - 1), 0);
					assert_true(data <= 4 << 20);
					/* perf_event_mlock_kb is 512 and a page. */
					everybodys |= size <= (512 << 10) + page;
					before = size;
				}
				assert_true(before != SIZE_MAX && everybodys);
			}
	assert_int_equal(qb_watcher_ring_size(true, 1, 4096, 0), 4096 + (4 << 20));
	assert_int_equal(qb_watcher_ring_size(true, 1, 65536, 0), 65536 + (4 << 20));
	assert_int_equal(qb_watcher_ring_size(true, 64, 65536, 0), 65536 + (1 << 20));
	assert_int_equal(qb_watcher_ring_size(true, 8192, 65536, 0), 2 * 65536);
	assert_int_equal(qb_watcher_ring_size(false, 1, 65536, 1), 2 * 65536);
	assert_int_equal(qb_watcher_ring_size(false, 1, 65536, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_sizes),
		cmocka_unit_test_setup_teardown(test_merge, begin, end),
		cmocka_unit_test_setup_teardown(test_end, begin, end),
		cmocka_unit_test_setup_teardown(test_round, begin, end),
		cmocka_unit_test_setup_teardown(test_loss_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(test_full, begin, end),
		cmocka_unit_test_setup_teardown(test_told, begin, end),
		cmocka_unit_test_setup_teardown(test_wide, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
