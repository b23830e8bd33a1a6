/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench plan: what would change, and what cannot and why. */
#include <base/macros.h>
#include <cli/lines.h>
#include <cli/query.h>
#include <client/require.h>
#include <client/say.h>
#include <quietbench/lever.h>

static void put_step(struct qb_json *json, const struct qb_step *step)
{
	char risk[2] = {qb_lines_risk(step->lever, step->wanted)};

	qb_json_object(json, NULL);
	qb_json_step(json, step);
	qb_json_text(json, "from", step->before);
	qb_json_text(json, "to", step->wanted);
	qb_json_text(json, "status", qb_status_name(step->status));
	qb_json_text(json, "reason", step->reason);
	qb_json_text(json, "risk", risk);
	qb_json_end(json);
}

static int print_json(const struct qb_request *request, const struct qb_answer *answer,
	const struct qb_allowed *allowed, const struct qb_lacking *lacking, int status)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/plan/1");
	qb_json_object(json, "host");
	qb_json_host(json, &answer->host);
	qb_json_end(json);
	qb_json_profile(json, "profile", &answer->profile, request);
	qb_json_selection(json, "selection", &answer->selection);
	qb_allowed_json(allowed, json);
	qb_json_array(json, "steps");
	for (size_t i = 0; i < answer->steps.n; i++)
		put_step(json, &answer->steps.v[i]);
	qb_json_end(json);
	qb_json_bool(json, "required_available", lacking->n == 0);
	qb_json_array(json, "required_missing");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		if (lacking->why[key])
			qb_json_text(json, NULL, qb_keys[key].name);
	qb_json_end(json);
	return qb_query_print(json, status);
}

static void print_legend(const struct qb_steps *steps)
{
	static const char *const meaning[] = {
		[QB_RISK_SAFE] = "S safe on a shared host",
		[QB_RISK_DISRUPTIVE] = "D other tasks notice",
		[QB_RISK_EXPOSING] = "X lowers security",
	};
	const char *before = "risk: ";

	for (size_t class = 0; class < QB_ARRAY_SIZE(meaning); class ++) {
		bool occurs = false;
		for (size_t i = 0; i < steps->n && !occurs; i++)
			occurs = qb_levers[steps->v[i].lever].risk == class &&
				 steps->v[i].status == QB_STATUS_PLANNED;
		if (occurs)
			printf("%s%s", before, meaning[class]);
		before = occurs ? ", " : before;
	}
	if (*before == ',')
		putchar('\n');
}

static const char *isolation_text(enum qb_isolation isolation)
{
	switch (isolation) {
	case QB_ISOLATION_NONE: return "none: other tasks may run on these CPUs, too";
	case QB_ISOLATION_AFFINITY:
		return "affinity: every thread that can be is moved to the housekeeping CPUs";
	case QB_ISOLATION_SHIELD: return "shield: cpusets of cgroup v1";
	case QB_ISOLATION_PARTITION: return "partition: a cpuset partition of cgroup v2";
	}
	return "unknown";
}

static void print_head(const struct qb_answer *answer, const struct qb_allowed *allowed)
{
	const struct qb_selection *chosen = &answer->selection;
	char head[512], seen[64];

	qb_lines_head(&answer->profile, &answer->host, chosen, head, sizeof(head));
	qb_query_heading(head);
	if (qb_lines_seen(&answer->profile, &answer->host, chosen, seen, sizeof(seen)))
		printf("  %s\n", seen);
	qb_lines_wrap(stdout, "  why: ", "       ", chosen->why);
	if (chosen->note[0])
		qb_lines_wrap(stdout, "  but: ", "       ", chosen->note);
	printf("  isolation: %s\n", isolation_text((enum qb_isolation)chosen->isolation));
	if (answer->profile.file[0])
		printf("  profile: %s\n", answer->profile.file);
	if (allowed->limited)
		qb_lines_wrap(stdout, "  policy: ", "    ", allowed->text);
}

static int print_text(
	const struct qb_answer *answer, const struct qb_allowed *allowed, struct qb_error *err)
{
	static const struct {
		enum qb_status status;
		const char *heading;
	} absent[] = {
		{QB_STATUS_UNSUPPORTED, "not available here"},
		{QB_STATUS_REFUSED, "refused"},
		{QB_STATUS_FAILED, "failed"},
	};
	const struct qb_steps *steps = &answer->steps;

	print_head(answer, allowed);
	qb_query_section(
		qb_lines_any(steps, QB_STATUS_PLANNED) ? "would change" : "nothing would change");
	if (qb_lines_changes(stdout, steps, QB_STATUS_PLANNED, err) < 0)
		return -err->code;
	print_legend(steps);
	if (qb_lines_any(steps, QB_STATUS_UNCHANGED)) {
		qb_query_section("already set");
		if (qb_lines_changes(stdout, steps, QB_STATUS_UNCHANGED, err) < 0 ||
			qb_lines_missing(stdout, steps, QB_STATUS_UNCHANGED, err) < 0)
			return -err->code;
	}
	for (size_t i = 0; i < QB_ARRAY_SIZE(absent); i++) {
		if (!qb_lines_any(steps, absent[i].status))
			continue;
		qb_query_section(absent[i].heading);
		if (qb_lines_missing(stdout, steps, absent[i].status, err) < 0)
			return -err->code;
	}
	return 0;
}

static void say_lacking(const struct qb_lacking *lacking)
{
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		if (lacking->why[key])
			qb_say(QB_SAY_ERROR, QB_REQUIRE_LACKING, qb_keys[key].name,
				lacking->why[key]);
}

int qb_cmd_plan(struct qb_cli *cli)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	static struct qb_allowed allowed;
	struct qb_lacking lacking;
	struct qb_error err = {0};

	if (qb_query_ask(cli, QB_REQUEST_PLAN, &asked, &answer, &allowed, &err) < 0)
		return qb_query_fail(&err);
	qb_require_find_lacking(&asked.request, &answer, &lacking);
	int status = lacking.n ? QB_EXIT_FAILURE : EXIT_SUCCESS;
	if (qb_option_given(&cli->options, JSON))
		return print_json(&asked.request, &answer, &allowed, &lacking, status);
	if (print_text(&answer, &allowed, &err) < 0)
		return qb_query_fail(&err);
	say_lacking(&lacking);
	return status;
}
