/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose gaps are these? Trains of gaps made of ticks, combs, interrupts and chance, mixed in hundreds of ways by a
 * generator with a seed, and taken apart again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <math.h>
#include <noise/gaps.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS	   INT64_C(1000000)
#define WINDOW_NS  (100 * MS)
#define LATE_NS	   (5 * MS)
#define WINDOWS	   120
#define GAPS_MAX   80000
#define MAKERS_MAX 6
#define SOURCES	   3
#define TIMER	   0	 /* the source that counts ticks */
#define REACH_NS   20000 /* so near to where a tooth should be, a gap can be taken for one */
#define HIDDEN	   0.6	 /* a comb need not be seen if more of it is in gaps with others */
#define HALF	   0.4	 /* nor more than every second of its teeth, if so much of it is there */

/* A generator of its own, so that every machine sees the same numbers (xorshift64*, Vigna 2016). */
static uint64_t state;
/* Every mixture has a seed of its own; QB_SEED=100 makes other ones of all. */
static uint64_t seed;

/* splitmix64 (Steele, Lea, Flood 2014): neighbours have nothing in common. */
static void sow(unsigned test, int mixture)
{
	uint64_t z = (seed * 32 + test) * 1024 + (uint64_t)mixture + 1;

	z *= UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	state = (z ^ z >> 31) | 1;
}

static double uniform(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
}

static double normal(void)
{
	return sqrt(-2 * log(1 - uniform())) * cos(6.283185307179586 * uniform());
}

static double between(double from, double to)
{
	return from + (to - from) * uniform();
}

/* Something that makes gaps. */
struct maker {
	double hz;
	double ppm; /* its clock is so much slower than the loop's, which knows it of the own tick only */
	double phase;  /* of its period, 0 to 1; < 0: by chance, not at regular times */
	double us;     /* its gaps' usual length */
	double jitter; /* us: each comes so much later, half of them more */
	double missing;
	int source;    /* who counts them, one more than its index */
	bool bursts;   /* only in some windows */
	bool preempts; /* another task has the CPU */
	/* the truth */
	double share;
	double together; /* part of it: in gaps that fell together with another maker's */
	double taken; /* part of it, by chance: together, or where a tooth of another maker should be */
	size_t times;
};

struct event {
	double at, ns;
	bool preempted, together;
	struct maker *of;
};

static struct event events[GAPS_MAX];
static struct qb_loop_gap train[GAPS_MAX];
static uint64_t counts[(WINDOWS + 1) * SOURCES];
static size_t n_events;
static double length_ns;

