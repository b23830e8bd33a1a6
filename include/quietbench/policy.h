/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy: what an administrator leaves to whom.
 *
 * /etc/quietbench/policy.yaml, root's alone to write, holds rules; the first that names the caller
 * counts, and a caller whom none names is refused. Without the file there is one rule,
 * qb_policy_members, for everybody who reaches the helper. Root (uid 0) is never limited.
 *
 * QB_POLICY_KEYS is the only list of a rule's keys. It generates the reader (by type and member), its
 * "did you mean", what must be written, and the manual's page. A row:
 *
 *	X(ENUM, "key", TYPE, member of struct qb_policy_rule, "default", "what it takes", "help")
 *
 * Who uses it (core/policy.h):
 *
 *	qb_policy_load        the caller's rule, for the helper and for `plan` and `doctor`: opens the
 *	                      file, checks it, has a planner read it, and finds the rule
 *	qb_policy_wish        before the plan: what not to plan at all, and the CPUs to choose from
 *	qb_policy_judge       after it: steps that are refused, CPUs that are too many
 *
 * Fixed size, no ownership: copy it.
 */
#ifndef QUIETBENCH_POLICY_H
#define QUIETBENCH_POLICY_H

#include <quietbench/error.h>
#include <quietbench/profile.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>

#define QB_POLICY_PATH	"/etc/quietbench/policy.yaml"
#define QB_POLICY_RULES 32
#define QB_POLICY_WHO	16 /* names of one rule */
#define QB_POLICY_NAME	64

/* clang-format off */
#define QB_POLICY_KEYS(X) \
	X(NAME, "name", NAME, name, "", "a name (letters, digits, _ and -)", "what a refusal calls the rule") \
	X(WHO, "who", ACCOUNTS, who, "", "a list of user:NAME, group:NAME (or their numbers) and everyone", "who the rule is for: the first rule that names the caller, or any group of theirs, counts") \
	X(CLASSES, "classes", CLASSES, classes, "[S]", "a list of S, D and X", "the risk classes whose levers may be used") \
	X(ALLOW, "allow", LEVERS, allow, "[]", "a list of levers (quietbench doctor lists them)", "levers that may be used beyond the classes") \
	X(DENY, "deny", LEVERS, deny, "[]", "a list of levers (quietbench doctor lists them)", "levers that may not be used in spite of the classes") \
	X(CPUS, "cpus", CPUS, cpus, "{max: 50%}", "{max: COUNT or PERCENT, list: CPUS}", "how many of the online CPUs may be taken away from other tasks (the benchmark's and their idle or offline siblings), and which CPUs a benchmark may run on") \
	X(LEASE, "lease", DURATION, lease_ns, "8h", "a duration from 1s to 365d", "how long an apply lasts at most; it may be renewed") \
	X(LOCK, "lock", DURATION, lock_ns, "24h", "a duration from 1s to 365d", "how long a run may hold the host at most: then the host is restored, and the command goes on") \
	X(OWN_PROFILES, "own_profiles", BOOL, own_profiles, "true", "true or false", "whether the caller's own profiles are read; those of the system always are") \
	X(PROCESS_NAMES, "process_names", BOOL, process_names, "false", "true or false", "whether the caller sees what other users run: while waiting for them, and on the CPUs of the benchmark")
/* clang-format on */

enum qb_policy_key {
#define X(id, ...) QB_POLICY_KEY_##id,
	QB_POLICY_KEYS(X)
#undef X
		QB_POLICY_KEY_COUNT
};

enum qb_policy_type {
	QB_POLICY_TYPE_NAME,	 /* char[QB_POLICY_NAME] */
	QB_POLICY_TYPE_ACCOUNTS, /* struct qb_policy_who[QB_POLICY_WHO], and n_who */
	QB_POLICY_TYPE_CLASSES,	 /* uint8_t, one bit for each enum qb_risk */
	QB_POLICY_TYPE_LEVERS,	 /* bool[QB_KEY_COUNT] */
	QB_POLICY_TYPE_CPUS,	 /* struct qb_policy_cpus */
	QB_POLICY_TYPE_DURATION, /* int64_t, ns */
	QB_POLICY_TYPE_BOOL,	 /* bool */
	QB_POLICY_TYPE_COUNT
};

struct qb_policy_key_info {
	const char *name;
	enum qb_policy_type type;
	size_t offset;	  /* of the member in struct qb_policy_rule */
	const char *dflt; /* "": must be written */
	const char *expected;
	const char *help;
};
extern const struct qb_policy_key_info qb_policy_keys[QB_POLICY_KEY_COUNT];

struct qb_policy_who {
	enum { QB_POLICY_USER, QB_POLICY_GROUP, QB_POLICY_EVERYONE } kind;
	uint32_t id;
};

struct qb_policy_cpus {
	bool percent;	     /* max is in millionths of those online */
	int64_t max;	     /* how many may be taken away from other tasks */
	struct qb_cpus list; /* those a benchmark may have; empty: any */
};

struct qb_policy_rule {
	char name[QB_POLICY_NAME];
	bool builtin;
	uint8_t n_who;
	struct qb_policy_who who[QB_POLICY_WHO];
	uint8_t classes; /* one bit for each enum qb_risk */
	bool allow[QB_KEY_COUNT], deny[QB_KEY_COUNT];
	struct qb_policy_cpus cpus;
	int64_t lease_ns, lock_ns;
	bool own_profiles;
	bool process_names;
};

struct qb_policy {
	uint32_t n;
	struct qb_policy_rule rules[QB_POLICY_RULES];
};

/* What a rule is that names nobody and says nothing: the table's defaults. */
extern const struct qb_policy_rule qb_policy_default;
/* The rule that is built in: class S, and isolation of up to half of the CPUs. */
extern const struct qb_policy_rule qb_policy_members;

/* A caller as the kernel knows them. */
struct qb_policy_caller {
	uint32_t uid;
	const uint32_t *groups; /* the effective group and the supplementary ones */
	size_t n_groups;
};
/* The rule that counts, or NULL: none names the caller. */
const struct qb_policy_rule *qb_policy_find(
	const struct qb_policy *policy, const struct qb_policy_caller *caller);

/* How many of the online CPUs the rule lets a caller take away from other tasks. */
unsigned qb_policy_max(const struct qb_policy_rule *rule, unsigned online);
#define QB_POLICY_TEXT	    2048
#define QB_POLICY_NAME_TEXT 160
/* "rule ci (/etc/quietbench/policy.yaml)". QB_POLICY_NAME_TEXT always suffices. */
void qb_policy_name(const struct qb_policy_rule *rule, char *buf, size_t size);
/* What it leaves: "class S, cpus.isolation; up to 4 of 8 CPUs". QB_POLICY_TEXT always suffices. */
void qb_policy_describe(const struct qb_policy_rule *rule, unsigned online, char *buf, size_t size);

#endif
