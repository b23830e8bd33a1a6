/* SPDX-License-Identifier: GPL-2.0-or-later */
/* causes.h: what a cause is called, and the list of them. */
#include "causes_internal.h"
#include <base/macros.h>
#include <base/text.h>

static const char *const kinds[] = {
	[QB_CAUSE_TASK] = "task",
	[QB_CAUSE_KERNEL_TASK] = "kernel thread",
	[QB_CAUSE_UNKNOWN_TASK] = "unknown task",
	[QB_CAUSE_TICK] = "tick",
	[QB_CAUSE_DEVICE] = "device interrupt",
	[QB_CAUSE_IPI] = "interrupt",
	[QB_CAUSE_STEAL] = "steal",
	[QB_CAUSE_HYPERVISOR] = "hypervisor",
	[QB_CAUSE_FIRMWARE] = "firmware",
	[QB_CAUSE_UNEXPLAINED] = "unexplained",
	[QB_CAUSE_SPEED] = "speed",
	[QB_CAUSE_THROTTLED] = "throttled",
	[QB_CAUSE_QUOTA] = "quota",
	[QB_CAUSE_SWAP] = "swap",
};

void qb_cause_plain_name(const struct qb_cause *cause, char *buf, size_t size)
{
	char *end;

	qb_text_copy(buf, size, cause->name);
	end = strrchr(buf, '(');
	if ((cause->kind == QB_CAUSE_TASK || cause->kind == QB_CAUSE_KERNEL_TASK) && end > buf &&
		end[-1] == ' ')
		end[-1] = '\0';
}

const char *qb_cause_kind_name(enum qb_cause_kind kind)
{
	return kinds[kind];
}

const char *qb_evidence_name(enum qb_evidence evidence)
{
	static const char *const names[] = {"measured", "estimated", "counted"};

	return names[evidence];
}

static bool goes_before(const struct qb_cause *a, const struct qb_cause *b)
{
	return a->share > b->share || (a->share >= b->share && a->times > b->times);
}

void qb_causes_add(struct qb_causes *causes, const struct qb_cause *cause)
{
	size_t at = causes->n;

	while (at > 0 && goes_before(cause, &causes->v[at - 1]))
		at--;
	if (at == QB_CAUSES_MAX)
		return;
	if (causes->n < QB_CAUSES_MAX)
		causes->n++;
	memmove(&causes->v[at + 1], &causes->v[at], (causes->n - 1 - at) * sizeof(causes->v[0]));
	causes->v[at] = *cause;
}

void qb_causes_add_counted(
	struct qb_causes *causes, enum qb_cause_kind kind, const char *name, uint64_t times)
{
	struct qb_cause cause = {
		.kind = kind, .evidence = QB_EVIDENCE_COUNTED, .share = -1, .times = times};

	qb_text_copy(cause.name, sizeof(cause.name), name);
	if (times)
		qb_causes_add(causes, &cause);
}
