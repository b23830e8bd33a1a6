/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: what is told of a measurement. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/noise.h>
#include <cli/query.h>
#include <inttypes.h>
#include <noise/advice.h>
#include <noise/hard.h>

#define CAUSES_SHOWN 6
/* Causes below this share are shown with -v only. */
#define SHARE_SHOWN 1e-5

static const struct {
	const char *name, *text;
} metrics[] = {
#define X(id, name, key, ci, bare, lab, text) {name, text},
	QB_NOISE_METRICS(X)
#undef X
};

const char *qb_noise_metric_name(enum qb_noise_metric metric)
{
	return metrics[metric].name;
}

const char *qb_noise_verdict_name(enum qb_verdict_of verdict)
{
	static const char *const names[] = {"undecided", "quiet", "noisy"};

	return names[verdict];
}

/* "2.08 %", with as many digits as say something. */
static void format_share(double share, char *buf, size_t size)
{
	double percent = share * 100;
	int digits = percent >= 1 ? 2 : percent >= 0.01 || percent <= 0 ? 3 : 5;

	qb_text_format(buf, size, "%.*f %%", digits, percent);
}

static void format_ns(double ns, char *buf, size_t size)
{
	if (ns < 1e3)
		qb_text_format(buf, size, "%.0f ns", ns);
	else if (ns < 1e6)
		qb_text_format(buf, size, "%.1f us", ns / 1e3);
	else
		qb_text_format(buf, size, "%.2f ms", ns / 1e6);
}

/* What stands for the metric in a line: the mean of a share, the worst of the gaps. */
void qb_noise_value_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size)
{
	const struct qb_metric_verdict *v = &m->verdicts[metric];

	if (!v->measured)
		qb_text_copy(buf, size, "not known");
	else if (metric == QB_NOISE_LONGEST_METRIC)
		format_ns(v->worst, buf, size);
	else
		format_share(v->mean, buf, size);
}

void qb_noise_limit_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size)
{
	double limit = (double)m->limits.of[metric];

	if (metric == QB_NOISE_LONGEST_METRIC)
		format_ns(limit, buf, size);
	else
		qb_text_format(buf, size, "%g %%", limit / 1e4);
}

void qb_noise_metric_text(
	const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size)
{
	char value[32], limit[32];

	qb_noise_value_text(m, metric, value, sizeof(value));
	qb_noise_limit_text(m, metric, limit, sizeof(limit));
	if (metric == QB_NOISE_LONGEST_METRIC)
		qb_text_format(buf, size, "%s %s (limit %s)", metrics[metric].name, value, limit);
	else
		qb_text_format(buf, size, "%s %s (above %s in %u of %u windows)",
			metrics[metric].name, value, limit, m->verdicts[metric].exceeding,
			m->verdicts[metric].windows);
}

/* What keeps it from being quiet. */
static void name_reasons(const struct qb_measure *m, char *buf, size_t size)
{
	char text[160];

	buf[0] = '\0';
	for (int i = 0; i < QB_HARD_COUNT; i++)
		if (qb_hard_is(m, (enum qb_hard)i)) {
			qb_hard_text(m, (enum qb_hard)i, text, sizeof(text));
			qb_text_join(buf, size, ", ", "%s", text);
		}
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++)
		if (m->verdict != QB_VERDICT_OF_PASS && m->verdicts[i].verdict == m->verdict) {
			qb_noise_metric_text(m, (enum qb_noise_metric)i, text, sizeof(text));
			qb_text_join(buf, size, ", ", "%s", text);
		}
}

void qb_noise_verdict_text(const struct qb_measure *m, char *buf, size_t size)
{
	char cpus[128], reasons[768];

	name_reasons(m, reasons, sizeof(reasons));
	qb_text_format(buf, size, "%s: CPU%s %s, %.1f s%s%s", qb_noise_verdict_name(m->verdict),
		m->n == 1 ? "" : "s", qb_cpus_text(&m->cpus, cpus, sizeof(cpus)),
		(double)m->ns / 1e9, *reasons ? ": " : "", reasons);
}

void qb_noise_longest_text(const struct qb_measure *m, char *buf, size_t size)
{
	const struct qb_metric_verdict *v = &m->verdicts[QB_NOISE_LONGEST_METRIC];
	char limit[32];

	qb_noise_limit_text(m, QB_NOISE_LONGEST_METRIC, limit, sizeof(limit));
	if (v->exceeding == 0)
		qb_text_format(
			buf, size, "none longer than %s in %.1f s", limit, (double)m->ns / 1e9);
	else if (v->exceeding == 1)
		qb_text_format(buf, size, "one longer than %s in %.1f s: a second would be noisy",
			limit, (double)m->ns / 1e9);
	else
		qb_text_format(buf, size, "longer than %s in %u windows of %u", limit, v->exceeding,
			v->windows);
}

/* What a row ends with. */
static void explain(const struct qb_measure *m, enum qb_noise_metric metric, char *buf, size_t size)
{
	if (metric == QB_NOISE_LONGEST_METRIC && m->verdicts[metric].measured &&
		m->limits.of[metric] >= 0)
		qb_noise_longest_text(m, buf, size);
	else
		qb_text_copy(buf, size, metrics[metric].text);
}

