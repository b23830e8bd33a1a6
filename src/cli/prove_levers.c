/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prove.h: what each lever is worth. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/condition.h>
#include <cli/profile.h>
#include <cli/prove.h>
#include <client/say.h>
#include <errno.h>
#include <math.h>
#include <quietbench/lever.h>
#include <quietbench/profile.h>
#include <stdlib.h>

#define KEPT 0.9 /* of the gain */

struct worth {
	enum qb_key key;
	char set[QB_REQUEST_SET]; /* KEY=the value that leaves the host alone */
	bool judged;
	struct qb_spread spread; /* without it against with it */
};

/* What a key is when nothing is done for it. */
static const char *off_of(enum qb_key key)
{
	switch (key) {
	case QB_KEY_CPUS_ISOLATION: return "none";
	case QB_KEY_CPUS_SMT: return "share";
	case QB_KEY_PROCESS_PIN: return "false";
	default: return qb_keys[key].dflt;
	}
}

static bool did_something(const struct qb_steps *steps, enum qb_key key)
{
	for (size_t i = 0; i < steps->n; i++)
		if (qb_levers[steps->v[i].lever].key == key && steps->v[i].wanted &&
			steps->v[i].status == QB_STATUS_APPLIED)
			return true;
	return false;
}

/* What must apply is not to be switched off. */
static bool is_required(const struct qb_proof_side *side, enum qb_key key)
{
	const struct qb_setting *require = &side->last.condition.answer.profile.set[QB_KEY_REQUIRE];

	for (const char *word = NULL; (word = qb_setting_next(require, word));)
		if (strcmp(word, qb_keys[key].name) == 0)
			return true;
	for (unsigned i = 0; i < side->options.n_require; i++)
		if (strcmp(side->options.require[i], qb_keys[key].name) == 0)
			return true;
	return false;
}

/* The keys that are worth asking for. malloc'd. */
static struct worth *candidates(const struct qb_proof_side *side, size_t *ret_n)
{
	const struct qb_answer *answer = &side->last.condition.answer;
	struct worth *worths = calloc(QB_KEY_COUNT, sizeof(*worths));

	*ret_n = 0;
	for (unsigned key = 0; worths && key < QB_KEY_COUNT; key++) {
		char is[QB_SETTING_FORMAT];
		const char *off = off_of((enum qb_key)key);

		qb_setting_format((enum qb_key)key, &answer->profile.set[key], is, sizeof(is));
		if (!did_something(&answer->steps, (enum qb_key)key) || strcmp(is, off) == 0 ||
			is_required(side, (enum qb_key)key))
			continue;
		worths[*ret_n].key = (enum qb_key)key;
		qb_text_format(worths[*ret_n].set, sizeof(worths[*ret_n].set), "%s=%s",
			qb_keys[key].name, off);
		++*ret_n;
	}
	return worths;
}

/* The side with these keys switched off. */
static int switch_off(struct qb_proof_side *side, const char *set, struct qb_error *err)
{
	if (side->options.n_set == QB_REQUEST_SETS)
		return qb_error_set(err, E2BIG, "too many settings (-s) to switch another key off");
	side->options.set[side->options.n_set++] = set;
	return 0;
}

/* Another proof of the same command and length. */
static void begin(const struct qb_proof *whole, struct qb_proof *ret)
{
	*ret = (struct qb_proof){.program = whole->program,
		.plan = whole->plan,
		.shows = whole->shows,
		.progress = whole->progress};
	ret->plan.pairs = whole->wanted;
	for (int i = 0; i < 2; i++) {
		ret->sides[i].name = whole->sides[1].name;
		ret->sides[i].options = whole->sides[1].options;
		ret->sides[i].told = true;
	}
}

static int weigh(struct qb_proof *whole, struct worth *worth, struct qb_error *err)
{
	struct qb_proof proof;
	int r;

	begin(whole, &proof);
	r = switch_off(&proof.sides[0], worth->set, err);
	if (r == 0)
		r = qb_proof_run(&proof, err);
	worth->judged = proof.judged;
	worth->spread = proof.spread;
	whole->incomplete |= proof.incomplete;
	whole->signal = proof.signal;
	qb_proof_free(&proof);
	qb_prove_end_progress();
	return r;
}

