/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The levers of the benchmark's own process (child.h). */
#include <base/file.h>
#include <base/macros.h>
#include <client/child.h>
#include <errno.h>
#include <host/cgroups.h>
#include <linux/mempolicy.h>
#include <linux/prctl.h>
#include <quietbench/lever.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Each gets the text of its step and returns the status it reached, or a negative errno. */

static int pin(const char *text, const struct qb_selection *selection)
{
	cpu_set_t *mask = CPU_ALLOC(QB_CPUS_MAX);
	size_t size = CPU_ALLOC_SIZE(QB_CPUS_MAX);
	struct qb_cpus cpus;
	int r = qb_cpus_parse_list(text, &cpus);

	if (!mask || r < 0) {
		CPU_FREE(mask);
		return mask ? r : -ENOMEM;
	}
	CPU_ZERO_S(size, mask);
	qb_cpus_foreach (cpu, &cpus)
		CPU_SET_S(cpu, size, mask);
	r = sched_setaffinity(0, size, mask) < 0 ? -errno : QB_STATUS_APPLIED;
	CPU_FREE(mask);
	return r;
}

static int set_policy(const char *text, const struct qb_selection *selection)
{
	static const struct {
		const char *name;
		int policy, priority; /* the lowest of fifo and rr is above all other policies */
	} policies[] = {
		{"other", SCHED_OTHER, 0},
		{"batch", SCHED_BATCH, 0},
		{"fifo", SCHED_FIFO, 1},
		{"rr", SCHED_RR, 1},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(policies); i++) {
		struct sched_param param = {.sched_priority = policies[i].priority};

		if (strcmp(text, policies[i].name) != 0)
			continue;
		if (sched_getscheduler(0) == policies[i].policy)
			return QB_STATUS_UNCHANGED;
		return sched_setscheduler(0, policies[i].policy, &param) < 0 ? -errno
									     : QB_STATUS_APPLIED;
	}
	return -EINVAL;
}

static int set_nice(const char *text, const struct qb_selection *selection)
{
	int64_t nice;
	int r = qb_number_parse(text, &nice);

	if (r < 0)
		return r;
	if (getpriority(PRIO_PROCESS, 0) == nice)
		return QB_STATUS_UNCHANGED;
	return setpriority(PRIO_PROCESS, 0, (int)nice) < 0 ? -errno : QB_STATUS_APPLIED;
}

static int set_aslr(const char *text, const struct qb_selection *selection)
{
	int now = personality(0xffffffff), wanted;

	if (now < 0)
		return -errno;
	wanted = strcmp(text, "true") == 0 ? now & ~ADDR_NO_RANDOMIZE : now | ADDR_NO_RANDOMIZE;
	if (now == wanted)
		return QB_STATUS_UNCHANGED;
	return personality((unsigned long)wanted) < 0 ? -errno : QB_STATUS_APPLIED;
}

static int set_numa(const char *text, const struct qb_selection *selection)
{
	enum { BITS = 8 * sizeof(unsigned long) };
	unsigned long nodes[QB_ARRAY_SIZE(selection->nodes) * 32 / BITS] = {0};
	int mode = MPOL_BIND;

	for (unsigned node = 0; node < QB_ARRAY_SIZE(nodes) * BITS; node++)
		if (selection->nodes[node / 32] >> node % 32 & 1)
			nodes[node / BITS] |= 1ul << node % BITS;
	if (strcmp(text, "preferred") == 0)
		mode = MPOL_PREFERRED;
	else if (strcmp(text, "interleave") == 0)
		mode = MPOL_INTERLEAVE;
	/* The kernel reads one bit less than it is told. */
	if (syscall(SYS_set_mempolicy, mode, nodes, sizeof(nodes) * 8 + 1) < 0)
		return -errno;
	return QB_STATUS_APPLIED;
}

/* A cookie of its own: the kernel lets only threads with the same one share its cores. */
static int set_core_sched(const char *text, const struct qb_selection *selection)
{
	if (prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, 0UL, PR_SCHED_CORE_SCOPE_THREAD_GROUP, 0UL) <
		0)
		return -errno;
	return QB_STATUS_APPLIED;
}

/*
 * The helper moved us into a group without swap, or did not: nothing to do here but to look. The
 * limits of all groups above hold as well.
 */
