/* SPDX-License-Identifier: GPL-2.0-or-later */
/* soak.h */
#include <base/clock.h>
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/query.h>
#include <cli/soak.h>
#include <client/say.h>
#include <errno.h>
#include <noise/ticks.h>
#include <time.h>

#define SHOWN 10

/* ---- gathering ---- */

static int compare(const void *a, const void *b)
{
	const struct qb_soak_cause *x = a, *y = b;

	if (x->blocks != y->blocks)
		return x->blocks < y->blocks ? 1 : -1;
	return (x->sum < y->sum) - (x->sum > y->sum);
}

/* The entry of this name, a new one if need be; the least of all makes room. */
static struct qb_soak_cause *entry_of(
	struct qb_soak *soak, const char *name, enum qb_cause_kind kind)
{
	struct qb_soak_cause *entry;

	for (size_t i = 0; i < soak->n_causes; i++)
		if (strcmp(soak->causes[i].name, name) == 0)
			return &soak->causes[i];
	if (soak->n_causes < QB_SOAK_CAUSES)
		soak->n_causes++;
	else
		qsort(soak->causes, soak->n_causes, sizeof(soak->causes[0]), compare);
	entry = &soak->causes[soak->n_causes - 1];
	*entry = (struct qb_soak_cause){.kind = kind};
	qb_text_copy(entry->name, sizeof(entry->name), name);
	return entry;
}

/* Whose share counts over hours: by name, whatever number it had. */
static void gather(struct qb_soak *soak, const struct qb_measure *m, struct qb_soak_block *block)
{
	for (size_t i = 0; i < m->n; i++)
		for (size_t j = 0; j < m->of[i].causes->n; j++) {
			const struct qb_cause *cause = &m->of[i].causes->v[j];
			struct qb_soak_cause *entry;
			char name[64];

			if (cause->share <= 0)
				continue;
			qb_cause_plain_name(cause, name, sizeof(name));
			entry = entry_of(soak, name, cause->kind);
			entry->sum += cause->share;
			entry->last_ns = block->at_ns;
			if (cause->share > entry->worst)
				entry->worst = cause->share;
		}
}

/* The cause of the first rule that does not hold. */
static void name_cause(
	struct qb_soak *soak, const struct qb_measure *m, struct qb_soak_block *block)
{
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		struct qb_cause_on found;

		if (m->verdicts[i].verdict != m->verdict)
			continue;
		found = qb_cause_of_metric(m, (enum qb_noise_metric)i);
		if (!found.cause)
			continue;
		qb_cause_plain_name(found.cause, block->cause, sizeof(block->cause));
		entry_of(soak, block->cause, found.cause->kind)->blocks++;
		return;
	}
}

static int keep(struct qb_soak *soak, const struct qb_soak_block *block, struct qb_error *err)
{
	if (soak->n == soak->room) {
		const size_t room = soak->room ? 2 * soak->room : 64;
		struct qb_soak_block *blocks = realloc(soak->blocks, room * sizeof(*blocks));

		if (!blocks)
			return qb_error_errno(err, ENOMEM, "keep what was measured");
		soak->blocks = blocks;
		soak->room = room;
	}
	soak->blocks[soak->n++] = *block;
	soak->noisy += block->verdict != QB_VERDICT_OF_PASS;
	return 0;
}

static void print_block(const struct qb_measure *m, const struct qb_soak_block *block)
{
	char when[32], text[1024];

	qb_time_format(block->at_ns / QB_NS_PER_S, "%F %T", when, sizeof(when));
	qb_noise_verdict_text(m, text, sizeof(text));
	printf("%s  %s%s%s\n", when, text, *block->cause ? ": " : "", block->cause);
	fflush(stdout); /* a reader may wait for this line; main judges its errors */
}

static int measure_block(struct qb_soak *soak, struct qb_condition *condition, struct qb_error *err)
{
	struct qb_measure m = {.limits = soak->limits, .looks = {QB_SOAK_BLOCK_NS}};
	struct qb_soak_block block = {.at_ns = qb_ns_now(CLOCK_REALTIME)};
	int r = qb_noise_measure(&m, condition, err);

	if (r == 0) {
		block.verdict = m.verdict;
		for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
			const struct qb_metric_verdict *v = &m.verdicts[i];
			const double value = i == QB_NOISE_LONGEST_METRIC ? v->worst : v->mean;

			block.mean[i] = v->measured ? value : -1;
		}
		gather(soak, &m, &block);
		if (m.verdict != QB_VERDICT_OF_PASS)
			name_cause(soak, &m, &block);
		if (m.verdict != QB_VERDICT_OF_PASS && soak->told)
			print_block(&m, &block);
		r = keep(soak, &block, err);
	}
	qb_measure_free(&m);
	return r;
}

