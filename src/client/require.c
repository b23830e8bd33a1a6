/* SPDX-License-Identifier: GPL-2.0-or-later */
/* require.h */
#include <base/macros.h>
#include <client/require.h>
#include <errno.h>
#include <quietbench/lever.h>

bool qb_require_lacks(const struct qb_step *step)
{
	enum qb_unit_kind kind = qb_levers[step->lever].unit;

	switch ((enum qb_status)step->status) {
	case QB_STATUS_PLANNED:
	case QB_STATUS_APPLIED:
	case QB_STATUS_UNCHANGED: break;
	case QB_STATUS_UNSUPPORTED:
	case QB_STATUS_REFUSED:
	case QB_STATUS_FAILED:
		return !step->wanted || (kind != QB_UNIT_IRQ && kind != QB_UNIT_TASK);
	}
	return false;
}

bool qb_require_any(const struct qb_request *request, const struct qb_profile *profile)
{
	return request->n_require > 0 || qb_setting_next(&profile->set[QB_KEY_REQUIRE], NULL);
}

/* The profile says what this run wishes; of the host it gets what another's profile wished. */
static bool left_by_host(enum qb_key key, const struct qb_steps *steps)
{
	bool of_host = false;

	for (size_t i = 0; i < steps->n; i++)
		if (qb_levers[steps->v[i].lever].key == key)
			return false;
	for (size_t i = 0; i < QB_LEVER_COUNT && !of_host; i++)
		of_host = qb_levers[i].key == key && qb_levers[i].where == QB_LEVER_HOST;
	return of_host;
}

/* Why `key` is not available, by these steps; NULL: it is. */
static const char *explain(enum qb_key key, const struct qb_answer *answer)
{
	const struct qb_setting *setting = &answer->profile.set[key];
	const struct qb_steps *steps = &answer->steps;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if (qb_levers[step->lever].key == key && qb_require_lacks(step))
			return step->reason ? step->reason : "no reason given";
	}
	if (setting->kind == QB_SETTING_UNSET || qb_setting_is(setting, "keep"))
		return "the profile leaves it alone";
	if (answer->joined && left_by_host(key, steps))
		return "the session that this run joined leaves it alone";
	return NULL;
}

static void judge_key(enum qb_key key, const struct qb_answer *answer, struct qb_lacking *ret)
{
	if (ret->why[key])
		return;
	ret->why[key] = explain(key, answer);
	if (ret->why[key] && ret->n++ == 0)
		ret->first = key;
}

/* A name that is no key has been refused where it was read (options, profile). */
static void judge_name(const char *name, const struct qb_answer *answer, struct qb_lacking *ret)
{
	const struct qb_steps *steps = &answer->steps;
	const int key = qb_key_find(name);

	if (key >= 0)
		judge_key((enum qb_key)key, answer, ret);
	for (size_t i = 0; strcmp(name, "all") == 0 && i < steps->n; i++)
		judge_key(qb_levers[steps->v[i].lever].key, answer, ret);
}

void qb_require_find_lacking(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_lacking *ret)
{
	const struct qb_setting *setting = &answer->profile.set[QB_KEY_REQUIRE];

	*ret = (struct qb_lacking){0};
	for (unsigned i = 0; i < request->n_require; i++)
		judge_name(request->require[i], answer, ret);
	for (const char *word = NULL; (word = qb_setting_next(setting, word));)
		judge_name(word, answer, ret);
}

int qb_require_judge(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_error *err)
{
	struct qb_lacking lacking;

	qb_require_find_lacking(request, answer, &lacking);
	return lacking.n ? qb_error_set(err, ENOTSUP, QB_REQUIRE_LACKING,
				   qb_keys[lacking.first].name, lacking.why[lacking.first])
			 : 0;
}
