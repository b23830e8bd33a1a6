/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h: the policy's text, read by the table of its keys. */
#include <base/clock.h>
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <core/policy.h>
#include <core/profile.h>
#include <core/yaml.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <quietbench/lever.h>

#define LIMIT	   (365 * 24 * 3600 * QB_NS_PER_S)
#define LINE_BYTES (256 * 1024) /* a group of thousands of members is one long line */

struct reader {
	struct qb_policy policy;
	char section[QB_YAML_KEY];	/* of the rule that is being read; "" before the first */
	struct qb_yaml_mark section_at; /* of its first key */
	bool seen[QB_POLICY_KEY_COUNT];
	struct qb_yaml_mark at; /* of what is wrong */
};

/*
 * A reader for each type of key: judges the entry and stores it in `member` of the rule.
 * reader->at is the entry's, unless one of its items is what is wrong.
 */

static int read_name(struct reader *reader, const struct qb_yaml_entry *entry, const char *expected,
	void *member, struct qb_error *err)
{
	const unsigned n = reader->policy.n - 1; /* the rules before this one */

	if (entry->kind != QB_YAML_SCALAR || !qb_profile_is_name(entry->items[0].text))
		return qb_entry_reject(entry, expected, err);
	for (unsigned i = 0; i < n; i++)
		if (strcmp(reader->policy.rules[i].name, entry->items[0].text) == 0)
			return qb_error_set(
				err, EINVAL, "%s: another rule has this name", entry->name);
	qb_text_copy(member, QB_POLICY_NAME, entry->items[0].text);
	return 0;
}

/*
 * Numbers of users and groups, from /etc/passwd and /etc/group alone: no name service is asked, so
 * nothing hangs, no library is loaded, and a sandbox that only reads files suffices.
 * 0; -ENOENT: the file does not know that name; or why it cannot be read.
 */
static int find_account(bool group, const char *name, uint32_t *ret)
{
	_cleanup_fclose_ FILE *file = fopen(group ? "/etc/group" : "/etc/passwd", "re");
	_cleanup_free_ char *line = malloc(LINE_BYTES);
	struct passwd user, *found_user;
	struct group entry, *found_group;
	int r = 0;

	if (!file || !line)
		return file ? -ENOMEM : -errno;
	while (r == 0) {
		r = group ? fgetgrent_r(file, &entry, line, LINE_BYTES, &found_group)
			  : fgetpwent_r(file, &user, line, LINE_BYTES, &found_user);
		if (r == 0 && strcmp(group ? entry.gr_name : user.pw_name, name) == 0) {
			*ret = group ? entry.gr_gid : user.pw_uid;
			return 0;
		}
	}
	return -r;
}

static int read_account(const struct qb_yaml_entry *entry, const char *expected, const char *text,
	struct qb_policy_who *ret, struct qb_error *err)
{
	const bool group = strncmp(text, "group:", 6) == 0;
	struct qb_nearest nearest = {.word = text};
	int64_t number;
	int r;

	if (strcmp(text, "everyone") == 0) {
		ret->kind = QB_POLICY_EVERYONE;
		return 0;
	}
	if (!group && strncmp(text, "user:", 5) != 0) {
		qb_nearest_offer(&nearest, "everyone");
		return qb_entry_reject_text(entry, expected, text, nearest.best, err);
	}
	ret->kind = group ? QB_POLICY_GROUP : QB_POLICY_USER;
	text = strchr(text, ':') + 1;
	if (qb_number_parse(text, &number) == 0 && number >= 0 && number < UINT32_MAX) {
		ret->id = (uint32_t)number;
		return 0;
	}
	r = find_account(group, text, &ret->id);
	if (r == -ENOENT)
		return qb_entry_reject_text(entry,
			"a name that is in the local accounts, or a number (id, getent)", text,
			NULL, err);
	return r < 0 ? qb_error_errno(err, -r, "%s: look into %s", entry->name,
			       group ? "/etc/group" : "/etc/passwd")
		     : 0;
}

static int read_accounts(struct reader *reader, const struct qb_yaml_entry *entry,
	const char *expected, void *member, struct qb_error *err)
{
	struct qb_policy_who *who = member;
	int r = 0;

	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, expected, err);
	if (entry->n > QB_POLICY_WHO)
		return qb_error_set(err, EINVAL, "%s: more than %d of them: make a group of them",
			entry->name, QB_POLICY_WHO);
	for (size_t i = 0; r == 0 && i < entry->n; i++) {
		reader->at = entry->items[i].at;
		r = read_account(entry, expected, entry->items[i].text, &who[i], err);
	}
	reader->policy.rules[reader->policy.n - 1].n_who = (uint8_t)entry->n;
	return r;
}

