/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h: the policy's text. */
#include <base/clock.h>
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <core/entry.h>
#include <core/policy.h>
#include <core/profile.h>
#include <errno.h>
#include <host/accounts.h>
#include <quietbench/lever.h>

#define LIMIT (365 * 24 * 3600 * QB_NS_PER_S)

struct reader {
	struct qb_policy policy;
	char section[QB_YAML_KEY];	/* of the rule that is being read; "" before the first */
	struct qb_yaml_mark section_at; /* of its first key */
	bool seen[QB_POLICY_KEY_COUNT];
	struct qb_yaml_mark at; /* of the culprit */
};

/* Each judges the entry of its key; reader->at is the entry's unless an item is the culprit. */

static int take_name(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	if (entry->kind != QB_YAML_SCALAR || !qb_profile_is_name(entry->items[0].text))
		return qb_entry_reject(entry, qb_policy_keys[QB_POLICY_KEY_NAME].expected, err);
	qb_text_copy(rule->name, sizeof(rule->name), entry->items[0].text);
	for (const struct qb_policy_rule *other = reader->policy.rules; other < rule; other++)
		if (strcmp(other->name, rule->name) == 0)
			return qb_error_set(
				err, EINVAL, "%s: another rule has this name", entry->name);
	return 0;
}

/* A number, or a name that `find` knows. */
static int judge_account(const struct qb_yaml_entry *entry, const char *text,
	int (*find)(const char *, uint32_t *), const char *file, uint32_t *ret,
	struct qb_error *err)
{
	int64_t number;
	int r;

	if (qb_number_parse(text, &number) == 0 && number >= 0 && number < UINT32_MAX) {
		*ret = (uint32_t)number;
		return 0;
	}
	r = find(text, ret);
	if (r == -ENOENT)
		return qb_entry_reject_text(entry,
			"a name that is in the local accounts, or a number (id, getent)", text,
			NULL, err);
	return r < 0 ? qb_error_errno(err, -r, "%s: look into %s", entry->name, file) : 0;
}

static int judge_who(const struct qb_yaml_entry *entry, const char *text, struct qb_policy_who *ret,
	struct qb_error *err)
{
	struct qb_nearest nearest = {.word = text};

	if (strcmp(text, "everyone") == 0) {
		ret->kind = QB_POLICY_EVERYONE;
		return 0;
	}
	if (strncmp(text, "user:", 5) == 0) {
		ret->kind = QB_POLICY_USER;
		return judge_account(
			entry, text + 5, qb_accounts_user, "/etc/passwd", &ret->id, err);
	}
	if (strncmp(text, "group:", 6) == 0) {
		ret->kind = QB_POLICY_GROUP;
		return judge_account(
			entry, text + 6, qb_accounts_group, "/etc/group", &ret->id, err);
	}
	qb_nearest_offer(&nearest, "everyone");
	return qb_entry_reject_text(
		entry, qb_policy_keys[QB_POLICY_KEY_WHO].expected, text, nearest.best, err);
}

static int take_who(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	int r = 0;

	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, qb_policy_keys[QB_POLICY_KEY_WHO].expected, err);
	if (entry->n > QB_POLICY_WHO)
		return qb_error_set(err, EINVAL, "%s: more than %d of them: make a group of them",
			entry->name, QB_POLICY_WHO);
	for (size_t i = 0; r == 0 && i < entry->n; i++) {
		reader->at = entry->items[i].at;
		r = judge_who(entry, entry->items[i].text, &rule->who[rule->n_who++], err);
	}
	return r;
}

static int take_classes(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	static const char *const classes[] = {
		[QB_RISK_SAFE] = "S", [QB_RISK_DISRUPTIVE] = "D", [QB_RISK_EXPOSING] = "X"};

	rule->classes = 0;
	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, qb_policy_keys[QB_POLICY_KEY_CLASSES].expected, err);
	for (size_t i = 0; i < entry->n; i++) {
		size_t risk = 0;

		while (risk < QB_ARRAY_SIZE(classes) &&
			strcmp(classes[risk], entry->items[i].text) != 0)
			risk++;
		reader->at = entry->items[i].at;
		if (risk == QB_ARRAY_SIZE(classes))
			return qb_entry_reject_text(entry,
				qb_policy_keys[QB_POLICY_KEY_CLASSES].expected,
				entry->items[i].text, NULL, err);
		rule->classes |= (uint8_t)(1u << risk);
	}
	return 0;
}

