/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lever.h: planning the clock of caches and memory controller. For the planner alone.
 *
 * The driver shows a folder per die (package_00_die_00) and, on newer machines, one per cluster
 * (uncore00, uncore01, …). There the folder of a die is a view of all its clusters: it reads as the
 * widest of their limits, and a write sets them all and stays as a limit for later writes to any
 * until the driver is loaded anew. So only clusters are written where there are any: what a die
 * reads as then comes back with them, and no other trace stays.
 */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <dirent.h>
#include <errno.h>
#include <quietbench/lever.h>

#define UNCORE_DIR "/sys/devices/system/cpu/intel_uncore_frequency"
/* The register counts in steps of 100 MHz; the kernel cuts off what is between. */
#define STEP_KHZ 100000

static int is_cluster(const struct dirent *entry)
{
	return strncmp(entry->d_name, "uncore", 6) == 0;
}

static int is_die(const struct dirent *entry)
{
	return strncmp(entry->d_name, "package_", 8) == 0;
}

static int read_limit(const char *name, const char *which, long long *ret)
{
	char path[192];

	qb_text_format(path, sizeof(path), UNCORE_DIR "/%s/initial_%s_freq_khz", name, which);
	return qb_file_read_number(path, ret, NULL);
}

static int plan_unit(const struct qb_setting *setting, const char *name, struct qb_steps *steps)
{
	struct qb_unit unit = {0};
	long long low, high, min, max;
	char text[2][24];
	int r;

	if (read_limit(name, "min", &low) < 0 || read_limit(name, "max", &high) < 0 ||
		!qb_text_copy(unit.name, sizeof(unit.name), name))
		return qb_steps_refuse(steps, QB_LEVER_UNCORE_MAX, QB_STATUS_UNSUPPORTED,
			"%s/%s does not tell its limits", UNCORE_DIR, name);
	min = max = high;
	if (!qb_setting_is(setting, "max")) {
		min = setting->number / STEP_KHZ * STEP_KHZ;
		max = setting->upper / STEP_KHZ * STEP_KHZ;
	}
	if (min < low || max > high)
		return qb_steps_refuse(steps, QB_LEVER_UNCORE_MAX, QB_STATUS_UNSUPPORTED,
			"%s runs from %lld to %lld kHz; %lld to %lld is not within", name, low,
			high, min, max);
	snprintf(text[0], sizeof(text[0]), "%lld", max);
	snprintf(text[1], sizeof(text[1]), "%lld", min);
	r = qb_lever_plan(steps, QB_LEVER_UNCORE_MAX, unit, text[0]);
	return r < 0 ? r : qb_lever_plan(steps, QB_LEVER_UNCORE_MIN, unit, text[1]);
}

static int finish(int r, struct qb_error *err)
{
	return r < 0 ? qb_error_errno(err, -r, "plan the clock of caches and memory") : 0;
}

int qb_uncore_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	const struct qb_setting *setting = &wish->profile->set[QB_KEY_FREQUENCY_UNCORE];
	struct dirent **list = NULL;
	int n, r = 0;

	if (qb_setting_is(setting, "keep"))
		return 0;
	n = scandir(UNCORE_DIR, &list, is_cluster, alphasort);
	if (n == 0) {
		free(list);
		list = NULL;
		n = scandir(UNCORE_DIR, &list, is_die, alphasort);
	}
	if (n < 0 && errno == ENOMEM)
		return qb_error_errno(err, ENOMEM, "list %s", UNCORE_DIR);
	if (n <= 0) {
		free(list);
		r = qb_steps_refuse(steps, QB_LEVER_UNCORE_MAX, QB_STATUS_UNSUPPORTED, "%s",
			wish->topology->guest
				? "the hypervisor keeps the clock of caches and memory to itself"
				: "no intel_uncore_frequency here: only some Intel CPUs let this "
				  "clock be set (modprobe intel-uncore-frequency)");
		return finish(r, err);
	}
	for (int i = 0; i < n; i++) {
		if (r >= 0)
			r = plan_unit(setting, list[i]->d_name, steps);
		free(list[i]);
	}
	free(list);
	return finish(r, err);
}
