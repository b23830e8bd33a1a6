/* SPDX-License-Identifier: GPL-2.0-or-later */
/* perf's records of switches, as the kernel writes them into its ring: what they amount to. */
#include <noise/switches.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <linux/perf_event.h>

#define DATA	4096
#define FOREVER 0x3ffffff0 /* pids that nobody has: the kernel's greatest is 4194304 */

static struct {
	struct perf_event_mmap_page page;
	char data[DATA];
} ring;
static struct qb_switches switches;

static int begin(void **state)
{
	memset(&ring, 0, sizeof(ring));
	ring.page.data_offset = sizeof(ring.page);
	ring.page.data_size = DATA;
	switches = (struct qb_switches){.fd = 0, .ring = &ring};
	return 0;
}

static void put(const void *record, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ring.data[(ring.page.data_head + i) % DATA] = ((const char *)record)[i];
	ring.page.data_head += size;
}

/* `id`: pid and tid. */
static void put_switch(uint64_t time, int id, unsigned misc)
{
	struct {
		struct perf_event_header head;
		uint32_t other_pid, other_tid, pid, tid;
		uint64_t time;
		uint32_t cpu, reserved;
	} record = {.pid = (uint32_t)id, .tid = (uint32_t)id, .time = time};

	record.head = (struct perf_event_header){
		PERF_RECORD_SWITCH_CPU_WIDE, (uint16_t)misc, sizeof(record)};
	put(&record, sizeof(record));
}

static void in(uint64_t time, int id)
{
	put_switch(time, id, 0);
}

static void out(uint64_t time, int id)
{
	put_switch(time, id, PERF_RECORD_MISC_SWITCH_OUT);
}

static void preempted(uint64_t time, int id)
{
	put_switch(time, id, PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT);
}

static void put_family(unsigned type, int parent, int child)
{
	struct {
		struct perf_event_header head;
		uint32_t pid, ppid, tid, ptid;
		uint64_t time;
		uint32_t id[6];
	} record = {.pid = (uint32_t)child,
		.ppid = (uint32_t)parent,
		.tid = (uint32_t)child,
		.ptid = (uint32_t)parent};

	record.head = (struct perf_event_header){type, 0, sizeof(record)};
	put(&record, sizeof(record));
}

static const struct qb_runner *runner(int id)
{
	for (size_t i = 0; i < switches.n; i++)
		if (switches.v[i].tid == id)
			return &switches.v[i];
	fail_msg("nobody has the number %d", id);
	return NULL;
}

static void test_time(void **state)
{
	const int a = FOREVER, b = FOREVER + 1;

	in(100, a);
	preempted(150, a);
	in(150, b);
	out(180, b);
	in(180, 0);
	out(300, 0);
	in(300, a);
	qb_switches_end(&switches, 400);
	assert_int_equal(runner(a)->ns, 150);
	assert_int_equal(runner(a)->times, 2);
	assert_int_equal(runner(a)->waited, 150);
	assert_int_equal(runner(b)->ns, 30);
	assert_int_equal(switches.n, 2);
}

/* The last switch of a task that has died bears no number. */
static void test_death(void **state)
{
	const int a = FOREVER, b = FOREVER + 1;

	in(100, a);
	out(110, -1);
	in(110, b);
	out(150, -1);
	in(150, 0);
	qb_switches_end(&switches, 1000000);
	assert_int_equal(runner(a)->ns, 10);
	assert_int_equal(runner(b)->ns, 40);
	assert_int_equal(switches.n, 2);
}

/* Records that were lost take a time with them, they do not make up one. */
static void test_lost(void **state)
{
	const int a = FOREVER, b = FOREVER + 1;

	in(100, a);
	in(200, b); /* how a left is lost */
	out(250, b);
	out(300, a); /* and how it came back */
	qb_switches_end(&switches, 400);
	assert_int_equal(runner(a)->ns + runner(b)->ns, 150);
}

