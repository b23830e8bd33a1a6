/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h: what is read from what a command printed or wrote. The formats are those of Criterion.rs 0.5
 * (estimates.json), Google Benchmark (--benchmark_format=json), hyperfine (--export-json), pyperf (-o)
 * and perf stat (-x,). Times become seconds.
 */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <cli/figures.h>
#include <cli/json.h>
#include <errno.h>
#include <fts.h>
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef int read_function(const char *argument, struct qb_measure_source *source,
	struct qb_figures *ret, struct qb_error *err);

/* Beyond these not even a variance, or a ratio, is a number. */
#define FIGURE_MIN 1e-100
#define FIGURE_MAX 1e100
/* File systems' clocks tick this coarsely. */
#define TICK_NS 20000000

/* ---- numbers ---- */

/* How many seconds a unit is; 0: it is none of time. */
static double seconds_of(const char *unit)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"μs", 1e-6}, {"usec", 1e-6},
		{"ms", 1e-3}, {"msec", 1e-3}, {"s", 1}, {"sec", 1}, {"min", 60}};

	for (size_t i = 0; i < QB_ARRAY_SIZE(units); i++)
		if (strcmp(units[i].unit, unit) == 0)
			return units[i].seconds;
	return 0;
}

/* All figures of a run have one unit. */
static int add(struct qb_figures *ret, const char *name, double value, const char *unit,
	struct qb_error *err)
{
	const double seconds = seconds_of(unit);

	if (seconds > 0) {
		value *= seconds;
		unit = QB_UNIT_SECONDS;
	}
	if (!(value > FIGURE_MIN && value < FIGURE_MAX))
		return qb_error_set(err, EBADMSG,
			"%s is %g: only positive figures can be compared%s",
			*name ? name : "the figure", value,
			value > 0 ? ", from 1e-100 to 1e100" : "");
	if (ret->n && strcmp(ret->unit, unit) != 0)
		return qb_error_set(err, EBADMSG, "%s has %s%s, other figures have %s%s", name,
			*unit ? "the unit " : "no unit", unit, *ret->unit ? "the unit " : "none",
			ret->unit);
	qb_text_copy(ret->unit, sizeof(ret->unit), unit);
	return qb_figures_add(ret, name, value, err);
}

/* "12.3 ms", "1,234", "7": a number, then perhaps its unit. */
static int add_text(
	struct qb_figures *ret, const char *name, const char *text, struct qb_error *err)
{
	char plain[64], *end;
	size_t n = 0;
	double value;

	for (; *text && n + 1 < sizeof(plain); text++) /* thousands are set apart by many tools */
		if (*text != ',')
			plain[n++] = *text;
	plain[n] = '\0';
	value = strtod(plain, &end);
	if (end == plain)
		return qb_error_set(err, EBADMSG, "no number in \"%s\"", plain);
	end += strspn(end, " \t");
	end[strcspn(end, " \t\n")] = '\0';
	return add(ret, name, value, end, err);
}

/* ---- by pattern and by pointer ---- */

static int read_regex(const char *pattern, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	regmatch_t match[2];
	regex_t regex;
	char text[64];
	int r;

	if (strlen(source->output) < source->size)
		return qb_error_set(err, EBADMSG, "the command printed a NUL: no text to search");
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE) != 0) /* judged before */
		return qb_error_set(err, EINVAL, "--measure regex: no pattern");
	r = regexec(&regex, source->output, QB_ARRAY_SIZE(match), match, 0);
	regfree(&regex);
	if (r != 0 || match[1].rm_so < 0)
		return qb_error_set(err, EBADMSG,
			"regex:%s matches nothing of what the command printed", pattern);
	qb_text_format(text, sizeof(text), "%.*s", (int)(match[1].rm_eo - match[1].rm_so),
		source->output + match[1].rm_so);
	return add_text(ret, "", text, err);
}

/* ---- tools ---- */

/* A file that this run did not write is another run's, and its figures are, too. */
static int judge_fresh(const char *file, struct qb_measure_source *source, struct qb_error *err)
{
	struct stat st;
	int64_t ns;

	if (stat(file, &st) < 0)
		return qb_error_errno(err, errno, "look at %s", file);
	ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	if (ns < source->begun_ns - TICK_NS || ns <= source->read_before_ns)
		return qb_error_set(err, EBADMSG,
			"%s is older than the run: the command did not write it", file);
	if (ns > source->read_ns)
		source->read_ns = ns;
	return 0;
}

