/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation_internal.h: leaving one's cgroup v2 group is no way out of what it enforces. MUST:
 *
 *  1. What the caller's own group and those above it limit (but those that the run's group is in as
 *     well) limits the run's group: the tightest number and cpu.max, the product of the weights, the
 *     memory nodes (of a v1 cpuset: or the run is refused).
 *  2. Any other file of theirs that limits refuses the run: every *.max, of whatever controller, and
 *     what `defaults` names.
 *  3. Every BPF program that is in effect for the caller's group (device and socket filters, sysctls,
 *     LSM hooks) is in effect for the run's before the benchmark is in it, in their order; or the run
 *     is refused. Programs are only attached, never loaded: whose they are they stay.
 *
 * What recognizes a group from elsewhere (a firewall's rule, a tracer's map) does not see it here.
 * Documentation/admin-guide/cgroup-v2.rst, bpf(2).
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <levers/isolation_internal.h>
#include <linux/bpf.h>
#include <sys/syscall.h>

#define USEC_PER_SEC UINT64_C(1000000)
#define JOINED	     QB_GROUP_RUN "/" /* how the group of a run that joined begins */

/* The limits that are one number or "max". */
static const struct {
	const char *file;
	size_t offset;
} numbers[] = {
	{"memory.max", offsetof(struct qb_systemd_limits, memory_max)},
	{"memory.high", offsetof(struct qb_systemd_limits, memory_high)},
	{"memory.swap.max", offsetof(struct qb_systemd_limits, swap_max)},
	{"pids.max", offsetof(struct qb_systemd_limits, tasks_max)},
};

/* 100 unless somebody said otherwise. */
static const struct {
	const char *file, *format;
	size_t offset;
} weights[] = {
	{"cpu.weight", "%" SCNu64, offsetof(struct qb_systemd_limits, cpu_weight)},
	{"io.weight", "default %" SCNu64, offsetof(struct qb_systemd_limits, io_weight)},
};

/* What limits nothing as long as it reads so. */
static const struct {
	const char *file, *text;
} defaults[] = {
	{"cpu.idle", "0"},
	{"io.latency", ""},
	{"io.prio.class", "no-change"},
	{"memory.swap.high", "max"},
};

static uint64_t *field(struct qb_systemd_limits *limits, size_t offset)
{
	return (uint64_t *)((char *)limits + offset);
}

/* A file of a group; `absent` when it has none (no such controller there). */
static int read_limit(const struct qb_cgroups *cgroups, const char *group, const char *file,
	const char *absent, char *buf, size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, file, path, sizeof(path), err);

	return r < 0 ? r : qb_file_read_or(path, absent, buf, size, err);
}

/* -EPERM; -EBADMSG: of what cannot be read as a limit none could be taken over. */
static int refuse(
	int code, const char *group, const char *file, const char *text, struct qb_error *err)
{
	return qb_error_set(err, code,
		"cgroup %s has a limit that the run's group cannot take over: %s reads '%s'; run from a group without it",
		group, file, text);
}

/* "QUOTA PERIOD" or "max PERIOD", microseconds. */
static int take_cpu(const char *text, struct qb_systemd_limits *limits)
{
	uint64_t quota, period, usec;

	if (!*text || strncmp(text, "max ", 4) == 0)
		return 0;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) != 2 || period == 0 ||
		__builtin_mul_overflow(quota, USEC_PER_SEC, &usec))
		return -EBADMSG;
	if (usec / period < limits->cpu_usec)
		limits->cpu_usec = usec / period;
	return 0;
}

static int take_numbers(const struct qb_cgroups *cgroups, const char *group,
	struct qb_systemd_limits *limits, struct qb_error *err)
{
	char text[256];
	int r;

	for (size_t i = 0; i < QB_ARRAY_SIZE(numbers); i++) {
		uint64_t *limit = field(limits, numbers[i].offset);
		int64_t value = 0;

		r = read_limit(cgroups, group, numbers[i].file, "max", text, sizeof(text), err);
		if (r < 0)
			return r;
		if (strcmp(text, "max") == 0)
			continue;
		if (qb_number_parse(text, &value) < 0 || value < 0)
			return refuse(EBADMSG, group, numbers[i].file, text, err);
		if ((uint64_t)value < *limit)
			*limit = (uint64_t)value;
	}
	r = read_limit(cgroups, group, "cpu.max", "", text, sizeof(text), err);
	if (r < 0)
		return r;
	return take_cpu(text, limits) < 0 ? refuse(EBADMSG, group, "cpu.max", text, err) : 0;
}

