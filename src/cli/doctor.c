/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench doctor: every lever, whether this host offers it, why not, and what would make it so;
 * which way to privilege is open; and what else is worth knowing before one measures here.
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/findings.h>
#include <cli/lines.h>
#include <cli/query.h>
#include <client/privilege.h>
#include <quietbench/lever.h>

/* Timers that are due within ten minutes are told. */
#define SOON_NS INT64_C(600000000000)

/* What is known of the levers of one key. */
struct finding {
	int lever; /* the row that stands for the key; -1: no lever has it */
	bool available;
	const char *reason; /* why not, or what limits it; NULL: nothing to say */
};

/* A row that is refused stands for its key, else one that is planned, else the one that says why not. */
static struct finding find(const struct qb_steps *steps, enum qb_key key)
{
	struct finding finding = {.lever = -1, .available = true};
	bool planned = false;

	for (unsigned lever = 0; lever < QB_LEVER_COUNT && finding.lever < 0; lever++)
		if (qb_levers[lever].key == key)
			finding.lever = (int)lever;
	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		if (qb_levers[step->lever].key != key)
			continue;
		if (step->status == QB_STATUS_REFUSED)
			return (struct finding){.lever = step->lever, .reason = step->reason};
		if (planned)
			continue;
		planned = step->status == QB_STATUS_PLANNED || step->status == QB_STATUS_UNCHANGED;
		finding.lever = step->lever;
		finding.available = planned;
		finding.reason = planned && step->wanted ? NULL : step->reason;
	}
	return finding;
}

static void put_levers(struct qb_json *json, const struct qb_steps *steps)
{
	qb_json_array(json, "levers");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		struct finding finding = find(steps, key);
		if (finding.lever < 0)
			continue;
		char risk[2] = {qb_lines_risk((unsigned)finding.lever, NULL)};
		qb_json_object(json, NULL);
		qb_json_text(json, "lever", qb_keys[key].name);
		qb_json_bool(json, "available", finding.available);
		qb_json_text(json, "reason", finding.reason);
		qb_json_text(json, "risk", risk);
		qb_json_text(json, "text", qb_keys[key].help);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static int print_json(const struct qb_answer *answer, const struct qb_privilege *privilege,
	const struct qb_allowed *allowed, const struct qb_findings *findings)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/doctor/1");
	qb_json_object(json, "host");
	qb_json_host(json, &answer->host);
	qb_json_end(json);
	if (privilege) {
		qb_json_object(json, "privilege");
		qb_json_text(json, "way", privilege->way);
		qb_json_bool(json, "lease", privilege->lease);
		qb_json_text(json, "reason", *privilege->why ? privilege->why : NULL);
		qb_json_text(json, "command", *privilege->command ? privilege->command : NULL);
		qb_json_end(json);
	} else {
		qb_json_null(json, "privilege");
	}
	qb_allowed_json(allowed, json);
	put_levers(json, &answer->steps);
	qb_findings_json(json, findings);
	return qb_query_print(json, EXIT_SUCCESS);
}

static void print_host(const struct qb_host *host, bool here)
{
	printf("host       %s, %u CPUs in %u cores",
		host->cpu_model[0] ? host->cpu_model : "unknown CPU", host->cpus, host->cores);
	if (host->nodes > 1)
		printf(", %u NUMA nodes", host->nodes);
	if (host->guest)
		printf(", %s%sguest", host->hypervisor, host->hypervisor[0] ? " " : "");
	printf("\nclock      %s\n", host->cpufreq_driver[0] ? host->cpufreq_driver
				    : here		    ? "not this kernel's to set"
							    : "no driver is captured");
}

static void print_privilege(const struct qb_privilege *privilege)
{
	if (privilege->way)
		printf("privilege  %s\n", privilege->say);
	else
		qb_lines_wrap(stdout, "privilege  none: ", "           ", privilege->why);
	if (privilege->lease)
		printf("           none is needed to join your apply (quietbench status)\n");
	if (privilege->command[0])
		printf("           to open %s: %s\n", privilege->way ? "an easier one" : "one",
			privilege->command);
}

static void print_levers(const char *heading, const struct qb_steps *steps, bool available)
{
	char first[64], text[QB_ERROR_MAX + 128];
	bool any = false;

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		struct finding finding = find(steps, key);
		if (finding.lever < 0 || finding.available != available)
			continue;
		if (!any)
			qb_query_section(heading);
		any = true;
		qb_text_format(first, sizeof(first), "  %-29s %c  ", qb_keys[key].name,
			qb_lines_risk((unsigned)finding.lever, NULL));
		qb_text_format(text, sizeof(text), "%s%s%s", available ? qb_keys[key].help : "",
			available && finding.reason ? "; " : "",
			finding.reason ? finding.reason : "");
		qb_lines_wrap(stdout, first, "                                   ", text);
	}
}

/* Of the CPUs that a benchmark would get: what doctor asks for else is everything there is. */
static int look_around(
	struct qb_asked *asked, const char *root, struct qb_findings *ret, struct qb_error *err)
{
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_look look;
	int r;

	asked->request.mode = QB_REQUEST_TOPOLOGY;
	r = qb_planner_ask(asked, &answer, err);
	if (r < 0)
		return r;
	look = qb_findings_about(&answer, root, SOON_NS);
	qb_findings_look(&look, ret);
	return 0;
}

int qb_cmd_doctor(struct qb_cli *cli)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	static struct qb_allowed allowed;
	static struct qb_findings findings;
	bool here = !qb_option_given(&cli->options, ROOT);
	struct qb_privilege privilege = {0};
	struct qb_error err = {0};

	if (qb_query_ask(cli, QB_REQUEST_DOCTOR, &asked, &answer, &allowed, &err) < 0)
		return qb_query_fail(&err);
	if (here && qb_privilege_find(&privilege, &err) < 0)
		return qb_query_fail(&err);
	if (look_around(&asked, cli->options.value[QB_OPTION_ROOT], &findings, &err) < 0)
		return qb_query_fail(&err);
	if (qb_option_given(&cli->options, JSON))
		return print_json(&answer, here ? &privilege : NULL, &allowed, &findings);
	print_host(&answer.host, here);
	if (here)
		print_privilege(&privilege);
	if (allowed.limited)
		qb_lines_wrap(stdout, "policy     ", "           ", allowed.text);
	print_levers("available", &answer.steps, true);
	print_levers("not available", &answer.steps, false);
	qb_findings_print(&findings);
	return EXIT_SUCCESS;
}
