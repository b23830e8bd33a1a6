/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench/policy.h and policy.h: the table of keys, the rule that is built in, the file. */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <core/yaml.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/lever.h>
#include <sys/stat.h>

const struct qb_policy_key_info qb_policy_keys[QB_POLICY_KEY_COUNT] = {
#define X(id, name, dflt, expected, help) [QB_POLICY_KEY_##id] = {name, dflt, expected, help},
	QB_POLICY_KEYS(X)
#undef X
};

#define HOUR (3600 * QB_NS_PER_S)
/* A test reads the defaults of the table and compares. */
#define DEFAULTS                                                                                   \
	.classes = 1u << QB_RISK_SAFE, .percent = true, .max_cpus = 500000, .lease_ns = 8 * HOUR,  \
	.lock_ns = 24 * HOUR, .own_profiles = true

const struct qb_policy_rule qb_policy_default = {DEFAULTS};
const struct qb_policy_rule qb_policy_members = {
	DEFAULTS, .name = "members", .builtin = true, .allow[QB_KEY_CPUS_ISOLATION] = true};

static bool names(const struct qb_policy_who *who, const struct qb_policy_caller *caller)
{
	switch (who->kind) {
	case QB_POLICY_EVERYONE: return true;
	case QB_POLICY_USER: return who->id == caller->uid;
	case QB_POLICY_GROUP:
		for (size_t i = 0; i < caller->n_groups; i++)
			if (caller->groups[i] == who->id)
				return true;
		return false;
	}
	return false;
}

const struct qb_policy_rule *qb_policy_find(
	const struct qb_policy *policy, const struct qb_policy_caller *caller)
{
	for (unsigned i = 0; i < policy->n; i++)
		for (unsigned j = 0; j < policy->rules[i].n_who; j++)
			if (names(&policy->rules[i].who[j], caller))
				return &policy->rules[i];
	return NULL;
}

unsigned qb_policy_max(const struct qb_policy_rule *rule, unsigned online)
{
	int64_t max = rule->percent ? online * rule->max_cpus / 1000000 : rule->max_cpus;

	return max < online ? (unsigned)max : online;
}

void qb_policy_name(const struct qb_policy_rule *rule, char *buf, size_t size)
{
	qb_text_format(buf, size, "rule %s (%s" QB_POLICY_PATH ")", rule->name,
		rule->builtin ? "built in; see " : "");
}

static void append_keys(const bool *keys, const char *before, char *buf, size_t size)
{
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		if (keys[key])
			qb_text_append(buf, size, "%s%s", before, qb_keys[key].name);
}

void qb_policy_describe(const struct qb_policy_rule *rule, unsigned online, char *buf, size_t size)
{
	static const struct {
		enum qb_risk risk;
		char letter;
	} classes[] = {{QB_RISK_SAFE, 'S'}, {QB_RISK_DISRUPTIVE, 'D'}, {QB_RISK_EXPOSING, 'X'}};
	const char *before = "class ";
	char list[256];

	buf[0] = '\0';
	for (size_t i = 0; i < QB_ARRAY_SIZE(classes); i++)
		if (rule->classes >> classes[i].risk & 1) {
			qb_text_append(buf, size, "%s%c", before, classes[i].letter);
			before = ", ";
		}
	qb_text_append(buf, size, "%s", buf[0] ? "" : "no class");
	append_keys(rule->allow, ", ", buf, size);
	append_keys(rule->deny, ", not ", buf, size);
	qb_text_append(buf, size, "; up to %u of %u CPUs", qb_policy_max(rule, online), online);
	if (!qb_cpus_empty(&rule->cpus) &&
		qb_cpus_format_list(&rule->cpus, list, sizeof(list)) == 0)
		qb_text_append(buf, size, ", of %s", list);
	qb_text_append(buf, size, "%s", rule->own_profiles ? "" : "; no profiles of your own");
}

int qb_policy_open(int *ret, struct qb_error *err)
{
	/* O_NONBLOCK: opening a FIFO would wait for its writer. */
	_cleanup_close_ int fd =
		open(QB_POLICY_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	struct stat st;
	int copy;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 && errno == ELOOP)
		return qb_error_set(err, EPERM, "%s is a symbolic link: put the file itself there",
			QB_POLICY_PATH);
	if (fd < 0 || fstat(fd, &st) < 0)
		return qb_error_errno(err, errno, "open %s", QB_POLICY_PATH);
	if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return qb_error_set(err, EPERM,
			"%s is not a regular file of root's that only root may write (chown root, "
			"chmod 644)",
			QB_POLICY_PATH);
	copy = qb_file_seal(fd, "policy", QB_YAML_SIZE);
	if (copy == -EFBIG)
		return qb_error_set(err, EPERM, "%s is longer than %d KiB", QB_POLICY_PATH,
			QB_YAML_SIZE / 1024);
	if (copy < 0)
		return qb_error_errno(err, -copy, "read %s", QB_POLICY_PATH);
	*ret = copy;
	return 1;
}

void qb_policy_ask(struct qb_request *ret)
{
	*ret = (struct qb_request){.mode = QB_REQUEST_POLICY, .n_files = 1};
	qb_text_copy(ret->files[0], sizeof(ret->files[0]), QB_POLICY_PATH);
}