static int see_lock(const char *text, const struct qb_selection *selection)
{
	char group[QB_GROUP_MAX], path[QB_GROUP_PATH], limit[64], *slash;
	struct qb_cgroups cgroups;
	int found = -ENOENT;

	if (qb_cgroups_load(&cgroups, NULL) < 0 || !cgroups.mount[QB_HIERARCHY_V2][0] ||
		qb_cgroups_of(getpid(), QB_HIERARCHY_V2, group, sizeof(group), NULL) < 0)
		return -ENOTSUP;
	for (; (slash = strrchr(group, '/')) && group[1]; slash[slash == group] = '\0') {
		if (qb_cgroups_path(&cgroups, QB_HIERARCHY_V2, group, "memory.swap.max", path,
			    sizeof(path), NULL) < 0 ||
			qb_file_read(path, limit, sizeof(limit), NULL) < 0)
			continue;
		if (strcmp(limit, "0") == 0)
			return QB_STATUS_APPLIED;
		found = -ENODATA;
	}
	return found;
}

static const struct {
	enum qb_lever_id lever;
	int (*apply)(const char *text, const struct qb_selection *selection);
} levers[QB_PROCESS_LEVERS] = {
	{QB_LEVER_PROCESS_LOCK, see_lock},
	{QB_LEVER_CORE_SCHED, set_core_sched},
	{QB_LEVER_PROCESS_PIN, pin},
	{QB_LEVER_PROCESS_NUMA, set_numa},
	{QB_LEVER_PROCESS_ASLR, set_aslr},
	{QB_LEVER_PROCESS_NICE, set_nice},
	/* Last: from then on a real-time process takes its CPU from everybody. */
	{QB_LEVER_PROCESS_POLICY, set_policy},
};

/* What an errno says of the host rather than of this attempt, in words; NULL: nothing. */
static const char *missing(uint16_t lever, int code)
{
	static const struct {
		uint16_t lever;
		int code;
		const char *why;
	} words[] = {
		{QB_LEVER_PROCESS_LOCK, ENOTSUP, QB_PROCESS_NO_V2},
		{QB_LEVER_PROCESS_LOCK, ENOENT, QB_PROCESS_NO_MEMORY},
		{QB_LEVER_PROCESS_LOCK, ENODATA,
			"the benchmark has no group of its own: the caller's, or that which it joined, may "
			"swap"},
		{QB_LEVER_CORE_SCHED, ENODEV, QB_PROCESS_NO_SMT},
		{QB_LEVER_CORE_SCHED, EINVAL,
			"this kernel was built without core scheduling (CONFIG_SCHED_CORE): use "
			"cpus.smt=idle or offline"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(words); i++)
		if (words[i].lever == lever && words[i].code == code)
			return words[i].why;
	return NULL;
}

/* What an earlier process of the same plan set or could not set is this one's to set, too. What is
 * refused, or not available here, will be so again. */
static bool is_to_be_set(const struct qb_step *step)
{
	switch ((enum qb_status)step->status) {
	case QB_STATUS_PLANNED:
	case QB_STATUS_APPLIED:
	case QB_STATUS_UNCHANGED:
	case QB_STATUS_FAILED: return step->wanted;
	case QB_STATUS_UNSUPPORTED:
	case QB_STATUS_REFUSED: break;
	}
	return false;
}

unsigned qb_process_apply(const struct qb_steps *steps, const struct qb_selection *selection,
	struct qb_process_result ret[QB_PROCESS_LEVERS])
{
	unsigned n = 0;

	for (size_t i = 0; i < QB_PROCESS_LEVERS; i++) {
		const struct qb_step *step = qb_steps_find(steps, levers[i].lever, qb_unit_none());
		int r;

		if (!step || !is_to_be_set(step))
			continue;
		r = levers[i].apply(step->wanted, selection);
		ret[n] = (struct qb_process_result){
			.lever = (uint16_t)levers[i].lever, .status = (uint8_t)r};
		if (r < 0) {
			ret[n].code = -r;
			ret[n].status = missing(ret[n].lever, -r) ? QB_STATUS_UNSUPPORTED
								  : QB_STATUS_FAILED;
		}
		n++;
	}
	return n;
}

void qb_process_note(const struct qb_process_result *results, unsigned n, struct qb_steps *steps)
{
	for (unsigned i = 0; i < n; i++) {
		struct qb_step *step = qb_steps_find(steps, results[i].lever, qb_unit_none());
		char buf[64];

		if (!step)
			continue;
		step->status = results[i].status;
		step->reason = NULL;
		if (step->status == QB_STATUS_UNSUPPORTED)
			step->reason =
				qb_steps_text(steps, missing(results[i].lever, results[i].code));
		else if (step->status == QB_STATUS_FAILED)
			step->reason = qb_steps_text(
				steps, qb_error_name(results[i].code, buf, sizeof(buf)));
		else
			step->became = step->wanted;
	}
}
