/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: join */
#include "monitor_internal.h"
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/lever.h>

static int copy_fds(const int *from, unsigned n, int *to, struct qb_error *err)
{
	for (unsigned i = 0; i < n; i++) {
		to[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (to[i] < 0)
			return qb_error_errno(err, errno, "keep the profile");
	}
	return 0;
}

int qb_join_keep(const struct qb_message *plan, struct qb_wanted *ret, struct qb_error *err)
{
	if (plan->n_fds != plan->request.n_files)
		return qb_error_set(err, EPROTO, "a request without its files");
	ret->request = plan->request;
	return copy_fds(plan->fds, plan->n_fds, ret->fds, err);
}

/* Puts n sets before those of the request. */
static int prepend(
	struct qb_request *request, const struct qb_request *from, unsigned n, struct qb_error *err)
{
	if (request->n_set + n > QB_REQUEST_SETS)
		return qb_error_set(err, E2BIG,
			"join: at most %d settings together with those of the session that is "
			"joined",
			QB_REQUEST_SETS);
	memmove(request->set[n], request->set[0], request->n_set * sizeof(request->set[0]));
	memcpy(request->set[0], from->set[0], n * sizeof(request->set[0]));
	request->n_set = (uint8_t)(request->n_set + n);
	return 0;
}

int qb_join_ask(struct qb_message *plan, const struct qb_wanted *wanted,
	const struct qb_cpus *quiet, struct qb_error *err)
{
	static const struct qb_request all = {.set = {"cpus.count=all"}};
	struct qb_request *request = &plan->request;
	int r = prepend(request, &all, 1, err);

	request->allowed = *quiet;
	if (r < 0 || request->profile[0])
		return r;
	qb_message_close(plan);
	memcpy(request->profile, wanted->request.profile, sizeof(request->profile));
	memcpy(request->files, wanted->request.files, sizeof(request->files));
	request->n_files = wanted->request.n_files;
	r = copy_fds(wanted->fds, request->n_files, plan->fds, err);
	if (r == 0) {
		plan->n_fds = request->n_files;
		r = prepend(request, &wanted->request, wanted->request.n_set, err);
	}
	return r;
}

int qb_join_ask_again(const struct qb_wanted *wanted, struct qb_message *ret, struct qb_error *err)
{
	int r;

	qb_message_close(ret);
	ret->request = wanted->request;
	r = copy_fds(wanted->fds, wanted->request.n_files, ret->fds, err);
	if (r == 0)
		ret->n_fds = wanted->request.n_files;
	return r;
}

int qb_join_fit(struct qb_planned *planned, const struct qb_selection *quiet, struct qb_error *err)
{
	struct qb_selection *selection = &planned->selection;
	struct qb_selection fit = *quiet;

	if (!qb_cpus_subset(&selection->bench, &quiet->bench))
		return qb_error_set(
			err, EPROTO, "the planner chose CPUs that the caller may not use");
	fit.bench = selection->bench;
	memcpy(fit.nodes, selection->nodes, sizeof(fit.nodes));
	fit.why[0] = fit.note[0] = '\0';
	*selection = fit;
	qb_join_keep_steps(&planned->steps, true);
	return 0;
}

void qb_join_keep_steps(struct qb_steps *steps, bool child)
{
	size_t kept = 0;

	for (size_t i = 0; i < steps->n; i++)
		if ((qb_levers[steps->v[i].lever].where == QB_LEVER_CHILD) == child)
			steps->v[kept++] = steps->v[i];
	steps->n = kept;
}
