/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally.h */
#include "tally.h"
#include "ticks.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>

/* Less than that is no sleep: clocks are slewed. */
#define ASLEEP_NS INT64_C(10000000)

/* ---- what is cheap to read ---- */

struct qb_tally_sleep qb_tally_sleep_of(int64_t before_ns, int64_t boot_ns, int64_t after_ns)
{
	return (struct qb_tally_sleep){
		.least_ns = boot_ns - after_ns, .most_ns = boot_ns - before_ns};
}

int64_t qb_tally_slept(struct qb_tally_sleep then, struct qb_tally_sleep now)
{
	const int64_t ns = now.least_ns - then.most_ns;

	return ns < ASLEEP_NS ? 0 : ns;
}

static struct qb_tally_sleep read_sleep(void)
{
	const int64_t before = qb_ns_now(CLOCK_MONOTONIC), boot = qb_ns_now(CLOCK_BOOTTIME);

	return qb_tally_sleep_of(before, boot, qb_ns_now(CLOCK_MONOTONIC));
}

static struct qb_tally_look look(struct qb_tally *tally)
{
	struct qb_tally_look now = {.asleep_ns = qb_tally_slept(tally->slept, read_sleep())};

	for (int i = 0; i < QB_PRESSURE_COUNT; i++)
		tally->pressure_known =
			tally->pressure_known &&
			qb_cgroup_pressure(tally->own_pressure ? &tally->group : NULL,
				(enum qb_pressure)i, &now.pressure_us[i]);
	tally->quota_known = tally->quota_known && qb_cgroup_quota(&tally->group, &now.quota_us);
	return now;
}

static struct qb_tally_look since(const struct qb_tally_look *begin, struct qb_tally_look now)
{
	for (int i = 0; i < QB_PRESSURE_COUNT; i++)
		now.pressure_us[i] = qb_counters_risen(begin->pressure_us[i], now.pressure_us[i]);
	now.quota_us = qb_counters_risen(begin->quota_us, now.quota_us);
	return now;
}

struct qb_tally_look qb_tally_since(const struct qb_tally *tally)
{
	struct qb_tally copy = *tally; /* what cannot be read now may be at the end */

	return since(&tally->looks[0], look(&copy));
}

/* ---- the tables ---- */

static int count(struct qb_tally_table *table, const struct qb_cpus *cpus, const char *text,
	uint64_t *ret, struct qb_error *err)
{
	_cleanup_free_ uint64_t *one = calloc(table->sources.n + 1, sizeof(*one));

	if (!one)
		return qb_error_errno(err, ENOMEM, "count interrupts");
	memset(ret, 0, table->sources.n * sizeof(*ret));
	qb_cpus_foreach (cpu, cpus) {
		int r = qb_sources_take(&table->sources, text, cpu, one, err);

		if (r < 0)
			return r;
		for (size_t i = 0; i < table->sources.n; i++)
			ret[i] += one[i];
	}
	return 0;
}

static int begin_table(struct qb_tally_table *table, const struct qb_cpus *cpus, const char *path,
	struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	int r = (int)qb_file_read_all(path, &text, err);

	if (r >= 0)
		r = qb_sources_parse(text, &table->sources, err);
	if (r < 0)
		return r;
	table->times = calloc(table->sources.n + 1, sizeof(*table->times));
	if (!table->times)
		return qb_error_errno(err, ENOMEM, "count interrupts");
	return count(table, cpus, text, table->times, err);
}

static int end_table(struct qb_tally_table *table, const struct qb_cpus *cpus, const char *path)
{
	_cleanup_free_ uint64_t *now = calloc(table->sources.n + 1, sizeof(*now));
	_cleanup_free_ char *text = NULL;

	if (!now || qb_file_read_all(path, &text, NULL) < 0 ||
		count(table, cpus, text, now, NULL) < 0)
		return -ENODATA;
	for (size_t i = 0; i < table->sources.n; i++)
		table->times[i] = qb_counters_risen(table->times[i], now[i]);
	return 0;
}

/* ---- the whole ---- */

int qb_tally_begin(struct qb_tally *ret, const struct qb_cpus *cpus, pid_t child, bool detailed,
	struct qb_error *err)
{
	struct qb_tally tally = {.cpus = *cpus, .pressure_known = detailed, .detailed = detailed};
	uint64_t ignored;
	int r = 0;

	tally.quota_known = qb_cgroup_find(child, &tally.group);
	/* Not every kernel accounts for groups; the root of the hierarchy is the host. */
	tally.own_pressure = detailed && tally.quota_known && strcmp(tally.group.name, "/") != 0 &&
			     qb_cgroup_pressure(&tally.group, QB_PRESSURE_CPU, &ignored);
	if (detailed)
		r = begin_table(&tally.interrupts, cpus, "/proc/interrupts", err);
	if (r == 0 && detailed)
		r = begin_table(&tally.softirqs, cpus, "/proc/softirqs", err);
	if (r < 0) {
		qb_tally_free(&tally);
		return r;
	}
	tally.slept = read_sleep();
	tally.looks[0] = look(&tally);
	*ret = tally;
	return 0;
}

void qb_tally_end(struct qb_tally *tally)
{
	tally->looks[1] = since(&tally->looks[0], look(tally));
	if (tally->detailed &&
		(end_table(&tally->interrupts, &tally->cpus, "/proc/interrupts") < 0 ||
			end_table(&tally->softirqs, &tally->cpus, "/proc/softirqs") < 0))
		tally->detailed = false;
}

void qb_tally_free(struct qb_tally *tally)
{
	qb_sources_free(&tally->interrupts.sources);
	qb_sources_free(&tally->softirqs.sources);
	free(tally->interrupts.times);
	free(tally->softirqs.times);
	*tally = (struct qb_tally){0};
}
