/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read of a host's CPUs: small hosts as trees of files, each with one thing to stumble on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <host/topology.h>

#include "../tree.h"

#define CPU "sys/devices/system/cpu/"

/* One CPU: its core's siblings, its core's number, its package, and who shares its L3. */
static void put_cpu(unsigned cpu, const char *siblings, int core, int package, const char *l3)
{
	const struct {
		const char *name, *text;
	} files[] = {
		{"topology/thread_siblings_list", siblings},
		{"topology/core_cpus_list", siblings},
		{"cache/index3/shared_cpu_list", l3},
		{"cache/index3/level", "3\n"},
		{"cache/index3/type", "Unified\n"},
		{"cache/index3/size", "8192K\n"},
	};
	char path[128], text[64], mask[QB_CPUS_TEXT];
	struct qb_cpus set;

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), CPU "cpu%u/%s", cpu, files[i].name);
		tree_put(path, files[i].text);
	}
	/* hwloc reads masks where the kernel has both */
	qb_cpus_parse_list(siblings, &set);
	qb_cpus_format_hex(&set, 32, mask, sizeof(mask));
	snprintf(path, sizeof(path), CPU "cpu%u/topology/thread_siblings", cpu);
	tree_put(path, mask);
	qb_cpus_parse_list(l3, &set);
	qb_cpus_format_hex(&set, 32, mask, sizeof(mask));
	snprintf(path, sizeof(path), CPU "cpu%u/topology/core_siblings", cpu);
	tree_put(path, mask);
	snprintf(path, sizeof(path), CPU "cpu%u/cache/index3/shared_cpu_map", cpu);
	tree_put(path, mask);
	snprintf(path, sizeof(path), CPU "cpu%u/topology/core_id", cpu);
	snprintf(text, sizeof(text), "%d\n", core);
	tree_put(path, text);
	snprintf(path, sizeof(path), CPU "cpu%u/topology/physical_package_id", cpu);
	snprintf(text, sizeof(text), "%d\n", package);
	tree_put(path, text);
}

static void put_number(unsigned cpu, const char *name, long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), CPU "cpu%u/%s", cpu, name);
	snprintf(text, sizeof(text), "%ld\n", value);
	tree_put(path, text);
}

static void tell(FILE *out)
{
	struct qb_topology t;
	struct qb_error err = {0};
	char online[128], possible[128], isolated[128];
	int r = qb_topology_load(&t, &err);

	if (r < 0) {
		fprintf(out, "%d %s\n", r, err.text);
		return;
	}
	qb_cpus_format_list(&t.online, online, sizeof(online));
	qb_cpus_format_list(&t.possible, possible, sizeof(possible));
	qb_cpus_format_list(&t.isolated, isolated, sizeof(isolated));
	fprintf(out,
		"online %s possible %s isolated '%s' boot %u kinds %d guest '%s'%d model '%s'\n",
		online, possible, isolated, t.boot_cpu, t.kinds, t.hypervisor, t.guest,
		t.cpu_model);
	fprintf(out, "%u packages %u cores %u nodes\n", t.n_packages, t.n_cores, t.n_nodes);
	for (unsigned i = 0; i < t.n; i++)
		fprintf(out, "%u: core %d/%d package %d/%d node %d/%d l3 %d %u kind %d\n",
			t.pus[i].cpu, t.pus[i].core, t.pus[i].os_core, t.pus[i].package,
			t.pus[i].os_package, t.pus[i].node, t.pus[i].os_node, t.pus[i].l3,
			t.pus[i].l3_kib, t.pus[i].kind);
	qb_topology_free(&t);
}

static void expect(const char *expected)
{
	char text[4096];

	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_string_equal(text, expected);
}

static void siblings_sit_on_one_core(void **state)
{
	tree_begin();
	tree_put(CPU "online", "0-3\n");
	tree_put(CPU "possible", "0-7\n");
	tree_put(CPU "isolated", "1,3\n");
	for (unsigned cpu = 0; cpu < 4; cpu++)
		put_cpu(cpu, cpu % 2 ? "1,3\n" : "0,2\n", cpu % 2 ? 4 : 0, 40000, "0-3\n");
	tree_put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Example\nflags\t\t: fpu sse\n");
	expect("online 0-3 possible 0-7 isolated '1,3' boot 0 kinds 1 guest ''0 model 'Example'\n"
	       "1 packages 2 cores 1 nodes\n"
	       "0: core 0/0 package 0/40000 node 0/0 l3 0 8192 kind 0\n"
	       "1: core 1/4 package 0/40000 node 0/0 l3 0 8192 kind 0\n"
	       "2: core 0/0 package 0/40000 node 0/0 l3 0 8192 kind 0\n"
	       "3: core 1/4 package 0/40000 node 0/0 l3 0 8192 kind 0\n");
}