static int compare_events(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void count(double at, int source)
{
	for (size_t w = 0; source && w <= WINDOWS; w++)
		if (at < (double)w * (double)WINDOW_NS + (w ? (double)LATE_NS : 0))
			counts[w * SOURCES + (size_t)source - 1]++;
}

/* Lengths spread by a tenth, with a tail: one in twenty takes up to half as long again. */
static double a_length(const struct maker *m)
{
	const double ns = m->us * 1e3 * (1 + 0.1 * normal());

	return fmax(ns * (uniform() < 0.05 ? between(1, 1.5) : 1), m->us * 300);
}

static void make_one(struct maker *m, double at)
{
	struct event *e = &events[n_events];

	if (at < 0 || at >= length_ns)
		return;
	count(at, m->source);
	if (uniform() < m->missing)
		return;
	assert_true(n_events < GAPS_MAX);
	*e = (struct event){at, a_length(m), m->preempts, false, m};
	m->share += e->ns / length_ns;
	m->times++;
	n_events++;
}

static double period_of(const struct maker *m)
{
	return 1e9 / m->hz * (1 + m->ppm * 1e-6);
}

static void make(struct maker *m)
{
	const double period = period_of(m);
	bool in_burst = !m->bursts;
	double until = 0;

	for (double at = m->phase < 0 ? -log(1 - uniform()) * period : m->phase * period;
		at < length_ns; at += m->phase < 0 ? -log(1 - uniform()) * period : period) {
		if (m->bursts && at > until) {
			in_burst = uniform() < 0.3;
			until = at + 2e8 * uniform();
		}
		if (in_burst)
			make_one(m, at + (m->jitter > 0 ? fabs(normal()) * m->jitter * 1e3 : 0));
	}
}

/* Gaps that fall together are one, as long as both. */
static size_t merge(void)
{
	size_t n = 0, first = 0;

	qsort(events, n_events, sizeof(events[0]), compare_events);
	for (size_t i = 0; i < n_events; i++) {
		const double at = events[i].at, ns = events[i].ns;

		if (n && at < (double)(train[n - 1].at_ns + train[n - 1].ns) + 300) {
			train[n - 1].ns = (int64_t)((double)train[n - 1].ns + ns);
			train[n - 1].preempted |= events[i].preempted;
			events[i].together = events[first].together = true;
			continue;
		}
		first = i;
		train[n].at_ns = (int64_t)at;
		train[n].ns = (int64_t)ns;
		train[n++].preempted = events[i].preempted;
	}
	return n;
}

/* Should a tooth of one of these be there, so that the gap can be taken for it? */
static bool is_at_tooth(const struct maker *makers, size_t n, double at)
{
	for (size_t i = 0; i < n; i++)
		if (makers[i].phase >= 0 &&
			fabs(remainder(at - makers[i].phase * period_of(&makers[i]),
				period_of(&makers[i]))) < REACH_NS)
			return true;
	return false;
}

/* What nobody can tell: gaps that fell together are one gap, and one by chance can be where a tooth is due. */
static void tell_together(const struct maker *makers, size_t n)
{
	for (size_t i = 0; i < n_events; i++) {
		const struct event *e = &events[i];

		if (e->together)
			e->of->together += e->ns / length_ns;
		if (e->of->phase < 0 && (e->together || is_at_tooth(makers, n, e->at)))
			e->of->taken += e->ns / length_ns;
	}
}

/* The first maker with source TIMER is the own tick. `hinted`: its times are known. */
static struct qb_gaps decompose(struct maker *makers, size_t n, double seconds, bool hinted)
{
	struct qb_gaps gaps = {.gaps = train, .ns = (int64_t)(seconds * 1e9), .counts = counts};

	memset(counts, 0, sizeof(counts));
	n_events = 0;
	length_ns = seconds * 1e9;
	for (size_t i = 0; i < n; i++)
		make(&makers[i]);
	gaps.n_gaps = merge();
	tell_together(makers, n);
	gaps.n_windows = (size_t)(seconds * 10);
	gaps.n_sources = SOURCES;
	gaps.window_ns = WINDOW_NS;
	gaps.late_ns = LATE_NS;
	gaps.tick_source = TIMER;
	gaps.tick_ns = 1e9 / makers[0].hz * (hinted ? 1 + makers[0].ppm * 1e-6 : 1);
	gaps.tick_at_ns = (int64_t)(makers[0].phase * gaps.tick_ns);
	gaps.tick_seen = hinted;
	assert_int_equal(qb_gaps_decompose(&gaps, NULL), 0);
	return gaps;
}

static void show(const struct qb_gaps *gaps, const struct maker *makers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		print_message(
			"made: %g Hz %+g ppm phase %.3f of %g us, missing %g, source %d: %.4f %%, %zu\n",
			makers[i].hz, makers[i].ppm, makers[i].phase, makers[i].us,
			makers[i].missing, makers[i].source - 1, 100 * makers[i].share,
			makers[i].times);
	for (size_t i = 0; i < gaps->n; i++)
		print_message("found: %d of source %d: %.4f %%, %zu, of %.1f us, every %.6f ms\n",
			(int)gaps->parts[i].of, (int)gaps->parts[i].source,
			100 * gaps->parts[i].ns / (double)gaps->ns, gaps->parts[i].times,
			gaps->parts[i].typical_ns / 1e3, gaps->parts[i].period_ns / 1e6);
}

static double sum(const struct qb_gaps *gaps, enum qb_gaps_of of, size_t source)
{
	double ns = 0;

	for (size_t i = 0; i < gaps->n; i++)
		if (gaps->parts[i].of == of && gaps->parts[i].source == source)
			ns += gaps->parts[i].ns;
	return ns / (double)gaps->ns;
}

static bool near(double found, double made, double besides)
{
	return fabs(found - made) <= fmax(0.1 * made, 0.001) + besides;
}

/* Nothing is lost: all the time of gaps that are not preempted has an owner, one only. */
static bool adds_up(const struct qb_gaps *gaps)
{
	double found = 0, made = 0;

	for (size_t i = 0; i < gaps->n; i++)
		found += gaps->parts[i].ns;
	for (size_t i = 0; i < gaps->n_gaps; i++)
		made += train[i].preempted ? 0 : (double)train[i].ns;
	return fabs(found - made) <= 1e-6 * made + 3e5; /* the last may be longer than the train */
}

/* No source explains more gaps than it counts. */
static bool in_bounds(const struct qb_gaps *gaps)
{
	for (size_t s = 0; s < SOURCES; s++) {
		uint64_t times = 0;

		for (size_t i = 0; i < gaps->n; i++)
			times += gaps->parts[i].source == s ? gaps->parts[i].times : 0;
		if (times > counts[gaps->n_windows * SOURCES + s] - counts[s] + 1)
			return false;
	}
	return true;
}

/* All of it as it was made, and so much of the whole besides: the tick, combs that nobody counts, two sources, and chance. */
static bool is_within(
	const struct qb_gaps *gaps, const struct maker *makers, size_t n, double besides)
{
	double tick = 0, combs = 0, rest = 0, of[SOURCES] = {0};
	bool right = adds_up(gaps) && in_bounds(gaps);

	for (size_t i = 0; i < n; i++) {
		const struct maker *m = &makers[i];

		if (m->preempts)
			continue;
		if (i == 0)
			tick += m->share;
		else if (m->source)
			of[m->source - 1] += m->share;
		else if (m->phase >= 0)
			combs += m->share;
		else
			rest += m->share;
	}
	right = right && near(sum(gaps, QB_GAPS_OF_TICK, TIMER), tick, besides);
	right = right && near(sum(gaps, QB_GAPS_OF_COMB, QB_GAPS_UNCOUNTED), combs, besides);
	right = right && near(sum(gaps, QB_GAPS_OF_REST, QB_GAPS_UNCOUNTED), rest, besides);
	for (size_t s = 0; s < SOURCES; s++)
		right = right && near(sum(gaps, QB_GAPS_OF_SOURCE, s), of[s], besides);
	return right;
}

static bool is_right(const struct qb_gaps *gaps, const struct maker *makers, size_t n)
{
	return is_within(gaps, makers, n, 0);
}

/*
 * A comb of which so much lies in the others' gaps need not be seen, or seems slower than it is: what it has there is
 * theirs. All that comes at regular times, together, is right, and so is what does not; but for the rest of that comb.
 */
static bool is_right_together(
	const struct qb_gaps *gaps, const struct maker *makers, size_t n, double besides)
{
	double regular = 0, rest = 0, of_rest;

	for (size_t i = 0; i < n; i++)
		if (makers[i].phase >= 0) {
			regular += makers[i].share;
			besides += i > 0 ? makers[i].share - makers[i].together : 0;
		} else {
			rest += makers[i].share;
		}
	of_rest = sum(gaps, QB_GAPS_OF_REST, QB_GAPS_UNCOUNTED);
	for (size_t i = 0; i < gaps->n; i++)
		regular -= gaps->parts[i].period_ns > 0 ? gaps->parts[i].ns / (double)gaps->ns : 0;
	for (size_t s = 0; s < SOURCES; s++)
		for (size_t i = 0; i < gaps->n; i++)
			if (gaps->parts[i].source == s && gaps->parts[i].period_ns <= 0)
				of_rest += gaps->parts[i].ns / (double)gaps->ns;
	return adds_up(gaps) && in_bounds(gaps) && near(regular, 0, besides) &&
	       near(of_rest, rest, besides);
}

static bool is_hidden(const struct maker *makers, size_t n)
{
	bool hidden = false;

	for (size_t i = 1; i < n; i++) {
		const struct maker *m = &makers[i];
		bool half =
			false; /* of a comb of 100 Hz every second tooth can lie on one of 250 Hz */

		for (size_t k = 0; k < n; k++)
			half |= fabs(fmod(makers[k].hz / m->hz, 1) - 0.5) < 0.01;
		hidden |= m->phase >= 0 && m->together > (half ? HALF : HIDDEN) * m->share;
	}
	return hidden;
}

static double taken(const struct maker *makers, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += makers[i].taken;
	return sum;
}

/* As right as it can be told. False: by a tenth it is not. */
static bool check_beyond(struct maker *makers, size_t n, double seconds, bool hinted)
{
	struct qb_gaps gaps = decompose(makers, n, seconds, hinted);
	const double besides = taken(makers, n);
	const bool hidden = is_hidden(makers, n);
	const bool right = hidden ? is_right_together(&gaps, makers, n, besides)
				  : is_within(&gaps, makers, n, besides);

	if (!right)
		show(&gaps, makers, n);
	assert_true(right);
	return hidden || is_right(&gaps, makers, n);
}

static void check(struct maker *makers, size_t n, double seconds, bool hinted)
{
	check_beyond(makers, n, seconds, hinted);
}

static const double rates[] = {100, 250, 300, 1000};

static double a_rate(void)
{
	return rates[(size_t)(uniform() * 4)];
}

static struct maker a_tick(double hz)
{
	return (struct maker){.hz = hz,
		.ppm = between(-300, 300),
		.phase = uniform(),
		.us = between(3, 50),
		.jitter = between(0, 2),
		.missing = 0,
		.source = TIMER + 1};
}

static struct maker a_comb(double hz)
{
	return (struct maker){.hz = hz,
		.ppm = between(-100, 100),
		.phase = uniform(),
		.us = between(3, 50),
		.jitter = between(0, 3),
		.missing = uniform() < 0.5 ? 0 : between(0, 0.2)};
}

static struct maker by_chance(double hz, double us)
{
	return (struct maker){.hz = hz, .phase = -1, .us = us};
}

static void only_the_tick(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(1, i);

		struct maker makers[] = {a_tick(a_rate())};

		check(makers, 1, i % 2 ? 3 : 12, i % 4 < 2);
	}
}

