/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements that were recorded on a real CPU (tests/bench/noise BUILD record LEVEL) while an injector took a known
 * share of it, judged once more: what is folded, who is named, and what the verdict is, every time the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <noise/causes.h>
#include <noise/measure_internal.h>
#include <stdio.h>

#define FOLDER	 "tests/unit/noise/"
#define WINDOWS	 20
#define LOOPS	 (WINDOWS * QB_MEASURE_LOOPS)
#define SOURCES	 32
#define GAPS	 8192
#define NO_TASKS 0x40000000 /* no system has such ids: who they are is not looked up */

/* A measurement, and what really happened. */
struct replay {
	struct qb_measure m;
	struct qb_measure_cpu of;
	struct qb_loop loop;
	struct qb_loop_window loops[LOOPS];
	struct qb_loop_gap gaps[GAPS];
	struct qb_noise_window windows[WINDOWS];
	struct qb_source sources[SOURCES];
	uint64_t counts[(WINDOWS + 1) * SOURCES], steal[WINDOWS + 1];
	size_t n_loops, n_windows;
	double truth;	   /* the injector's share */
	double others;	   /* and everybody else's */
	uint64_t switches; /* away from the loop, as the kernel counted them */
};

/* Numbers of each window, as sums; `stride` apart. What follows them. */
static const char *read_counts(const char *at, uint64_t *to, size_t stride, size_t n)
{
	to[0] = 0;
	for (size_t i = 0; i < n; i++) {
		char *end;

		to[(i + 1) * stride] = to[i * stride] + strtoull(at, &end, 10);
		assert_ptr_not_equal(at, end);
		at = end;
	}
	return at + strspn(at, " ");
}

static void read_source(struct replay *r, char *line)
{
	struct qb_source *source = &r->sources[r->m.sources.n];
	char *counts = strchr(line, ' ');

	assert_true(r->m.sources.n < SOURCES);
	*counts = '\0';
	qb_text_copy(source->label, sizeof(source->label), line);
	qb_text_copy(source->name, sizeof(source->name),
		read_counts(counts + 1, &r->counts[r->m.sources.n], SOURCES, r->n_windows));
	source->kind = strcmp(line, "LOC") == 0		 ? QB_SOURCE_TICK
		       : strspn(line, "0123456789") == 0 ? QB_SOURCE_CPU
							 : QB_SOURCE_DEVICE;
	r->m.sources.n++;
}

static void read_runner(struct replay *r, const char *line)
{
	struct qb_runner runner = {
		.pid = NO_TASKS + 1 + (pid_t)r->m.watcher.seen.n, .whose = QB_WHOSE_OTHER};
	struct qb_stay stay = {.cpu = r->of.cpu};
	int name;

	assert_int_equal(
		sscanf(line, "%*d %" SCNd64 " %" SCNu64 " %n", &stay.ns, &stay.times, &name), 2);
	runner.tid = runner.pid;
	qb_text_copy(runner.comm, sizeof(runner.comm), line + name);
	assert_int_equal(qb_runners_add(&r->m.watcher.seen, &runner, stay), 0);
}

static void read_loop(struct replay *r, const char *line)
{
	struct qb_loop_window *w = &r->loops[r->n_loops++];

	assert_true(r->n_loops <= LOOPS);
	assert_int_equal(sscanf(line, "%f %" SCNd64 " %" SCNd64 " %" SCNu32 " %" SCNu32 " %" SCNd64,
				 &w->chunk_ns, &w->gap_ns, &w->preempted_ns, &w->gaps,
				 &w->preemptions, &w->longest_ns),
		6);
}

/* Of one window, in tenths of a microsecond, each from the one before. */
static void read_gaps(struct replay *r, const char *at)
{
	const size_t n = r->loop.n_gaps;
	int64_t before = n ? r->gaps[n - 1].at_ns : 0;
	long long since, ns;
	int used;

	while (sscanf(at, "%lld %lld%n", &since, &ns, &used) == 2) {
		struct qb_loop_gap *gap = &r->gaps[r->loop.n_gaps++];

		assert_true(r->loop.n_gaps <= GAPS);
		*gap = (struct qb_loop_gap){.at_ns = before + since * 100,
			.ns = ns * 100,
			.preempted = at[used] == '+'};
		before = gap->at_ns;
		at += used + gap->preempted;
	}
}

