/* SPDX-License-Identifier: GPL-2.0-or-later */
/* noise.h: what is told of a measurement. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/noise.h>
#include <cli/query.h>
#include <inttypes.h>

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

static const char *verdict_name(enum qb_verdict_of verdict)
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
static void format_value(
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

static void format_limit(
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

	format_value(m, metric, value, sizeof(value));
	format_limit(m, metric, limit, sizeof(limit));
	if (metric == QB_NOISE_LONGEST_METRIC)
		qb_text_format(buf, size, "%s %s (limit %s)", metrics[metric].name, value, limit);
	else
		qb_text_format(buf, size, "%s %s (above %s in %u of %u windows)",
			metrics[metric].name, value, limit, m->verdicts[metric].exceeding,
			m->verdicts[metric].windows);
}

/* The metrics that keep it from being quiet. */
static void name_metrics(
	const struct qb_measure *m, enum qb_verdict_of which, char *buf, size_t size)
{
	buf[0] = '\0';
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		size_t used = strlen(buf);
		char text[96];

		if (m->verdicts[i].verdict != which)
			continue;
		qb_noise_metric_text(m, (enum qb_noise_metric)i, text, sizeof(text));
		qb_text_format(buf + used, size - used, "%s%s", used ? ", " : "", text);
	}
}

void qb_noise_verdict_text(const struct qb_measure *m, char *buf, size_t size)
{
	char cpus[128], reasons[512];

	if (qb_cpus_format_list(&m->cpus, cpus, sizeof(cpus)) < 0)
		qb_text_copy(cpus, sizeof(cpus), "many");
	name_metrics(m, m->verdict, reasons, sizeof(reasons));
	qb_text_format(buf, size, "%s: CPU%s %s, %.1f s%s%s", verdict_name(m->verdict),
		m->n == 1 ? "" : "s", cpus, (double)m->ns / 1e9,
		m->verdict == QB_VERDICT_OF_PASS ? "" : ": ",
		m->verdict == QB_VERDICT_OF_PASS ? "" : reasons);
}

static void print_metrics(const struct qb_measure *m)
{
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		const struct qb_metric_verdict *v = &m->verdicts[i];
		char value[32], limit[32];

		format_value(m, (enum qb_noise_metric)i, value, sizeof(value));
		format_limit(m, (enum qb_noise_metric)i, limit, sizeof(limit));
		printf("  %-10s %12s   limit %-8s  %-9s  %s", metrics[i].name, value, limit,
			v->measured ? verdict_name(v->verdict) : "unknown", metrics[i].text);
		putchar('\n');
	}
}

static void print_cause(const struct qb_cause *cause, double seconds)
{
	char share[32] = "", rest[48];

	if (cause->share >= 0)
		format_share(cause->share, share, sizeof(share));
	printf("  %12s  %-44s %s", share, cause->name, qb_evidence_name(cause->evidence));
	if (cause->times)
		printf(", %.*f/s", (double)cause->times < 10 * seconds ? 1 : 0,
			(double)cause->times / seconds);
	putchar('\n');
	qb_text_format(rest, sizeof(rest), "%16s", "");
	if (cause->share >= SHARE_SHOWN)
		qb_lines_wrap(stdout, rest, rest, qb_cause_advice(cause->kind));
}

static int print_cpu(const struct qb_measure *m, const struct qb_measure_cpu *of, bool verbose,
	struct qb_error *err)
{
	const double seconds = (double)m->ns / 1e9;
	struct qb_causes causes;
	char heading[96];
	int r = qb_causes_find(m, of, &causes, err);

	if (r < 0)
		return r;
	qb_text_format(heading, sizeof(heading), "what took CPU %u's time", of->cpu);
	qb_query_section(heading);
	for (size_t i = 0; i < causes.n; i++)
		if (verbose || (i < CAUSES_SHOWN && causes.v[i].share >= SHARE_SHOWN) ||
			(causes.v[i].share < 0 && causes.v[i].kind >= QB_CAUSE_THROTTLED))
			print_cause(&causes.v[i], seconds);
	if (!causes.n || (!verbose && causes.v[0].share < SHARE_SHOWN))
		puts("  nothing worth a line (-v shows it)");
	if (of->switches.fd < 0)
		qb_lines_wrap(stdout, "  ", "  ", of->no_switches.text);
	if (of->switches.fd < 0)
		puts("  so tasks are named by their accounts of CPU time: measure as root for better");
	return 0;
}

