/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking, and what the answer amounts to.
 *
 * The planner (as the caller, for plan, doctor, topology, profile and unprivileged runs) and the
 * monitor (for the session, session.h) answer with the same messages; both are gathered here.
 *
 *	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
 *	qb_planner_ask(&asked, &answer, &err)
 */
#ifndef QB_CLIENT_PLANNER_H
#define QB_CLIENT_PLANNER_H

#include <client/request.h>
#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <quietbench/step.h>
#include <quietbench/topology.h>

struct qb_answer {
	struct qb_profile profile;
	struct qb_policy policy;
	struct qb_host host;
	struct qb_pu *pus; /* owned */
	size_t n_pus;
	struct qb_selection selection;
	struct qb_steps steps; /* owned */
	struct qb_done done;
	bool joined; /* the steps of the host are those of the session that was joined */
	bool shared; /* which is one of shared runs, and wants the same of the host */
};
void qb_answer_free(struct qb_answer *answer);

/*
 * Takes one message in. 0: more will come; 1: DONE was it; negative: an ERROR (its code and text
 * in err), or a message that has no place in an answer. A step that is already there, by lever and
 * unit, is replaced once `steps_known`: later answers tell what became of the steps of the plan.
 */
int qb_answer_take(struct qb_answer *answer, const struct qb_message *message, bool steps_known,
	struct qb_error *err);

/*
 * Executes the planner as the caller and gathers its answer. Attaches what own profiles extend and
 * asks again, so that afterwards `asked` is complete and can go to the monitor as it is.
 */
int qb_planner_ask(struct qb_asked *asked, struct qb_answer *ret, struct qb_error *err);

#endif