static void read_line(struct replay *r, char *line)
{
	char *rest = strchr(line, ' ');
	int number;

	assert_non_null(rest);
	*rest++ = '\0';
	number = atoi(rest);
	if (strcmp(line, "truth") == 0)
		r->truth = atof(rest);
	else if (strcmp(line, "others") == 0)
		r->others = atof(rest);
	else if (strcmp(line, "switches") == 0)
		r->switches = (uint64_t)number;
	else if (strcmp(line, "seconds") == 0)
		r->n_windows = (size_t)number * 10;
	else if (strcmp(line, "by") == 0)
		r->loop.preempt.by = (enum qb_preempt_by)number;
	else if (strcmp(line, "waited") == 0)
		assert_int_equal(
			sscanf(rest, "%" SCNd64 " %" SCNd64, &r->of.waited[0], &r->of.waited[1]),
			2);
	else if (strcmp(line, "source") == 0)
		read_source(r, rest);
	else if (strcmp(line, "steal") == 0)
		read_counts(rest, r->steal, 1, r->n_windows);
	else if (strcmp(line, "runner") == 0)
		read_runner(r, rest);
	else if (strcmp(line, "tick") == 0)
		assert_int_equal(
			sscanf(rest, "%lf %" SCNd64, &r->loop.tick_ns, &r->loop.tick_at_ns), 2);
	else if (strcmp(line, "gaps") == 0)
		read_gaps(r, rest);
	else if (strcmp(line, "loop") == 0)
		read_loop(r, rest);
	else
		assert_true(strcmp(line, "started") == 0 || strcmp(line, "cpu") == 0 ||
			    strcmp(line, "direct") == 0);
}

/* The counts were read with room for SOURCES in a row; the measurement has as many as there are. */
static void pack_counts(struct replay *r)
{
	for (size_t i = 0; i <= r->n_windows; i++)
		memmove(&r->counts[i * r->m.sources.n], &r->counts[i * SOURCES],
			r->m.sources.n * sizeof(r->counts[0]));
}

static void load(struct replay *r, const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[128], *rest, *line;

	memset(r, 0, sizeof(*r));
	r->m.watcher.lent = true;
	qb_text_format(path, sizeof(path), FOLDER "%s", name);
	assert_true(qb_file_read_all(path, &text, NULL) > 0);
	rest = text;
	while ((line = strsep(&rest, "\n")) && *line)
		read_line(r, line);
	assert_int_equal(r->n_windows, WINDOWS);
	assert_int_equal(r->n_loops, LOOPS);
	pack_counts(r);
	r->m.sources.v = r->sources;
	r->m.n = 1;
	r->m.of = &r->of;
	r->m.ns = (int64_t)WINDOWS * QB_VERDICT_WINDOW_NS;
	r->m.looks[0] = r->m.ns;
	r->of.loop = &r->loop;
	r->loop.windows = r->loops;
	r->loop.gaps = r->gaps;
	r->of.windows = r->windows;
	r->of.counts = r->counts;
	r->of.steal = r->steal;
}

static void unload(struct replay *r)
{
	qb_watcher_close(&r->m.watcher);
}

static void judge(struct replay *r, struct qb_causes *causes)
{
	assert_int_equal(qb_measure_judge(&r->m, WINDOWS, NULL), 0);
	assert_int_equal(qb_causes_attribute(&r->m, NULL), 0);
	*causes = *r->of.causes;
	free(r->of.causes);
	r->of.causes = NULL;
}

static enum qb_verdict_of preempted(const struct replay *r)
{
	return r->m.verdicts[QB_NOISE_PREEMPTED_METRIC].verdict;
}

static void limit(struct replay *r, double share)
{
	r->m.limits = (struct qb_noise_limits){{(int64_t)(share * 1e6), -1, -1, -1, -1}};
}

static const char *const recorded[] = {"half.txt", "two.txt", "ten.txt"};
static struct replay replay;