static bool is_lever(int key)
{
	for (unsigned lever = 0; key >= 0 && lever < QB_LEVER_COUNT; lever++)
		if ((int)qb_levers[lever].key == key)
			return true;
	return false;
}

static int take_levers(
	struct reader *reader, const struct qb_yaml_entry *entry, bool *ret, struct qb_error *err)
{
	static const char expected[] = "a list of levers (quietbench doctor lists them)";

	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, expected, err);
	for (size_t i = 0; i < entry->n; i++) {
		const char *name = entry->items[i].text;
		int key = qb_key_find(name);

		reader->at = entry->items[i].at;
		if (!is_lever(key))
			return qb_entry_reject_text(
				entry, expected, name, key < 0 ? qb_key_nearest(name) : NULL, err);
		ret[key] = true;
	}
	return 0;
}

static int take_allow(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	return take_levers(reader, entry, rule->allow, err);
}

static int take_deny(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	return take_levers(reader, entry, rule->deny, err);
}

static int judge_max(const struct qb_yaml_entry *entry, const char *text,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	bool percent = strchr(text, '%') != NULL;
	int64_t max = 0;
	int r = qb_quantity_parse(percent ? QB_QUANTITY_PERCENT : QB_QUANTITY_NONE, text, &max);

	if (r < 0 || max < 1 || max > (percent ? 1000000 : QB_CPUS_MAX))
		return qb_entry_reject_text(entry,
			"max: a number of CPUs, or a percentage of those online", text, NULL, err);
	rule->percent = percent;
	rule->max_cpus = max;
	return 0;
}

static int take_cpus(struct reader *reader, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	const char *expected = qb_policy_keys[QB_POLICY_KEY_CPUS].expected;
	int r = 0;

	if (entry->kind != QB_YAML_MAP)
		return qb_entry_reject(entry, expected, err);
	for (size_t i = 0; r == 0 && i < entry->n; i++) {
		const struct qb_yaml_item *item = &entry->items[i];
		struct qb_nearest nearest = {.word = item->key};

		reader->at = item->at;
		qb_nearest_offer_words(&nearest, "max list");
		if (strcmp(item->key, "max") == 0)
			r = judge_max(entry, item->text, rule, err);
		else if (strcmp(item->key, "list") != 0)
			r = qb_entry_reject_text(entry, expected, item->key, nearest.best, err);
		else if (qb_cpus_parse_list(item->text, &rule->cpus) < 0 ||
			 qb_cpus_empty(&rule->cpus))
			r = qb_entry_reject_text(
				entry, "list: CPUs like 2-7", item->text, NULL, err);
	}
	return r;
}

static int judge_duration(const struct qb_yaml_entry *entry, enum qb_policy_key key, int64_t *ret,
	struct qb_error *err)
{
	int64_t ns;

	if (entry->kind != QB_YAML_SCALAR ||
		qb_quantity_parse(QB_QUANTITY_DURATION, entry->items[0].text, &ns) < 0 ||
		ns < QB_NS_PER_S || ns > LIMIT)
		return qb_entry_reject(entry, qb_policy_keys[key].expected, err);
	*ret = ns;
	return 0;
}

static int judge_bool(const struct qb_yaml_entry *entry, bool *ret, struct qb_error *err)
{
	const char *text = entry->kind == QB_YAML_SCALAR ? entry->items[0].text : "";

	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return qb_entry_reject(entry, "true or false", err);
	*ret = strcmp(text, "true") == 0;
	return 0;
}

static int take(struct reader *reader, enum qb_policy_key key, const struct qb_yaml_entry *entry,
	struct qb_policy_rule *rule, struct qb_error *err)
{
	switch (key) {
	case QB_POLICY_KEY_NAME: return take_name(reader, entry, rule, err);
	case QB_POLICY_KEY_WHO: return take_who(reader, entry, rule, err);
	case QB_POLICY_KEY_CLASSES: return take_classes(reader, entry, rule, err);
	case QB_POLICY_KEY_ALLOW: return take_allow(reader, entry, rule, err);
	case QB_POLICY_KEY_DENY: return take_deny(reader, entry, rule, err);
	case QB_POLICY_KEY_CPUS: return take_cpus(reader, entry, rule, err);
	case QB_POLICY_KEY_LEASE: return judge_duration(entry, key, &rule->lease_ns, err);
	case QB_POLICY_KEY_LOCK: return judge_duration(entry, key, &rule->lock_ns, err);
	case QB_POLICY_KEY_OWN_PROFILES: return judge_bool(entry, &rule->own_profiles, err);
	case QB_POLICY_KEY_PROCESS_NAMES: return judge_bool(entry, &rule->process_names, err);
	case QB_POLICY_KEY_COUNT: break;
	}
	return qb_error_set(err, EINVAL, "%s: no key of a rule", entry->name);
}

