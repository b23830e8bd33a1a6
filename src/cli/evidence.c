/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/evidence.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* So many reasons are told, the most frequent ones. */
#define REASONS_SHOWN 3

/* ---- figures ---- */

/* The scale in which a value reads well. */
struct scale {
	double factor;
	const char *unit;
};

static struct scale scale_of(double value, const char *unit)
{
	static const struct {
		double from;
		struct scale scale;
	} times[] = {{1, {1, "s"}}, {1e-3, {1e3, "ms"}}, {1e-6, {1e6, "us"}}, {0, {1e9, "ns"}}};

	if (strcmp(unit, QB_UNIT_SECONDS) != 0)
		return (struct scale){1, unit};
	for (size_t i = 0; i < QB_ARRAY_SIZE(times); i++)
		if (fabs(value) >= times[i].from)
			return times[i].scale;
	return times[QB_ARRAY_SIZE(times) - 1].scale;
}

/* Four digits that count. */
static void format_number(double value, char *buf, size_t size)
{
	const double magnitude = fabs(value);

	if (magnitude >= 1e6 || (magnitude > 0 && magnitude < 1e-3))
		qb_text_format(buf, size, "%.4g", value);
	else
		qb_text_format(buf, size, "%.*f",
			magnitude >= 1000  ? 0
			: magnitude >= 100 ? 1
			: magnitude >= 10  ? 2
					   : 3,
			value);
}

void qb_evidence_value(double value, const char *unit, char *buf, size_t size)
{
	const struct scale scale = scale_of(value, unit);
	char number[32];

	format_number(value * scale.factor, number, sizeof(number));
	qb_text_format(buf, size, "%s%s%s", number, *scale.unit ? " " : "", scale.unit);
}

void qb_evidence_percent(double share, double half, char *buf, size_t size)
{
	const double width = fabs(half) * 100;

	if (fabs(share) >= 1e6) /* of things that have nothing in common */
		qb_text_format(buf, size, "%.3g %%", share * 100);
	else
		qb_text_format(buf, size, "%.*f %%",
			width >= 0.2	? 1
			: width >= 0.02 ? 2
					: 3,
			share * 100);
}

void qb_evidence_description(const struct qb_described *d, const char *unit, char *buf, size_t size)
{
	const struct scale scale = scale_of(d->median, unit);
	const double values[] = {d->median, d->low, d->high, d->min, d->max};
	char of[QB_ARRAY_SIZE(values)][32], interval[72] = "";

	for (size_t i = 0; i < QB_ARRAY_SIZE(values); i++)
		format_number(values[i] * scale.factor, of[i], sizeof(of[i]));
	if (d->covered)
		qb_text_format(interval, sizeof(interval), " [%s, %s]", of[1], of[2]);
	qb_text_format(buf, size, "median %s%s%s%s, MNAD %.2f %%, %s to %s", of[0],
		*scale.unit ? " " : "", scale.unit, interval, d->mnad * 100, of[3], of[4]);
}

void qb_evidence_course(
	const struct qb_change *change, size_t warm_ups, const char *unit, char *buf, size_t size)
{
	const size_t steady = warm_ups + change->steady; /* by the number of all runs */
	char first[48], before[48], last[48];

	*buf = '\0';
	qb_evidence_value(change->first, unit, first, sizeof(first));
	qb_evidence_value(change->before, unit, before, sizeof(before));
	qb_evidence_value(change->last, unit, last, sizeof(last));
	switch (change->course) {
	case QB_COURSE_UNKNOWN:
	case QB_COURSE_FLAT: break;
	case QB_COURSE_WARM_UP:
		qb_text_format(buf, size,
			"the first %zu run%s warm-up, from %s to %s: -w %zu leaves them out",
			change->steady, change->steady == 1 ? " is" : "s are", first, last,
			change->steady);
		break;
	case QB_COURSE_SLOWDOWN:
		qb_text_format(buf, size, "slower from run %zu on: %s, after %s", steady + 1, last,
			before);
		break;
	case QB_COURSE_UNSTEADY:
		qb_text_format(buf, size,
			"no steady state: its level changed until the end; more runs, or a longer warm-up, may tell");
		break;
	}
}

/* ---- differences ---- */

/* What a logarithm means for people: how much less or more of A's figure B has, and in which word. */
static double change_of(double log_ratio)
{
	return fabs(expm1(log_ratio));
}

static const char *word_for(bool less, const struct qb_evidence_terms *terms)
{
	if (strcmp(terms->unit, QB_UNIT_SECONDS) == 0)
		return less ? "faster" : "slower";
	return less ? "lower" : "higher";
}

