/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench report: records as one page, for a browser or paper. The frame of the page, its style and
 * its pictures are src/report's, put together when quietbench was built; here the sentences and tables
 * are written, which are whole without scripts, and the records themselves, from which the pictures
 * are drawn.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/command.h>
#include <cli/report.h>
#include <client/draft.h>
#include <client/say.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TEMPLATE   "report.html"
#define BODY	   "@BODY@"
#define ROWS_SHOWN 2000 /* of the table of runs; the pictures and the record have all */

struct report {
	char *const *files;
	struct qb_json **data; /* owned, of each file: what its pictures show */
	size_t n;
	char *page; /* owned: the template */
	FILE *out;
};

/* Beside this program (build folder), or where it is installed. */
static int read_template(char **ret, struct qb_error *err)
{
	char path[PATH_MAX] = "", *slash;
	ssize_t r;

	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return qb_error_errno(err, errno, "find this program");
	slash = strrchr(path, '/');
	if (slash)
		qb_text_copy(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), TEMPLATE);
	if (access(path, R_OK) < 0)
		qb_text_copy(path, sizeof(path), QB_DATADIR "/" TEMPLATE);
	r = qb_file_read_all(path, ret, err);
	if (r >= 0 && !strstr(*ret, BODY))
		r = qb_error_set(err, EBADMSG, "%s: not the page of this version", path);
	return r < 0 ? (int)r : 0;
}

/* ---- what is written ---- */

static void put(FILE *out, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '&': fputs("&amp;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc(*text, out);
		}
}

/* A text, a number, or nothing. */
static void put_value(FILE *out, const struct qb_json_value *value)
{
	const char *text;
	double number;

	if (qb_json_to_text(value, &text))
		put(out, text);
	else if (qb_json_to_number(value, &number))
		fprintf(out, "%.10g", number);
}

static bool is_there(const struct qb_json_value *value)
{
	const char *text;
	double number;

	return qb_json_to_text(value, &text) || qb_json_to_number(value, &number);
}

/* The i-th of an array. */
static const struct qb_json_value *item(const struct qb_json_value *array, size_t i)
{
	char pointer[32];

	qb_text_format(pointer, sizeof(pointer), "/%zu", i);
	return qb_json_at(array, pointer);
}

/* Cells, by pointers into the value; behind a % stands a share. */
static void put_cells(FILE *out, const struct qb_json_value *value, const char *const *pointers)
{
	for (; *pointers; pointers++) {
		const bool share = **pointers == '%';
		const struct qb_json_value *cell = qb_json_at(value, *pointers + share);
		double number;

		fputs(share ? "<td class=\"n\">" : "<td>", out);
		if (share && qb_json_to_number(cell, &number))
			fprintf(out, "%.3f %%", 100 * number);
		else
			put_value(out, cell);
		fputs("</td>", out);
	}
}

static void put_row(FILE *out, const struct qb_json_value *value, const char *const *pointers)
{
	fputs("<tr>", out);
	put_cells(out, value, pointers);
	fputs("</tr>\n", out);
}

static void put_head(FILE *out, const char *const *names)
{
	fputs("<table><thead><tr>", out);
	for (; *names; names++)
		fprintf(out, "<th scope=\"col\">%s</th>", *names);
	fputs("</tr></thead><tbody>\n", out);
}

static void put_figure(FILE *out, const char *chart, size_t record)
{
	fprintf(out, "<figure data-chart=\"%s\" data-record=\"%zu\"></figure>\n", chart, record);
}

static void put_claim(FILE *out, const struct qb_json_value *sentence)
{
	if (!is_there(sentence))
		return;
	fputs("<p class=\"claim\">", out);
	put_value(out, sentence);
	fputs("</p>\n", out);
}

/* ---- of an experiment ---- */

static void put_claims(FILE *out, const struct qb_json_value *experiment)
{
	const struct qb_json_value *figures = qb_json_at(experiment, "/figures");

	put_claim(out, qb_json_at(experiment, "/sentence"));
	for (size_t i = 0; i < qb_json_size(figures); i++) {
		const struct qb_json_value *differences =
			qb_json_at(item(figures, i), "/differences");

		for (size_t j = 0; j < qb_json_size(differences); j++)
			put_claim(out, qb_json_at(item(differences, j), "/sentence"));
	}
}

static void put_command(FILE *out, const struct qb_json_value *command)
{
	fputs("<code>", out);
	for (size_t i = 0; i < qb_json_size(command); i++) {
		fputs(i ? " " : "", out);
		put_value(out, item(command, i));
	}
	fputs("</code>", out);
}