/* The tick is stopped, as by nohz_full; the hypervisor's is not. */
static void only_the_hosts(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(2, i);

		struct maker makers[] = {a_tick(250), a_comb(a_rate())};

		makers[0].hz = 1;
		decompose(makers, 1, 1, false);
		struct qb_gaps gaps = decompose(makers, 2, 3, false);

		gaps.tick_ns = 4e6;
		gaps.tick_seen = i % 2;
		assert_int_equal(qb_gaps_decompose(&gaps, NULL), 0);
		assert_true(
			near(sum(&gaps, QB_GAPS_OF_COMB, QB_GAPS_UNCOUNTED), makers[1].share, 0));
		assert_true(sum(&gaps, QB_GAPS_OF_TICK, TIMER) < 1e-4);
	}
}

static void the_hosts_and_the_own(void **unused)
{
	for (int i = 0; i < 200; i++) {
		sow(3, i);

		struct maker makers[] = {a_tick(a_rate()), a_comb(a_rate())};

		check(makers, 2, i % 2 ? 3 : 12, true);
	}
}

/* Each of the host's teeth that can lies on one of the own: they make longer gaps together. */
static void in_phase(void **unused)
{
	static const double pairs[][2] = {
		{250, 1000}, {100, 1000}, {250, 250}, {100, 300}, {1000, 1000}, {300, 1000}};

	for (int i = 0; i < 120; i++) {
		sow(4, i);

		const double *pair = pairs[i % 6];
		struct maker makers[] = {a_tick(pair[0]), a_comb(pair[1])};
		const double shift = between(-0.8, 0.8) * makers[0].us * 1e-6;

		makers[1].ppm = makers[0].ppm;
		makers[1].phase = fmod((makers[0].phase / pair[0] + shift) * pair[1] + 10, 1);
		if (pair[0] == pair[1]) {
			/* All of them: that there are two kinds cannot be seen. They are the tick's by count. */
			struct qb_gaps gaps = decompose(makers, 2, 3, true);

			assert_true(adds_up(&gaps) && in_bounds(&gaps));
			continue;
		}
		check(makers, 2, 12, true);
	}
}

