/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whole experiments, simulated: what is claimed where there is nothing, whether the interval holds the
 * truth at every look, what a true difference needs; with probes that tell nothing, half, or most.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <stats/difference.h>
#include <stats/looks.h>

#include "families.h"

#define MOST 80
#define RUNS (2 * MOST)

struct outcome {
	int experiments, claims, right, missed, same;
	double pairs; /* in all of them */
};

/* A probe beside each run: what the host does, told with an error that leaves `r2` of it. */
static void probe(const double *x, double *ret, double r2, struct qb_random *random)
{
	double mean = 0, squares = 0;

	for (int i = 0; i < RUNS; i++)
		mean += x[i] / RUNS;
	for (int i = 0; i < RUNS; i++)
		squares += pow(x[i] - mean, 2) / (RUNS - 1);
	for (int i = 0; i < RUNS; i++)
		ret[i] = r2 > 0 ? x[i] - mean + sqrt(squares * (1 - r2) / r2) * normal(random)
				: 0.01 * normal(random);
}

static void experiment(enum family family, double effect, double r2, double precision,
	struct qb_random *random, struct outcome *outcome)
{
	double x[RUNS], q[RUNS];
	struct qb_pair pairs[MOST];
	bool stopped = false, missed = false;

	draw(family, x, RUNS, random);
	probe(x, q, r2, random);
	for (int i = 0; i < MOST; i++) {
		const int swap = (int)(qb_random_next(random) >> 63);
		const int a = 2 * i + swap, b = 2 * i + !swap;

		pairs[i] = (struct qb_pair){exp(x[a]), exp(x[b] + effect), exp(q[a]), exp(q[b])};
	}
	for (unsigned n = qb_looks[0]; n && n <= MOST; n = qb_look_after(n)) {
		struct qb_difference d;
		enum qb_claim claim;

		assert_int_equal(qb_difference_of(pairs, n, qb_look_critical(n, MOST), &d), 0);
		missed |= d.interval.low > effect || d.interval.high < effect;
		claim = qb_difference_claim(&d.interval, 0, precision);
		if (!stopped && (claim != QB_CLAIM_UNDECIDED || n == MOST)) {
			stopped = true;
			outcome->pairs += n;
			outcome->claims += claim == QB_CLAIM_LESS || claim == QB_CLAIM_MORE;
			outcome->right += claim == (effect > 0 ? QB_CLAIM_MORE : QB_CLAIM_SAME);
			outcome->same += claim == QB_CLAIM_SAME;
		}
	}
	outcome->missed += missed;
	outcome->experiments++;
}

static struct outcome many(enum family family, double effect, double r2, int times)
{
	struct qb_random random = {1000 * (uint64_t)family + (uint64_t)(r2 * 100) + 77};
	struct outcome outcome = {0};

	for (int i = 0; i < times; i++)
		experiment(family, effect, r2, 0, &random, &outcome);
	return outcome;
}

/*
 * Level and coverage of each family, over all looks, adjusted by probes that tell nothing, some or most (the effect is
 * none: another one moves every interval by itself and no more). 95 % holds, and what so many experiments
 * leave open: with 12,000 of each family (make check-full) no family claims more than 5.5 % or covers less than 94 %.
 */
static void nothing_there(void **unused)
{
	const bool full = getenv("QB_FULL");
	const int times = full ? 4000 : 800;
	int claims = 0, experiments = 0;

	for (int family = 0; family < FAMILIES; family++) {
		struct outcome all = {0};
		double open;

		for (double r2 = 0; r2 < 1; r2 += 0.35) {
			const struct outcome o = many((enum family)family, 0, r2, times);

			all.claims += o.claims;
			all.missed += o.missed;
			all.experiments += o.experiments;
		}
		print_message("# family %d: false claims %.4f of %d experiments, coverage %.4f\n",
			family, (double)all.claims / all.experiments, all.experiments,
			1 - (double)all.missed / all.experiments);
		open = full ? 0 : 2 * sqrt(0.05 * 0.95 / all.experiments);
		assert_true(all.claims <= (0.055 + open) * all.experiments);
		assert_true(all.missed <= (0.06 + open) * all.experiments);
		claims += all.claims;
		experiments += all.experiments;
	}
	assert_true(claims <= 0.055 * experiments);
	assert_true(claims >= 0.03 * experiments); /* neither is it blind */
}

