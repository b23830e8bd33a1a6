/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is worth knowing of a host: each finding on captured trees, with and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <noise/findings.h>

#include "../tree.h"

#define CPU_DIR	   "sys/devices/system/cpu/"
#define KERNEL_DIR "proc/sys/kernel/"

static struct qb_host host;
static struct qb_selection chosen;
static struct qb_findings findings;
static const struct qb_look there = {.root = tree_root, .host = &host, .chosen = &chosen};

/* CPU 2 is the benchmark's. */
static int begin(void **state)
{
	tree_begin();
	memset(&host, 0, sizeof(host));
	memset(&chosen, 0, sizeof(chosen));
	qb_cpus_add(&chosen.bench, 2);
	return 0;
}

static int end(void **state)
{
	tree_end();
	return 0;
}

static void assert_nothing(enum qb_finding_id id)
{
	qb_findings_look(&there, &findings);
	if (findings.of[id].state != QB_FINDING_NOTHING)
		fail_msg("%s: %s", qb_finding_name(id), findings.of[id].text);
}

static void assert_unknown(enum qb_finding_id id)
{
	qb_findings_look(&there, &findings);
	assert_int_equal(findings.of[id].state, QB_FINDING_UNKNOWN);
	assert_true(findings.of[id].text[0] != '\0');
	assert_string_equal(findings.of[id].advice, "");
}

static void assert_says(enum qb_finding_id id, const char *what, const char *advice)
{
	assert_int_equal(findings.of[id].state, QB_FINDING_FOUND);
	if (!strstr(findings.of[id].text, what))
		fail_msg("'%s' does not say '%s'", findings.of[id].text, what);
	if (!strstr(findings.of[id].advice, advice))
		fail_msg("'%s' does not advise '%s'", findings.of[id].advice, advice);
}

static void assert_found(enum qb_finding_id id, const char *what, const char *advice)
{
	qb_findings_look(&there, &findings);
	assert_says(id, what, advice);
}

static void put_clock(unsigned cpu, const char *driver, const char *governor, const char *min,
	const char *max, const char *top)
{
	char path[128];

	snprintf(path, sizeof(path), CPU_DIR "cpu%u/cpufreq/scaling_driver", cpu);
	tree_put(path, driver);
	snprintf(path, sizeof(path), CPU_DIR "cpu%u/cpufreq/scaling_governor", cpu);
	tree_put(path, governor);
	snprintf(path, sizeof(path), CPU_DIR "cpu%u/cpufreq/scaling_min_freq", cpu);
	tree_put(path, min);
	snprintf(path, sizeof(path), CPU_DIR "cpu%u/cpufreq/scaling_max_freq", cpu);
	tree_put(path, max);
	snprintf(path, sizeof(path), CPU_DIR "cpu%u/cpufreq/cpuinfo_max_freq", cpu);
	tree_put(path, top);
}

static void an_empty_host_tells_nothing(void **state)
{
	qb_findings_look(&there, &findings);
	for (int id = 0; id < QB_FINDING_COUNT; id++)
		assert_unknown((enum qb_finding_id)id);
}

static void every_finding_has_a_name_and_perhaps_a_lever(void **state)
{
	assert_string_equal(qb_finding_name(QB_FINDING_THP), "thp");
	assert_int_equal(qb_finding_key(QB_FINDING_THP), QB_KEY_MEMORY_THP);
	assert_int_equal(qb_finding_key(QB_FINDING_BATTERY), QB_KEY_COUNT);
}

/* ---- the clock ---- */

static void turbo_of_intel(void **state)
{
	put_clock(2, "intel_pstate\n", "performance\n", "800000\n", "4700000\n", "4700000\n");
	tree_put(CPU_DIR "cpu2/cpufreq/base_frequency", "2100000\n");
	tree_put(CPU_DIR "intel_pstate/no_turbo", "0\n");
	assert_found(QB_FINDING_TURBO,
		"CPU 2 may be anywhere between 2.1 GHz and 4.7 GHz (2.2 times as fast): the clock "
		"rises and falls with heat and the load of other cores",
		"frequency.turbo=false: steadier, slower");
	/* A limit at the base is as good as the switch. */
	tree_put(CPU_DIR "cpu2/cpufreq/scaling_max_freq", "2100000\n");
	assert_nothing(QB_FINDING_TURBO);
	tree_put(CPU_DIR "cpu2/cpufreq/scaling_max_freq", "4700000\n");
	tree_put(CPU_DIR "intel_pstate/no_turbo", "1\n");
	assert_nothing(QB_FINDING_TURBO);
}

