/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology_internal.h: which CPUs share a core, and which the boot parameters isolate. */
#include <base/file.h>
#include <base/macros.h>
#include <ctype.h>
#include <errno.h>
#include <host/topology_internal.h>

/* The CPUs that share a core with this one, under the names of newer and of older kernels. */
static bool read_siblings(unsigned cpu, struct qb_cpus *ret)
{
	static const struct {
		const char *name;
		int (*parse)(const char *, struct qb_cpus *);
	} files[] = {
		{"core_cpus_list", qb_cpus_parse_list},
		{"thread_siblings_list", qb_cpus_parse_list},
		{"core_cpus", qb_cpus_parse_hex},
		{"thread_siblings", qb_cpus_parse_hex},
	};
	char path[96], text[QB_CPUS_TEXT];

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), QB_CPU_DIR "/cpu%u/topology/%s", cpu, files[i].name);
		if (qb_file_read(path, text, sizeof(text), NULL) >= 0 &&
			files[i].parse(text, ret) == 0 && qb_cpus_has(ret, cpu))
			return true;
	}
	return false;
}

/* Rows that share a core, as a chain of each to an earlier one. */
static unsigned first_of(const unsigned *above, unsigned row)
{
	while (above[row] != row)
		row = above[row];
	return row;
}

static void join(unsigned *above, unsigned a, unsigned b)
{
	a = first_of(above, a);
	b = first_of(above, b);
	above[a > b ? a : b] = a < b ? a : b;
}

/* A core as it was found: its first row, and where hwloc has it in the order of the machine. */
struct found_core {
	unsigned row;
	int16_t order;
};

static int compare_cores(const void *va, const void *vb)
{
	const struct found_core *a = va, *b = vb;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return (a->row > b->row) - (a->row < b->row);
}

static void number_cores(struct qb_topology *t, const unsigned *above, struct found_core *cores)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n; i++)
		if (above[i] == i && t->pus[i].core >= 0)
			cores[n++] = (struct found_core){i, t->pus[i].core};
	qsort(cores, n, sizeof(*cores), compare_cores);
	for (unsigned i = 0; i < n; i++)
		t->pus[cores[i].row].core = (int16_t)i;
	for (unsigned i = 0; i < t->n; i++)
		t->pus[i].core = t->pus[first_of(above, i)].core;
	t->n_cores = n;
}

int qb_topology_fill_cores(struct qb_topology *t, struct qb_error *err)
{
	_cleanup_free_ unsigned *above = calloc(t->n ? t->n : 1, sizeof(*above));
	_cleanup_free_ unsigned *row_of = calloc(QB_CPUS_MAX, sizeof(*row_of));
	_cleanup_free_ struct found_core *cores = calloc(t->n ? t->n : 1, sizeof(*cores));
	_cleanup_free_ unsigned *of_core = calloc(t->n ? t->n : 1, sizeof(*of_core));

	if (!above || !row_of || !cores || !of_core)
		return qb_error_errno(err, ENOMEM, "hold the cores of %u CPUs", t->n);
	for (unsigned i = 0; i < t->n; i++) {
		above[i] = i;
		row_of[t->pus[i].cpu] = i + 1;
	}
	for (unsigned i = 0; i < t->n; i++) {
		struct qb_pu *pu = &t->pus[i];
		struct qb_cpus siblings;

		if (above[i] != i)
			continue; /* a sibling has told of it */
		if (read_siblings(pu->cpu, &siblings)) {
			qb_cpus_foreach (cpu, &siblings)
				if (row_of[cpu])
					join(above, i, row_of[cpu] - 1);
		} else if (pu->core >= 0 && (unsigned)pu->core < t->n) {
			if (of_core[pu->core])
				join(above, i, of_core[pu->core] - 1);
			of_core[pu->core] = i + 1;
		}
	}
	number_cores(t, above, cores);
	return 0;
}

/*
 * isolcpus=[flag,...]LIST (Documentation/admin-guide/kernel-parameters.txt): without a flag, or with
 * `domain`, the scheduler leaves these CPUs alone; `managed_irq` and `nohz` alone do not mean that.
 */
void qb_topology_boot_isolated(struct qb_cpus *ret)
{
	static const char name[] = "isolcpus=";
	_cleanup_free_ char *text = NULL;
	char *save = NULL;

	if (qb_file_read_all("/proc/cmdline", &text, NULL) < 0)
		return;
	for (char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		char *list = word + strlen(name);
		bool flagged = false, domain = false;

		if (strncmp(word, name, strlen(name)) != 0)
			continue;
		while (isalpha((unsigned char)*list)) {
			const size_t length = strcspn(list, ",");

			flagged = true;
			domain |=
				length == strlen("domain") && strncmp(list, "domain", length) == 0;
			list += length + (list[length] == ',');
		}
		if (domain || !flagged)
			qb_cpus_parse_list(list, ret);
	}
}
