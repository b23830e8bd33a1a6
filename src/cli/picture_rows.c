/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/picture_rows.h */
#include <base/macros.h>
#include <cli/picture_rows.h>
#include <errno.h>

enum qb_role qb_picture_role(const struct qb_picture *picture, unsigned cpu)
{
	if (qb_cpus_has(&picture->selection->bench, cpu))
		return QB_ROLE_BENCH;
	if (qb_cpus_has(&picture->selection->reserved, cpu) ||
		qb_cpus_has(&picture->selection->offline, cpu))
		return QB_ROLE_RESERVED;
	if (qb_cpus_has(&picture->selection->isolated, cpu))
		return QB_ROLE_ISOLATED;
	return QB_ROLE_HOUSEKEEPING;
}

bool qb_picture_same_core(const struct qb_pu *a, const struct qb_pu *b)
{
	return a->core >= 0 && a->core == b->core;
}

static bool same_row(const struct qb_pu *a, const struct qb_pu *b)
{
	return a->package == b->package && a->node == b->node && a->l3 == b->l3 &&
	       a->kind == b->kind;
}

/* By row, the fast kind first; then by core in the order of its first CPU, which hwloc keeps. */
static int compare_pus(const void *va, const void *vb)
{
	const struct qb_pu *a = *(const struct qb_pu *const *)va;
	const struct qb_pu *b = *(const struct qb_pu *const *)vb;

	if (a->package != b->package)
		return a->package < b->package ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->l3 != b->l3)
		return a->l3 < b->l3 ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind > b->kind ? -1 : 1;
	if (a->core != b->core)
		return a->core < b->core ? -1 : 1;
	return (int)a->cpu - (int)b->cpu;
}

static void count_cores(struct qb_picture_row *row)
{
	unsigned caches = 0;

	row->cores = 0;
	for (size_t i = 0; i < row->n; i++) {
		row->cores += i == 0 || !qb_picture_same_core(row->pus[i - 1], row->pus[i]);
		caches += i == 0 || row->pus[i - 1]->l2 != row->pus[i]->l2;
	}
	row->cores_per_l2 =
		row->first->l2 >= 0 && row->cores % caches == 0 ? row->cores / caches : 0;
}

/* Same sizes and, core by core, the same roles? */
static bool look_alike(const struct qb_picture *picture, const struct qb_picture_row *a,
	const struct qb_picture_row *b)
{
	/* `a` may stand for several already: its first part speaks for all of them. Two nodes with
	 * one L3 are not two L3s. */
	if (a != b && a->first->l3 >= 0 && a->last->l3 == b->first->l3)
		return false;
	if (a->cores != b->cores || a->n / a->folded != b->n ||
		a->cores_per_l2 != b->cores_per_l2 || a->first->kind != b->first->kind ||
		a->first->l3_kib != b->first->l3_kib || a->first->l2_kib != b->first->l2_kib)
		return false;
	for (size_t i = 0; i < b->n; i++)
		if (qb_picture_role(picture, a->pus[i]->cpu) !=
			qb_picture_role(picture, b->pus[i]->cpu))
			return false;
	return true;
}

/* The rows of the package that starts at `start`: how many, and do they all look alike? */
static size_t survey_package(const struct qb_picture *picture, const struct qb_picture_rows *rows,
	size_t start, bool *ret_uniform)
{
	size_t end = start;

	*ret_uniform = true;
	while (end < rows->n && rows->v[end].first->package == rows->v[start].first->package)
		*ret_uniform &= look_alike(picture, &rows->v[start], &rows->v[end++]);
	return end - start;
}

/*
 * Folds neighbours within a package, and whole packages when all of their rows look alike: a
 * package with something to see keeps its frame.
 */
static void fold(const struct qb_picture *picture, struct qb_picture_rows *rows)
{
	size_t kept = 0;
	bool uniform_before = false;

	for (size_t at = 0; at < rows->n;) {
		bool uniform;
		size_t n = survey_package(picture, rows, at, &uniform);

		for (size_t i = at; i < at + n; i++) {
			struct qb_picture_row row = rows->v[i], *last = &rows->v[kept - !!kept];

			if (kept && (i > at || (uniform && uniform_before)) &&
				look_alike(picture, last, &row)) {
				last->n += row.n;
				last->last = row.last;
				last->folded++;
			} else {
				rows->v[kept++] = row;
			}
		}
		uniform_before = uniform;
		at += n;
	}
	rows->n = kept;
}

int qb_picture_rows_init(struct qb_picture_rows *ret, const struct qb_picture *picture)
{
	size_t n = picture->n ? picture->n : 1;
	struct qb_picture_rows rows = {
		.pus = calloc(n, sizeof(struct qb_pu *)),
		.v = calloc(n, sizeof(*rows.v)),
	};

	if (!rows.pus || !rows.v) {
		qb_picture_rows_free(&rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < picture->n; i++)
		rows.pus[i] = &picture->pus[i];
	qsort(rows.pus, picture->n, sizeof(*rows.pus), compare_pus);
	for (size_t i = 0; i < picture->n; i++) {
		if (i == 0 || !same_row(rows.pus[i - 1], rows.pus[i]))
			rows.v[rows.n++] = (struct qb_picture_row){
				.pus = &rows.pus[i], .first = rows.pus[i], .folded = 1};
		rows.v[rows.n - 1].last = rows.pus[i];
		rows.v[rows.n - 1].n++;
	}
	for (size_t i = 0; i < rows.n; i++)
		count_cores(&rows.v[i]);
	if (picture->n > QB_PICTURE_FOLD)
		fold(picture, &rows);
	*ret = rows;
	return 0;
}

void qb_picture_rows_free(struct qb_picture_rows *rows)
{
	if (!rows)
		return;
	free(rows->pus);
	free(rows->v);
	*rows = (struct qb_picture_rows){0};
}