static int read_classes(struct reader *reader, const struct qb_yaml_entry *entry,
	const char *expected, void *member, struct qb_error *err)
{
	uint8_t *classes = member;

	*classes = 0;
	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, expected, err);
	for (size_t i = 0; i < entry->n; i++) {
		const char *text = entry->items[i].text;
		const char *letter = *text && !text[1] ? strchr(QB_RISK_LETTERS, *text) : NULL;

		reader->at = entry->items[i].at;
		if (!letter)
			return qb_entry_reject_text(entry, expected, text, NULL, err);
		*classes |= (uint8_t)(1u << (letter - QB_RISK_LETTERS));
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

static int read_levers(struct reader *reader, const struct qb_yaml_entry *entry,
	const char *expected, void *member, struct qb_error *err)
{
	bool *levers = member;

	if (entry->kind != QB_YAML_LIST)
		return qb_entry_reject(entry, expected, err);
	for (size_t i = 0; i < entry->n; i++) {
		const char *name = entry->items[i].text;
		int key = qb_key_find(name);

		reader->at = entry->items[i].at;
		if (!is_lever(key))
			return qb_entry_reject_text(
				entry, expected, name, key < 0 ? qb_key_nearest(name) : NULL, err);
		levers[key] = true;
	}
	return 0;
}

static int read_max(const struct qb_yaml_entry *entry, const char *text, struct qb_policy_cpus *ret,
	struct qb_error *err)
{
	bool percent = strchr(text, '%') != NULL;
	int64_t max = 0;
	int r = qb_quantity_parse(percent ? QB_QUANTITY_PERCENT : QB_QUANTITY_NONE, text, &max);

	if (r < 0 || max < 1 || max > (percent ? 1000000 : QB_CPUS_MAX))
		return qb_entry_reject_text(entry,
			"max: a number of CPUs, or a percentage of those online", text, NULL, err);
	ret->percent = percent;
	ret->max = max;
	return 0;
}

static int read_cpus(struct reader *reader, const struct qb_yaml_entry *entry, const char *expected,
	void *member, struct qb_error *err)
{
	struct qb_policy_cpus *cpus = member;
	int r = 0;

	if (entry->kind != QB_YAML_MAP)
		return qb_entry_reject(entry, expected, err);
	for (size_t i = 0; r == 0 && i < entry->n; i++) {
		const struct qb_yaml_item *item = &entry->items[i];
		struct qb_nearest nearest = {.word = item->key};

		reader->at = item->at;
		qb_nearest_offer_words(&nearest, "max list");
		if (strcmp(item->key, "max") == 0)
			r = read_max(entry, item->text, cpus, err);
		else if (strcmp(item->key, "list") != 0)
			r = qb_entry_reject_text(entry, expected, item->key, nearest.best, err);
		else if (qb_cpus_parse_list(item->text, &cpus->list) < 0 ||
			 qb_cpus_empty(&cpus->list))
			r = qb_entry_reject_text(
				entry, "list: CPUs like 2-7", item->text, NULL, err);
	}
	return r;
}

static int read_duration(struct reader *reader, const struct qb_yaml_entry *entry,
	const char *expected, void *member, struct qb_error *err)
{
	int64_t ns;

	if (entry->kind != QB_YAML_SCALAR ||
		qb_quantity_parse(QB_QUANTITY_DURATION, entry->items[0].text, &ns) < 0 ||
		ns < QB_NS_PER_S || ns > LIMIT)
		return qb_entry_reject(entry, expected, err);
	*(int64_t *)member = ns;
	return 0;
}

static int read_bool(struct reader *reader, const struct qb_yaml_entry *entry, const char *expected,
	void *member, struct qb_error *err)
{
	const char *text = entry->kind == QB_YAML_SCALAR ? entry->items[0].text : "";

	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return qb_entry_reject(entry, expected, err);
	*(bool *)member = strcmp(text, "true") == 0;
	return 0;
}

static int (*const readers[QB_POLICY_TYPE_COUNT])(struct reader *reader,
	const struct qb_yaml_entry *entry, const char *expected, void *member,
	struct qb_error *err) = {
	[QB_POLICY_TYPE_NAME] = read_name,
	[QB_POLICY_TYPE_ACCOUNTS] = read_accounts,
	[QB_POLICY_TYPE_CLASSES] = read_classes,
	[QB_POLICY_TYPE_LEVERS] = read_levers,
	[QB_POLICY_TYPE_CPUS] = read_cpus,
	[QB_POLICY_TYPE_DURATION] = read_duration,
	[QB_POLICY_TYPE_BOOL] = read_bool,
};

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
static int read_entry(
	struct reader *reader, const struct qb_yaml_entry *entry, struct qb_error *err)
{
	struct qb_nearest nearest = {.word = entry->key};
	int r = strcmp(reader->section, entry->section) == 0 ? 0 : begin_rule(reader, entry, err);

	if (r < 0)
		return r;
	for (int key = 0; key < QB_POLICY_KEY_COUNT; key++) {
		const struct qb_policy_key_info *info = &qb_policy_keys[key];
		struct qb_policy_rule *rule = &reader->policy.rules[reader->policy.n - 1];

		if (strcmp(info->name, entry->key) == 0) {
			reader->seen[key] = true;
			reader->at = entry->at;
			return readers[info->type](
				reader, entry, info->expected, (char *)rule + info->offset, err);
		}
		qb_nearest_offer(&nearest, info->name);
	}
	reader->at = entry->key_at;
	return qb_entry_reject_text(entry, "a key of a rule", entry->key, nearest.best, err);
}

/* An entry at the top: the version, or the beginning of the rules. */
static int read_top(struct reader *reader, const struct qb_yaml_entry *entry, bool *version,
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
		int bad = entry->section[0] ? read_entry(reader, entry, err)
					    : read_top(reader, entry, &version, err);

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