/* Its limits do not say how far boost goes. */
static void turbo_of_acpi(void **state)
{
	put_clock(2, "acpi-cpufreq\n", "performance\n", "1500000\n", "2300000\n", "2300000\n");
	tree_put(CPU_DIR "cpufreq/boost", "1\n");
	assert_found(QB_FINDING_TURBO, "may rise above 2.3 GHz", "frequency.turbo=false");
	tree_put(CPU_DIR "cpu2/acpi_cppc/nominal_freq", "2300\n");
	assert_found(QB_FINDING_TURBO, "may rise above 2.3 GHz", "frequency.turbo=false");
	tree_put(CPU_DIR "cpu2/cpufreq/scaling_max_freq", "2000000\n");
	assert_nothing(QB_FINDING_TURBO);
	tree_put(CPU_DIR "cpu2/cpufreq/scaling_max_freq", "2300000\n");
	tree_put(CPU_DIR "cpufreq/boost", "0\n");
	assert_nothing(QB_FINDING_TURBO);
}

static void turbo_of_a_policy_of_its_own(void **state)
{
	put_clock(2, "amd-pstate-epp\n", "performance\n", "550000\n", "5200000\n", "5200000\n");
	tree_put(CPU_DIR "cpu2/acpi_cppc/nominal_freq", "3400\n");
	tree_put(CPU_DIR "cpufreq/boost", "1\n");
	tree_put(CPU_DIR "cpu2/cpufreq/boost", "0\n");
	assert_nothing(QB_FINDING_TURBO);
	tree_put(CPU_DIR "cpu2/cpufreq/boost", "1\n");
	assert_found(QB_FINDING_TURBO, "between 3.4 GHz and 5.2 GHz", "frequency.turbo=false");
}

static void turbo_without_a_switch(void **state)
{
	put_clock(2, "amd-pstate\n", "performance\n", "550000\n", "5200000\n", "5200000\n");
	assert_unknown(QB_FINDING_TURBO);
	tree_put(CPU_DIR "cpu2/acpi_cppc/nominal_freq", "3400\n");
	assert_found(QB_FINDING_TURBO, "between 3.4 GHz and 5.2 GHz", "frequency.range=base");
}

/* Then a limit below what the hardware can may be the base. */
static void turbo_without_a_base(void **state)
{
	put_clock(2, "intel_pstate\n", "performance\n", "800000\n", "3600000\n", "3600000\n");
	tree_put(CPU_DIR "intel_pstate/no_turbo", "0\n");
	assert_found(QB_FINDING_TURBO, "may rise as far as 3.6 GHz", "frequency.turbo=false");
	tree_put(CPU_DIR "cpu2/cpufreq/scaling_max_freq", "2400000\n");
	assert_nothing(QB_FINDING_TURBO);
}

static void the_clock_of_a_guest(void **state)
{
	host.guest = 1;
	assert_unknown(QB_FINDING_TURBO);
	assert_non_null(strstr(findings.of[QB_FINDING_TURBO].text, "hypervisor"));
	assert_unknown(QB_FINDING_GOVERNOR);
}

static void a_governor_that_follows(void **state)
{
	qb_cpus_add(&chosen.bench, 3);
	qb_cpus_add(&chosen.bench, 4);
	put_clock(2, "intel_cpufreq\n", "schedutil\n", "800000\n", "4700000\n", "4700000\n");
	put_clock(3, "intel_cpufreq\n", "schedutil\n", "800000\n", "4700000\n", "4700000\n");
	put_clock(4, "intel_cpufreq\n", "performance\n", "800000\n", "4700000\n", "4700000\n");
	assert_found(QB_FINDING_GOVERNOR,
		"schedutil: the clock of CPUs 2-3 follows the load between 800 MHz and 4.7 GHz",
		"frequency.governor=performance");
}

/* The same word, two meanings. */
static void powersave(void **state)
{
	put_clock(2, "intel_pstate\n", "powersave\n", "800000\n", "4700000\n", "4700000\n");
	assert_found(QB_FINDING_GOVERNOR, "CPU 2 follows the load", "performance");
	put_clock(2, "acpi-cpufreq\n", "powersave\n", "800000\n", "4700000\n", "4700000\n");
	assert_found(QB_FINDING_GOVERNOR, "CPU 2 at the lowest, 800 MHz of 4.7 GHz", "performance");
}

