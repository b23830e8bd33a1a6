/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/picture_canvas.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/picture_canvas.h>
#include <stdarg.h>

void qb_line_bytes(struct qb_line *line, const char *text, unsigned columns)
{
	if (qb_text_copy(line->text + line->used, sizeof(line->text) - line->used, text))
		line->columns += columns;
	line->used += strlen(line->text + line->used);
}

void qb_line_put(struct qb_line *line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	qb_line_bytes(line, text, (unsigned)strlen(text));
}

const char *qb_canvas_bar(const struct qb_canvas *c)
{
	return c->picture->utf8 ? "\u2502" : "|";
}

void qb_line_colour(const struct qb_canvas *c, struct qb_line *line, const char *colour)
{
	if (c->picture->colour && colour)
		qb_line_bytes(line, colour, 0);
}

void qb_canvas_line(struct qb_canvas *c, const struct qb_line *line)
{
	if (line->columns > c->widest)
		c->widest = line->columns;
	if (c->out)
		fprintf(c->out, "%s %s%*s %s\n", qb_canvas_bar(c), line->text,
			(int)(c->widest - line->columns), "", qb_canvas_bar(c));
}

void qb_canvas_edge(const struct qb_canvas *c, bool top, const char *title)
{
	bool utf8 = c->picture->utf8;
	const char *left = !utf8 ? "+" : top ? "\u250c" : "\u2514";
	const char *right = !utf8 ? "+" : top ? "\u2510" : "\u2518";

	if (!c->out)
		return;
	fprintf(c->out, "%s%s", left, title);
	for (size_t i = strlen(title); i < c->widest + 2; i++)
		fputs(utf8 ? "\u2500" : "-", c->out);
	fprintf(c->out, "%s\n", right);
}

const char *qb_line_wrapped(struct qb_line *line, const char *text, unsigned width)
{
	size_t room = width > line->columns + 10 ? width - line->columns : 10, cut = 0;

	if (strlen(text) <= room) {
		qb_line_put(line, "%s", text);
		return NULL;
	}
	for (size_t i = 0; i < room && text[i]; i++)
		if (text[i] == ',' || text[i] == ' ')
			cut = i + 1;
	if (!cut)
		cut = room;
	qb_line_put(line, "%.*s", (int)(text[cut - 1] == ' ' ? cut - 1 : cut), text);
	text += cut;
	return *text ? text : NULL;
}
