/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For unit tests of levers whose files move each other: the files of /proc/sys and /sys that a test
 * puts, in a sandbox, and a kernel behind them, which sees every write and answers as Linux does
 * (kernel/events/core.c, mm/page-writeback.c, mm/khugepaged.c).
 */
#ifndef QB_TESTS_FAKE_KERNEL_H
#define QB_TESTS_FAKE_KERNEL_H

#include <stdlib.h>
#include <sys/syscall.h>

#include "sandbox.h"

#define KERNEL	   "/proc/sys/kernel/"
#define VM	   "/proc/sys/vm/"
#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/"
#define KSM	   "/sys/kernel/mm/ksm/run"
#define WORKQUEUES "/sys/devices/virtual/workqueue/"
#define NET	   "/sys/class/net/"
#define RATE	   KERNEL "perf_event_max_sample_rate"
#define PERCENT	   KERNEL "perf_cpu_time_max_percent"
#define CPUS	   "/sys/devices/system/cpu/"
#define GOVERNOR   CPUS "cpufreq/policy0/scaling_governor"
#define GOVERNORS  CPUS "cpufreq/policy0/scaling_available_governors"
/* The kernel's own: no such file. */
#define ONLINE_MASK CPUS "online_mask"

static struct fake_file {
	char path[128], value[256];
} fake_files[64];
static size_t fake_n;
static char fake_log[2048];    /* "NAME=VALUE " of every write that a lever made */
static int fake_answer;	       /* errno of the next write; 0: as the rules have it */
static int fake_broken;	       /* errno of all writes; 0: of none */
static const char *fake_crash; /* the writer dies before the write of this file */

static inline struct fake_file *fake_file(const char *path)
{
	for (size_t i = 0; i < fake_n; i++)
		if (strcmp(fake_files[i].path, path) == 0)
			return &fake_files[i];
	return NULL;
}

static inline const char *fake_value(const char *path)
{
	struct fake_file *file = fake_file(path);

	assert_non_null(file);
	return file->value;
}

/* As it stands in the file. Past our own write(). */
static inline void fake_flush(const struct fake_file *file)
{
	int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	syscall(SYS_write, fd, file->value, strlen(file->value));
	syscall(SYS_write, fd, "\n", 1);
	close(fd);
}

static inline void fake_put(const char *path, const char *value)
{
	struct fake_file *file = fake_file(path);
	char folder[128];

	if (!file) {
		assert_true(fake_n < sizeof(fake_files) / sizeof(fake_files[0]));
		file = &fake_files[fake_n++];
		snprintf(file->path, sizeof(file->path), "%s", path);
	}
	snprintf(file->value, sizeof(file->value), "%s", value);
	snprintf(folder, sizeof(folder), "%s", path);
	for (char *at = folder + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		assert_true(mkdir(folder, 0755) == 0 || errno == EEXIST);
	}
	fake_flush(file);
}

static inline void fake_set(const char *path, const char *value)
{
	if (fake_file(path))
		fake_put(path, value);
}

/* Ratio and bytes: the one that is written zeroes the other. 0 bytes are below the minimum. */
static inline int fake_dirty(const char *path, const char *value)
{
	char other[64];
	size_t stem = strlen(path);

	if (strcmp(path + stem - 6, "_bytes") == 0) {
		snprintf(other, sizeof(other), "%.*s_ratio", (int)stem - 6, path);
		if (strcmp(value, "0") == 0)
			return EINVAL;
	} else {
		snprintf(other, sizeof(other), "%.*s_bytes", (int)stem - 6, path);
	}
	fake_set(other, "0");
	return 0;
}

/* With huge pages at least 100 is kept free; without, what it was. */
static inline void fake_huge(struct fake_file *file, const char *value)
{
	snprintf(file->value, sizeof(file->value), "%s",
		strcmp(value, "never") == 0 ? "always madvise [never]" : "[always] madvise never");
	if (strcmp(value, "never") != 0 && atoi(fake_value(VM "min_free_kbytes")) < 100)
		fake_set(VM "min_free_kbytes", "100");
}

/* A governor must be loaded, and one of an interrupt's CPUs online (of up to 32, told as a mask). */
static inline bool fake_lacks(const struct fake_file *file, const char *value)
{
	const char *name = strrchr(file->path, '/');
	const struct fake_file *needs = NULL;

	if (strcmp(name, "/scaling_governor") == 0)
		return (needs = fake_file(GOVERNORS)) && !strstr(needs->value, value);
	return strcmp(name, "/smp_affinity") == 0 && (needs = fake_file(ONLINE_MASK)) &&
	       !(strtoul(value, NULL, 16) & strtoul(needs->value, NULL, 16));
}

/* What the kernel makes of a write: 0 or an errno. */
static inline int fake_rules(struct fake_file *file, const char *value)
{
	const char *percent = fake_file(PERCENT) ? fake_value(PERCENT) : "25";
	int r = 0;

	if (fake_lacks(file, value))
		return EINVAL;

	if (strcmp(file->path, RATE) == 0 &&
		(strcmp(percent, "0") == 0 || strcmp(percent, "100") == 0))
		return EINVAL;
	if (strncmp(file->path, VM "dirty", strlen(VM "dirty")) == 0)
		r = fake_dirty(file->path, value);
	if (strcmp(file->path, HUGE_PAGES "enabled") == 0)
		fake_huge(file, value);
	else if (r == 0)
		snprintf(file->value, sizeof(file->value), "%s", value);
	return r;
}

ssize_t write(int fd, const void *buf, size_t size)
{
	char link[64], path[128] = "", value[256];
	struct fake_file *file;
	size_t used = strlen(fake_log);
	int r = fake_broken ? fake_broken : fake_answer;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	file = readlink(link, path, sizeof(path) - 1) > 0 ? fake_file(path) : NULL;
	if (!file)
		return syscall(SYS_write, fd, buf, size);
	if (fake_crash && strcmp(path, fake_crash) == 0) {
		fake_flush(file);
		_exit(0);
	}
	snprintf(value, sizeof(value), "%.*s", (int)size - 1, (const char *)buf);
	snprintf(fake_log + used, sizeof(fake_log) - used, "%s=%s ", strrchr(path, '/') + 1, value);
	fake_answer = 0;
	if (!r)
		r = fake_rules(file, value);
	fake_flush(file);
	errno = r;
	return r ? -1 : (ssize_t)size;
}

static bool fake_sandboxed;

/* Group setup and test setup. */
static inline int fake_enter(void **state)
{
	fake_sandboxed = sandbox_enter();
	return 0;
}

static inline int fake_begin(void **state)
{
	static const char *const places[] = {"/proc/sys/kernel", "/proc/sys/vm", "/sys/kernel/mm",
		"/sys/devices/virtual/workqueue", "/sys/class/net"};

	fake_n = 0;
	fake_log[0] = '\0';
	fake_answer = fake_broken = 0;
	fake_crash = NULL;
	for (size_t i = 0; fake_sandboxed && i < sizeof(places) / sizeof(places[0]); i++)
		if (!sandbox_empty(places[i]))
			return -1;
	return 0;
}

static inline void fake_need(void)
{
	if (!fake_sandboxed)
		skip();
}

#endif
