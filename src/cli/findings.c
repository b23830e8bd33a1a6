/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.h */
#include <base/text.h>
#include <cli/findings.h>
#include <cli/lines.h>
#include <cli/query.h>

struct qb_look qb_findings_about(const struct qb_answer *answer, const char *root, int64_t soon_ns)
{
	return (struct qb_look){.root = root ? root : "",
		.host = &answer->host,
		.chosen = &answer->selection,
		.soon_ns = soon_ns};
}

void qb_findings_print(const struct qb_findings *findings)
{
	bool any = false;

	for (enum qb_finding_id id = 0; id < QB_FINDING_COUNT; id++) {
		const struct qb_finding *finding = &findings->of[id];
		char first[32];

		if (finding->state != QB_FINDING_FOUND)
			continue;
		if (!any)
			qb_query_section("worth knowing on this host");
		any = true;
		qb_text_format(first, sizeof(first), "  %-11s ", qb_finding_name(id));
		qb_lines_wrap(stdout, first, "              ", finding->text);
		qb_lines_wrap(stdout, "              → ", "                ", finding->advice);
	}
}

void qb_findings_json(struct qb_json *json, const struct qb_findings *findings)
{
	qb_json_array(json, "findings");
	for (enum qb_finding_id id = 0; id < QB_FINDING_COUNT; id++) {
		const struct qb_finding *finding = &findings->of[id];
		const bool found = finding->state == QB_FINDING_FOUND;
		const enum qb_key key = qb_finding_key(id);

		if (finding->state == QB_FINDING_NOTHING)
			continue;
		qb_json_object(json, NULL);
		qb_json_text(json, "finding", qb_finding_name(id));
		qb_json_bool(json, "available", found);
		qb_json_text(json, "reason", found ? NULL : finding->text);
		qb_json_text(json, "text", found ? finding->text : NULL);
		qb_json_text(json, "advice", found ? finding->advice : NULL);
		qb_json_text(json, "lever", key == QB_KEY_COUNT ? NULL : qb_keys[key].name);
		qb_json_end(json);
	}
	qb_json_end(json);
}
