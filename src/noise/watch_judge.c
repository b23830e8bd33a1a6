/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watch.h: quiet, noisy or unknown, and why. */
#include "counters.h"
#include "watch.h"
#include <base/macros.h>
#include <base/text.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S 1e9
/* Below half a per cent of the wall time nothing is called noise, whatever the limit. */
#define SHARE_MIN 0.005
/* Probes at its ends say nothing of what lies further apart than that. */
#define PROBED_NS INT64_C(2000000000)
#define NAMES_MAX 3
/* More CPU time than that and a tenth of it was not spent where it is not seen: watch.h. */
#define OUTSIDE_NS INT64_C(50000000)
/* A shorter run says nothing by how little it used, a longer one by less than this share of a CPU. */
#define SHORT_NS   INT64_C(100000000)
#define USED_LEAST 0.05

struct disturber {
	char comm[32];
	pid_t pid;
	int64_t ns;
	uint64_t times;
};

static void add_disturber(
	struct disturber worst[NAMES_MAX], const char *comm, pid_t pid, int64_t ns, uint64_t times)
{
	struct disturber next = {.pid = pid, .ns = ns, .times = times};
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
	const struct qb_watch *watch, struct qb_watched *ret, struct disturber worst[NAMES_MAX])
{
	const struct qb_runners *seen = &watch->watcher.seen;

	ret->others_ns = qb_runners_sum(seen, QB_WHOSE_OTHER);
	ret->waited_ns = qb_runners_waited(seen);
	ret->threads = qb_runners_at_once(seen);
	for (size_t i = 0; i < seen->n; i++) {
		const struct qb_runner *runner = seen->v[i];
		const struct qb_stay total = qb_runner_total(runner);

		if (runner->whose == QB_WHOSE_OTHER && total.ns > 0)
			add_disturber(worst, runner->comm, runner->pid, total.ns, total.times);
	}
	/* Lost events may belong to any task, so all other figures are doubtful. */
	ret->uncertain_ns = seen->lost ? ret->wall_ns : qb_runners_sum(seen, QB_WHOSE_UNKNOWN);
}

static void sum_ticks(const struct qb_watch *watch, int64_t used_ns, struct qb_watched *ret)
{
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	double busy = 0;

	for (size_t i = 0; i < watch->n; i++)
		busy += (double)qb_counters_risen(watch->of[i].busy[0], watch->of[i].busy[1]) *
			tick;
	ret->others_ns = busy > (double)used_ns ? (int64_t)(busy - (double)used_ns) : 0;
	ret->uncertain_ns = (int64_t)(2 * tick * (double)watch->n);
	ret->waited_ns = -1;
}

