/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench topology: the CPUs as a picture; which ones the benchmark gets, and why. */
#include <base/macros.h>
#include <cli/picture.h>
#include <cli/query.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>

static const char *role(const struct qb_selection *chosen, unsigned cpu)
{
	if (qb_cpus_has(&chosen->bench, cpu))
		return "benchmark";
	if (qb_cpus_has(&chosen->reserved, cpu))
		return "reserved";
	if (qb_cpus_has(&chosen->offline, cpu))
		return "offline";
	if (qb_cpus_has(&chosen->isolated, cpu))
		return "isolated";
	return qb_cpus_has(&chosen->housekeeping, cpu) ? "housekeeping" : NULL;
}

/* -1 is "the host does not tell". */
static void put_group(struct qb_json *json, const char *key, int group)
{
	if (group < 0)
		qb_json_null(json, key);
	else
		qb_json_number(json, key, group);
}

static void put_pu(struct qb_json *json, const struct qb_pu *pu, const struct qb_selection *chosen)
{
	qb_json_object(json, NULL);
	qb_json_number(json, "cpu", pu->cpu);
	put_group(json, "core", pu->core);
	put_group(json, "package", pu->package);
	put_group(json, "node", pu->os_node);
	put_group(json, "l2", pu->l2);
	put_group(json, "l3", pu->l3);
	qb_json_number(json, "l2_kib", pu->l2_kib);
	qb_json_number(json, "l3_kib", pu->l3_kib);
	qb_json_number(json, "kind", pu->kind);
	qb_json_text(json, "role", role(chosen, pu->cpu));
	qb_json_end(json);
}

static int print_json(const struct qb_answer *answer)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/topology/1");
	qb_json_object(json, "host");
	qb_json_host(json, &answer->host);
	qb_json_end(json);
	qb_json_array(json, "pus");
	for (size_t i = 0; i < answer->n_pus; i++)
		put_pu(json, &answer->pus[i], &answer->selection);
	qb_json_end(json);
	qb_json_selection(json, "selection", &answer->selection);
	return qb_query_print(json, EXIT_SUCCESS);
}

static bool speaks_utf8(void)
{
	return setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static unsigned terminal_width(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int print_picture(const struct qb_answer *answer)
{
	const struct qb_picture picture = {
		.host = &answer->host,
		.pus = answer->pus,
		.n = answer->n_pus,
		.selection = &answer->selection,
		.colour = qb_query_colour(),
		.utf8 = speaks_utf8(),
		.width = terminal_width(),
	};
	struct qb_error err = {0};

	if (qb_picture_draw(&picture, stdout) < 0) {
		qb_error_set(&err, ENOMEM, "cannot draw the topology: out of memory");
		return qb_query_fail(&err);
	}
	return EXIT_SUCCESS;
}

int qb_cmd_topology(struct qb_cli *cli)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_error err = {0};

	if (qb_query_ask(cli, QB_REQUEST_TOPOLOGY, &asked, &answer, NULL, &err) < 0)
		return qb_query_fail(&err);
	return qb_option_given(&cli->options, JSON) ? print_json(&answer) : print_picture(&answer);
}
