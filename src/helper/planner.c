/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: planner */
#include "helper.h"
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <core/policy.h>
#include <errno.h>
#include <fcntl.h>
#include <host/program.h>
#include <poll.h>
#include <quietbench/lever.h>
#include <sys/stat.h>

/* Of a planner that hangs, or is kept busy by its input; and of one that never ends to speak. */
#define ANSWER_NS    (20 * QB_NS_PER_S)
#define MESSAGES_MAX 1024

#define NAME	    "quietbench-planner"
#define PROFILE_MAX (64 * 1024)
#define SEALS	    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* One step of the plan: the levers' own specification decides whether it stays. */
static void judge_step(struct qb_steps *steps, struct qb_step *step)
{
	struct qb_error why = {0};

	step->before = step->became = step->left = NULL;
	step->intent = false;
	step->verdict = QB_VERDICT_NONE;
	step->restored = QB_RESTORED_NONE;
	step->undoing = 0;
	/* What is as it should be already we see for ourselves, and remember. */
	if (step->status == QB_STATUS_UNCHANGED && step->wanted)
		step->status = QB_STATUS_PLANNED;
	if (qb_levers[step->lever].where != QB_LEVER_HOST || step->status != QB_STATUS_PLANNED)
		return;
	if (step->wanted && qb_lever_judge(step->lever, &step->unit, step->wanted, &why) < 0) {
		step->status = QB_STATUS_REFUSED;
		step->reason = qb_steps_text(steps, why.text);
	}
}

static int take_steps(
	const struct qb_message *message, struct qb_steps *steps, struct qb_error *err)
{
	size_t first = steps->n;

	if (qb_message_read_steps(message, steps) < 0)
		return qb_error_set(err, EBADMSG, "the planner sent an invalid step");
	for (size_t i = first; i < steps->n; i++)
		judge_step(steps, &steps->v[i]);
	return 1;
}

/* 1: go on; 0: the plan is complete. */
static int take(struct qb_helper *helper, struct qb_message *message, struct qb_planned *ret,
	struct qb_error *err)
{
	const enum qb_message_type type = message->head.type;

	if (type == QB_MSG_DONE)
		return 0;
	if (type == QB_MSG_ERROR)
		return qb_error_set(err, message->error.code > 0 ? message->error.code : EPROTO,
			"%s", message->error.text);
	if (type == QB_MSG_STEP)
		return take_steps(message, &ret->steps, err);
	if (type == QB_MSG_PU) /* of the other modes */
		return qb_error_set(err, EPROTO, "the planner sent PU");
	if (type == QB_MSG_PROFILE)
		ret->profile = message->profile.profile;
	else if (type == QB_MSG_SELECTION)
		ret->selection = message->selection.selection;
	else if (type == QB_MSG_POLICY)
		ret->policy = message->policy.policy;
	if (type != QB_MSG_POLICY)
		qb_wire_send(&helper->client, type, message->bytes, message->size);
	return 1;
}

static int converse(struct qb_helper *helper, int socket, struct qb_message *message,
	struct qb_planned *ret, struct qb_error *err)
{
	struct qb_wire wire = {.fd = socket};
	const int64_t until = qb_ns_now(CLOCK_MONOTONIC) + ANSWER_NS;
	unsigned heard = 0;
	int r;

	qb_wire_send_fds(&wire, QB_MSG_PLAN, &message->request, sizeof(message->request),
		message->fds, message->n_fds);
	if (wire.gone)
		return qb_error_set(err, EPIPE, "the planner ended before it was asked");
	do {
		r = qb_wire_wait(helper, &wire, until, err);
		if (r < 0)
			return r;
		if (r == 0)
			return qb_error_set(err, ETIMEDOUT,
				"the planner gave no answer within %d s",
				(int)(ANSWER_NS / QB_NS_PER_S));
		if (++heard > MESSAGES_MAX)
			return qb_error_set(
				err, E2BIG, "the planner sent more than %d messages", MESSAGES_MAX);
		qb_message_close(message);
		r = qb_message_receive_now(socket, QB_SENDER_PLANNER, message, err);
		if (r == 0)
			return qb_error_set(
				err, EPROTO, "the planner ended before its plan was complete");
		if (r > 0)
			r = take(helper, message, ret, err);
	} while (r > 0);
	return r;
}