/* A change of 2 % is found, and the interval holds it. */
static void two_percent(void **unused)
{
	for (int family = 0; family < FAMILIES; family++) {
		const double effect = log(1.02);
		const struct outcome raw = many((enum family)family, effect, 0, 200);
		const struct outcome probed = many((enum family)family, effect, 0.7, 200);

		print_message(
			"# family %d: 2 %% found in %d and %d of 200, after %.0f and %.0f pairs\n",
			family, raw.right, probed.right, raw.pairs / 200, probed.pairs / 200);
		assert_true(raw.right >= 200 * (family == STEPS || family == HEAVY ? 0.6 : 0.85));
		assert_true(probed.right >= raw.right - 10);
		assert_true(raw.missed <= 200 * (0.05 + 4 * sqrt(0.05 * 0.95 / 200)));
		assert_true(probed.missed <= 200 * (0.06 + 4 * sqrt(0.06 * 0.94 / 200)));
	}
}

/* Probes that tell most of it save runs; probes that tell nothing cost few. */
static void what_probes_are_worth(void **unused)
{
	double useless = 0, useful = 0;

	for (int family = 0; family < FAMILIES; family++) {
		useless += many((enum family)family, log(1.01), 0, 150).pairs;
		useful += many((enum family)family, log(1.01), 0.7, 150).pairs;
	}
	print_message("# pairs with useful probes: %.2f of those without\n", useful / useless);
	assert_true(useful < 0.75 * useless);
}

static void no_difference(void **unused)
{
	struct outcome outcome = {0};
	struct qb_random random = {5};

	for (int i = 0; i < 200; i++)
		experiment(NORMAL, 0, 0, 0.01, &random, &outcome);
	assert_true(outcome.same >= 180);
	outcome = (struct outcome){0};
	for (int i = 0; i < 200; i++)
		experiment(NORMAL, 0.012, 0, 0.01, &random, &outcome);
	assert_true(outcome.same <= 10);
}

/* A program that heats the CPU slows its own probe: adjusting by that would hide a difference. */
static void moved_probe(void **unused)
{
	struct qb_random random = {6};
	struct qb_pair pairs[MOST];
	struct qb_difference d;

	for (int i = 0; i < MOST; i++) {
		const double host_a = 0.02 * normal(&random), host_b = 0.02 * normal(&random);

		pairs[i] = (struct qb_pair){
			exp(host_a), exp(host_b + 0.03), exp(host_a), exp(host_b + 0.03)};
	}
	assert_int_equal(qb_difference_of(pairs, MOST, qb_look_critical(MOST, MOST), &d), 0);
	assert_true(d.moves && d.adjusts);
	assert_within(d.adjusted.middle, 0, 0.002);
	assert_within(d.raw.middle, 0.03, 0.01);
	assert_true(d.interval.low <= d.adjusted.low && d.interval.high >= d.raw.high);
	assert_int_equal(qb_difference_claim(&d.interval, 0, 0), QB_CLAIM_UNDECIDED);
}

