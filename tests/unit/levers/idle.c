/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Idle states: which are disabled, what latency is asked of the kernel, and how it is held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <levers/table_internal.h>

#include "../plan_ask.h"

#define CPU "sys/devices/system/cpu/"

static void put_state(unsigned cpu, unsigned state, const char *latency, const char *disable)
{
	char path[96];

	snprintf(path, sizeof(path), CPU "cpu%u/cpuidle/state%u/latency", cpu, state);
	tree_put(path, latency);
	snprintf(path, sizeof(path), CPU "cpu%u/cpuidle/state%u/disable", cpu, state);
	tree_put(path, disable);
}

static void put_x86(unsigned cpu)
{
	put_state(cpu, 0, "0\n", "0\n");
	put_state(cpu, 1, "2\n", "0\n");
	put_state(cpu, 2, "10\n", "0\n");
	put_state(cpu, 3, "133\n", "0\n");
}

static void put_resume(unsigned cpu, const char *text)
{
	char path[96];

	snprintf(path, sizeof(path), CPU "cpu%u/power/pm_qos_resume_latency_us", cpu);
	tree_put(path, text);
}

#define SETTINGS(...)                                                                              \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}
#define ASK(...)                                                                                   \
	&(const struct plan_ask)                                                                   \
	{                                                                                          \
		.settings = SETTINGS(__VA_ARGS__), .bench = "2", .reserved = "6", .online = "0-7", \
		.plan = qb_idle_plan                                                               \
	}

static void test_states_above_the_limit(void **state)
{
	tree_begin();
	for (unsigned cpu = 0; cpu < 8; cpu++)
		put_x86(cpu);
	assert_plan(ASK("idle.max_latency", "10us"), "idle.max_latency cpu2/state3: 0 > 1\n"
						     "idle.max_latency cpu6/state3: 0 > 1\n");
}

static void test_less_than_a_microsecond(void **state)
{
	tree_begin();
	put_x86(2);
	assert_plan(ASK("idle.max_latency", "1900ns"), "idle.max_latency cpu2/state1: 0 > 1\n"
						       "idle.max_latency cpu2/state2: 0 > 1\n"
						       "idle.max_latency cpu2/state3: 0 > 1\n");
}

/* Latency counts, not the number: here the deepest comes first, and the shallowest sleeps. */
static void test_numbers_do_not_matter(void **state)
{
	tree_begin();
	put_state(2, 0, "290\n", "0\n");
	put_state(2, 1, "1\n", "0\n");
	put_state(2, 2, "80\n", "0\n");
	assert_plan(ASK("idle.max_latency", "0"), "idle.max_latency cpu2/state0: 0 > 1\n"
						  "idle.max_latency cpu2/state2: 0 > 1\n");
}

/* Not even if it is the only one that somebody else left. */
static void test_the_shallowest_in_use_stays(void **state)
{
	tree_begin();
	put_state(2, 0, "0\n", "1\n");
	put_state(2, 1, "20\n", "0\n");
	put_state(2, 2, "133\n", "0\n");
	assert_plan(ASK("idle.max_latency", "10us"), "idle.max_latency cpu2/state2: 0 > 1\n");
}

static void test_nothing_is_slow(void **state)
{
	tree_begin();
	put_x86(2);
	assert_plan(ASK("idle.max_latency", "200us"),
		"idle.max_latency: unchanged: no idle state in use here, but for the shallowest, "
		"takes longer to wake up from\n");
}

/* The kernel writes no limit as 0 and a latency of zero as n/a. */
static void test_resume_latency(void **state)
{
	tree_begin();
	put_x86(2);
	put_resume(2, "0\n");
	put_resume(6, "0\n");
	assert_plan(ASK("idle.resume_latency", "0"), "idle.resume_latency cpu2: 0 > n/a\n");
	tree_begin();
	put_x86(2);
	put_resume(2, "n/a\n");
	assert_plan(ASK("idle.resume_latency", "800ns"), "idle.resume_latency cpu2: n/a = n/a\n");
	tree_begin();
	put_x86(2);
	put_resume(2, "40\n");
	assert_plan(ASK("idle.resume_latency", "3900ns"), "idle.resume_latency cpu2: 40 > 3\n");
	tree_begin();
	put_x86(2);
	assert_plan(ASK("idle.resume_latency", "3us"),
		"idle.resume_latency: unsupported: the kernel has no "
		"power/pm_qos_resume_latency_us of a CPU\n");
}

static void test_dma_latency(void **state)
{
	tree_begin();
	put_x86(2);
	assert_plan(ASK("idle.dma_latency", "2500ns"), "idle.dma_latency : none > 2\n");
}