static void the_share(void **unused)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(recorded); i++) {
		struct qb_causes causes;

		load(&replay, recorded[i]);
		judge(&replay, &causes);
		assert_true(fabs(causes.preempted - replay.truth - replay.others) < 0.001);
		assert_true(causes.interrupted > 0 && causes.interrupted < 0.02);
		assert_true(fabs((double)causes.preemptions - (double)replay.switches) <= 1);
		unload(&replay);
	}
}

/* Without the kernel's account a gap is all somebody else's, with the interrupt that woke him. */
static void the_share_without_an_account(void **unused)
{
	struct qb_causes with, without;

	load(&replay, "two.txt");
	judge(&replay, &with);
	replay.of.waited[1] = -1;
	judge(&replay, &without);
	assert_true(without.preempted > with.preempted);
	assert_true(without.preempted < with.preempted + 0.005);
	assert_true(fabs(with.preempted + with.interrupted - without.preempted -
			    without.interrupted) < 1e-9);
	unload(&replay);
}

static void the_greatest_cause(void **unused)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(recorded); i++) {
		const struct qb_cause *cause = NULL;
		struct qb_causes causes;

		load(&replay, recorded[i]);
		judge(&replay, &causes);
		for (size_t c = 0; c < causes.n && !cause; c++)
			if (causes.v[c].kind == QB_CAUSE_TASK)
				cause = &causes.v[c];
		assert_non_null(cause);
		assert_memory_equal(cause->name, "qb-injector (pid ", 17);
		assert_true(fabs(cause->share / replay.truth - 1) < 0.05);
		unload(&replay);
	}
}

/* Then somebody is not known, and nobody gets his time. */
static void records_were_lost(void **unused)
{
	struct qb_causes causes;
	double named = 0, unknown = 0;

	load(&replay, "half.txt");
	replay.m.watcher.seen.lost = 1;
	judge(&replay, &causes);
	for (size_t c = 0; c < causes.n; c++) {
		named += causes.v[c].kind == QB_CAUSE_TASK ? causes.v[c].share : 0;
		unknown += causes.v[c].kind == QB_CAUSE_UNKNOWN_TASK ? causes.v[c].share : 0;
	}
	assert_true(named < 0.9 * causes.preempted);
	assert_true(fabs(named + unknown - causes.preempted) < 1e-9);
	unload(&replay);
}

/* Without perf a task's share is of the time that its account was kept, which began earlier. */
static void names_by_accounts(void **unused)
{
	struct qb_account account = {.pid = NO_TASKS,
		.tid = NO_TASKS,
		.comm = "somebody",
		.bound = true,
		.ns = 46000000};
	struct qb_causes causes;
	double share = 0;

	load(&replay, "two.txt");
	replay.m.watcher.lent = false;
	replay.m.accounts = (struct qb_accounts){.v = &account, .n = 1};
	replay.m.accounts_ns = 2300000000;
	judge(&replay, &causes);
	for (size_t c = 0; c < causes.n; c++)
		if (strcmp(causes.v[c].name, "somebody (pid 1073741824)") == 0)
			share = causes.v[c].share;
	assert_true(fabs(share - 0.02) < 1e-9);
	unload(&replay);
}

static void the_verdict(void **unused)
{
	struct qb_causes causes;

	for (size_t i = 0; i < QB_ARRAY_SIZE(recorded); i++) {
		load(&replay, recorded[i]);
		limit(&replay, replay.truth / 2);
		judge(&replay, &causes);
		assert_int_equal(preempted(&replay), QB_VERDICT_OF_FAIL);
		assert_int_equal(replay.m.verdict, QB_VERDICT_OF_FAIL);
		/* 20 windows are too few to pass; not one is above. */
		limit(&replay, replay.truth * 2.5);
		judge(&replay, &causes);
		assert_int_equal(replay.m.verdicts[QB_NOISE_PREEMPTED_METRIC].exceeding, 0);
		assert_int_equal(preempted(&replay), QB_VERDICT_OF_UNDECIDED);
		unload(&replay);
	}
	load(&replay, "none.txt");
	limit(&replay, 0.003);
	judge(&replay, &causes);
	assert_int_equal(replay.m.verdicts[QB_NOISE_PREEMPTED_METRIC].exceeding, 0);
	assert_true(causes.preempted < 0.0005);
	unload(&replay);
}

