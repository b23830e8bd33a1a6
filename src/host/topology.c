/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology.h. The only file that knows hwloc. */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/identity.h>
#include <host/topology.h>
#include <host/topology_internal.h>
#include <hwloc.h>

#define NODES_ONLINE "/sys/devices/system/node/online"

/* Two kinds of core whose figures are closer than this are one: favoured cores, not small ones. */
#define ALIKE_PERCENT 10

static void topology_destroy(hwloc_topology_t *topology)
{
	if (*topology)
		hwloc_topology_destroy(*topology);
}

static void bitmap_free(hwloc_bitmap_t *set)
{
	hwloc_bitmap_free(*set);
}

/* Takes the caller's HWLOC_* away (they name files and plugins to load) and sets ours. */
static int prepare_environment(struct qb_error *err)
{
	static const struct {
		const char *name, *value;
	} ours[] = {
		/* The x86 back end would bind itself to every CPU and ask the CPU it runs on. */
		{"HWLOC_COMPONENTS", "linux,stop"},
		{"HWLOC_PLUGINS_PATH", "/dev/null/none"}, /* a folder that can never hold one */
		{"HWLOC_HIDE_ERRORS", "2"},		  /* a library does not print */
	};

	for (char **at = environ; at && *at;) {
		char name[128];
		size_t length = strcspn(*at, "=");

		if (strncmp(*at, "HWLOC_", 6) != 0) {
			at++;
			continue;
		}
		if (length >= sizeof(name))
			return qb_error_set(err, E2BIG,
				"clear the environment of HWLOC_*: a name of %zu bytes", length);
		memcpy(name, *at, length);
		name[length] = '\0';
		if (unsetenv(name) < 0)
			return qb_error_errno(err, errno, "remove %s from the environment", name);
		at = environ; /* unsetenv moved the following ones */
	}
	for (size_t i = 0; i < QB_ARRAY_SIZE(ours); i++)
		if (setenv(ours[i].name, ours[i].value, 1) < 0)
			return qb_error_errno(err, errno, "set %s", ours[i].name);
	return 0;
}

/* hwloc would invent CPUs where sysfs is silent; a guess is no ground to choose a CPU on. */
static int require_topology(struct qb_error *err)
{
	_cleanup_free_ unsigned *numbers = NULL;
	size_t n = 0;
	int r = qb_dir_numbers(QB_CPU_DIR, "cpu", &numbers, &n, err);

	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), QB_CPU_DIR "/cpu%u/topology", numbers[i]);
		if (qb_file_exists(path))
			return 0;
	}
	return qb_error_set(err, ENODATA,
		"read the topology: " QB_CPU_DIR "/cpu*/topology is missing, so this host does not "
		"tell its cores (is /sys mounted? was it captured completely?)");
}

/* hwloc aborts on a list of nodes that names none. One that is missing or empty it does without. */
static int require_nodes(struct qb_error *err)
{
	char text[QB_CPUS_TEXT];
	struct qb_cpus nodes;
	ssize_t n = qb_file_read(NODES_ONLINE, text, sizeof(text), err);

	if (n == 0 || n == -ENOENT)
		return 0;
	if (n < 0)
		return qb_error_wrap(err, "read the topology");
	if (qb_cpus_parse_list(text, &nodes) < 0 || qb_cpus_empty(&nodes))
		return qb_error_set(err, EBADMSG,
			"read the topology: " NODES_ONLINE
			" reads '%.64s', which is no list of nodes",
			text);
	return 0;
}

/* What is asked of it, and no more: every kind of object costs files of every CPU. */
static int choose_types(hwloc_topology_t topology)
{
	static const hwloc_obj_type_t types[] = {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_CORE, HWLOC_OBJ_PU,
		HWLOC_OBJ_NUMANODE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE};
	int r = hwloc_topology_set_all_types_filter(topology, HWLOC_TYPE_FILTER_KEEP_NONE);

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(types); i++)
		r = hwloc_topology_set_type_filter(topology, types[i], HWLOC_TYPE_FILTER_KEEP_ALL);
	return r;
}

static int load_hwloc(hwloc_topology_t *ret, struct qb_error *err)
{
	_cleanup_(topology_destroy) hwloc_topology_t topology = NULL;

	errno = 0;
	if (hwloc_topology_init(&topology) < 0) {
		topology = NULL;
		return qb_error_errno(err, errno ? errno : ENOMEM, "start hwloc");
	}
	if (choose_types(topology) < 0 ||
		hwloc_topology_set_flags(
			topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
					  HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING) < 0 ||
		hwloc_topology_load(topology) < 0)
		return qb_error_errno(err, errno ? errno : EIO,
			"load the topology from " QB_CPU_DIR " with hwloc");
	*ret = topology;
	topology = NULL;
	return 0;
}

/*
 * The groups of one type, numbered as their CPUs come. hwloc's own logical index counts per depth:
 * where cores with an offline sibling sit deeper than other cores, two of them have the same one.
 */
