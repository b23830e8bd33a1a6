/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps as lines for people: what shares a line, how it is aligned, and where it breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/run_text.h>
#include <cmocka.h>
#include <quietbench/lever.h>

static struct qb_steps steps;
static char *printed;

static int clear(void **state)
{
	qb_steps_free(&steps);
	free(printed);
	printed = NULL;
	return 0;
}

static struct qb_step *add(unsigned lever, unsigned unit, const char *before, const char *wanted)
{
	struct qb_step *step = qb_steps_add(&steps, lever, qb_unit_number(unit), before, wanted);
	assert_non_null(step);
	return step;
}

static const char *changes(enum qb_status status)
{
	size_t size;
	FILE *out = open_memstream(&printed, &size);
	assert_non_null(out);
	assert_int_equal(qb_lines_changes(out, &steps, status, NULL), 0);
	fclose(out);
	return printed;
}

static const char *missing(enum qb_status status)
{
	size_t size;
	FILE *out = open_memstream(&printed, &size);
	assert_non_null(out);
	assert_int_equal(qb_lines_missing(out, &steps, status, NULL), 0);
	fclose(out);
	return printed;
}

static const char *wrapped(const char *text)
{
	size_t size;
	FILE *out = open_memstream(&printed, &size);
	assert_non_null(out);
	qb_lines_wrap(out, "first ", "    ", text);
	fclose(out);
	return printed;
}

static void test_units_share_a_line(void **state)
{
	/* The units come in no order; one has another value. */
	for (unsigned cpu = 8; cpu-- > 0;)
		add(QB_LEVER_GOVERNOR, cpu, cpu == 5 ? "schedutil" : "powersave", "performance");
	add(QB_LEVER_IRQ, 33, "f", "5");
	assert_string_equal(changes(QB_STATUS_PLANNED),
		"  frequency.governor  policy0-4,6-7  powersave → performance  S\n"
		"  frequency.governor  policy5        schedutil → performance  S\n"
		"  irqs.move           irq33          f → 5                    S\n");
}

static void test_attributes_of_one_key(void **state)
{
	add(QB_LEVER_MAX_FREQ, 0, "4700000", "2100000");
	add(QB_LEVER_MAX_FREQ, 1, "4700000", "2100000");
	add(QB_LEVER_MIN_FREQ, 0, "800000", "2100000");
	assert_string_equal(changes(QB_STATUS_PLANNED),
		"  frequency.range  policy0-1/max  4700000 → 2100000  S\n"
		"  frequency.range  policy0/min    800000 → 2100000   S\n");
}

static void test_what_a_range_cannot_name(void **state)
{
	for (unsigned cpu = 2; cpu < 4; cpu++)
		for (unsigned idle = 2; idle < 4; idle++)
			add(QB_LEVER_IDLE, cpu, "0", "1")->unit.key = idle;
	for (unsigned die = 0; die < 2; die++)
		snprintf(add(QB_LEVER_UNCORE_MIN, 0, "8", "9")->unit.name, QB_NAME_MAX,
			"uncore%02u", die);
	assert_string_equal(changes(QB_STATUS_PLANNED),
		"  frequency.uncore  uncore00/min   8 → 9  D\n"
		"  frequency.uncore  uncore01/min   8 → 9  D\n"
		"  idle.max_latency  cpu2-3/state2  0 → 1  S\n"
		"  idle.max_latency  cpu2-3/state3  0 → 1  S\n");
}

static void test_threads_are_counted(void **state)
{
	for (unsigned tid = 100; tid < 112; tid++)
		add(QB_LEVER_TASK_AFFINITY, tid * 3, "f", "5");
	add(QB_LEVER_TASK_AFFINITY, 7, "3", "1");
	assert_string_equal(changes(QB_STATUS_PLANNED), "  cpus.isolation  12 tasks  f → 5  D\n"
							"  cpus.isolation  task 7    3 → 1  D\n");
}

static void test_what_has_no_line(void **state)
{
	add(QB_LEVER_MAX_FREQ, 0, "4700000", NULL); /* coupled */
	add(QB_LEVER_GOVERNOR, 0, "performance", "performance")->status = QB_STATUS_UNCHANGED;
	assert_string_equal(changes(QB_STATUS_PLANNED), "");
}

