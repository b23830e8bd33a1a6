/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with an entry of a document: words that profiles and policies share. */
#ifndef QB_CORE_ENTRY_H
#define QB_CORE_ENTRY_H

#include <core/yaml.h>
#include <quietbench/error.h>

/* "KEY: expected EXPECTED, found 'TEXT'", or "a list" or "a section" in the place of the text. */
int qb_entry_reject(const struct qb_yaml_entry *entry, const char *expected, struct qb_error *err);
/* The same of one item, and "; did you mean 'NEAR'?" when that is not "" or NULL. */
int qb_entry_reject_text(const struct qb_yaml_entry *entry, const char *expected, const char *found,
	const char *near, struct qb_error *err);
/* The value of `version`. */
int qb_entry_version(const struct qb_yaml_entry *entry, struct qb_error *err);
/* There was none in the document. */
int qb_entry_no_version(const char *label, struct qb_error *err);

#endif