int qb_noise_print(const struct qb_measure *m, bool verbose, struct qb_error *err)
{
	const struct qb_loop *loop = m->of[0].loop;
	char verdict[768];
	int r = 0;

	qb_noise_verdict_text(m, verdict, sizeof(verdict));
	qb_query_heading(verdict);
	print_metrics(m);
	for (size_t i = 0; i < m->n && r == 0; i++)
		r = print_cpu(m, &m->of[i], verbose, err);
	if (r == 0 && verbose)
		printf("\nclock: %s; preemptions told by %s\n",
			loop->direct ? "the CPU's own counter" : "fallback (clock_gettime)",
			qb_preempt_name(loop->preempt.by));
	return r;
}

/* ---- JSON ---- */

static void put_metrics(struct qb_json *json, const struct qb_measure *m)
{
	qb_json_object(json, "metrics");
	for (int i = 0; i < QB_NOISE_METRIC_COUNT; i++) {
		const struct qb_metric_verdict *v = &m->verdicts[i];
		const bool longest = i == QB_NOISE_LONGEST_METRIC;

		qb_json_object(json, metrics[i].name);
		qb_json_text(json, "verdict", v->measured ? verdict_name(v->verdict) : "unknown");
		if (longest) {
			qb_json_number(json, "limit_ns", m->limits.of[i]);
			qb_json_number(json, "worst_ns", (int64_t)v->worst);
		} else {
			qb_json_share(json, "limit", (double)m->limits.of[i] / 1e6);
			qb_json_share(json, "mean", v->measured ? v->mean : -1);
			qb_json_share(json, "worst", v->measured ? v->worst : -1);
		}
		qb_json_number(json, "windows", v->windows);
		qb_json_number(json, "exceeding", v->exceeding);
		qb_json_share(json, "independent", v->effective);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static void put_longest(struct qb_json *json, const struct qb_loop *loop)
{
	qb_json_array(json, "longest");
	for (int i = 0; i < QB_LOOP_LONGEST && loop->longest[i].ns; i++) {
		qb_json_object(json, NULL);
		qb_json_number(json, "at_ns", loop->longest[i].at_ns);
		qb_json_number(json, "ns", loop->longest[i].ns);
		qb_json_bool(json, "preempted", loop->longest[i].preempted);
		qb_json_end(json);
	}
	qb_json_end(json);
}

static int put_cpu(struct qb_json *json, const struct qb_measure *m,
	const struct qb_measure_cpu *of, struct qb_error *err)
{
	struct qb_causes causes;
	int r = qb_causes_find(m, of, &causes, err);

	if (r < 0)
		return r;
	qb_json_object(json, NULL);
	qb_json_number(json, "cpu", of->cpu);
	qb_json_number(
		json, "started_ns", of->loop->started_ns); /* CLOCK_MONOTONIC, as perf's -k mono */
	qb_json_share(json, "preempted", causes.preempted);
	qb_json_number(json, "preemptions", (int64_t)causes.preemptions);
	qb_json_share(json, "interrupted", causes.interrupted);
	qb_json_share(json, "chunk_ns", of->chunk_ns);
	qb_json_text(json, "clock", of->loop->direct ? "direct" : "fallback");
	qb_json_text(json, "preemptions_by", qb_preempt_name(of->loop->preempt.by));
	qb_json_text(json, "names_by", of->switches.fd >= 0 ? "switches" : "accounts");
	qb_json_text(json, "no_switches", of->switches.fd >= 0 ? NULL : of->no_switches.text);
	qb_json_array(json, "causes");
	for (size_t i = 0; i < causes.n; i++) {
		const struct qb_cause *cause = &causes.v[i];

		qb_json_object(json, NULL);
		qb_json_text(json, "cause", qb_cause_kind_name(cause->kind));
		qb_json_text(json, "name", cause->name);
		qb_json_share(json, "share", cause->share);
		qb_json_number(json, "times", (int64_t)cause->times);
		qb_json_text(json, "evidence", qb_evidence_name(cause->evidence));
		qb_json_text(json, "advice", qb_cause_advice(cause->kind));
		qb_json_end(json);
	}
	qb_json_end(json);
	put_longest(json, of->loop);
	qb_json_end(json);
	return 0;
}

int qb_noise_json(struct qb_json *json, const struct qb_measure *m, struct qb_error *err)
{
	int r = 0;

	qb_json_text(json, "verdict", verdict_name(m->verdict));
	qb_json_number(json, "duration_ns", m->ns);
	qb_json_number(json, "looks", m->looked);
	qb_json_cpus(json, "cpus", &m->cpus);
	put_metrics(json, m);
	qb_json_array(json, "of");
	for (size_t i = 0; i < m->n && r == 0; i++)
		r = put_cpu(json, m, &m->of[i], err);
	qb_json_end(json);
	return r;
}
