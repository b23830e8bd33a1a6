/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology.h. The only file that knows hwloc. */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <host/identity.h>
#include <host/topology.h>
#include <hwloc.h>

#define CPU_DIR	     "/sys/devices/system/cpu"
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
		at = environ; /* unsetenv moved the rest */
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
	int r = qb_dir_numbers(CPU_DIR, "cpu", &numbers, &n, err);

	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof(path), CPU_DIR "/cpu%u/topology", numbers[i]);
		if (qb_file_exists(path))
			return 0;
	}
	return qb_error_set(err, ENODATA,
		"read the topology: " CPU_DIR "/cpu*/topology is missing, so this host does not "
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
		return qb_error_errno(
			err, errno ? errno : EIO, "load the topology from " CPU_DIR " with hwloc");
	*ret = topology;
	topology = NULL;
	return 0;
}

/*
 * The groups of one type, numbered as their CPUs come. hwloc's own logical index counts per depth:
 * where cores with an offline sibling sit deeper than others, two of them have the same one.
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

/* What hwloc knows of a kind of core; 0 where it does not. */
struct kind {
	int index;     /* hwloc's */
	int16_t rank;  /* ours */
	int type;      /* 1 Atom, 2 Core */
	long capacity; /* the scheduler's measure, 1024 for the fastest */
	long max_mhz;
};

static void read_kind(hwloc_topology_t topology, int index, struct kind *ret)
{
	struct hwloc_info_s *infos = NULL;
	unsigned n = 0;

	*ret = (struct kind){.index = index};
	if (hwloc_cpukinds_get_info(topology, (unsigned)index, NULL, NULL, &n, &infos, 0) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		const char *name = infos[i].name, *value = infos[i].value;

		if (strcmp(name, "CoreType") == 0)
			ret->type = strcmp(value, "IntelAtom") == 0 ? 1 : 2;
		else if (strcmp(name, "LinuxCapacity") == 0)
			ret->capacity = strtol(value, NULL, 10);
		else if (strcmp(name, "FrequencyMaxMHz") == 0)
			ret->max_mhz = strtol(value, NULL, 10);
	}
}

static int compare_kinds(const void *va, const void *vb)
{
	const struct kind *a = va, *b = vb;

	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->capacity != b->capacity)
		return a->capacity < b->capacity ? -1 : 1;
	return (a->max_mhz > b->max_mhz) - (a->max_mhz < b->max_mhz);
}

static bool alike(long a, long b)
{
	long low = a < b ? a : b, high = a < b ? b : a;

	return low == 0 || (high - low) * 100 < low * ALIKE_PERCENT;
}

/*
 * Ranks the kinds from slowest to fastest. hwloc splits by any difference it can see: base clock,
 * and maximum clock where cores are favoured for turbo (on AMD in many small steps). Those are one
 * kind here: neighbours in the order are told apart only by type, or by more than ALIKE_PERCENT.
 */
static int fill_kinds(struct qb_topology *t, hwloc_topology_t topology, struct qb_error *err)
{
	_cleanup_free_ struct kind *kinds = NULL;
	_cleanup_(bitmap_free) hwloc_bitmap_t set = hwloc_bitmap_alloc();
	int n = hwloc_cpukinds_get_nr(topology, 0);

	t->kinds = 1;
	if (n <= 0)
		return 0;
	kinds = calloc((size_t)n, sizeof(*kinds));
	if (!kinds || !set)
		return qb_error_errno(err, ENOMEM, "hold %d kinds of core", n);
	for (int i = 0; i < n; i++)
		read_kind(topology, i, &kinds[i]);
	qsort(kinds, (size_t)n, sizeof(*kinds), compare_kinds);
	for (int i = 1; i < n; i++) {
		const struct kind *below = &kinds[i - 1];

		if (kinds[i].type != below->type || !alike(kinds[i].capacity, below->capacity) ||
			!alike(kinds[i].max_mhz, below->max_mhz))
			t->kinds++;
		kinds[i].rank = (int16_t)(t->kinds - 1);
	}
	for (unsigned i = 0; i < t->n; i++) {
		int index;

		hwloc_bitmap_only(set, t->pus[i].cpu);
		index = hwloc_cpukinds_get_by_cpuset(topology, set, 0);
		/* A CPU in no kind keeps rank 0: never taken for a fast one. */
		for (int k = 0; k < n; k++)
			if (kinds[k].index == index)
				t->pus[i].kind = kinds[k].rank;
	}
	return 0;
}

/* A list of CPUs in a file of the cpu folder; *set is left alone when there is none. */
static void read_set(const char *name, struct qb_cpus *set)
{
	_cleanup_free_ char *text = malloc(QB_CPUS_TEXT);
	char path[64];

	snprintf(path, sizeof(path), CPU_DIR "/%s", name);
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
	int r = qb_dir_numbers(CPU_DIR, "cpu", &numbers, &n, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < t->n; i++)
		qb_cpus_add(&t->online, t->pus[i].cpu);
	for (size_t i = 0; i < n; i++)
		qb_cpus_add(&t->possible, numbers[i]);
	read_set("online", &t->online);
	read_set("possible", &t->possible);
	read_set("isolated", &t->isolated);
	drop_offline(t); /* gone between hwloc's look and ours */
	if (t->n == 0)
		return qb_error_set(err, ENODATA,
			"read the topology: no online CPU has a " CPU_DIR "/cpu*/topology");
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
