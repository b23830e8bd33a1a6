/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.h */
#include "watch.h"
#include "counters.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define NS_PER_S 1e9
/* Below half a per cent of the wall time nobody is blamed, whatever the limit (noise.md §3). */
#define SHARE_MIN 0.005
#define NAMES_MAX 3

/* ---- before, meanwhile, after ---- */

static void look_at_clock(struct qb_watch *watch, int when)
{
	_cleanup_free_ char *stat = NULL;

	if (qb_file_read_all("/proc/stat", &stat, NULL) < 0)
		watch->steal_known = false;
	for (size_t i = 0; i < watch->n; i++) {
		if (stat &&
			(qb_counters_steal(stat, watch->of[i].cpu, &watch->of[i].steal[when]) < 0 ||
				qb_counters_busy(stat, watch->of[i].cpu, &watch->of[i].busy[when]) <
					0))
			watch->steal_known = false;
		(void)qb_counters_throttled(watch->of[i].cpu, &watch->of[i].throttled[when]);
	}
	(void)qb_counters_swapped_in(&watch->swapped[when]);
}

int qb_watch_begin(
	struct qb_watch *ret, const struct qb_cpus *cpus, pid_t child, struct qb_error *err)
{
	struct qb_watch watch = {
		.cpus = *cpus, .child = child, .by_switches = true, .steal_known = true};
	size_t n = qb_cpus_count(cpus);

	if (n > QB_WATCH_CPUS)
		return qb_error_set(err, E2BIG, "more than %d CPUs are not watched", QB_WATCH_CPUS);
	watch.of = calloc(n + 1, sizeof(*watch.of));
	if (!watch.of)
		return qb_error_errno(err, ENOMEM, "watch the benchmark's CPUs");
	qb_cpus_foreach (cpu, cpus) {
		struct qb_switches *switches = &watch.of[watch.n].switches;

		watch.of[watch.n++].cpu = cpu;
		switches->fd = -1;
		if (watch.by_switches && qb_switches_open(switches, cpu, NULL) < 0)
			watch.by_switches = false;
		else if (watch.by_switches)
			qb_switches_follow(switches, child);
	}
	if (!watch.by_switches && qb_accounts_take(&watch.accounts, err) < 0) {
		qb_watch_free(&watch);
		return -err->code;
	}
	look_at_clock(&watch, 0);
	*ret = watch;
	return 0;
}

void qb_watch_tick(struct qb_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		if (watch->of[i].switches.fd >= 0)
			qb_switches_drain(&watch->of[i].switches);
}

void qb_watch_end(struct qb_watch *watch, int64_t started_ns, int64_t wall_ns)
{
	struct qb_accounts now = {0};

	watch->wall_ns = wall_ns;
	for (size_t i = 0; i < watch->n; i++)
		if (watch->of[i].switches.fd >= 0)
			qb_switches_end(&watch->of[i].switches, started_ns + wall_ns);
	look_at_clock(watch, 1);
	if (watch->by_switches)
		return;
	if (qb_accounts_take(&now, NULL) == 0)
		qb_accounts_since(&now, &watch->accounts);
	qb_accounts_free(&watch->accounts);
	watch->accounts = now;
}

void qb_watch_lend(struct qb_watch *watch, const struct qb_switches_message *message)
{
	for (size_t i = 0; i < watch->n; i++)
		if (watch->of[i].cpu == message->cpu)
			qb_switches_lend(&watch->of[i].switches, message);
}

void qb_watch_free(struct qb_watch *watch)
{
	for (size_t i = 0; i < watch->n; i++)
		qb_switches_close(&watch->of[i].switches);
	free(watch->of);
	qb_accounts_free(&watch->accounts);
	*watch = (struct qb_watch){0};
}

/* ---- the judgement ---- */

struct blamed {
	char comm[32];
	pid_t pid;
	int64_t ns;
	uint64_t times;
};

static void blame(
	struct blamed worst[NAMES_MAX], const char *comm, pid_t pid, int64_t ns, uint64_t times)
{
	struct blamed next = {.pid = pid, .ns = ns, .times = times};
	size_t at = NAMES_MAX;

	while (at > 0 && worst[at - 1].ns < ns)
		at--;
	if (at == NAMES_MAX)
		return;
	qb_text_copy(next.comm, sizeof(next.comm), comm);
	memmove(&worst[at + 1], &worst[at], (NAMES_MAX - 1 - at) * sizeof(worst[0]));
	worst[at] = next;
}

static void sum_switches(
	const struct qb_watch *watch, struct qb_watched *ret, struct blamed worst[NAMES_MAX])
{
	for (size_t i = 0; i < watch->n; i++) {
		const struct qb_switches *switches = &watch->of[i].switches;

		for (size_t j = 0; j < switches->n; j++) {
			const struct qb_runner *runner = &switches->v[j];

			if (runner->own) {
				ret->waited_ns += runner->waited;
				ret->threads += runner->ns > 0;
				continue;
			}
			ret->others_ns += runner->ns;
			if (runner->ns > 0)
				blame(worst, runner->comm, runner->pid, runner->ns, runner->times);
		}
		ret->others_ns += switches->rest_ns;
		/* What was lost may be theirs, too. */
		if (switches->lost)
			ret->uncertain_ns = watch->wall_ns;
	}
}

