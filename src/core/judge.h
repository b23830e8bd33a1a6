/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The judge of single settings (judge.c), as the profile loader sees it. */
#ifndef QB_CORE_JUDGE_H
#define QB_CORE_JUDGE_H

#include <core/yaml.h>
#include <quietbench/error.h>
#include <quietbench/profile.h>

/*
 * Judges a value as it was read and stores it. On failure *ret is untouched, the error reads
 * `KEY: expected …, found '…'; did you mean '…'?`, and *ret_at is where the culprit stands.
 */
int qb_setting_judge(enum qb_key key, const struct qb_yaml_entry *value, struct qb_setting *ret,
	struct qb_yaml_mark *ret_at, struct qb_error *err);

#endif
