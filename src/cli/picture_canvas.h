/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines and frames of the picture. A canvas without `out` only measures: draw twice, and all
 * frames have the width of the widest line.
 */
#ifndef QB_CLI_PICTURE_CANVAS_H
#define QB_CLI_PICTURE_CANVAS_H

#include <cli/picture.h>

/* A line in the making: bytes, and the columns they take on the screen. */
struct qb_line {
	char text[2048];
	size_t used;
	unsigned columns;
};

struct qb_canvas {
	const struct qb_picture *picture;
	FILE *out;	 /* NULL: measuring */
	unsigned limit;	 /* columns that may be used within a frame */
	unsigned widest; /* columns that are used */
	unsigned digits; /* of the highest CPU number */
};

/* Text that takes another number of columns than it has bytes. */
void qb_line_bytes(struct qb_line *line, const char *text, unsigned columns);
/* ASCII. */
void qb_line_put(struct qb_line *line, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An escape sequence, on a canvas with colour; NULL: nothing. */
void qb_line_colour(const struct qb_canvas *c, struct qb_line *line, const char *colour);
/*
 * As much of `text` as fits into `width` columns, broken behind a comma or blank. Returns what is
 * left for the next line; NULL at the end.
 */
const char *qb_line_wrapped(struct qb_line *line, const char *text, unsigned width);

const char *qb_canvas_bar(const struct qb_canvas *c);
/* A line between the sides of a frame. */
void qb_canvas_line(struct qb_canvas *c, const struct qb_line *line);
void qb_canvas_edge(const struct qb_canvas *c, bool top, const char *title);

#endif