static void test_what_is_so_already(void **state)
{
	add(QB_LEVER_GOVERNOR, 0, "performance", "performance")->status = QB_STATUS_UNCHANGED;
	qb_steps_refuse(
		&steps, QB_LEVER_IRQBALANCE_BAN, QB_STATUS_UNCHANGED, "irqbalance is not running");
	assert_string_equal(
		changes(QB_STATUS_UNCHANGED), "  frequency.governor  policy0  performance\n");
	free(printed);
	assert_string_equal(
		missing(QB_STATUS_UNCHANGED), "  irqs.irqbalance: irqbalance is not running\n");
}

/* Never cut: it is exactly what will be written. */
static void test_long_values_break(void **state)
{
	char all[128], some[128];
	memset(all, 'f', 60);
	memset(some, '5', 60);
	all[60] = some[60] = '\0';
	add(QB_LEVER_IRQ, 33, all, some);
	add(QB_LEVER_IRQ, 34, "", "5");
	qb_text_format(some + 60, 8, "  S\n");
	changes(QB_STATUS_PLANNED);
	assert_non_null(strstr(printed, "  irqs.move  irq33\n             ffff"));
	assert_non_null(strstr(printed, "\n             → 5555"));
	assert_non_null(strstr(printed, some));
	assert_non_null(strstr(printed, "  irqs.move  irq34  (empty) → 5  S\n"));
}

static void test_long_lists_of_units(void **state)
{
	for (unsigned irq = 20; irq < 60; irq += 2)
		add(QB_LEVER_IRQ, irq, "f", "5");
	add(QB_LEVER_IRQ, 3, "3", "1");
	assert_string_equal(changes(QB_STATUS_PLANNED),
		"  irqs.move  irq20,22,24,26,28,30,32,34,36,38,40,42,44,46,48,50,52,54,56,58  f → "
		"5  S\n"
		"  irqs.move  irq3  3 → 1  S\n");
}

static void test_reasons_are_shared(void **state)
{
	const struct qb_step *first;
	qb_steps_refuse(&steps, QB_LEVER_GOVERNOR, QB_STATUS_UNSUPPORTED, "no cpufreq");
	qb_steps_refuse(&steps, QB_LEVER_BOOST, QB_STATUS_UNSUPPORTED, "no cpufreq");
	qb_steps_refuse(&steps, QB_LEVER_NO_TURBO, QB_STATUS_UNSUPPORTED, "no cpufreq");
	qb_steps_refuse(&steps, QB_LEVER_IDLE, QB_STATUS_UNSUPPORTED, "needs a kernel that has it");
	qb_steps_refuse(&steps, QB_LEVER_PARTITION, QB_STATUS_REFUSED, "no cpufreq");
	for (unsigned irq = 24; irq < 28; irq++) {
		struct qb_step *step = add(QB_LEVER_IRQ, irq, "f", "5");
		step->status = QB_STATUS_UNSUPPORTED;
		step->reason = qb_steps_text(&steps, "kernel-managed");
	}
	first = &steps.v[0];
	assert_int_equal(first->status, QB_STATUS_UNSUPPORTED);
	assert_string_equal(missing(QB_STATUS_UNSUPPORTED),
		"  frequency.governor, frequency.turbo: no cpufreq\n"
		"  idle.max_latency: needs a kernel that has it\n"
		"  irqs.move irq24-27: kernel-managed\n");
}

static void test_wrap(void **state)
{
	char text[256] = "", *end;
	for (int i = 0; i < 20; i++)
		qb_text_format(text + 10 * i, sizeof(text) - 10 * (size_t)i, "%09d ", i);
	wrapped(text);
	end = strchr(printed, '\n');
	assert_non_null(end);
	assert_int_equal(end - printed, 6 + 9 * 10 - 1); /* one word more would be 105 */
	assert_memory_equal(end, "\n    000000009 ", 15);
	assert_string_equal(strrchr(printed, ' '), " 000000019\n");
	free(printed);
	assert_string_equal(wrapped("  two   words "), "first two words\n");
	free(printed);
	assert_string_equal(wrapped(""), "first \n");
}