/* A clock that drifts through the other one's teeth: apart for a while, together for a while. */
static void drifting_through(void **unused)
{
	for (int i = 0; i < 100; i++) {
		sow(5, i);

		struct maker makers[] = {a_tick(250), a_comb(i % 3 ? 1000 : 250)};

		makers[1].phase = fmod(makers[0].phase / makers[0].hz * makers[1].hz, 1);
		makers[1].ppm = makers[0].ppm + (i % 2 ? 1 : -1) * between(8, 25);
		makers[0].us = between(20, 50);
		check(makers, 2, 12, true);
	}
}

/* Without the tick's times it is known by its count, if nothing else comes as often. */
static void the_phase_is_not_known(void **unused)
{
	for (int i = 0; i < 60; i++) {
		sow(6, i);

		struct maker makers[] = {a_tick(250), a_comb(i % 2 ? 1000 : 100)};

		makers[1].phase =
			fmod(makers[0].phase / 250 * makers[1].hz + between(0.15, 0.85), 1);
		makers[1].ppm = makers[0].ppm = 0;
		check(makers, 2, 3, false);
	}
}

/* Two combs of one rate, and nothing tells which is whose: neither is called the tick. */
static void two_of_one_rate(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(7, i);

		struct maker makers[] = {a_tick(250), a_comb(250)};
		struct qb_gaps gaps;

		makers[1].phase = fmod(makers[0].phase + between(0.1, 0.4), 1);
		makers[1].ppm = makers[0].ppm;
		gaps = decompose(makers, 2, 3, false);
		assert_true(sum(&gaps, QB_GAPS_OF_TICK, TIMER) < 1e-4);
		makers[0].share = makers[1].share = 0;
		check(makers, 2, 3, true); /* but by the tick's times it is clear */
	}
}