struct level {
	hwloc_obj_type_t type;
	hwloc_obj_t last;
	unsigned n;
};

/* The group above this PU: our number, the kernel's; -1 when there is none or no number. */
static hwloc_obj_t find_group(hwloc_topology_t topology, hwloc_obj_t pu, struct level *level,
	int16_t *ret_number, int32_t *ret_os)
{
	hwloc_obj_t obj = hwloc_get_ancestor_obj_by_type(topology, level->type, pu);

	if (obj && obj != level->last)
		level->n++;
	if (obj)
		level->last = obj;
	*ret_number = obj ? (int16_t)(level->n - 1) : -1;
	if (ret_os)
		*ret_os = obj && obj->os_index <= INT32_MAX ? (int32_t)obj->os_index : -1;
	return obj;
}

/*
 * Memory hangs beside the CPUs in hwloc's tree, and several nodes may serve one CPU (high-bandwidth
 * memory): the CPU's own in the kernel's eyes has the lowest number.
 */
static void find_node(hwloc_topology_t topology, struct qb_pu *pu)
{
	hwloc_obj_t node = NULL;

	pu->node = pu->os_node = -1;
	while ((node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node))) {
		if (!hwloc_bitmap_isset(node->cpuset, pu->cpu))
			continue;
		if (pu->os_node >= 0 && (unsigned)pu->os_node < node->os_index)
			continue;
		pu->node = (int16_t)node->logical_index;
		pu->os_node = (int32_t)node->os_index;
	}
}

static uint32_t cache_kib(hwloc_obj_t cache)
{
	return cache ? (uint32_t)(cache->attr->cache.size / 1024) : 0;
}

static int compare_pus(const void *a, const void *b)
{
	return (int)((const struct qb_pu *)a)->cpu - (int)((const struct qb_pu *)b)->cpu;
}

static int fill_pus(struct qb_topology *t, hwloc_topology_t topology, struct qb_error *err)
{
	struct level core = {.type = HWLOC_OBJ_CORE}, package = {.type = HWLOC_OBJ_PACKAGE};
	struct level l2 = {.type = HWLOC_OBJ_L2CACHE}, l3 = {.type = HWLOC_OBJ_L3CACHE};
	hwloc_obj_t obj = NULL;
	int n = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);

	t->pus = calloc(n > 0 ? (size_t)n : 1, sizeof(*t->pus));
	if (!t->pus)
		return qb_error_errno(err, ENOMEM, "hold %d CPUs", n);
	while ((obj = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, obj))) {
		struct qb_pu *pu = &t->pus[t->n];

		if (obj->os_index >= QB_CPUS_MAX)
			return qb_error_set(err, ERANGE,
				"read the topology: CPU %u is beyond the %d this program can hold",
				obj->os_index, QB_CPUS_MAX);
		pu->cpu = (uint16_t)obj->os_index;
		find_group(topology, obj, &core, &pu->core, &pu->os_core);
		find_group(topology, obj, &package, &pu->package, &pu->os_package);
		pu->l2_kib = cache_kib(find_group(topology, obj, &l2, &pu->l2, NULL));
		pu->l3_kib = cache_kib(find_group(topology, obj, &l3, &pu->l3, NULL));
		find_node(topology, pu);
		t->n++;
	}
	qsort(t->pus, t->n, sizeof(*t->pus), compare_pus);
	t->n_cores = core.n;
	t->n_packages = package.n;
	t->n_nodes = (unsigned)hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_NUMANODE);
	return 0;
}

/* What tells one kind of core from another, for one CPU; 0 where the host does not tell. */
enum figure {
	CAPACITY, /* the scheduler's measure, 1024 for the fastest */
	MAX_MHZ,
	BASE_MHZ,
	FIGURES
};

struct kind {
	unsigned pu;	 /* row of the table */
	unsigned type;	 /* 1 Atom, 2 Core */
	uint32_t design; /* qb_identity_core_designs */
	long figure[FIGURES];
	unsigned class[FIGURES]; /* figures that are alike have the same; ascending */
};

static void read_kind(hwloc_topology_t topology, hwloc_const_bitmap_t cpu, struct kind *ret)
{
	int index = hwloc_cpukinds_get_by_cpuset(topology, cpu, 0);
	struct hwloc_info_s *infos = NULL;
	unsigned n = 0;

	if (index < 0 ||
		hwloc_cpukinds_get_info(topology, (unsigned)index, NULL, NULL, &n, &infos, 0) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		const char *name = infos[i].name, *value = infos[i].value;

		if (strcmp(name, "CoreType") == 0)
			ret->type = strcmp(value, "IntelAtom") == 0 ? 1 : 2;
		else if (strcmp(name, "LinuxCapacity") == 0)
			ret->figure[CAPACITY] = strtol(value, NULL, 10);
		else if (strcmp(name, "FrequencyMaxMHz") == 0)
			ret->figure[MAX_MHZ] = strtol(value, NULL, 10);
	}
}