static void holes_and_offline_cpus_are_left_out(void **state)
{
	tree_begin();
	tree_put(CPU "online", "2,5\n");
	tree_put(CPU "possible", "0-5\n");
	put_cpu(2, "2\n", 0, 0, "2,5\n");
	put_cpu(5, "5\n", 1, 0, "2,5\n");
	tree_put(CPU "cpu0/online", "0\n");
	expect("online 2,5 possible 0-5 isolated '' boot 2 kinds 1 guest ''0 model ''\n"
	       "1 packages 2 cores 1 nodes\n"
	       "2: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "5: core 1/1 package 0/0 node 0/0 l3 0 8192 kind 0\n");
}

static void lists_may_be_missing(void **state)
{
	tree_begin();
	put_cpu(0, "0\n", 0, 0, "0-1\n");
	put_cpu(1, "1\n", 1, 0, "0-1\n");
	expect("online 0-1 possible 0-1 isolated '' boot 0 kinds 1 guest ''0 model ''\n"
	       "1 packages 2 cores 1 nodes\n"
	       "0: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "1: core 1/1 package 0/0 node 0/0 l3 0 8192 kind 0\n");
}

/* Where the kernel, or a capture, has no list of isolated CPUs. */
static void boot_parameters_isolate(void **state)
{
	static const struct {
		const char *cmdline, *isolated;
	} cases[] = {
		{"ro isolcpus=1 quiet\n", "isolated '1'"},
		{"isolcpus=domain,managed_irq,1-2\n", "isolated '1-2'"},
		{"isolcpus=managed_irq,domain,1", "isolated '1'"},
		{"isolcpus=managed_irq,1-2 nohz_full=1-2\n", "isolated ''"},
		{"isolcpus=nohz,1\n", "isolated ''"},
		{"ro noisolcpus=1 isolcpus= isolcpus=domain\n", "isolated ''"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		char text[4096];

		tree_begin();
		put_cpu(0, "0\n", 0, 0, "0-1\n");
		put_cpu(1, "1\n", 1, 0, "0-1\n");
		tree_put("proc/cmdline", cases[i].cmdline);
		tree_run(tell, text, sizeof(text));
		tree_end();
		if (!strstr(text, cases[i].isolated))
			fail_msg("case %zu: expected %s in %s", i, cases[i].isolated, text);
	}
}

static void nodes_keep_their_numbers(void **state)
{
	tree_begin();
	tree_put(CPU "online", "0-1\n");
	put_cpu(0, "0\n", 0, 0, "0\n");
	put_cpu(1, "1\n", 0, 1, "1\n");
	tree_put("sys/devices/system/node/online", "0,2-3\n");
	tree_put("sys/devices/system/node/node0/cpumap", "1\n");
	tree_put("sys/devices/system/node/node2/cpumap", "2\n");
	tree_put("sys/devices/system/node/node3/cpumap", "0\n"); /* memory alone */
	expect("online 0-1 possible 0-1 isolated '' boot 0 kinds 1 guest ''0 model ''\n"
	       "2 packages 2 cores 3 nodes\n"
	       "0: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "1: core 1/0 package 1/1 node 1/2 l3 1 8192 kind 0\n");
}

/* Four CPUs of which the text of cpuinfo and the clocks are given; the kinds that come out of it. */
static void kinds_with(const char *cpuinfo, const long khz[4], const long base_mhz[4],
	const long capacity[4], const char *kinds)
{
	char text[4096], found[5] = "", *line;

	tree_begin();
	tree_put("proc/cpuinfo", cpuinfo);
	tree_put(CPU "online", "0-3\n");
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		char one[8];

		snprintf(one, sizeof(one), "%u\n", cpu);
		put_cpu(cpu, one, (int)cpu, 0, "0-3\n");
		put_number(cpu, "cpufreq/cpuinfo_max_freq", khz[cpu]);
		if (base_mhz)
			put_number(cpu, "acpi_cppc/nominal_freq", base_mhz[cpu]);
		if (capacity)
			put_number(cpu, "cpu_capacity", capacity[cpu]);
	}
	tree_run(tell, text, sizeof(text));
	tree_end();
	line = text;
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		line = strstr(line, " kind ");
		assert_non_null(line);
		found[cpu] = line[6];
		line++;
	}
	assert_string_equal(found, kinds);
}

static void kinds_of(const long khz[4], const long capacity[4], const char *kinds)
{
	kinds_with("", khz, NULL, capacity, kinds);
}

static void favoured_cores_are_no_kind(void **state)
{
	kinds_of((const long[]){5000000, 5200000, 3900000, 3900000}, NULL, "1100");
	kinds_of((const long[]){4700000, 4700000, 4800000, 4700000}, NULL, "0000");
	/* amd-pstate ranks every core: small steps, a wide range */
	kinds_of((const long[]){4950000, 5200000, 5450000, 5700000}, NULL, "0000");
	kinds_of((const long[]){2000000, 2000000, 2000000, 2000000},
		(const long[]){280, 1024, 855, 280}, "0210");
}

/* What the scheduler and the highest clock hold for alike. */
static void kinds_differ_by_base_clock_and_design(void **state)
{
	static const long same[] = {3000000, 3000000, 3000000, 3000000};
	static const long capacity[] = {800, 800, 800, 800};
	static const char arm[] = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd4d\n\n"
				  "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd4d\n\n"
				  "processor\t: 2\nCPU implementer\t: 0x41\nCPU part\t: 0xd47\n\n"
				  "processor\t: 3\nCPU implementer\t: 0x41\nCPU part\t: 0xd47\n\n";

	kinds_with("", same, (const long[]){2700, 2100, 2100, 2700}, NULL, "1001");
	kinds_with("", same, (const long[]){2100, 2200, 2100, 2100}, NULL, "0000");
	/* favoured ones of either: the base clock is what differs */
	kinds_with("", (const long[]){5000000, 5200000, 5000000, 5200000},
		(const long[]){2100, 2100, 1500, 1500}, NULL, "1100");
	kinds_with(arm, same, NULL, capacity, "1100");
	/* a faster one is a faster one, whatever its number */
	kinds_with(arm, (const long[]){2000000, 2000000, 3000000, 3000000}, NULL, capacity, "0011");
}

/* Intel's hybrids, also where no driver tells of clocks: each type of core has its counters. */
static void types_of_core_are_kinds(void **state)
{
	char text[4096];

	tree_begin();
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		char one[8];

		snprintf(one, sizeof(one), "%u\n", cpu);
		put_cpu(cpu, one, (int)cpu, 0, "0-2\n");
	}
	tree_put("sys/devices/cpu_core/cpus", "0\n");
	tree_put("sys/devices/cpu_atom/cpus", "1\n");
	tree_put("sys/devices/cpu_lowpower/cpus", "2\n");
	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_non_null(strstr(text, "kinds 3 "));
	assert_non_null(strstr(text, "\n0: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 2\n"));
	assert_non_null(strstr(text, "\n2: core 2/2 package 0/0 node 0/0 l3 0 8192 kind 0\n"));
}

/* A cpuinfo without parts, as of a 32-bit process's view: the register tells. */
static void designs_are_read_from_the_register(void **state)
{
	static const char *const midr[] = {
		"0x00000000410fd460\n", "0x00000000410fd460\n", "0x00000000412fd4d1\n"};
	char text[4096];

	tree_begin();
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		char path[128], one[8];

		snprintf(one, sizeof(one), "%u\n", cpu);
		put_cpu(cpu, one, (int)cpu, 0, "0-2\n");
		snprintf(path, sizeof(path), CPU "cpu%u/regs/identification/midr_el1", cpu);
		tree_put(path, midr[cpu]);
	}
	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_non_null(strstr(text, "kinds 2 "));
	assert_non_null(strstr(text, "\n2: core 2/2 package 0/0 node 0/0 l3 0 8192 kind 1\n"));
}

