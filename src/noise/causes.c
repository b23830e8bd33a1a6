/* SPDX-License-Identifier: GPL-2.0-or-later */
/* causes.h */
#include "causes_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/tasks.h>

/* Less than that is no wander. */
#define SPEED_MIN 0.001

/* ---- tasks ---- */

#define NAMES_MAX 256

/* Tasks of one name, as people know them. */
struct named {
	char comm[32];
	pid_t pid; /* of one of them */
	size_t processes;
	int64_t ns;
	uint64_t times;
};

struct names {
	struct named v[NAMES_MAX];
	size_t n;
};

static void note(struct names *names, const char *comm, pid_t pid, int64_t ns, uint64_t times)
{
	struct named *named = NULL;

	for (size_t i = 0; i < names->n && !named; i++)
		if (strcmp(names->v[i].comm, comm) == 0)
			named = &names->v[i];
	if (!named && names->n == NAMES_MAX)
		return; /* its time stays with "unknown task" */
	if (!named) {
		named = &names->v[names->n++];
		*named = (struct named){.pid = pid, .processes = 1};
		qb_text_copy(named->comm, sizeof(named->comm), comm);
	}
	named->processes += named->pid != pid;
	named->pid = pid;
	named->ns += ns;
	named->times += times;
}

static void gather(const struct qb_measure *m, const struct qb_measure_cpu *of, struct names *names)
{
	const bool known = qb_watcher_knows(&m->watcher);

	for (size_t i = 0; known && i < m->watcher.seen.n; i++) {
		const struct qb_runner *runner = m->watcher.seen.v[i];
		const struct qb_stay stay = qb_runner_stay(runner, of->cpu);

		if (runner->whose != QB_WHOSE_OWN && !qb_measure_is_ours(m, runner->tid) &&
			stay.ns > 0)
			note(names, runner->comm, runner->pid, stay.ns, stay.times);
	}
	for (size_t i = 0; !known && i < m->accounts.n; i++) {
		const struct qb_account *account = &m->accounts.v[i];

		if (!qb_measure_is_ours(m, account->tid) && account->cpu == of->cpu)
			note(names, account->comm, account->pid, qb_account_share(account), 0);
	}
}

/* Time of tasks that are no longer in the table, without the loops. */
static int64_t rest_of(const struct qb_measure *m, const struct qb_measure_cpu *of)
{
	const struct qb_runners *seen = &m->watcher.seen;

	for (size_t i = 0; i < seen->n_of; i++)
		if (seen->of[i].cpu == of->cpu)
			return seen->of[i].rest[QB_WHOSE_OTHER].ns +
			       seen->of[i].rest[QB_WHOSE_UNKNOWN].ns;
	return 0;
}

static bool sees_all(const struct qb_measure *m)
{
	return qb_watcher_knows(&m->watcher) && !m->watcher.seen.lost;
}

/*
 * Perf sees a task come when the switch to it is over. What it cost until then is its own, too: what other tasks
 * had by the account, beyond what perf saw of them, in equal parts for each time they came.
 * Only if perf has seen them all.
 */
static double cost_of_coming(const struct qb_measure *m, const struct qb_measure_cpu *of,
	const struct names *names, double preempted)
{
	double rest = preempted * (double)m->ns - (double)rest_of(m, of);
	uint64_t times = 0;

	if (!sees_all(m))
		return 0;
	for (size_t i = 0; i < names->n; i++) {
		rest -= (double)names->v[i].ns;
		times += names->v[i].times;
	}
	return times && rest > 0 ? rest / (double)times : 0;
}

