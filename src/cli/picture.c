/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cli/picture.h: drawing. What is drawn is sorted and folded in picture_rows.c. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/picture.h>
#include <cli/picture_canvas.h>
#include <cli/picture_rows.h>
#include <errno.h>

enum { NARROWEST = 40, USUAL = 80, WIDEST = 120 };

#define BOLD_GREEN "\033[1;32m"
#define YELLOW	   "\033[33m"
#define BOLD	   "\033[1m"
#define PLAIN	   "\033[0m"

/* "1.25 MiB": three figures say enough of a cache. */
static void size_text(uint32_t kib, char *buf, size_t size)
{
	if (kib == 0)
		buf[0] = '\0';
	else if (kib < 1024)
		qb_text_format(buf, size, " %u KiB", kib);
	else
		qb_text_format(buf, size, " %.3g MiB", kib / 1024.0);
}

static const char *kind_name(const struct qb_host *host, int kind)
{
	if (host->kinds < 2)
		return "";
	if (kind == (int)host->kinds - 1)
		return " performance";
	return kind == 0 ? " efficiency" : " middle";
}

/* "nodes 1,3": the kernel's numbers of the rows from `first` to `last`. */
static void nodes_text(const struct qb_picture_row *first, const struct qb_picture_row *last,
	char *buf, size_t size)
{
	struct qb_cpus nodes = {0}; /* of nodes for once */
	char list[64];

	for (const struct qb_picture_row *row = first; row <= last; row++)
		for (size_t i = 0; i < row->n; i++)
			if (row->pus[i]->os_node >= 0)
				qb_cpus_add(&nodes, (unsigned)row->pus[i]->os_node);
	if (qb_cpus_empty(&nodes))
		qb_text_copy(buf, size, "node unknown");
	else if (qb_cpus_format_list(&nodes, list, sizeof(list)) < 0)
		qb_text_format(buf, size, "%u nodes", qb_cpus_count(&nodes));
	else
		qb_text_format(
			buf, size, qb_cpus_count(&nodes) == 1 ? "node %s" : "nodes %s", list);
}

/* "8 x L3 8 MiB (nodes 0-3), 3 cores each, L2 512 KiB per core" */
static void draw_heading(struct qb_canvas *c, const struct qb_picture_row *row,
	const struct qb_picture_row *before, bool name_node)
{
	struct qb_line line = {0};
	char size[32], nodes[96];

	qb_line_put(&line, " ");
	if (row->folded > 1)
		qb_line_put(&line, "%u x ", row->folded);
	size_text(row->first->l3_kib, size, sizeof(size));
	if (before && row->first->l3 >= 0 && before->last->l3 == row->first->l3)
		qb_line_put(&line, "same L3");
	else if (row->first->l3 >= 0)
		qb_line_put(&line, "L3%s", size);
	else
		qb_line_put(&line, "no L3");
	nodes_text(row, row, nodes, sizeof(nodes));
	if (name_node)
		qb_line_put(&line, " (%s)", nodes);
	qb_line_put(&line, ", %u%s %s", row->cores, kind_name(c->picture->host, row->first->kind),
		row->cores == 1 ? "core" : "cores");
	if (row->folded > 1)
		qb_line_put(&line, " each");
	size_text(row->first->l2_kib, size, sizeof(size));
	if (row->cores_per_l2 == 1 && size[0])
		qb_line_put(&line, ", L2%s per core", size);
	else if (row->cores_per_l2 > 1)
		qb_line_put(&line, ", %sL2%s per %u cores", size[0] ? "" : "one ", size,
			row->cores_per_l2);
	qb_canvas_line(c, &line);
}

/* A number in its cell: "[3]" runs the benchmark, "(7)" is kept idle, " 0 " is for housekeeping. */
static void put_cpu(const struct qb_canvas *c, struct qb_line *line, unsigned cpu)
{
	static const struct {
		char open, close;
		const char *colour;
	} looks[] = {
		[QB_ROLE_HOUSEKEEPING] = {' ', ' ', NULL},
		[QB_ROLE_BENCH] = {'[', ']', BOLD_GREEN},
		[QB_ROLE_RESERVED] = {'(', ')', YELLOW},
		[QB_ROLE_ISOLATED] = {'<', '>', NULL},
	};
	enum qb_role role = qb_picture_role(c->picture, cpu);
	char text[16];

	qb_text_format(text, sizeof(text), "%c%u%c", looks[role].open, cpu, looks[role].close);
	qb_line_put(line, "%*s", (int)(c->digits + 2 - strlen(text)), "");
	qb_line_colour(c, line, looks[role].colour);
	qb_line_put(line, "%s", text);
	qb_line_colour(c, line, looks[role].colour ? PLAIN : NULL);
}

