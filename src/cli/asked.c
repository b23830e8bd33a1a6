/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asked.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/asked.h>
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
