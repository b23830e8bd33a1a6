/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench compare: two or more commands on one conditioned host, in an order by lot. Which is faster,
 * and is it real?
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/command.h>
#include <cli/compare.h>
#include <cli/condition.h>
#include <cli/exports.h>
#include <client/say.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/random.h>

#define EXIT_SLOWER 1
#define SAME	    10000 /* no difference above 1 % is a result, in millionths */

static double log_share(const struct qb_options *options, enum qb_option_id id)
{
	return log1p((double)options->number[id] / 1e6);
}

/* What the options say of the experiment; what they leave open is by default. */
static int choose_plan(
	const struct qb_options *options, struct qb_trial_plan *ret, struct qb_error *err)
{
	struct qb_trial_plan plan = {.warm_ups = 1,
		.runs = (unsigned)options->number[QB_OPTION_RUNS],
		.most = (unsigned)options->number[QB_OPTION_MAX_RUNS],
		.time_ns = options->number[QB_OPTION_TIME],
		.effect = log_share(options, QB_OPTION_MIN_EFFECT),
		.precision = log1p(SAME / 1e6),
		.slower = NAN,
		.reruns = qb_option_given(options, RERUN),
		.more_is_better = qb_option_given(options, HIGHER),
		.seed = (uint64_t)options->number[QB_OPTION_SEED]};
	int r = qb_measure_parse(options->value[QB_OPTION_MEASURE], &plan.measure, err);

	if (r < 0)
		return r;
	if (plan.runs && (plan.time_ns || plan.most))
		return qb_error_set(err, EINVAL,
			"-r says exactly how many runs: --time and --max-runs say at most");
	if (plan.more_is_better && plan.measure.kind == QB_MEASURE_TIME)
		return qb_error_set(err, EINVAL,
			"--higher-is-better is for a --measure: of times less is better");
	if (qb_option_given(options, WARMUP))
		plan.warm_ups = (unsigned)options->number[QB_OPTION_WARMUP];
	if (qb_option_given(options, PRECISION))
		plan.precision = log_share(options, QB_OPTION_PRECISION);
	if (qb_option_given(options, FAIL_SLOWER))
		plan.slower = log_share(options, QB_OPTION_FAIL_SLOWER);
	if (!qb_option_given(options, SEED) &&
		getrandom(&plan.seed, sizeof(plan.seed), 0) != sizeof(plan.seed))
		return qb_error_errno(err, errno, "choose a seed");
	plan.seed &= INT64_MAX; /* JSON's numbers, and --seed's */
	*ret = plan;
	return 0;
}

static int usage(const struct qb_error *err)
{
	qb_say(QB_SAY_ERROR, "compare: %s", err->text);
	return QB_EXIT_USAGE;
}

/* All that can be wrong with the command line, before anything is touched. 0 or an exit status. */
static int prepare(struct qb_comparison *c, const struct qb_cli *cli)
{
	const struct qb_options *options = c->options;
	const bool self = qb_option_given(options, SELF);
	struct qb_error err = {0};
	int r;

	if (self ? cli->argc != 1 : cli->argc < 1)
		r = qb_error_set(&err, EINVAL, "%s",
			self ? "--self compares one command with itself: quietbench compare --self 'CMD'"
			     : "no commands given: quietbench compare 'CMD A' 'CMD B'");
	else if (qb_option_given(options, JSON) && qb_option_given(options, SHOW_OUTPUT))
		r = qb_error_set(&err, EINVAL,
			"--json and --show-output both write to standard output: one of them");
	else if (self && qb_option_given(options, PARAMETER))
		r = qb_error_set(
			&err, EINVAL, "--self compares one command with itself: no --parameter");
	else
		r = choose_plan(options, &c->trial.plan, &err);
	if (r < 0)
		return usage(&err);
	r = qb_programs_make(options, cli->argc, cli->argv, self ? 2 : 1, &c->programs, &err);
	if (r == 0 && c->programs.n < 2)
		r = qb_error_set(&err, EINVAL,
			"one command only: name a second one, or compare it with itself: --self");
	if (r < 0)
		return usage(&err);
	r = qb_exports_prepare(options, &err);
	if (r == 0)
		r = qb_ground_prepare(&c->ground, options, &err);
	if (r < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		return QB_EXIT_REFUSED;
	}
	return 0;
}

