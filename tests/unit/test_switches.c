/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who ran on a CPU, out of a ring that a kernel might have written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <linux/perf_event.h>
#include <noise/switches.h>
#include <string.h>

#define IN  PERF_RECORD_SWITCH_CPU_WIDE, 0
#define OUT PERF_RECORD_SWITCH_CPU_WIDE, PERF_RECORD_MISC_SWITCH_OUT
#define PREEMPTED                                                                                  \
	PERF_RECORD_SWITCH_CPU_WIDE,                                                               \
		PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT
#define NOBODY 0
#define GONE   UINT32_MAX /* no id any more */

/* Ids that no thread has: names are looked up in /proc. */
#define A 0x7ffffff1
#define B 0x7ffffff2

static struct {
	struct perf_event_mmap_page page;
	char data[4096];
} ring;

static struct qb_switches begin(void)
{
	memset(&ring, 0, sizeof(ring));
	ring.page.data_offset = offsetof(__typeof__(ring), data);
	ring.page.data_size = sizeof(ring.data);
	return (struct qb_switches){.fd = -1, .ring = &ring};
}

static void put(const void *record, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ring.data[(ring.page.data_head + i) % sizeof(ring.data)] =
			((const char *)record)[i];
	ring.page.data_head += size;
}

static void happens(uint64_t time, uint32_t tid, uint32_t type, int misc)
{
	const struct {
		struct perf_event_header head;
		uint32_t other[2], pid, tid;
		uint64_t time;
		uint32_t cpu, reserved;
	} record = {.head = {.type = type, .misc = (uint16_t)misc, .size = sizeof(record)},
		.pid = tid,
		.tid = tid,
		.time = time};

	put(&record, sizeof(record));
}

static const struct qb_runner *find(const struct qb_switches *switches, pid_t tid)
{
	for (size_t i = 0; i < switches->n; i++)
		if (switches->v[i].tid == tid)
			return &switches->v[i];
	return NULL;
}

static void takes_turns(void **unused)
{
	struct qb_switches s = begin();

	(void)unused;
	happens(100, A, IN);
	happens(150, A, PREEMPTED);
	happens(150, B, IN);
	happens(170, B, OUT);
	happens(170, A, IN);
	qb_switches_drain(&s);
	happens(200, A, OUT);
	happens(200, NOBODY, IN);
	happens(260, NOBODY, OUT);
	happens(260, B, IN);
	qb_switches_end(&s, 300);
	assert_int_equal(s.n, 2);
	assert_int_equal(find(&s, A)->ns, 80);
	assert_int_equal(find(&s, A)->times, 2);
	assert_int_equal(find(&s, A)->waited, 20);
	assert_int_equal(find(&s, B)->ns, 60); /* until the end */
	assert_string_equal(find(&s, B)->comm, "short-lived");
}

/* The last time that a thread is switched out its id may be gone. It does not stay for ever. */
static void ends_on_the_cpu(void **unused)
{
	struct qb_switches s = begin();

	(void)unused;
	happens(100, A, IN);
	happens(130, GONE, OUT);
	happens(130, B, IN);
	happens(140, B, OUT);
	qb_switches_end(&s, 1000);
	assert_int_equal(s.n, 2);
	assert_int_equal(find(&s, A)->ns, 30);
	assert_int_equal(find(&s, B)->ns, 10);
}

/* Records may be lost: nobody was there longer than until the next one came. */
static void one_at_a_time(void **unused)
{
	struct qb_switches s = begin();
	const struct {
		struct perf_event_header head;
		uint64_t id, lost;
	} lost = {.head = {.type = PERF_RECORD_LOST, .size = sizeof(lost)}, .lost = 7};

	(void)unused;
	happens(100, A, IN);
	put(&lost, sizeof(lost));
	happens(150, B, IN);
	happens(170, B, OUT);
	qb_switches_end(&s, 1000);
	assert_int_equal(find(&s, A)->ns, 50);
	assert_int_equal(find(&s, B)->ns, 20);
	assert_int_equal(s.lost, 7);
}

static void only_what_counts(void **unused)
{
	struct qb_switches s = begin();

	(void)unused;
	s.from_ns = 200;
	happens(100, A, IN);
	happens(150, A, PREEMPTED);
	happens(150, B, IN);
	happens(210, B, OUT);
	happens(210, A, IN);
	happens(290, A, OUT);
	happens(310, B, IN); /* after the end */
	qb_switches_end(&s, 300);
	assert_int_equal(find(&s, A)->ns, 80);
	assert_int_equal(find(&s, A)->times, 1);
	assert_int_equal(find(&s, B)->ns, 10);
	assert_int_equal(find(&s, B)->times, 0);
}

/* Around the ring's end, too. */
static void goes_round(void **unused)
{
	struct qb_switches s = begin();

	(void)unused;
	ring.page.data_head = ring.page.data_tail = 4;
	for (uint64_t i = 0; i < 1000; i++) {
		happens(100 * i + 1, A, IN);
		happens(100 * i + 11, A, OUT);
		qb_switches_drain(&s);
	}
	assert_int_equal(find(&s, A)->ns, 10000);
	assert_int_equal(find(&s, A)->times, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_turns),
		cmocka_unit_test(ends_on_the_cpu),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(only_what_counts),
		cmocka_unit_test(goes_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
