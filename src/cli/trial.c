/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trial.h */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/trial.h>
#include <errno.h>
#include <math.h>
#include <stats/looks.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MOST 80
/* Nobody who did not say how long waits much longer than this, ... */
#define DEFAULT_NS INT64_C(300000000000)
/* ... but ten rounds are the least of which anything can be said. */
#define LEAST	       10
#define REPEATED_SHARE 5

static int64_t now(void)
{
	return qb_ns_now(CLOCK_MONOTONIC);
}

/* ---- rounds ---- */

/* What the run gave, into the rows. */
static int measure(struct qb_trial *trial, struct qb_error *err)
{
	struct qb_experiment *e = &trial->experiment;
	const struct qb_sample *sample = &e->samples[e->n - 1];
	_cleanup_(qb_figures_free) struct qb_figures figures = {0};
	_cleanup_free_ char *output = NULL;
	struct qb_measure_source source = {
		.begun_ns = sample->started_at, .read_before_ns = trial->read_ns};
	int r;

	if (trial->plan.measure.kind == QB_MEASURE_TIME) {
		r = qb_figures_add(&figures, "", (double)sample->used.wall_ns / 1e9, err);
		qb_text_copy(figures.unit, sizeof(figures.unit), QB_UNIT_SECONDS);
	} else {
		r = qb_experiment_output(e, qb_measure_reads_errors(&trial->plan.measure), &output,
			&source.size, err);
		source.output = output;
		if (r == 0)
			r = qb_measure_read(&trial->plan.measure, &source, &figures, err);
		if (source.read_ns)
			trial->read_ns = source.read_ns;
	}
	if (r == 0)
		r = qb_rows_add(&trial->rows, &figures, err);
	return r < 0 ? qb_error_wrap(err, "run %zu (%s)", e->n, e->programs[sample->program].name)
		     : 0;
}

static int run_one(struct qb_trial *trial, unsigned program, bool warm_up, struct qb_error *err)
{
	struct qb_error late = {0};
	int cleaned, r = qb_experiment_execute(&trial->experiment, trial->condition, program,
			     trial->rounds, warm_up, err);

	if (r < 0)
		return r;
	r = qb_experiment_judge_exit(&trial->experiment, err);
	if (r == 0)
		r = measure(trial, err);
	cleaned = qb_experiment_clean(&trial->experiment, trial->condition, r < 0 ? &late : err);
	return r < 0 ? r : cleaned;
}

/* Each program, in an order by lot. */
static int run_round(struct qb_trial *trial, struct qb_random *random, struct qb_error *err)
{
	const unsigned n = trial->experiment.n_programs;
	_cleanup_free_ unsigned *order = calloc(n, sizeof(*order));
	size_t *runs_of =
		realloc(trial->runs_of, (trial->rounds + 1) * (size_t)n * sizeof(*runs_of));
	int r = 0;

	if (runs_of)
		trial->runs_of = runs_of;
	if (!order || !runs_of)
		return qb_error_errno(err, ENOMEM, "keep round %u", trial->rounds + 1);
	qb_random_order(random, order, n);
	for (unsigned i = 0; i < n && r == 0; i++) {
		r = run_one(trial, order[i], false, err);
		runs_of[trial->rounds * n + order[i]] = trial->experiment.n - 1;
	}
	return r;
}

/* Was a run of it disturbed, by what was recorded of it? */
static bool is_disturbed(const struct qb_trial *trial, unsigned round)
{
	const unsigned n = trial->experiment.n_programs;

	for (unsigned i = 0; i < n; i++)
		if (trial->experiment.samples[trial->runs_of[round * n + i]].noise ==
			QB_NOISE_NOISY)
			return true;
	return false;
}

/* The next round takes its place. */
static void set_aside(struct qb_trial *trial)
{
	const unsigned n = trial->experiment.n_programs;

	for (unsigned i = 0; i < n; i++)
		trial->experiment.samples[trial->runs_of[trial->rounds * n + i]].repeated = true;
	trial->repeated++;
}

/* One round that counts, or one that is to be repeated. */
static int advance(struct qb_trial *trial, struct qb_random *random, struct qb_error *err)
{
	const int64_t begun = now();
	const int r = run_round(trial, random, err);

	if (r < 0)
		return r;
	if (trial->plan.reruns && trial->repeated < trial->most / REPEATED_SHARE &&
		is_disturbed(trial, trial->rounds))
		set_aside(trial);
	else
		trial->rounds++;
	trial->round_ns = trial->rounds ? (now() - trial->begun_ns) /
						  (int64_t)(trial->rounds + trial->repeated)
					: now() - begun;
	if (trial->progress)
		trial->progress(trial);
	return 0;
}

/* ---- how many rounds ---- */