/* hwloc knows AMD's family 15h on x86 only. Elsewhere it believes the kernel: both have the first one's number. */
#if defined(__x86_64__) || defined(__i386__)
#define SECOND "1"
#define FOURTH "3"
#else
#define SECOND "0"
#define FOURTH "2"
#endif

/* A module of AMD's family 15h: hwloc makes two cores of it, the kernel calls them siblings. */
static void siblings_are_what_the_kernel_says(void **state)
{
	tree_begin();
	tree_put(CPU "online", "0-3\n");
	for (unsigned cpu = 0; cpu < 4; cpu++)
		put_cpu(cpu, cpu < 2 ? "0-1\n" : "2-3\n", (int)cpu, 0, "0-3\n");
	tree_put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 21\n"
				 "model\t\t: 2\nflags\t\t: fpu topoext\n");
	expect("online 0-3 possible 0-3 isolated '' boot 0 kinds 1 guest ''0 model ''\n"
	       "1 packages 2 cores 1 nodes\n"
	       "0: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "1: core 0/" SECOND " package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "2: core 1/2 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "3: core 1/" FOURTH " package 0/0 node 0/0 l3 0 8192 kind 0\n");
}

/* Captures end files with NULs, or blanks: after the newline, or without one. */
static void nuls_and_blanks_may_follow(void **state)
{
	tree_begin();
	tree_put(CPU "online", "0-1 \n");
	tree_put(CPU "possible", " 0-3\n\n");
	put_cpu(0, "0\n", 0, 0, "0-1\n");
	put_cpu(1, "1\n", 1, 0, "0-1\n");
	tree_put_bytes("sys/devices/system/node/online", "0\n\0", 3);
	tree_put("sys/devices/system/node/node0/cpumap", "3\n");
	expect("online 0-1 possible 0-3 isolated '' boot 0 kinds 1 guest ''0 model ''\n"
	       "1 packages 2 cores 1 nodes\n"
	       "0: core 0/0 package 0/0 node 0/0 l3 0 8192 kind 0\n"
	       "1: core 1/1 package 0/0 node 0/0 l3 0 8192 kind 0\n");
}

