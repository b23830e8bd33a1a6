/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench/policy.h and policy.h: the table of keys, the rule that is built in, the file, and a
 * rule's word on a request and on a plan. The planner's plan is not believed.
 */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <core/policy.h>
#include <core/yaml.h>
#include <errno.h>
#include <fcntl.h>
#include <levers/isolation.h>
#include <quietbench/lever.h>
#include <sys/stat.h>

const struct qb_policy_key_info qb_policy_keys[QB_POLICY_KEY_COUNT] = {
#define X(id, name, type, member, dflt, expected, help)                                            \
	[QB_POLICY_KEY_##id] = {name, QB_POLICY_TYPE_##type,                                       \
		offsetof(struct qb_policy_rule, member), dflt, expected, help},
	QB_POLICY_KEYS(X)
#undef X
};

#define HOUR (3600 * QB_NS_PER_S)
/* A test reads the defaults of the table and compares. */
#define DEFAULTS                                                                                   \
	.classes = 1u << QB_RISK_SAFE, .cpus = {.percent = true, .max = 500000},                   \
	.lease_ns = 8 * HOUR, .lock_ns = 24 * HOUR, .own_profiles = true

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
	int64_t max = rule->cpus.percent ? online * rule->cpus.max / 1000000 : rule->cpus.max;

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
	char list[256];

	buf[0] = '\0';
	for (size_t risk = 0; risk < strlen(QB_RISK_LETTERS); risk++)
		if (rule->classes >> risk & 1)
			qb_text_append(
				buf, size, "%s%c", *buf ? ", " : "class ", QB_RISK_LETTERS[risk]);
	qb_text_append(buf, size, "%s", buf[0] ? "" : "no class");
	append_keys(rule->allow, ", ", buf, size);
	append_keys(rule->deny, ", not ", buf, size);
	qb_text_append(buf, size, "; up to %u of %u CPUs", qb_policy_max(rule, online), online);
	if (!qb_cpus_empty(&rule->cpus.list))
		qb_text_append(
			buf, size, ", of %s", qb_cpus_text(&rule->cpus.list, list, sizeof(list)));
	qb_text_append(buf, size, "%s", rule->own_profiles ? "" : "; no profiles of your own");
}

/* 1: *ret is a sealed copy of the file, or of what lies in its place; 0: there is none. */
static int open_file(int *ret, struct qb_error *err)
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

int qb_policy_load(const struct qb_policy_caller *caller,
	int (*parse)(void *data, int file, struct qb_policy *ret, struct qb_error *err), void *data,
	struct qb_policy_rule *ret, struct qb_error *err)
{
	_cleanup_free_ struct qb_policy *policy = calloc(1, sizeof(*policy));
	const struct qb_policy_rule *rule = &qb_policy_members;
	int file = -1, r = policy ? open_file(&file, err)
				  : qb_error_errno(err, ENOMEM, "read %s", QB_POLICY_PATH);

	if (r > 0)
		r = parse(data, file, policy, err);
	else if (r == 0)
		caller = NULL; /* the rule that is built in is everybody's */
	if (r == 0 && caller) {
		rule = qb_policy_find(policy, caller);
		if (!rule)
			r = qb_error_set(err, ESRCH,
				"policy: no rule of %s names user %u or a group of theirs (root is not "
				"limited: sudo quietbench run)",
				QB_POLICY_PATH, caller->uid);
	}
	if (r == 0)
		*ret = *rule;
	return r;
}

void qb_policy_ask(struct qb_request *ret)
{
	*ret = (struct qb_request){.mode = QB_REQUEST_POLICY, .n_files = 1};
	qb_text_copy(ret->files[0], sizeof(ret->files[0]), QB_POLICY_PATH);
}

/* ---- requests and plans ---- */

static bool permits(const struct qb_policy_rule *rule, enum qb_key key, enum qb_risk risk)
{
	return !rule->deny[key] && (rule->allow[key] || rule->classes >> risk & 1);
}

