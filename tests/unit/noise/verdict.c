/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The numbers of noise: verdicts and their error, what is taken out of /proc, what the causes are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <noise/causes.h>
#include <noise/counters.h>
#include <noise/measure_internal.h>
#include <noise/verdict.h>

#include "../tree.h"

#define METRICS QB_NOISE_METRIC_COUNT

/* A generator of its own, so that every machine sees the same numbers (xorshift64*, Vigna 2016). */
static uint64_t state;

static double uniform(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static const struct qb_noise_limits limits = {{500, 5000, 5000, 0, 200000}};

static enum qb_verdict_of judge(const struct qb_noise_window *windows, size_t n, unsigned looks,
	struct qb_metric_verdict v[METRICS])
{
	qb_verdict_judge(windows, n, &limits, looks, v);
	return qb_verdict_of_all(v);
}

static void clean_windows(void **unused)
{
	struct qb_noise_window windows[60] = {0};
	struct qb_metric_verdict v[METRICS];

	/* One look needs 0 of 30, three looks need 39 clean ones. */
	assert_int_equal(judge(windows, 28, 1, v), QB_VERDICT_OF_UNDECIDED);
	assert_int_equal(judge(windows, 29, 1, v), QB_VERDICT_OF_PASS);
	assert_int_equal(judge(windows, 38, 3, v), QB_VERDICT_OF_UNDECIDED);
	assert_int_equal(judge(windows, 39, 3, v), QB_VERDICT_OF_PASS);
	windows[5].preempted = 0.01;
	assert_int_equal(judge(windows, 30, 1, v), QB_VERDICT_OF_UNDECIDED);
	assert_int_equal(v[QB_NOISE_PREEMPTED_METRIC].exceeding, 1);
	for (int i = 0; i < 60; i += 2)
		windows[i].preempted = 0.01;
	assert_int_equal(judge(windows, 60, 1, v), QB_VERDICT_OF_FAIL);
}

static void not_measured(void **unused)
{
	struct qb_noise_window windows[60];
	struct qb_metric_verdict v[METRICS];

	for (int i = 0; i < 60; i++)
		windows[i] = (struct qb_noise_window){
			.preempted = -1, .steal = -1, .speed = i % 2 ? -1 : 0};
	assert_int_equal(judge(windows, 60, 1, v), QB_VERDICT_OF_PASS);
	assert_false(v[QB_NOISE_STEAL_METRIC].measured);
	assert_int_equal(v[QB_NOISE_SPEED_METRIC].windows, 30);
}

static void one_long_gap_may_happen(void **unused)
{
	struct qb_noise_window windows[60] = {0};
	struct qb_metric_verdict v[METRICS];

	windows[7].longest_ns = 300000;
	assert_int_equal(judge(windows, 60, 1, v), QB_VERDICT_OF_PASS);
	windows[40].longest_ns = 300000;
	assert_int_equal(judge(windows, 60, 1, v), QB_VERDICT_OF_FAIL);
	assert_true(v[QB_NOISE_LONGEST_METRIC].worst > 299999);
}

/* The longest gap's limit is a time, the rest are millionths; 0 is a limit, and less than that is none. */
static void limits_have_units(void **unused)
{
	struct qb_noise_limits own;
	struct qb_metric_verdict v[METRICS];
	struct qb_noise_window windows[60];

	for (int i = 0; i < METRICS; i++)
		own.of[i] = 200000;
	for (int i = 0; i < 60; i++)
		windows[i] = (struct qb_noise_window){.preempted = 0.19,
			.gaps = 0.21,
			.speed = 1e-9,
			.steal = 0,
			.longest_ns = 199999};
	own.of[QB_NOISE_SPEED_METRIC] = own.of[QB_NOISE_STEAL_METRIC] = 0;
	qb_verdict_judge(windows, 60, &own, 1, v);
	assert_int_equal(v[QB_NOISE_PREEMPTED_METRIC].exceeding, 0);
	assert_int_equal(v[QB_NOISE_GAPS_METRIC].exceeding, 60);
	assert_int_equal(v[QB_NOISE_SPEED_METRIC].exceeding, 60);
	assert_int_equal(v[QB_NOISE_STEAL_METRIC].exceeding, 0);
	assert_int_equal(v[QB_NOISE_LONGEST_METRIC].exceeding, 0);
	for (int i = 0; i < 60; i++)
		windows[i].longest_ns = 200001;
	qb_verdict_judge(windows, 60, &own, 1, v);
	assert_int_equal(v[QB_NOISE_LONGEST_METRIC].exceeding, 60);
	for (int i = 0; i < METRICS; i++)
		own.of[i] = -1;
	qb_verdict_judge(windows, 60, &own, 1, v);
	for (int i = 0; i < METRICS; i++) {
		assert_true(v[i].measured);
		assert_int_equal(v[i].exceeding, 0);
		assert_int_equal(v[i].verdict, QB_VERDICT_OF_PASS);
	}
}

static void bursts_count_less(void **unused)
{
	struct qb_noise_window windows[120] = {0};
	struct qb_metric_verdict v[METRICS];

	for (int i = 40; i < 60; i++)
		windows[i].gaps = 0.1;
	judge(windows, 120, 1, v);
	assert_true(v[QB_NOISE_GAPS_METRIC].correlation > 0.9);
	assert_true(v[QB_NOISE_GAPS_METRIC].effective < 10);
	/* 20 of 120 would be above a tenth; one burst may be chance. */
	assert_int_equal(v[QB_NOISE_GAPS_METRIC].verdict, QB_VERDICT_OF_UNDECIDED);
}

/* The verdict of three looks. */
static enum qb_verdict_of look(const struct qb_noise_window windows[120])
{
	static const size_t looks[] = {30, 60, 120};
	enum qb_verdict_of verdict = QB_VERDICT_OF_UNDECIDED;
	struct qb_metric_verdict v[METRICS];

	for (int i = 0; i < 3 && verdict == QB_VERDICT_OF_UNDECIDED; i++)
		verdict = judge(windows, looks[i], 3, v);
	return verdict;
}

/*
 * How often windows of this rate fail, pass, and stay undecided, of `tries`. Those above the limit
 * come in bursts: a chain of two states whose neighbours have this correlation.
 */
static void simulate(double rate, double correlation, unsigned tries, unsigned count[3])
{
	memset(count, 0, 3 * sizeof(*count));
	for (unsigned t = 0; t < tries; t++) {
		struct qb_noise_window windows[120] = {0};
		bool above = uniform() < rate;

		for (int i = 0; i < 120; i++) {
			windows[i].gaps = above ? 0.1 : 0;
			above = uniform() < rate * (1 - correlation) + (above ? correlation : 0);
		}
		count[look(windows)]++;
	}
}

static void the_stated_error(void **unused)
{
	const unsigned tries = 2000, error = (unsigned)(QB_VERDICT_ALPHA * tries);
	unsigned count[3];

	state = 20261126;
	simulate(QB_VERDICT_RATE / 2, 0, tries, count);
	assert_true(count[QB_VERDICT_OF_FAIL] <= error);
	simulate(QB_VERDICT_RATE * 2, 0, tries, count);
	assert_true(count[QB_VERDICT_OF_PASS] <= error);
	/* At the limit itself neither answer may come oftener than stated. */
	simulate(QB_VERDICT_RATE, 0, tries, count);
	assert_true(count[QB_VERDICT_OF_FAIL] <= error);
	assert_true(count[QB_VERDICT_OF_PASS] <= error);
	/* What is clean passes, and what is bad fails, soon. */
	simulate(0, 0, 10, count);
	assert_int_equal(count[QB_VERDICT_OF_PASS], 10);
	simulate(0.6, 0, 10, count);
	assert_int_equal(count[QB_VERDICT_OF_FAIL], 10);
}

/* Neighbours on real CPUs were seen to be alike by up to 0.7. */
static void the_stated_error_in_bursts(void **unused)
{
	const unsigned tries = 2000, error = (unsigned)(QB_VERDICT_ALPHA * tries);

	state = 20261127;
	for (double correlation = 0.1; correlation < 0.75; correlation += 0.2) {
		unsigned count[3];

		simulate(QB_VERDICT_RATE / 2, correlation, tries, count);
		assert_true(count[QB_VERDICT_OF_FAIL] <= error);
		simulate(QB_VERDICT_RATE * 2, correlation, tries, count);
		assert_true(count[QB_VERDICT_OF_PASS] <= error);
	}
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

/*
 * Shares that wander around a mean (log-normal, by a quarter of it, with memory): at half the limit
 * it is quiet, at twice the limit noisy, and after 12 s that is known. Undecided is wrong, too.
 */
static void the_error_beside_the_limit(void **unused)
{
	static const struct {
		double times_limit;
		enum qb_verdict_of right;
	} sides[] = {{0.5, QB_VERDICT_OF_PASS}, {2, QB_VERDICT_OF_FAIL}};
	const unsigned tries = 1000;

	state = 20261128;
	for (size_t s = 0; s < QB_ARRAY_SIZE(sides); s++)
		for (double memory = 0; memory < 1; memory += 0.3) {
			unsigned wrong = 0;

			for (unsigned t = 0; t < tries; t++) {
				struct qb_noise_window windows[120] = {0};
				double z = normal();

				for (int i = 0; i < 120; i++) {
					windows[i].preempted = sides[s].times_limit * 500e-6 *
							       exp(0.25 * z - 0.03125);
					z = memory * z + sqrt(1 - memory * memory) * normal();
				}
				wrong += look(windows) != sides[s].right;
			}
			assert_true(wrong <= tries / 20);
		}
}

static const char interrupts[] =
	"           CPU0       CPU2       \n"
	" 24:          1         7  IO-APIC   5-edge      ACPI:Ged\n"
	" 36:          0    376750 PCI-MSIX-0000:00:02.0   1-edge      virtio1-req.0\n"
	"NMI:          3          4   Non-maskable interrupts\n"
	"LOC:    1711280    1634138   Local timer interrupts\n"
	"ERR:          5\n";

static void rows_of_interrupts(void **unused)
{
	static const char later[] = "           CPU0       CPU2       \n"
				    " 36:          0    376760 x\n"
				    " 99:          9         9 new\n"
				    "LOC:    1711280    1634140   Local timer interrupts\n";
	struct qb_sources sources = {0};
	uint64_t counts[8];

	assert_int_equal(qb_sources_parse(interrupts, &sources, NULL), 0);
	assert_int_equal(sources.n, 5);
	assert_string_equal(sources.v[0].name, "IRQ 24 ACPI:Ged");
	assert_string_equal(sources.v[1].name, "IRQ 36 virtio1-req.0");
	assert_string_equal(sources.v[3].name, "timer tick");
	assert_string_equal(sources.v[4].name, "ERR");
	assert_int_equal(sources.v[1].kind, QB_SOURCE_DEVICE);
	assert_int_equal(sources.v[2].kind, QB_SOURCE_CPU);
	assert_int_equal(sources.v[3].kind, QB_SOURCE_TICK);
	assert_int_equal(qb_sources_take(&sources, interrupts, 2, counts, NULL), 0);
	assert_int_equal(counts[0], 7);
	assert_int_equal(counts[1], 376750);
	assert_int_equal(counts[3], 1634138);
	assert_int_equal(counts[4], 0); /* ERR counts for the host */
	/* Rows that have gone count nothing, new ones are nobody's. */
	assert_int_equal(qb_sources_take(&sources, later, 2, counts, NULL), 0);
	assert_int_equal(counts[0], 0);
	assert_int_equal(counts[1], 376760);
	assert_int_equal(counts[3], 1634140);
	assert_int_equal(qb_sources_take(&sources, interrupts, 1, counts, NULL), -ENOENT);
	qb_sources_free(&sources);
}

/* arm64: the tick has a number, and what CPUs tell one another has other labels in each version. */
static void tell_arm64(FILE *out)
{
	struct qb_sources sources = {0};

	if (qb_sources_find(&sources, NULL) == 0)
		for (size_t i = 0; i < sources.n; i++)
			fprintf(out, "%s: %s %d\n", sources.v[i].label, sources.v[i].name,
				sources.v[i].kind);
	qb_sources_free(&sources);
}

static void rows_of_arm64(void **unused)
{
	char text[1024], wanted[256];

	tree_begin();
	tree_put("proc/interrupts",
		"           CPU0       CPU1       \n"
		" 11:        344        193     GICv3  27 Level     arch_timer\n"
		" 13:          0          0     GICv3  33 Level     uart-pl011\n"
		" 14:          0          0     GICv3  23 Level     arm-pmu\n"
		"IPI0:        29         18       Rescheduling interrupts\n"
		"IPI5:         5          4       IRQ work interrupts\n"
		"Err:          0\n");
	tree_put("proc/irq/11/effective_affinity", "0\n");
	tree_put("proc/irq/13/effective_affinity", "1\n");
	tree_put("proc/irq/14/effective_affinity", "0\n");
	tree_run(tell_arm64, text, sizeof(text));
	tree_end();
	snprintf(wanted, sizeof(wanted),
		"11: timer tick %d\n13: IRQ 13 uart-pl011 %d\n14: IRQ 14 arm-pmu %d\n"
		"IPI0: Rescheduling interrupts %d\nIPI5: IRQ work interrupts %d\nErr: Err %d\n",
		QB_SOURCE_TICK, QB_SOURCE_DEVICE, QB_SOURCE_CPU, QB_SOURCE_CPU, QB_SOURCE_CPU,
		QB_SOURCE_CPU);
	assert_string_equal(text, wanted);
}

static void odd_interrupts(void **unused)
{
	static const char *const texts[] = {"", "\n", "CPU0\n", ":", "CPU0\n:\n",
		" CPU0\nLOC:", "CPU0 CPU1\nLOC: 99999999999999999999999 x\n", "CPUx\nLOC: 1\n"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(texts); i++) {
		struct qb_sources sources = {0};
		uint64_t counts[8];

		assert_int_equal(qb_sources_parse(texts[i], &sources, NULL), 0);
		(void)qb_sources_take(&sources, texts[i], 0, counts, NULL);
		qb_sources_free(&sources);
	}
}

static void steal_of_a_cpu(void **unused)
{
	static const char stat[] = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 77 9 10\n"
				   "cpu10 1 2 3 4 5 6 7 5 9 10\ncpu3 1 2\n";
	uint64_t steal = 0;

	assert_int_equal(qb_counters_steal(stat, 1, &steal), 0);
	assert_int_equal(steal, 77);
	assert_int_equal(qb_counters_steal(stat, 10, &steal), 0);
	assert_int_equal(steal, 5);
	assert_int_equal(qb_counters_steal(stat, 2, &steal), -ENOENT);
	assert_int_equal(qb_counters_steal(stat, 3, &steal), -ENODATA);
	assert_true(qb_counters_steal_moved(stat));
	assert_false(
		qb_counters_steal_moved("cpu  1 2 3 4 5 6 7 0 9 10\ncpu1 1 2 3 4 5 6 7 77 9 10\n"));
	assert_false(qb_counters_steal_moved(""));
}

/* All zeros in a guest are not "nothing stolen". */
static void steal_that_nobody_tells(void **unused)
{
	for (int untold = 0; untold < 2; untold++) {
		struct qb_loop_window loops[2 * QB_MEASURE_LOOPS] = {0};
		struct qb_loop loop = {.windows = loops};
		struct qb_noise_window windows[3] = {0};
		uint64_t steal[3] = {0};
		struct qb_measure_cpu of = {
			.loop = &loop, .windows = windows, .steal = steal, .waited = {-1, -1}};
		struct qb_measure m = {.of = &of, .n = 1, .looks = {200000000}};

		m.steal_untold = untold;
		assert_int_equal(qb_measure_judge(&m, 2, NULL), 0);
		assert_int_equal(m.verdicts[QB_NOISE_STEAL_METRIC].measured, !untold);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_windows),
		cmocka_unit_test(not_measured),
		cmocka_unit_test(one_long_gap_may_happen),
		cmocka_unit_test(limits_have_units),
		cmocka_unit_test(bursts_count_less),
		cmocka_unit_test(the_stated_error),
		cmocka_unit_test(the_stated_error_in_bursts),
		cmocka_unit_test(the_error_beside_the_limit),
		cmocka_unit_test(rows_of_interrupts),
		cmocka_unit_test(rows_of_arm64),
		cmocka_unit_test(odd_interrupts),
		cmocka_unit_test(steal_of_a_cpu),
		cmocka_unit_test(steal_that_nobody_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
