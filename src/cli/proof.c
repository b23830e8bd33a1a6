/* SPDX-License-Identifier: GPL-2.0-or-later */
/* proof.h */
#include <base/clock.h>
#include <base/macros.h>
#include <cli/condition.h>
#include <cli/proof.h>
#include <client/say.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>

/* Which signal would end us, now that the caller's mask is to hold again; 0: none. */
static int ender(const sigset_t *mask)
{
	static const int enders[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < QB_ARRAY_SIZE(enders); i++) {
		struct sigaction action;

		if (sigismember(&pending, enders[i]) && !sigismember(mask, enders[i]) &&
			sigaction(enders[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			return enders[i];
	}
	return 0;
}

/* The caller's signals, between two blocks as before the first: each block has a job of its own. */
static int restore_signals(struct qb_proof *proof, const sigset_t *mask, struct qb_error *err)
{
	const int signal = ender(mask);

	if (signal) { /* with nothing said */
		proof->signal = signal;
		return qb_error_set(err, QB_TOLD_TO_END, "told to end");
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	return 0;
}

static int enter(struct qb_proof *proof, struct qb_proof_side *side, struct qb_ground *ground,
	struct qb_error *err)
{
	char *const *command = proof->program.argv;
	int r = qb_ground_prepare(ground, &side->options, err);

	if (r < 0)
		return r;
	if (side->as_is)
		return qb_condition_bare(&ground->condition, NULL, err);
	r = qb_ground_enter(ground, &side->options, command, err);
	if (r == 0 && ground->condition.answer.joined && !ground->condition.answer.shared)
		r = qb_error_set(err, EBUSY,
			"prove conditions the host itself, and another session has: quietbench restore ends an apply");
	return r;
}

/* The last run's time, if it gave one. */
static int keep(struct qb_proof *proof, struct qb_error *err)
{
	struct qb_experiment *e = &proof->experiment;
	_cleanup_(qb_figures_free) struct qb_figures figures = {.unit = QB_UNIT_SECONDS};
	int r = qb_experiment_judge_exit(e, err);

	if (r == 0)
		r = qb_figures_add(
			&figures, "", (double)e->samples[e->n - 1].used.wall_ns / 1e9, err);
	return r < 0 ? r : qb_rows_add(&proof->rows, &figures, err);
}

static int run_and_keep(struct qb_proof *proof, struct qb_ground *ground, unsigned side,
	bool warm_up, struct qb_error *err)
{
	struct qb_experiment *e = &proof->experiment;
	struct qb_error late = {0};
	int cleaned,
		r = qb_experiment_execute(e, &ground->condition, side, proof->pairs, warm_up, err);

	if (r < 0)
		return r;
	r = keep(proof, err);
	cleaned = qb_experiment_clean(e, &ground->condition, r < 0 ? &late : err);
	return r < 0 ? r : cleaned;
}

/* A block of one side: condition, run, restore. What is said of it is said once. */
static int run_block(
	struct qb_proof *proof, unsigned which, const sigset_t *mask, struct qb_error *err)
{
	struct qb_proof_side *side = &proof->sides[which];
	struct qb_ground ground = QB_GROUND_NONE;
	const enum qb_say loudness = qb_say_limit(QB_SAY_ERROR);
	int r;

	if (!side->told)
		qb_say_limit(loudness);
	r = restore_signals(proof, mask, err);
	if (r == 0)
		r = enter(proof, side, &ground, err);
	if (r == 0 && !side->as_is && !ground.condition.applied)
		side->name = proof->programs[which].name = "not conditioned";
	side->told = true;
	qb_experiment_pause(&proof->experiment);
	for (unsigned i = 0; r == 0 && i < proof->plan.warm_ups + proof->plan.block; i++)
		r = run_and_keep(proof, &ground, which, i < proof->plan.warm_ups, err);
	qb_say_limit(QB_SAY_ERROR);
	qb_condition_end(&ground.condition);
	qb_say_limit(loudness);
	proof->incomplete |= !ground.condition.complete;
	if (ground.condition.job.signal)
		proof->signal = ground.condition.job.signal;
	qb_ground_free(&side->last);
	side->last = ground;
	if (side->last.condition.has_job) /* the next block has one of its own */
		qb_job_end(&side->last.condition.job);
	side->last.condition.has_job = false;
	qb_session_close(&side->last.condition.session);
	if (r == 0 && proof->incomplete)
		r = qb_error_set(
			err, EIO, "the host could not be restored completely: no more blocks");
	return r;
}

/* After the first pair it is known how long one takes. */
static unsigned fix_pairs(const struct qb_proof_plan *plan, int64_t pair_ns)
{
	const int64_t fit = pair_ns > 0 ? plan->time_ns / pair_ns : QB_PROOF_PAIRS_MAX;

	if (plan->pairs)
		return plan->pairs;
	if (!plan->time_ns)
		return QB_PROOF_PAIRS;
	if (fit < QB_SPREAD_PAIRS_MIN)
		return QB_SPREAD_PAIRS_MIN;
	return fit > QB_PROOF_PAIRS_MAX ? QB_PROOF_PAIRS_MAX : (unsigned)fit;
}

static int run_pair(struct qb_proof *proof, struct qb_random *random, const sigset_t *mask,
	struct qb_error *err)
{
	const unsigned first = (unsigned)(qb_random_next(random) >> 63);
	int r = run_block(proof, first, mask, err);

	if (r == 0)
		r = run_block(proof, !first, mask, err);
	if (r < 0)
		return r;
	proof->pairs++;
	if (proof->pairs == 1)
		proof->wanted =
			fix_pairs(&proof->plan, qb_ns_now(CLOCK_MONOTONIC) - proof->begun_ns);
	if (proof->progress)
		proof->progress(proof);
	return 0;
}

static int judge(struct qb_proof *proof, struct qb_random *random, struct qb_error *err)
{
	_cleanup_free_ double *a = qb_proof_values(proof, 0), *b = qb_proof_values(proof, 1);
	int r = a && b ? qb_spread_compare(
				 a, b, proof->pairs, proof->plan.block, random, &proof->spread)
		       : -ENOMEM;

	proof->judged = r == 0;
	return r == -ENOMEM ? qb_error_errno(err, ENOMEM, "judge the runs") : 0;
}

int qb_proof_run(struct qb_proof *proof, struct qb_error *err)
{
	struct qb_random random = {.state = proof->plan.seed};
	struct qb_error late = {0}; /* what ended it comes first */
	sigset_t mask;
	int r, judged;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 0; i < 2; i++) {
		proof->programs[i] = proof->program;
		proof->programs[i].name = proof->sides[i].name;
		proof->sides[i].last = QB_GROUND_NONE;
	}
	proof->experiment = (struct qb_experiment){.programs = proof->programs,
		.n_programs = 2,
		.shows = proof->shows,
		.prepared = qb_ground_say_prepared};
	proof->begun_ns = qb_ns_now(CLOCK_MONOTONIC);
	proof->wanted = 1;
	r = qb_experiment_begin(&proof->experiment, err);
	while (r == 0 && proof->pairs < proof->wanted)
		r = run_pair(proof, &random, &mask, err);
	judged = judge(proof, &random, r < 0 ? &late : err);
	if (r == 0)
		r = restore_signals(proof, &mask, err);
	return r < 0 ? r : judged;
}

static bool counts(const struct qb_proof *proof, const struct qb_sample *sample, unsigned side)
{
	return sample->program == side && !sample->warm_up && sample->round < proof->pairs;
}

double *qb_proof_values(const struct qb_proof *proof, unsigned side)
{
	const size_t n = (size_t)proof->pairs * proof->plan.block;
	double *values = calloc(n + 1, sizeof(*values));
	size_t at = 0;

	for (size_t i = 0; values && i < proof->rows.runs; i++)
		if (counts(proof, &proof->experiment.samples[i], side) && at < n)
			values[at++] = proof->rows.v[0].values[i];
	return values;
}

double qb_proof_waited(const struct qb_proof *proof, unsigned side)
{
	double waited = 0, wall = 0;

	for (size_t i = 0; i < proof->experiment.n; i++) {
		const struct qb_sample *sample = &proof->experiment.samples[i];

		if (!counts(proof, sample, side))
			continue;
		if (sample->waited_ns < 0)
			return -1;
		waited += (double)sample->waited_ns;
		wall += (double)sample->used.wall_ns;
	}
	return wall > 0 ? waited / wall : -1;
}

void qb_proof_free(struct qb_proof *proof)
{
	for (int i = 0; i < 2; i++)
		qb_ground_free(&proof->sides[i].last);
	qb_experiment_free(&proof->experiment);
	qb_rows_free(&proof->rows);
}
