/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of planning: a wish for settings and CPUs, and the steps that come of it as lines
 *
 *	frequency.epb cpu3: 6 > 0
 *	frequency.epb cpu4: 6 kept			remembered only
 *	idle.max_latency: unsupported: the reason
 *
 * plan_ask is run by tree_run, so in another root folder.
 */
#ifndef QB_TESTS_PLAN_ASK_H
#define QB_TESTS_PLAN_ASK_H

#include <quietbench/lever.h>

#include "tree.h"

struct plan_ask {
	const char *const *settings; /* "idle.max_latency", "10us", …, NULL */
	const char *bench, *reserved, *online;
	bool guest;
	int (*plan)(const struct qb_wish *, struct qb_steps *, struct qb_error *);
};
static struct plan_ask plan_asked;

static inline void plan_tell_step(FILE *out, const struct qb_step *step)
{
	char unit[96];

	qb_lever_unit_name(step->lever, &step->unit, unit, sizeof(unit));
	fprintf(out, "%s%s%s: ", qb_lever_name(step->lever), step->before ? " " : "",
		step->before ? unit : "");
	if (step->reason)
		fprintf(out, "%s: %s\n", qb_status_name((enum qb_status)step->status),
			step->reason);
	else if (!step->wanted)
		fprintf(out, "%s kept\n", step->before);
	else
		fprintf(out, "%s %s %s\n", step->before,
			step->status == QB_STATUS_UNCHANGED ? "=" : ">", step->wanted);
}

static inline void plan_tell(FILE *out)
{
	static struct qb_profile profile;
	struct qb_topology topology = {.guest = plan_asked.guest};
	struct qb_selection selection = {0};
	const struct qb_wish wish = {
		.profile = &profile, .topology = &topology, .selection = &selection};
	struct qb_steps steps = {0};
	struct qb_error err = {0};

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		if (qb_keys[key].dflt[0] &&
			qb_setting_parse(key, qb_keys[key].dflt, &profile.set[key], &err) < 0)
			fprintf(out, "%s\n", err.text);
	for (const char *const *at = plan_asked.settings; *at; at += 2) {
		enum qb_key key = (enum qb_key)qb_key_find(at[0]);

		if (qb_setting_parse(key, at[1], &profile.set[key], &err) < 0)
			fprintf(out, "%s\n", err.text);
	}
	qb_cpus_parse_list(plan_asked.online, &topology.online);
	qb_cpus_parse_list(plan_asked.bench, &selection.bench);
	qb_cpus_parse_list(plan_asked.reserved, &selection.reserved);
	if (plan_asked.plan(&wish, &steps, &err) < 0)
		fprintf(out, "%s\n", err.text);
	for (size_t i = 0; i < steps.n; i++)
		plan_tell_step(out, &steps.v[i]);
	qb_steps_free(&steps);
}

/* What is planned on the tree; the tree is gone then. */
static inline void assert_plan(const struct plan_ask *ask, const char *expected)
{
	char text[16384];

	plan_asked = *ask;
	tree_run(plan_tell, text, sizeof(text));
	tree_end();
	assert_string_equal(text, expected);
}

#endif