/* CPU 0 is nobody's business. */
static void a_clock_that_stands(void **state)
{
	put_clock(0, "acpi-cpufreq\n", "ondemand\n", "800000\n", "4700000\n", "4700000\n");
	put_clock(2, "acpi-cpufreq\n", "performance\n", "800000\n", "4700000\n", "4700000\n");
	assert_nothing(QB_FINDING_GOVERNOR);
	put_clock(2, "acpi-cpufreq\n", "ondemand\n", "2400000\n", "2400000\n", "4700000\n");
	assert_nothing(QB_FINDING_GOVERNOR);
}

/* The base clock is the plan's: the highest of a list, in whatever order. */
static void turbo_above_the_listed_base(void **state)
{
	put_clock(2, "acpi-cpufreq\n", "performance\n", "1500000\n", "2401000\n", "2401000\n");
	tree_put(CPU_DIR "cpufreq/boost", "1\n");
	tree_put(
		CPU_DIR "cpu2/cpufreq/scaling_available_frequencies", "1500000 2400000 2401000 \n");
	assert_found(QB_FINDING_TURBO, "may rise above 2.4 GHz", "frequency.turbo=false");
	/* no_turbo holds wherever it is, whatever a boost beside it says. */
	tree_put(CPU_DIR "intel_pstate/no_turbo", "1\n");
	assert_nothing(QB_FINDING_TURBO);
}

/* ---- siblings ---- */

static void a_sibling_that_nobody_keeps_free(void **state)
{
	tree_put(CPU_DIR "cpu2/topology/thread_siblings_list", "2,6\n");
	assert_found(QB_FINDING_SIBLING, "CPU 6 shares a core with CPU 2 and is not kept free",
		"cpus.smt=idle");
	qb_cpus_add(&chosen.reserved, 6);
	assert_nothing(QB_FINDING_SIBLING);
	memset(&chosen.reserved, 0, sizeof(chosen.reserved));
	qb_cpus_add(&chosen.offline, 6);
	assert_nothing(QB_FINDING_SIBLING);
	memset(&chosen.offline, 0, sizeof(chosen.offline));
	qb_cpus_add(&chosen.bench, 6); /* its own */
	tree_put(CPU_DIR "cpu6/topology/thread_siblings_list", "2,6\n");
	assert_nothing(QB_FINDING_SIBLING);
}

static void a_core_of_one(void **state)
{
	tree_put(CPU_DIR "cpu2/topology/thread_siblings_list", "2\n");
	assert_nothing(QB_FINDING_SIBLING);
}

/* It is reserved, which nobody has made true for a check of the host as it is. */
static void a_sibling_that_was_busy(void **state)
{
	tree_put(CPU_DIR "cpu2/topology/thread_siblings_list", "2,6-7\n");
	qb_cpus_add(&chosen.reserved, 6);
	qb_cpus_add(&chosen.reserved, 7);
	tree_put("proc/stat", "cpu  1 2 3 4\ncpu2 5 0 5 9 0 0 0 0\ncpu6 9 0 9 9 0 0 0 0\n"
			      "cpu7 100 0 100 900 0 0 0 0\n");
	assert_nothing(QB_FINDING_SIBLING);
	qb_findings_measured(&there, &findings);
	assert_int_equal(findings.of[QB_FINDING_SIBLING].state, QB_FINDING_NOTHING);
	/* Idle time is none, and the benchmark's own CPU is not its sibling. */
	tree_put("proc/stat", "cpu  1 2 3 4\ncpu2 5000 0 5 9 0 0 0 0\ncpu6 9 0 9 900 0 0 0 0\n"
			      "cpu7 100 0 100 9000 0 0 0 0\n");
	qb_findings_measured(&there, &findings);
	assert_int_equal(findings.of[QB_FINDING_SIBLING].state, QB_FINDING_NOTHING);
	tree_put("proc/stat", "cpu  1 2 3 4\ncpu2 5 0 5 9 0 0 0 0\ncpu6 9 0 9 9 0 0 0 0\n"
			      "cpu7 100 0 99999999 900 0 0 0 0\n");
	qb_findings_measured(&there, &findings);
	assert_says(QB_FINDING_SIBLING,
		"CPU 7, which shares a core with CPU 2, was busy 100 % of the time",
		"cpus.smt=idle");
}

