/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entry.h */
#include <base/macros.h>
#include <base/text.h>
#include <core/entry.h>
#include <errno.h>

#define VERSION "1"

int qb_entry_reject_text(const struct qb_yaml_entry *entry, const char *expected, const char *found,
	const char *near, struct qb_error *err)
{
	char shown[64];

	qb_text_copy(shown, sizeof(shown), found);
	qb_text_printable(shown);
	if (!near || !*near)
		return qb_error_set(
			err, EINVAL, "%s: expected %s, found '%s'", entry->name, expected, shown);
	return qb_error_set(err, EINVAL, "%s: expected %s, found '%s'; did you mean '%s'?",
		entry->name, expected, shown, near);
}

int qb_entry_reject(const struct qb_yaml_entry *entry, const char *expected, struct qb_error *err)
{
	if (entry->kind == QB_YAML_SCALAR)
		return qb_entry_reject_text(entry, expected, entry->items[0].text, NULL, err);
	return qb_error_set(err, EINVAL, "%s: expected %s, found %s", entry->name, expected,
		entry->kind == QB_YAML_LIST || entry->kind == QB_YAML_SERIES ? "a list"
									     : "a section");
}

int qb_entry_version(const struct qb_yaml_entry *entry, struct qb_error *err)
{
	if (entry->kind == QB_YAML_SCALAR && strcmp(entry->items[0].text, VERSION) == 0)
		return 0;
	return qb_entry_reject(entry, VERSION " (the only version of the format)", err);
}

int qb_entry_no_version(const char *label, struct qb_error *err)
{
	return qb_error_set(err, EINVAL,
		"%s:1:1: version: expected " VERSION " (the version of the format), found nothing",
		label);
}
