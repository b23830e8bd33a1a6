/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two or more programs compared on one conditioned host: pairs by coin, looks that were fixed
 * beforehand, and an end as soon as it is decided (stats/looks.h, stats/difference.h).
 *
 *	struct qb_trial trial = {.condition = &condition, .experiment = {…}, .plan = {…}};
 *	r = qb_trial_run(&trial, &err);        also after an error: what was measured is kept and judged
 *	… trial.results …
 *	qb_trial_free(&trial);
 *
 * A round is one run of each program, in an order by lot; with two of them that is a pair, AB or BA by a fair
 * coin. The number of rounds at which it ends is fixed before the first timed one. Looks are for one
 * difference: two programs and one figure. With more of either all rounds are made: the intervals of k
 * programs hold together (Bonferroni), and of several figures it is told which differ (Benjamini and
 * Hochberg).
 */
#ifndef QB_CLI_TRIAL_H
#define QB_CLI_TRIAL_H

#include <cli/figures.h>
#include <client/experiment.h>
#include <stats/difference.h>
#include <stats/random.h>

/* What a trial is to do. Effects are logarithms (difference.h). */
struct qb_trial_plan {
	struct qb_measure_spec measure;
	unsigned runs;	     /* exactly so many a program, one look at the end; 0: looks */
	unsigned most;	     /* at most so many a program; 0: what fits into some five minutes */
	int64_t time_ns;     /* as many as fit into so long; 0: not asked for */
	unsigned warm_ups;   /* of each program first */
	double effect;	     /* smaller differences are none; 0: any is one */
	double precision;    /* no difference above that is a result, too */
	double slower;	     /* is B slower by more than that, or shown not to be? NAN: not asked */
	bool reruns;	     /* rounds with a disturbed run are repeated, a fifth of them at most */
	bool more_is_better; /* of the figures */
	uint64_t seed;
};

/* Of one program (not the first) and one figure, against the first program. */
struct qb_trial_result {
	unsigned program;
	size_t row;
	enum {
		QB_TRIAL_TOO_FEW, /* no interval: what follows says nothing */
		QB_TRIAL_JUDGED,
	} state;
	struct qb_difference difference;
	enum qb_claim claim;
	double p;     /* only where there are several figures */
	bool differs; /* ... by which of all of them */
};

struct qb_trial {
	struct qb_condition *condition;
	struct qb_experiment experiment;
	struct qb_trial_plan plan;
	void (*progress)(const struct qb_trial *trial); /* after each round; may be NULL */

	unsigned most;	 /* rounds, as it was fixed */
	unsigned rounds; /* complete ones, and ... */
	unsigned judged; /* ... so many of them at the last look */
	unsigned looks, repeated;
	int64_t begun_ns, round_ns; /* a round's usual length */
	struct qb_rows rows;
	int64_t read_ns; /* the newest file that figures were read from */
	size_t *runs_of; /* owned: round * n_programs + program -> sample and run of rows */
	struct qb_trial_result *results; /* owned */
	size_t n_results;
	size_t incomplete; /* figures that were not in every run */
};

int qb_trial_run(struct qb_trial *trial, struct qb_error *err);
/* B is slower by more than plan.slower: 1; shown not to be: 0; not decided: -1. Of all programs and figures;
 * one of several figures counts only if it differs by which of all of them. */
int qb_trial_slower(const struct qb_trial *trial);
/* The values of a program's figure in the order of the runs that count: malloc'd. */
double *qb_trial_values(const struct qb_trial *trial, unsigned program, size_t row, size_t *ret_n);
void qb_trial_free(struct qb_trial *trial);

#endif
