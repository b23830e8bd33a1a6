/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counters.h */
#include "counters.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <ctype.h>
#include <errno.h>
#include <host/irqs.h>
#include <inttypes.h>

#define TICK "timer tick"

/* Rows without a device on x86 (arch/x86/kernel/irq.c) in shorter words than the kernel's. */
static const struct {
	const char *label, *name;
} known[] = {
	{"LOC", TICK},
	{"RES", "rescheduling IPI"},
	{"CAL", "function call IPI"},
	{"TLB", "TLB shootdown"},
	{"NMI", "NMI"},
	{"PMI", "performance counter interrupt"},
	{"IWI", "IRQ work"},
	{"TRM", "thermal event"},
	{"MCE", "machine check"},
	{"MCP", "machine check poll"},
	{"SPU", "spurious interrupt"},
	{"HYP", "hypervisor callback"},
};

static void name_row(struct qb_source *source, const char *rest)
{
	source->kind = QB_SOURCE_CPU;
	for (size_t i = 0; i < QB_ARRAY_SIZE(known); i++)
		if (strcmp(source->label, known[i].label) == 0) {
			qb_text_copy(source->name, sizeof(source->name), known[i].name);
			if (strcmp(known[i].name, TICK) == 0)
				source->kind = QB_SOURCE_TICK;
			return;
		}
	/* The device is the last word; chip, number and trigger come before it. */
	if (isdigit((unsigned char)source->label[0])) {
		const char *device = strrchr(rest, ' ');

		source->kind = QB_SOURCE_DEVICE;
		qb_text_format(source->name, sizeof(source->name), "IRQ %s %s", source->label,
			device ? device + 1 : "");
	} else {
		qb_text_format(
			source->name, sizeof(source->name), "%s", *rest ? rest : source->label);
	}
	qb_text_printable(source->name);
}

/* Splits off the next line, in place. NULL: there is none. */
static char *next_line(char **at)
{
	char *line = *at, *end;

	if (!*line)
		return NULL;
	end = strchrnul(line, '\n');
	*at = *end ? end + 1 : end;
	*end = '\0';
	return line;
}

/* "LABEL: counts… rest". NULL: no row. */
static char *split_label(char *line, char **ret_rest)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return NULL;
	*colon = '\0';
	*ret_rest = colon + 1;
	return line + strspn(line, " \t");
}

static const char *skip_counts(const char *rest)
{
	for (;;) {
		const char *word = rest + strspn(rest, " \t");
		size_t digits = strspn(word, "0123456789");

		if (!digits || (word[digits] && !isspace((unsigned char)word[digits])))
			return word;
		rest = word + digits;
	}
}

int qb_sources_parse(const char *text, struct qb_sources *ret, struct qb_error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct qb_sources sources = {.v = calloc(QB_SOURCES_MAX, sizeof(*sources.v))};
	char *at = copy, *line;

	if (!copy || !sources.v) {
		free(sources.v);
		return qb_error_errno(err, ENOMEM, "list interrupts");
	}
	next_line(&at); /* the CPUs */
	while ((line = next_line(&at)) && sources.n < QB_SOURCES_MAX) {
		struct qb_source *source = &sources.v[sources.n];
		char *rest, *label = split_label(line, &rest);

		if (!label || !qb_text_copy(source->label, sizeof(source->label), label))
			continue;
		name_row(source, skip_counts(rest));
		sources.n++;
	}
	*ret = sources;
	return 0;
}

/* Where timer and counters interrupt with a number (arm64, riscv), their masks tell them from devices. */
static void know_per_cpu(struct qb_source *source)
{
	if (source->kind != QB_SOURCE_DEVICE ||
		!qb_irq_per_cpu((unsigned)strtoul(source->label, NULL, 10)))
		return;
	source->kind = QB_SOURCE_CPU;
	if (strstr(source->name, "timer")) {
		source->kind = QB_SOURCE_TICK;
		qb_text_copy(source->name, sizeof(source->name), TICK);
	}
}

int qb_sources_find(struct qb_sources *ret, struct qb_error *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = qb_file_read_all("/proc/interrupts", &text, err);
	int r = n < 0 ? (int)n : qb_sources_parse(text, ret, err);

	for (size_t i = 0; r == 0 && i < ret->n; i++)
		know_per_cpu(&ret->v[i]);
	return r;
}

void qb_sources_free(struct qb_sources *sources)
{
	free(sources->v);
	*sources = (struct qb_sources){0};
}