/*
 * A tenth of a tenth is a hundredth, whatever the groups beside them weigh: that much the run's group
 * has beside those of the root.
 */
static int take_weights(const struct qb_cgroups *cgroups, const char *group,
	struct qb_systemd_limits *limits, struct qb_error *err)
{
	char text[1024];

	for (size_t i = 0; i < QB_ARRAY_SIZE(weights); i++) {
		uint64_t *weight = field(limits, weights[i].offset), value;
		int r = read_limit(cgroups, group, weights[i].file, "", text, sizeof(text), err);

		if (r < 0)
			return r;
		if (!*text)
			continue;
		if (strchr(text, '\n') || sscanf(text, weights[i].format, &value) != 1 ||
			value > 10000) /* some devices have more */
			return refuse(EPERM, group, weights[i].file, text, err);
		*weight = *weight * value / 100;
		*weight = *weight < 1 ? 1 : *weight > 10000 ? 10000 : *weight;
	}
	return 0;
}

static int take_nodes(const struct qb_cgroups *cgroups, const char *group,
	struct qb_systemd_limits *limits, struct qb_error *err)
{
	char text[QB_CPUS_TEXT];
	struct qb_cpus nodes;
	int r = read_limit(cgroups, group, "cpuset.mems", "", text, sizeof(text), err);

	if (r < 0 || !*text)
		return r;
	r = read_limit(cgroups, group, "cpuset.mems.effective", "", text, sizeof(text), err);
	if (r < 0)
		return r;
	if (qb_cpus_parse_list(text, &nodes) < 0)
		return refuse(EBADMSG, group, "cpuset.mems.effective", text, err);
	if (!qb_cpus_empty(&limits->nodes))
		qb_cpus_and(&nodes, &limits->nodes);
	limits->nodes = nodes;
	return 0;
}

static int read_nodes(const struct qb_cgroups *cgroups, const char *group, const char *file,
	struct qb_cpus *ret, struct qb_error *err)
{
	char path[QB_GROUP_PATH], text[QB_CPUS_TEXT];
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_CPUSET, group, file, path, sizeof(path), err);

	if (r == 0)
		r = (int)qb_file_read(path, text, sizeof(text), err);
	return r >= 0 && qb_cpus_parse_list(text, ret) < 0 ? refuse(EBADMSG, group, file, text, err)
							   : r;
}

int qb_isolation_check_nodes(const struct qb_cgroups *cgroups, const char *origin,
	const char *group, struct qb_error *err)
{
	char text[QB_CPUS_TEXT];
	struct qb_cpus theirs, ours;
	int r = read_nodes(cgroups, origin, "cpuset.effective_mems", &theirs, err);

	if (r >= 0)
		r = read_nodes(cgroups, group, "cpuset.mems", &ours, err);
	if (r < 0 || qb_cpus_subset(&ours, &theirs))
		return r < 0 ? r : 0;
	r = qb_cpus_format_list(&theirs, text, sizeof(text));
	return r < 0 ? r : refuse(EPERM, origin, "cpuset.effective_mems", text, err);
}

/* Does a file like io.max ("8:0 rbps=1000 wbps=max", "hca_handle=max", "max") say a number? */
static bool says_number(const char *text)
{
	for (bool first = true; *text; first = strchr(" =\n", *text++))
		if (first && *text >= '0' && *text <= '9')
			return true;
	return false;
}

static bool is_known(const char *file)
{
	for (size_t i = 0; i < QB_ARRAY_SIZE(numbers); i++)
		if (strcmp(file, numbers[i].file) == 0)
			return true;
	return strcmp(file, "cpu.max") == 0;
}

