/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/report.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int qb_report_read(const char *file, struct qb_report_record *ret, struct qb_error *err)
{
	struct qb_report_record record = {.file = file};
	const char *schema = "none";
	int r = qb_json_read(file, &record.json, err);

	if (r < 0)
		return r;
	(void)qb_json_to_text(qb_json_at(record.json, "/schema"), &schema);
	record.soak = strcmp(schema, "quietbench/soak/1") == 0;
	if (!record.soak && strcmp(schema, "quietbench/record/1") != 0) {
		r = qb_error_set(err, EBADMSG,
			"%s: not a record of this version (schema %s): run, check, compare and prove write one with -o, check --soak with --json",
			file, schema);
		qb_json_value_freep(&record.json);
		return r;
	}
	*ret = record;
	return 0;
}

/* Which number has a program? What is not in the table counts for the first. */
static int64_t number_of(const struct qb_json_value *experiment, const struct qb_json_value *name)
{
	const struct qb_json_value *programs = qb_json_at(experiment, "/programs");
	const char *wanted, *text;
	char pointer[48];

	if (!qb_json_to_text(name, &wanted))
		return 0;
	for (size_t i = 0; i < qb_json_size(programs); i++) {
		qb_text_format(pointer, sizeof(pointer), "/%zu/name", i);
		if (qb_json_to_text(qb_json_at(programs, pointer), &text) &&
			strcmp(text, wanted) == 0)
			return (int64_t)i;
	}
	return 0;
}

/* As page.js reads it: figure, program, verdict, does it count, reason. */
static void put_run(struct qb_json *data, const struct qb_json_value *experiment,
	const struct qb_json_value *run, const char *figure)
{
	qb_json_array(data, NULL);
	qb_json_copy(data, NULL, qb_json_at(run, figure));
	qb_json_number(data, NULL, number_of(experiment, qb_json_at(run, "/program")));
	qb_json_copy(data, NULL, qb_json_at(run, "/verdict"));
	qb_json_text(data, NULL,
		qb_json_is_true(qb_json_at(run, "/warm_up"))	? "warm-up"
		: qb_json_is_true(qb_json_at(run, "/repeated")) ? "repeated"
								: NULL);
	qb_json_copy(data, NULL, qb_json_at(run, "/reasons/0"));
	qb_json_end(data);
}

/* The first figure's name as a pointer into a run. */
static void find_figure(const struct qb_json_value *experiment, char *buf, size_t size)
{
	const char *name = "";

	(void)qb_json_to_text(qb_json_at(experiment, "/figures/0/name"), &name);
	qb_text_copy(buf, size, "/figures/");
	for (; *name; name++) /* RFC 6901 */
		qb_text_append(buf, size, *name == '~' ? "~0" : *name == '/' ? "~1" : "%c", *name);
}

static void put_runs(struct qb_json *data, const struct qb_json_value *record)
{
	const struct qb_json_value *experiment = qb_json_at(record, "/experiment");
	const struct qb_json_value *runs = qb_json_at(record, "/runs");
	char figure[1024], pointer[32];

	find_figure(experiment, figure, sizeof(figure));
	qb_json_array(data, "runs");
	for (size_t i = 0; i < qb_json_size(runs); i++) {
		qb_text_format(pointer, sizeof(pointer), "/%zu", i);
		put_run(data, experiment, qb_json_at(runs, pointer), figure);
	}
	qb_json_end(data);
}

struct qb_json *qb_report_data(const struct qb_report_record *of)
{
	const struct qb_json_value *record = of->json;
	struct qb_json *data = qb_json_new();

	if (of->soak) {
		qb_json_copy(data, "blocks", qb_json_at(record, "/blocks"));
		return data;
	}
	qb_json_copy(data, "started_at", qb_json_at(record, "/started_at"));
	qb_json_copy(data, "check", qb_json_at(record, "/check"));
	qb_json_copy(data, "experiment", qb_json_at(record, "/experiment"));
	if (qb_json_at(record, "/experiment"))
		put_runs(data, record);
	else
		qb_json_copy(data, "samples", qb_json_at(record, "/runs/0/timeline/samples"));
	return data;
}