/* One difference can be looked at while it comes; several are looked at once. */
static bool has_looks(const struct qb_trial *trial)
{
	return !trial->plan.runs && trial->experiment.n_programs == 2 &&
	       (trial->looks || trial->rows.n <= 1);
}

/* Before the first timed round; a round takes about `round_ns`. */
static unsigned fix_most(const struct qb_trial *trial, int64_t round_ns)
{
	const struct qb_trial_plan *plan = &trial->plan;
	const int64_t ns = plan->time_ns ? plan->time_ns : DEFAULT_NS;
	int64_t fit = round_ns > 0 ? ns / round_ns : qb_looks[QB_LOOKS - 1];
	unsigned most;

	if (plan->runs)
		return plan->runs;
	if (plan->most && !plan->time_ns)
		return qb_look_at_most(plan->most);
	fit = fit < LEAST ? LEAST : fit;
	if (plan->most && fit > plan->most)
		fit = plan->most;
	if (!plan->time_ns && fit > DEFAULT_MOST)
		fit = DEFAULT_MOST;
	most = qb_look_at_most(fit > UINT32_MAX ? UINT32_MAX : (unsigned)fit);
	return most ? most : LEAST;
}

static int warm_up(struct qb_trial *trial, int64_t *ret_round_ns, struct qb_error *err)
{
	int64_t begun = 0;

	for (unsigned i = 0; i < trial->plan.warm_ups; i++) {
		begun = now();
		for (unsigned program = 0; program < trial->experiment.n_programs; program++) {
			int r = run_one(trial, program, true, err);

			if (r < 0)
				return r;
		}
	}
	*ret_round_ns = begun ? now() - begun : 0;
	return 0;
}

/* ---- judging ---- */

static double level_of(const struct qb_trial *trial)
{
	return QB_LOOKS_LEVEL / (trial->experiment.n_programs - 1);
}

/* c of the intervals at this number of rounds; -1: too few. */
static int64_t critical_at(const struct qb_trial *trial, unsigned rounds)
{
	return has_looks(trial) ? qb_look_critical(rounds, trial->most)
				: qb_rank_critical(rounds, level_of(trial));
}

static void fill_pairs(const struct qb_trial *trial, const struct qb_trial_result *result,
	unsigned rounds, struct qb_pair *pairs)
{
	const unsigned n = trial->experiment.n_programs;
	const double *values = trial->rows.v[result->row].values;

	for (unsigned round = 0; round < rounds; round++) {
		const size_t a = trial->runs_of[round * n];
		const size_t b = trial->runs_of[round * n + result->program];
		const struct qb_sample *samples = trial->experiment.samples;

		pairs[round] = (struct qb_pair){.a = values[a],
			.b = values[b],
			.probe_a = qb_sample_probe(&samples[a]),
			.probe_b = qb_sample_probe(&samples[b])};
	}
}

static bool is_complete(const struct qb_pair *pairs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (isnan(pairs[i].a) || isnan(pairs[i].b))
			return false;
	return true;
}

static int judge_one(struct qb_trial *trial, struct qb_trial_result *result, int64_t c,
	struct qb_pair *pairs, double *u)
{
	const struct qb_trial_plan *plan = &trial->plan;
	const unsigned n = trial->judged;
	int r = qb_difference_of(pairs, n, c, &result->difference);

	if (r < 0)
		return r;
	result->state = QB_TRIAL_JUDGED;
	result->claim =
		qb_difference_claim(&result->difference.interval, plan->effect, plan->precision);
	for (unsigned i = 0; i < n; i++)
		u[i] = log(pairs[i].b) - log(pairs[i].a) -
		       result->difference.slope *
			       (result->difference.adjusts
					       ? log(pairs[i].probe_b) - log(pairs[i].probe_a)
					       : 0);
	result->p = qb_rank_p(u, n);
	if (result->difference.moves) { /* as the interval holds both */
		for (unsigned i = 0; i < n; i++)
			u[i] = log(pairs[i].b) - log(pairs[i].a);
		result->p = fmax(result->p, qb_rank_p(u, n));
	}
	return 0;
}

/* Of several figures those that differ. */
static int discover(struct qb_trial *trial)
{
	const size_t n = trial->n_results;
	_cleanup_free_ double *p = calloc(n + 1, sizeof(*p));
	_cleanup_free_ bool *differs = calloc(n + 1, sizeof(*differs));

	if (!p || !differs)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		p[i] = trial->results[i].p;
	qb_difference_discover(p, n, differs);
	for (size_t i = 0; i < n; i++)
		trial->results[i].differs = differs[i];
	return 0;
}

