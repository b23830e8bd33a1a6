/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a policy: refused with an error that says where, or understood, and then a table
 * within its bounds that can be searched and described.
 */
#include "fuzz.h"
#include <core/policy.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct qb_policy policy;
	const struct qb_policy_caller caller = {.uid = 1000};
	struct qb_error err = {0};
	char text[QB_POLICY_TEXT];
	int r = qb_policy_read("p", data, size, &policy, &err);

	if (r < 0) {
		must(err.code == -r && strncmp(err.text, "p:", 2) == 0);
		return 0;
	}
	must(policy.n <= QB_POLICY_RULES);
	(void)qb_policy_find(&policy, &caller);
	for (unsigned i = 0; i < policy.n; i++) {
		const struct qb_policy_rule *rule = &policy.rules[i];

		must(rule->name[0] && rule->n_who <= QB_POLICY_WHO && rule->lease_ns > 0);
		must(rule->lock_ns > 0 && rule->cpus.max > 0 && rule->classes <= 7);
		qb_policy_describe(rule, 8, text, sizeof(text));
	}
	return 0;
}
