/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology_internal.h: which kind of core each CPU is. */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/identity.h>
#include <host/topology_internal.h>

/* Two kinds of core whose figures are closer than this are one: favoured cores, not small ones. */
#define ALIKE_PERCENT 10

/* What tells one kind of core from another, for one CPU; 0 where the host does not tell. */
enum figure {
	CAPACITY, /* the scheduler's measure, 1024 for the fastest */
	MAX_MHZ,
	BASE_MHZ,
	FIGURES
};

struct kind {
	unsigned pu;	 /* row of the table */
	unsigned type;	 /* of Intel's hybrids, ascending */
	uint32_t design; /* qb_identity_core_designs */
	long figure[FIGURES];
	unsigned class[FIGURES]; /* figures that are alike have the same; ascending */
};

static long read_figure(unsigned cpu, const char *name, long unit)
{
	char path[96];
	long long value;

	snprintf(path, sizeof(path), QB_CPU_DIR "/cpu%u/%s", cpu, name);
	return qb_file_read_number(path, &value, NULL) == 0 && value > 0 ? (long)(value / unit) : 0;
}

/* The base clock is what the driver says, else CPPC. */
static void read_figures(unsigned cpu, long figure[FIGURES])
{
	figure[CAPACITY] = read_figure(cpu, "cpu_capacity", 1);
	figure[MAX_MHZ] = read_figure(cpu, "cpufreq/cpuinfo_max_freq", 1000);
	figure[BASE_MHZ] = read_figure(cpu, "cpufreq/base_frequency", 1000);
	if (!figure[BASE_MHZ])
		figure[BASE_MHZ] = read_figure(cpu, "acpi_cppc/nominal_freq", 1);
}

/* Intel's hybrids: the counters of each type of core, and which CPUs have them; the slowest first. */
static void read_types(const struct qb_topology *t, struct kind *kinds)
{
	static const char *const types[] = {"cpu_lowpower", "cpu_atom", "cpu_core"};

	for (unsigned type = 0; type < QB_ARRAY_SIZE(types); type++) {
		char path[64], text[QB_CPUS_TEXT];
		struct qb_cpus cpus;

		snprintf(path, sizeof(path), "/sys/devices/%s/cpus", types[type]);
		if (qb_file_read(path, text, sizeof(text), NULL) < 0 ||
			qb_cpus_parse_list(text, &cpus) < 0)
			continue;
		for (unsigned i = 0; i < t->n; i++)
			if (qb_cpus_has(&cpus, t->pus[i].cpu))
				kinds[i].type = type + 1;
	}
}

static int compare_figures(const void *va, const void *vb, void *which)
{
	const size_t f = *(const size_t *)which;
	const long a = ((const struct kind *)va)->figure[f];
	const long b = ((const struct kind *)vb)->figure[f];

	return (a > b) - (a < b);
}

static int compare_kinds(const void *va, const void *vb)
{
	const struct kind *a = va, *b = vb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	for (size_t f = 0; f < FIGURES; f++)
		if (a->class[f] != b->class[f])
			return a->class[f] < b->class[f] ? -1 : 1;
	return (a->design > b->design) - (a->design < b->design);
}

/* 0 is alike with all: the host does not tell it. */
static bool alike(long low, long high)
{
	return low == 0 || (high - low) * 100 < low * ALIKE_PERCENT;
}

/* Figures are told apart only by more than ALIKE_PERCENT to the next in the order. */
static void classify(struct kind *kinds, unsigned n, size_t f)
{
	qsort_r(kinds, n, sizeof(*kinds), compare_figures, &f);
	for (unsigned i = 1; i < n; i++)
		kinds[i].class[f] =
			kinds[i - 1].class[f] + !alike(kinds[i - 1].figure[f], kinds[i].figure[f]);
}

int qb_topology_fill_kinds(struct qb_topology *t, struct qb_error *err)
{
	_cleanup_free_ struct kind *kinds = calloc(t->n ? t->n : 1, sizeof(*kinds));
	_cleanup_free_ uint32_t *designs = calloc(QB_CPUS_MAX, sizeof(*designs));
	/* By core: its first PU, counted from 1. Siblings are of one kind: one of them is read. */
	_cleanup_free_ unsigned *first = calloc(t->n ? t->n : 1, sizeof(*first));
	struct qb_cpus cpus = {0};

	if (!kinds || !designs || !first)
		return qb_error_errno(err, ENOMEM, "hold the kinds of %u CPUs", t->n);
	for (unsigned i = 0; i < t->n; i++)
		qb_cpus_add(&cpus, t->pus[i].cpu);
	qb_identity_core_designs(&cpus, designs);
	for (unsigned i = 0; i < t->n; i++) {
		const int16_t core = t->pus[i].core;
		const unsigned read = core < 0 ? 0 : first[core];

		kinds[i] = (struct kind){.pu = i, .design = designs[t->pus[i].cpu]};
		if (read)
			memcpy(kinds[i].figure, kinds[read - 1].figure, sizeof(kinds[i].figure));
		else
			read_figures(t->pus[i].cpu, kinds[i].figure);
		if (core >= 0 && !read)
			first[core] = i + 1;
	}
	read_types(t, kinds);
	for (size_t f = 0; f < FIGURES; f++)
		classify(kinds, t->n, f);
	qsort(kinds, t->n, sizeof(*kinds), compare_kinds);
	t->kinds = 1;
	for (unsigned i = 0; i < t->n; i++) {
		t->kinds = (int16_t)(t->kinds + (i && compare_kinds(&kinds[i - 1], &kinds[i])));
		t->pus[kinds[i].pu].kind = (int16_t)(t->kinds - 1);
	}
	return 0;
}
