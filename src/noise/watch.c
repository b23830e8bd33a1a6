/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.h */
#include "watch.h"
#include "counters.h"
#include "ticks.h"
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>

#define NS_PER_S 1e9

static void look_at_clock(struct qb_watch *watch, int when)
{
	_cleanup_free_ char *stat = NULL;

	if (qb_file_read_all("/proc/stat", &stat, NULL) < 0)
		watch->steal_known = false;
	watch->steal_moved = stat && qb_counters_steal_moved(stat);
	for (size_t i = 0; i < watch->n; i++) {
		if (stat &&
			(qb_counters_steal(stat, watch->of[i].cpu, &watch->of[i].steal[when]) < 0 ||
				qb_counters_busy(stat, watch->of[i].cpu, &watch->of[i].busy[when]) <
					0))
			watch->steal_known = false;
		if (stat)
			(void)qb_counters_waited(
				stat, watch->of[i].cpu, &watch->of[i].waited[when]);
		(void)qb_counters_throttled(watch->of[i].cpu, &watch->of[i].throttled[when]);
	}
	for (int above = 0; above < 2; above++)
		watch->used_in[above].known =
			(when == 0 || watch->used_in[above].known) && watch->tally.group.name[0] &&
			qb_cgroup_used(&watch->tally.group, above, &watch->used_in[above].us[when]);
	(void)qb_counters_swapped_in(&watch->swapped[when]);
	if (when == 0)
		watch->own_oom_kills =
			watch->tally.group.name[0] &&
			qb_cgroup_oom_kills(&watch->tally.group, &watch->oom_kills[0]);
	else if (watch->own_oom_kills)
		(void)qb_cgroup_oom_kills(&watch->tally.group, &watch->oom_kills[1]);
	if (!watch->own_oom_kills)
		(void)qb_counters_oom_kills(&watch->oom_kills[when]);
}

int qb_watch_begin(struct qb_watch *ret, const struct qb_watch_order *order, struct qb_error *err)
{
	struct qb_watch watch = {.cpus = order->cpus,
		.child = order->child,
		.interval_ns = order->interval_ns,
		.steal_known = true};
	size_t n = qb_cpus_count(&order->cpus);
	int r = 0;

	watch.of = calloc(n + 1, sizeof(*watch.of));
	if (order->recorded)
		watch.samples = calloc(QB_WATCH_SAMPLES, sizeof(*watch.samples));
	if (!watch.of || (order->recorded && !watch.samples))
		r = qb_error_errno(err, ENOMEM, "watch the benchmark's CPUs");
	qb_cpus_foreach (cpu, &watch.cpus)
		if (r == 0)
			watch.of[watch.n++].cpu = cpu;
	if (r == 0) {
		watch.unseen = qb_watcher_open(&watch.watcher, &watch.cpus, watch.child, NULL);
		watch.by_switches = watch.unseen == 0;
	}
	if (r == 0 && !watch.by_switches)
		r = qb_accounts_begin(&watch.accounts, err);
	if (r == 0)
		r = qb_tally_begin(&watch.tally, &watch.cpus, watch.child, order->recorded, err);
	if (r < 0) {
		qb_watch_free(&watch);
		return r;
	}
	look_at_clock(&watch, 0);
	watch.begun_ns = qb_ns_now(CLOCK_MONOTONIC);
	watch.next_ns = watch.begun_ns + watch.interval_ns;
	*ret = watch;
	return 0;
}

int qb_watch_patience(const struct qb_watch *watch)
{
	const int64_t left = watch->next_ns - qb_ns_now(CLOCK_MONOTONIC);
	const int drain = qb_watcher_patience(&watch->watcher);
	const int sample = left > 0 ? (int)(left / 1000000) + 1 : 0;

	if (!watch->samples)
		return drain;
	return drain < 0 || sample < drain ? sample : drain;
}

static int64_t sum_others(const struct qb_watch *watch)
{
	if (!qb_watcher_knows(&watch->watcher))
		return -1;
	return qb_runners_sum(&watch->watcher.seen, QB_WHOSE_OTHER);
}

/* Enough samples to see a shape. When they are too many, every second one is dropped and half as many are taken. */
static void thin_out(struct qb_watch *watch)
{
	watch->n_samples /= 2;
	for (size_t i = 0; i < watch->n_samples; i++)
		watch->samples[i] = watch->samples[2 * i + 1];
	watch->interval_ns *= 2;
}

static int64_t steal_since(const struct qb_watch *watch)
{
	_cleanup_free_ char *stat = NULL;
	uint64_t now, sum = 0;

	if (qb_file_read_all("/proc/stat", &stat, NULL) < 0)
		return 0;
	for (size_t i = 0; i < watch->n; i++)
		if (qb_counters_steal(stat, watch->of[i].cpu, &now) == 0)
			sum += qb_counters_risen(watch->of[i].steal[0], now);
	return (int64_t)((double)sum * NS_PER_S / (double)sysconf(_SC_CLK_TCK));
}

static void sample(struct qb_watch *watch, int64_t now_ns)
{
	if (watch->n_samples == QB_WATCH_SAMPLES)
		thin_out(watch);
	watch->samples[watch->n_samples++] =
		(struct qb_watch_sample){.at_ns = now_ns - watch->begun_ns,
			.others_ns = sum_others(watch),
			.steal_ns = steal_since(watch),
			.look = qb_tally_since(&watch->tally)};
}

void qb_watch_tick(struct qb_watch *watch)
{
	const int64_t now = qb_ns_now(CLOCK_MONOTONIC);

	if (qb_watcher_patience(&watch->watcher) == 0 || now >= watch->next_ns)
		qb_watcher_drain(&watch->watcher);
	if (now < watch->next_ns)
		return;
	if (watch->samples)
		sample(watch, now);
	while (watch->next_ns <= now)
		watch->next_ns += watch->interval_ns;
}

void qb_watch_end(struct qb_watch *watch, int64_t started_ns, int64_t wall_ns)
{
	watch->started_ns = started_ns;
	watch->wall_ns = wall_ns;
	qb_watcher_end(&watch->watcher, started_ns + wall_ns);
	look_at_clock(watch, 1);
	qb_tally_end(&watch->tally);
}

void qb_watch_lend(struct qb_watch *watch, const struct qb_switches_message *message)
{
	qb_watcher_lend(&watch->watcher, message);
}

void qb_watch_free(struct qb_watch *watch)
{
	qb_watcher_close(&watch->watcher);
	free(watch->of);
	free(watch->samples);
	qb_tally_free(&watch->tally);
	qb_accounts_free(&watch->accounts);
	*watch = (struct qb_watch){0};
}