/*
 * Not another user's file, device, pipe. The seals are asked for first: other questions may go to a file system of the caller's own.
 */
int qb_planner_judge_files(const struct qb_message *request, struct qb_error *err)
{
	for (unsigned i = 0; i < request->n_fds; i++) {
		int seals = fcntl(request->fds[i], F_GET_SEALS);
		struct stat st;

		if (seals < 0 || (seals & SEALS) != SEALS || fstat(request->fds[i], &st) < 0 ||
			st.st_size > PROFILE_MAX)
			return qb_error_set(err, EPERM,
				"a profile must come as a sealed memfd of at most %d KiB",
				PROFILE_MAX / 1024);
	}
	return 0;
}

/* The CPUs of a plan must be CPUs, the caller's to use, and the housekeeping CPUs must not be the benchmark's. */
static int judge_selection(
	const struct qb_selection *s, const struct qb_cpus *granted, struct qb_error *err)
{
	struct qb_cpus quiet = s->bench;

	if (!qb_cpus_empty(granted) && !qb_cpus_subset(&s->bench, granted))
		return qb_error_set(
			err, EPROTO, "the planner chose CPUs that the caller may not use");

	qb_cpus_or(&quiet, &s->reserved);
	if (qb_cpus_empty(&s->bench) || s->isolation > QB_ISOLATION_PARTITION ||
		qb_cpus_intersect(&quiet, &s->offline) ||
		qb_cpus_intersect(&s->housekeeping, &s->offline) ||
		qb_cpus_intersect(&s->isolated, &s->offline) ||
		qb_cpus_intersect(&s->isolated, &quiet) ||
		(s->isolation != QB_ISOLATION_NONE &&
			(qb_cpus_empty(&s->housekeeping) ||
				qb_cpus_intersect(&quiet, &s->housekeeping))))
		return qb_error_set(err, EPROTO, "the planner's choice of CPUs contradicts itself");
	return 0;
}

/* It gave no plan: the way it ended may tell why. */
static int explain_end(const struct qb_program *planner, struct qb_error *err)
{
	char said[QB_TEXT_MAX];
	int how = qb_program_ended(planner, said, sizeof(said));
	const bool named = strncmp(said, NAME ":", sizeof(NAME)) == 0; /* by the dynamic linker */

	if (how > 0 && how < QB_PROGRAM_EXITED)
		return qb_error_wrap(err, "the planner died of signal %d", how);
	if (how == QB_PROGRAM_EXITED + QB_NOT_EXECUTED && *said)
		return qb_error_set(err, ENOEXEC, "the planner could not be executed: %s%s",
			named ? "" : NAME ": ", said);
	return -err->code;
}

/* One execution of the planner. */
static int ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *planned,
	struct qb_error *err)
{
	struct qb_program_order order = {.name = NAME, .nobody = true};
	struct qb_program planner;
	int r = order.file =
		qb_program_open("../profiles", QB_DATADIR "/profiles", O_RDONLY | O_DIRECTORY, err);

	if (r < 0)
		return r;
	r = qb_program_start(&order, &planner, err);
	close(order.file);
	if (r < 0)
		return r;
	r = converse(helper, planner.socket, request, planned, err);
	if (r == -EPROTO || r == -EPIPE)
		r = explain_end(&planner, err);
	qb_program_end(&planner); /* it has said what it had to say, or too little */
	return r;
}

int qb_planner_ask(struct qb_helper *helper, struct qb_message *request, struct qb_planned *ret,
	struct qb_error *err)
{
	const struct qb_cpus granted = request->request.allowed; /* the message is used again */
	struct qb_planned planned = {0};
	int r = ask(helper, request, &planned, err);

	if (r == 0)
		r = judge_selection(&planned.selection, &granted, err);
	if (r < 0)
		qb_steps_free(&planned.steps);
	else
		*ret = planned;
	return r;
}

int qb_planner_ask_policy(
	struct qb_helper *helper, int file, struct qb_policy *ret, struct qb_error *err)
{
	static struct qb_message request;
	struct qb_planned planned = {0};
	int r;

	qb_policy_ask(&request.request);
	request.fds[0] = file;
	request.n_fds = 1;
	r = ask(helper, &request, &planned, err);
	qb_message_close(&request);
	qb_steps_free(&planned.steps);
	if (r == 0)
		*ret = planned.policy;
	return r;
}
