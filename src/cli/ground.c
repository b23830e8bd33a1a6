/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ground.h */
#include <base/macros.h>
#include <cli/condition.h>
#include <cli/ground.h>
#include <cli/preflight.h>
#include <cli/run_text.h>
#include <client/say.h>
#include <host/caller.h>

int qb_ground_prepare(
	struct qb_ground *ground, const struct qb_options *options, struct qb_error *err)
{
	const int r = qb_caller_affinity(&ground->affinity, err);

	return r < 0 ? r : qb_condition_prepare(options, &ground->condition, err);
}

/* Without privilege the command's own process does what it can for itself. */
static int condition(struct qb_ground *ground, const struct qb_options *options,
	char *const *command, struct qb_error *err)
{
	struct qb_condition *condition = &ground->condition;
	const struct qb_session_hello hello = {.purpose = QB_PURPOSE_RUN,
		.lock_wait_ns = qb_condition_wait(options),
		.shared = qb_option_given(options, SHARED),
		.command = command};
	struct qb_error why = {0};
	int r = qb_condition_open(condition, &hello, &why);

	if (r == 0) {
		qb_run_text_conditioned(condition);
	} else if (qb_condition_lacks_privilege(condition, r)) {
		r = qb_condition_bare(condition, &why, err);
		if (r == 0)
			qb_run_text_not_conditioned(&condition->answer, why.text);
	} else {
		*err = why;
	}
	if (r == 0)
		qb_run_text_others(condition);
	if (r == 0)
		qb_run_text_affinity(condition, &ground->affinity);
	return r;
}

static int preflight(
	struct qb_ground *ground, const struct qb_options *options, struct qb_error *err)
{
	int r;

	if (qb_option_given(options, NO_CHECK))
		return 0;
	r = qb_preflight_measure(&ground->preflight, &ground->condition, err);
	if (r < 0 || !ground->preflight.n)
		return r;
	qb_preflight_unseen(&ground->preflight, ground->noisy_before, sizeof(ground->noisy_before));
	return qb_probe_of(&ground->preflight, &ground->usual, err);
}

int qb_ground_enter(struct qb_ground *ground, const struct qb_options *options,
	char *const *command, struct qb_error *err)
{
	const int r = condition(ground, options, command, err);

	return r < 0 ? r : preflight(ground, options, err);
}

const char *qb_ground_spoilt(const struct qb_condition *condition)
{
	if (!condition->applied)
		return NULL;
	if (condition->answer.done.recovered || condition->session.fd < 0)
		return "the helper ended before the command did";
	return condition->answer.done.over ? "the host was restored before the command ended"
					   : NULL;
}

void qb_ground_say_prepared(const struct qb_condition *condition)
{
	qb_run_text_process(&condition->answer);
	if (geteuid() == 0 && getenv("SUDO_UID"))
		qb_say(QB_SAY_NOTE, "under sudo the benchmark runs as root");
}

int64_t qb_ground_probe(const struct qb_ground *ground, const struct qb_options *options)
{
	return qb_option_given(options, NO_CHECK)
		       ? 0
		       : ground->condition.answer.profile.set[QB_KEY_CHECK_PROBE].number;
}

void qb_ground_free(struct qb_ground *ground)
{
	qb_condition_close(&ground->condition);
	qb_probe_free(&ground->usual);
	qb_measure_free(&ground->preflight);
}