static const struct qb_cause *find(const struct qb_causes *causes, const char *name)
{
	for (size_t i = 0; i < causes->n; i++)
		if (strcmp(causes->v[i].name, name) == 0)
			return &causes->v[i];
	return NULL;
}

/*
 * A KVM guest with nobody else there: its own tick, the hypervisor's, and a second hypervisor's below,
 * whose clock is another. The tick's share is what its 250 gaps a second took, and no more.
 */
static void the_hypervisors_tick(void **unused)
{
	const struct qb_cause *tick, *host, *other;
	struct qb_causes causes;

	load(&replay, "combs.txt");
	replay.m.guest = true;
	judge(&replay, &causes);
	tick = find(&causes, "timer tick");
	host = find(&causes, "the hypervisor's own tick, 100/s");
	other = find(&causes, "a timer of the hypervisor, 100/s");
	assert_non_null(tick);
	assert_non_null(host);
	assert_int_equal(tick->kind, QB_CAUSE_TICK);
	assert_int_equal(tick->evidence, QB_EVIDENCE_MEASURED);
	assert_true(tick->times > 490 && tick->times <= 503);
	assert_true(tick->typical_ns > 14000 && tick->typical_ns < 18000);
	assert_true(fabs(tick->share - 0.0043) < 0.0003);
	assert_int_equal(host->kind, QB_CAUSE_HYPERVISOR);
	assert_int_equal(host->evidence, QB_EVIDENCE_MEASURED);
	assert_true(host->typical_ns > 13000 && host->typical_ns < 17000);
	assert_true(host->times >= 198 && host->times <= 201);
	assert_true(fabs(host->share - 0.00166) < 0.0001);
	assert_non_null(other);
	assert_true(other->times >= 190 && other->times <= 201);
	assert_true(other->typical_ns > 1500 && other->typical_ns < 3000);
	assert_null(find(&causes, "gaps that were not kept"));
	unload(&replay);
}

/* The same gaps on bare metal: no hypervisor is there to be named. */
static void the_same_on_metal(void **unused)
{
	struct qb_causes causes;

	load(&replay, "combs.txt");
	judge(&replay, &causes);
	assert_non_null(find(&causes, "timer tick"));
	assert_non_null(find(&causes, "a timer that no counter shows, 100/s"));
	for (size_t i = 0; i < causes.n; i++)
		assert_int_not_equal(causes.v[i].kind, QB_CAUSE_HYPERVISOR);
	unload(&replay);
}

/* Recorded before gaps were kept: nothing is said of them but that. */
static void gaps_were_not_kept(void **unused)
{
	struct qb_causes causes;

	load(&replay, "none.txt");
	judge(&replay, &causes);
	assert_non_null(find(&causes, "gaps that were not kept"));
	assert_true(find(&causes, "gaps that were not kept")->share <= causes.interrupted);
	assert_true(find(&causes, "timer tick")->share < 0);
	assert_int_equal(find(&causes, "timer tick")->evidence, QB_EVIDENCE_COUNTED);
	unload(&replay);
}

/* Those that were kept tell of the whole: the tick comes as often later. */
static void some_gaps_were_not_kept(void **unused)
{
	struct qb_causes all, some;

	load(&replay, "combs.txt");
	judge(&replay, &all);
	replay.loop.gaps_unkept = replay.loop.n_gaps / 2;
	replay.loop.n_gaps -= replay.loop.gaps_unkept;
	judge(&replay, &some);
	assert_true(
		fabs(find(&all, "timer tick")->share - find(&some, "timer tick")->share) < 0.0005);
	assert_null(find(&some, "gaps that were not kept"));
	unload(&replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_share),
		cmocka_unit_test(the_share_without_an_account),
		cmocka_unit_test(the_greatest_cause),
		cmocka_unit_test(records_were_lost),
		cmocka_unit_test(names_by_accounts),
		cmocka_unit_test(the_verdict),
		cmocka_unit_test(the_hypervisors_tick),
		cmocka_unit_test(the_same_on_metal),
		cmocka_unit_test(gaps_were_not_kept),
		cmocka_unit_test(some_gaps_were_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
