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

/* Kinds of core are topology_kinds.c's: hwloc need not read five files of each CPU for them. */
#if HWLOC_API_VERSION >= 0x00020800
#define NO_CPUKINDS HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS
#else
#define NO_CPUKINDS 0
#endif

static void topology_destroy(hwloc_topology_t *topology)
{
	if (*topology)
		hwloc_topology_destroy(*topology);
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
		hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
							   HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
							   NO_CPUKINDS) < 0 ||
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
	r = qb_topology_fill_kinds(&t, err);
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