/* Where nobody chooses idle states a latency is a wish that nobody hears. */
static void test_no_cpuidle(void **state)
{
	struct plan_ask ask = *ASK(
		"idle.max_latency", "1us", "idle.resume_latency", "1us", "idle.dma_latency", "1us");

	tree_begin();
	put_resume(2, "0\n");
	ask.guest = true;
	assert_plan(&ask,
		"idle.max_latency: unsupported: the hypervisor keeps idle states to itself (no "
		"cpuidle here)\n"
		"idle.resume_latency: unsupported: the hypervisor keeps idle states to itself (no "
		"cpuidle here)\n"
		"idle.dma_latency: unsupported: the hypervisor keeps idle states to itself (no "
		"cpuidle here)\n");
	tree_begin();
	put_resume(2, "0\n");
	assert_plan(ASK("idle.max_latency", "1us"),
		"idle.max_latency: unsupported: no cpuidle driver is active, so idle states cannot be chosen (look for idle= or cpuidle.off=1 in the boot parameters)\n");
}

static void test_kept(void **state)
{
	tree_begin();
	put_x86(2);
	assert_plan(ASK("idle.max_latency", "keep"), "");
}

static void test_judges(void **state)
{
	const struct qb_unit cpu = qb_unit_number(2), none = qb_unit_none();
	struct qb_unit deep = qb_unit_number(2);

	deep.key = 3;
	assert_int_equal(qb_lever_judge(QB_LEVER_IDLE, &deep, "1", NULL), 0);
	assert_true(qb_lever_judge(QB_LEVER_IDLE, &deep, "2", NULL) < 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_RESUME_LATENCY, &cpu, "n/a", NULL), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_RESUME_LATENCY, &cpu, "12", NULL), 0);
	assert_true(qb_lever_judge(QB_LEVER_RESUME_LATENCY, &cpu, "-1", NULL) < 0);
	assert_true(qb_lever_judge(QB_LEVER_RESUME_LATENCY, &cpu, "none", NULL) < 0);
	assert_true(qb_lever_judge(QB_LEVER_RESUME_LATENCY, &cpu, "2147483647", NULL) < 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_DMA_LATENCY, &none, "none", NULL), 0);
	assert_int_equal(qb_lever_judge(QB_LEVER_DMA_LATENCY, &none, "0", NULL), 0);
	assert_true(qb_lever_judge(QB_LEVER_DMA_LATENCY, &none, "n/a", NULL) < 0);
	assert_true(qb_lever_judge(QB_LEVER_DMA_LATENCY, &none, "4294967296", NULL) < 0);
}

static unsigned open_files(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Writes and says what is then read, and how many descriptors are open because of it. */
static void tell_write(FILE *out, const char *text, unsigned before)
{
	const struct qb_unit unit = qb_unit_none();
	struct qb_error err = {0};
	char now[64];
	int r = qb_lever_write(QB_LEVER_DMA_LATENCY, &unit, text, &err);

	assert_int_equal(qb_lever_read(QB_LEVER_DMA_LATENCY, &unit, now, sizeof(now), NULL), 0);
	fprintf(out, "%s: %d %s, holds %u%s%s\n", text, r, now, open_files() - before,
		r < 0 ? ": " : "", err.text);
}

static void tell_held(FILE *out)
{
	const unsigned before = open_files();
	int32_t asked[2] = {0};
	int fd;

	tell_write(out, "none", before);
	tell_write(out, "17", before);
	tell_write(out, "5", before);
	tell_write(out, "none", before);
	fd = open("/dev/cpu_dma_latency", O_RDONLY);
	assert_int_equal(read(fd, asked, sizeof(asked)), sizeof(asked));
	close(fd);
	fprintf(out, "binary %d %d\n", asked[0], asked[1]);
}

static void test_held_open(void **state)
{
	char text[1024];

	tree_begin();
	tree_put("dev/cpu_dma_latency", "");
	tree_run(tell_held, text, sizeof(text));
	tree_end();
	assert_string_equal(text, "none: 0 none, holds 0\n"
				  "17: 0 17, holds 1\n"
				  "5: 0 5, holds 1\n"
				  "none: 0 none, holds 0\n"
				  "binary 17 5\n");
}

static void tell_without_device(FILE *out)
{
	tell_write(out, "5", open_files());
}

static void test_without_the_device(void **state)
{
	char text[1024], expected[256];

	tree_begin();
	tree_run(tell_without_device, text, sizeof(text));
	tree_end();
	snprintf(expected, sizeof(expected),
		"5: %d none, holds 0: there is no /dev/cpu_dma_latency here (a container needs to "
		"be given it)\n",
		-EOPNOTSUPP);
	assert_string_equal(text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states_above_the_limit),
		cmocka_unit_test(test_less_than_a_microsecond),
		cmocka_unit_test(test_numbers_do_not_matter),
		cmocka_unit_test(test_the_shallowest_in_use_stays),
		cmocka_unit_test(test_nothing_is_slow),
		cmocka_unit_test(test_resume_latency),
		cmocka_unit_test(test_dma_latency),
		cmocka_unit_test(test_no_cpuidle),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_judges),
		cmocka_unit_test(test_held_open),
		cmocka_unit_test(test_without_the_device),
	};

	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
