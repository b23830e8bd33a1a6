/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy: its text, whose rule counts, what it refuses of a request and of a plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <core/policy.h>
#include <errno.h>
#include <quietbench/lever.h>

#define MEMBERS "rule members (built in; see /etc/quietbench/policy.yaml)"

static struct qb_policy policy;
static struct qb_error error;

static int parse(const char *text)
{
	error = (struct qb_error){0};
	return qb_policy_read("p", text, strlen(text), &policy, &error);
}

static void assert_parsed(const char *text)
{
	if (parse(text) < 0)
		fail_msg("%s", error.text);
}

static void a_whole_policy(void **state)
{
	const struct qb_policy_rule *rule = &policy.rules[0];

	assert_parsed("version: 1\n"
		      "rules:\n"
		      "  - name: ci\n"
		      "    who: [user:daemon, group:daemon, user:1000, group:2000, everyone]\n"
		      "    classes: [S, X]\n"
		      "    allow: [cpus.isolation, memory.drop_caches]\n"
		      "    deny: [services.stop]\n"
		      "    cpus: {max: 25%, list: \"2-7\"}\n"
		      "    lease: 4h\n"
		      "    lock: 90s\n"
		      "    own_profiles: false\n"
		      "    process_names: true\n"
		      "  - who: [user:0]\n"
		      "    name: other\n");
	assert_int_equal(policy.n, 2);
	assert_string_equal(rule->name, "ci");
	assert_false(rule->builtin);
	assert_int_equal(rule->n_who, 5);
	assert_int_equal(rule->who[0].kind, QB_POLICY_USER);
	assert_int_equal(rule->who[0].id, 1); /* in Debian's base-passwd, for ever */
	assert_int_equal(rule->who[1].kind, QB_POLICY_GROUP);
	assert_int_equal(rule->who[1].id, 1);
	assert_int_equal(rule->who[2].id, 1000);
	assert_int_equal(rule->who[3].id, 2000);
	assert_int_equal(rule->who[4].kind, QB_POLICY_EVERYONE);
	assert_int_equal(rule->classes, 1 << QB_RISK_SAFE | 1 << QB_RISK_EXPOSING);
	assert_true(rule->allow[QB_KEY_MEMORY_DROP_CACHES] && !rule->allow[QB_KEY_SERVICES_STOP]);
	assert_true(rule->deny[QB_KEY_SERVICES_STOP] && !rule->deny[QB_KEY_CPUS_ISOLATION]);
	assert_int_equal(qb_policy_max(rule, 8), 2);
	assert_int_equal(qb_cpus_count(&rule->cpus.list), 6);
	assert_int_equal(rule->lease_ns, INT64_C(4) * 3600 * 1000000000);
	assert_int_equal(rule->lock_ns, INT64_C(90) * 1000000000);
	assert_false(rule->own_profiles);
	assert_true(rule->process_names);
}

/* What the table says of defaults is what a rule has that says nothing. */
static void defaults_are_the_tables(void **state)
{
	char text[1024] = "version: 1\nrules:\n  - name: n\n    who: []\n";
	struct qb_policy_rule silent;

	assert_parsed(text);
	silent = policy.rules[0];
	for (int key = 0; key < QB_POLICY_KEY_COUNT; key++) {
		const struct qb_policy_key_info *info = &qb_policy_keys[key];

		if (info->dflt[0])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "    %s: %s\n",
				info->name, info->dflt);
	}
	assert_parsed(text);
	assert_memory_equal(&silent, &policy.rules[0], sizeof(silent));
}

/* The example that is installed ends with the rule that is built in. */
static void the_shipped_example(void **state)
{
	struct qb_policy_rule rule;
	char text[8192], *group;
	ssize_t n = qb_file_read("contrib/policy/policy.yaml", text, sizeof(text), NULL);

	assert_true(n > 0);
	group = strstr(text, "group:quietbench"); /* which need not be here */
	assert_non_null(group);
	memcpy(group, "group:1234567890", strlen("group:1234567890"));
	assert_parsed(text);
	assert_int_equal(policy.n, 1);
	rule = policy.rules[0];
	rule.builtin = true;
	rule.n_who = 0;
	memset(rule.who, 0, sizeof(rule.who));
	assert_memory_equal(&rule, &qb_policy_members, sizeof(rule));
}

static void nobody_is_named(void **state)
{
	const struct qb_policy_caller caller = {.uid = 1};

	assert_parsed("version: 1\nrules: []\n");
	assert_null(qb_policy_find(&policy, &caller));
	assert_parsed("version: 1\n");
	assert_int_equal(policy.n, 0);
}

