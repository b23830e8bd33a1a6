/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation_internal.h: what a session did to threads: its steps looked up by thread (a host may have
 * tens of thousands), and which masks are its doing.
 */
#include <base/macros.h>
#include <errno.h>
#include <host/caller.h>
#include <levers/isolation_internal.h>
#include <quietbench/lever.h>

struct qb_task_entry {
	uint32_t tid;
	uint64_t start;
	size_t step;
};

static int compare_entries(const void *a, const void *b)
{
	const struct qb_task_entry *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->step > y->step) - (x->step < y->step);
}

int qb_task_index_make(struct qb_task_index *ret, const struct qb_steps *steps, unsigned lever,
	struct qb_error *err)
{
	struct qb_task_entry *v = calloc(steps->n + 1, sizeof(*v));
	size_t n = 0, kept = 0;

	if (!v)
		return qb_error_errno(err, ENOMEM, "sort the host's threads");
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == lever)
			v[n++] = (struct qb_task_entry){
				steps->v[i].unit.number, steps->v[i].unit.key, i};
	qsort(v, n, sizeof(*v), compare_entries);
	for (size_t i = 0; i < n; i++) {
		if (kept && v[kept - 1].tid == v[i].tid && v[kept - 1].start == v[i].start)
			kept--;
		v[kept++] = v[i];
	}
	*ret = (struct qb_task_index){.v = v, .n = kept, .steps = steps};
	return 0;
}

void qb_task_index_free(struct qb_task_index *index)
{
	free(index->v);
	index->v = NULL;
}

struct qb_step *qb_task_index_find(const struct qb_task_index *index, pid_t tid, uint64_t start)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct qb_task_entry *entry = &index->v[mid];

		if (entry->tid == (uint32_t)tid && entry->start == start)
			return &index->steps->v[entry->step];
		if (entry->tid < (uint32_t)tid ||
			(entry->tid == (uint32_t)tid && entry->start < start))
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct qb_step *qb_task_index_ancestor(
	const struct qb_task_index *index, const struct qb_task *task)
{
	struct qb_task now = *task;

	for (;;) {
		pid_t next = now.tid == now.tgid ? now.ppid : now.tgid;
		struct qb_step *step;

		if (next <= 0 || qb_task_read(next, &now, NULL) < 0)
			return NULL;
		step = qb_task_index_find(index, now.tid, now.start);
		if (step)
			return step;
	}
}

void qb_imposed_free(struct qb_imposed *imposed)
{
	free(imposed->v);
}

/* Texts are shared, so equal pointers are equal masks: a few, whatever the host's size. */
static int impose(struct qb_imposed *imposed, const char *mask)
{
	for (size_t i = 0; i < imposed->n; i++)
		if (imposed->v[i] == mask)
			return 0;
	if (imposed->n == imposed->cap) {
		size_t cap = imposed->cap ? imposed->cap * 2 : 16;
		const char **v = realloc(imposed->v, cap * sizeof(*v));

		if (!v)
			return -ENOMEM;
		imposed->v = v;
		imposed->cap = cap;
	}
	imposed->v[imposed->n++] = mask;
	return 0;
}

static int impose_cpus(
	struct qb_imposed *imposed, struct qb_steps *steps, const struct qb_cpus *cpus)
{
	char mask[QB_TASK_MASK];
	const char *text;

	if (qb_cpus_empty(cpus) || qb_cpus_format_hex(cpus, 0, mask, sizeof(mask)) < 0)
		return 0;
	text = qb_steps_text(steps, mask);
	return text ? impose(imposed, text) : -ENOMEM;
}

/* What a cpuset with the CPUs `list` leaves to everybody outside the benchmark. */
static bool housekeeping_of(const struct qb_step *step, const char *list,
	const struct qb_cpus *online, struct qb_cpus *ret_housekeeping)
{
	struct qb_cpus cpus;
	const bool quiet = step->lever == QB_LEVER_SLICE || step->lever == QB_LEVER_GROUP_CPUS;
	const bool housekeeping = step->lever == QB_LEVER_SHIELD_CPUS &&
				  strcmp(step->unit.name, QB_UNIT_HOUSEKEEPING) == 0;

	if ((!quiet && !housekeeping) || !list || qb_cpus_parse_list(list, &cpus) < 0)
		return false;
	*ret_housekeeping = quiet ? *online : cpus;
	if (quiet)
		qb_cpus_andnot(ret_housekeeping, &cpus);
	return true;
}

