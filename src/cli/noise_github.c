/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * noise.h: annotations for GitHub Actions, as the runner takes them from a step's output (workflow
 * commands): "::error title=TITLE::MESSAGE". What its parser would take for syntax is escaped as it
 * unescapes it: %, CR and LF everywhere, colon and comma in properties also.
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/noise.h>

static void put_escaped(FILE *out, const char *text, const char *special)
{
	for (; *text; text++)
		if (strchr(special, *text))
			fprintf(out, "%%%02X", (unsigned)(unsigned char)*text);
		else
			putc(*text, out);
}

static void annotate(FILE *out, const char *command, const char *title, const char *message)
{
	fprintf(out, "::%s title=", command);
	put_escaped(out, title, "%\r\n:,");
	fputs("::", out);
	put_escaped(out, message, "%\r\n");
	putc('\n', out);
}

static const char *command_of(enum qb_problem_level level)
{
	switch (level) {
	case QB_PROBLEM_WARNS:
	case QB_PROBLEM_UNDECIDED: return "warning";
	case QB_PROBLEM_FAILED: return "error";
	}
	return NULL;
}

static const char *verdict_of(enum qb_problem_level level)
{
	switch (level) {
	case QB_PROBLEM_WARNS: return "";
	case QB_PROBLEM_UNDECIDED: return "undecided: ";
	case QB_PROBLEM_FAILED: return "noisy: ";
	}
	return NULL;
}

void qb_noise_github(const struct qb_measure *m, FILE *out)
{
	struct qb_noise_problem problems[QB_NOISE_PROBLEMS];
	const size_t n = qb_noise_problems(m, problems);
	char title[96], text[1024];

	for (size_t i = 0; i < n; i++) {
		qb_text_format(title, sizeof(title), "quietbench: %s%s",
			verdict_of(problems[i].level), problems[i].rule);
		qb_noise_problem_text(&problems[i], text, sizeof(text));
		annotate(out, command_of(problems[i].level), title, text);
	}
	if (m->verdict != QB_VERDICT_OF_PASS)
		return;
	qb_noise_verdict_text(m, text, sizeof(text));
	annotate(out, "notice", "quietbench: quiet", text);
}