static void errors_name_the_place(void **state)
{
#define RULE "version: 1\nrules:\n  - name: n\n    who: [everyone]\n    "
	static const struct {
		const char *text, *error;
	} bad[] = {
		{"", "p:1:1: empty document"},
		{"rules: []\n",
			"p:1:1: version: expected 1 (the version of the format), found nothing"},
		{"version: 2\n",
			"p:1:10: version: expected 1 (the only version of the format), found '2'"},
		{"version: 1\nrule: []\n",
			"p:2:1: rule: expected version or rules, found 'rule'; did you mean 'rules'?"},
		{"version: 1\nrules: {name: n}\n",
			"p:2:8: rules: expected a list of rules, found a section"},
		{"version: 1\nrules: [a]\n",
			"p:2:8: rules: expected a list of rules, found a list"},
		{"version: 1\nrules:\n  - name: n\n  - x\n",
			"p:4:5: expected a section, like the first"},
		{"version: 1\nrules:\n  - name: n\n",
			"p:3:5: rules[1].who: expected a list of user:NAME, group:NAME (or their "
			"numbers) and everyone, found nothing"},
		{"version: 1\nrules:\n  - who: []\n  - name: b\n    who: []\n",
			"p:3:5: rules[1].name: expected a name (letters, digits, _ and -), found "
			"nothing"},
		{"version: 1\nrules:\n  - name: n\n    who: []\n  - name: n\n",
			"p:5:11: rules[2].name: another rule has this name"},
		{RULE "name: n\n", "p:5:5: rules[1].name: the same key twice"},
		{RULE "clases: [S]\n",
			"p:5:5: rules[1].clases: expected a key of a rule, found 'clases'; did you "
			"mean 'classes'?"},
		{RULE "classes: [S, Q]\n",
			"p:5:18: rules[1].classes: expected a list of S, D and X, found 'Q'"},
		{RULE "classes: S\n",
			"p:5:14: rules[1].classes: expected a list of S, D and X, found 'S'"},
		{RULE "allow: [frequency.tubo]\n",
			"p:5:13: rules[1].allow: expected a list of levers (quietbench doctor lists "
			"them), found 'frequency.tubo'; did you mean 'frequency.turbo'?"},
		{RULE "deny: [cpus.count]\n",
			"p:5:12: rules[1].deny: expected a list of levers (quietbench doctor lists "
			"them), found 'cpus.count'"},
		{RULE "cpus: 50%\n",
			"p:5:11: rules[1].cpus: expected {max: COUNT or PERCENT, list: CPUS}, found "
			"'50%'"},
		{RULE "cpus: {max: 0}\n",
			"p:5:12: rules[1].cpus: expected max: a number of CPUs, or a percentage of "
			"those online, found '0'"},
		{RULE "cpus: {max: 101%}\n",
			"p:5:12: rules[1].cpus: expected max: a number of CPUs, or a percentage of "
			"those online, found '101%'"},
		{RULE "cpus: {mx: 1}\n",
			"p:5:12: rules[1].cpus: expected {max: COUNT or PERCENT, list: CPUS}, found "
			"'mx'; did you mean 'max'?"},
		{RULE "cpus: {list: \"\"}\n",
			"p:5:12: rules[1].cpus: expected list: CPUs like 2-7, found ''"},
		{RULE "lease: 4\n",
			"p:5:12: rules[1].lease: expected a duration from 1s to 365d, found '4'"},
		{RULE "lock: 366d\n",
			"p:5:11: rules[1].lock: expected a duration from 1s to 365d, found '366d'"},
		{RULE "own_profiles: yes\n",
			"p:5:19: rules[1].own_profiles: expected true or false, found 'yes'"},
		{RULE "lease: [1h]\n",
			"p:5:12: rules[1].lease: expected a duration from 1s to 365d, found a list"},
		{"version: 1\nrules:\n  - name: n\n    who: [everyon]\n",
			"p:4:11: rules[1].who: expected a list of user:NAME, group:NAME (or their "
			"numbers) and everyone, found 'everyon'; did you mean 'everyone'?"},
		{"version: 1\nrules:\n  - name: n\n    who: [everyone, user:no-such-user]\n",
			"p:4:21: rules[1].who: expected a name that is in the local accounts, or a "
			"number (id, getent), found 'no-such-user'"},
		{"version: 1\nrules:\n  - name: n\n    who: [group:-1]\n",
			"p:4:11: rules[1].who: expected a name that is in the local accounts, or a "
			"number (id, getent), found '-1'"},
		{"version: 1\nrules:\n  - name: n\n    who: &a [everyone]\n",
			"p:4:10: rules[1].who: anchors and aliases (& and *) are not allowed: write "
			"the value out, or quote it if it is a text"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(bad[i].text), -EINVAL);
		assert_string_equal(error.text, bad[i].error);
	}
}

