/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One profile document: its keys judged, nothing merged or filled in yet. */
#ifndef QB_CORE_LAYER_H
#define QB_CORE_LAYER_H

#include <core/yaml.h>
#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <stddef.h>

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

#endif