/* The document: of a file, or what was printed. */
static int load(const char *file, struct qb_measure_source *source, struct qb_json_value **ret,
	struct qb_error *err)
{
	if (!file && !source->size)
		return qb_error_set(err, EBADMSG, "the command printed nothing");
	if (!file)
		return qb_json_parse(source->output, source->size, ret, err);
	return judge_fresh(file, source, err) < 0 ? -err->code : qb_json_read(file, ret, err);
}

static int read_json(const char *pointer, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	_cleanup_(qb_json_value_freep) struct qb_json_value *json = NULL;
	const struct qb_json_value *value;
	const char *text;
	double number;
	int r = load(NULL, source, &json, err);

	if (r < 0)
		return r;
	value = qb_json_at(json, pointer);
	if (qb_json_to_number(value, &number))
		return add(ret, "", number, "", err);
	if (qb_json_to_text(value, &text))
		return add_text(ret, "", text, err);
	return qb_error_set(
		err, EBADMSG, "json:%s: no number there in what the command printed", pointer);
}

/* Member `key` of the i-th of an array, as a number or a text. */
static bool number_of(const struct qb_json_value *array, size_t i, const char *key, double *ret)
{
	char pointer[96];

	qb_text_format(pointer, sizeof(pointer), "/%zu/%s", i, key);
	return qb_json_to_number(qb_json_at(array, pointer), ret);
}

static const char *text_of(const struct qb_json_value *array, size_t i, const char *key)
{
	const char *text = "";
	char pointer[96];

	qb_text_format(pointer, sizeof(pointer), "/%zu/%s", i, key);
	(void)qb_json_to_text(qb_json_at(array, pointer), &text);
	return text;
}

static int none(const char *tool, const struct qb_figures *ret, struct qb_error *err)
{
	return ret->n ? 0
		      : qb_error_set(err, EBADMSG,
				"%s: there is no benchmark in what the command wrote", tool);
}

/* With repetitions and aggregates the median of them, else each time (the last one of a name counts). */
static int read_google(const char *file, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	_cleanup_(qb_json_value_freep) struct qb_json_value *json = NULL;
	const struct qb_json_value *all;
	bool aggregated = false;
	int r = load(file, source, &json, err);

	if (r < 0)
		return r;
	all = qb_json_at(json, "/benchmarks");
	for (size_t i = 0; i < qb_json_size(all); i++)
		aggregated |= strcmp(text_of(all, i, "aggregate_name"), "median") == 0;
	for (size_t i = 0; i < qb_json_size(all) && r == 0; i++) {
		const char *name = text_of(all, i, aggregated ? "run_name" : "name");
		double value;

		if (strcmp(text_of(all, i, "aggregate_name"), aggregated ? "median" : "") != 0)
			continue;
		r = number_of(all, i, "real_time", &value)
			    ? add(ret, name, value, text_of(all, i, "time_unit"), err)
			    : qb_error_set(err, EBADMSG, "google: %s has no real_time: %s",
				      *name ? name : "a benchmark without a name",
				      text_of(all, i, "error_message"));
	}
	return r < 0 ? r : none("google", ret, err);
}

/* Its names are commands: one alone has none, for that of the other side is another. */
static int read_hyperfine(const char *file, struct qb_measure_source *source,
	struct qb_figures *ret, struct qb_error *err)
{
	_cleanup_(qb_json_value_freep) struct qb_json_value *json = NULL;
	const struct qb_json_value *all;
	int r = load(file, source, &json, err);

	if (r < 0)
		return r;
	all = qb_json_at(json, "/results");
	for (size_t i = 0; i < qb_json_size(all) && r == 0; i++) {
		double value;

		r = number_of(all, i, "median", &value)
			    ? add(ret, qb_json_size(all) > 1 ? text_of(all, i, "command") : "",
				      value, "s", err)
			    : qb_error_set(err, EBADMSG, "hyperfine: result %zu has no median", i);
	}
	return r < 0 ? r : none("hyperfine", ret, err);
}