/* A guest that was seen: 1,000 gaps a second of 36 us, exactly 1 ms apart, and its own 250 of 41 us. All of them had been
 * called the timer tick. */
static void as_it_was_seen(void **unused)
{
	for (int i = 0; i < 20; i++) {
		sow(13, i);

		struct maker makers[] = {
			{.hz = 250, .phase = uniform(), .us = 41, .jitter = 1, .source = TIMER + 1},
			{.hz = 1000, .phase = uniform(), .us = 36, .jitter = 1}};
		struct qb_gaps gaps = decompose(makers, 2, 3, true);
		/* Where they fall together it is not known to the last whose is what. */
		const double besides = makers[0].together > 0 ? 0.0005 : 0;

		assert_true(is_right(&gaps, makers, 2));
		assert_true(fabs(sum(&gaps, QB_GAPS_OF_TICK, TIMER) - 0.0104) < 0.0005 + besides);
		assert_int_equal(gaps.parts[1].of, QB_GAPS_OF_COMB);
		assert_true(fabs(gaps.parts[1].period_ns - 1e6) < 10);
		assert_true(fabs(gaps.parts[1].typical_ns - 36e3) < 1500);
		assert_true(gaps.parts[1].times >= 2990 && gaps.parts[1].times <= 3000);
	}
}

