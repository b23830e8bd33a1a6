/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isolation_internal.h: leaving one's cgroup v2 group must not be a way out of its limits. The
 * run's group takes over the tightest of the caller's own and of all groups above it.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <inttypes.h>
#include <levers/isolation_internal.h>

#define USEC_PER_SEC UINT64_C(1000000)

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

static uint64_t *number_of(struct qb_systemd_limits *limits, size_t i)
{
	return (uint64_t *)((char *)limits + numbers[i].offset);
}

static void tighten(uint64_t *limit, uint64_t value)
{
	if (value < *limit)
		*limit = value;
}

/* A file of a group; "" when the group has no such file (no such controller there). */
static int read_limit(const struct qb_cgroups *cgroups, const char *group, const char *file,
	char *buf, size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, file, path, sizeof(path), err);

	if (r < 0)
		return r;
	return qb_file_read_or(path, "", buf, size, err);
}

/* What cannot be read as a limit is none that could be taken over: -EBADMSG. */
static int take_number(const char *text, uint64_t *limit)
{
	int64_t value;

	if (!*text || strcmp(text, "max") == 0)
		return 0;
	if (qb_number_parse(text, &value) < 0 || value < 0)
		return -EBADMSG;
	tighten(limit, (uint64_t)value);
	return 0;
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
	tighten(&limits->cpu_usec, usec / period);
	return 0;
}

static int take_group(const struct qb_cgroups *cgroups, const char *group,
	struct qb_systemd_limits *limits, struct qb_error *err)
{
	char text[1024];
	int r;

	for (size_t i = 0; i < QB_ARRAY_SIZE(numbers); i++) {
		r = read_limit(cgroups, group, numbers[i].file, text, sizeof(text), err);
		if (r < 0)
			return r;
		if (take_number(text, number_of(limits, i)) < 0)
			return qb_error_set(err, EBADMSG, "%s of cgroup %s reads '%s'",
				numbers[i].file, group, text);
	}
	r = read_limit(cgroups, group, "cpu.max", text, sizeof(text), err);
	if (r < 0)
		return r;
	if (take_cpu(text, limits) < 0)
		return qb_error_set(err, EBADMSG, "cpu.max of cgroup %s reads '%s'", group, text);
	r = read_limit(cgroups, group, "io.max", text, sizeof(text), err);
	if (r < 0)
		return r;
	if (*text)
		return qb_error_set(err, EPERM,
			"cgroup %s limits I/O (io.max), which the run's group cannot take over: "
			"run "
			"from another group, or with -s cpus.isolation=none",
			group);
	return 0;
}

int qb_isolation_limits_of(const struct qb_cgroups *cgroups, const char *group,
	struct qb_systemd_limits *ret, struct qb_error *err)
{
	struct qb_systemd_limits limits = {
		UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, NULL};
	char path[QB_GROUP_MAX];
	char *slash;

	if (!qb_text_copy(path, sizeof(path), group))
		return qb_error_set(err, ENAMETOOLONG, "cgroup %s: the path is too long", group);
	while ((slash = strrchr(path, '/')) && path[1]) {
		int r = take_group(cgroups, path, &limits, err);

		if (r < 0)
			return r;
		slash[slash == path] = '\0'; /* the parent; of "/a" that is "/" */
	}
	*ret = limits;
	return 0;
}

static int write_limit(const struct qb_cgroups *cgroups, const char *group, const char *file,
	const char *text, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = qb_cgroups_path(cgroups, QB_HIERARCHY_V2, group, file, path, sizeof(path), err);

	if (r == 0)
		r = qb_file_write(path, text, err);
	return r < 0 ? qb_error_wrap(err, "take over the caller's limit %s", file) : 0;
}

int qb_isolation_limits_impose(const struct qb_cgroups *cgroups, const char *group,
	const struct qb_systemd_limits *limits, struct qb_error *err)
{
	struct qb_systemd_limits copy = *limits;
	char text[64];
	int r = 0;

	for (size_t i = 0; r == 0 && i < QB_ARRAY_SIZE(numbers); i++) {
		uint64_t value = *number_of(&copy, i);

		if (value == UINT64_MAX)
			continue;
		qb_text_format(text, sizeof(text), "%" PRIu64, value);
		r = write_limit(cgroups, group, numbers[i].file, text, err);
	}
	if (r == 0 && copy.cpu_usec != UINT64_MAX) {
		qb_text_format(
			text, sizeof(text), "%" PRIu64 " %" PRIu64, copy.cpu_usec, USEC_PER_SEC);
		r = write_limit(cgroups, group, "cpu.max", text, err);
	}
	return r;
}
