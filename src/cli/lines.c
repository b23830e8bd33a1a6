/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Steps as lines for people, see lines.h. */
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <errno.h>
#include <inttypes.h>
#include <quietbench/lever.h>

static const char *plural(const struct qb_cpus *set)
{
	return qb_cpus_count(set) == 1 ? "" : "s";
}

bool qb_lines_seen(const struct qb_profile *profile, const struct qb_host *host,
	const struct qb_selection *chosen, char *buf, size_t size)
{
	const unsigned n = qb_cpus_count(&chosen->bench);
	const bool bound =
		profile->set[QB_KEY_PROCESS_PIN].number || chosen->isolation != QB_ISOLATION_NONE;

	if (n >= host->cpus || !bound)
		return false;
	qb_text_format(buf, size, "programs will see %u CPU%s%s", n, n == 1 ? "" : "s",
		n < chosen->most && !chosen->named ? " (-n for more)" : "");
	return true;
}

void qb_lines_head(const struct qb_profile *profile, const struct qb_host *host,
	const struct qb_selection *chosen, char *buf, size_t size)
{
	char bench[128], list[128], housekeeping[128], guest[64] = "", idle[160] = "";
	char offline[160] = "", isolated[160] = "";
	bool apart = !qb_cpus_intersect(&chosen->bench, &chosen->housekeeping);

	if (host->guest)
		qb_text_format(guest, sizeof(guest), " (%s%sguest)", host->hypervisor,
			host->hypervisor[0] ? " " : "");
	if (!qb_cpus_empty(&chosen->reserved))
		qb_text_format(idle, sizeof(idle), " (sibling%s %s idle)",
			plural(&chosen->reserved),
			qb_cpus_text(&chosen->reserved, list, sizeof(list)));
	if (!qb_cpus_empty(&chosen->offline))
		qb_text_format(offline, sizeof(offline), " (sibling%s %s offline)",
			plural(&chosen->offline),
			qb_cpus_text(&chosen->offline, list, sizeof(list)));
	if (!qb_cpus_empty(&chosen->isolated))
		qb_text_format(isolated, sizeof(isolated), ", isolated at boot and not used: %s",
			qb_cpus_text(&chosen->isolated, list, sizeof(list)));
	qb_text_format(buf, size, "%s%s: benchmark on CPU%s %s%s%s%s, housekeeping on %s%s",
		profile->name, guest, plural(&chosen->bench),
		qb_cpus_text(&chosen->bench, bench, sizeof(bench)),
		apart ? "" : " (shared with other tasks)", idle, offline,
		qb_cpus_text(&chosen->housekeeping, housekeeping, sizeof(housekeeping)), isolated);
}

/* Does this step of the policy's, or of all policies', end turbo? */
static bool ends_turbo(const struct qb_step *step, unsigned policy)
{
	const bool one = step->lever == QB_LEVER_POLICY_BOOST && step->unit.number == policy;

	if (step->status != QB_STATUS_APPLIED || !step->wanted)
		return false;
	return strcmp(step->wanted, step->lever == QB_LEVER_NO_TURBO ? "1" : "0") == 0 &&
	       (one || step->lever == QB_LEVER_NO_TURBO || step->lever == QB_LEVER_BOOST);
}

bool qb_lines_clock(const struct qb_steps *steps, unsigned policy, char *buf, size_t size)
{
	const struct qb_step *max = NULL, *min = NULL;
	int64_t was = 0, now = 0;
	char before[32], after[32];
	bool fixed, slower = false;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		slower |= ends_turbo(step, policy);
		if (step->unit.number != policy || !step->wanted || !step->before ||
			(step->status != QB_STATUS_APPLIED && step->status != QB_STATUS_UNCHANGED))
			continue;
		max = step->lever == QB_LEVER_MAX_FREQ ? step : max;
		min = step->lever == QB_LEVER_MIN_FREQ ? step : min;
	}
	if (!max || qb_number_parse(max->before, &was) < 0 ||
		qb_number_parse(max->wanted, &now) < 0)
		return false;
	fixed = min && strcmp(max->wanted, min->wanted) == 0;
	slower |= now < was;
	qb_quantity_format(QB_QUANTITY_FREQUENCY, now, after, sizeof(after));
	qb_quantity_format(QB_QUANTITY_FREQUENCY, was, before, sizeof(before));
	qb_text_format(buf, size, "clock %s %s (was up to %s): steadier%s",
		fixed ? "fixed at" : "at most", after, before, slower ? ", slower" : "");
	return true;
}