static void odd_pairs(void **unused)
{
	struct qb_pair pairs[MOST];
	struct qb_difference d;

	for (int i = 0; i < MOST; i++)
		pairs[i] = (struct qb_pair){2, 2, 1, 1};
	assert_int_equal(qb_difference_of(pairs, MOST, 0, &d), 0);
	assert_true(d.interval.low == 0 && d.interval.high == 0 && !d.adjusts && !d.moves);
	assert_int_equal(qb_difference_claim(&d.interval, 0, 0), QB_CLAIM_UNDECIDED);
	assert_int_equal(qb_difference_claim(&d.interval, 0, 0.001), QB_CLAIM_SAME);
	for (int i = 0; i < MOST; i++)
		pairs[i].probe_a = i == 3 ? 0 : 1 + i; /* one is not known: none is used */
	assert_int_equal(qb_difference_of(pairs, MOST, 0, &d), 0);
	assert_true(!d.adjusts && !d.moves);
	pairs[0].a = 1e-300;
	pairs[1].b = 1e300;
	assert_int_equal(qb_difference_of(pairs, MOST, 1157, &d), 0);
	assert_true(d.interval.middle == 0);
	assert_int_equal(qb_difference_of(pairs, 1, 0, &d), 0);
	assert_true(d.n == 1 && d.interval.low == d.interval.high);
}

/* A hundred thousand pairs, with probes: B takes 1 % more. */
static void hundred_thousand(void **unused)
{
	const size_t n = 100000;
	struct qb_pair *pairs = calloc(n, sizeof(*pairs));
	double *x = calloc(2 * n, sizeof(*x));
	struct qb_random random = {8};
	struct qb_difference d;

	assert_non_null(pairs);
	assert_non_null(x);
	draw(NORMAL, x, 2 * n, &random);
	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct qb_pair){.a = exp(x[i]),
			.b = 1.01 * exp(x[n + i]),
			.probe_a = 1 + (double)(i % 3) / 100,
			.probe_b = 1 + (double)(i % 5) / 100};
	assert_int_equal(qb_difference_of(pairs, n, qb_rank_critical(n, 0.05), &d), 0);
	assert_within(d.interval.middle, log(1.01), 0.001);
	assert_true(d.interval.low > 0.005 && d.interval.high < 0.015);
	assert_true(d.interval.high - d.interval.low < 0.001);
	free(pairs);
	free(x);
}

static void claims(void **unused)
{
	static const struct {
		struct qb_interval interval;
		double effect, precision;
		enum qb_claim claim;
	} known[] = {
		{{-0.03, -0.02, -0.01}, 0, 0, QB_CLAIM_LESS},
		{{-0.03, -0.02, -0.01}, 0.01, 0, QB_CLAIM_UNDECIDED},
		{{-0.03, -0.02, -0.01}, 0.01, 0.04, QB_CLAIM_SAME},
		{{0.01, 0.02, 0.03}, 0.005, 0, QB_CLAIM_MORE},
		{{0, 0.01, 0.02}, 0, 0, QB_CLAIM_UNDECIDED},
		{{-0.004, 0, 0.004}, 0, 0.005, QB_CLAIM_SAME},
		{{-0.005, 0, 0.004}, 0, 0.005, QB_CLAIM_UNDECIDED},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(qb_difference_claim(
					 &known[i].interval, known[i].effect, known[i].precision),
			known[i].claim);
}

/* p.adjust(p, "BH") <= 0.05 in R. */
static void discoveries(void **unused)
{
	static const double p[] = {
		0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216};
	bool differs[10];

	qb_difference_discover(p, 10, differs);
	for (int i = 0; i < 10; i++)
		assert_int_equal(differs[i], i < 2);
	qb_difference_discover(p + 5, 5, differs);
	for (int i = 0; i < 5; i++)
		assert_false(differs[i]);
	qb_difference_discover(p + 2, 3, differs); /* each helps the other: 0.042 <= 0.05 */
	assert_true(differs[0] && differs[1] && differs[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_there),
		cmocka_unit_test(two_percent),
		cmocka_unit_test(what_probes_are_worth),
		cmocka_unit_test(no_difference),
		cmocka_unit_test(moved_probe),
		cmocka_unit_test(odd_pairs),
		cmocka_unit_test(hundred_thousand),
		cmocka_unit_test(claims),
		cmocka_unit_test(discoveries),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
