/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.h: the lines of trace_pipe.
 *
 *	          <idle>-0       [001] d.h1.  3885.256029: softirq_entry: vec=7 [action=SCHED]
 *	CPU:1 [LOST 123 EVENTS]
 *
 * The name of a task is 16 columns wide and may hold anything; what comes behind it may not.
 */
#include "trace.h"
#include <base/macros.h>
#include <base/text.h>
#include <inttypes.h>
#include <stdbool.h>

#define TASK_WIDTH 16
/* No handler takes as long as that. */
#define LONGEST_NS INT64_C(60000000000)

/* Events come in pairs, "…_entry" and "…_exit". */
static const struct {
	const char *event;
	const char *name; /* NULL: made of the event's words */
} pairs[] = {
	{"irq_handler", NULL},
	{"softirq", NULL},
	{"ipi", NULL},
	{"local_timer", "timer interrupt"},
	{"reschedule", "rescheduling IPI"},
	{"call_function", "function call IPI"},
	{"call_function_single", "function call IPI"},
	{"irq_work", "IRQ work"},
	{"thermal_apic", "thermal event"},
};

/* "irq=36 name=virtio1-req.0", "vec=7 [action=SCHED]", "(Rescheduling interrupts)" */
static void name_event(size_t pair, const char *words, char *buf, size_t size)
{
	char name[32] = "";
	int number;

	if (pairs[pair].name)
		qb_text_copy(buf, size, pairs[pair].name);
	else if (sscanf(words, "irq=%d name=%31[^\n]", &number, name) >= 1)
		qb_text_format(buf, size, "IRQ %d %s", number, name);
	else if (sscanf(words, "vec=%d [action=%31[^]\n]", &number, name) == 2)
		qb_text_format(buf, size, "softirq %s", name);
	else if (sscanf(words, "(%31[^)\n]", name) == 1)
		qb_text_format(buf, size, "IPI: %s", name);
	else
		qb_text_copy(buf, size, pairs[pair].event);
	qb_text_printable(buf);
}

/* The row of this name; when there are too many, the last is everybody's. */
static size_t find_row(struct qb_trace_cpu *of, const char *name)
{
	for (size_t i = 0; i < of->n; i++)
		if (strcmp(of->rows[i].name, name) == 0)
			return i;
	if (of->n == QB_TRACE_ROWS) {
		qb_text_copy(of->rows[of->n - 1].name, QB_TRACE_NAME, "all other sources");
		return of->n - 1;
	}
	of->rows[of->n] = (struct qb_traced){0};
	qb_text_copy(of->rows[of->n].name, QB_TRACE_NAME, name);
	return of->n++;
}

static void enter(struct qb_trace_cpu *of, size_t row, int64_t at_ns)
{
	if (of->depth == QB_TRACE_DEPTH)
		of->depth = 0; /* exits were lost: begin anew */
	of->stack[of->depth].row = row;
	of->stack[of->depth].at_ns = at_ns;
	of->stack[of->depth++].inner_ns = 0;
}

/* Is it the exit of what is in this place? That of an interrupt has its number only: "IRQ 36 ". */
static bool ends(const struct qb_trace_cpu *of, size_t depth, const char *name)
{
	return strncmp(of->rows[of->stack[depth].row].name, name, strlen(name)) == 0;
}

/* What it took beyond what interrupted it. An exit whose entry is not known says nothing. */
static void leave(
	const struct qb_trace *trace, struct qb_trace_cpu *of, const char *name, int64_t at_ns)
{
	size_t depth = of->depth;
	struct qb_traced *row;
	int64_t all, own;

	while (depth > 0 && !ends(of, depth - 1, name))
		depth--;
	if (depth == 0)
		return;
	of->depth = --depth;
	all = at_ns - of->stack[depth].at_ns;
	if (all < 0 || all > LONGEST_NS)
		return; /* what is in between was lost */
	own = all - of->stack[depth].inner_ns;
	if (depth > 0)
		of->stack[depth - 1].inner_ns += all;
	if (of->stack[depth].at_ns < trace->from_ns || (trace->until_ns && at_ns > trace->until_ns))
		return;
	row = &of->rows[of->stack[depth].row];
	row->ns += own;
	row->times++;
	if (own > row->longest_ns)
		row->longest_ns = own;
}

static void take_event(const struct qb_trace *trace, struct qb_trace_cpu *of, int64_t at_ns,
	const char *event, const char *words)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(pairs); i++) {
		const size_t length = strlen(pairs[i].event);
		char name[QB_TRACE_NAME];

		if (strncmp(event, pairs[i].event, length) != 0)
			continue;
		name_event(i, words, name, sizeof(name));
		if (strcmp(event + length, "_entry") == 0)
			enter(of, find_row(of, name), at_ns);
		else if (strcmp(event + length, "_exit") == 0)
			leave(trace, of, name, at_ns);
	}
}

static void take_line(const struct qb_trace *trace, struct qb_trace_cpu *of, const char *line)
{
	char event[48];
	int64_t s, us;
	uint64_t lost;
	int words = 0;

	if (sscanf(line, "CPU:%*u [LOST %" SCNu64 " EVENTS]", &lost) == 1) {
		of->lost += lost;
		of->depth = 0;
		return;
	}
	if (strlen(line) <= TASK_WIDTH || line[TASK_WIDTH] != '-' ||
		sscanf(line + TASK_WIDTH, "-%*d [%*d] %*s %9" SCNd64 ".%6" SCNd64 ": %47[a-z_]:%n",
			&s, &us, event, &words) != 3 ||
		!words)
		return; /* of another kind, or of another kernel */
	line += TASK_WIDTH + words;
	take_event(trace, of, s * 1000000000 + us * 1000, event, line + (*line == ' '));
}

void qb_trace_take(const struct qb_trace *trace, struct qb_trace_cpu *of, const char *text)
{
	const char *end;

	for (; (end = strchr(text, '\n')); text = end + 1) {
		char line[2 * sizeof(of->rest)];

		qb_text_format(line, sizeof(line), "%s%.*s", of->rest, (int)(end - text), text);
		of->rest[0] = '\0';
		take_line(trace, of, line);
	}
	qb_text_copy(of->rest, sizeof(of->rest), text);
}
