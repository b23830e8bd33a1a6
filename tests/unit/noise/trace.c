/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the kernel's trace of interrupts: what each took, and what is none of its time. */
#include <noise/trace.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IDLE  "          <idle>-0       [001] d.h1.  "
#define SHELL "              sh-19780   [001] d.h1.  "
#define NASTY ":] entry: [001] -1234567 [001] d.h1.  "

static struct qb_trace trace;
static struct qb_trace_cpu cpu;

static int begin(void **state)
{
	trace = (struct qb_trace){0};
	memset(&cpu, 0, sizeof(cpu));
	return 0;
}

static const struct qb_traced *row(const char *name)
{
	for (size_t i = 0; i < cpu.n; i++)
		if (strcmp(cpu.rows[i].name, name) == 0)
			return &cpu.rows[i];
	fail_msg("there is no row %s", name);
	return NULL;
}

static void test_pairs(void **state)
{
	static const char text[] =
		"# tracer: nop\n#\n" SHELL "3885.256029: local_timer_entry: vector=236\n" SHELL
		"3885.256058: softirq_raise: vec=9 [action=RCU]\n" SHELL
		"3885.256069: local_timer_exit: vector=236\n" SHELL
		"3885.256070: softirq_entry: vec=7 [action=SCHED]\n" SHELL
		"3885.256071: softirq_exit: vec=7 [action=SCHED]\n" IDLE
		"3885.258065: irq_handler_entry: irq=36 name=virtio1-req.0\n" IDLE
		"3885.258067: irq_handler_exit: irq=36 ret=handled\n" IDLE
		"3886.000000: call_function_single_entry: vector=251\n" IDLE
		"3886.000005: call_function_single_exit: vector=251\n" IDLE
		"3886.000010: ipi_entry: (Rescheduling interrupts)\n" IDLE
		"3886.000011: ipi_exit: (Rescheduling interrupts)\n";

	qb_trace_take(&trace, &cpu, text);
	assert_int_equal(row("timer interrupt")->ns, 40000);
	assert_int_equal(row("softirq SCHED")->ns, 1000);
	assert_int_equal(row("IRQ 36 virtio1-req.0")->ns, 2000);
	assert_int_equal(row("function call IPI")->longest_ns, 5000);
	assert_int_equal(row("IPI: Rescheduling interrupts")->times, 1);
	assert_int_equal(cpu.n, 5);
	assert_int_equal(cpu.depth, 0);
}

/* An interrupt in the middle of a softirq is not the softirq's time. */
static void test_nested(void **state)
{
	static const char text[] = IDLE "1.000000: softirq_entry: vec=3 [action=NET_RX]\n" IDLE
					"1.000010: irq_handler_entry: irq=36 name=disk\n" IDLE
					"1.000040: irq_handler_exit: irq=36 ret=handled\n" IDLE
					"1.000100: softirq_exit: vec=3 [action=NET_RX]\n";

	qb_trace_take(&trace, &cpu, text);
	assert_int_equal(row("IRQ 36 disk")->ns, 30000);
	assert_int_equal(row("softirq NET_RX")->ns, 70000);
}

static void test_lost(void **state)
{
	static const char text[] = IDLE "1.000000: softirq_entry: vec=3 [action=NET_RX]\n"
					"CPU:1 [LOST 123 EVENTS]\n" IDLE
					"2.000000: softirq_exit: vec=3 [action=NET_RX]\n" IDLE
					"2.000001: irq_handler_exit: irq=36 ret=handled\n" IDLE
					"2.000002: softirq_entry: vec=1 [action=TIMER]\n" IDLE
					"2.000004: softirq_exit: vec=1 [action=TIMER]\n";

	qb_trace_take(&trace, &cpu, text);
	assert_int_equal(cpu.lost, 123);
	assert_int_equal(row("softirq NET_RX")->times, 0);
	assert_int_equal(row("softirq TIMER")->ns, 2000);
}

/* What a task is called is not to be taken for what happened. */
static void test_names(void **state)
{
	qb_trace_take(&trace, &cpu,
		NASTY "1.000000: softirq_entry: vec=1 [action=TIMER]\n"
		      "  1.0: softirq_e-1       [001] d.h1.  1.000003: softirq_exit: vec=1 "
		      "[action=TIMER]\n");
	assert_int_equal(row("softirq TIMER")->ns, 3000);
	assert_int_equal(cpu.n, 1);
}

/* Read in pieces, as pipes are. */
static void test_pieces(void **state)
{
	static const char text[] = IDLE "1.000000: softirq_entry: vec=1 [action=TIMER]\n" IDLE
					"1.000007: softirq_exit: vec=1 [action=TIMER]\n";

	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		char first[sizeof(text)];

		begin(state);
		memcpy(first, text, cut);
		first[cut] = '\0';
		qb_trace_take(&trace, &cpu, first);
		qb_trace_take(&trace, &cpu, text + cut);
		assert_int_equal(row("softirq TIMER")->ns, 7000);
		assert_string_equal(cpu.rest, "");
	}
}

static void test_bounds(void **state)
{
	trace.from_ns = 1500000000;
	trace.until_ns = 2500000000;
	for (int s = 1; s <= 3; s++) {
		char text[512];

		snprintf(text, sizeof(text),
			IDLE "%d.000000: softirq_entry: vec=1 [action=TIMER]\n" IDLE
			     "%d.000001: softirq_exit: vec=1 [action=TIMER]\n",
			s, s);
		qb_trace_take(&trace, &cpu, text);
	}
	assert_int_equal(row("softirq TIMER")->times, 1);
}

/* Whatever comes, there is room for it. */
static void test_garbage(void **state)
{
	static char text[4096];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), IDLE "1.%06d: irq_handler_entry: irq=%d name=dev%d\n",
			i, i, i);
		qb_trace_take(&trace, &cpu, text);
	}
	assert_int_equal(cpu.n, QB_TRACE_ROWS);
	assert_string_equal(cpu.rows[QB_TRACE_ROWS - 1].name, "all other sources");
	memset(text, 'A', sizeof(text) - 1);
	qb_trace_take(&trace, &cpu, text);
	qb_trace_take(&trace, &cpu, "\n\n-\n                -\n                -1 [1] x 1.1\n");
	qb_trace_take(&trace, &cpu, IDLE "1.000001: softirq_entry: \n");
	assert_true(cpu.depth <= QB_TRACE_DEPTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_pairs, begin),
		cmocka_unit_test_setup(test_nested, begin),
		cmocka_unit_test_setup(test_lost, begin),
		cmocka_unit_test_setup(test_names, begin),
		cmocka_unit_test_setup(test_pieces, begin),
		cmocka_unit_test_setup(test_bounds, begin),
		cmocka_unit_test_setup(test_garbage, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
