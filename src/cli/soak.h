/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check --soak: one measurement of QB_SOAK_BLOCK_NS after the other, for hours. It finds what comes
 * seldom: when it was noisy, by how much, and what the cause was how often.
 *
 * Ctrl-C ends it early; what was found until then is told all the same.
 */
#ifndef QB_CLI_SOAK_H
#define QB_CLI_SOAK_H

#include <cli/noise.h>
#include <noise/advice.h>

#define QB_SOAK_BLOCK_NS INT64_C(10000000000)
#define QB_SOAK_CAUSES	 64

struct qb_soak_block {
	int64_t at_ns; /* CLOCK_REALTIME, its begin */
	enum qb_verdict_of verdict;
	double mean[QB_NOISE_METRIC_COUNT]; /* the longest gap: ns; negative: not known */
	char cause[64];			    /* "": it is not known, or it was quiet */
};

struct qb_soak_cause {
	char name[64];
	enum qb_cause_kind kind;
	size_t blocks;	   /* noisy ones that it was the cause of */
	double worst, sum; /* of its shares of a block's time, in all blocks it was seen in */
	int64_t last_ns;   /* when that was */
};

struct qb_soak {
	/* given */
	struct qb_noise_limits limits;
	int64_t ns;
	bool told; /* each noisy block has its line on stdout as it comes */
	/* found */
	struct qb_soak_block *blocks;		     /* owned */
	size_t n, room, noisy;			     /* undecided ones count as noisy */
	struct qb_soak_cause causes[QB_SOAK_CAUSES]; /* the worst first, at the end */
	size_t n_causes;
	bool interrupted;
};

int qb_soak_run(struct qb_soak *soak, struct qb_condition *condition, struct qb_error *err);
void qb_soak_print(const struct qb_soak *soak);
int qb_soak_json(const struct qb_soak *soak, const struct qb_host *host, struct qb_error *err);
void qb_soak_free(struct qb_soak *soak);

#endif