static void too_many_rules(void **state)
{
	char text[4096] = "version: 1\nrules:\n";

	for (int i = 0; i <= QB_POLICY_RULES; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"  - name: r%d\n    who: [everyone]\n", i);
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(error.text, "p:67:5: rules[33]: more than 32 rules");
}

static void the_first_rule_that_names_him_counts(void **state)
{
	const uint32_t groups[] = {5000, 2000};
	const struct qb_policy_caller stranger = {.uid = 7, .groups = groups, .n_groups = 1},
				      member = {.uid = 7, .groups = groups, .n_groups = 2},
				      user = {.uid = 1000, .groups = groups, .n_groups = 2};

	assert_parsed("version: 1\nrules:\n"
		      "  - {name: a, who: [user:1000, user:2000]}\n"
		      "  - {name: b, who: [group:2000]}\n");
	assert_null(qb_policy_find(&policy, &stranger));
	assert_string_equal(qb_policy_find(&policy, &member)->name, "b");
	assert_string_equal(qb_policy_find(&policy, &user)->name, "a");
}

/* ---- requests and plans ---- */

static struct qb_cpus set_of(const char *list)
{
	struct qb_cpus cpus;

	assert_int_equal(qb_cpus_parse_list(list, &cpus), 0);
	return cpus;
}

/* A plan on CPUs 0-7, as the planner may send it. */
struct plan {
	struct qb_profile profile;
	struct qb_selection selection;
	struct qb_steps steps;
};

static void plan_free(struct plan *plan)
{
	qb_steps_free(&plan->steps);
}

static void add(
	struct plan *plan, unsigned lever, const char *name, uint32_t number, const char *wanted)
{
	struct qb_unit unit = qb_unit_number(number);

	qb_text_copy(unit.name, sizeof(unit.name), name);
	assert_non_null(qb_steps_add(&plan->steps, lever, unit, NULL, wanted));
}

static struct plan plan_of(enum qb_isolation isolation, const char *bench, const char *reserved,
	const char *offline, const char *housekeeping)
{
	struct plan plan = {.selection = {.bench = set_of(bench),
				    .reserved = set_of(reserved),
				    .offline = set_of(offline),
				    .housekeeping = set_of(housekeeping),
				    .isolation = (uint8_t)isolation}};

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		if (qb_keys[key].dflt[0])
			assert_int_equal(qb_setting_parse(key, qb_keys[key].dflt,
						 &plan.profile.set[key], NULL),
				0);
	return plan;
}

static int judge(const struct qb_policy_rule *rule, struct plan *plan)
{
	const struct qb_cpus online = set_of("0-7");

	error = (struct qb_error){0};
	return qb_policy_judge(
		rule, &online, &plan->profile, &plan->selection, &plan->steps, &error);
}

static void what_is_refused_is_said_once(void **state)
{
	_cleanup_(plan_free) struct plan plan =
		plan_of(QB_ISOLATION_PARTITION, "2", "6", "", "0-1,3-5,7");

	add(&plan, QB_LEVER_GOVERNOR, "", 0, "performance");
	add(&plan, QB_LEVER_GROUP_CPUS, "", 0, "2,6");
	add(&plan, QB_LEVER_PARTITION, "", 0, "isolated");
	add(&plan, QB_LEVER_DIRTY_BYTES, "", 0, NULL);
	add(&plan, QB_LEVER_UNCORE_MAX, "a", 0, "2400000");
	add(&plan, QB_LEVER_UNCORE_MAX, "b", 0, "2400000");
	add(&plan, QB_LEVER_PARANOID, "", 0, "-1");
	add(&plan, QB_LEVER_PROCESS_NICE, "", 0, "5");
	add(&plan, QB_LEVER_PROCESS_POLICY, "", 0, "fifo");
	assert_int_equal(judge(&qb_policy_members, &plan), 0);
	assert_int_equal(plan.steps.n, 8);
	assert_int_equal(plan.steps.v[1].lever, QB_LEVER_GROUP_CPUS);
	assert_int_equal(plan.steps.v[3].lever, QB_LEVER_DIRTY_BYTES);
	assert_int_equal(plan.steps.v[4].lever, QB_LEVER_PROCESS_NICE);
	for (size_t i = 0; i < plan.steps.n; i++)
		assert_int_equal(
			plan.steps.v[i].status, i < 5 ? QB_STATUS_PLANNED : QB_STATUS_REFUSED);
	assert_int_equal(plan.steps.v[5].lever, QB_LEVER_PROCESS_POLICY);
	assert_string_equal(plan.steps.v[5].reason, "policy: class D is not for " MEMBERS);
	assert_int_equal(plan.steps.v[6].lever, QB_LEVER_UNCORE_MAX);
	assert_null(plan.steps.v[6].wanted);
	assert_string_equal(plan.steps.v[7].reason, "policy: class X is not for " MEMBERS);
}