static int by_worth(const void *a, const void *b)
{
	const struct worth *x = a, *y = b;
	const double u = x->judged ? x->spread.ratio.middle : 0;
	const double v = y->judged ? y->spread.ratio.middle : 0;

	return (u < v) - (u > v);
}

static void print_worth(const struct worth *worth)
{
	const struct qb_interval *ratio = &worth->spread.ratio;

	if (worth->judged)
		printf("   %-28s without it %.2f times the spread [%.2f, %.2f]%s\n",
			qb_keys[worth->key].name, ratio->middle, ratio->low, ratio->high,
			worth->spread.less ? " *" : "");
	else
		printf("   %-28s not known: the runs did not differ\n", qb_keys[worth->key].name);
}

/* How many of the sorted are enough, by what each is worth alone. */
static size_t enough(const struct worth *worths, size_t n)
{
	double all = 0, kept = 0;
	size_t i = 0;

	for (size_t j = 0; j < n; j++)
		all += worths[j].judged ? fmax(0, log(worths[j].spread.ratio.middle)) : 0;
	while (i < n && kept < KEPT * all && worths[i].judged)
		kept += fmax(0, log(worths[i++].spread.ratio.middle));
	return i;
}

/* All that the smaller profile is, the caller's own settings included: it needs no other file. */
static int print_profile(const struct qb_options *options, struct qb_error *err)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	int r = qb_asked_build(options, QB_REQUEST_PROFILE, &asked, err);

	if (r == 0)
		r = qb_planner_ask(&asked, &answer, err);
	if (r < 0)
		return r;
	puts("version: 1\nname: enough");
	qb_profile_print(&answer.profile, true);
	return 0;
}

/* The smaller profile, and against the host as it is: does it keep what was promised? */
static int conclude(
	struct qb_proof *whole, const struct worth *dropped, size_t n, struct qb_error *err)
{
	struct qb_proof proof;
	char claim[320];
	int r = 0;

	begin(whole, &proof);
	proof.sides[0] = whole->sides[0];
	proof.sides[0].told = true;
	proof.sides[0].last = QB_GROUND_NONE;
	proof.sides[1].name = "enough";
	for (size_t i = 0; i < n && r == 0; i++)
		r = switch_off(&proof.sides[1], dropped[i].set, err);
	if (r == 0)
		r = print_profile(&proof.sides[1].options, err);
	if (r == 0)
		r = qb_proof_run(&proof, err);
	qb_prove_end_progress();
	if (r == 0) {
		qb_prove_claim(&proof, claim, sizeof(claim));
		printf("# measured: %s\n", claim);
	}
	whole->incomplete |= proof.incomplete;
	whole->signal = proof.signal;
	qb_proof_free(&proof);
	return r;
}

int qb_prove_each_lever(struct qb_proof *whole, struct qb_error *err)
{
	_cleanup_free_ struct worth *worths = NULL;
	size_t n, kept, weighed = 0;
	int r = 0;

	worths = candidates(&whole->sides[1], &n);
	if (!worths)
		return qb_error_errno(err, ENOMEM, "weigh the levers");
	if (!n) {
		puts("no lever did anything here: there is nothing to weigh");
		return 0;
	}
	while (weighed < n && (r = weigh(whole, &worths[weighed], err)) == 0)
		weighed++;
	/* What is known by now is told, whatever ended it. */
	qsort(worths, weighed, sizeof(*worths), by_worth);
	printf("each lever, the profile without it against the whole (*: shown)%s\n",
		weighed < n ? "; the rest was not weighed:" : ":");
	for (size_t i = 0; i < weighed; i++)
		print_worth(&worths[i]);
	if (r < 0)
		return r;
	kept = enough(worths, n);
	if (!kept) {
		puts("no lever alone has a gain here");
		return 0;
	}
	printf("# %zu of %zu levers keep %.0f %% of the gain:\n", kept, n, 100 * KEPT);
	return conclude(whole, worths + kept, n - kept, err);
}