static void sum_ticks(const struct qb_watch *watch, int64_t used_ns, struct qb_watched *ret,
	struct blamed worst[NAMES_MAX])
{
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	double busy = 0;

	for (size_t i = 0; i < watch->n; i++)
		busy += (double)(watch->of[i].busy[1] - watch->of[i].busy[0]) * tick;
	ret->others_ns = busy > (double)used_ns ? (int64_t)(busy - (double)used_ns) : 0;
	ret->uncertain_ns = (int64_t)(2 * tick * (double)watch->n);
	for (size_t i = 0; i < watch->accounts.n; i++) {
		const struct qb_account *account = &watch->accounts.v[i];

		if (qb_cpus_has(&watch->cpus, account->cpu) && account->pid != watch->child)
			blame(worst, account->comm, account->pid, qb_account_share(account), 0);
	}
}

__attribute__((format(printf, 2, 3))) static void reason(
	struct qb_watched *ret, const char *fmt, ...)
{
	va_list ap;

	if (ret->n_reasons == QB_WATCH_REASONS)
		return;
	va_start(ap, fmt);
	vsnprintf(ret->reasons[ret->n_reasons++], sizeof(ret->reasons[0]), fmt, ap);
	va_end(ap);
}

static void name_worst(struct qb_watched *ret, const struct blamed worst[NAMES_MAX])
{
	for (size_t i = 0; i < NAMES_MAX && worst[i].ns > ret->others_ns / 10; i++) {
		double ms = (double)worst[i].ns / 1e6;
		char name[64];

		qb_runner_name(worst[i].comm, worst[i].pid, name, sizeof(name));
		if (worst[i].times)
			reason(ret, "%s ran %" PRIu64 " time%s, %.*f ms", name, worst[i].times,
				worst[i].times == 1 ? "" : "s", ms < 10 ? 2 : 0, ms);
		else
			reason(ret, "%s ran for about %.*f ms", name, ms < 10 ? 2 : 0, ms);
	}
}

/* What disturbed it for certain, and what might have. */
static enum qb_noise decide(const struct qb_watch *watch, const struct qb_watched *w, int64_t limit)
{
	const double wall = (double)watch->wall_ns * (double)watch->n;
	const double share = (double)limit / 1e6 > SHARE_MIN ? (double)limit / 1e6 : SHARE_MIN;
	const double lost = (double)(w->others_ns + w->steal_ns);
	const double least = watch->by_switches ? lost : lost - (double)w->uncertain_ns;

	if (w->throttled || w->swapped || least > share * wall)
		return QB_NOISE_NOISY;
	if (lost + (double)w->uncertain_ns > share * wall || !watch->steal_known)
		return QB_NOISE_UNKNOWN;
	return QB_NOISE_QUIET;
}

void qb_watch_judge(
	const struct qb_watch *watch, int64_t used_ns, int64_t limit, struct qb_watched *ret)
{
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	const double wall = (double)watch->wall_ns * (double)watch->n;
	struct blamed worst[NAMES_MAX] = {0};

	*ret = (struct qb_watched){.swapped = watch->swapped[1] - watch->swapped[0]};
	if (watch->by_switches)
		sum_switches(watch, ret, worst);
	else
		sum_ticks(watch, used_ns, ret, worst);
	for (size_t i = 0; i < watch->n; i++) {
		ret->steal_ns +=
			(int64_t)((double)(watch->of[i].steal[1] - watch->of[i].steal[0]) * tick);
		ret->throttled += watch->of[i].throttled[1] - watch->of[i].throttled[0];
	}
	ret->noise = decide(watch, ret, limit);
	if (ret->noise == QB_NOISE_NOISY ||
		(ret->noise == QB_NOISE_UNKNOWN && ret->others_ns > ret->uncertain_ns))
		name_worst(ret, worst);
	if (ret->noise == QB_NOISE_NOISY && ret->steal_ns > 0)
		reason(ret, "steal %.2f %%: busy neighbour; repeat, or use dedicated vCPUs",
			100 * (double)ret->steal_ns / wall);
	if (ret->throttled)
		reason(ret, "the clock was lowered %" PRIu64 " times because of heat",
			ret->throttled);
	if (ret->swapped)
		reason(ret, "%" PRIu64 " pages were read back from swap", ret->swapped);
	if (ret->noise == QB_NOISE_UNKNOWN)
		reason(ret, "%s",
			watch->by_switches ? "not every switch was seen"
					   : "too short to tell by the kernel's ticks; as "
					     "root every switch is seen");
}
