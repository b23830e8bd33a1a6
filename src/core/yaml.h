/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The YAML that quietbench reads: much less than YAML.
 *
 * One document of at most QB_YAML_SIZE bytes of UTF-8: a mapping whose values are scalars, lists
 * of scalars, sections, or lists of sections; in a section, a value is a scalar, a list of scalars
 * or a mapping of scalars. Nothing deeper. No anchors, aliases or tags (so no bombs and no types),
 * no key twice, no NUL byte, plain words as keys. Scalars are texts here; what they mean is judged
 * elsewhere.
 *
 *	_cleanup_(qb_yaml_freep) struct qb_yaml *yaml = NULL;
 *	const struct qb_yaml_entry *entry;
 *	r = qb_yaml_open(label, bytes, size, &yaml, err);
 *	while (r >= 0 && (r = qb_yaml_next(yaml, &entry, err)) > 0)
 *		…
 *
 * Errors read `LABEL:LINE:COL: …`. This module is the only one that knows libyaml.
 */
#ifndef QB_CORE_YAML_H
#define QB_CORE_YAML_H

#include <quietbench/error.h>
#include <stddef.h>

#define QB_YAML_SIZE  (64 * 1024)
#define QB_YAML_KEY   64  /* longest key, with its NUL */
#define QB_YAML_TEXT  512 /* longest scalar, with its NUL */
#define QB_YAML_ITEMS 128 /* longest list */
#define QB_YAML_KEYS  512 /* most keys in a document */

/* Where in the text: both from 1, columns in characters. */
struct qb_yaml_mark {
	unsigned line, column;
};

enum qb_yaml_kind {
	QB_YAML_SECTION, /* its entries follow; no items */
	QB_YAML_SERIES,	 /* the entries of several sections follow, KEY[1], KEY[2], …; no items */
	QB_YAML_SCALAR,	 /* items[0].text */
	QB_YAML_LIST,
	QB_YAML_MAP, /* items with keys */
};

struct qb_yaml_item {
	struct qb_yaml_mark at; /* of the key in a mapping, else of the text */
	char key[QB_YAML_KEY];
	char text[QB_YAML_TEXT];
};

struct qb_yaml_entry {
	char section[QB_YAML_KEY]; /* "" at the top */
	char key[QB_YAML_KEY];
	char name[2 * QB_YAML_KEY];	/* "section.key", or the key alone at the top */
	struct qb_yaml_mark key_at, at; /* of the key, of the value */
	enum qb_yaml_kind kind;
	size_t n;
	struct qb_yaml_item items[QB_YAML_ITEMS];
};

struct qb_yaml;

/* `label` and `bytes` must outlive the reader. 0, -EINVAL or -ENOMEM. */
int qb_yaml_open(const char *label, const void *bytes, size_t size, struct qb_yaml **ret,
	struct qb_error *err);
/* 1 and the next entry (valid until the next call), 0 at the end of a good document, or -EINVAL. */
int qb_yaml_next(struct qb_yaml *yaml, const struct qb_yaml_entry **ret, struct qb_error *err);
/* In the place of qb_yaml_next: the whole document is one value without a key. */
int qb_yaml_value(struct qb_yaml *yaml, const struct qb_yaml_entry **ret, struct qb_error *err);
void qb_yaml_free(struct qb_yaml *yaml);

static inline void qb_yaml_freep(struct qb_yaml **yaml)
{
	qb_yaml_free(*yaml);
}

/* What is wrong with an entry: words that profiles and policies share. */

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