/* ---- what else is going on ---- */

static void put_process(const char *pid, const char *comm, const char *state)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%s/stat", pid);
	snprintf(text, sizeof(text),
		"%s (%s) %s 1 1 1 0 -1 4194304 1 0 0 0 5 5 0 0 20 0 1 0 77 0 0 1 1 1 1 1 1\n", pid,
		comm, state);
	tree_put(path, text);
}

static void other_benchmarks(void **state)
{
	put_process("1", "systemd", "S");
	put_process("20", "perfetto", "S"); /* begins like one */
	put_process("21", "fio", "Z");	    /* has ended */
	assert_nothing(QB_FINDING_BENCHMARKS);
	put_process("812", "fio", "S");
	put_process("900", "stress-ng", "S");
	put_process("901", "stress-ng-cpu", "R");
	assert_found(QB_FINDING_BENCHMARKS,
		"other benchmarks run: stress-ng (2 processes), fio (pid 812);", "wait for them");
}

static void a_captured_host_cannot_be_asked(void **state)
{
	assert_unknown(QB_FINDING_TIMERS);
	assert_unknown(QB_FINDING_DESKTOP);
	assert_non_null(strstr(findings.of[QB_FINDING_DESKTOP].text, "captured"));
}

#define SUPPLY "sys/class/power_supply/"

static void on_battery(void **state)
{
	tree_put(SUPPLY "AC/type", "Mains\n");
	tree_put(SUPPLY "AC/online", "0\n");
	tree_put(SUPPLY "BAT0/type", "Battery\n");
	tree_put(SUPPLY "BAT0/status", "Discharging\n");
	tree_put(SUPPLY "BAT0/capacity", "73\n");
	assert_found(QB_FINDING_BATTERY, "the host runs on battery (73 %): ", "plug it in");
	tree_put(SUPPLY "AC/online", "1\n");
	assert_nothing(QB_FINDING_BATTERY);
}

static void on_the_mains(void **state)
{
	tree_put(SUPPLY "BAT0/type", "Battery\n");
	tree_put(SUPPLY "BAT0/status", "Full\n");
	tree_put(SUPPLY "mouse/type", "Battery\n");
	tree_put(SUPPLY "mouse/scope", "Device\n");
	tree_put(SUPPLY "mouse/status", "Discharging\n");
	assert_nothing(QB_FINDING_BATTERY);
}

#define DMI "sys/class/dmi/id/"

static void a_burstable_instance(void **state)
{
	tree_put(DMI "sys_vendor", "Amazon EC2\n");
	tree_put(DMI "product_name", "t3a.large\n");
	assert_found(QB_FINDING_BURSTABLE,
		"Amazon EC2 t3a.large): when its CPU credits are used up it is slowed to 30 % of "
		"each CPU",
		"fixed performance");
	tree_put(DMI "product_name", "t4g.huge\n");
	assert_found(QB_FINDING_BURSTABLE, "slowed to its baseline", "fixed performance");
	tree_put(DMI "product_name", "m5.large\n");
	assert_nothing(QB_FINDING_BURSTABLE);
	tree_put(DMI "sys_vendor", "QEMU\n");
	tree_put(DMI "product_name", "t3.large\n");
	assert_nothing(QB_FINDING_BURSTABLE);
}

/* ---- memory and the kernel ---- */

#define SWAPS "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"

static void swap_in_use(void **state)
{
	tree_put("proc/swaps", SWAPS);
	assert_nothing(QB_FINDING_SWAP);
	tree_put("proc/swaps", SWAPS "/dev/sda2   partition\t1048572\t\t0\t\t-2\n");
	assert_nothing(QB_FINDING_SWAP);
	tree_put("proc/swaps", SWAPS "/dev/sda2   partition\t1048572\t\t307200\t\t-2\n"
				     "/dev/zram0   partition\t1048572\t\t12288\t\t-3\n");
	assert_found(QB_FINDING_SWAP, "312 MiB of memory are swapped out: ", "process.lock=true");
	tree_put("proc/vmstat", "pgpgin 77\npswpin 18230\npswpout 5\n");
	assert_found(QB_FINDING_SWAP, "(18230 pages were read back since boot)", "free memory");
}

#define THP "sys/kernel/mm/transparent_hugepage/"

