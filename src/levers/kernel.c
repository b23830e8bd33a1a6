/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.h: the attributes of the kernel's own work that are more than a file. */
#include <base/file.h>
#include <base/macros.h>
#include <errno.h>
#include <levers/kernel.h>

#define REQUESTED	 "/sys/devices/virtual/workqueue/cpumask_requested"
#define WATCHDOG	 "/proc/sys/kernel/watchdog"
#define PERF_PERCENT	 "/proc/sys/kernel/perf_cpu_time_max_percent"
#define PERCENT_ORDINARY "25" /* the kernel's default */
#define KERNEL_ENOTSUPP	 524  /* internal to the kernel; nmi_watchdog leaks it */

/* Newer kernels take isolated partitions out of `cpumask` themselves, and put them back. */
static int read_workqueues(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	int r = qb_file_read_or(REQUESTED, "", buf, size, err);

	if (r == 0 && !*buf)
		r = (int)qb_file_read(lever->path, buf, size, err);
	return r < 0 ? r : 0;
}

/*
 * With the master off a detector stays off, and with both detectors off so does the master; reading
 * one of the three makes the kernel forget what was written to it. So both in one go.
 */
static int write_detector(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	int r = strcmp(text, "1") == 0 ? qb_file_write(WATCHDOG, text, err) : 0;

	if (r == 0)
		r = qb_file_write(lever->path, text, err);
	/* EACCES: a kernel built without the detector shows its switch, read-only. */
	if (r == -KERNEL_ENOTSUPP || r == -EACCES)
		return qb_error_set(err, EOPNOTSUPP,
			"the hard lockup detector has no performance counter here (in a guest: the "
			"hypervisor keeps them)");
	return r;
}

/*
 * With 0 or 100 percent perf's rate refuses to be written (EINVAL). What stands there is put back
 * at once; should we die in between, the percentage is a remembered step as well.
 */
static int write_sample_rate(const struct qb_lever *lever, const struct qb_unit *unit,
	const char *text, struct qb_error *err)
{
	char percent[16];
	ssize_t n = qb_file_read(PERF_PERCENT, percent, sizeof(percent), err);
	int r, back;

	if (n < 0)
		return (int)n;
	if (strcmp(percent, "0") != 0 && strcmp(percent, "100") != 0)
		return qb_file_write(lever->path, text, err);
	r = qb_file_write(PERF_PERCENT, PERCENT_ORDINARY, err);
	if (r < 0)
		return r;
	r = qb_file_write(lever->path, text, err);
	back = qb_file_write(PERF_PERCENT, percent, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

const struct qb_lever_ops qb_workqueues_ops = {.read = read_workqueues};
const struct qb_lever_ops qb_detector_ops = {.write = write_detector};
/* The kernel lowers the rate by itself when samples take too long, for good; nobody wished that. */
static bool lowered(const struct qb_steps *steps, const struct qb_step *step, const char *now)
{
	int64_t left, current;

	return qb_number_parse(step->left, &left) == 0 && qb_number_parse(now, &current) == 0 &&
	       current < left;
}

const struct qb_lever_ops qb_sample_rate_ops = {.write = write_sample_rate, .ours = lowered};
