/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The clock: which frequency is the base, what is remembered, and the smaller switches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>

#include "../plan_ask.h"

#define CPU    "sys/devices/system/cpu/"
#define UNCORE CPU "intel_uncore_frequency/"

#define ASK(...)                                                                                   \
	&(const struct plan_ask)                                                                   \
	{                                                                                          \
		.settings = (const char *const[]){__VA_ARGS__, NULL}, .bench = "1",                \
		.reserved = "", .online = "0-1", .plan = qb_frequency_plan                         \
	}

#define ASK_UNCORE(...)                                                                            \
	&(const struct plan_ask)                                                                   \
	{                                                                                          \
		.settings = (const char *const[]){__VA_ARGS__, NULL}, .bench = "1",                \
		.reserved = "", .online = "0-1", .plan = qb_uncore_plan                            \
	}

static void put(unsigned policy, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), CPU "cpufreq/policy%u/%s", policy, name);
	tree_put(path, text);
}

/* One CPU's policy, from 800 MHz to `high`. */
static void put_policy(unsigned cpu, const char *driver, const char *high)
{
	char path[160], to[64], text[16];

	snprintf(text, sizeof(text), "%u\n", cpu);
	put(cpu, "affected_cpus", text);
	put(cpu, "scaling_driver", driver);
	put(cpu, "scaling_governor", "powersave\n");
	put(cpu, "scaling_available_governors", "performance powersave \n");
	put(cpu, "cpuinfo_min_freq", "800000\n");
	put(cpu, "cpuinfo_max_freq", high);
	put(cpu, "scaling_min_freq", "800000\n");
	put(cpu, "scaling_max_freq", high);
	snprintf(path, sizeof(path), CPU "cpu%u/none", cpu);
	tree_put(path, "");
	snprintf(path, sizeof(path), "%s/" CPU "cpu%u/cpufreq", tree_root, cpu);
	snprintf(to, sizeof(to), "../cpufreq/policy%u", cpu);
	assert_int_equal(symlink(to, path), 0);
}

/* What `range: base` makes of policy0 (800 MHz to 4.9 GHz): its new maximum, "" when refused. */
static void assert_base(const char *expected)
{
	char text[4096], *base = "", *at;

	plan_asked = *ASK("frequency.range", "base");
	tree_run(plan_tell, text, sizeof(text));
	tree_end();
	at = strstr(text, "frequency.range policy0/min: 800000 > ");
	if (at) {
		base = strchr(at, '>') + 2;
		base[strcspn(base, "\n")] = '\0';
	} else {
		assert_non_null(strstr(text, " tells no base frequency; give one: "));
	}
	assert_string_equal(base, expected);
}

static void test_each_kind_of_core_has_its_base(void **state)
{
	tree_begin();
	put_policy(0, "intel_pstate\n", "4900000\n");
	put_policy(1, "intel_pstate\n", "3900000\n");
	put(0, "base_frequency", "2100000\n");
	put(1, "base_frequency", "1500000\n");
	assert_plan(ASK("frequency.range", "base"),
		"frequency.governor policy0: powersave kept\n"
		"frequency.range policy0/max: 4900000 > 2100000\n"
		"frequency.range policy0/min: 800000 > 2100000\n"
		"frequency.governor policy1: powersave kept\n"
		"frequency.range policy1/max: 3900000 > 1500000\n"
		"frequency.range policy1/min: 800000 > 1500000\n");
}

