/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blame.h */
#include "blame.h"

#define BIT(kind) (1U << QB_CAUSE_##kind)
#define TASKS	  (BIT(TASK) | BIT(KERNEL_TASK) | BIT(UNKNOWN_TASK))
/* Gaps in which nobody was switched in. */
#define OTHERS (BIT(TICK) | BIT(DEVICE) | BIT(IPI) | BIT(STEAL) | BIT(UNEXPLAINED) | BIT(QUOTA))

/* Kinds with a share, the greatest counts; and kinds that have none and go first where they are. */
static const struct {
	unsigned kinds, first;
} of_metric[QB_NOISE_METRIC_COUNT] = {
	[QB_NOISE_PREEMPTED_METRIC] = {.kinds = TASKS},
	[QB_NOISE_GAPS_METRIC] = {.kinds = TASKS | OTHERS},
	[QB_NOISE_SPEED_METRIC] = {.kinds = BIT(SPEED), .first = BIT(THROTTLED)},
	[QB_NOISE_STEAL_METRIC] = {.kinds = BIT(STEAL)},
	[QB_NOISE_LONGEST_METRIC] = {.kinds = TASKS | OTHERS},
};

static bool goes_before(
	const struct qb_cause *cause, unsigned kinds, unsigned first, const struct qb_cause *best)
{
	const unsigned kind = 1U << cause->kind;

	if (kind & first)
		return true;
	if (!(kind & kinds) || cause->share <= 0)
		return false;
	return !best || (!(1U << best->kind & first) && cause->share > best->share);
}

static void search(
	const struct qb_measure_cpu *of, unsigned kinds, unsigned first, struct qb_blame *blame)
{
	for (size_t i = 0; of->causes && i < of->causes->n; i++)
		if (goes_before(&of->causes->v[i], kinds, first, blame->cause))
			*blame = (struct qb_blame){.cause = &of->causes->v[i], .cpu = of->cpu};
}

static const struct qb_measure_cpu *cpu_of_longest(const struct qb_measure *m)
{
	const struct qb_measure_cpu *longest = &m->of[0];

	for (size_t i = 1; i < m->n; i++)
		if (m->of[i].loop->longest[0].ns > longest->loop->longest[0].ns)
			longest = &m->of[i];
	return longest;
}

struct qb_blame qb_blame_find(const struct qb_measure *m, enum qb_noise_metric metric)
{
	const unsigned kinds = of_metric[metric].kinds, first = of_metric[metric].first;
	struct qb_blame blame = {0};

	if (metric == QB_NOISE_LONGEST_METRIC) {
		const struct qb_measure_cpu *of = cpu_of_longest(m);

		search(of, kinds & (of->loop->longest[0].preempted ? TASKS : OTHERS), first,
			&blame);
		return blame;
	}
	for (size_t i = 0; i < m->n; i++)
		search(&m->of[i], kinds, first, &blame);
	return blame;
}