int qb_soak_run(struct qb_soak *soak, struct qb_condition *condition, struct qb_error *err)
{
	const int64_t end = qb_ns_now(CLOCK_BOOTTIME) + soak->ns;
	int r;

	do
		r = measure_block(soak, condition, err);
	while (r == 0 && qb_ns_now(CLOCK_BOOTTIME) + QB_SOAK_BLOCK_NS / 2 <= end);
	qsort(soak->causes, soak->n_causes, sizeof(soak->causes[0]), compare);
	if (r == 0 || !soak->n)
		return r;
	/* What was found until then is told all the same. */
	soak->interrupted = true;
	if (r != -QB_TOLD_TO_END)
		qb_say(QB_SAY_WARN, "check: the soak ends here: %s", err->text);
	return 0;
}

void qb_soak_free(struct qb_soak *soak)
{
	free(soak->blocks);
	*soak = (struct qb_soak){0};
}

/* ---- what was found ---- */

static void print_cause(const struct qb_soak *soak, const struct qb_soak_cause *entry)
{
	char when[32], times[48] = "";

	qb_time_format(entry->last_ns / QB_NS_PER_S, "%F %T", when, sizeof(when));
	if (entry->blocks)
		qb_text_format(times, sizeof(times), "the cause %zu time%s, ", entry->blocks,
			entry->blocks == 1 ? "" : "s");
	printf("  %9.3f %%  %-32s %sat most %.2f %%, last %s\n", 100 * entry->sum / (double)soak->n,
		entry->name, times, 100 * entry->worst, when);
}

void qb_soak_print(const struct qb_soak *soak)
{
	char heading[160];

	qb_text_format(heading, sizeof(heading), "%s: %zu of %zu times %g s were not quiet%s",
		soak->noisy ? "noisy" : "quiet", soak->noisy, soak->n,
		(double)QB_SOAK_BLOCK_NS / 1e9, soak->interrupted ? " (ended early)" : "");
	qb_query_heading(heading);
	qb_query_section("what took the time, on average");
	for (size_t i = 0; i < soak->n_causes && i < SHOWN; i++)
		print_cause(soak, &soak->causes[i]);
}

static void put_blocks(struct qb_json *json, const struct qb_soak *soak)
{
	qb_json_array(json, "blocks");
	for (size_t i = 0; i < soak->n; i++) {
		const struct qb_soak_block *block = &soak->blocks[i];

		qb_json_object(json, NULL);
		qb_json_number(json, "at_ns", block->at_ns);
		qb_json_text(json, "verdict", qb_noise_verdict_name(block->verdict));
		for (int m = 0; m < QB_NOISE_METRIC_COUNT; m++)
			qb_json_share(json,
				m == QB_NOISE_LONGEST_METRIC
					? "longest_ns"
					: qb_noise_metric_name((enum qb_noise_metric)m),
				block->mean[m]);
		qb_json_text(json, "culprit", *block->cause ? block->cause : NULL);
		qb_json_end(json);
	}
	qb_json_end(json);
}

int qb_soak_json(const struct qb_soak *soak, const struct qb_host *host, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();

	qb_json_text(json, "schema", "quietbench/soak/1");
	qb_json_object(json, "host");
	qb_json_host(json, host);
	qb_json_end(json);
	qb_json_text(json, "verdict", soak->noisy ? "noisy" : "quiet");
	qb_json_bool(json, "interrupted", soak->interrupted);
	qb_json_number(json, "block_ns", QB_SOAK_BLOCK_NS);
	qb_json_number(json, "noisy", (int64_t)soak->noisy);
	put_blocks(json, soak);
	qb_json_array(json, "culprits");
	for (size_t i = 0; i < soak->n_causes; i++) {
		const struct qb_soak_cause *entry = &soak->causes[i];

		qb_json_object(json, NULL);
		qb_json_text(json, "name", entry->name);
		qb_json_text(json, "cause", qb_cause_kind_name(entry->kind));
		qb_json_number(json, "blamed", (int64_t)entry->blocks);
		qb_json_share(json, "mean", entry->sum / (double)soak->n);
		qb_json_share(json, "worst", entry->worst);
		qb_json_number(json, "last_ns", entry->last_ns);
		qb_json_end(json);
	}
	qb_json_end(json);
	return qb_json_print(json, stdout, err);
}