/* Other tasks are kept off CPUs, in whatever way: these two keys are class D as a whole. */
static bool permits_isolation(const struct qb_policy_rule *rule)
{
	return permits(rule, QB_KEY_CPUS_ISOLATION, QB_RISK_DISRUPTIVE);
}

static bool permits_offline(const struct qb_policy_rule *rule)
{
	return permits(rule, QB_KEY_CPUS_SMT, QB_RISK_DISRUPTIVE);
}

static int refuse(const struct qb_policy_rule *rule, unsigned lever, enum qb_risk risk,
	struct qb_steps *steps)
{
	enum qb_key key = qb_levers[lever].key;
	char name[QB_POLICY_NAME_TEXT];

	qb_policy_name(rule, name, sizeof(name));
	if (rule->deny[key])
		return qb_steps_refuse(
			steps, lever, QB_STATUS_REFUSED, "policy: %s denies it", name);
	return qb_steps_refuse(steps, lever, QB_STATUS_REFUSED, "policy: class %c is not for %s",
		QB_RISK_LETTERS[risk], name);
}

int qb_policy_judge_profiles(
	const struct qb_policy_rule *rule, unsigned n_files, struct qb_error *err)
{
	char name[QB_POLICY_NAME_TEXT];

	if (rule->own_profiles || !n_files)
		return 0;
	qb_policy_name(rule, name, sizeof(name));
	return qb_error_set(err, EPERM,
		"policy: no profiles of your own are read for %s; those of the system are "
		"(quietbench profile list)",
		name);
}

int qb_policy_wish(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	struct qb_request *request, struct qb_error *err)
{
	struct qb_cpus allowed = qb_cpus_empty(&request->allowed) ? *online : request->allowed;
	char name[QB_POLICY_NAME_TEXT], list[128] = "many";
	int r = qb_policy_judge_profiles(rule, request->n_files, err);

	request->without_isolation = !permits_isolation(rule);
	request->without_offline = !permits_offline(rule);
	if (r < 0 || qb_cpus_empty(&rule->cpus.list))
		return r;
	qb_cpus_and(&allowed, &rule->cpus.list);
	if (qb_cpus_empty(&allowed)) {
		qb_policy_name(rule, name, sizeof(name));
		return qb_error_set(err, EPERM,
			"policy: %s allows only the CPUs %s, and none of them is online and available to "
			"you",
			name, qb_cpus_text(&rule->cpus.list, list, sizeof(list)));
	}
	request->allowed = allowed;
	return 0;
}

int qb_policy_judge_lease(const struct qb_policy_rule *rule, int64_t lease_ns, struct qb_error *err)
{
	char name[QB_POLICY_NAME_TEXT], limit[32], wish[32];

	if (lease_ns <= rule->lease_ns)
		return 0;
	qb_policy_name(rule, name, sizeof(name));
	qb_quantity_format(QB_QUANTITY_DURATION, rule->lease_ns, limit, sizeof(limit));
	qb_quantity_format(QB_QUANTITY_DURATION, lease_ns, wish, sizeof(wish));
	return qb_error_set(
		err, EPERM, "policy: %s allows an apply of at most %s, not %s", name, limit, wish);
}

/* What a plan takes away from other tasks: whatever is online and no longer theirs. */
static struct qb_cpus taken_by(const struct qb_selection *selection, const struct qb_cpus *online)
{
	struct qb_cpus taken = *online;

	if (selection->isolation == QB_ISOLATION_NONE)
		return selection->offline;
	qb_cpus_andnot(&taken, &selection->housekeeping);
	qb_cpus_andnot(&taken, &selection->isolated);
	qb_cpus_or(&taken, &selection->offline);
	return taken;
}

