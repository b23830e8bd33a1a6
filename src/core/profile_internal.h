/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pieces of a profile's loading (profile.h): profile_find.c finds the text, profile_layer.c reads
 * one document, profile_judge.c judges one value; profile.c merges the layers.
 */
#ifndef QB_CORE_PROFILE_INTERNAL_H
#define QB_CORE_PROFILE_INTERNAL_H

#include <core/profile.h>
#include <core/yaml.h>

/* ---- where profiles are (knows folders, not YAML) ---- */

struct qb_profile_source {
	const struct qb_request *request;
	const int *fds;
	const char *const *dirs;
};

/* A profile's text, and where it is from. */
struct qb_profile_text {
	char label[QB_PROFILE_FILE];
	bool own; /* the caller's, not the system's */
	size_t size;
	char bytes[QB_YAML_SIZE +
		   1]; /* one more than is allowed: yaml.h sees that it is too long */
};

/*
 * `own`: look among the caller's files first. -ENOENT and an error that says where was looked and
 * what has a similar name, but neither who wants it nor a position.
 */
int qb_profile_find(const struct qb_profile_source *source, const char *name, bool own,
	struct qb_profile_text *ret, struct qb_error *err);

/* The profile's name by its label: the last part, without .yaml. */
void qb_profile_label_name(const char *label, char *buf, size_t size);

/* ---- one profile document: its keys judged, nothing merged or filled in yet ---- */

struct qb_layer {
	char name[QB_PROFILE_NAME]; /* these three: "" when not written */
	char description[QB_PROFILE_DESCRIPTION];
	char parent[QB_PROFILE_NAME];
	struct qb_yaml_mark parent_at;
	struct qb_setting set[QB_KEY_COUNT]; /* QB_SETTING_UNSET when not written */
	struct qb_yaml_mark at[QB_KEY_COUNT];
};

/* Errors read `LABEL:LINE:COL: KEY: …`. */
int qb_layer_read(const char *label, const void *bytes, size_t size, struct qb_layer *ret,
	struct qb_error *err);

/* ---- single settings ---- */

/*
 * Judges a value as it was read and stores it. On failure *ret is untouched, the error reads
 * `KEY: expected …, found '…'; did you mean '…'?`, and *ret_at is where the wrong value stands.
 */
int qb_setting_judge(enum qb_key key, const struct qb_yaml_entry *value, struct qb_setting *ret,
	struct qb_yaml_mark *ret_at, struct qb_error *err);

#endif
