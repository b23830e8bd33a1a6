/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for people (say.h). */
#include <base/macros.h>
#include <base/text.h>
#include <client/say.h>
#include <fcntl.h>
#include <stdarg.h>

#define PREFIX	 "quietbench: "
#define LINE_MAX 2048

static int out = -1;
static enum qb_say limit = QB_SAY_NOTE;
static bool colour;

void qb_say_begin(void)
{
	const char *no_color = getenv("NO_COLOR");

	out = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	colour = qb_say_on_terminal() && !(no_color && *no_color);
}

enum qb_say qb_say_limit(enum qb_say kind)
{
	const enum qb_say before = limit;

	limit = kind;
	return before;
}

bool qb_say_shows(enum qb_say kind)
{
	return kind <= limit;
}

bool qb_say_on_terminal(void)
{
	return out >= 0 && isatty(out);
}

static const char *paint(enum qb_say kind)
{
	if (colour) {
		switch (kind) {
		case QB_SAY_ERROR: return "\033[1;31m";
		case QB_SAY_WARN: return "\033[1;33m";
		case QB_SAY_NOTE:
		case QB_SAY_DETAIL: break;
		}
	}
	return "";
}

void qb_say(enum qb_say kind, const char *fmt, ...)
{
	const char *start = paint(kind);
	char text[LINE_MAX], line[LINE_MAX + 64];
	va_list ap;
	int n;

	if (!qb_say_shows(kind))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	qb_text_one_line(text); /* names of files and processes may hold anything */
	n = snprintf(line, sizeof(line), PREFIX "%s%s%s\n", start, text, *start ? "\033[0m" : "");
	/* A closed stderr cannot be reported anywhere. */
	if (out >= 0 && write(out, line, (size_t)n) < 0)
		return;
}
