/* SPDX-License-Identifier: GPL-2.0-or-later */
/* isolation_internal.h: steps looked up by thread. A host may have tens of thousands. */
#include <base/macros.h>
#include <errno.h>
#include <levers/isolation_internal.h>

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