/* Cells of the cores, as many to a line as there is room for. */
static void draw_cells(struct qb_canvas *c, const struct qb_picture_row *row)
{
	struct qb_line line = {0};
	size_t threads = 1;

	for (size_t at = 0; at < row->n; at += threads) {
		unsigned columns;

		threads = 1;
		while (at + threads < row->n &&
			qb_picture_same_core(row->pus[at], row->pus[at + threads]))
			threads++;
		columns = (unsigned)threads * (c->digits + 2) + 1;
		if (line.columns > 2 && line.columns + columns > c->limit) {
			qb_canvas_line(c, &line);
			line = (struct qb_line){0};
		}
		if (!line.columns) {
			qb_line_put(&line, "  ");
			qb_line_bytes(&line, qb_canvas_bar(c), 1);
		}
		for (size_t i = at; i < at + threads; i++)
			put_cpu(c, &line, row->pus[i]->cpu);
		qb_line_bytes(&line, qb_canvas_bar(c), 1);
	}
	qb_canvas_line(c, &line);
}

/* *ret is malloc'd. NULL: no memory. */
static const char *list_text(const struct qb_cpus *set, char **ret)
{
	*ret = malloc(QB_CPUS_TEXT);
	if (!*ret || qb_cpus_format_list(set, *ret, QB_CPUS_TEXT) < 0)
		return NULL;
	return *ret;
}

/* A folded row: lists in the place of cells. */
static int draw_folded(struct qb_canvas *c, const struct qb_picture_row *row)
{
	static const char *const labels[] = {
		[QB_ROLE_HOUSEKEEPING] = "housekeeping",
		[QB_ROLE_BENCH] = "[benchmark] ",
		[QB_ROLE_RESERVED] = "(kept idle) ",
		[QB_ROLE_ISOLATED] = "<isolated>  ",
	};

	for (unsigned role = 0; role < QB_ARRAY_SIZE(labels); role++) {
		_cleanup_free_ char *buf = NULL;
		struct qb_cpus set = {0};
		const char *text;

		for (size_t i = 0; i < row->n; i++)
			if (qb_picture_role(c->picture, row->pus[i]->cpu) == role)
				qb_cpus_add(&set, row->pus[i]->cpu);
		if (qb_cpus_empty(&set))
			continue;
		text = list_text(&set, &buf);
		if (!text)
			return -ENOMEM;
		for (bool first = true; text; first = false) {
			struct qb_line line = {0};

			qb_line_put(&line, "   %-12s ", first ? labels[role] : "");
			text = qb_line_wrapped(&line, text, c->limit);
			qb_canvas_line(c, &line);
		}
	}
	return 0;
}

static void title_text(const struct qb_picture_row *first, const struct qb_picture_row *last,
	char *buf, size_t size)
{
	int p = first->first->package, q = last->last->package;
	char nodes[96], package[48] = "";

	if (p >= 0 && p != q)
		qb_text_format(package, sizeof(package), "packages %d-%d, ", p, q);
	else if (p >= 0)
		qb_text_format(package, sizeof(package), "package %d, ", p);
	nodes_text(first, last, nodes, sizeof(nodes));
	qb_text_format(buf, size, " %s%s ", package, nodes);
}

/* One frame per package (or fold of packages). */
static int draw_packages(struct qb_canvas *c, const struct qb_picture_rows *rows)
{
	for (size_t at = 0, end; at < rows->n; at = end) {
		char title[128];
		bool nodes = false;

		for (end = at + 1; end < rows->n; end++) {
			if (rows->v[end].first->package != rows->v[at].first->package)
				break;
			nodes |= rows->v[end].last->node != rows->v[at].first->node;
		}
		title_text(&rows->v[at], &rows->v[end - 1], title, sizeof(title));
		if (c->widest < strlen(title))
			c->widest = (unsigned)strlen(title);
		qb_canvas_edge(c, true, title);
		for (size_t i = at; i < end; i++) {
			draw_heading(c, &rows->v[i], i > 0 ? &rows->v[i - 1] : NULL, nodes);
			if (rows->v[i].folded == 1)
				draw_cells(c, &rows->v[i]);
			else if (draw_folded(c, &rows->v[i]) < 0)
				return -ENOMEM;
		}
		qb_canvas_edge(c, false, "");
	}
	return 0;
}