static int check_others(const struct qb_cgroups *cgroups, const char *group, struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[QB_GROUP_PATH], text[4096];
	const struct dirent *entry;
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, NULL, path, sizeof(path), err);

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(defaults); i++) {
		r = read_limit(cgroups, group, defaults[i].file, defaults[i].text, text,
			sizeof(text), err);
		if (r == 0 && strcmp(text, defaults[i].text) != 0)
			return refuse(EPERM, group, defaults[i].file, text, err);
	}
	if (r < 0)
		return r;
	dir = opendir(path);
	if (!dir)
		return qb_error_errno(err, errno, "look for the limits of %s", path);
	while ((r = qb_dir_next(dir, path, &entry, err)) > 0) {
		const char *end = strrchr(entry->d_name, '.');

		if (!end || strcmp(end, ".max") != 0 || is_known(entry->d_name))
			continue;
		r = read_limit(cgroups, group, entry->d_name, "", text, sizeof(text), err);
		if (r < 0 || says_number(text))
			return r < 0 ? r : refuse(EPERM, group, entry->d_name, text, err);
	}
	return r;
}

int qb_isolation_limits_of(const struct qb_cgroups *cgroups, const char *origin, const char *group,
	struct qb_systemd_limits *ret, struct qb_error *err)
{
	struct qb_systemd_limits limits = {.memory_max = UINT64_MAX,
		.memory_high = UINT64_MAX,
		.swap_max = UINT64_MAX,
		.tasks_max = UINT64_MAX,
		.cpu_usec = UINT64_MAX,
		.cpu_weight = 100,
		.io_weight = 100};
	char path[QB_GROUP_MAX];
	char *slash;
	int r;

	if (!qb_text_copy(path, sizeof(path), origin))
		return qb_error_set(err, ENAMETOOLONG, "cgroup %s: the path is too long", origin);
	while ((slash = strrchr(path, '/')) && path[1] && !qb_cgroups_below(group, path)) {
		r = take_numbers(cgroups, path, &limits, err);
		if (r == 0)
			r = take_weights(cgroups, path, &limits, err);
		if (r == 0)
			r = take_nodes(cgroups, path, &limits, err);
		if (r == 0)
			r = check_others(cgroups, path, err);
		if (r < 0)
			return r;
		slash[slash == path] = '\0'; /* the parent; of "/a" that is "/" */
	}
	*ret = limits;
	return 0;
}

/* ---- imposing them ---- */

/*
 * The controllers of a caller's group are on in the root, so the run's group has them; that of a run
 * that joined has them if the run's passes them on, which it can: a lease's has no process.
 */
static int write_limit(const struct qb_cgroups *cgroups, const char *group, const char *file,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH], above[QB_GROUP_PATH], controller[64];
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, file, path, sizeof(path), err);

	if (r == 0 && !qb_file_exists(path) && strncmp(group, JOINED, strlen(JOINED)) == 0) {
		qb_text_format(
			controller, sizeof(controller), "+%.*s", (int)strcspn(file, "."), file);
		r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, QB_GROUP_RUN,
			"cgroup.subtree_control", above, sizeof(above), err);
		if (r == 0)
			r = qb_file_write(above, controller, err);
	}
	if (r == 0)
		r = qb_file_write(path, text, err);
	return r < 0 ? qb_error_wrap(err, "take over %s of the caller's cgroup", file) : 0;
}

int qb_isolation_limits_impose(const struct qb_cgroups *cgroups, const char *group,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	struct qb_systemd_limits copy = *limits;
	char text[QB_CPUS_TEXT];
	int r = 0;

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(numbers); i++) {
		uint64_t value = *field(&copy, numbers[i].offset);

		qb_text_format(text, sizeof(text), "%" PRIu64, value);
		if (value != UINT64_MAX)
			r = write_limit(cgroups, group, numbers[i].file, text, err);
	}
	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(weights); i++) {
		uint64_t value = *field(&copy, weights[i].offset);

		qb_text_format(text, sizeof(text), "%" PRIu64, value);
		if (value != 100)
			r = write_limit(cgroups, group, weights[i].file, text, err);
	}
	if (r == 0 && copy.cpu_usec != UINT64_MAX) {
		qb_text_format(
			text, sizeof(text), "%" PRIu64 " %" PRIu64, copy.cpu_usec, USEC_PER_SEC);
		r = write_limit(cgroups, group, "cpu.max", text, err);
	}
	if (r == 0 && !qb_cpus_empty(&copy.nodes)) {
		r = qb_cpus_format_list(&copy.nodes, text, sizeof(text));
		r = r < 0 ? qb_error_errno(err, -r, "name the memory nodes of the run")
			  : write_limit(cgroups, group, "cpuset.mems", text, err);
	}
	return r;
}