/* The CPU lists among the steps, for the masks that no thread of the snapshot was seen with. */
static int impose_groups(struct qb_imposed *imposed, struct qb_steps *steps,
	const struct qb_step *step, const struct qb_cpus *online)
{
	struct qb_cpus cpus, housekeeping;
	int r;

	if (housekeeping_of(step, step->wanted, online, &housekeeping)) {
		imposed->cpusets = true;
		r = impose_cpus(imposed, steps, &housekeeping);
		if (r < 0 || step->lever == QB_LEVER_SHIELD_CPUS)
			return r;
	} else if (step->lever != QB_LEVER_PROCESS_PIN) {
		return 0;
	}
	/* The benchmark's own, which its survivors carry. */
	return step->wanted && qb_cpus_parse_list(step->wanted, &cpus) == 0
		       ? impose_cpus(imposed, steps, &cpus)
		       : 0;
}

bool qb_masks_equal(const char *a, const char *b)
{
	struct qb_cpus x, y;

	return qb_cpus_parse_hex(a, &x) == 0 && qb_cpus_parse_hex(b, &y) == 0 &&
	       qb_cpus_equal(&x, &y);
}

/* All CPUs but the siblings that we took offline: what the kernel shows of a thread without a cpuset
 * between the end of a partition and their return. */
static int impose_siblings(
	struct qb_imposed *imposed, struct qb_steps *steps, const struct qb_cpus *online)
{
	struct qb_cpus all = *online, gone = {0};

	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_SMT_OFFLINE && steps->v[i].intent)
			qb_cpus_add(&gone, steps->v[i].unit.number);
	qb_cpus_andnot(&all, &gone);
	return qb_cpus_empty(&gone) ? 0 : impose_cpus(imposed, steps, &all);
}

int qb_imposed_collect(struct qb_imposed *imposed, struct qb_steps *steps, struct qb_error *err)
{
	struct qb_cpus online;
	int r = qb_host_online(&online, err);

	if (r == 0)
		r = impose_siblings(imposed, steps, &online);

	for (size_t i = 0; r == 0 && i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		const char *mask = step->left ? step->left : step->became;

		if (!mask)
			mask = step->wanted;
		if (step->lever != QB_LEVER_TASK_AFFINITY)
			r = impose_groups(imposed, steps, step, &online);
		else if (mask && !qb_masks_equal(mask, step->before))
			r = impose(imposed, mask);
	}
	return r == -ENOMEM ? qb_error_errno(err, ENOMEM, "sort the masks of the session") : r;
}

bool qb_imposed_has(const struct qb_imposed *imposed, const char *mask)
{
	for (size_t i = 0; i < imposed->n; i++)
		if (qb_lever_same(QB_LEVER_TASK_AFFINITY, imposed->v[i], mask))
			return true;
	return false;
}

bool qb_isolation_displaced(
	const struct qb_steps *steps, const struct qb_step *step, const char *mask)
{
	struct qb_cpus granted, before, now;
	bool cpusets = step->restored == QB_RESTORED_OWED; /* it was, by one of somebody else's */

	for (size_t i = 0; i < steps->n && !cpusets; i++)
		cpusets = steps->v[i].intent && (steps->v[i].lever == QB_LEVER_SLICE ||
							steps->v[i].lever == QB_LEVER_GROUP_CPUS ||
							steps->v[i].lever == QB_LEVER_SHIELD_CPUS);
	if (!cpusets || step->wanted || qb_cpus_parse_hex(mask, &now) < 0 ||
		qb_cpus_parse_hex(step->before, &before) < 0 ||
		qb_caller_cpus((pid_t)step->unit.number, &granted, NULL) < 0 ||
		(qb_cpus_empty(&granted) && qb_host_online(&granted, NULL) < 0))
		return false;
	/* Linux before 6.2 gives everybody all of it (and CPUs that are offline), later ones what they
	 * had of it. */
	qb_cpus_and(&now, &granted);
	if (qb_cpus_equal(&now, &granted))
		return true;
	qb_cpus_and(&before, &granted);
	return qb_cpus_equal(&now, &before);
}
