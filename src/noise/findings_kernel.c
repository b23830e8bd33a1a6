/* SPDX-License-Identifier: GPL-2.0-or-later */
/* findings.h: memory, and what the kernel is set to. */
#include "findings_internal.h"
#include <base/macros.h>
#include <base/text.h>

#define KERNEL_DIR "/proc/sys/kernel/"

/* ---- swap ---- */

static void format_kib(unsigned long long kib, char *buf, size_t size)
{
	if (kib >= 1024 * 1024)
		qb_text_format(buf, size, "%.1f GiB", (double)kib / (1024 * 1024));
	else if (kib >= 1024)
		qb_text_format(buf, size, "%llu MiB", kib / 1024);
	else
		qb_text_format(buf, size, "%llu KiB", kib);
}

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
	format_kib(used, size, sizeof(size));
	at = qb_look_read_all(look, "/proc/vmstat", &vmstat) ? strstr(vmstat, "\npswpin ") : NULL;
	if (at && sscanf(at + 1, "pswpin %llu", &pages) == 1)
		qb_text_format(
			since, sizeof(since), " (%llu pages were read back since boot)", pages);
	qb_finding_say(ret,
		"%s of memory are swapped out%s: whoever touches them waits for the swap device",
		size, since);
	qb_finding_advise(ret,
		"free memory; process.lock=true keeps the benchmark's own from being swapped out");
}

/* ---- huge pages ---- */

/*
 * Worth a line: `always`. Then a program gets huge pages without asking, when a free one is found
 * at the fault, or later through khugepaged (Documentation/admin-guide/mm/transhuge.rst); with
 * `madvise` it is the program's own wish.
 */
void qb_find_thp(const struct qb_look *look, struct qb_finding *ret)
{
	char enabled[64], size[32] = "huge ones";
	long long bytes;

	if (qb_look_read(look, enabled, sizeof(enabled),
		    "/sys/kernel/mm/transparent_hugepage/enabled") < 0) {
		qb_finding_missing(look, ret, "this kernel has no transparent huge pages");
		return;
	}
	if (!strstr(enabled, "[always]"))
		return;
	if (qb_look_number(look, &bytes, "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"))
		format_kib((unsigned long long)bytes / 1024, size, sizeof(size));
	qb_finding_say(ret,
		"transparent huge pages are made always: pages are of %s where free memory is in one "
		"piece at that moment, small elsewhere, and are joined later in the background: time "
		"and memory used differ from run to run",
		size);
	qb_finding_advise(ret,
		"memory.thp=madvise (who asks gets them) or memory.thp=never; as in production, if "
		"that is what counts");
}

/* ---- addresses ---- */

/*
 * Documentation/admin-guide/sysctl/kernel.rst: 1 mmap base, stack and VDSO page, 2 the heap as well.
 * On almost every host, and worth its line: it is why a program that does the same differs.
 */
void qb_find_aslr(const struct qb_look *look, struct qb_finding *ret)
{
	long long value;

	if (!qb_look_number(look, &value, KERNEL_DIR "randomize_va_space")) {
		qb_finding_missing(
			look, ret, "this host does not tell (kernel.randomize_va_space)");
		return;
	}
	if (value <= 0)
		return;
	qb_finding_say(ret,
		"addresses are random (kernel.randomize_va_space is %lld): %s lie elsewhere in every "
		"run, and so do their conflicts in caches and branch predictors",
		value, value > 1 ? "stack, libraries and heap" : "stack and libraries");
	qb_finding_advise(ret,
		"many runs average it out; process.aslr=false gives the benchmark alone the same "
		"layout every time, good or bad");
}

/* ---- watchdogs ---- */

/*
 * Documentation/admin-guide/lockup-watchdogs.rst: a timer every 2/5 of watchdog_thresh on each CPU
 * of watchdog_cpumask, whose job of the soft detector runs in the CPU's stopper thread; an NMI of a
 * perf event every watchdog_thresh. Worth a line where a benchmark's CPU is among those.
 */
void qb_find_watchdogs(const struct qb_look *look, struct qb_finding *ret)
{
	static char mask[QB_CPUS_TEXT];
	long long soft = 0, hard = 0, every = 10;
	struct qb_cpus watched;
	bool known = qb_look_number(look, &soft, KERNEL_DIR "soft_watchdog");
	char cpus[160], nmi[96] = "";

	known |= qb_look_number(look, &hard, KERNEL_DIR "nmi_watchdog");
	if (!known) {
		qb_finding_missing(look, ret, "this kernel has no lockup detectors");
		return;
	}
	qb_look_number(look, &every, KERNEL_DIR "watchdog_thresh");
	if ((soft <= 0 && hard <= 0) || every <= 0)
		return;
	if (qb_look_read(look, mask, sizeof(mask), KERNEL_DIR "watchdog_cpumask") < 0 ||
		qb_cpus_parse_list(mask, &watched) < 0)
		watched = look->chosen->bench;
	qb_cpus_and(&watched, &look->chosen->bench);
	if (qb_cpus_empty(&watched))
		return;
	qb_finding_cpus(&watched, cpus, sizeof(cpus));
	if (hard > 0)
		qb_text_format(nmi, sizeof(nmi),
			", and every %lld s by an NMI, for which a hardware counter is taken",
			every);
	qb_finding_say(ret, "lockup detectors watch %s: interrupted every %g s by a timer%s%s",
		cpus, (double)every * 2 / 5, soft > 0 ? " and a kernel thread" : "", nmi);
	qb_finding_advise(ret, "%s",
		soft > 0 ? "kernel.watchdog=false, or kernel.watchdog_cpus=housekeeping"
			 : "kernel.nmi_watchdog=false");
}

/* ---- perf ---- */

#define PERF_RATE_DEFAULT 100000
/* One sample per tick at the lowest HZ there is: less was set by a person, who knows. */
#define PERF_RATE_LEAST 100

/*
 * Worth a line only when the kernel has lowered the rate, which it does when samples took more than
 * perf_cpu_time_max_percent of the time (Documentation/admin-guide/sysctl/kernel.rst): somebody
 * samples this host. The limit by itself costs nothing.
 */
void qb_find_perf(const struct qb_look *look, struct qb_finding *ret)
{
	long long rate;

	if (!qb_look_number(look, &rate, KERNEL_DIR "perf_event_max_sample_rate")) {
		qb_finding_missing(look, ret, "this kernel has no perf");
		return;
	}
	if (rate < PERF_RATE_LEAST || rate >= PERF_RATE_DEFAULT)
		return;
	qb_finding_say(ret,
		"perf may take %lld samples a second, not %d: the kernel lowers that where samples "
		"took too long, so somebody has profiled here; each sample interrupts whatever runs",
		rate, PERF_RATE_DEFAULT);
	qb_finding_advise(ret,
		"end what profiles; perf.max_sample_rate=1 keeps it from costing much meanwhile");
}