/* One policy that cannot be read keeps no other from its settings. */
static void test_a_policy_that_cannot_be_read(void **state)
{
	char path[128];

	tree_begin();
	put_policy(0, "intel_pstate\n", "4900000\n");
	put_policy(1, "intel_pstate\n", "4900000\n");
	snprintf(path, sizeof(path), "%s/" CPU "cpufreq/policy0/scaling_governor", tree_root);
	assert_int_equal(remove(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_plan(ASK("frequency.governor", "performance"),
		"frequency.range policy0/max: 4900000 kept\n"
		"frequency.range policy0/min: 800000 kept\n"
		"frequency.governor policy1: powersave > performance\n"
		"frequency.range policy1/max: 4900000 kept\n"
		"frequency.range policy1/min: 800000 kept\n");
}

static void test_base_by_cppc(void **state)
{
	tree_begin();
	put_policy(0, "amd-pstate-epp\n", "4900000\n");
	tree_put(CPU "cpu0/acpi_cppc/nominal_freq", "3400\n");
	assert_base("3400000");
	/* What is not among the states is not the base. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	put(0, "scaling_available_frequencies", "3400000 1800000 \n");
	tree_put(CPU "cpu0/acpi_cppc/nominal_freq", "3394\n");
	assert_base("3400000");
	/* Firmware that does not know it writes 0. */
	tree_begin();
	put_policy(0, "amd-pstate-epp\n", "4900000\n");
	tree_put(CPU "cpu0/acpi_cppc/nominal_freq", "0\n");
	assert_base("");
}

static void test_base_by_list(void **state)
{
	/* Intel's turbo state. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	tree_put(CPU "cpufreq/boost", "1\n");
	put(0, "scaling_available_frequencies", "2401000 2400000 1800000 \n");
	assert_base("2400000");
	/* There may be turbo, and it is not in the list the way it should be. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	tree_put(CPU "cpufreq/boost", "1\n");
	put(0, "scaling_available_frequencies", "2700000 2400000 1800000 \n");
	assert_base("");
	/* AMD's list never holds turbo. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	tree_put(CPU "cpufreq/boost", "1\n");
	put(0, "cpb", "1\n");
	put(0, "scaling_available_frequencies", "2700000 2400000 1800000 \n");
	assert_base("2700000");
	/* Nothing to boost, and a driver whose boost has its own list. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	put(0, "scaling_available_frequencies", "2700000 2400000 1800000 \n");
	assert_base("2700000");
	tree_begin();
	put_policy(0, "cpufreq-dt\n", "4900000\n");
	tree_put(CPU "cpufreq/boost", "0\n");
	put(0, "scaling_available_frequencies", "1200000 1000000 \n");
	assert_base("1200000");
}

/* Drivers list their states from above, from below or in no order: the highest is the base. */
static void test_base_of_any_order(void **state)
{
	static const char *const lists[] = {"595200 1190400 2956800 \n",
		"2956800 1190400 595200 \n", "1190400 2956800 595200 2956800 \n", "2956800\n"};

	for (size_t i = 0; i < QB_ARRAY_SIZE(lists); i++) {
		tree_begin();
		put_policy(0, "cpufreq-dt\n", "4900000\n");
		put(0, "scaling_available_frequencies", lists[i]);
		put(0, "scaling_boost_frequencies", "3187200 \n");
		assert_base("2956800");
	}
	/* Intel's turbo state, from below. */
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	tree_put(CPU "cpufreq/boost", "1\n");
	put(0, "scaling_available_frequencies", "1800000 2400000 2401000 \n");
	assert_base("2400000");
}

/* CPPC's nominal clock is the base where it is one of the states, though a higher one is listed. */
static void test_nominal_among_the_states(void **state)
{
	tree_begin();
	put_policy(0, "cpufreq-dt\n", "4900000\n");
	put(0, "scaling_available_frequencies", "800000 3400000 4900000 \n");
	tree_put(CPU "cpu0/acpi_cppc/nominal_freq", "3400\n");
	assert_base("3400000");
}

static void put_pstates(const char *states, const char *percent)
{
	tree_put(CPU "intel_pstate/num_pstates", states);
	tree_put(CPU "intel_pstate/turbo_pct", percent);
}

/* 8 to 49: 42 states; 19 above 30, of which the kernel says: 46 percent. */
static void test_base_by_count(void **state)
{
	tree_begin();
	put_policy(0, "intel_cpufreq\n", "4900000\n");
	put_pstates("42\n", "46\n");
	assert_base("3000000");
	/* Turbo is off, and newer kernels show it. */
	tree_begin();
	put_policy(0, "intel_cpufreq\n", "3000000\n");
	put_pstates("42\n", "46\n");
	assert_base("3000000");
	/* States that are not 100 MHz apart, or belong to another kind of core. */
	tree_begin();
	put_policy(0, "intel_cpufreq\n", "3900000\n");
	put_pstates("42\n", "46\n");
	assert_base("");
	tree_begin();
	put_policy(0, "intel_cpufreq\n", "4900000\n");
	put_pstates("0\n", "0\n");
	assert_base("");
}

static void test_the_firmware_caps_the_base(void **state)
{
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	put(0, "scaling_available_frequencies", "2401000 2400000 1800000 \n");
	put(0, "bios_limit", "1800000\n");
	assert_base("1800000");
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	put(0, "scaling_available_frequencies", "2401000 2400000 1800000 \n");
	put(0, "bios_limit", "2401000\n");
	assert_base("2400000");
	/* A cap is no base. */
	tree_begin();
	put_policy(0, "pcc-cpufreq\n", "4900000\n");
	put(0, "bios_limit", "2401000\n");
	assert_base("");
}

static void test_cpb_is_no_switch(void **state)
{
	tree_begin();
	put_policy(0, "acpi-cpufreq\n", "4900000\n");
	put(0, "cpb", "0\n");
	assert_plan(ASK("frequency.turbo", "false"),
		"frequency.turbo: unsupported: the driver acpi-cpufreq has neither no_turbo nor "
		"boost: this CPU has no turbo, or the firmware keeps the switch (its setup menu)\n"
		"frequency.governor policy0: powersave kept\n"
		"frequency.range policy0/max: 4900000 kept\n"
		"frequency.range policy0/min: 800000 kept\n");
}

static void test_energy_bias(void **state)
{
	struct plan_ask guest = *ASK("frequency.epb", "0");

	tree_begin();
	tree_put(CPU "cpu0/power/energy_perf_bias", "6\n");
	tree_put(CPU "cpu1/power/energy_perf_bias", "0\n");
	tree_put(CPU "cpu2/power/energy_perf_bias", "6\n"); /* offline */
	assert_plan(ASK("frequency.epb", "0"), "frequency.epb cpu0: 6 > 0\n"
					       "frequency.epb cpu1: 0 = 0\n");
	/* The preference may be kept in the same register. */
	tree_begin();
	put_policy(0, "intel_pstate\n", "4900000\n");
	put(0, "energy_performance_preference", "power\n");
	put(0, "energy_performance_available_preferences", "performance power \n");
	tree_put(CPU "cpu0/power/energy_perf_bias", "6\n");
	assert_plan(ASK("frequency.epp", "performance"),
		"frequency.governor policy0: powersave kept\n"
		"frequency.range policy0/max: 4900000 kept\n"
		"frequency.range policy0/min: 800000 kept\n"
		"frequency.epp policy0: power > performance\n"
		"frequency.epb cpu0: 6 kept\n");
	tree_begin();
	assert_plan(ASK("frequency.epb", "0"),
		"frequency.epb: unsupported: no CPU here has an energy performance bias "
		"(power/energy_perf_bias; Intel's have)\n");
	guest.guest = true;
	tree_begin();
	assert_plan(&guest, "frequency.epb: unsupported: the hypervisor keeps the energy "
			    "performance bias to itself\n");
}

static void test_dynamic_boost(void **state)
{
	tree_begin();
	put_policy(0, "intel_pstate\n", "4900000\n");
	tree_put(CPU "intel_pstate/hwp_dynamic_boost", "1\n");
	assert_plan(ASK("frequency.dynamic_boost", "false"),
		"frequency.dynamic_boost : 1 > 0\n"
		"frequency.governor policy0: powersave kept\n"
		"frequency.range policy0/max: 4900000 kept\n"
		"frequency.range policy0/min: 800000 kept\n");
	tree_begin();
	put_policy(0, "intel_cpufreq\n", "4900000\n");
	assert_plan(ASK("frequency.dynamic_boost", "true"),
		"frequency.dynamic_boost: unsupported: the driver intel_cpufreq does not boost "
		"after waiting: intel_pstate does, in active mode with HWP\n"
		"frequency.governor policy0: powersave kept\n"
		"frequency.range policy0/max: 4900000 kept\n"
		"frequency.range policy0/min: 800000 kept\n");
}

/* Kernels before 4.3 have a folder of each CPU, and no policies. */
static void test_clocks_of_each_cpu(void **state)
{
	tree_begin();
	tree_put(CPU "cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n");
	tree_put(CPU "cpu0/cpufreq/scaling_min_freq", "800000\n");
	tree_put(CPU "cpu0/cpufreq/scaling_max_freq", "1700000\n");
	assert_plan(ASK("frequency.governor", "performance"),
		"frequency.governor: unsupported: the clock of each CPU is apart (cpuN/cpufreq, as "
		"with kernels before 4.3): it is read, but set only where there are policies "
		"(cpufreq/policyN)\n");
}

/* What to load, and what to look for, is told of machines that have it. */
static void test_no_driver(void **state)
{
	tree_begin();
	tree_put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu\n");
	assert_plan(ASK("frequency.governor", "performance"),
		"frequency.governor: unsupported: no cpufreq driver is loaded (modprobe acpi-cpufreq, "
		"or look for intel_pstate=disable in the boot parameters)\n");
	tree_begin();
	tree_put("proc/cpuinfo", "processor\t: 0\nCPU part\t: 0xd46\n");
	assert_plan(ASK("frequency.governor", "performance"),
		"frequency.governor: unsupported: no cpufreq driver is loaded (the firmware or the "
		"device tree tells which it needs)\n");
}

static void put_uncore(const char *name, const char *high, const char *now)
{
	static const char *const files[] = {
		"initial_min_freq_khz", "min_freq_khz", "initial_max_freq_khz", "max_freq_khz"};
	const char *const texts[] = {"800000\n", "800000\n", high, now};
	char path[128];

	for (size_t i = 0; i < QB_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), UNCORE "%s/%s", name, files[i]);
		tree_put(path, texts[i]);
	}
}

static void test_uncore_of_a_die(void **state)
{
	tree_begin();
	put_uncore("package_01_die_00", "2200000\n", "2200000\n");
	put_uncore("package_00_die_00", "2400000\n", "2000000\n");
	assert_plan(ASK_UNCORE("frequency.uncore", "max"),
		"frequency.uncore package_00_die_00/max: 2000000 > 2400000\n"
		"frequency.uncore package_00_die_00/min: 800000 > 2400000\n"
		"frequency.uncore package_01_die_00/max: 2200000 = 2200000\n"
		"frequency.uncore package_01_die_00/min: 800000 > 2200000\n");
	tree_begin();
	put_uncore("package_00_die_00", "2400000\n", "2400000\n");
	put_uncore("package_01_die_00", "1800000\n", "1800000\n");
	assert_plan(ASK_UNCORE("frequency.uncore", "{min: 1.25GHz, max: 1.99GHz}"),
		"frequency.uncore package_00_die_00/max: 2400000 > 1900000\n"
		"frequency.uncore package_00_die_00/min: 800000 > 1200000\n"
		"frequency.uncore: unsupported: package_01_die_00 runs from 800000 to 1800000 kHz; "
		"1200000 to 1900000 is not within\n");
}

/* A write to a die would set its clusters, each of which has limits of its own. */
static void test_uncore_of_clusters(void **state)
{
	tree_begin();
	put_uncore("package_00_die_00", "2500000\n", "2500000\n");
	put_uncore("uncore01", "1800000\n", "1800000\n");
	put_uncore("uncore00", "2500000\n", "2500000\n");
	assert_plan(ASK_UNCORE("frequency.uncore", "max"),
		"frequency.uncore uncore00/max: 2500000 = 2500000\n"
		"frequency.uncore uncore00/min: 800000 > 2500000\n"
		"frequency.uncore uncore01/max: 1800000 = 1800000\n"
		"frequency.uncore uncore01/min: 800000 > 1800000\n");
}

static void test_no_uncore(void **state)
{
	tree_begin();
	assert_plan(ASK_UNCORE("frequency.uncore", "max"),
		"frequency.uncore: unsupported: no intel_uncore_frequency here: only some Intel "
		"CPUs let this clock be set (modprobe intel-uncore-frequency)\n");
	tree_begin();
	tree_put(UNCORE "package_00_die_00/max_freq_khz", "2400000\n");
	assert_plan(ASK_UNCORE("frequency.uncore", "max"),
		"frequency.uncore: unsupported: /sys/devices/system/cpu/intel_uncore_frequency/"
		"package_00_die_00 does not tell its limits\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_of_core_has_its_base),
		cmocka_unit_test(test_a_policy_that_cannot_be_read),
		cmocka_unit_test(test_base_by_cppc),
		cmocka_unit_test(test_base_by_list),
		cmocka_unit_test(test_base_of_any_order),
		cmocka_unit_test(test_nominal_among_the_states),
		cmocka_unit_test(test_base_by_count),
		cmocka_unit_test(test_the_firmware_caps_the_base),
		cmocka_unit_test(test_cpb_is_no_switch),
		cmocka_unit_test(test_energy_bias),
		cmocka_unit_test(test_dynamic_boost),
		cmocka_unit_test(test_clocks_of_each_cpu),
		cmocka_unit_test(test_no_driver),
		cmocka_unit_test(test_uncore_of_a_die),
		cmocka_unit_test(test_uncore_of_clusters),
		cmocka_unit_test(test_no_uncore),
	};

	return cmocka_run_group_tests_name("frequency", tests, NULL, NULL);
}