static void test_head(void **state)
{
	struct qb_profile *profile = calloc(1, sizeof(*profile));
	struct qb_host host = {.cpus = 8};
	struct qb_selection chosen = {0};
	char head[256];

	assert_non_null(profile);
	qb_text_copy(profile->name, sizeof(profile->name), "default");
	assert_int_equal(qb_cpus_parse_list("2", &chosen.bench), 0);
	assert_int_equal(qb_cpus_parse_list("6", &chosen.reserved), 0);
	assert_int_equal(qb_cpus_parse_list("0-1,3-5,7", &chosen.housekeeping), 0);
	qb_lines_head(profile, &host, &chosen, head, sizeof(head));
	assert_string_equal(
		head, "default: benchmark on CPU 2 (sibling 6 idle), housekeeping on 0-1,3-5,7");

	host.guest = 1;
	qb_text_copy(host.hypervisor, sizeof(host.hypervisor), "KVM");
	assert_int_equal(qb_cpus_parse_list("2-3", &chosen.bench), 0);
	qb_cpus_zero(&chosen.reserved);
	assert_int_equal(qb_cpus_parse_list("0-1", &chosen.housekeeping), 0);
	qb_lines_head(profile, &host, &chosen, head, sizeof(head));
	assert_string_equal(
		head, "default (KVM guest): benchmark on CPUs 2-3, housekeeping on 0-1");

	assert_int_equal(qb_cpus_parse_list("0-3", &chosen.housekeeping), 0);
	qb_lines_head(profile, &host, &chosen, head, sizeof(head));
	assert_string_equal(head,
		"default (KVM guest): benchmark on CPUs 2-3 (shared with other tasks), housekeeping on 0-3");
	free(profile);
}

static const char *seen_by(
	const struct qb_profile *profile, const struct qb_host *host, const struct qb_selection *s)
{
	static char line[64];

	return qb_lines_seen(profile, host, s, line, sizeof(line)) ? line : "";
}

static void programs_see_what_they_get(void **state)
{
	struct qb_profile *profile = calloc(1, sizeof(*profile));
	const struct qb_host host = {.cpus = 8};
	struct qb_selection chosen = {.most = 7};

	assert_non_null(profile);
	profile->set[QB_KEY_PROCESS_PIN].number = 1;
	assert_int_equal(qb_cpus_parse_list("2", &chosen.bench), 0);
	assert_string_equal(
		seen_by(profile, &host, &chosen), "programs will see 1 CPU (-n for more)");
	chosen.named = true;
	assert_string_equal(seen_by(profile, &host, &chosen), "programs will see 1 CPU");
	chosen.named = false;
	assert_int_equal(qb_cpus_parse_list("1-7", &chosen.bench), 0);
	assert_string_equal(seen_by(profile, &host, &chosen), "programs will see 7 CPUs");
	profile->set[QB_KEY_PROCESS_PIN].number = 0;
	assert_string_equal(seen_by(profile, &host, &chosen), "");
	chosen.isolation = QB_ISOLATION_PARTITION;
	assert_string_equal(seen_by(profile, &host, &chosen), "programs will see 7 CPUs");
	assert_int_equal(qb_cpus_parse_list("0-7", &chosen.bench), 0);
	assert_string_equal(seen_by(profile, &host, &chosen), "");
	free(profile);
}

static const char *waits_of(unsigned threads, unsigned cpus, unsigned most, bool unspread)
{
	static char line[192];
	const struct qb_result run = {.used.wall_ns = 1000000000,
		.cpus = cpus,
		.most = most,
		.unspread = unspread,
		.watched = {.threads = threads, .waited_ns = 200000000, .others_ns = 1000000}};

	return qb_run_text_waits(&run, line, sizeof(line)) ? line : "";
}

/* Advice is only what would change something. */
static void threads_that_waited_get_advice(void **state)
{
	assert_string_equal(waits_of(2, 1, 7, false), "2 threads shared 1 CPU: try -n 2");
	assert_string_equal(
		waits_of(9, 2, 7, false), "9 threads shared 2 CPUs: try -n max, which gives 7");
	assert_string_equal(waits_of(9, 7, 7, false), "9 threads shared 7 CPUs");
	assert_string_equal(waits_of(2, 1, 1, false), "2 threads shared 1 CPU");
	assert_string_equal(waits_of(2, 2, 7, false), "");
	assert_string_equal(waits_of(1, 1, 7, false), "");
	assert_non_null(strstr(waits_of(2, 2, 7, true), "isolated at boot"));
	assert_non_null(strstr(waits_of(5, 2, 7, true), "pin each thread"));
	assert_null(strstr(waits_of(5, 2, 7, true), "try -n"));
}

