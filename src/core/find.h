/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where profiles are: finding one by its name and reading its bytes. Parsing them: profile.c. */
#ifndef QB_CORE_FIND_H
#define QB_CORE_FIND_H

#include <core/profile.h>
#include <core/yaml.h>
#include <stdbool.h>
#include <stddef.h>

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

#endif
