/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: recover */
#include "helper.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <quietbench/protocol.h>

void qb_recover_leftover(void *data, pid_t pid, const char *comm)
{
	struct qb_leftover leftover = {.pid = pid};

	qb_text_copy(leftover.comm, sizeof(leftover.comm), comm);
	/* A client that cannot be told is dead; what was done is done all the same. */
	(void)qb_message_send(
		*(const int *)data, QB_MSG_LEFTOVER, &leftover, sizeof(leftover), NULL, 0);
}

int qb_recover_report(int session, const struct qb_steps *steps,
	const struct qb_undo_summary *summary, bool recovered, bool over)
{
	struct qb_done done = {.of = QB_MSG_RESTORE,
		.complete = summary->failures == 0,
		.recovered = recovered,
		.over = over,
		.conflicts = (uint32_t)summary->conflicts,
		.failures = (uint32_t)summary->failures};
	int r;

	if (summary->failures)
		qb_message_send_note(session, "not restored: %s", summary->first.text);
	else if (summary->first.code)
		qb_message_send_note(session, "%s", summary->first.text);
	r = qb_message_send_steps(session, steps);
	return r < 0 ? r : qb_message_send(session, QB_MSG_DONE, &done, sizeof(done), NULL, 0);
}

static int answer(struct qb_helper *helper, uint16_t request, const struct qb_steps *steps,
	const struct qb_undo_summary *summary)
{
	const struct qb_error lost = {
		.code = EIO, .text = "the helper's monitor died; the host has been restored"};

	if (request == QB_MSG_RESTORE)
		return qb_recover_report(helper->session, steps, summary, true, false);
	return qb_message_send_error(helper->session, &lost);
}

/*
 * The client may be anywhere in its sequence: waiting for an answer that the monitor owed, or for
 * its benchmark. Whatever it asks but RESTORE is answered with the error that ends it.
 */
static void serve_rest(struct qb_helper *helper, const struct qb_steps *steps,
	const struct qb_undo_summary *summary)
{
	static struct qb_message message;

	/* After BYE the client waits for our end alone. */
	while (*helper->pending != QB_MSG_BYE) {
		if (*helper->pending && answer(helper, *helper->pending, steps, summary) < 0)
			return; /* the client waits for it: our end tells it that none will come */
		*helper->pending = 0;
		if (qb_message_receive(helper->session, QB_SENDER_CLIENT, &message, NULL) != 1)
			return;
		*helper->pending = message.head.type;
		qb_message_close(&message);
	}
}

int qb_recover_run(struct qb_helper *helper)
{
	_cleanup_(qb_conditioning_free) struct qb_conditioning s = {.journal.fd = -1};
	const struct qb_isolation_seen seen = {
		.seen = qb_recover_leftover, .data = &helper->session};
	struct qb_undo_summary summary = {0};
	struct qb_error err = {0};
	int r;

	qb_file_keep();
	r = qb_restore_load(&s, &err);
	if (r == 0 && qb_lock_lost(helper->lock))
		r = qb_error_set(&err, ESTALE,
			QB_STATE_DIR
			" was removed or replaced, and with it the record of what the session changed: look at the host, or restart it");
	if (r > 0)
		r = qb_restore_host(&s, qb_peer_dead(&helper->peer), &seen, &summary, &err);
	if (r < 0) {
		summary.failures++;
		summary.first = err;
	}
	qb_audit(&helper->peer,
		"ended: the monitor died; %zu changes restored, %zu conflicts, %zu failures%s%s",
		summary.restored, summary.conflicts, summary.failures, summary.failures ? ": " : "",
		summary.failures ? summary.first.text : "");
	/* The monitor's place, if it died in the queue: who looks at all removes those of the dead. */
	(void)qb_queue_others(UINT32_MAX, NULL);
	if (!qb_peer_dead(&helper->peer))
		serve_rest(helper, &s.steps, &summary);
	return summary.failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

int qb_recover_leftovers(
	struct qb_conditioning *ret_session, struct qb_undo_summary *ret, struct qb_error *err)
{
	int r = qb_restore_load(ret_session, err);

	if (r <= 0)
		return r;
	/* Its client is dead, or it would not have been left: the benchmark is ended. */
	r = qb_restore_host(ret_session, true, NULL, ret, err);
	return r < 0 ? r : 1;
}