/* The mean of all values of all runs. 0: there are none. */
static double pyperf_mean(const struct qb_json_value *benchmarks, size_t i)
{
	const struct qb_json_value *runs, *values;
	double sum = 0, value;
	size_t n = 0;
	char pointer[64];

	qb_text_format(pointer, sizeof(pointer), "/%zu/runs", i);
	runs = qb_json_at(benchmarks, pointer);
	for (size_t run = 0; run < qb_json_size(runs); run++) {
		qb_text_format(pointer, sizeof(pointer), "/%zu/values", run);
		values = qb_json_at(runs, pointer);
		for (size_t j = 0; j < qb_json_size(values); j++) {
			qb_text_format(pointer, sizeof(pointer), "/%zu", j);
			if (qb_json_to_number(qb_json_at(values, pointer), &value)) {
				sum += value;
				n++;
			}
		}
	}
	return n ? sum / (double)n : 0;
}

static int read_pyperf(const char *file, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	_cleanup_(qb_json_value_freep) struct qb_json_value *json = NULL;
	const struct qb_json_value *all;
	const char *common = "";
	int r = load(file, source, &json, err);

	if (r < 0)
		return r;
	all = qb_json_at(json, "/benchmarks");
	(void)qb_json_to_text(qb_json_at(json, "/metadata/name"), &common);
	for (size_t i = 0; i < qb_json_size(all) && r == 0; i++) {
		const char *name = text_of(all, i, "metadata/name");

		r = add(ret, *name ? name : common, pyperf_mean(all, i), "s", err);
	}
	return r < 0 ? r : none("pyperf", ret, err);
}

/* One benchmark's folder: …/new/estimates.json, and benchmark.json beside it for its name. */
static int add_criterion(const char *path, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	_cleanup_(qb_json_value_freep) struct qb_json_value *estimates = NULL, *benchmark = NULL;
	const char *name = path;
	char beside[4096];
	double median;
	int r;

	/* Of benchmarks that this run left out there are older ones: not its figures. */
	if (judge_fresh(path, source, err) < 0) {
		*err = (struct qb_error){0};
		return 0;
	}
	r = qb_json_read(path, &estimates, err);
	if (r < 0)
		return r;
	qb_text_format(beside, sizeof(beside), "%.*s/benchmark.json",
		(int)(strrchr(path, '/') - path), path);
	r = qb_json_read(beside, &benchmark, err);
	if (r < 0)
		return r;
	(void)qb_json_to_text(qb_json_at(benchmark, "/full_id"), &name);
	if (!qb_json_to_number(qb_json_at(estimates, "/median/point_estimate"), &median))
		return qb_error_set(err, EBADMSG, "%s has no median", path);
	return add(ret, name, median, "ns", err);
}

