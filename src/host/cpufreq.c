/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host/cpufreq.h. The only file that knows libcpupower. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cpufreq.h>
#include <errno.h>
#include <host/cpufreq.h>

#define POLICIES "/sys/devices/system/cpu/cpufreq"

static void read_cpus(unsigned number, struct qb_cpus *set)
{
	struct cpufreq_affected_cpus *cpus = cpufreq_get_affected_cpus(number);

	for (const struct cpufreq_affected_cpus *at = cpus; at; at = at->next)
		qb_cpus_add(set, at->cpu);
	if (cpus)
		cpufreq_put_affected_cpus(cpus);
}

static void read_driver(struct qb_cpufreq_policy *policy)
{
	char *driver = cpufreq_get_driver(policy->number);

	if (!driver)
		return;
	qb_text_copy(policy->driver, sizeof(policy->driver), driver);
	cpufreq_put_driver(driver);
}

static void read_governors(struct qb_cpufreq_policy *policy)
{
	struct cpufreq_available_governors *list = cpufreq_get_available_governors(policy->number);
	char *names = policy->governors;

	for (const struct cpufreq_available_governors *at = list; at; at = at->next) {
		const size_t whole = strlen(names);

		if (!qb_text_join(names, sizeof(policy->governors), " ", "%s", at->governor)) {
			names[whole] = '\0'; /* rather one less than half a name */
			break;
		}
	}
	if (list)
		cpufreq_put_available_governors(list);
}

/* libcpupower tells a failure by 0 and an errno that it does not clear itself. */
static int64_t read_number(unsigned number, const char *file)
{
	unsigned long value;

	errno = 0;
	value = cpufreq_get_sysfs_value_from_table(number, &file, 0, 1);
	return errno ? 0 : (int64_t)value;
}

static void read_limits(struct qb_cpufreq_policy *policy)
{
	unsigned long low = 0, high = 0;
	struct cpufreq_policy *now;

	errno = 0;
	if (cpufreq_get_hardware_limits(policy->number, &low, &high) == 0) {
		policy->low_khz = (int64_t)low;
		policy->high_khz = (int64_t)high;
	}
	now = cpufreq_get_policy(policy->number);
	if (now) {
		qb_text_copy(policy->governor, sizeof(policy->governor), now->governor);
		policy->min_khz = (int64_t)now->min;
		policy->max_khz = (int64_t)now->max;
		cpufreq_put_policy(now);
		return;
	}
	/* It gives all three or none: an empty scaling_governor does not make the limits unknown.
	 */
	policy->min_khz = read_number(policy->number, "scaling_min_freq");
	policy->max_khz = read_number(policy->number, "scaling_max_freq");
}

int qb_cpufreq_load(struct qb_cpufreq *ret, struct qb_error *err)
{
	const struct qb_cpufreq_policy *first = NULL;
	_cleanup_(qb_cpufreq_free) struct qb_cpufreq found = {0};
	_cleanup_free_ unsigned *numbers = NULL;
	size_t n = 0;
	int r = qb_dir_numbers(POLICIES, "policy", &numbers, &n, err);

	if (r < 0 && r != -ENOENT)
		return r;
	found.policies = calloc(n ? n : 1, sizeof(*found.policies));
	if (!found.policies)
		return qb_error_errno(err, ENOMEM, "hold %zu cpufreq policies", n);
	for (size_t i = 0; i < n; i++) {
		struct qb_cpufreq_policy *policy = &found.policies[found.n++];

		policy->number = numbers[i];
		read_cpus(numbers[i], &policy->cpus);
		/* Every other attribute of an offline policy gives EBUSY. */
		if (qb_cpus_empty(&policy->cpus))
			continue;
		/* The kernel has one driver at a time, and that decides which governors there are. */
		if (first) {
			memcpy(policy->driver, first->driver, sizeof(policy->driver));
			memcpy(policy->governors, first->governors, sizeof(policy->governors));
		} else {
			first = policy;
			read_driver(policy);
			read_governors(policy);
		}
		read_limits(policy);
	}
	*ret = found;
	found.policies = NULL;
	return 0;
}

void qb_cpufreq_free(struct qb_cpufreq *cpufreq)
{
	if (!cpufreq)
		return;
	free(cpufreq->policies);
	*cpufreq = (struct qb_cpufreq){0};
}