static void put_programs(FILE *out, const struct qb_json_value *experiment)
{
	static const char *const names[] = {
		"", "command", "what it took", "what disturbed it", NULL};
	const struct qb_json_value *programs = qb_json_at(experiment, "/programs");
	char pointer[64];

	put_head(out, names);
	for (size_t i = 0; i < qb_json_size(programs); i++) {
		const struct qb_json_value *program = item(programs, i);

		fputs("<tr><td>", out);
		put_value(out, qb_json_at(program, "/name"));
		fputs("</td><td>", out);
		put_command(out, qb_json_at(program, "/command"));
		fputs("</td><td>", out);
		qb_text_format(pointer, sizeof(pointer), "/figures/0/of/%zu/sentence", i);
		put_value(out, qb_json_at(experiment, pointer));
		fputs("; ", out);
		put_value(out, qb_json_at(program, "/runs"));
		fputs(" runs</td><td>", out);
		put_value(out, qb_json_at(program, "/disturbance"));
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
}

static void put_experiment(FILE *out, const struct qb_json_value *record, size_t index)
{
	const struct qb_json_value *experiment = qb_json_at(record, "/experiment");

	put_claims(out, experiment);
	put_programs(out, experiment);
	put_figure(out, "differences", index);
	put_figure(out, "runs", index);
	put_figure(out, "spread", index);
}

/* ---- of any record ---- */

static void put_runs(FILE *out, const struct qb_json_value *record)
{
	static const char *const names[] = {
		"run", "program", "wall, ns", "user, ns", "verdict", "reason", NULL};
	static const char *const pointers[] = {
		"/program", "/wall_ns", "/user_ns", "/verdict", "/reasons/0", NULL};
	const struct qb_json_value *runs = qb_json_at(record, "/runs");
	const size_t n = qb_json_size(runs);

	if (!n)
		return;
	fprintf(out, "<details%s><summary>%zu run%s</summary>\n", n == 1 ? " open" : "", n,
		n == 1 ? "" : "s");
	put_head(out, names);
	for (size_t i = 0; i < n && i < ROWS_SHOWN; i++) {
		fprintf(out, "<tr><td>%zu</td>", i + 1);
		put_cells(out, item(runs, i), pointers);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table>\n", out);
	if (n > ROWS_SHOWN)
		fprintf(out, "<p class=\"dim\">and %zu more, in the record</p>\n", n - ROWS_SHOWN);
	fputs("</details>\n", out);
}

static void put_host(FILE *out, const struct qb_json_value *record)
{
	static const struct {
		const char *name, *pointer;
	} rows[] = {{"host", "/host/hostname"}, {"kernel", "/host/kernel"},
		{"CPU", "/host/cpu_model"}, {"virtualization", "/host/virtualization"},
		{"CPUs", "/host/cpus"}, {"profile", "/profile/name"},
		{"conditioned", "/conditioned"}, {"benchmark CPUs", "/cpus/benchmark"},
		{"housekeeping CPUs", "/cpus/housekeeping"}};

	fputs("<details open><summary>the host</summary><table><tbody>\n", out);
	for (size_t i = 0; i < QB_ARRAY_SIZE(rows); i++) {
		const struct qb_json_value *value = qb_json_at(record, rows[i].pointer);

		if (!is_there(value))
			continue;
		fprintf(out, "<tr><th scope=\"row\">%s</th><td>", rows[i].name);
		put_value(out, value);
		fputs("</td></tr>\n", out);
	}
	fputs("</tbody></table></details>\n", out);
}

static void put_levers(FILE *out, const struct qb_json_value *record)
{
	static const char *const names[] = {
		"lever", "unit", "was", "became", "status", "why", "restored", NULL};
	static const char *const pointers[] = {
		"/lever", "/unit", "/before", "/after", "/status", "/reason", "/restored", NULL};
	const struct qb_json_value *levers = qb_json_at(record, "/levers");
	const size_t n = qb_json_size(levers);

	if (!n)
		return;
	fprintf(out,
		"<details><summary>the levers: %zu values, and what became of them</summary>\n", n);
	put_head(out, names);
	for (size_t i = 0; i < n; i++)
		put_row(out, item(levers, i), pointers);
	fputs("</tbody></table></details>\n", out);
}

static void put_check(FILE *out, const struct qb_json_value *record, size_t index)
{
	static const char *const names[] = {"CPU", "cause", "what", "share", "what to do", NULL};
	static const char *const pointers[] = {"/cause", "/name", "%/share", "/advice", NULL};
	const struct qb_json_value *of = qb_json_at(record, "/check/of");

	if (!qb_json_size(of))
		return;
	fputs("<h3>the noise</h3>\n", out);
	put_figure(out, "heat", index);
	put_head(out, names);
	for (size_t i = 0; i < qb_json_size(of); i++) {
		const struct qb_json_value *causes = qb_json_at(item(of, i), "/causes");

		for (size_t j = 0; j < qb_json_size(causes); j++) {
			fputs("<tr><td>", out);
			put_value(out, qb_json_at(item(of, i), "/cpu"));
			fputs("</td>", out);
			put_cells(out, item(causes, j), pointers);
			fputs("</tr>\n", out);
		}
	}
	fputs("</tbody></table>\n", out);
}

static void put_soak(FILE *out, const struct qb_json_value *soak, size_t index)
{
	static const char *const names[] = {
		"cause", "kind", "noisy blocks", "mean share", "worst share", NULL};
	static const char *const pointers[] = {
		"/name", "/cause", "/blamed", "%/mean", "%/worst", NULL};
	const struct qb_json_value *causes = qb_json_at(soak, "/culprits");

	double noisy = 0, block_ns = 0;

	(void)qb_json_to_number(qb_json_at(soak, "/noisy"), &noisy);
	(void)qb_json_to_number(qb_json_at(soak, "/block_ns"), &block_ns);
	fprintf(out, "<p class=\"claim\">%.0f of %zu blocks of %.10g s were noisy</p>\n", noisy,
		qb_json_size(qb_json_at(soak, "/blocks")), block_ns / 1e9);
	put_figure(out, "soak", index);
	put_head(out, names);
	for (size_t i = 0; i < qb_json_size(causes); i++)
		put_row(out, item(causes, i), pointers);
	fputs("</tbody></table>\n", out);
}

static void put_record(
	const struct report *report, const struct qb_report_record *record, size_t index)
{
	const struct qb_json_value *experiment = qb_json_at(record->json, "/experiment");
	const struct qb_json_value *kind = qb_json_at(experiment, "/kind");
	FILE *out = report->out;

	fputs("<article>\n<h2>", out);
	if (is_there(kind))
		put_value(out, kind);
	else
		fputs(record->soak					  ? "soak"
			: qb_json_size(qb_json_at(record->json, "/runs")) ? "run"
									  : "check",
			out);
	fputs(": ", out);
	put(out, record->file);
	fputs("</h2>\n<p class=\"dim\">", out);
	put_value(out, qb_json_at(record->json, "/started_at"));
	fputs("</p>\n", out);
	if (record->soak) {
		put_soak(out, record->json, index);
	} else {
		if (experiment)
			put_experiment(out, record->json, index);
		else if (qb_json_at(record->json, "/runs/0"))
			put_figure(out, "timeline", index);
		put_runs(out, record->json);
		put_check(out, record->json, index);
		put_host(out, record->json);
		put_levers(out, record->json);
	}
	fputs("</article>\n", out);
}

/* A record at a time: they may be large. */
static int put_file(struct report *report, size_t index, struct qb_error *err)
{
	struct qb_report_record record = {0};
	int r = qb_report_read(report->files[index], &record, err);

	if (r < 0)
		return r;
	put_record(report, &record, index);
	report->data[index] = qb_report_data(&record);
	qb_json_value_freep(&record.json);
	return 0;
}

static int put_page(struct report *report, struct qb_error *err)
{
	const char *body = strstr(report->page, BODY);
	FILE *out = report->out;
	int r = 0;

	fwrite(report->page, 1, (size_t)(body - report->page), out);
	fputs("<h1>quietbench report</h1>\n", out);
	if (report->n > 1)
		put_figure(out, "history", 0);
	for (size_t i = 0; i < report->n && r == 0; i++)
		r = put_file(report, i, err);
	if (r < 0)
		return r;
	fputs("<script type=\"application/json\" id=\"records\">[", out);
	for (size_t i = 0; i < report->n; i++) {
		fputs(i ? ",\n" : "", out);
		if (qb_json_embed(report->data[i], out) < 0)
			return qb_error_errno(err, ENOMEM, "write the records into the page");
	}
	fputs("]</script>\n", out);
	fputs(body + strlen(BODY), out);
	return 0;
}

/* ---- the command ---- */

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int make(struct report *report, const char *target, struct qb_error *err)
{
	_cleanup_(qb_draft_discard) struct qb_draft draft = {0};
	int r = read_template(&report->page, err);

	for (size_t i = 0; r == 0 && i < report->n; i++)
		if (is_same_file(report->files[i], target))
			r = qb_error_set(err, EINVAL,
				"-o %s would put the page in the place of that record", target);
	if (r < 0)
		return r;
	if (qb_draft_open(&draft, target, 0, err) < 0)
		return qb_error_wrap(err, "cannot write %s", target);
	report->out = draft.out;
	r = put_page(report, err);
	if (r < 0)
		return r;
	return qb_draft_keep(&draft, err) < 0 ? qb_error_wrap(err, "cannot write %s", target) : 0;
}

int qb_cmd_report(struct qb_cli *cli)
{
	const char *target = cli->options.value[QB_OPTION_RECORD];
	struct report report = {.files = cli->argv,
		.data = calloc((size_t)cli->argc + 1, sizeof(struct qb_json *)),
		.n = (size_t)cli->argc};
	struct qb_error err = {0};
	int status = EXIT_SUCCESS;

	if (!target || cli->argc == 0) {
		qb_say(QB_SAY_ERROR, "report: expected quietbench report RECORD... -o FILE.html");
		status = QB_EXIT_USAGE;
	} else if (!report.data || make(&report, target, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.code ? err.text : "out of memory");
		status = QB_EXIT_FAILURE;
	}
	for (size_t i = 0; report.data && i < report.n; i++)
		qb_json_freep(&report.data[i]);
	free(report.data);
	free(report.page);
	return status;
}
