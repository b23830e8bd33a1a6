/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench prove: one command as it is and conditioned, in turn. What did conditioning buy? With
 * --each-lever: what is each lever worth here, and which of them are enough?
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/command.h>
#include <cli/evidence.h>
#include <cli/json.h>
#include <cli/prove.h>
#include <cli/record.h>
#include <cli/record_experiment.h>
#include <client/child.h>
#include <client/say.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>

#define EXIT_NO_CLAIM 1
#define AS_IS	      "as-is" /* the profile that changes nothing */

/* ---- the two sides ---- */

/* The other profile, or none; what is said of CPUs and single keys is for either profile. */
static void choose_sides(const struct qb_options *options, struct qb_proof *proof)
{
	const char *against = options->value[QB_OPTION_AGAINST];
	const char *profile = options->value[QB_OPTION_PROFILE];
	struct qb_options *other = &proof->sides[0].options;

	proof->sides[1].name = profile ? profile : "conditioned";
	proof->sides[1].options = *options;
	proof->sides[1].options.given |= QB_OPTION_BIT(NO_CHECK);
	*other = proof->sides[1].options;
	proof->sides[0].name = against ? against : "as it is";
	proof->sides[0].as_is = !against || strcmp(against, AS_IS) == 0;
	other->value[QB_OPTION_PROFILE] = against ? against : AS_IS;
	if (proof->sides[0].as_is) {
		other->n_set = other->n_require = 0;
		other->value[QB_OPTION_CPUS] = other->value[QB_OPTION_COUNT] =
			other->value[QB_OPTION_NODE] = NULL;
	}
}

static int choose_plan(
	const struct qb_options *options, struct qb_proof_plan *ret, struct qb_error *err)
{
	struct qb_proof_plan plan = {.block = QB_PROOF_BLOCK,
		.warm_ups = 1,
		.time_ns = options->number[QB_OPTION_TIME],
		.seed = (uint64_t)options->number[QB_OPTION_SEED]};
	const unsigned runs = (unsigned)options->number[QB_OPTION_RUNS];

	if (runs && plan.time_ns)
		return qb_error_set(
			err, EINVAL, "-r says how many runs, and --time, too: one of them");
	if (runs && runs < QB_SPREAD_PAIRS_MIN * plan.block)
		return qb_error_set(err, EINVAL, "-r %u: fewer than %u runs a side show nothing",
			runs, QB_SPREAD_PAIRS_MIN * plan.block);
	plan.pairs = (runs + plan.block - 1) / plan.block;
	if (qb_option_given(options, WARMUP))
		plan.warm_ups = (unsigned)options->number[QB_OPTION_WARMUP];
	if (!qb_option_given(options, SEED) &&
		getrandom(&plan.seed, sizeof(plan.seed), 0) != sizeof(plan.seed))
		return qb_error_errno(err, errno, "choose a seed");
	plan.seed &= INT64_MAX;
	*ret = plan;
	return 0;
}

static void progress(const struct qb_proof *proof)
{
	if (qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE))
		fprintf(stderr, "\rproving: %u of %u pairs of blocks \033[K", proof->pairs,
			proof->wanted);
}

void qb_prove_end_progress(void)
{
	if (qb_say_on_terminal() && qb_say_shows(QB_SAY_NOTE))
		fprintf(stderr, "\r\033[K");
}

/* ---- what is said ---- */

static void print_side(const struct qb_proof *proof, unsigned side)
{
	const size_t n = (size_t)proof->pairs * proof->plan.block;
	const struct qb_evidence_disturbed disturbed =
		qb_evidence_disturbances(&proof->experiment, (int)side);
	const double waited = qb_proof_waited(proof, side);
	_cleanup_free_ double *values = qb_proof_values(proof, side);
	struct qb_described d;
	char text[400];

	if (!values || !n)
		return;
	d = qb_stats_describe(values, n);
	qb_evidence_description(&d, proof->rows.unit, text, sizeof(text));
	printf("%s: %s; %zu runs\n", proof->sides[side].name, text, n);
	if (waited >= 0)
		printf("   waited for a CPU for %.2f %% of the time\n", 100 * waited);
	if (d.detectable > 0) {
		qb_evidence_percent(d.detectable, d.detectable / 8, text, sizeof(text));
		printf("   as many runs again would show a change of %s\n", text);
	}
	qb_evidence_disturbance(&disturbed, text, sizeof(text));
	if (*text)
		printf("   %s\n", text);
}

void qb_prove_claim(const struct qb_proof *proof, char *buf, size_t size)
{
	const struct qb_spread *s = &proof->spread;
	const struct qb_interval *i = &s->ratio;

	if (!proof->judged)
		qb_text_format(buf, size,
			"no claim: %u pairs of blocks that differ are too few (%d at least)",
			proof->pairs, QB_SPREAD_PAIRS_MIN);
	else if (s->less)
		qb_text_format(buf, size,
			"%s: %.1f times less spread than %s [%.1f, %.1f]: MNAD %.2f %% instead of %.2f %%",
			proof->sides[1].name, i->middle, proof->sides[0].name, i->low, i->high,
			100 * s->mnad_b, 100 * s->mnad_a);
	else
		qb_text_format(buf, size,
			"not shown to have less spread: MNAD %.2f %% (%s) against %.2f %% (%s), ratio %.2f [%.2f, %.2f]",
			100 * s->mnad_b, proof->sides[1].name, 100 * s->mnad_a,
			proof->sides[0].name, i->middle, i->low, i->high);
}