/* On a terminal one line tells how far it is. */
static void progress(const struct qb_trial *trial)
{
	const int64_t left = (int64_t)(trial->most - trial->rounds) * trial->round_ns / 1000000000;

	if (qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE))
		fprintf(stderr, "\rcomparing: %u of at most %u runs each, %lld:%02lld left \033[K",
			trial->rounds, trial->most, (long long)left / 60, (long long)left % 60);
}

static void end_progress(void)
{
	if (qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE))
		fprintf(stderr, "\r\033[K");
}

static int run(struct qb_comparison *c, char *const *command, struct qb_error *err)
{
	struct qb_trial *trial = &c->trial;
	struct qb_ground *ground = &c->ground;
	int r = qb_ground_enter(ground, c->options, command, err);

	if (r < 0)
		return r;
	trial->condition = &ground->condition;
	trial->progress = progress;
	trial->experiment = (struct qb_experiment){.programs = c->programs.v,
		.n_programs = c->programs.n,
		.probe_ns = qb_ground_probe(ground, c->options),
		.usual = &ground->usual,
		.noisy_before = *ground->noisy_before ? ground->noisy_before : NULL,
		.shows = qb_option_given(c->options, SHOW_OUTPUT),
		.reads = trial->plan.measure.kind != QB_MEASURE_TIME,
		.prepared = qb_ground_say_prepared};
	r = qb_experiment_begin(&trial->experiment, err);
	if (r == 0)
		r = qb_trial_run(trial, err);
	end_progress();
	return r;
}

/* What came of it as an exit status, when it was measured to its end. */
static int verdict(const struct qb_comparison *c)
{
	if (isnan(c->trial.plan.slower))
		return EXIT_SUCCESS;
	switch (qb_trial_slower(&c->trial)) {
	case 0: return EXIT_SUCCESS;
	case 1: return EXIT_SLOWER;
	default: return QB_EXIT_UNDECIDED;
	}
}

/* Restores, tells, writes. Returns the exit status. */
static int conclude(struct qb_comparison *c, int r, const struct qb_error *why)
{
	struct qb_error err = {0};
	int status = r < 0 ? QB_EXIT_NOT_MEASURED : verdict(c);
	const char *spoilt;

	qb_condition_end(&c->ground.condition);
	spoilt = qb_ground_spoilt(&c->ground.condition);
	if (spoilt) {
		qb_say(QB_SAY_ERROR, "%s: nothing is claimed", spoilt);
		qb_experiment_spoil(&c->trial.experiment, spoilt);
		c->trial.n_results = 0;
		status = QB_EXIT_NOT_MEASURED;
	}
	if (r < 0 && r != -QB_TOLD_TO_END)
		qb_say(QB_SAY_ERROR, "%s", why->text);
	if (!c->trial.experiment.n)
		status = r < 0 && r != -QB_TOLD_TO_END && r != -ECHILD ? QB_EXIT_REFUSED : status;
	if (qb_exports_write(c, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		status = status == EXIT_SUCCESS ? QB_EXIT_NOT_MEASURED : status;
	}
	return c->ground.condition.complete ? status : QB_EXIT_INCOMPLETE;
}

int qb_cmd_compare(struct qb_cli *cli)
{
	struct qb_comparison c = {.options = &cli->options, .ground = QB_GROUND_NONE};
	struct qb_error err = {0};
	int signal, status = prepare(&c, cli);

	if (status == 0)
		status = conclude(&c, run(&c, cli->argv, &err), &err);
	signal = c.ground.condition.job.signal;
	qb_trial_free(&c.trial);
	qb_ground_free(&c.ground);
	qb_programs_free(&c.programs);
	if (signal && status != QB_EXIT_INCOMPLETE) {
		fflush(stdout); /* what is known so far */
		qb_job_die(signal);
	}
	return status;
}