int qb_policy_judge_cpus(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_cpus *bench, const struct qb_cpus *taken, struct qb_error *err)
{
	unsigned n = qb_cpus_count(online), max = qb_policy_max(rule, n);
	char name[QB_POLICY_NAME_TEXT], list[128], allowed[128];

	qb_policy_name(rule, name, sizeof(name));
	qb_cpus_text(taken, list, sizeof(list));
	qb_cpus_text(&rule->cpus.list, allowed, sizeof(allowed));
	if (qb_cpus_count(taken) > max)
		return qb_error_set(err, EPERM,
			"policy: %s allows at most %u of %u CPUs, not %u (%s): "
			"choose fewer (-n, -c), or -s cpus.isolation=none",
			name, max, n, qb_cpus_count(taken), list);
	if (!qb_cpus_empty(&rule->cpus.list) && (!qb_cpus_subset(taken, &rule->cpus.list) ||
							!qb_cpus_subset(bench, &rule->cpus.list)))
		return qb_error_set(err, EPERM,
			"policy: %s allows only the CPUs %s, and this takes %s with their siblings",
			name, allowed, list);
	return 0;
}

/* Would this step change the host? The other steps only remember or tell. */
static bool is_live(const struct qb_step *step)
{
	return step->wanted &&
	       (step->status == QB_STATUS_PLANNED || step->status == QB_STATUS_UNCHANGED);
}

static bool is_refused(const struct qb_policy_rule *rule, const struct qb_step *step)
{
	enum qb_key key = qb_levers[step->lever].key;

	if (!is_live(step))
		return false;
	if (key == QB_KEY_CPUS_ISOLATION && qb_isolation_is_group(step))
		return false;
	return !permits(rule, key, qb_lever_risk(step->lever, step->wanted));
}

/* Takes out the steps that are refused. Those only remembered stay: they put things back. */
static int judge_steps(const struct qb_policy_rule *rule, struct qb_steps *steps)
{
	struct {
		bool refused;
		enum qb_risk risk;
	} levers[QB_LEVER_COUNT] = {0};
	size_t kept = 0;

	for (size_t i = 0; i < steps->n; i++) {
		const struct qb_step *step = &steps->v[i];

		if (is_refused(rule, step)) {
			levers[step->lever].refused = true;
			levers[step->lever].risk = qb_lever_risk(step->lever, step->wanted);
		} else {
			steps->v[kept++] = *step;
		}
	}
	steps->n = kept;
	for (unsigned lever = 0; lever < QB_LEVER_COUNT; lever++)
		if (levers[lever].refused && refuse(rule, lever, levers[lever].risk, steps) < 0)
			return -ENOMEM;
	return 0;
}

int qb_policy_judge(const struct qb_policy_rule *rule, const struct qb_cpus *online,
	const struct qb_profile *profile, const struct qb_selection *selection,
	struct qb_steps *steps, struct qb_error *err)
{
	const struct qb_cpus taken = taken_by(selection, online);
	bool sound = (permits_isolation(rule) || selection->isolation == QB_ISOLATION_NONE) &&
		     (permits_offline(rule) || qb_cpus_empty(&selection->offline));
	int r = qb_policy_judge_cpus(rule, online, &selection->bench, &taken, err);

	for (size_t i = 0; i < steps->n; i++)
		sound &= !is_live(&steps->v[i]) ||
			 qb_isolation_keeps_to(&steps->v[i], selection, &taken);
	if (r == 0 && !sound)
		r = qb_error_set(err, EPROTO, "the planner takes CPUs that it does not announce");
	if (r < 0)
		return r;
	r = judge_steps(rule, steps);
	if (r == 0 && !permits_isolation(rule) &&
		!qb_setting_is(&profile->set[QB_KEY_CPUS_ISOLATION], "none"))
		r = refuse(rule, QB_LEVER_PARTITION, QB_RISK_DISRUPTIVE, steps);
	if (r == 0 && !permits_offline(rule) &&
		qb_setting_is(&profile->set[QB_KEY_CPUS_SMT], "offline"))
		r = refuse(rule, QB_LEVER_SMT_OFFLINE, QB_RISK_DISRUPTIVE, steps);
	return r < 0 ? qb_error_errno(err, -r, "judge the plan by the policy") : 0;
}