/* ---- BPF programs ---- */

/* Of enum bpf_attach_type those that attach to a group; the last ones came after Linux 6.1. */
static const unsigned char attach_types[] = {BPF_CGROUP_DEVICE, BPF_CGROUP_INET_INGRESS,
	BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET_SOCK_RELEASE,
	BPF_CGROUP_SOCK_OPS, BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND,
	BPF_CGROUP_INET4_POST_BIND, BPF_CGROUP_INET6_POST_BIND, BPF_CGROUP_INET4_CONNECT,
	BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP6_SENDMSG,
	BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG, BPF_CGROUP_INET4_GETPEERNAME,
	BPF_CGROUP_INET6_GETPEERNAME, BPF_CGROUP_INET4_GETSOCKNAME, BPF_CGROUP_INET6_GETSOCKNAME,
	BPF_CGROUP_GETSOCKOPT, BPF_CGROUP_SETSOCKOPT, BPF_CGROUP_SYSCTL, BPF_LSM_CGROUP,
	49 /* UNIX_CONNECT */, 50 /* UNIX_SENDMSG */, 51 /* UNIX_RECVMSG */,
	52 /* UNIX_GETPEERNAME */, 53 /* UNIX_GETSOCKNAME */};

#define PROGRAMS_MAX 256
struct programs {
	uint32_t n, id[PROGRAMS_MAX];
};

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* What is in effect for a group, in the order in which it is asked. */
static int query_programs(int group, unsigned type, struct programs *ret)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)group;
	attr.query.attach_type = type;
	attr.query.query_flags = BPF_F_QUERY_EFFECTIVE;
	attr.query.prog_ids = (uintptr_t)ret->id;
	attr.query.prog_cnt = PROGRAMS_MAX;
	ret->n = 0;
	if (bpf(BPF_PROG_QUERY, &attr) == 0)
		ret->n = attr.query.prog_cnt;
	else if (errno != EINVAL && errno != ENOSYS) /* such programs are unknown to this kernel */
		return -errno;
	return 0;
}

static bool has_program(const struct programs *programs, uint32_t id)
{
	for (uint32_t i = 0; i < programs->n; i++)
		if (programs->id[i] == id)
			return true;
	return false;
}

static int attach_program(int group, unsigned type, uint32_t id)
{
	_cleanup_close_ int program = -1;
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_id = id;
	program = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
	if (program < 0)
		return errno == ENOENT ? 0 : -errno; /* detached meanwhile */
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)group;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = type;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	return bpf(BPF_PROG_ATTACH, &attr) < 0 ? -errno : 0;
}

static int keep_type(int origin, int group, unsigned type)
{
	struct programs theirs = {0}, ours = {0};
	int r = query_programs(origin, type, &theirs);

	if (r == 0 && theirs.n)
		r = query_programs(group, type, &ours);
	for (uint32_t i = 0; r == 0 && i < theirs.n; i++)
		if (!has_program(&ours, theirs.id[i]))
			r = attach_program(group, type, theirs.id[i]);
	return r;
}

static int open_group(const struct qb_cgroups *cgroups, const char *group, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int fd, r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, NULL, path, sizeof(path), err);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? qb_error_errno(err, errno, "open cgroup %s", path) : fd;
}

int qb_isolation_keep_programs(const struct qb_cgroups *cgroups, const char *origin,
	const char *group, struct qb_error *err)
{
	_cleanup_close_ int theirs = open_group(cgroups, origin, err);
	_cleanup_close_ int ours = theirs < 0 ? theirs : open_group(cgroups, group, err);

	if (ours < 0)
		return ours;
	for (size_t i = 0; i < QB_ARRAY_SIZE(attach_types); i++) {
		int r = keep_type(theirs, ours, attach_types[i]);

		if (r < 0)
			return qb_error_set(err, -r,
				"keep the BPF programs of cgroup %s for the run (attach type %u: %s): run from a group without them (DevicePolicy=, IPAddressDeny=, ...)",
				origin, attach_types[i], strerror(-r));
	}
	return 0;
}