/* Rates that nobody knows beforehand are found, each with its own. */
static void whatever_the_rate(void **unused)
{
	for (int i = 0; i < 60; i++) {
		sow(14, i);

		struct maker makers[] = {
			a_tick(250), a_comb(between(60, 2000)), a_comb(between(60, 2000))};
		struct qb_gaps gaps;
		size_t found = 0;

		makers[1].us = makers[2].us = between(3, 30);
		makers[1].missing = makers[2].missing = 0;
		gaps = decompose(makers, 3, 3, true);
		for (size_t p = 0; p < gaps.n; p++)
			for (size_t k = 1; k < 3; k++)
				found += gaps.parts[p].of == QB_GAPS_OF_COMB &&
					 fabs(gaps.parts[p].period_ns * makers[k].hz / 1e9 - 1 -
						 makers[k].ppm * 1e-6) < 1e-5;
		if (found != 2 || gaps.n > 5)
			show(&gaps, makers, 3);
		assert_int_equal(found, 2);
	}
}

/* Nothing comes at regular times: nothing is said to, however much there is. */
static void no_comb_by_chance(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(15, i);

		struct maker makers[] = {
			a_tick(250), by_chance(between(10, 4000), between(0.5, 20))};
		struct qb_gaps gaps = decompose(makers, 2, 3, true);

		assert_true(sum(&gaps, QB_GAPS_OF_COMB, QB_GAPS_UNCOUNTED) <= 0);
		assert_true(adds_up(&gaps) && in_bounds(&gaps));
	}
}

/* Nothing at all, one gap, and counts that there are not. */
static void hardly_anything(void **unused)
{
	struct qb_gaps gaps = {.gaps = train, .ns = 1000 * MS, .tick_source = QB_GAPS_UNCOUNTED};

	assert_int_equal(qb_gaps_decompose(&gaps, NULL), 0);
	assert_int_equal(gaps.n, 0);
	train[0] = (struct qb_loop_gap){.at_ns = 5, .ns = 2 * QB_GAPS_SHORT_NS};
	train[1] = (struct qb_loop_gap){.at_ns = 500 * MS, .ns = QB_GAPS_SHORT_NS / 2};
	train[2] = (struct qb_loop_gap){.at_ns = 600 * MS, .ns = 7 * MS, .preempted = true};
	train[3] = (struct qb_loop_gap){.at_ns = 1000 * MS, .ns = MS}; /* after the end */
	gaps.n_gaps = 4;
	assert_int_equal(qb_gaps_decompose(&gaps, NULL), 0);
	assert_int_equal(gaps.n, 2);
	assert_int_equal(gaps.parts[0].of, QB_GAPS_OF_REST);
	assert_int_equal(gaps.parts[0].times, 1);
	assert_int_equal(gaps.parts[1].of, QB_GAPS_OF_SHORT);
	assert_int_equal(gaps.parts[1].times, 1);
}

/*
 * What comes at no regular times is nobody's. What of it falls together with a tooth, or where one is due, cannot be told
 * from the tooth: beyond a tenth that much may be wrong, in two trains of a hundred or so. Nor can a comb be seen of
 * which hardly a tooth lies apart.
 */
static void and_a_rest(void **unused)
{
	unsigned beyond = 0;

	for (int i = 0; i < 100; i++) {
		sow(8, i);

		struct maker makers[] = {a_tick(a_rate()), a_comb(a_rate()),
			by_chance(between(5, 500), between(2, 100))};

		beyond += !check_beyond(makers, 3, i % 2 ? 3 : 12, true);
	}
	assert_true(beyond <= 10);
}

