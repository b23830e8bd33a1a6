/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.h: opinions beyond levers: other benchmarks, timers, a desktop, power, memory that is swapped out. */
#include "findings_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <host/logind.h>
#include <host/systemd.h>
#include <host/tasks.h>

#define PATH_SIZE 4096

/* ---- other benchmarks ---- */

/* By the name of the process; the children of stress-ng have names that begin with it. */
static const char *const benchmarks[] = {"hyperfine", "perf", "stress-ng", "stress", "fio",
	"sysbench", "iperf", "iperf3", "netperf", "pgbench", "wrk", "ab", "cyclictest"};

struct census {
	struct {
		pid_t pid;
		unsigned n;
	} of[QB_ARRAY_SIZE(benchmarks)];
};

static bool is_named(const char *comm, const char *name)
{
	const size_t length = strlen(name);

	return strncmp(comm, name, length) == 0 &&
	       (comm[length] == '\0' || (comm[length] == '-' && strcmp(name, "stress-ng") == 0));
}

/* A benchmark that we were started by waits for us. */
static void count(const struct qb_look *look, struct census *census, unsigned pid)
{
	static struct qb_task task;
	char text[1024];

	if (qb_look_read(look, text, sizeof(text), "/proc/%u/stat", pid) < 0 ||
		qb_task_parse_stat(text, &task) < 0 || task.ended)
		return;
	for (size_t i = 0; i < QB_ARRAY_SIZE(benchmarks); i++)
		if (is_named(task.comm, benchmarks[i]) &&
			(*look->root || !qb_task_descends(getpid(), (pid_t)pid))) {
			census->of[i].pid = (pid_t)pid;
			census->of[i].n++;
		}
}

void qb_find_benchmarks(const struct qb_look *look, struct qb_finding *ret)
{
	_cleanup_free_ unsigned *pids = NULL;
	struct census census = {0};
	char path[PATH_SIZE], list[256] = "";
	size_t n = 0;

	qb_look_path(look, path, sizeof(path), "/proc");
	if (qb_dir_numbers(path, "", &pids, &n, NULL) < 0 || n == 0) {
		qb_finding_missing(look, ret, "no processes are to be seen");
		return;
	}
	for (size_t i = 0; i < n; i++)
		count(look, &census, pids[i]);
	for (size_t i = 0; i < QB_ARRAY_SIZE(benchmarks); i++) {
		char text[64];

		if (census.of[i].n == 1)
			qb_text_format(text, sizeof(text), "%s (pid %d)", benchmarks[i],
				(int)census.of[i].pid);
		else
			qb_text_format(text, sizeof(text), "%s (%u processes)", benchmarks[i],
				census.of[i].n);
		if (census.of[i].n)
			qb_text_join(list, sizeof(list), ", ", "%s", text);
	}
	if (!list[0])
		return;
	qb_finding_say(ret,
		"other benchmarks run: %s; whichever CPUs they have, they share caches, memory and "
		"the clock with yours",
		list);
	qb_finding_advise(ret, "end them, or wait for them");
}

/* ---- timers ---- */

#define TIMERS_SHOWN 3

/* Can they be asked? If not, the finding says why. */
static bool can_ask(
	const struct qb_look *look, struct qb_finding *ret, int (*available)(struct qb_error *err))
{
	struct qb_error err = {0};

	if (*look->root)
		qb_finding_unknown(ret, "a captured host cannot be asked");
	else if (!qb_systemd_booted())
		qb_finding_unknown(ret, "systemd does not run here");
	else if (available(&err) < 0)
		qb_finding_unknown(ret, "%s", err.text);
	return ret->state != QB_FINDING_UNKNOWN;
}

