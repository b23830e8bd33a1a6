/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands share that ask and change nothing, see query.h. */
#include <base/macros.h>
#include <cli/condition.h>
#include <cli/query.h>
#include <client/say.h>

int qb_query_ask(const struct qb_cli *cli, enum qb_request_mode mode, struct qb_asked *asked,
	struct qb_answer *answer, struct qb_allowed *allowed, struct qb_error *err)
{
	int r = qb_asked_build(&cli->options, mode, asked, err);
	if (r == 0 && allowed) {
		qb_allowed_find(!qb_option_given(&cli->options, ROOT), allowed);
		qb_allowed_wish(allowed, &asked->request);
	}
	if (r == 0)
		r = qb_planner_ask(asked, answer, err);
	if (r == 0 && allowed)
		r = qb_allowed_judge(allowed, answer, err);
	return r;
}

int qb_query_fail(const struct qb_error *err)
{
	qb_say(QB_SAY_ERROR, "%s", err->text);
	return QB_EXIT_USAGE;
}

int qb_query_print(const struct qb_json *json, int status)
{
	struct qb_error err = {0};
	return qb_json_print(json, stdout, &err) < 0 ? qb_query_fail(&err) : status;
}

bool qb_query_colour(void)
{
	const char *no = getenv("NO_COLOR");
	return isatty(STDOUT_FILENO) && (!no || !*no);
}

void qb_query_heading(const char *text)
{
	bool colour = qb_query_colour();
	printf("%s%s%s\n", colour ? "\033[1m" : "", text, colour ? "\033[0m" : "");
}

void qb_query_section(const char *text)
{
	putchar('\n');
	qb_query_heading(text);
}
