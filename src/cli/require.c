/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must apply (require.h). */
#include <base/macros.h>
#include <cli/query.h>
#include <cli/require.h>
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
static bool left_alone(enum qb_key key, const struct qb_steps *steps)
{
	bool of_host = false;

	for (size_t i = 0; i < steps->n; i++)
		if (qb_levers[steps->v[i].lever].key == key)
			return false;
	for (size_t i = 0; i < QB_LEVER_COUNT && !of_host; i++)
		of_host = qb_levers[i].key == key && qb_levers[i].where == QB_LEVER_HOST;
	return of_host;
}

static int judge_key(enum qb_key key, const struct qb_answer *answer, struct qb_error *err)
{
	const char *why = qb_query_missing(&answer->steps, &answer->profile, key);

	if (!why && answer->joined && left_alone(key, &answer->steps))
		why = "the session that this run joined leaves it alone";
	return why ? qb_error_set(err, ENOTSUP, "%s is required and cannot be had: %s",
			     qb_keys[key].name, why)
		   : 0;
}

/* "all": every lever that the profile asks for. */
static int judge(const char *name, const struct qb_answer *answer, struct qb_error *err)
{
	int key = qb_key_find(name), r = 0;

	if (key >= 0)
		return judge_key((enum qb_key)key, answer, err);
	if (strcmp(name, "all") != 0)
		return qb_error_set(err, EINVAL, "require: no such key: %s", name);
	for (size_t i = 0; i < answer->steps.n && r == 0; i++)
		r = judge_key(qb_levers[answer->steps.v[i].lever].key, answer, err);
	return r;
}

int qb_require_judge(
	const struct qb_request *request, const struct qb_answer *answer, struct qb_error *err)
{
	const struct qb_setting *setting = &answer->profile.set[QB_KEY_REQUIRE];
	int r = 0;

	for (unsigned i = 0; i < request->n_require && r == 0; i++)
		r = judge(request->require[i], answer, err);
	for (const char *word = NULL; r == 0 && (word = qb_setting_next(setting, word));)
		r = judge(word, answer, err);
	return r;
}