void qb_find_timers(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_systemd_timer timers[TIMERS_SHOWN];
	struct qb_error err = {0};
	char list[256] = "", text[128];
	size_t n = 0;

	if (!can_ask(look, ret, qb_systemd_available))
		return;
	if (qb_systemd_timers(look->soon_ns / 1000, timers, TIMERS_SHOWN, &n, &err) < 0) {
		qb_finding_unknown(ret, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < n && i < TIMERS_SHOWN; i++) {
		const long long s = timers[i].in_us / 1000000;

		qb_text_printable(timers[i].name);
		qb_text_format(text, sizeof(text), "%.80s in %lld %s", timers[i].name,
			s < 120 ? s : s / 60, s < 120 ? "s" : "min");
		qb_text_join(list, sizeof(list), ", ", "%s", text);
	}
	if (n > TIMERS_SHOWN) {
		qb_text_format(text, sizeof(text), "%zu more", n - TIMERS_SHOWN);
		qb_text_join(list, sizeof(list), ", ", "%s", text);
	}
	if (n == 0)
		return;
	qb_finding_say(
		ret, "timers are due: %s; what they start wants CPU, memory and disk then", list);
	qb_finding_advise(ret, "services.stop=[%.80s] for the run, or wait", timers[0].name);
}

/* ---- a desktop ---- */

void qb_find_desktop(const struct qb_look *look, struct qb_finding *ret)
{
	struct qb_logind_desktop desktop;
	struct qb_error err = {0};
	char more[32] = "";
	size_t n = 0;

	if (!can_ask(look, ret, qb_logind_available))
		return;
	if (qb_logind_desktops(&desktop, &n, &err) < 0) {
		qb_finding_unknown(ret, "%s", err.text);
		return;
	}
	if (n == 0)
		return;
	qb_text_printable(desktop.user);
	if (n > 1)
		qb_text_format(more, sizeof(more), " and %zu more", n - 1);
	qb_finding_say(ret,
		"a desktop is on (%s, %s%s): it draws, indexes and wakes for input, mostly on CPUs "
		"that seem idle",
		desktop.user, desktop.type, more);
	qb_finding_advise(ret,
		"cpus.isolation keeps it off the benchmark's CPUs; systemctl isolate "
		"multi-user.target ends it");
}

/* ---- power ---- */

static void read_supply(
	const struct qb_look *look, const char *supply, const char *file, char *buf, size_t size)
{
	if (qb_look_read(look, buf, size, "/sys/class/power_supply/%.64s/%s", supply, file) < 0)
		buf[0] = '\0';
}

/*
 * Documentation/ABI/testing/sysfs-class-power. A battery of scope Device is a mouse's or so; a
 * battery may be discharging a little while on the mains.
 */
void qb_find_battery(const struct qb_look *look, struct qb_finding *ret)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	bool mains = false, discharging = false;
	char path[PATH_SIZE], text[32], capacity[16] = "";

	qb_look_path(look, path, sizeof(path), "/sys/class/power_supply");
	dir = opendir(path);
	if (!dir) {
		qb_finding_missing(look, ret, "this host tells of no power supply");
		return;
	}
	while (qb_dir_next(dir, path, &entry, NULL) > 0) {
		const char *supply = entry->d_name;

		if (*supply == '.')
			continue;
		read_supply(look, supply, "online", text, sizeof(text));
		mains |= *text && strcmp(text, "0") != 0;
		read_supply(look, supply, "scope", text, sizeof(text));
		if (strcmp(text, "Device") == 0)
			continue;
		read_supply(look, supply, "type", text, sizeof(text));
		if (strcmp(text, "Battery") != 0)
			continue;
		read_supply(look, supply, "status", text, sizeof(text));
		if (strcmp(text, "Discharging") != 0)
			continue;
		discharging = true;
		read_supply(look, supply, "capacity", capacity, sizeof(capacity));
	}
	if (mains || !discharging)
		return;
	qb_text_printable(capacity);
	qb_finding_say(ret,
		"the host runs on battery%s%s%s: firmware and power daemons lower the clock then, and more so as it gets empty",
		*capacity ? " (" : "", capacity, *capacity ? " %)" : "");
	qb_finding_advise(ret, "plug it in");
}

/* ---- a burstable cloud instance ---- */

/*
 * What DMI tells: Amazon EC2 on Nitro says the type. Nobody else does, nor does t2, which is on Xen.
 * Baselines per vCPU: "Burstable performance instances" of the EC2 User Guide.
 */
static const char *const families[] = {"t3.", "t3a.", "t4g."};
static const struct {
	const char *size;
	unsigned percent;
} baselines[] = {{"nano", 5}, {"micro", 10}, {"small", 20}, {"medium", 20}, {"large", 30},
	{"xlarge", 40}, {"2xlarge", 40}};

static void say_burstable(const char *type, const char *size, struct qb_finding *ret)
{
	char baseline[32] = "its baseline";

	for (size_t i = 0; i < QB_ARRAY_SIZE(baselines); i++)
		if (strcmp(size, baselines[i].size) == 0)
			qb_text_format(baseline, sizeof(baseline), "%u %% of each CPU",
				baselines[i].percent);
	qb_finding_say(ret,
		"a burstable instance (Amazon EC2 %s): when its CPU credits are used up it is slowed "
		"to %s, or (unlimited mode) costs more",
		type, baseline);
	qb_finding_advise(ret,
		"measure on an instance of fixed performance (m, c), or watch CPUCreditBalance");
}

void qb_find_burstable(const struct qb_look *look, struct qb_finding *ret)
{
	char vendor[64], type[64];

	if (qb_look_read(look, vendor, sizeof(vendor), "/sys/class/dmi/id/sys_vendor") < 0 ||
		qb_look_read(look, type, sizeof(type), "/sys/class/dmi/id/product_name") < 0) {
		qb_finding_missing(look, ret, "this host does not tell who made it (no DMI)");
		return;
	}
	if (strcmp(vendor, "Amazon EC2") != 0)
		return;
	qb_text_printable(type);
	for (size_t i = 0; i < QB_ARRAY_SIZE(families); i++)
		if (strncmp(type, families[i], strlen(families[i])) == 0)
			say_burstable(type, type + strlen(families[i]), ret);
}

/* ---- swap ---- */

/* "Filename Type Size Used Priority", all sizes in KiB (proc(5)). */
static unsigned long long used_kib(const char *swaps)
{
	unsigned long long sum = 0, used;

	for (const char *at = strchr(swaps, '\n'); at; at = strchr(at + 1, '\n'))
		if (sscanf(at + 1, "%*s %*s %*u %llu", &used) == 1)
			sum += used;
	return sum;
}

/* Worth a line: memory that is out, not the mere presence of a swap device. */
void qb_find_swap(const struct qb_look *look, struct qb_finding *ret)
{
	_cleanup_free_ char *swaps = NULL, *vmstat = NULL;
	unsigned long long used, pages;
	char size[32], since[64] = "";
	const char *at;

	if (!qb_look_read_all(look, "/proc/swaps", &swaps)) {
		qb_finding_missing(look, ret, "no /proc/swaps here");
		return;
	}
	used = used_kib(swaps);
	if (!used)
		return;
	qb_finding_kib(used, size, sizeof(size));
	at = qb_look_read_all(look, "/proc/vmstat", &vmstat) ? strstr(vmstat, "\npswpin ") : NULL;
	if (at && sscanf(at + 1, "pswpin %llu", &pages) == 1)
		qb_text_format(
			since, sizeof(since), " (%llu pages were read back since boot)", pages);
	qb_finding_say(ret,
		"%s of memory are swapped out%s: whatever touches them waits for the swap device",
		size, since);
	qb_finding_advise(ret,
		"free memory; process.lock=true keeps the benchmark's own from being swapped out");
}
