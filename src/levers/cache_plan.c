/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lever.h: can the L3 be divided here, and which caches. For the planner. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/cache.h>

/* Of one CPU; first-level data and code have one each. */
#define LEVELS_MAX 10

static int refuse(struct qb_steps *steps, const char *why)
{
	return qb_steps_refuse(steps, QB_LEVER_CACHE_L3, QB_STATUS_UNSUPPORTED, "%s", why);
}

/* Is a blank-separated word anywhere in this file (cpuinfo tells flags that way)? */
static bool file_has_word(const char *path, const char *word)
{
	_cleanup_free_ char *text = NULL;

	if (qb_file_read_all(path, &text, NULL) < 0)
		return false;
	for (char *c = text; *c; c++)
		*c = *c == '\n' || *c == '\t' ? ' ' : *c;
	return qb_text_has_word(text, word);
}

/* Can it be? What a mount would show is known only after it. */
static int offered(const struct qb_topology *topology, struct qb_error *why)
{
	if (qb_cache_mounted()) {
		if (!qb_file_exists(QB_RESCTRL_DIR "/info/L3/cbm_mask") &&
			!qb_file_exists(QB_RESCTRL_DIR "/info/L3CODE/cbm_mask"))
			return qb_error_set(
				why, ENOTSUP, "resctrl offers no L3 cache to divide on this host");
		return qb_cache_check_alone(why);
	}
	if (file_has_word("/proc/filesystems", "resctrl") &&
		file_has_word("/proc/cpuinfo", "cat_l3"))
		return 0;
	return qb_error_set(why, ENOTSUP, "%s",
		topology->guest ? "the hypervisor keeps the division of caches to itself"
				: "this CPU cannot divide its L3 cache, or the kernel cannot "
				  "(cat_l3 in /proc/cpuinfo, resctrl in /proc/filesystems)");
}

/* The id of the L3 that a CPU has, as resctrl counts them. */
static int l3_of(unsigned cpu, unsigned *ret)
{
	for (unsigned i = 0; i < LEVELS_MAX; i++) {
		long long level, id;
		char path[128];

		qb_text_format(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%u/cache/index%u/level", cpu, i);
		if (qb_file_read_number(path, &level, NULL) < 0 || level != 3)
			continue;
		qb_text_format(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/cache/index%u/id",
			cpu, i);
		if (qb_file_read_number(path, &id, NULL) < 0 || id < 0 || id >= QB_CPUS_MAX)
			return -ENOENT;
		*ret = (unsigned)id;
		return 0;
	}
	return -ENOENT;
}

/* "25% of 0,2" */
static int wish_text(const struct qb_wish *wish, char *buf, size_t size)
{
	char share[32], ids[256];
	struct qb_cpus caches = {0};

	qb_cpus_foreach (cpu, &wish->selection->bench) {
		unsigned id;

		if (l3_of(cpu, &id) < 0)
			return -ENOENT;
		qb_cpus_add(&caches, id);
	}
	qb_quantity_format(QB_QUANTITY_PERCENT, wish->profile->set[QB_KEY_CACHE_L3].number, share,
		sizeof(share));
	return qb_cpus_format_list(&caches, ids, sizeof(ids)) == 0 &&
			       qb_text_format(buf, size, "%s of %s", share, ids)
		       ? 0
		       : -EFBIG;
}

int qb_cache_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	char share[512], cpus[QB_TEXT_MAX];
	struct qb_error why = {0};
	const struct {
		enum qb_lever_id lever;
		const char *wanted;
	} rows[] = {
		{QB_LEVER_CACHE_MOUNT, "mounted"},
		{QB_LEVER_CACHE_GROUP, "present"},
		{QB_LEVER_CACHE_L3, share},
		{QB_LEVER_CACHE_CPUS, cpus},
		{QB_LEVER_CACHE_REST, share},
	};
	int r = 0;

	if (qb_setting_is(&wish->profile->set[QB_KEY_CACHE_L3], "keep"))
		return 0;
	if (offered(wish->topology, &why) < 0)
		r = refuse(steps, why.text);
	else if (wish_text(wish, share, sizeof(share)) < 0)
		r = refuse(steps, "the host does not tell which L3 cache the benchmark's CPUs have "
				  "(cpuN/cache/indexM/id)");
	else if (qb_cpus_format_list(&wish->selection->bench, cpus, sizeof(cpus)) < 0)
		r = refuse(steps, "the list of the benchmark's CPUs is too long");
	else
		for (size_t i = 0; i < QB_ARRAY_SIZE(rows) && r == 0; i++)
			r = qb_steps_add(steps, rows[i].lever, qb_unit_none(), NULL, rows[i].wanted)
				    ? 0
				    : -ENOMEM;
	return r < 0 ? qb_error_errno(err, -r, "plan the cache") : 0;
}