static void count(FILE *out, const char *before, unsigned n, const char *unit)
{
	fprintf(out, "%s%u %s%s", before, n, unit, n == 1 ? "" : "s");
}

static void draw_summary(const struct qb_picture *p, FILE *out)
{
	const struct qb_host *host = p->host;
	struct qb_cpus nodes = {0};
	unsigned empty;

	for (size_t i = 0; i < p->n; i++)
		if (p->pus[i].os_node >= 0)
			qb_cpus_add(&nodes, (unsigned)p->pus[i].os_node);
	empty = host->nodes > qb_cpus_count(&nodes) ? host->nodes - qb_cpus_count(&nodes) : 0;
	if (host->cpu_model[0])
		fprintf(out, "%s%s%s\n", p->colour ? BOLD : "", host->cpu_model,
			p->colour ? PLAIN : "");
	count(out, "", host->packages, "package");
	count(out, ", ", host->nodes, "NUMA node");
	if (empty)
		fprintf(out, " (%u without CPUs)", empty);
	count(out, ", ", host->cores, "core");
	count(out, ", ", host->cpus, "CPU");
	if (host->kinds > 1)
		count(out, ", ", host->kinds, "kind");
	if (host->kinds > 1)
		fputs(" of core", out);
	fprintf(out, "; the boot CPU is %u\n", host->boot_cpu);
	if (host->guest)
		fprintf(out,
			"a guest%s%s: cores, siblings and caches are what the hypervisor says\n",
			host->hypervisor[0] ? " of " : "", host->hypervisor);
}

/* A labelled text below the picture, folded with a hanging indent. */
static void draw_fact(
	const struct qb_canvas *c, const char *label, const char *colour, const char *text)
{
	while (text) {
		struct qb_line line = {0};

		qb_line_colour(c, &line, colour);
		qb_line_put(&line, "%-13s", label);
		qb_line_colour(c, &line, colour ? PLAIN : NULL);
		text = qb_line_wrapped(&line, text, c->limit);
		fprintf(c->out, "%s\n", line.text);
		label = "";
	}
}

static int draw_facts(const struct qb_canvas *c)
{
	const struct qb_selection *s = c->picture->selection;
	const struct {
		const char *label, *colour;
		const struct qb_cpus *set;
	} sets[] = {
		{"benchmark", BOLD_GREEN, &s->bench},
		{"kept idle", YELLOW, &s->reserved},
		{"offline", YELLOW, &s->offline},
		{"housekeeping", NULL, &s->housekeeping},
		{"isolated", NULL, &s->isolated},
	};

	fprintf(c->out, "[n] runs the benchmark   (n) sibling, kept idle   n housekeeping%s\n\n",
		qb_cpus_empty(&s->isolated) ? "" : "   <n> isolated at boot, not used");
	for (size_t i = 0; i < QB_ARRAY_SIZE(sets); i++) {
		_cleanup_free_ char *buf = NULL;
		const char *text;

		if (qb_cpus_empty(sets[i].set))
			continue;
		text = list_text(sets[i].set, &buf);
		if (!text)
			return -ENOMEM;
		draw_fact(c, sets[i].label, sets[i].colour, text);
	}
	draw_fact(c, "why", NULL, s->why);
	if (s->note[0])
		draw_fact(c, "but", NULL, s->note);
	return 0;
}

int qb_picture_draw(const struct qb_picture *picture, FILE *out)
{
	_cleanup_(qb_picture_rows_free) struct qb_picture_rows rows = {0};
	unsigned width = picture->width ? picture->width : USUAL, highest = 0;
	struct qb_canvas c = {.picture = picture, .digits = 1};
	int r = qb_picture_rows_init(&rows, picture);

	if (r < 0)
		return r;
	width = width < NARROWEST ? NARROWEST : width > WIDEST ? WIDEST : width;
	c.limit = width - 4;
	for (size_t i = 0; i < picture->n; i++)
		highest = picture->pus[i].cpu > highest ? picture->pus[i].cpu : highest;
	for (; highest >= 10; highest /= 10)
		c.digits++;
	r = draw_packages(&c, &rows); /* measures: the frames shall have one width */
	if (r < 0)
		return r;
	c.out = out;
	draw_summary(picture, out);
	r = draw_packages(&c, &rows);
	if (r < 0)
		return r;
	return draw_facts(&c);
}
