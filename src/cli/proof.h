/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One command under two conditions, in turn: what does the one buy against the other?
 *
 *	struct qb_proof proof = {.sides = {…, …}, .program = {…}, .plan = {…}};
 *	r = qb_proof_run(&proof, &err);        also after an error: the pairs that are complete are judged
 *	… proof.spread …
 *	qb_proof_free(&proof);
 *
 * Blocks of runs, the host put back and conditioned anew between them; a pair is one block of either
 * side, in an order by a fair coin. How many is fixed after the first pair. The probes are no
 * covariate here: a condition changes the very speed that they measure.
 */
#ifndef QB_CLI_PROOF_H
#define QB_CLI_PROOF_H

#include <cli/figures.h>
#include <cli/ground.h>
#include <client/experiment.h>
#include <stats/spread.h>

/* One of the two conditions. */
struct qb_proof_side {
	const char *name; /* "as it is", the profile's, or that it could not be conditioned */
	struct qb_options options; /* what conditions it */
	bool as_is;		   /* nothing does: no session, no lever */
	/* found */
	struct qb_ground last; /* its last block's, restored: for the record */
	bool told;	       /* its lines were said */
};

struct qb_proof_plan {
	unsigned pairs;	   /* 0: by time */
	unsigned block;	   /* runs of a block */
	unsigned warm_ups; /* of each block first */
	int64_t time_ns;   /* for as many pairs as fit */
	uint64_t seed;
};
#define QB_PROOF_PAIRS	   10
#define QB_PROOF_BLOCK	   4
#define QB_PROOF_PAIRS_MAX 200

struct qb_proof {
	struct qb_proof_side sides[2];
	struct qb_program program; /* what is run on either side */
	struct qb_proof_plan plan;
	bool shows;
	void (*progress)(const struct qb_proof *proof); /* after each block; may be NULL */

	struct qb_program programs[2]; /* the same command, by the names of the sides */
	struct qb_experiment experiment;
	struct qb_rows rows;
	unsigned pairs, wanted; /* complete ones; so many there are to be */
	int64_t begun_ns;
	bool judged; /* what follows says something */
	struct qb_spread spread;
	bool incomplete; /* the host could not be restored completely */
	int signal;	 /* what told us to end; 0: nothing did */
};

int qb_proof_run(struct qb_proof *proof, struct qb_error *err);
/* The figures of one side, in the order of the pairs: malloc'd, pairs * plan.block of them. */
double *qb_proof_values(const struct qb_proof *proof, unsigned side);
/* For which share of the wall time a side's threads could have run and did not; -1: not known. */
double qb_proof_waited(const struct qb_proof *proof, unsigned side);
void qb_proof_free(struct qb_proof *proof);

#endif