/* All differences, by the rounds so far. */
static int judge(struct qb_trial *trial, struct qb_error *err)
{
	const unsigned programs = trial->experiment.n_programs;
	const unsigned n = trial->judged = trial->rounds;
	const int64_t c = critical_at(trial, n);
	_cleanup_free_ struct qb_pair *pairs = calloc(n + 1, sizeof(*pairs));
	_cleanup_free_ double *u = calloc(n + 1, sizeof(*u));
	int r = pairs && u ? 0 : -ENOMEM;

	free(trial->results);
	trial->n_results = trial->incomplete = 0;
	trial->results = calloc((programs - 1) * trial->rows.n + 1, sizeof(*trial->results));
	for (size_t row = 0; row < trial->rows.n && r == 0 && trial->results; row++)
		for (unsigned program = 1; program < programs && r == 0; program++) {
			struct qb_trial_result *result = &trial->results[trial->n_results];

			*result = (struct qb_trial_result){.program = program, .row = row, .p = 1};
			fill_pairs(trial, result, n, pairs);
			if (!is_complete(pairs, n)) {
				trial->incomplete++;
				continue;
			}
			if (c >= 0)
				r = judge_one(trial, result, c, pairs, u);
			trial->n_results++;
		}
	if (r == 0)
		r = trial->results ? discover(trial) : -ENOMEM;
	return r < 0 ? qb_error_errno(err, -r, "judge %u rounds", n) : 0;
}

int qb_trial_slower(const struct qb_trial *trial)
{
	int answer = 0;

	for (size_t i = 0; i < trial->n_results; i++) {
		const struct qb_trial_result *result = &trial->results[i];
		struct qb_interval more = result->difference.interval;

		if (result->state != QB_TRIAL_JUDGED)
			return -1;
		if (trial->plan.more_is_better)
			more = (struct qb_interval){-more.high, -more.middle, -more.low};
		/* Of several figures one alone may lie there by chance. */
		if (more.low > trial->plan.slower && (trial->rows.n <= 1 || result->differs))
			return 1;
		if (more.high >= trial->plan.slower)
			answer = -1;
	}
	return trial->n_results && !trial->incomplete ? answer : -1;
}

static bool is_decided(const struct qb_trial *trial)
{
	const struct qb_trial_result *only = trial->results;

	if (trial->n_results != 1 || only->state != QB_TRIAL_JUDGED)
		return false;
	return isnan(trial->plan.slower) ? only->claim != QB_CLAIM_UNDECIDED
					 : qb_trial_slower(trial) >= 0;
}

/* Is the number of rounds one at which to look? */
static bool is_look(const struct qb_trial *trial)
{
	return trial->rounds == trial->most ||
	       (has_looks(trial) && trial->rounds &&
		       qb_look_at_most(trial->rounds) == trial->rounds);
}

static bool has_time(const struct qb_trial *trial)
{
	const bool must = has_looks(trial) ? !trial->judged : trial->rounds < LEAST;

	return !trial->plan.time_ns || must ||
	       now() - trial->begun_ns + trial->round_ns <= trial->plan.time_ns;
}

int qb_trial_run(struct qb_trial *trial, struct qb_error *err)
{
	struct qb_random random = {.state = trial->plan.seed};
	struct qb_error late = {0};
	bool decided = false;
	int r;

	trial->begun_ns = now();
	r = warm_up(trial, &trial->round_ns, err);
	trial->most = fix_most(trial, trial->round_ns);
	while (r == 0 && !decided && trial->rounds < trial->most && has_time(trial)) {
		const unsigned before = trial->rounds;

		r = advance(trial, &random, err);
		/* Without warm-ups the first round tells how long one takes: no matter who is A. */
		if (r == 0 && !trial->plan.warm_ups && trial->rounds + trial->repeated == 1)
			trial->most = fix_most(trial, trial->round_ns);
		if (r == 0 && trial->rounds > before && is_look(trial)) {
			r = judge(trial, err);
			trial->looks++;
			decided = r == 0 && is_decided(trial);
		}
	}
	/* It ended otherwise. Looks that were not made stay unmade: the last one stands. */
	if (trial->rows.n && !trial->n_results && trial->rounds && judge(trial, &late) < 0 &&
		r == 0) {
		*err = late;
		r = -late.code;
	}
	return r;
}

double *qb_trial_values(const struct qb_trial *trial, unsigned program, size_t row, size_t *ret_n)
{
	const unsigned n = trial->experiment.n_programs;
	double *values = calloc(trial->rounds + 1, sizeof(*values));

	*ret_n = 0;
	for (unsigned round = 0; values && round < trial->rounds; round++) {
		const double value = trial->rows.v[row].values[trial->runs_of[round * n + program]];

		if (!isnan(value))
			values[(*ret_n)++] = value;
	}
	return values;
}

void qb_trial_free(struct qb_trial *trial)
{
	qb_experiment_free(&trial->experiment);
	qb_rows_free(&trial->rows);
	free(trial->runs_of);
	free(trial->results);
	trial->runs_of = NULL;
	trial->results = NULL;
}