/* Firmware, once a second, on bare metal. */
static void firmware(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(9, i);

		struct maker makers[] = {a_tick(a_rate()), by_chance(1, 150)};
		struct qb_gaps gaps;

		makers[1].phase = i % 2 ? -1 : uniform();
		gaps = decompose(makers, 2, 12, true);
		assert_true(near(sum(&gaps, QB_GAPS_OF_TICK, TIMER), makers[0].share, 0));
		assert_true(
			near(sum(&gaps, QB_GAPS_OF_REST, QB_GAPS_UNCOUNTED), makers[1].share, 0));
		assert_true(fabs(gaps.parts[gaps.n - 1].typical_ns - 150e3) < 40e3);
	}
}

/* Interrupts of devices, in bursts or not, beside all that. */
static void devices(void **unused)
{
	unsigned beyond = 0;

	for (int i = 0; i < 100; i++) {
		sow(10, i);

		struct maker device = by_chance(between(20, 500), between(2, 30)),
			     ipi = by_chance(between(1, 50), between(1, 10));
		struct maker makers[] = {a_tick(a_rate()), a_comb(a_rate()), device, ipi,
			by_chance(between(1, 20), between(5, 100))};

		makers[2].source = 2;
		makers[2].bursts = i % 2;
		makers[3].source = 3;
		beyond += !check_beyond(makers, i % 3 ? 5 : 4, i % 2 ? 3 : 12, true);
	}
	assert_true(beyond <= 5);
}

/* A device with a clock of its own is counted, whatever its rate. */
static void a_regular_device(void **unused)
{
	for (int i = 0; i < 40; i++) {
		sow(11, i);

		struct maker makers[] = {a_tick(250), a_comb(i % 2 ? 1000 : 187.5), a_comb(100)};

		makers[1].missing = 0;
		makers[1].source = 2;
		check(makers, 3, 3, true);
	}
}

/* Other tasks have the CPU for a tenth of the time; what they hide is nobody's here. */
static void beside_preemptions(void **unused)
{
	for (int i = 0; i < 60; i++) {
		sow(12, i);

		struct maker makers[] = {a_tick(250), a_comb(a_rate()), by_chance(50, 2000)};

		makers[2].preempts = true;
		makers[0].share = 0;
		struct qb_gaps gaps = decompose(makers, 3, 3, true);

		assert_true(adds_up(&gaps) && in_bounds(&gaps));
		if (is_hidden(makers, 2))
			continue;
		assert_true(fabs(sum(&gaps, QB_GAPS_OF_TICK, TIMER) - 0.9 * makers[0].share) <
			    fmax(0.1 * makers[0].share, 0.001));
		assert_true(fabs(sum(&gaps, QB_GAPS_OF_COMB, QB_GAPS_UNCOUNTED) -
				    0.9 * makers[1].share) < fmax(0.1 * makers[1].share, 0.001));
	}
}

int main(void)
{
	const char *chosen = getenv("QB_SEED");

	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_tick),
		cmocka_unit_test(only_the_hosts),
		cmocka_unit_test(the_hosts_and_the_own),
		cmocka_unit_test(in_phase),
		cmocka_unit_test(drifting_through),
		cmocka_unit_test(the_phase_is_not_known),
		cmocka_unit_test(two_of_one_rate),
		cmocka_unit_test(as_it_was_seen),
		cmocka_unit_test(whatever_the_rate),
		cmocka_unit_test(no_comb_by_chance),
		cmocka_unit_test(hardly_anything),
		cmocka_unit_test(and_a_rest),
		cmocka_unit_test(firmware),
		cmocka_unit_test(devices),
		cmocka_unit_test(a_regular_device),
		cmocka_unit_test(beside_preemptions),
	};

	seed = chosen ? strtoull(chosen, NULL, 10) : 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
