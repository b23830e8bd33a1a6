/* SPDX-License-Identifier: GPL-2.0-or-later */
/* causes.h: gaps in which no other task had the CPU. */
#include "causes_internal.h"
#include "gaps.h"
#include <base/macros.h>
#include <base/text.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

/* Rates that differ by less are one. */
#define RATE_SAME 0.002

static size_t find_timer(const struct qb_sources *sources)
{
	for (size_t i = 0; i < sources->n; i++)
		if (sources->v[i].kind == QB_SOURCE_TICK)
			return i;
	return QB_GAPS_UNCOUNTED;
}

static enum qb_cause_kind kind_of(const struct qb_source *source)
{
	switch (source->kind) {
	case QB_SOURCE_TICK: return QB_CAUSE_TICK;
	case QB_SOURCE_CPU: return QB_CAUSE_IPI;
	case QB_SOURCE_DEVICE: break;
	}
	return QB_CAUSE_DEVICE;
}

static uint64_t total_of(const struct qb_measure *m, const struct qb_measure_cpu *of, size_t source)
{
	return qb_counters_risen(of->counts[source], of->counts[of->n * m->sources.n + source]);
}

static bool has_tick(const struct qb_gaps *gaps)
{
	for (size_t i = 0; i < gaps->n; i++)
		if (gaps->parts[i].of == QB_GAPS_OF_TICK)
			return true;
	return false;
}

/* The greatest of those that come as often. */
static bool is_greatest(const struct qb_gaps *gaps, const struct qb_gaps_part *part)
{
	for (size_t i = 0; i < gaps->n; i++)
		if (gaps->parts[i].of == QB_GAPS_OF_COMB && gaps->parts[i].ns > part->ns &&
			fabs(gaps->parts[i].period_ns / part->period_ns - 1) < RATE_SAME)
			return false;
	return true;
}

/* "the hypervisor's own tick, 1000/s": one of the rates that kernels tick by. */
static void name_comb(const struct qb_gaps *gaps, const struct qb_gaps_part *part, bool guest,
	char *buf, size_t size)
{
	static const double ticks[] = {100, 250, 300, 1000};
	const double rate = 1e9 / part->period_ns;
	const char *what = guest ? "a timer of the hypervisor" : "a timer that no counter shows";

	for (size_t i = 0; i < QB_ARRAY_SIZE(ticks) && guest; i++)
		if (fabs(rate / ticks[i] - 1) < RATE_SAME && is_greatest(gaps, part))
			what = "the hypervisor's own tick";
	qb_text_format(buf, size, "%s, %.*f/s", what, rate < 20 ? 1 : 0, rate);
}

/* Gaps of a timer have a length each; for all other gaps the cause is an estimate. */
static struct qb_cause cause_of(const struct qb_measure *m, const struct qb_measure_cpu *of,
	const struct qb_gaps *gaps, const struct qb_gaps_part *part)
{
	const enum qb_cause_kind below =
		of->loop->preempt.by == QB_PREEMPT_NONE
			? QB_CAUSE_UNEXPLAINED
			: (m->guest ? QB_CAUSE_HYPERVISOR : QB_CAUSE_FIRMWARE);
	const bool counted = part->source != QB_GAPS_UNCOUNTED;
	struct qb_cause cause = {.evidence = QB_EVIDENCE_ESTIMATED,
		.share = part->ns / (double)gaps->ns,
		.times = part->times,
		.typical_ns = (int64_t)part->typical_ns};

	if (counted)
		qb_text_copy(cause.name, sizeof(cause.name), m->sources.v[part->source].name);
	switch (part->of) {
	case QB_GAPS_OF_TICK:
		cause.kind = QB_CAUSE_TICK;
		qb_text_copy(cause.name, sizeof(cause.name), "timer tick");
		break;
	case QB_GAPS_OF_COMB:
		cause.kind = m->guest ? QB_CAUSE_HYPERVISOR : QB_CAUSE_FIRMWARE;
		name_comb(gaps, part, m->guest, cause.name, sizeof(cause.name));
		break;
	case QB_GAPS_OF_SOURCE:
		cause.kind = kind_of(&m->sources.v[part->source]);
		if (m->sources.v[part->source].kind == QB_SOURCE_TICK && has_tick(gaps))
			qb_text_copy(cause.name, sizeof(cause.name), "timers beside the tick");
		break;
	case QB_GAPS_OF_REST:
		cause.kind = below;
		qb_text_copy(cause.name, sizeof(cause.name),
			below == QB_CAUSE_UNEXPLAINED ? "gaps that nothing explains"
			: m->guest		      ? "the hypervisor, at no regular times"
						      : "firmware, or what no counter shows");
		break;
	case QB_GAPS_OF_SHORT:
		cause.kind = QB_CAUSE_UNEXPLAINED;
		qb_text_copy(cause.name, sizeof(cause.name), "too short for an interrupt");
		break;
	}
	if (part->period_ns > 0 && (part->of != QB_GAPS_OF_TICK || gaps->tick_seen))
		cause.evidence = QB_EVIDENCE_MEASURED;
	return cause;
}