static void huge_pages(void **state)
{
	tree_put(THP "enabled", "always [madvise] never\n");
	assert_nothing(QB_FINDING_THP);
	tree_put(THP "enabled", "[always] madvise never\n");
	assert_found(QB_FINDING_THP, "huge pages are made always", "memory.thp=madvise");
	tree_put(THP "hpage_pmd_size", "2097152\n");
	assert_found(QB_FINDING_THP, "huge pages of 2 MiB are made always: pages are huge where",
		"memory.thp=never");
}

static void random_addresses(void **state)
{
	tree_put(KERNEL_DIR "randomize_va_space", "0\n");
	assert_nothing(QB_FINDING_ASLR);
	tree_put(KERNEL_DIR "randomize_va_space", "1\n");
	assert_found(QB_FINDING_ASLR,
		"addresses of stack and libraries are random (kernel.randomize_va_space is 1): ",
		"process.aslr=false");
	tree_put(KERNEL_DIR "randomize_va_space", "2\n");
	assert_found(QB_FINDING_ASLR,
		"libraries and heap are random (kernel.randomize_va_space is 2): code and data lie",
		"process.aslr=false");
}

static void watchdogs(void **state)
{
	tree_put(KERNEL_DIR "soft_watchdog", "0\n");
	tree_put(KERNEL_DIR "nmi_watchdog", "0\n");
	assert_nothing(QB_FINDING_WATCHDOGS);
	tree_put(KERNEL_DIR "nmi_watchdog", "1\n");
	tree_put(KERNEL_DIR "watchdog_cpumask", "0-7\n");
	assert_found(QB_FINDING_WATCHDOGS,
		"watch CPU 2 by a timer every 4 s, and by an NMI every 10 s: an NMI interrupts what "
		"runs, and takes a hardware counter",
		"kernel.nmi_watchdog=false");
	tree_put(KERNEL_DIR "watchdog_cpumask", "0-1,3-7\n");
	assert_nothing(QB_FINDING_WATCHDOGS);
	tree_put(KERNEL_DIR "watchdog_cpumask", "2\n");
	tree_put(KERNEL_DIR "soft_watchdog", "1\n");
	tree_put(KERNEL_DIR "watchdog_thresh", "5\n");
	assert_found(QB_FINDING_WATCHDOGS,
		"by a timer every 2 s, and by an NMI every 5 s: a timer and a kernel thread interrupt "
		"what runs; an NMI interrupts what runs, and takes a hardware counter",
		"kernel.watchdog=false");
	tree_put(KERNEL_DIR "nmi_watchdog", "0\n");
	assert_found(QB_FINDING_WATCHDOGS,
		"watch CPU 2 by a timer every 2 s: a timer and a kernel thread interrupt what runs",
		"kernel.watchdog=false");
	tree_put(KERNEL_DIR "watchdog_thresh", "0\n"); /* this switches them off */
	assert_nothing(QB_FINDING_WATCHDOGS);
}

static void a_rate_that_the_kernel_lowered(void **state)
{
	tree_put(KERNEL_DIR "perf_event_max_sample_rate", "100000\n");
	assert_nothing(QB_FINDING_PERF);
	tree_put(KERNEL_DIR "perf_event_max_sample_rate", "1\n"); /* an administrator's */
	assert_nothing(QB_FINDING_PERF);
	tree_put(KERNEL_DIR "perf_event_max_sample_rate", "50250\n");
	assert_found(
		QB_FINDING_PERF, "50250 samples a second, not 100000", "perf.max_sample_rate=1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_host_tells_nothing),
		TEST(every_finding_has_a_name_and_perhaps_a_lever),
		TEST(turbo_of_intel),
		TEST(turbo_of_acpi),
		TEST(turbo_of_a_policy_of_its_own),
		TEST(turbo_without_a_switch),
		TEST(turbo_without_a_base),
		TEST(turbo_above_the_listed_base),
		TEST(the_clock_of_a_guest),
		TEST(a_governor_that_follows),
		TEST(powersave),
		TEST(a_clock_that_stands),
		TEST(a_sibling_that_nobody_keeps_free),
		TEST(a_core_of_one),
		TEST(a_sibling_that_was_busy),
		TEST(other_benchmarks),
		TEST(a_captured_host_cannot_be_asked),
		TEST(on_battery),
		TEST(on_the_mains),
		TEST(a_burstable_instance),
		TEST(swap_in_use),
		TEST(huge_pages),
		TEST(random_addresses),
		TEST(watchdogs),
		TEST(a_rate_that_the_kernel_lowered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
