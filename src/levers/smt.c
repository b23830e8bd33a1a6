/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smt.h: siblings offline and back. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/caller.h>
#include <host/cgroups.h>
#include <levers/smt.h>
#include <time.h>

#define CPU_DIR "/sys/devices/system/cpu/"

#define PAUSE_MS   10
#define BUSY_MS	   100
#define CPUSETS_MS 1000

static void pause_briefly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

/* CPUs are only ever taken offline: to wake one that the admin had put to sleep is not ours. */
static int judge_online(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cpus online;
	int r = qb_host_online(&online, err);

	if (r < 0)
		return r;
	if (strcmp(text, "0") != 0 || !qb_cpus_has(&online, unit->number))
		return qb_error_set(
			err, EPERM, "only a CPU that is online is taken offline, none is woken");
	return 0;
}

/* The CPUs that the root of the cpusets shows, of v2 or v1. */
static int read_cpusets(const struct qb_cgroups *cgroups, struct qb_cpus *ret)
{
	const bool v2 = cgroups->cpuset2;
	char path[QB_GROUP_PATH], list[QB_CPUS_TEXT];
	ssize_t n;
	int r = qb_cgroups_path(cgroups, v2 ? QB_HIERARCHY_V2 : QB_HIERARCHY_CPUSET, "/",
		v2 ? "cpuset.cpus.effective" : "cpuset.cpus", path, sizeof(path), NULL);

	if (r < 0)
		return r;
	n = qb_file_read(path, list, sizeof(list), NULL);
	return n < 0 ? (int)n : qb_cpus_parse_list(list, ret);
}

/*
 * Up to Linux 6.9 a worker carries hotplug over to the cpusets, and overwrites the masks of their
 * threads: what we write there afterwards shall not be written before.
 */
static void await_cpusets(unsigned cpu, bool online)
{
	struct qb_cgroups cgroups;
	struct qb_cpus cpus;

	if (qb_cgroups_load(&cgroups, NULL) < 0)
		return;
	for (int waited = 0; waited < CPUSETS_MS && read_cpusets(&cgroups, &cpus) == 0 &&
			     qb_cpus_has(&cpus, cpu) != online;
		waited += PAUSE_MS)
		pause_briefly();
}

/* What the kernel's refusal of a switch means. */
static int explain(int r, unsigned cpu, bool online, struct qb_error *err)
{
	char control[32] = "?";

	if (r == -EBUSY && online)
		return qb_error_set(err, EBUSY,
			"bring CPU %u back online: the kernel blocks hotplug at the moment (a "
			"suspend?); try again, or echo 1 >" CPU_DIR "cpu%u/online",
			cpu, cpu);
	if (r == -EBUSY)
		return qb_error_set(err, EBUSY,
			"take CPU %u offline: the kernel keeps it (it is the last for housekeeping, or keeps the time for nohz_full CPUs, or has deadline tasks) or blocks hotplug at the moment; use cpus.smt=idle",
			cpu);
	if (r != -EPERM || !online)
		return r;
	qb_file_read(CPU_DIR "smt/control", control, sizeof(control), NULL);
	return qb_error_set(err, EPERM,
		"bring CPU %u back online: SMT was switched off meanwhile (" CPU_DIR
		"smt/control reads '%s')",
		cpu, control);
}

static int write_online(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const bool online = strcmp(text, "1") == 0;
	char path[64];
	int r;

	qb_text_format(path, sizeof(path), CPU_DIR "cpu%u/online", unit->number);
	r = qb_file_write(path, text, err);
	for (int waited = 0; r == -EBUSY && waited < BUSY_MS; waited += PAUSE_MS) {
		pause_briefly();
		r = qb_file_write(path, text, err);
	}
	if (r < 0)
		return explain(r, unit->number, online, err);
	await_cpusets(unit->number, online);
	return 0;
}

const struct qb_lever_ops qb_smt_online_ops = {.judge = judge_online, .write = write_online};

struct search {
	uint64_t id;
	char *path;
	size_t size;
};

static int find_folder(void *data, const char *folder, uint64_t id)
{
	const struct search *search = data;

	if (id != search->id)
		return 0;
	return qb_text_format(search->path, search->size, "%s/cpuset.cpus", folder) ? 1
										    : -ENAMETOOLONG;
}

static int path_of(const struct qb_unit *unit, char *buf, size_t size, struct qb_error *err)
{
	struct search search = {.id = unit->key, .path = buf, .size = size};
	struct qb_cgroups cgroups;
	int r = qb_cgroups_load(&cgroups, err);

	if (r == 0)
		r = qb_cgroups_walk(&cgroups, QB_HIERARCHY_CPUSET, "/", find_folder, &search, err);
	if (r == 0)
		return qb_error_set(err, ENOENT, "the cpuset %s is gone", unit->name);
	return r < 0 ? r : 0;
}

static int read_cpuset(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(unit, path, sizeof(path), err);

	if (r == 0)
		r = (int)qb_file_read(path, buf, size, err);
	return r < 0 ? r : 0;
}

static int write_cpuset(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char path[QB_GROUP_PATH];
	int r = path_of(unit, path, sizeof(path), err);

	return r < 0 ? r : qb_file_write(path, text, err);
}

/* Others' cpusets are remembered and put back; no plan writes them. */
static int judge_cpuset(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return qb_error_set(err, EPERM, "the cpuset %s is somebody else's", unit->name);
}

const struct qb_lever_ops qb_smt_cpuset_ops = {
	.read = read_cpuset,
	.write = write_cpuset,
	.judge = judge_cpuset,
};

bool qb_smt_widened(const struct qb_steps *steps, const struct qb_step *step)
{
	struct qb_cpus before, online;

	if (step->lever != QB_LEVER_TASK_AFFINITY || !step->before ||
		qb_cpus_parse_hex(step->before, &before) < 0 || qb_host_online(&online, NULL) < 0 ||
		qb_cpus_intersect(&before, &online))
		return false;
	for (size_t i = 0; i < steps->n; i++)
		if (steps->v[i].lever == QB_LEVER_SMT_OFFLINE && steps->v[i].intent &&
			qb_cpus_has(&before, steps->v[i].unit.number))
			return true;
	return false;
}