static void find_tasks(
	const struct qb_measure *m, const struct qb_measure_cpu *of, struct qb_causes *causes)
{
	/* Where all switches are known, the time left over is the cost of switching itself, caches included. */
	const bool all = sees_all(m), known = qb_watcher_knows(&m->watcher);
	struct qb_cause unknown = {.kind = all ? QB_CAUSE_TASK : QB_CAUSE_UNKNOWN_TASK,
		.evidence = QB_EVIDENCE_MEASURED,
		.share = causes->preempted};
	const int64_t meanwhile = known ? m->ns : m->accounts_ns;
	const int64_t rest_ns = rest_of(m, of);
	struct names names = {0};
	double coming;

	qb_text_copy(unknown.name, sizeof(unknown.name),
		all ? "switching to them and back" : "unknown task");
	gather(m, of, &names);
	coming = cost_of_coming(m, of, &names, causes->preempted);
	for (size_t i = 0; i < names.n; i++) {
		const struct named *named = &names.v[i];
		struct qb_cause cause = {.kind = qb_task_is_kernel(named->pid)
							 ? QB_CAUSE_KERNEL_TASK
							 : QB_CAUSE_TASK,
			.evidence = known ? QB_EVIDENCE_MEASURED : QB_EVIDENCE_ESTIMATED,
			.share = ((double)named->ns + coming * (double)named->times) /
				 (double)meanwhile,
			.times = named->times};

		if (named->processes == 1)
			qb_runner_name(named->comm, named->pid, cause.name, sizeof(cause.name));
		else
			qb_text_format(cause.name, sizeof(cause.name), "%s (%zu processes)",
				named->comm, named->processes);
		qb_causes_add(causes, &cause);
		unknown.share -= cause.share;
	}
	if (rest_ns > 0) {
		struct qb_cause rest = {.kind = QB_CAUSE_TASK,
			.evidence = QB_EVIDENCE_MEASURED,
			.name = "many other tasks, a little each",
			.share = (double)rest_ns / (double)m->ns};

		qb_causes_add(causes, &rest);
		unknown.share -= rest.share;
	}
	if (unknown.share > causes->preempted / 20 && unknown.share > 1e-6)
		qb_causes_add(causes, &unknown);
}

/* ---- what else there is ---- */

static void find_others(
	const struct qb_measure *m, const struct qb_measure_cpu *of, struct qb_causes *causes)
{
	struct qb_cause steal = {.kind = QB_CAUSE_STEAL,
		.evidence = QB_EVIDENCE_MEASURED,
		.name = "stolen by the hypervisor"};
	struct qb_cause speed = {.kind = QB_CAUSE_SPEED,
		.evidence = QB_EVIDENCE_MEASURED,
		.name = "its speed wandered, so much on average"};
	struct qb_cause quota = {.kind = QB_CAUSE_QUOTA,
		.evidence = QB_EVIDENCE_MEASURED,
		.name = "kept off by a quota",
		.share = (double)m->quota_us * 1e3 / (double)m->ns};

	for (size_t i = 0; i < of->n; i++)
		if (of->windows[i].speed > 0)
			speed.share += of->windows[i].speed / (double)of->n;
	if (speed.share > SPEED_MIN)
		qb_causes_add(causes, &speed);
	if (of->steal) {
		steal.times = of->steal[of->n] - of->steal[0];
		steal.share =
			(double)steal.times / (double)sysconf(_SC_CLK_TCK) * 1e9 / (double)m->ns;
		if (steal.times)
			qb_causes_add(causes, &steal);
	}
	if (m->quota_us)
		qb_causes_add(causes, &quota);
	qb_causes_add_counted(
		causes, QB_CAUSE_THROTTLED, "clock lowered because of heat", of->throttled);
	qb_causes_add_counted(causes, QB_CAUSE_SWAP, "pages read back from swap", m->swapped_in);
}

static int find_causes(const struct qb_measure *m, const struct qb_measure_cpu *of,
	struct qb_causes *causes, struct qb_error *err)
{
	int r;

	for (size_t i = 0; i < of->n; i++) {
		double preempted = of->windows[i].preempted > 0 ? of->windows[i].preempted : 0;

		causes->preempted += preempted / (double)of->n;
		causes->interrupted += (of->windows[i].gaps - preempted) / (double)of->n;
	}
	for (size_t i = 0; i < of->n * QB_MEASURE_LOOPS; i++)
		causes->preemptions += of->loop->windows[i].preemptions;
	find_tasks(m, of, causes);
	r = qb_causes_find_interrupts(m, of, causes, err);
	if (r < 0)
		return r;
	find_others(m, of, causes);
	qb_causes_count_interrupts(m, of, causes);
	return 0;
}

int qb_causes_attribute(struct qb_measure *m, struct qb_error *err)
{
	int r = 0;

	for (size_t i = 0; i < m->n && r == 0; i++) {
		free(m->of[i].causes);
		m->of[i].causes = calloc(1, sizeof(*m->of[i].causes));
		if (!m->of[i].causes)
			return qb_error_errno(err, ENOMEM, "find causes of noise");
		r = find_causes(m, &m->of[i], m->of[i].causes, err);
	}
	return r;
}