/* One line: a change, and the units that share it. */
struct row {
	const struct qb_step *step;
	char *units; /* owned */
};

struct rows {
	struct row *v;
	size_t n;
};

static void rows_free(struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		free(rows->v[i].units);
	free(rows->v);
}

char qb_lines_risk(unsigned lever, const char *wanted)
{
	switch (qb_lever_risk(lever, wanted)) {
	case QB_RISK_SAFE: return 'S';
	case QB_RISK_DISRUPTIVE: return 'D';
	case QB_RISK_EXPOSING: return 'X';
	}
	return '?';
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* May both be named in one go, by a range of numbers? */
static bool same_unit(const struct qb_step *a, const struct qb_step *b)
{
	if (a->lever != b->lever || strcmp(a->unit.name, b->unit.name) != 0)
		return false;
	return qb_levers[a->lever].unit != QB_UNIT_STATE || a->unit.key == b->unit.key;
}

static bool same_change(const struct qb_step *a, const struct qb_step *b)
{
	return same_unit(a, b) && a->status == b->status && same_text(a->before, b->before) &&
	       same_text(a->wanted, b->wanted);
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* "0-3,8": like a CPU list, of any numbers. */
static void print_ranges(FILE *out, const uint32_t *numbers, size_t n)
{
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && numbers[end] == numbers[end - 1] + 1; end++)
			;
		fprintf(out, "%s%" PRIu32, i ? "," : "", numbers[i]);
		if (end - i > 1)
			fprintf(out, "-%" PRIu32, numbers[end - 1]);
	}
}

/* "policy0-15/boost": the first unit's name with the ranges in the place of its number. */
static void print_units(FILE *out, const struct qb_step *first, uint32_t *numbers, size_t n)
{
	const struct qb_lever *lever = &qb_levers[first->lever];
	char name[QB_NAME_MAX + 64], digits[16];

	qb_lever_unit_name(first->lever, &first->unit, name, sizeof(name));
	if (lever->where == QB_LEVER_CHILD) {
		fputs("benchmark", out);
		return;
	}
	if (lever->unit == QB_UNIT_TASK && n > 1) {
		fprintf(out, "%zu tasks", n);
		return;
	}
	snprintf(digits, sizeof(digits), "%" PRIu32, first->unit.number);
	const char *number = strstr(name, digits);
	if (n == 1 || !number) {
		fputs(name, out);
		return;
	}
	qsort(numbers, n, sizeof(*numbers), compare_numbers);
	fprintf(out, "%.*s", (int)(number - name), name);
	print_ranges(out, numbers, n);
	fputs(number + strlen(digits), out);
}

/* The units of all steps from `at` on that are like it; malloc'd. `numbers` is scratch. */
static char *units_of(const struct qb_steps *steps, size_t at,
	bool (*alike)(const struct qb_step *, const struct qb_step *), uint32_t *numbers)
{
	char *units = NULL;
	size_t n = 0, size;

	for (size_t i = at; i < steps->n; i++)
		if (alike(&steps->v[at], &steps->v[i]))
			numbers[n++] = steps->v[i].unit.number;
	FILE *out = open_memstream(&units, &size);
	if (!out)
		return NULL;
	print_units(out, &steps->v[at], numbers, n);
	if (fclose(out) != 0) {
		free(units);
		return NULL;
	}
	return units;
}

/* A coupled step (wanted NULL) is remembered, not changed, and has no line. */
static bool has_row(const struct qb_step *step, enum qb_status status)
{
	return step->status == status && step->wanted;
}