static int read_criterion(const char *argument, struct qb_measure_source *source,
	struct qb_figures *ret, struct qb_error *err)
{
	const char *dir = argument ? argument : "target/criterion";
	char *const roots[] = {(char *)dir, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;
	int r = 0;

	if (!tree)
		return qb_error_errno(err, errno, "look into %s", dir);
	while (r == 0 && (entry = fts_read(tree)) != NULL)
		if (entry->fts_info == FTS_F && strcmp(entry->fts_name, "estimates.json") == 0 &&
			entry->fts_level > 1 && strcmp(entry->fts_parent->fts_name, "new") == 0)
			r = add_criterion(entry->fts_path, source, ret, err);
	fts_close(tree);
	if (r == 0 && !ret->n)
		r = qb_error_set(err, EBADMSG,
			"criterion: there is no */new/estimates.json of this run in %s; did the benchmark write it?",
			dir);
	return r;
}

/* "1234567,,instructions,…" on standard error: the counter's line. */
static int read_perf(const char *event, struct qb_measure_source *source, struct qb_figures *ret,
	struct qb_error *err)
{
	for (const char *line = source->output; *line;) {
		const size_t n = strcspn(line, "\n");
		char value[64] = "", unit[32] = "", name[128] = "";
		const size_t first = strcspn(line, ",\n");
		const size_t second =
			line[first] == ',' ? first + 1 + strcspn(line + first + 1, ",\n") : n;

		if (second < n) {
			const size_t third = second + 1 + strcspn(line + second + 1, ",\n");

			qb_text_format(value, sizeof(value), "%.*s", (int)first, line);
			qb_text_format(unit, sizeof(unit), "%.*s", (int)(second - first - 1),
				line + first + 1);
			qb_text_format(name, sizeof(name), "%.*s", (int)(third - second - 1),
				line + second + 1);
		}
		if (strcmp(name, event) == 0 && *value == '<')
			return qb_error_set(err, EBADMSG, "perf:%s: %s here", event, value);
		if (strcmp(name, event) == 0)
			return add(ret, "", strtod(value, NULL), *unit ? unit : event, err);
		line += n + (line[n] != '\0');
	}
	return qb_error_set(err, EBADMSG,
		"perf:%s: no such counter in what the command printed on standard error: perf stat -x, -e %s",
		event, event);
}

/* ---- the kinds ---- */

static const struct {
	const char *name;
	bool needs;	      /* an argument */
	const char *argument; /* as help has it */
	read_function *read;
} kinds[] = {
	[QB_MEASURE_TIME] = {"time", false, "", NULL},
	[QB_MEASURE_REGEX] = {"regex", true, ":PATTERN", read_regex},
	[QB_MEASURE_JSON] = {"json", true, ":POINTER", read_json},
	[QB_MEASURE_CRITERION] = {"criterion", false, "[:DIR]", read_criterion},
	[QB_MEASURE_GOOGLE] = {"google", false, "[:FILE]", read_google},
	[QB_MEASURE_HYPERFINE] = {"hyperfine", false, "[:FILE]", read_hyperfine},
	[QB_MEASURE_PYPERF] = {"pyperf", false, "[:FILE]", read_pyperf},
	[QB_MEASURE_PERF] = {"perf", true, ":COUNTER", read_perf},
};

static int judge_pattern(const char *pattern, struct qb_error *err)
{
	char why[128];
	regex_t regex;
	size_t groups;
	int r = regcomp(&regex, pattern, REG_EXTENDED);

	if (r != 0) {
		regerror(r, &regex, why, sizeof(why));
		return qb_error_set(err, EINVAL, "--measure regex:%s: %s", pattern, why);
	}
	groups = regex.re_nsub;
	regfree(&regex);
	if (!groups)
		return qb_error_set(err, EINVAL,
			"--measure regex:%s: put the number into a group, e.g. regex:time: ([0-9.]+ ms)",
			pattern);
	return 0;
}

int qb_measure_parse(const char *text, struct qb_measure_spec *ret, struct qb_error *err)
{
	const size_t n = text ? strcspn(text, ":") : 0;
	char known[256] = "";

	*ret = (struct qb_measure_spec){.kind = QB_MEASURE_TIME};
	if (!text)
		return 0;
	for (size_t i = 0; i < QB_ARRAY_SIZE(kinds); i++) {
		const char *argument = text[n] ? text + n + 1 : NULL;

		qb_text_join(known, sizeof(known), ", ", "%s%s", kinds[i].name, kinds[i].argument);
		if (strlen(kinds[i].name) != n || strncmp(kinds[i].name, text, n) != 0)
			continue;
		if (kinds[i].needs ? !argument || !*argument : argument && !*argument)
			return qb_error_set(err, EINVAL, "--measure %s: expected %s%s", text,
				kinds[i].name, kinds[i].argument);
		if (i == QB_MEASURE_REGEX && judge_pattern(argument, err) < 0)
			return -EINVAL;
		*ret = (struct qb_measure_spec){
			.kind = (enum qb_measure_kind)i, .argument = argument};
		return 0;
	}
	return qb_error_set(err, EINVAL, "--measure %s: expected one of %s", text, known);
}

void qb_measure_words(char *buf, size_t size)
{
	*buf = '\0';
	for (size_t i = 0; i < QB_ARRAY_SIZE(kinds); i++)
		qb_text_append(buf, size, " %s%s", kinds[i].name, kinds[i].needs ? ":" : "");
}

bool qb_measure_reads_errors(const struct qb_measure_spec *spec)
{
	return spec->kind == QB_MEASURE_PERF;
}

int qb_measure_read(const struct qb_measure_spec *spec, struct qb_measure_source *source,
	struct qb_figures *ret, struct qb_error *err)
{
	return kinds[spec->kind].read(spec->argument, source, ret, err);
}