static void print(const struct qb_proof *proof)
{
	char text[320];

	print_side(proof, 0);
	print_side(proof, 1);
	qb_prove_claim(proof, text, sizeof(text));
	puts(text);
	printf("   %u pairs of blocks of %u runs; seed %llu\n", proof->pairs, proof->plan.block,
		(unsigned long long)proof->plan.seed);
}

static struct qb_experiment_record experiment_of(const struct qb_proof *proof)
{
	return (struct qb_experiment_record){.kind = "prove",
		.experiment = &proof->experiment,
		.rows = &proof->rows,
		.proof = proof};
}

static int print_json(const struct qb_proof *proof, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
	const struct qb_experiment_record experiment = experiment_of(proof);

	qb_json_text(json, "schema", "quietbench/prove/1");
	qb_record_put_experiment(json, &experiment);
	return qb_json_print(json, stdout, err);
}

static int write_record(
	const struct qb_options *options, const struct qb_proof *proof, struct qb_error *err)
{
	const struct qb_experiment_record experiment = experiment_of(proof);
	struct qb_record record = qb_record_of(&proof->sides[1].last.condition);

	record.started_at = proof->experiment.samples[0].started_at;
	record.experiment = &experiment;
	return qb_record_write(options->value[QB_OPTION_RECORD], &record, err);
}

/* ---- the command ---- */

/* 0 or an exit status. */
static int prepare(const struct qb_cli *cli, struct qb_proof *proof, char *path, size_t size)
{
	const struct qb_options *options = &cli->options;
	const char *record = options->value[QB_OPTION_RECORD];
	struct qb_error err = {0};
	int r = choose_plan(options, &proof->plan, &err);

	if (r == 0 && qb_option_given(options, JSON) && qb_option_given(options, EACH_LEVER))
		r = qb_error_set(&err, EINVAL, "--each-lever answers in text, not in JSON");
	if (r == 0 && qb_option_given(options, JSON) && qb_option_given(options, SHOW_OUTPUT))
		r = qb_error_set(&err, EINVAL,
			"--json and --show-output both write to standard output: one of them");
	if (r == 0 && cli->argc == 0)
		r = qb_error_set(&err, EINVAL,
			"no command given: quietbench prove [OPTION...] [--] COMMAND [ARG...]");
	if (r == 0)
		r = qb_child_find(cli->argv[0], path, size, &err);
	if (r < 0) {
		qb_say(QB_SAY_ERROR, "prove: %s", err.text);
		return QB_EXIT_USAGE;
	}
	if (record && qb_record_prepare(record, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		return QB_EXIT_REFUSED;
	}
	choose_sides(options, proof);
	proof->program = (struct qb_program){.path = path,
		.argv = cli->argv,
		.prepare = options->value[QB_OPTION_PREPARE],
		.cleanup = options->value[QB_OPTION_CLEANUP]};
	proof->shows = qb_option_given(options, SHOW_OUTPUT);
	proof->progress = progress;
	return 0;
}

static int conclude(
	const struct qb_options *options, struct qb_proof *proof, int r, const struct qb_error *why)
{
	struct qb_error err = {0};
	int status = proof->judged && proof->spread.less ? EXIT_SUCCESS : EXIT_NO_CLAIM;

	qb_prove_end_progress();
	if (r < 0 && r != -QB_TOLD_TO_END)
		qb_say(QB_SAY_ERROR, "%s", why->text);
	if (r < 0)
		status = proof->experiment.n ? QB_EXIT_NOT_MEASURED : QB_EXIT_REFUSED;
	if (qb_option_given(options, JSON))
		r = print_json(proof, &err);
	else if (proof->pairs)
		print(proof);
	if (options->value[QB_OPTION_RECORD] && proof->experiment.n)
		(void)write_record(options, proof, &err);
	if (err.code) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		status = QB_EXIT_NOT_MEASURED;
	}
	return proof->incomplete ? QB_EXIT_INCOMPLETE : status;
}

int qb_cmd_prove(struct qb_cli *cli)
{
	struct qb_proof proof = {0};
	struct qb_error err = {0};
	char path[PATH_MAX];
	int r, levers = 0, status = prepare(cli, &proof, path, sizeof(path));

	if (status != 0)
		return status;
	r = qb_proof_run(&proof, &err);
	status = conclude(&cli->options, &proof, r, &err);
	if (r == 0 && qb_option_given(&cli->options, EACH_LEVER))
		levers = qb_prove_each_lever(&proof, &err);
	if (levers < 0) {
		qb_say(QB_SAY_ERROR, "%s", err.text);
		status = proof.incomplete ? QB_EXIT_INCOMPLETE : QB_EXIT_NOT_MEASURED;
	}
	qb_proof_free(&proof);
	if ((r == -QB_TOLD_TO_END || levers == -QB_TOLD_TO_END) && proof.signal &&
		status != QB_EXIT_INCOMPLETE) {
		fflush(stdout);
		qb_job_die(proof.signal);
	}
	return status;
}