/* The order in which changes are made; what the benchmark does to itself comes last. */
static int compare_rows(const void *a, const void *b)
{
	const struct qb_step *x = ((const struct row *)a)->step, *y = ((const struct row *)b)->step;
	const struct qb_lever *p = &qb_levers[x->lever], *q = &qb_levers[y->lever];

	if ((p->where == QB_LEVER_CHILD) != (q->where == QB_LEVER_CHILD))
		return p->where == QB_LEVER_CHILD ? 1 : -1;
	if (p->apply != q->apply)
		return p->apply - q->apply;
	if (p != q)
		return p < q ? -1 : 1;
	return (x > y) - (x < y);
}

static int gather(const struct qb_steps *steps, enum qb_status status, struct rows *ret)
{
	_cleanup_free_ bool *taken = calloc(steps->n + 1, sizeof(*taken));
	_cleanup_free_ uint32_t *numbers = calloc(steps->n + 1, sizeof(*numbers));
	_cleanup_(rows_free) struct rows rows = {.v = calloc(steps->n + 1, sizeof(*rows.v))};
	if (!taken || !numbers || !rows.v)
		return -ENOMEM;
	for (size_t i = 0; i < steps->n; i++) {
		if (taken[i] || !has_row(&steps->v[i], status))
			continue;
		for (size_t k = i; k < steps->n; k++)
			taken[k] = taken[k] || same_change(&steps->v[i], &steps->v[k]);
		char *units = units_of(steps, i, same_change, numbers);
		if (!units)
			return -ENOMEM;
		rows.v[rows.n++] = (struct row){.step = &steps->v[i], .units = units};
	}
	qsort(rows.v, rows.n, sizeof(*rows.v), compare_rows);
	*ret = rows;
	rows = (struct rows){0};
	return 0;
}

static const char *shown(const char *value)
{
	return *value ? value : "(empty)";
}

static bool changes(const struct qb_step *step)
{
	return step->before && !same_text(step->before, step->wanted);
}

/* In columns: the arrow is one. */
static size_t values_width(const struct qb_step *step)
{
	size_t to = strlen(shown(step->wanted));
	return changes(step) ? strlen(shown(step->before)) + 3 + to : to;
}

struct columns {
	int lever, units, values;
};

/* What is wider than `most` has no say in a column's width, and sticks out of it. */
static int widest(size_t width, int so_far, int most)
{
	if (width > (size_t)most)
		return so_far;
	return (int)width > so_far ? (int)width : so_far;
}

static struct columns measure(const struct rows *rows)
{
	struct columns columns = {0};
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->v[i];
		columns.lever = widest(strlen(qb_lever_name(row->step->lever)), columns.lever, 32);
		columns.units = widest(strlen(row->units), columns.units, 32);
	}
	for (size_t i = 0; i < rows->n; i++)
		columns.values = widest(values_width(rows->v[i].step), columns.values,
			QB_LINES_WIDTH - 2 - columns.lever - 2 - columns.units - 2 - 3);
	return columns;
}

/* Values that do not fit move to a line of their own, then break at the arrow. */
static void print_row(FILE *out, const struct row *row, const struct columns *columns)
{
	const struct qb_step *step = row->step;
	int width = (int)values_width(step), units = (int)strlen(row->units);
	int indent = 2 + columns->lever + 2;
	int at = indent + (units > columns->units ? units : columns->units) + 2;
	int values = indent + columns->units + 2 + columns->values; /* where their column ends */
	int end;

	fprintf(out, "  %-*s  ", columns->lever, qb_lever_name(step->lever));
	if (at + width + 3 <= QB_LINES_WIDTH) {
		fprintf(out, "%-*s  ", columns->units, row->units);
		end = at + width;
	} else {
		fprintf(out, "%s\n%*s", row->units, indent, "");
		end = indent + width;
	}
	if (changes(step)) {
		fputs(shown(step->before), out);
		if (end + 3 > QB_LINES_WIDTH) {
			fprintf(out, "\n%*s→ ", indent, "");
			end = values;
		} else {
			fputs(" → ", out);
		}
	}
	fputs(shown(step->wanted), out);
	if (step->status == QB_STATUS_PLANNED)
		fprintf(out, "%*s%c", end < values ? values - end + 2 : 2, "",
			qb_lines_risk(step->lever, step->wanted));
	fputc('\n', out);
}

