/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records as a report reads them, and what its pictures are drawn from (src/report/page.js). */
#ifndef QB_CLI_REPORT_H
#define QB_CLI_REPORT_H

#include <cli/json.h>

struct qb_report_record {
	const char *file;
	struct qb_json_value *json; /* owned */
	bool soak;
};

/* -EBADMSG: it is none, or of another version. */
int qb_report_read(const char *file, struct qb_report_record *ret, struct qb_error *err);

/*
 * Of a record what its pictures show, and no more: a record has a kilobyte of each run. A soak's is the soak
 * itself. NULL: no memory. The record may go afterwards.
 */
struct qb_json *qb_report_data(const struct qb_report_record *record);

#endif