/* The accounts of all threads are read once more only where somebody is to be named. */
static void find_worst(const struct qb_watch *watch, struct disturber worst[NAMES_MAX])
{
	struct qb_accounts now = {0};

	if (qb_accounts_take(&now, NULL) == 0)
		qb_accounts_since(&now, &watch->accounts);
	for (size_t i = 0; i < now.n; i++) {
		const struct qb_account *account = &now.v[i];

		if (qb_cpus_has(&watch->cpus, account->cpu) && account->pid != watch->child)
			add_disturber(
				worst, account->comm, account->pid, qb_account_share(account), 0);
	}
	qb_accounts_free(&now);
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

static void name_worst(struct qb_watched *ret, const struct disturber worst[NAMES_MAX])
{
	/* The worst of them in any case. */
	for (size_t i = 0; i < NAMES_MAX && worst[i].ns > (i ? ret->others_ns / 10 : 0); i++) {
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

/* From exec to exit: what the kernel saw goes before what the caller did, who may have been woken late. */
static int64_t wall_of(const struct qb_watch *watch)
{
	const struct qb_runners *seen = &watch->watcher.seen;
	const int64_t from = seen->exec_ns ? seen->exec_ns : watch->started_ns;
	const int64_t until = seen->exit_ns ? seen->exit_ns : watch->started_ns + watch->wall_ns;

	return until > from ? until - from : watch->wall_ns;
}

/* What disturbed it for certain, and what might have, of all that was watched. */
static enum qb_noise decide(const struct qb_watch *watch, const struct qb_watched *w, int64_t limit)
{
	const double wall = (double)w->wall_ns * (double)watch->n;
	const double share = (double)limit / 1e6 > SHARE_MIN ? (double)limit / 1e6 : SHARE_MIN;
	const struct qb_tally_look *tally = &watch->tally.looks[1];
	const double lost = (double)(w->others_ns + w->steal_ns) + (double)tally->quota_us * 1e3;
	/* By the ticks they may have been less; and of a table with holes nothing is certain. */
	const double doubt =
		watch->by_switches && !watch->watcher.seen.lost
			? 0
			: (double)(watch->by_switches ? w->others_ns : w->uncertain_ns);
	const double ticks = NS_PER_S / (double)sysconf(_SC_CLK_TCK) * (double)watch->n;
	/* Steal is told in ticks: the last of them may have begun long before. */
	const double steal = (double)w->steal_ns < ticks ? (double)w->steal_ns : ticks;
	const double least = lost - doubt - (watch->by_switches ? steal : 0);

	if (w->throttled || w->swapped || tally->asleep_ns || least > share * wall)
		return QB_NOISE_NOISY;
	if (lost + (double)w->uncertain_ns > share * wall || !watch->steal_known)
		return QB_NOISE_UNKNOWN;
	return QB_NOISE_QUIET;
}

/* "8 % slower after than before": the greatest of the differences. */
static double find_slowest(const struct qb_watch_probes *probes, char *text, size_t size)
{
	const struct {
		double by;
		const char *what;
	} all[] = {
		{probes->between, "slower after than before"},
		{-probes->between, "faster after than before"},
		{probes->before, "slower before it than usual"},
		{probes->after, "slower after it than usual"},
	};
	size_t worst = 0;

	for (size_t i = 1; i < QB_ARRAY_SIZE(all); i++)
		worst = all[i].by > all[worst].by ? i : worst;
	qb_text_format(text, size, "%.*f %% %s", all[worst].by < 0.1 ? 1 : 0, 100 * all[worst].by,
		all[worst].what);
	return all[worst].by;
}

/* CPU time that may be the command's, on its CPUs. */
static int64_t seen_there(const struct qb_watch *watch)
{
	const struct qb_runners *seen = &watch->watcher.seen;
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	double busy = 2.0 * (double)watch->n;

	if (watch->by_switches)
		return qb_runners_sum(seen, QB_WHOSE_OWN) + qb_runners_sum(seen, QB_WHOSE_UNKNOWN);
	for (size_t i = 0; i < watch->n; i++)
		busy += (double)qb_counters_risen(watch->of[i].busy[0], watch->of[i].busy[1]);
	return (int64_t)(busy * tick);
}

/* How much of it was used outside of its control group; 0 where that is not known. */
static int64_t outside_group(const struct qb_watch *watch, int64_t used_ns)
{
	for (int above = 0; above < 2; above++)
		if (watch->used_in[above].known)
			return used_ns - INT64_C(1000) * (int64_t)qb_counters_risen(
								 watch->used_in[above].us[0],
								 watch->used_in[above].us[1]);
	return 0;
}

/* Was its work done where it was not watched? See watch.h. */
static bool worked_elsewhere(
	const struct qb_watch *watch, const struct qb_watch_terms *terms, struct qb_watched *ret)
{
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	const bool holes = watch->by_switches && watch->watcher.seen.lost;
	const int64_t there = seen_there(watch), used = terms->used_ns;
	const int64_t most = watch->by_switches && there > used ? there : used;
	const int64_t own =
		watch->by_switches ? qb_runners_sum(&watch->watcher.seen, QB_WHOSE_OWN) : 0;
	const int64_t known = own > used ? own : used, outside = outside_group(watch, known);
	double waited = 0;

	if (!holes && used - there > used / 10 + OUTSIDE_NS) {
		reason(ret,
			"it spent %.2f s of its %.2f s of CPU time on other CPUs: a process of it "
			"left its control group, or was moved",
			(double)(used - there) / NS_PER_S, (double)used / NS_PER_S);
		return true;
	}
	if (outside > known / 10 + OUTSIDE_NS) {
		reason(ret,
			"%.2f s of its %.2f s of CPU time were used outside of its control group: a "
			"process of it left that",
			(double)outside / NS_PER_S, (double)known / NS_PER_S);
		return true;
	}
	for (size_t i = 0; i < watch->n; i++)
		waited += tick *
			  (double)qb_counters_risen(watch->of[i].waited[0], watch->of[i].waited[1]);
	if (holes || ret->wall_ns <= SHORT_NS || waited >= (double)ret->wall_ns / 2 ||
		(double)most >= USED_LEAST * (double)ret->wall_ns)
		return false;
	reason(ret,
		"it used %.1f %% of a CPU: did it sleep, or was the work done elsewhere (a daemon, a "
		"container)? then this tells nothing of it",
		100 * (double)most / (double)ret->wall_ns);
	return true;
}

static bool lacked_memory(
	const struct qb_watch *watch, const struct qb_watch_terms *terms, struct qb_watched *ret)
{
	if (!qb_counters_risen(watch->oom_kills[0], watch->oom_kills[1]) ||
		!(watch->own_oom_kills || terms->killed))
		return false;
	reason(ret, "the kernel killed a process for lack of memory%s",
		terms->bound ? "; it was bound to memory of its own node, "
			       "-s process.numa=preferred gives it that of other nodes as well"
			     : "");
	return true;
}

/* What was watched was quiet. Is there anything that could not be seen? */
static void doubt(
	const struct qb_watch *watch, const struct qb_watch_terms *terms, struct qb_watched *ret)
{
	const bool told = !terms->guest || watch->steal_moved;
	char slower[64];
	const bool slow =
		terms->probes.known && find_slowest(&terms->probes, slower, sizeof(slower)) >
					       (double)terms->max_speed / 1e6;

	ret->noise = QB_NOISE_UNKNOWN;
	if (slow)
		reason(ret, "the CPU itself was %s%s", slower,
			told ? "" : " (hypervisor, which tells no steal)");
	else if (terms->noisy_before)
		reason(ret, "%s before the command, and that is not measured during it",
			terms->noisy_before);
	else if (!told && !terms->probes.known)
		reason(ret, "the hypervisor tells no steal, and the CPU was not probed");
	else if (!told && ret->wall_ns > PROBED_NS)
		reason(ret, "the hypervisor tells no steal, so it may have taken any time between "
			    "the probes at both ends");
	else
		ret->noise = QB_NOISE_QUIET;
	ret->slowed = slow;
}

static void tell_unknown(const struct qb_watch *watch, struct qb_watched *ret)
{
	if (!watch->steal_known)
		reason(ret, "this kernel does not tell what the CPUs did");
	else if (ret->uncertain_ns == 0)
		reason(ret, "too short to tell by one tick of steal");
	else if (watch->watcher.seen.lost)
		reason(ret, "not every switch was seen");
	else if (watch->by_switches)
		reason(ret, "for some threads it is not known whether they are the benchmark's");
	else if (geteuid() == 0) /* in a container, or of a kernel without perf */
		reason(ret,
			"too short to tell by the kernel's ticks, and perf shows no switches here (%s)",
			strerror(-watch->unseen));
	else
		reason(ret,
			"too short to tell by the kernel's ticks; as root every switch is seen");
}

void qb_watch_judge(
	const struct qb_watch *watch, const struct qb_watch_terms *terms, struct qb_watched *ret)
{
	const double tick = NS_PER_S / (double)sysconf(_SC_CLK_TCK);
	const double wall = (double)wall_of(watch) * (double)watch->n;
	const struct qb_tally_look *tally = &watch->tally.looks[1];
	struct disturber worst[NAMES_MAX] = {0};

	*ret = (struct qb_watched){.wall_ns = wall_of(watch),
		.probes = terms->probes,
		.swapped = qb_counters_risen(watch->swapped[0], watch->swapped[1])};
	if (watch->by_switches)
		sum_switches(watch, ret, worst);
	else
		sum_ticks(watch, terms->used_ns, ret);
	for (size_t i = 0; i < watch->n; i++) {
		ret->steal_ns += (int64_t)((double)qb_counters_risen(
						   watch->of[i].steal[0], watch->of[i].steal[1]) *
					   tick);
		ret->throttled +=
			qb_counters_risen(watch->of[i].throttled[0], watch->of[i].throttled[1]);
	}
	ret->noise = decide(watch, ret, terms->max_preempted);
	if (ret->noise == QB_NOISE_NOISY ||
		(ret->noise == QB_NOISE_UNKNOWN && ret->others_ns > ret->uncertain_ns)) {
		if (!watch->by_switches)
			find_worst(watch, worst);
		name_worst(ret, worst);
	}
	if (ret->noise == QB_NOISE_NOISY && ret->steal_ns > 0)
		reason(ret, "steal %.2f %%: busy neighbour; repeat, or use dedicated vCPUs",
			100 * (double)ret->steal_ns / wall);
	if (ret->noise == QB_NOISE_NOISY && tally->quota_us > 0)
		reason(ret, "its control group's quota (cpu.max) kept it off for %.1f ms",
			(double)tally->quota_us / 1e3);
	if (tally->asleep_ns)
		reason(ret, "the machine slept for %.1f s meanwhile",
			(double)tally->asleep_ns / NS_PER_S);
	if (ret->throttled)
		reason(ret, "the clock was lowered %" PRIu64 " times because of heat",
			ret->throttled);
	if (ret->swapped)
		reason(ret, "%" PRIu64 " pages were read back from swap", ret->swapped);
	if (ret->noise == QB_NOISE_UNKNOWN)
		tell_unknown(watch, ret);
	if (lacked_memory(watch, terms, ret) || worked_elsewhere(watch, terms, ret))
		ret->noise = ret->noise == QB_NOISE_NOISY ? QB_NOISE_NOISY : QB_NOISE_UNKNOWN;
	else if (ret->noise == QB_NOISE_QUIET)
		doubt(watch, terms, ret);
}