int qb_lines_changes(
	FILE *out, const struct qb_steps *steps, enum qb_status status, struct qb_error *err)
{
	_cleanup_(rows_free) struct rows rows = {0};
	if (gather(steps, status, &rows) < 0)
		return qb_error_set(err, ENOMEM, "cannot show the plan: out of memory");
	struct columns columns = measure(&rows);
	for (size_t i = 0; i < rows.n; i++)
		print_row(out, &rows.v[i], &columns);
	return 0;
}

bool qb_lines_any(const struct qb_steps *steps, enum qb_status status)
{
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].status == status)
			return true;
	return false;
}

void qb_lines_wrap(FILE *out, const char *first, const char *rest, const char *text)
{
	size_t column = strlen(first);
	bool fresh = true; /* nothing but the prefix on this line */

	fputs(first, out);
	for (const char *word = text + strspn(text, " "); *word;) {
		size_t length = strcspn(word, " ");
		if (!fresh && column + 1 + length > QB_LINES_WIDTH) {
			fprintf(out, "\n%s", rest);
			column = strlen(rest);
			fresh = true;
		}
		fprintf(out, "%s%.*s", fresh ? "" : " ", (int)length, word);
		column += length + !fresh;
		fresh = false;
		word += length;
		word += strspn(word, " ");
	}
	fputc('\n', out);
}

/* A step that says no more than why: what is already set and has values is in a row of its own. */
static bool is_missing(const struct qb_step *step, enum qb_status status)
{
	return step->status == status && step->reason &&
	       (status != QB_STATUS_UNCHANGED || !step->wanted);
}

static bool same_reason(const struct qb_step *a, const struct qb_step *b)
{
	return is_missing(b, (enum qb_status)a->status) && same_text(a->reason, b->reason);
}

/* Would both be named alike: units of one lever, or a whole lever by its name? */
static bool same_lack(const struct qb_step *a, const struct qb_step *b)
{
	if (!same_reason(a, b) || !a->wanted != !b->wanted)
		return false;
	return a->wanted ? same_unit(a, b)
			 : strcmp(qb_lever_name(a->lever), qb_lever_name(b->lever)) == 0;
}

static bool earlier(const struct qb_steps *steps, size_t at,
	bool (*alike)(const struct qb_step *, const struct qb_step *))
{
	for (size_t i = 0; i < at; i++)
		if (is_missing(&steps->v[i], (enum qb_status)steps->v[at].status) &&
			alike(&steps->v[i], &steps->v[at]))
			return true;
	return false;
}

/* "irqs.move irq24-31, frequency.epp: reason" for the reason of step `at`. */
static int write_missing(FILE *out, const struct qb_steps *steps, size_t at)
{
	_cleanup_free_ uint32_t *numbers = calloc(steps->n, sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	for (size_t i = at; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];
		if (!same_reason(&steps->v[at], step) || earlier(steps, i, same_lack))
			continue;
		fprintf(out, "%s%s", i == at ? "" : ", ", qb_lever_name(step->lever));
		if (!step->wanted)
			continue;
		_cleanup_free_ char *units = units_of(steps, i, same_lack, numbers);
		if (!units)
			return -ENOMEM;
		fprintf(out, " %s", units);
	}
	fprintf(out, ": %s", steps->v[at].reason);
	return 0;
}

static int print_missing(FILE *out, const struct qb_steps *steps, size_t at)
{
	_cleanup_free_ char *line = NULL;
	size_t size;
	FILE *text = open_memstream(&line, &size);
	if (!text)
		return -ENOMEM;
	int r = write_missing(text, steps, at);
	if (fclose(text) != 0 || r < 0)
		return -ENOMEM;
	qb_lines_wrap(out, "  ", "    ", line);
	return 0;
}

int qb_lines_missing(
	FILE *out, const struct qb_steps *steps, enum qb_status status, struct qb_error *err)
{
	for (size_t i = 0; i < steps->n; i++) {
		if (!is_missing(&steps->v[i], status) || earlier(steps, i, same_reason))
			continue;
		if (print_missing(out, steps, i) < 0)
			return qb_error_set(err, ENOMEM, "cannot show the plan: out of memory");
	}
	return 0;
}