static void a_key_may_be_denied(void **state)
{
	_cleanup_(plan_free) struct plan plan = plan_of(QB_ISOLATION_NONE, "2", "", "", "0-7");
	struct qb_policy_rule rule = qb_policy_members;

	rule.deny[QB_KEY_FREQUENCY_GOVERNOR] = rule.deny[QB_KEY_CPUS_ISOLATION] = true;
	add(&plan, QB_LEVER_GOVERNOR, "", 0, "performance");
	add(&plan, QB_LEVER_GROUP, "", 0, "present");
	add(&plan, QB_LEVER_SLICE, "", 0, "all");
	assert_int_equal(judge(&rule, &plan), 0);
	/* the group by which descendants are found isolates nothing, and stays */
	assert_int_equal(plan.steps.n, 4);
	assert_int_equal(plan.steps.v[0].lever, QB_LEVER_GROUP);
	assert_int_equal(plan.steps.v[1].lever, QB_LEVER_SLICE);
	assert_int_equal(plan.steps.v[2].lever, QB_LEVER_GOVERNOR);
	assert_int_equal(plan.steps.v[3].lever, QB_LEVER_PARTITION);
	assert_string_equal(plan.steps.v[3].reason, "policy: " MEMBERS " denies it");
}

static void cpus_are_counted(void **state)
{
	static const struct {
		enum qb_isolation isolation;
		const char *bench, *reserved, *offline, *housekeeping;
		int r;
	} plans[] = {
		{QB_ISOLATION_AFFINITY, "1-2", "5-6", "", "0,3-4,7", 0},
		{QB_ISOLATION_AFFINITY, "1-3", "5-6", "", "0,4,7", -EPERM},
		/* fewer housekeeping CPUs than what is left takes CPUs, too */
		{QB_ISOLATION_AFFINITY, "1", "", "", "0,7", -EPERM},
		/* nobody is kept off anything */
		{QB_ISOLATION_NONE, "0-7", "", "", "0-7", 0},
		/* the same, with more offline than may be taken */
		{QB_ISOLATION_NONE, "0", "", "3-7", "0-2", -EPERM},
	};
	struct qb_policy_rule rule = qb_policy_members;

	rule.allow[QB_KEY_CPUS_SMT] = true;
	for (size_t i = 0; i < QB_ARRAY_SIZE(plans); i++) {
		_cleanup_(plan_free) struct plan plan = plan_of(plans[i].isolation, plans[i].bench,
			plans[i].reserved, plans[i].offline, plans[i].housekeeping);

		assert_int_equal(judge(&rule, &plan), plans[i].r);
		if (i == 1)
			assert_string_equal(error.text,
				"policy: " MEMBERS " allows at most 4 of 8 CPUs, "
				"not 5 (1-3,5-6): choose fewer (-n, -c), or -s cpus.isolation=none");
	}
	assert_int_equal(qb_policy_max(&qb_policy_members, 2), 1);
	assert_int_equal(qb_policy_max(&qb_policy_members, 1), 0);
}

static void only_these_cpus(void **state)
{
	_cleanup_(plan_free) struct plan plan =
		plan_of(QB_ISOLATION_AFFINITY, "2", "6", "", "0-1,3-5,7");
	const struct qb_cpus online = set_of("0-7");
	struct qb_policy_rule rule = qb_policy_members;
	struct qb_request request = {0};

	rule.cpus.list = set_of("2-3,9");
	assert_int_equal(qb_policy_wish(&rule, &online, &request, &error), 0);
	assert_true(qb_cpus_equal(&request.allowed, &(struct qb_cpus){.bits = {0xc}}));
	assert_int_equal(judge(&rule, &plan), -EPERM); /* the sibling is not */
	request.allowed = set_of("0-1");
	assert_int_equal(qb_policy_wish(&rule, &online, &request, &error), -EPERM);
}

