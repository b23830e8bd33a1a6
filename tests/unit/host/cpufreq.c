/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpufreq policies through libcpupower: what the kernel leaves empty or refuses stays unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/macros.h>
#include <cmocka.h>
#include <host/cpufreq.h>

#include "../tree.h"

#define CPU "sys/devices/system/cpu/"

static void put(unsigned policy, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), CPU "cpufreq/policy%u/%s", policy, name);
	tree_put(path, text);
}

/* libcpupower goes through the CPU's link. */
static void put_link(unsigned cpu, unsigned policy)
{
	char path[160], to[64];

	snprintf(path, sizeof(path), CPU "cpu%u/none", cpu);
	tree_put(path, "");
	snprintf(path, sizeof(path), "%s/" CPU "cpu%u/cpufreq", tree_root, cpu);
	snprintf(to, sizeof(to), "../cpufreq/policy%u", policy);
	assert_int_equal(symlink(to, path), 0);
}

static void put_policy(unsigned policy, const char *cpus, const char *governor)
{
	put(policy, "affected_cpus", cpus);
	put(policy, "scaling_driver", "acpi-cpufreq\n");
	put(policy, "scaling_governor", governor);
	put(policy, "scaling_available_governors", "performance powersave schedutil \n");
	put(policy, "cpuinfo_min_freq", "1200000\n");
	put(policy, "cpuinfo_max_freq", "3600000\n");
	put(policy, "scaling_min_freq", "1400000\n");
	put(policy, "scaling_max_freq", "2300000\n");
}

static void tell(FILE *out)
{
	struct qb_cpufreq all;
	struct qb_error err = {0};
	int r = qb_cpufreq_load(&all, &err);

	if (r < 0) {
		fprintf(out, "%d %s\n", r, err.text);
		return;
	}
	fprintf(out, "%zu\n", all.n);
	for (size_t i = 0; i < all.n; i++) {
		const struct qb_cpufreq_policy *p = &all.policies[i];
		char cpus[64];

		qb_cpus_format_list(&p->cpus, cpus, sizeof(cpus));
		fprintf(out, "policy%u '%s' '%s' '%s' of '%s' %lld-%lld now %lld-%lld\n", p->number,
			cpus, p->driver, p->governor, p->governors, (long long)p->low_khz,
			(long long)p->high_khz, (long long)p->min_khz, (long long)p->max_khz);
	}
	qb_cpufreq_free(&all);
}

static void expect(const char *expected)
{
	char text[4096];

	tree_run(tell, text, sizeof(text));
	tree_end();
	assert_string_equal(text, expected);
}

static void policies_are_read_in_order(void **state)
{
	tree_begin();
	put_policy(10, "10 11\n", "schedutil\n");
	put_link(10, 10);
	put_policy(0, "0 1\n", "powersave\n");
	put_link(0, 0);
	expect("2\n"
	       "policy0 '0-1' 'acpi-cpufreq' 'powersave' of 'performance powersave schedutil' "
	       "1200000-3600000 now 1400000-2300000\n"
	       "policy10 '10-11' 'acpi-cpufreq' 'schedutil' of 'performance powersave schedutil' "
	       "1200000-3600000 now 1400000-2300000\n");
}

static void an_empty_governor_leaves_the_limits_known(void **state)
{
	tree_begin();
	put_policy(0, "0\n", "");
	put_link(0, 0);
	expect("1\n"
	       "policy0 '0' 'acpi-cpufreq' '' of 'performance powersave schedutil' "
	       "1200000-3600000 now 1400000-2300000\n");
}

static void an_offline_policy_is_listed_without_cpus(void **state)
{
	tree_begin();
	put_policy(0, "\n", "powersave\n");
	put_link(0, 0);
	expect("1\n"
	       "policy0 '' '' '' of '' 0-0 now 0-0\n");
}

static void no_cpufreq_is_no_error(void **state)
{
	tree_begin();
	tree_put(CPU "online", "0\n");
	expect("0\n");
}

/* In this process, for the leak sanitizer. */
static void this_machine_loads_and_is_freed(void **state)
{
	struct qb_cpufreq all = {0};
	struct qb_error err = {0};

	assert_int_equal(qb_cpufreq_load(&all, &err), 0);
	qb_cpufreq_free(&all);
	assert_null(all.policies);
	qb_cpufreq_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_are_read_in_order),
		cmocka_unit_test(an_empty_governor_leaves_the_limits_known),
		cmocka_unit_test(an_offline_policy_is_listed_without_cpus),
		cmocka_unit_test(no_cpufreq_is_no_error),
		cmocka_unit_test(this_machine_loads_and_is_freed),
	};

	return cmocka_run_group_tests_name("cpufreq", tests, NULL, NULL);
}