/* As the driver tells it, else CPPC; hwloc passes on neither where the highest clocks are equal. */
static long read_base(unsigned cpu)
{
	char path[96];
	long long value;

	snprintf(path, sizeof(path), QB_CPU_DIR "/cpu%u/cpufreq/base_frequency", cpu);
	if (qb_file_read_number(path, &value, NULL) == 0 && value > 0)
		return (long)(value / 1000);
	snprintf(path, sizeof(path), QB_CPU_DIR "/cpu%u/acpi_cppc/nominal_freq", cpu);
	return qb_file_read_number(path, &value, NULL) == 0 && value > 0 ? (long)value : 0;
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

/*
 * Ranks the kinds from slowest to fastest: by type, capacity, maximum and base clock, and (arm) by
 * design, the newer of two designs last. hwloc splits by any difference of the clocks, also where
 * cores are favoured for turbo (on AMD in many small steps): those are one kind here.
 */
static int fill_kinds(struct qb_topology *t, hwloc_topology_t topology, struct qb_error *err)
{
	_cleanup_free_ struct kind *kinds = calloc(t->n ? t->n : 1, sizeof(*kinds));
	_cleanup_free_ uint32_t *designs = calloc(QB_CPUS_MAX, sizeof(*designs));
	_cleanup_(bitmap_free) hwloc_bitmap_t set = hwloc_bitmap_alloc();
	struct qb_cpus cpus = {0};

	if (!kinds || !designs || !set)
		return qb_error_errno(err, ENOMEM, "hold the kinds of %u CPUs", t->n);
	for (unsigned i = 0; i < t->n; i++)
		qb_cpus_add(&cpus, t->pus[i].cpu);
	qb_identity_core_designs(&cpus, designs);
	for (unsigned i = 0; i < t->n; i++) {
		kinds[i] = (struct kind){.pu = i, .design = designs[t->pus[i].cpu]};
		hwloc_bitmap_only(set, t->pus[i].cpu);
		read_kind(topology, set, &kinds[i]);
		kinds[i].figure[BASE_MHZ] = read_base(t->pus[i].cpu);
	}
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

/* A list of CPUs in a file of the cpu folder; *set is left alone when there is none. */
static void read_set(const char *name, struct qb_cpus *set)
{
	_cleanup_free_ char *text = malloc(QB_CPUS_TEXT);
	char path[64];

	snprintf(path, sizeof(path), QB_CPU_DIR "/%s", name);
	if (text && qb_file_read(path, text, QB_CPUS_TEXT, NULL) >= 0)
		qb_cpus_parse_list(text, set);
}

static void drop_offline(struct qb_topology *t)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < t->n; i++)
		if (qb_cpus_has(&t->online, t->pus[i].cpu))
			t->pus[kept++] = t->pus[i];
	t->n = kept;
}

static int fill_sets(struct qb_topology *t, struct qb_error *err)
{
	_cleanup_free_ unsigned *numbers = NULL;
	size_t n = 0;
	int r = qb_dir_numbers(QB_CPU_DIR, "cpu", &numbers, &n, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < t->n; i++)
		qb_cpus_add(&t->online, t->pus[i].cpu);
	for (size_t i = 0; i < n; i++)
		qb_cpus_add(&t->possible, numbers[i]);
	read_set("online", &t->online);
	read_set("possible", &t->possible);
	if (qb_file_exists(QB_CPU_DIR "/isolated"))
		read_set("isolated", &t->isolated);
	else
		qb_topology_boot_isolated(&t->isolated);
	drop_offline(t); /* gone between hwloc's look and ours */
	if (t->n == 0)
		return qb_error_set(err, ENODATA,
			"read the topology: no online CPU has a " QB_CPU_DIR "/cpu*/topology");
	t->boot_cpu = qb_cpus_next(&t->online, 0);
	return 0;
}

int qb_topology_load(struct qb_topology *ret, struct qb_error *err)
{
	_cleanup_(topology_destroy) hwloc_topology_t topology = NULL;
	_cleanup_(qb_topology_free) struct qb_topology t = {0};
	int r = prepare_environment(err);

	if (r < 0)
		return r;
	r = require_topology(err);
	if (r < 0)
		return r;
	r = require_nodes(err);
	if (r < 0)
		return r;
	r = load_hwloc(&topology, err);
	if (r < 0)
		return r;
	r = fill_pus(&t, topology, err);
	if (r < 0)
		return r;
	r = qb_topology_fill_cores(&t, err);
	if (r < 0)
		return r;
	r = fill_kinds(&t, topology, err);
	if (r < 0)
		return r;
	r = fill_sets(&t, err);
	if (r < 0)
		return r;
	qb_identity_cpu_model(t.cpu_model, sizeof(t.cpu_model));
	t.guest = qb_identity_guest(t.hypervisor, sizeof(t.hypervisor));
	*ret = t;
	t.pus = NULL;
	return 0;
}

void qb_topology_free(struct qb_topology *topology)
{
	if (!topology)
		return;
	free(topology->pus);
	*topology = (struct qb_topology){0};
}