/* Which column of counts is this CPU's? Offline CPUs have none. */
static int find_column(const char *header, unsigned cpu)
{
	int column = 0;

	for (const char *at = header; (at = strstr(at, "CPU")); at += 3, column++) {
		char *end;
		unsigned long number = strtoul(at + 3, &end, 10);

		if (end != at + 3 && number == cpu)
			return column;
	}
	return -1;
}

static uint64_t take_column(const char *rest, int column)
{
	uint64_t value = 0;

	for (int i = 0; i <= column; i++) {
		char *end;

		value = strtoull(rest, &end, 10);
		if (end == rest)
			return 0; /* a row that counts for the host as a whole (ERR, MIS) */
		rest = end;
	}
	return value;
}

int qb_sources_take(const struct qb_sources *sources, const char *text, unsigned cpu, uint64_t *ret,
	struct qb_error *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *at = copy, *line;
	size_t next = 0;
	int column;

	if (!copy)
		return qb_error_errno(err, ENOMEM, "count interrupts");
	line = next_line(&at);
	column = line ? find_column(line, cpu) : -1;
	if (column < 0)
		return qb_error_set(err, ENOENT, "/proc/interrupts has no CPU %u", cpu);
	memset(ret, 0, sources->n * sizeof(*ret));
	while ((line = next_line(&at))) {
		char *rest, *label = split_label(line, &rest);

		/* Rows keep their order; some may have come or gone between two of ours. */
		for (size_t i = 0; label && i < sources->n; i++) {
			size_t row = (next + i) % sources->n;

			if (strcmp(sources->v[row].label, label) == 0) {
				ret[row] = take_column(rest, column);
				next = row + 1;
				break;
			}
		}
	}
	return 0;
}

/* The fields of a CPU's line in /proc/stat, or NULL. */
static const char *find_cpu(const char *stat, unsigned cpu)
{
	char label[16];
	const char *at;

	qb_text_format(label, sizeof(label), "\ncpu%u ", cpu);
	at = strstr(stat, label);
	return at ? at + strlen(label) : NULL;
}

int qb_counters_steal(const char *stat, unsigned cpu, uint64_t *ret)
{
	const char *fields = find_cpu(stat, cpu);

	if (!fields)
		return -ENOENT;
	/* user nice system idle iowait irq softirq steal (proc(5)) */
	return sscanf(fields, "%*u %*u %*u %*u %*u %*u %*u %" SCNu64, ret) == 1 ? 0 : -ENODATA;
}

bool qb_counters_steal_moved(const char *stat)
{
	uint64_t steal;

	return sscanf(stat, "cpu %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &steal) == 1 && steal > 0;
}

int qb_counters_busy(const char *stat, unsigned cpu, uint64_t *ret)
{
	const char *fields = find_cpu(stat, cpu);
	uint64_t user, nice, system;

	if (!fields)
		return -ENOENT;
	if (sscanf(fields, "%" SCNu64 " %" SCNu64 " %" SCNu64, &user, &nice, &system) != 3)
		return -ENODATA;
	*ret = user + nice + system;
	return 0;
}

int qb_counters_waited(const char *stat, unsigned cpu, uint64_t *ret)
{
	const char *fields = find_cpu(stat, cpu);

	if (!fields)
		return -ENOENT;
	return sscanf(fields, "%*u %*u %*u %*u %" SCNu64, ret) == 1 ? 0 : -ENODATA;
}

bool qb_counters_throttled(unsigned cpu, uint64_t *ret)
{
	static const char *const files[] = {"core_throttle_count", "package_throttle_count"};
	uint64_t sum = 0;
	bool any = false;

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		char path[96];
		long long value;

		qb_text_format(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%u/thermal_throttle/%s", cpu, files[i]);
		if (qb_file_read_number(path, &value, NULL) < 0)
			continue;
		sum += (uint64_t)value;
		any = true;
	}
	if (any)
		*ret = sum;
	return any;
}

/* A line "NAME NUMBER" of a file of such lines. */
static bool find_number(const char *text, const char *name, uint64_t *ret)
{
	const size_t length = strlen(name);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, length) == 0 && at[length] == ' ')
			return sscanf(at + length, "%" SCNu64, ret) == 1;
	}
	return false;
}

static bool find_event(const char *name, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;

	return qb_file_read_all("/proc/vmstat", &text, NULL) >= 0 && find_number(text, name, ret);
}

bool qb_counters_swapped_in(uint64_t *ret)
{
	return find_event("pswpin", ret);
}

bool qb_counters_oom_kills(uint64_t *ret)
{
	return find_event("oom_kill", ret);
}