/* What must be written was, in the rule that is read so far (if any). */
static int end_rule(struct reader *reader, struct qb_error *err)
{
	if (!reader->section[0])
		return 0;
	reader->at = reader->section_at;
	for (int key = 0; key < QB_POLICY_KEY_COUNT; key++)
		if (!qb_policy_keys[key].dflt[0] && !reader->seen[key])
			return qb_error_set(err, EINVAL, "%s.%s: expected %s, found nothing",
				reader->section, qb_policy_keys[key].name,
				qb_policy_keys[key].expected);
	return 0;
}

static int begin_rule(
	struct reader *reader, const struct qb_yaml_entry *entry, struct qb_error *err)
{
	struct qb_policy *policy = &reader->policy;
	int r = end_rule(reader, err);

	if (r < 0)
		return r;
	reader->at = entry->key_at;
	if (policy->n == QB_POLICY_RULES)
		return qb_error_set(
			err, EINVAL, "%s: more than %d rules", entry->section, QB_POLICY_RULES);
	memset(reader->seen, 0, sizeof(reader->seen));
	qb_text_copy(reader->section, sizeof(reader->section), entry->section);
	reader->section_at = entry->key_at;
	policy->rules[policy->n] = qb_policy_default;
	policy->n++;
	return 0;
}

/* An entry of a rule. */
static int take_entry(
	struct reader *reader, const struct qb_yaml_entry *entry, struct qb_error *err)
{
	struct qb_nearest nearest = {.word = entry->key};
	int r = strcmp(reader->section, entry->section) == 0 ? 0 : begin_rule(reader, entry, err);

	for (int key = 0; r == 0 && key < QB_POLICY_KEY_COUNT; key++) {
		if (strcmp(qb_policy_keys[key].name, entry->key) == 0) {
			reader->seen[key] = true;
			reader->at = entry->at;
			return take(reader, (enum qb_policy_key)key, entry,
				&reader->policy.rules[reader->policy.n - 1], err);
		}
		qb_nearest_offer(&nearest, qb_policy_keys[key].name);
	}
	reader->at = r == 0 ? entry->key_at : reader->at;
	return r < 0 ? r
		     : qb_entry_reject_text(
			       entry, "a key of a rule", entry->key, nearest.best, err);
}

/* An entry at the top: the version, or the beginning of the rules. */
static int take_top(struct reader *reader, const struct qb_yaml_entry *entry, bool *version,
	struct qb_error *err)
{
	struct qb_nearest nearest = {.word = entry->key};
	bool empty = entry->kind == QB_YAML_LIST && entry->n == 0;

	reader->at = entry->at;
	if (strcmp(entry->key, "version") == 0) {
		*version = true;
		return qb_entry_version(entry, err);
	}
	if (strcmp(entry->key, "rules") == 0)
		return entry->kind == QB_YAML_SERIES || empty
			       ? 0
			       : qb_entry_reject(entry, "a list of rules", err);
	reader->at = entry->key_at;
	qb_nearest_offer_words(&nearest, "version rules");
	return qb_entry_reject_text(entry, "version or rules", entry->key, nearest.best, err);
}

int qb_policy_read(const char *label, const void *bytes, size_t size, struct qb_policy *ret,
	struct qb_error *err)
{
	_cleanup_(qb_yaml_freep) struct qb_yaml *yaml = NULL;
	_cleanup_free_ struct reader *reader = calloc(1, sizeof(*reader));
	const struct qb_yaml_entry *entry;
	bool version = false;
	int r = reader ? qb_yaml_open(label, bytes, size, &yaml, err)
		       : qb_error_errno(err, ENOMEM, "read %s", label);

	while (r >= 0 && (r = qb_yaml_next(yaml, &entry, err)) > 0) {
		int bad = entry->section[0] ? take_entry(reader, entry, err)
					    : take_top(reader, entry, &version, err);

		if (bad < 0)
			return qb_error_wrap(
				err, "%s:%u:%u", label, reader->at.line, reader->at.column);
	}
	if (r < 0)
		return r;
	if (end_rule(reader, err) < 0)
		return qb_error_wrap(
			err, "%s:%u:%u", label, reader->section_at.line, reader->section_at.column);
	if (!version)
		return qb_entry_no_version(label, err);
	*ret = reader->policy;
	return 0;
}
