/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hard.h */
#include "hard.h"
#include "advice.h"
#include "measure_internal.h"
#include "ticks.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <inttypes.h>
#include <sys/syscall.h>

/* So long it takes at most until a CPU that goes is told to be gone. */
#define SETTLE_NS INT64_C(500000000)

void qb_hard_begin(struct qb_measure *m, pid_t child, struct qb_hard_before *ret)
{
	for (size_t i = 0; i < m->n; i++)
		m->of[i].throttled_known =
			qb_counters_throttled(m->of[i].cpu, &m->of[i].throttled_before);
	ret->swap_known = qb_counters_swapped_in(&ret->swapped_in);
	ret->quota_known =
		qb_cgroup_find(child, &ret->group) && qb_cgroup_quota(&ret->group, &ret->quota_us);
	m->throttled_told = m->of[0].throttled_known;
	m->swap_told = ret->swap_known;
	m->quota_told = ret->quota_known;
}

void qb_hard_count(struct qb_measure *m, const struct qb_hard_before *before)
{
	uint64_t now;

	for (size_t i = 0; i < m->n; i++)
		if (m->of[i].throttled_known && qb_counters_throttled(m->of[i].cpu, &now))
			m->of[i].throttled = qb_counters_risen(m->of[i].throttled_before, now);
	if (before->swap_known && qb_counters_swapped_in(&now))
		m->swapped_in = qb_counters_risen(before->swapped_in, now);
	if (before->quota_known && qb_cgroup_quota(&before->group, &now))
		m->quota_us = qb_counters_risen(before->quota_us, now);
}

static bool is_online(unsigned cpu)
{
	struct qb_cpus online;
	char text[1024];

	return qb_file_read("/sys/devices/system/cpu/online", text, sizeof(text), NULL) < 0 ||
	       qb_cpus_parse_list(text, &online) < 0 || qb_cpus_has(&online, cpu);
}

/* The kernel widens a thread's mask when the last CPU in it goes away: offline, or out of the
 * group's cpuset. */
static bool is_moved(const struct qb_measure *m, size_t i)
{
	struct qb_cpus own = {0}, now = {0};

	qb_cpus_add(&own, m->of[i].cpu);
	return syscall(SYS_sched_getaffinity, m->of[i].loop->tid, sizeof(now), &now) >= 0 &&
	       !qb_cpus_equal(&own, &now);
}

bool qb_hard_moved(struct qb_measure *m)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++)
		if (is_moved(m, i)) {
			m->of[i].gone = QB_GONE_MOVED;
			any = true;
		}
	if (!any)
		return false;
	/* A CPU that goes offline loses its threads first. */
	qb_measure_sleep(qb_ns_now(CLOCK_MONOTONIC) + SETTLE_NS);
	for (size_t i = 0; i < m->n; i++)
		if (!is_online(m->of[i].cpu))
			m->of[i].gone = QB_GONE_OFFLINE;
	return true;
}

static void find_gone(const struct qb_measure *m, enum qb_gone gone, struct qb_cpus *ret)
{
	*ret = (struct qb_cpus){0};
	for (size_t i = 0; i < m->n; i++)
		if (m->of[i].gone == gone)
			qb_cpus_add(ret, m->of[i].cpu);
}

static uint64_t throttled(const struct qb_measure *m)
{
	uint64_t times = 0;

	for (size_t i = 0; i < m->n; i++)
		times += m->of[i].throttled;
	return times;
}

bool qb_hard_is(const struct qb_measure *m, enum qb_hard hard)
{
	struct qb_cpus gone;

	switch (hard) {
	case QB_HARD_THROTTLED: return throttled(m) > 0;
	case QB_HARD_QUOTA: return m->quota_us > 0;
	case QB_HARD_SWAP: return m->swapped_in > 0;
	case QB_HARD_OFFLINE: find_gone(m, QB_GONE_OFFLINE, &gone); return !qb_cpus_empty(&gone);
	case QB_HARD_CPUSET: find_gone(m, QB_GONE_MOVED, &gone); return !qb_cpus_empty(&gone);
	case QB_HARD_COUNT: break;
	}
	return false;
}

bool qb_hard_any(const struct qb_measure *m)
{
	bool any = false;

	for (int i = 0; i < QB_HARD_COUNT; i++)
		any |= qb_hard_is(m, (enum qb_hard)i);
	return any;
}

const char *qb_hard_name(enum qb_hard hard)
{
	static const char *const names[] = {"throttled", "quota", "swap", "offline", "cpuset"};

	return names[hard];
}

static const char *advice_of(enum qb_cause_kind kind, const struct qb_measure *m)
{
	return qb_cause_advice(&(struct qb_cause){.kind = kind}, m->applied);
}

const char *qb_hard_advice(const struct qb_measure *m, enum qb_hard hard)
{
	switch (hard) {
	case QB_HARD_THROTTLED: return advice_of(QB_CAUSE_THROTTLED, m);
	case QB_HARD_QUOTA: return advice_of(QB_CAUSE_QUOTA, m);
	case QB_HARD_SWAP: return advice_of(QB_CAUSE_SWAP, m);
	case QB_HARD_OFFLINE:
		return "another program takes CPUs offline: end it, or choose other CPUs (-c)";
	case QB_HARD_CPUSET:
		return "another program moves tasks or changes cpusets: end it, or choose other CPUs (-c)";
	case QB_HARD_COUNT: break;
	}
	return "";
}

static void gone_text(
	const struct qb_measure *m, enum qb_gone gone, const char *what, char *buf, size_t size)
{
	struct qb_cpus cpus;
	char list[128];

	find_gone(m, gone, &cpus);
	qb_text_format(buf, size, "CPU %s %s", qb_cpus_text(&cpus, list, sizeof(list)), what);
}

void qb_hard_text(const struct qb_measure *m, enum qb_hard hard, char *buf, size_t size)
{
	const uint64_t times = throttled(m);

	switch (hard) {
	case QB_HARD_THROTTLED:
		qb_text_format(buf, size, "clock lowered because of heat, %" PRIu64 " time%s",
			times, times == 1 ? "" : "s");
		return;
	case QB_HARD_QUOTA:
		qb_text_format(
			buf, size, "kept off by a quota for %.1f ms", (double)m->quota_us / 1e3);
		return;
	case QB_HARD_SWAP:
		qb_text_format(buf, size, "%" PRIu64 " page%s read back from swap", m->swapped_in,
			m->swapped_in == 1 ? "" : "s");
		return;
	case QB_HARD_OFFLINE: gone_text(m, QB_GONE_OFFLINE, "went offline", buf, size); return;
	case QB_HARD_CPUSET:
		gone_text(m, QB_GONE_MOVED, "was taken from the measurement (cpuset, affinity)",
			buf, size);
		return;
	case QB_HARD_COUNT: break;
	}
	qb_text_copy(buf, size, "");
}