/* A twentieth of the wall time is the least; what other tasks took is none of it. */
static void little_waiting_is_no_matter(void **state)
{
	struct qb_result run = {
		.used.wall_ns = 1000, .cpus = 1, .most = 2, .watched = {.threads = 2}};
	char line[192];

	run.watched.waited_ns = 50;
	assert_false(qb_run_text_waits(&run, line, sizeof(line)));
	run.watched.waited_ns = 51;
	assert_true(qb_run_text_waits(&run, line, sizeof(line)));
	run.watched.others_ns = 1;
	assert_false(qb_run_text_waits(&run, line, sizeof(line)));
}

static const char *clock_of(unsigned policy)
{
	static char line[160];

	return qb_lines_clock(&steps, policy, line, sizeof(line)) ? line : NULL;
}

static void add_limits(unsigned policy, const char *was, const char *max, const char *min)
{
	add(QB_LEVER_MAX_FREQ, policy, was, max)->status = QB_STATUS_APPLIED;
	add(QB_LEVER_MIN_FREQ, policy, "800000", min)->status = QB_STATUS_APPLIED;
}

/* Of the policy that is asked for, and of what its own limit was. */
static void test_clock(void **state)
{
	assert_null(clock_of(0));
	add_limits(0, "1800000", "1800000", "1800000");
	add_limits(4, "2208000", "1416000", "1416000");
	add_limits(7, "2000000", "3187000", "1000000");
	assert_string_equal(clock_of(0), "clock fixed at 1.8 GHz (was up to 1.8 GHz): steadier");
	assert_string_equal(
		clock_of(4), "clock fixed at 1.416 GHz (was up to 2.208 GHz): steadier, slower");
	assert_string_equal(clock_of(7), "clock at most 3.187 GHz (was up to 2 GHz): steadier");
	assert_null(clock_of(8));
	/* The limits need not include turbo, so that they stay what they were. */
	add(QB_LEVER_POLICY_BOOST, 4, "1", "0")->status = QB_STATUS_APPLIED;
	add(QB_LEVER_NO_TURBO, 0, "1", "1")->status = QB_STATUS_UNCHANGED;
	assert_string_equal(clock_of(0), "clock fixed at 1.8 GHz (was up to 1.8 GHz): steadier");
	add(QB_LEVER_BOOST, 0, "1", "0")->status = QB_STATUS_APPLIED;
	assert_string_equal(
		clock_of(0), "clock fixed at 1.8 GHz (was up to 1.8 GHz): steadier, slower");
}

static void test_a_clock_that_was_not_set(void **state)
{
	add(QB_LEVER_MAX_FREQ, 0, "2208000", "1416000")->status = QB_STATUS_FAILED;
	add(QB_LEVER_MAX_FREQ, 0, "2208000", NULL)->status = QB_STATUS_PLANNED;
	assert_null(clock_of(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_units_share_a_line, clear),
		cmocka_unit_test_teardown(test_attributes_of_one_key, clear),
		cmocka_unit_test_teardown(test_what_a_range_cannot_name, clear),
		cmocka_unit_test_teardown(test_threads_are_counted, clear),
		cmocka_unit_test_teardown(test_what_has_no_line, clear),
		cmocka_unit_test_teardown(test_what_is_so_already, clear),
		cmocka_unit_test_teardown(test_long_values_break, clear),
		cmocka_unit_test_teardown(test_long_lists_of_units, clear),
		cmocka_unit_test_teardown(test_reasons_are_shared, clear),
		cmocka_unit_test_teardown(test_wrap, clear),
		cmocka_unit_test_teardown(programs_see_what_they_get, clear),
		cmocka_unit_test_teardown(threads_that_waited_get_advice, clear),
		cmocka_unit_test_teardown(little_waiting_is_no_matter, clear),
		cmocka_unit_test_teardown(test_head, clear),
		cmocka_unit_test_teardown(test_clock, clear),
		cmocka_unit_test_teardown(test_a_clock_that_was_not_set, clear),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