static void test_family(void **state)
{
	const int a = FOREVER, child = FOREVER + 1, other = FOREVER + 2;

	qb_switches_follow(&switches, a);
	in(100, a);
	put_family(PERF_RECORD_FORK, a, child);
	out(120, a);
	in(120, child);
	out(130, -1);
	in(130, other);
	qb_switches_end(&switches, 150);
	assert_true(runner(a)->own && runner(child)->own && !runner(other)->own);
	assert_int_equal(runner(child)->ns, 10);
	assert_string_equal(runner(child)->comm, runner(a)->comm);
}

static void test_begin(void **state)
{
	const int a = FOREVER, b = FOREVER + 1;

	switches.from_ns = 250;
	in(100, a);
	out(200, a);
	in(200, b);
	out(300, b);
	in(300, a);
	qb_switches_end(&switches, 400);
	assert_int_equal(runner(a)->ns, 100);
	assert_int_equal(runner(a)->times, 1);
	assert_int_equal(runner(b)->ns, 50);
	assert_int_equal(runner(b)->times, 0);
}

static void test_end(void **state)
{
	const int a = FOREVER, b = FOREVER + 1;

	in(100, a);
	out(500, a);
	in(500, b);
	qb_switches_end(&switches, 300);
	assert_int_equal(runner(a)->ns, 200);
	assert_int_equal(switches.n, 1);
}

/* More than there is room for: the least of them are summed up, and nothing is lost. */
static void test_crowd(void **state)
{
	int64_t sum = 0;
	uint64_t now = 1;

	for (int i = 0; i < 3 * QB_RUNNERS_MAX; i++) {
		uint64_t ns = i % 7 == 0 ? 1000 : 10;

		in(now, FOREVER + i);
		now += ns;
		out(now, FOREVER + i);
		qb_switches_drain(&switches);
		sum += (int64_t)ns;
	}
	qb_switches_end(&switches, (int64_t)now);
	for (size_t i = 0; i < switches.n; i++)
		sum -= switches.v[i].ns;
	assert_int_equal(sum, switches.rest_ns);
	assert_int_equal(switches.n, QB_RUNNERS_MAX);
	assert_int_equal(runner(FOREVER)->ns, 1000);
}

/* A benchmark that forks without end: its children are its own, however many there were. */
static void test_children(void **state)
{
	const int a = FOREVER;
	uint64_t now = 1;

	qb_switches_follow(&switches, a);
	for (int i = 1; i <= 3 * QB_RUNNERS_MAX; i++) {
		put_family(PERF_RECORD_FORK, a, FOREVER + i);
		in(now, FOREVER + i);
		put_family(PERF_RECORD_EXIT, a, FOREVER + i);
		out(now + 10, i % 2 ? -1 : FOREVER + i);
		now += 20;
		qb_switches_drain(&switches);
	}
	qb_switches_end(&switches, (int64_t)now);
	for (size_t i = 0; i < switches.n; i++)
		assert_true(switches.v[i].own);
	assert_int_equal(switches.rest_ns, 0);
	assert_int_equal(switches.lost, 0);
	assert_true(runner(a)->own);
}

static void test_loss_is_counted(void **state)
{
	struct {
		struct perf_event_header head;
		uint64_t id, lost;
	} record = {.lost = 5};

	record.head = (struct perf_event_header){PERF_RECORD_LOST, 0, sizeof(record)};
	put(&record, sizeof(record));
	qb_switches_drain(&switches);
	assert_int_equal(switches.lost, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_time, begin),
		cmocka_unit_test_setup(test_death, begin),
		cmocka_unit_test_setup(test_lost, begin),
		cmocka_unit_test_setup(test_family, begin),
		cmocka_unit_test_setup(test_begin, begin),
		cmocka_unit_test_setup(test_end, begin),
		cmocka_unit_test_setup(test_crowd, begin),
		cmocka_unit_test_setup(test_children, begin),
		cmocka_unit_test_setup(test_loss_is_counted, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
