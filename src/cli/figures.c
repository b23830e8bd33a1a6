/* SPDX-License-Identifier: GPL-2.0-or-later */
/* figures.h: what is kept. What is read is in figures_read.c. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/figures.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int qb_figures_add(struct qb_figures *figures, const char *name, double value, struct qb_error *err)
{
	struct qb_figure *v = realloc(figures->v, (figures->n + 1) * sizeof(*v));
	char *copy = v ? strdup(name) : NULL;

	if (v)
		figures->v = v;
	if (!copy)
		return qb_error_errno(err, ENOMEM, "keep a figure");
	qb_text_one_line(copy); /* it reaches terminals, and pull requests */
	for (char *p = copy; *p; p++)
		if (*p == '`')
			*p = '\'';
	figures->v[figures->n++] = (struct qb_figure){.name = copy, .value = value};
	return 0;
}

void qb_figures_free(struct qb_figures *figures)
{
	for (size_t i = 0; i < figures->n; i++)
		free(figures->v[i].name);
	free(figures->v);
	*figures = (struct qb_figures){0};
}

static int out_of_memory(struct qb_error *err)
{
	return qb_error_errno(err, ENOMEM, "keep the figures of a run");
}

static int make_room(struct qb_rows *rows, struct qb_error *err)
{
	const size_t room = rows->room ? 2 * rows->room : 64;

	if (rows->runs < rows->room)
		return 0;
	for (size_t i = 0; i < rows->n; i++) {
		double *values = realloc(rows->v[i].values, room * sizeof(*values));

		if (!values)
			return out_of_memory(err);
		rows->v[i].values = values;
	}
	rows->room = room;
	return 0;
}

/* The row of this name, with no value for any run yet if it is new; NULL: no memory. */
static struct qb_row *row_of(struct qb_rows *rows, const char *name)
{
	struct qb_row *v, row = {0};

	for (size_t i = 0; i < rows->n; i++)
		if (strcmp(rows->v[i].name, name) == 0)
			return &rows->v[i];
	v = realloc(rows->v, (rows->n + 1) * sizeof(*v));
	if (v)
		rows->v = v;
	row.name = v ? strdup(name) : NULL;
	row.values = row.name ? malloc(rows->room * sizeof(*row.values)) : NULL;
	if (!row.values) {
		free(row.name);
		return NULL;
	}
	for (size_t i = 0; i < rows->runs; i++)
		row.values[i] = NAN;
	rows->v[rows->n] = row;
	return &rows->v[rows->n++];
}

int qb_rows_add(struct qb_rows *rows, const struct qb_figures *figures, struct qb_error *err)
{
	if (rows->n && strcmp(rows->unit, figures->unit) != 0)
		return qb_error_set(err, EBADMSG, "its figures have %s%s, those before had %s%s",
			*figures->unit ? "the unit " : "no unit", figures->unit,
			*rows->unit ? "the unit " : "none", rows->unit);
	if (make_room(rows, err) < 0)
		return -ENOMEM;
	qb_text_copy(rows->unit, sizeof(rows->unit), figures->unit);
	for (size_t i = 0; i < rows->n; i++)
		rows->v[i].values[rows->runs] = NAN;
	for (size_t i = 0; i < figures->n; i++) {
		struct qb_row *row = row_of(rows, figures->v[i].name);

		if (!row)
			return out_of_memory(err);
		row->values[rows->runs] = figures->v[i].value;
	}
	rows->runs++;
	return 0;
}

void qb_rows_free(struct qb_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->v[i].name);
		free(rows->v[i].values);
	}
	free(rows->v);
	*rows = (struct qb_rows){0};
}