/* Both ends on the same side of 0 have one word; else each has its sign. */
void qb_evidence_interval(const struct qb_interval *interval, const struct qb_evidence_terms *terms,
	char *buf, size_t size)
{
	const double low = expm1(interval->low), high = expm1(interval->high);
	const double half = (high - low) / 2;
	const bool less = interval->high < 0, one_sided = less || interval->low > 0;
	char middle[24], from[24], to[24];

	qb_evidence_percent(one_sided ? change_of(interval->middle) : expm1(interval->middle), half,
		middle, sizeof(middle));
	qb_evidence_percent(less ? -high : low, half, from, sizeof(from));
	qb_evidence_percent(less ? -low : high, half, to, sizeof(to));
	if (one_sided)
		qb_text_format(
			buf, size, "%s %s [%s, %s]", middle, word_for(less, terms), from, to);
	else
		qb_text_format(buf, size, "%s%s [%s, %s%s]", interval->middle > 0 ? "+" : "",
			middle, from, interval->high > 0 ? "+" : "", to);
}

void qb_evidence_claim(enum qb_claim claim, const struct qb_difference *difference,
	const struct qb_evidence_terms *terms, char *buf, size_t size)
{
	const struct qb_interval *i = &difference->interval;
	char interval[128], limit[24], needed[96] = "";

	qb_evidence_interval(i, terms, interval, sizeof(interval));
	qb_evidence_percent(expm1(terms->precision), terms->precision / 4, limit, sizeof(limit));
	switch (claim) {
	case QB_CLAIM_LESS:
	case QB_CLAIM_MORE: {
		char *bracket = strchr(interval, '[');

		if (bracket && bracket > interval)
			bracket[-1] = '\0';
		qb_text_format(buf, size, "%s is %s than %s%s%s", terms->b, interval, terms->a,
			bracket ? " " : "", bracket ? bracket : "");
		return;
	}
	case QB_CLAIM_SAME:
		qb_text_format(buf, size, "no difference above %s between %s and %s: %s", limit,
			terms->a, terms->b, interval);
		return;
	case QB_CLAIM_UNDECIDED:
		if (terms->precision > 0)
			qb_text_format(needed, sizeof(needed),
				"; if there is no difference, about %.0f would show it (above %s)",
				qb_difference_needed(difference, terms->precision), limit);
		qb_text_format(buf, size, "undecided: %s against %s %s, after %u runs each%s",
			terms->b, terms->a, interval, terms->rounds, needed);
		return;
	}
}

/* ---- what disturbed ---- */

static bool counts(const struct qb_sample *sample, int program)
{
	return !sample->warm_up && !sample->repeated &&
	       (program < 0 || sample->program == (unsigned)program);
}

/* Reasons differ in their figures: they are the same up to the first digit. */
static bool is_same(const char *a, const char *b)
{
	const size_t n = strcspn(a, "0123456789");

	return n == strcspn(b, "0123456789") && strncmp(a, b, n) == 0;
}

static void count_reason(struct qb_evidence_disturbed *d, const char *reason)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(d->of); i++)
		if (!d->of[i].reason || is_same(d->of[i].reason, reason)) {
			d->of[i].reason = d->of[i].reason ? d->of[i].reason : reason;
			d->of[i].n++;
			return;
		}
}

static int by_number(const void *a, const void *b)
{
	const struct qb_evidence_reason *x = a, *y = b;

	return (x->n < y->n) - (x->n > y->n);
}

struct qb_evidence_disturbed qb_evidence_disturbances(
	const struct qb_experiment *experiment, int program)
{
	struct qb_evidence_disturbed d = {0};

	for (size_t i = 0; i < experiment->n; i++) {
		const struct qb_sample *sample = &experiment->samples[i];

		if (!counts(sample, program))
			continue;
		d.runs++;
		d.n += sample->noise == QB_NOISE_NOISY;
		d.unknown += sample->noise == QB_NOISE_UNKNOWN;
		if (sample->noise != QB_NOISE_QUIET && sample->reason)
			count_reason(&d, sample->reason);
	}
	qsort(d.of, QB_ARRAY_SIZE(d.of), sizeof(d.of[0]), by_number);
	return d;
}

void qb_evidence_disturbance(const struct qb_evidence_disturbed *d, char *buf, size_t size)
{
	*buf = '\0';
	if (d->n)
		qb_text_append(buf, size, "%zu of %zu runs disturbed", d->n, d->runs);
	if (d->unknown)
		qb_text_append(buf, size, "%s%zu of %zu not known to be quiet", d->n ? ", " : "",
			d->unknown, d->runs);
	for (size_t i = 0; i < REASONS_SHOWN && d->of[i].reason; i++) {
		qb_text_append(buf, size, "%s%s", i ? "; " : ": ", d->of[i].reason);
		if (d->of[i].n > 1) /* its figures are those of one of them */
			qb_text_append(buf, size, " (%zu alike)", d->of[i].n);
	}
}
