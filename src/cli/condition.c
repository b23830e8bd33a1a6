/* SPDX-License-Identifier: GPL-2.0-or-later */
/* condition.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/condition.h>
#include <cli/run_text.h>
#include <client/say.h>
#include <errno.h>

static int add_set(
	struct qb_request *request, const char *key, const char *value, struct qb_error *err)
{
	if (request->n_set == QB_REQUEST_SETS)
		return qb_error_set(err, E2BIG, "%s=%s: at most %d settings; write a profile", key,
			value, QB_REQUEST_SETS);
	if (!qb_text_format(request->set[request->n_set], QB_REQUEST_SET, "%s=%s", key, value))
		return qb_error_set(err, ENAMETOOLONG, "%s: a value longer than %d characters", key,
			QB_REQUEST_SET - 2 - (int)strlen(key));
	request->n_set++;
	return 0;
}

/* -s first: what has an option of its own is the more explicit, and the last of two counts. */
static int choose_settings(
	const struct qb_options *options, struct qb_request *request, struct qb_error *err)
{
	static const struct {
		enum qb_option_id option;
		const char *key;
	} shorthands[] = {
		{QB_OPTION_CPUS, "cpus.list"},
		{QB_OPTION_COUNT, "cpus.count"},
		{QB_OPTION_NODE, "cpus.node"},
	};
	int r;

	for (unsigned i = 0; i < options->n_set; i++)
		qb_text_copy(request->set[request->n_set++], QB_REQUEST_SET, options->set[i]);
	for (size_t i = 0; i < QB_ARRAY_SIZE(shorthands); i++) {
		const char *value = options->value[shorthands[i].option];

		r = value ? add_set(request, shorthands[i].key, value, err) : 0;
		if (r < 0)
			return r;
	}
	request->n_require = (uint8_t)options->n_require;
	for (unsigned i = 0; i < options->n_require; i++)
		qb_text_copy(request->require[i], QB_NAME_MAX, options->require[i]);
	return 0;
}

int qb_asked_build(const struct qb_options *options, enum qb_request_mode mode,
	struct qb_asked *ret, struct qb_error *err)
{
	int r = qb_request_begin(
		mode, options->value[QB_OPTION_PROFILE], options->value[QB_OPTION_ROOT], ret, err);

	if (r < 0)
		return r;
	r = choose_settings(options, &ret->request, err);
	if (r < 0)
		qb_asked_free(ret);
	return r;
}

int64_t qb_condition_wait(const struct qb_options *options)
{
	if (qb_option_given(options, NO_LOCK_WAIT))
		return 0;
	return qb_option_given(options, LOCK_WAIT) ? options->number[QB_OPTION_LOCK_WAIT] : -1;
}

int qb_condition_prepare(
	const struct qb_options *options, struct qb_condition *condition, struct qb_error *err)
{
	int r = qb_asked_build(options, QB_REQUEST_PLAN, &condition->asked, err);

	return r < 0 ? r : qb_condition_begin(condition, err);
}

void qb_condition_end(struct qb_condition *condition)
{
	struct qb_error err = {0};

	if (!condition->applied)
		return;
	if (qb_condition_restore(condition, &err) == 0 && qb_condition_was_ours(condition))
		qb_run_text_restored(&condition->answer, &condition->session);
	else if (!err.code)
		qb_run_text_left(&condition->answer, &condition->session);
	else if (condition->complete)
		qb_say(QB_SAY_WARN,
			"processes that the command left running could not be looked for: %s",
			err.text);
	else
		qb_say(QB_SAY_ERROR,
			"it is not known whether the host is restored: %s; see: quietbench status",
			err.text);
}