static void print_metrics(const struct qb_measure *m)
{
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		const struct qb_metric_verdict *v = &m->verdicts[i];
		char value[32], limit[32], text[96];

		explain(m, (enum qb_noise_metric)i, text, sizeof(text));
		qb_noise_value_text(m, (enum qb_noise_metric)i, value, sizeof(value));
		qb_noise_limit_text(m, (enum qb_noise_metric)i, limit, sizeof(limit));
		printf("  %-10s %12s   limit %-8s  %-9s  %s", metrics[i].name, value, limit,
			v->measured ? qb_noise_verdict_name(v->verdict) : "unknown", text);
		putchar('\n');
	}
}

void qb_noise_change_text(const struct qb_measure *m, char *buf, size_t size)
{
	const struct qb_detect *detect = &m->detect;
	char change[32];

	format_share(detect->change, change, sizeof(change));
	qb_text_format(buf, size, "%s with %u runs of %g s", change, detect->runs,
		(double)detect->run_ns / 1e9);
}

static void print_change(const struct qb_measure *m)
{
	const struct qb_detect *detect = &m->detect;
	char change[96], speed[32], gaps[32];

	if (!detect->runs)
		return;
	if (!detect->pieces) {
		puts("\nthe measurement ended too early to predict what runs could show");
		return;
	}
	qb_noise_change_text(m, change, sizeof(change));
	format_share(detect->speed, speed, sizeof(speed));
	format_share(detect->gaps, gaps, sizeof(gaps));
	printf("\ndetectable change: %s; the host's floor, for %zu pieces spread by %s in speed\n"
	       "and %s in gaps; the program's own spread comes on top\n",
		change, detect->pieces, speed, gaps);
}

static void print_cause(const struct qb_measure *m, const struct qb_cause *cause, double seconds)
{
	char share[32] = "", rest[48], typical[32];

	if (cause->share >= 0)
		format_share(cause->share, share, sizeof(share));
	printf("  %12s  %-44s %s", share, cause->name, qb_evidence_name(cause->evidence));
	if (cause->times)
		printf(", %.*f/s", (double)cause->times < 10 * seconds ? 1 : 0,
			(double)cause->times / seconds);
	if (cause->typical_ns) {
		format_ns((double)cause->typical_ns, typical, sizeof(typical));
		printf(" of %s", typical);
	}
	putchar('\n');
	qb_text_format(rest, sizeof(rest), "%16s", "");
	if (cause->share >= SHARE_SHOWN)
		qb_lines_wrap(stdout, rest, rest, qb_cause_advice(cause, m->applied));
}

static void print_cpu(const struct qb_measure *m, const struct qb_measure_cpu *of, bool verbose)
{
	const double seconds = (double)m->ns / 1e9;
	const struct qb_causes *causes = of->causes;
	char heading[96];

	qb_text_format(heading, sizeof(heading), "what took CPU %u's time", of->cpu);
	qb_query_section(heading);
	for (size_t i = 0; i < causes->n; i++)
		if (verbose || (i < CAUSES_SHOWN && causes->v[i].share >= SHARE_SHOWN) ||
			(causes->v[i].share < 0 && causes->v[i].kind >= QB_CAUSE_THROTTLED))
			print_cause(m, &causes->v[i], seconds);
	if (!causes->n || (!verbose && causes->v[0].share < SHARE_SHOWN))
		puts("  nothing worth a line (-v shows it)");
	if (!qb_watcher_knows(&m->watcher))
		qb_lines_wrap(stdout, "  ", "  ", m->not_watched.text);
	if (!qb_watcher_knows(&m->watcher))
		puts("  so tasks are named by their accounts of CPU time: measure as root for better");
}

/* The same CPU's interrupts and softirqs, each by its own time. */
static void print_traced(const struct qb_measure *m, const struct qb_trace_cpu *of)
{
	const double seconds = (double)m->ns / 1e9;
	char heading[96], share[32], longest[32];

	qb_text_format(heading, sizeof(heading), "interrupts on CPU %u, traced", of->cpu);
	qb_query_section(heading);
	for (size_t i = 0; i < of->n; i++) {
		const struct qb_traced *row = &of->rows[i];

		if (!row->times)
			continue;
		format_share((double)row->ns / (double)m->ns, share, sizeof(share));
		format_ns((double)row->longest_ns, longest, sizeof(longest));
		printf("  %12s  %-44s %.*f/s, longest %s\n", share, row->name,
			(double)row->times < 10 * seconds ? 1 : 0, (double)row->times / seconds,
			longest);
	}
	if (of->lost)
		printf("  and %llu events were lost\n", (unsigned long long)of->lost);
}

static void print_sources(const struct qb_measure *m)
{
	struct qb_noise_source sources[QB_NOISE_SOURCES];
	const size_t n = qb_noise_sources(m, sources);
	char first[32], text[QB_ERROR_MAX + 128];

	qb_query_section("sources of these figures");
	for (size_t i = 0; i < n; i++) {
		qb_text_format(first, sizeof(first), "  %-12s", sources[i].name);
		qb_text_format(text, sizeof(text), "%s%s%s", sources[i].what,
			sources[i].reason ? ": not here: " : "",
			sources[i].reason ? sources[i].reason : "");
		qb_lines_wrap(stdout, first, "              ", text);
	}
}

void qb_noise_print(const struct qb_measure *m, bool verbose)
{
	char verdict[1024];

	qb_noise_verdict_text(m, verdict, sizeof(verdict));
	qb_query_heading(verdict);
	print_metrics(m);
	print_change(m);
	for (size_t i = 0; i < m->n; i++)
		print_cpu(m, &m->of[i], verbose);
	for (size_t i = 0; i < m->trace.n; i++)
		print_traced(m, &m->trace.of[i]);
	if (verbose)
		print_sources(m);
}