static void a_request_is_judged(void **state)
{
	const struct qb_cpus online = set_of("0-7");
	struct qb_policy_rule rule = qb_policy_default;
	struct qb_request request = {.n_files = 1};

	assert_int_equal(qb_policy_wish(&rule, &online, &request, &error), 0);
	assert_true(request.without_isolation && request.without_offline);
	assert_int_equal(qb_policy_wish(&qb_policy_members, &online, &request, &error), 0);
	assert_false(request.without_isolation);
	rule.own_profiles = false;
	assert_int_equal(qb_policy_wish(&rule, &online, &request, &error), -EPERM);
	request.n_files = 0;
	assert_int_equal(qb_policy_wish(&rule, &online, &request, &error), 0);
	assert_int_equal(qb_policy_judge_lease(&rule, rule.lease_ns, &error), 0);
	assert_int_equal(qb_policy_judge_lease(&rule, rule.lease_ns + 1, &error), -EPERM);
}

/* A planner that a profile has taken over. */
static void a_plan_that_lies_is_an_error(void **state)
{
	static const struct {
		enum qb_isolation isolation;
		unsigned lever;
		const char *name;
		uint32_t number;
		const char *wanted;
		int r;
	} lies[] = {
		{QB_ISOLATION_PARTITION, QB_LEVER_GROUP_CPUS, "", 0, "2", 0},
		{QB_ISOLATION_PARTITION, QB_LEVER_GROUP_CPUS, "", 0, "2-5", -EPROTO},
		{QB_ISOLATION_PARTITION, QB_LEVER_SLICE, "", 0, "2-5", -EPROTO},
		{QB_ISOLATION_NONE, QB_LEVER_SLICE, "", 0, "2", -EPROTO},
		{QB_ISOLATION_NONE, QB_LEVER_PARTITION, "", 0, "isolated", -EPROTO},
		{QB_ISOLATION_AFFINITY, QB_LEVER_PARTITION, "", 0, "isolated", -EPROTO},
		{QB_ISOLATION_SHIELD, QB_LEVER_SHIELD_CPUS, "quietbench", 0, "2", 0},
		{QB_ISOLATION_SHIELD, QB_LEVER_SHIELD_CPUS, "quietbench", 0, "2-3", -EPROTO},
		{QB_ISOLATION_SHIELD, QB_LEVER_SHIELD_CPUS, "quietbench.house", 0, "0-1,3-7", 0},
		{QB_ISOLATION_SHIELD, QB_LEVER_SHIELD_CPUS, "quietbench.house", 0, "0", -EPROTO},
		{QB_ISOLATION_AFFINITY, QB_LEVER_TASK_AFFINITY, "", 812, "1", -EPROTO},
		{QB_ISOLATION_AFFINITY, QB_LEVER_SMT_OFFLINE, "", 3, "0", -EPROTO},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(lies); i++) {
		_cleanup_(plan_free) struct plan plan =
			plan_of(lies[i].isolation, "2", "", "", "0-1,3-7");

		add(&plan, lies[i].lever, lies[i].name, lies[i].number, lies[i].wanted);
		assert_int_equal(judge(&qb_policy_members, &plan), lies[i].r);
	}
	_cleanup_(plan_free) struct plan isolating =
		plan_of(QB_ISOLATION_AFFINITY, "2", "", "", "0-1,3-7");
	assert_int_equal(judge(&qb_policy_default, &isolating), -EPROTO);
}

static void a_rule_is_described(void **state)
{
	char text[QB_POLICY_TEXT];

	qb_policy_describe(&qb_policy_members, 8, text, sizeof(text));
	assert_string_equal(text, "class S, cpus.isolation; up to 4 of 8 CPUs");
	assert_parsed("version: 1\nrules:\n  - name: n\n    who: []\n    classes: [S, D]\n"
		      "    deny: [services.stop]\n    cpus: {max: 2, list: 4-7}\n"
		      "    own_profiles: false\n");
	qb_policy_describe(&policy.rules[0], 8, text, sizeof(text));
	assert_string_equal(text, "class S, D, not services.stop; up to 2 of 8 CPUs, of 4-7; no "
				  "profiles of your own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_policy),
		cmocka_unit_test(defaults_are_the_tables),
		cmocka_unit_test(the_shipped_example),
		cmocka_unit_test(nobody_is_named),
		cmocka_unit_test(errors_name_the_place),
		cmocka_unit_test(too_many_rules),
		cmocka_unit_test(the_first_rule_that_names_him_counts),
		cmocka_unit_test(what_is_refused_is_said_once),
		cmocka_unit_test(a_key_may_be_denied),
		cmocka_unit_test(cpus_are_counted),
		cmocka_unit_test(only_these_cpus),
		cmocka_unit_test(a_request_is_judged),
		cmocka_unit_test(a_plan_that_lies_is_an_error),
		cmocka_unit_test(a_rule_is_described),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