static void guests_are_known_by_their_traces(void **state)
{
	static const struct {
		const char *flags, *file, *text, *guest;
	} cases[] = {
		{"flags\t: fpu\n", "sys/class/dmi/id/sys_vendor", "QEMU\n", "guest ''0"},
		{"flags\t: fpu hypervisor\n", "sys/class/dmi/id/sys_vendor", "QEMU\n",
			"guest 'QEMU'1"},
		{"flags\t: fpu hypervisor\n",
			"sys/devices/system/clocksource/clocksource0/available_clocksource",
			"tsc kvm-clock \n", "guest 'KVM'1"},
		{"flags\t: hypervisor fpu\n", "sys/class/dmi/id/sys_vendor", "Nobody\n",
			"guest ''1"},
		{"flags\t: hypervisor\n", "sys/class/dmi/id/sys_vendor", "Amazon EC2\n",
			"guest 'KVM'1"},
		{"flags\t: hypervisor\n", "sys/hypervisor/type", "xen\n", "guest 'Xen'1"},
		{"CPU part\t: 0xd0c\n", "sys/class/dmi/id/sys_vendor", "Amazon EC2\n",
			"guest 'KVM'1"},
		{"CPU part\t: 0xd0c\n", "sys/class/dmi/id/sys_vendor", "HPE\n", "guest ''0"},
		{"CPU part\t: 0xd0c\n", "proc/device-tree/hypervisor/compatible", "linux,kvm",
			"guest 'KVM'1"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		char text[4096];

		tree_begin();
		put_cpu(0, "0\n", 0, 0, "0\n");
		tree_put("proc/cpuinfo", cases[i].flags);
		tree_put(cases[i].file, cases[i].text);
		tree_run(tell, text, sizeof(text));
		tree_end();
		if (!strstr(text, cases[i].guest))
			fail_msg("case %zu: expected %s in %s", i, cases[i].guest, text);
	}
}

static void virtual_machine_is_a_part_of_many_names(void **state)
{
	static const struct {
		const char *vendor, *product, *guest;
	} cases[] = {
		{"QEMU\n", "QEMU Virtual Machine\n", "guest 'QEMU'1"},
		{"QEMU\n", "KVM Virtual Machine\n", "guest 'KVM'1"},
		{"Microsoft Corporation\n", "Virtual Machine\n", "guest 'Hyper-V'1"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		char text[4096];

		tree_begin();
		put_cpu(0, "0\n", 0, 0, "0\n");
		tree_put("proc/cpuinfo", "CPU part\t: 0xd0c\n");
		tree_put("sys/class/dmi/id/sys_vendor", cases[i].vendor);
		tree_put("sys/class/dmi/id/product_name", cases[i].product);
		tree_run(tell, text, sizeof(text));
		tree_end();
		if (!strstr(text, cases[i].guest))
			fail_msg("case %zu: expected %s in %s", i, cases[i].guest, text);
	}
}

static void arm_names_every_kind_of_core(void **state)
{
	char text[4096];

	tree_begin();
	put_cpu(0, "0\n", 0, 0, "0\n");
	tree_put("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd46\n\n"
				 "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd46\n\n"
				 "processor\t: 2\nCPU implementer\t: 0x77\nCPU part\t: 0x001\n");
	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_non_null(strstr(text, "model 'Cortex-A510 + arm core 0x77/0x001'"));
}

static void no_topology_is_an_error_that_says_so(void **state)
{
	char text[4096];

	tree_begin();
	tree_put(CPU "online", "0-3\n");
	tree_put(CPU "cpu0/cpufreq/scaling_driver", "intel_cpufreq\n");
	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_memory_equal(text, "-61 ", 4);
	assert_non_null(strstr(text, "/sys/devices/system/cpu/cpu*/topology is missing"));
}

/* hwloc would end the process over these. */
static void odd_nodes_are_an_error(void **state)
{
	static const char *const odd[] = {"-1\n", "x\n", "18446744073709551616\n"};
	char text[4096];

	for (size_t i = 0; i < QB_ARRAY_SIZE(odd); i++) {
		tree_begin();
		tree_put(CPU "online", "0\n");
		tree_put(CPU "cpu0/topology/core_id", "0\n");
		tree_put("sys/devices/system/node/online", odd[i]);
		tree_run(tell, text, sizeof(text));
		tree_end();
		assert_memory_equal(text, "-74 ", 4);
		assert_non_null(strstr(text, "which is no list of nodes"));
	}
}

/* hwloc's variables name files and plugins to load: none of the caller's may get through. */
static void tell_environment(FILE *out)
{
	setenv("HWLOC_XMLFILE", "/evil.xml", 1);
	setenv("HWLOC_FSROOT", "/elsewhere", 1);
	setenv("HWLOC_THISSYSTEM", "1", 1);
	tell(out);
	fprintf(out, "%s %s %s\n", getenv("HWLOC_XMLFILE") ? "kept" : "gone",
		getenv("HWLOC_FSROOT") ? "kept" : "gone", getenv("HWLOC_COMPONENTS"));
}

static void the_callers_environment_does_not_matter(void **state)
{
	char text[4096];

	tree_begin();
	put_cpu(0, "0\n", 0, 0, "0\n");
	tree_run(tell_environment, text, sizeof(text));
	tree_end();
	assert_memory_equal(text, "online 0 ", 9);
	assert_non_null(strstr(text, "gone gone linux,stop\n"));
}

/* In this process, so that a leak sanitizer sees what hwloc and we leave behind. */
static void this_machine_loads_and_is_freed(void **state)
{
	struct qb_topology t = {0};
	struct qb_error err = {0};
	int r = qb_topology_load(&t, &err);

	if (r == -ENODATA)
		skip();
	assert_int_equal(r, 0);
	assert_true(t.n > 0 && t.n <= qb_cpus_count(&t.online));
	assert_true(qb_cpus_has(&t.online, t.boot_cpu));
	qb_topology_free(&t);
	assert_null(t.pus);
	qb_topology_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siblings_sit_on_one_core),
		cmocka_unit_test(holes_and_offline_cpus_are_left_out),
		cmocka_unit_test(lists_may_be_missing),
		cmocka_unit_test(boot_parameters_isolate),
		cmocka_unit_test(nodes_keep_their_numbers),
		cmocka_unit_test(favoured_cores_are_no_kind),
		cmocka_unit_test(kinds_differ_by_base_clock_and_design),
		cmocka_unit_test(types_of_core_are_kinds),
		cmocka_unit_test(designs_are_read_from_the_register),
		cmocka_unit_test(siblings_are_what_the_kernel_says),
		cmocka_unit_test(nuls_and_blanks_may_follow),
		cmocka_unit_test(guests_are_known_by_their_traces),
		cmocka_unit_test(virtual_machine_is_a_part_of_many_names),
		cmocka_unit_test(arm_names_every_kind_of_core),
		cmocka_unit_test(no_topology_is_an_error_that_says_so),
		cmocka_unit_test(odd_nodes_are_an_error),
		cmocka_unit_test(the_callers_environment_does_not_matter),
		cmocka_unit_test(this_machine_loads_and_is_freed),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
