/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frequency.h: the tunables of governors (schedutil/rate_limit_us, ondemand/up_threshold). The
 * kernel frees them when the last policy leaves a governor (cpufreq_governor.c, gov_attr_set_put),
 * and a governor that comes back comes with defaults: what somebody tuned is remembered.
 */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/cpufreq.h>
#include <levers/frequency.h>

#define CPUFREQ_DIR "/sys/devices/system/cpu/cpufreq"

/* One file; the folder may hold what is no tunable (a subfolder, an action that cannot be read). */
static int remember(struct qb_steps *steps, unsigned lever, const char *name)
{
	struct qb_unit unit = {0};
	char before[QB_TEXT_MAX];

	if (!qb_text_copy(unit.name, sizeof(unit.name), name) ||
		qb_steps_find(steps, lever, unit) ||
		qb_lever_read(lever, &unit, before, sizeof(before), NULL) < 0)
		return 0;
	return qb_steps_add(steps, lever, unit, before, NULL) ? 0 : -ENOMEM;
}

static int remember_folder(struct qb_steps *steps, unsigned lever, const char *folder)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[128], name[96];

	qb_text_format(path, sizeof(path), CPUFREQ_DIR "/%s", folder);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		qb_text_format(name, sizeof(name), "%s/%.32s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && remember(steps, lever, name) < 0)
			return -ENOMEM;
	}
	return 0;
}

int qb_frequency_plan_tunables(struct qb_steps *steps, const struct qb_cpufreq_policy *policy)
{
	char folder[64];
	int r;

	/* One folder for all policies, or (arm clusters) one in each. */
	r = remember_folder(steps, QB_LEVER_TUNABLE, policy->governor);
	qb_text_format(folder, sizeof(folder), "policy%u/%s", policy->number, policy->governor);
	return r < 0 ? r : remember_folder(steps, QB_LEVER_POLICY_TUNABLE, folder);
}