/* Some parts can be one cause: a source's combs and its other gaps. */
static void add_part(struct qb_causes *causes, const struct qb_cause *cause)
{
	for (size_t i = 0; i < causes->n; i++)
		if (causes->v[i].kind == cause->kind && causes->v[i].share >= 0 &&
			strcmp(causes->v[i].name, cause->name) == 0) {
			causes->v[i].share += cause->share;
			causes->v[i].times += cause->times;
			return;
		}
	qb_causes_add(causes, cause);
}

static void add_rest(
	struct qb_causes *causes, enum qb_cause_kind kind, const char *name, double share)
{
	struct qb_cause cause = {.kind = kind, .evidence = QB_EVIDENCE_ESTIMATED, .share = share};

	qb_text_copy(cause.name, sizeof(cause.name), name);
	if (share > causes->interrupted / 20 && share > 1e-6)
		qb_causes_add(causes, &cause);
}

/* The stretch of time of which every gap is known. */
static int64_t known_ns(const struct qb_measure_cpu *of)
{
	const int64_t ns = (int64_t)of->n * QB_VERDICT_WINDOW_NS;
	const struct qb_loop *loop = of->loop;
	int64_t last;

	if (!loop->gaps_unkept || !loop->n_gaps)
		return ns;
	last = loop->gaps[loop->n_gaps - 1].at_ns / QB_VERDICT_WINDOW_NS * QB_VERDICT_WINDOW_NS;
	return last > 0 && last < ns ? last : ns;
}

int qb_causes_find_interrupts(const struct qb_measure *m, const struct qb_measure_cpu *of,
	struct qb_causes *causes, struct qb_error *err)
{
	const struct qb_loop *loop = of->loop;
	struct qb_gaps gaps = {.gaps = loop->gaps,
		.n_gaps = loop->n_gaps,
		.ns = known_ns(of),
		.tick_ns = loop->tick_ns,
		.tick_at_ns = loop->tick_at_ns,
		.tick_seen = loop->tick_ns > 0,
		.tick_source = find_timer(&m->sources),
		.counts = of->counts,
		.n_sources = m->sources.n,
		.window_ns = QB_VERDICT_WINDOW_NS,
		.late_ns = QB_MEASURE_LATE_NS};
	double untagged = 0, explained = 0;
	int r;

	gaps.n_windows = (size_t)(gaps.ns / QB_VERDICT_WINDOW_NS);
	r = qb_gaps_decompose(&gaps, err);
	for (size_t i = 0; r == 0 && i < gaps.n; i++) {
		struct qb_cause cause = cause_of(m, of, &gaps, &gaps.parts[i]);

		explained += cause.share;
		add_part(causes, &cause);
	}
	for (size_t i = 0; i < of->n * QB_MEASURE_LOOPS; i++)
		untagged += (double)(loop->windows[i].gap_ns - loop->windows[i].preempted_ns) /
			    (double)(of->n * (size_t)QB_VERDICT_WINDOW_NS);
	add_rest(causes, QB_CAUSE_UNEXPLAINED, "gaps that were not kept", untagged - explained);
	add_rest(causes, QB_CAUSE_IPI, "interrupts that other tasks came with",
		causes->interrupted - untagged);
	return r;
}

/* Sources that interrupted this CPU, and have no gap of their own. */
void qb_causes_count_interrupts(
	const struct qb_measure *m, const struct qb_measure_cpu *of, struct qb_causes *causes)
{
	for (size_t i = 0; i < m->sources.n; i++) {
		const struct qb_source *source = &m->sources.v[i];
		bool known = false;

		for (size_t c = 0; c < causes->n; c++)
			known = known || strcmp(causes->v[c].name, source->name) == 0 ||
				(source->kind == QB_SOURCE_TICK &&
					causes->v[c].kind == QB_CAUSE_TICK);
		if (!known)
			qb_causes_add_counted(
				causes, kind_of(source), source->name, total_of(m, of, i));
	}
}
