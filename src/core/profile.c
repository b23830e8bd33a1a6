/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * profile.h: layers of settings, merged.
 *
 * The layers are taken from the strongest to the weakest and each decides only what is open still;
 * every value is judged, also one that is overridden. Where a setting was written is remembered,
 * so that contradictions between layers are told with a position, too.
 */
#include <base/macros.h>
#include <base/text.h>
#include <core/profile_internal.h>
#include <errno.h>
#include <sha256.h>

struct origin {
	bool decided; /* weaker layers have no say */
	int layer;    /* index into loader.labels; -1: -s */
	unsigned set; /* which -s */
	struct qb_yaml_mark at;
};

struct loader {
	struct qb_profile_source source;
	struct qb_profile profile;
	struct origin origins[QB_KEY_COUNT];
	char labels[QB_PROFILE_DEPTH][QB_PROFILE_FILE]; /* the chain so far */
	int n;
	struct qb_profile_text text; /* of the last in the chain */
	struct qb_layer layer;	     /* what it says */
};

static int at_set(const struct qb_request *request, unsigned set, struct qb_error *err)
{
	char text[QB_REQUEST_SET];

	qb_text_copy(text, sizeof(text), request->set[set]);
	qb_text_printable(text);
	return qb_error_wrap(err, "-s %s", text);
}

/* Puts before an error where the setting of `key` was written. */
static int at_origin(const struct loader *loader, enum qb_key key, struct qb_error *err)
{
	const struct origin *origin = &loader->origins[key];

	if (origin->layer < 0)
		return at_set(loader->source.request, origin->set, err);
	return qb_error_wrap(
		err, "%s:%u:%u", loader->labels[origin->layer], origin->at.line, origin->at.column);
}

static void decide(struct loader *loader, enum qb_key key, const struct qb_setting *setting,
	struct origin origin)
{
	if (loader->origins[key].decided)
		return;
	origin.decided = true;
	loader->origins[key] = origin;
	loader->profile.set[key] = *setting;
	loader->profile.set[key].explicit_ = true;
}

/* At the end of a layer: a list of CPUs puts aside what weaker layers say of count and node. */
static void settle(struct loader *loader)
{
	if (!loader->origins[QB_KEY_CPUS_LIST].decided)
		return;
	loader->origins[QB_KEY_CPUS_COUNT].decided = true;
	loader->origins[QB_KEY_CPUS_NODE].decided = true;
}

static int apply_set(struct loader *loader, unsigned set, struct qb_error *err)
{
	const char *text = loader->source.request->set[set], *equals = strchr(text, '=');
	struct qb_setting setting;
	char name[QB_REQUEST_SET];
	const char *near;
	int key, r;

	if (!equals)
		return qb_error_set(err, EINVAL, "expected KEY=VALUE");
	qb_text_format(name, sizeof(name), "%.*s", (int)(equals - text), text);
	key = qb_key_find(name);
	if (key < 0) {
		near = qb_key_nearest(name);
		qb_text_printable(name);
		return qb_error_set(err, EINVAL, "expected a key of a profile, found '%s'%s%s%s",
			name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	r = qb_setting_parse((enum qb_key)key, equals + 1, &setting, err);
	if (r >= 0)
		decide(loader, (enum qb_key)key, &setting,
			(struct origin){.layer = -1, .set = set});
	return r;
}

static int apply_sets(struct loader *loader, struct qb_error *err)
{
	for (unsigned set = loader->source.request->n_set; set-- > 0;)
		if (apply_set(loader, set, err) < 0)
			return at_set(loader->source.request, set, err);
	settle(loader);
	return 0;
}

static void apply_layer(struct loader *loader)
{
	for (int key = 0; key < QB_KEY_COUNT; key++)
		if (loader->layer.set[key].kind != QB_SETTING_UNSET)
			decide(loader, (enum qb_key)key, &loader->layer.set[key],
				(struct origin){
					.layer = loader->n - 1, .at = loader->layer.at[key]});
	settle(loader);
}

/* What only the named profile tells. */
static void identify(struct loader *loader)
{
	struct qb_profile *profile = &loader->profile;

	SHA256Data((const uint8_t *)loader->text.bytes, loader->text.size, profile->sha256);
	qb_text_copy(profile->file, sizeof(profile->file), loader->text.label);
	qb_text_copy(profile->description, sizeof(profile->description), loader->layer.description);
	if (loader->layer.name[0])
		qb_text_copy(profile->name, sizeof(profile->name), loader->layer.name);
	else
		qb_profile_label_name(loader->text.label, profile->name, sizeof(profile->name));
	qb_text_printable(profile->name);
}

/* "a -> b -> c" */
static void format_chain(const struct loader *loader, const char *next, char *buf, size_t size)
{
	char name[QB_PROFILE_NAME];

	buf[0] = '\0';
	for (int i = 0; i < loader->n; i++) {
		qb_profile_label_name(loader->labels[i], name, sizeof(name));
		qb_text_append(buf, size, "%s -> ", name);
	}
	qb_text_append(buf, size, "%s", next);
}

/* Is the profile just found one more in the chain, or does the chain end badly? */
static int judge_chain(const struct loader *loader, const char *name, struct qb_error *err)
{
	char chain[QB_ERROR_MAX / 2];

	format_chain(loader, name, chain, sizeof(chain));
	for (int i = 0; i < loader->n; i++)
		if (strcmp(loader->labels[i], loader->text.label) == 0)
			return qb_error_set(
				err, ELOOP, "expected an end, found a circle: %s", chain);
	if (loader->n == QB_PROFILE_DEPTH)
		return qb_error_set(err, ELOOP, "expected at most %d profiles, found %s",
			QB_PROFILE_DEPTH, chain);
	return 0;
}

/* Finds and reads the profile `name`, which the last in the chain (if any) extends. */
static int read_profile(
	struct loader *loader, const char *name, char *ret_missing, struct qb_error *err)
{
	bool own = loader->n == 0 || loader->text.own;
	struct qb_yaml_mark mark = loader->layer.parent_at;
	int r = qb_profile_find(&loader->source, name, own, &loader->text, err);

	if (r == -ENOENT && ret_missing)
		qb_text_copy(ret_missing, QB_PROFILE_NAME, name);
	if (r >= 0)
		r = judge_chain(loader, name, err);
	if (r < 0 && loader->n > 0)
		return qb_error_wrap(err, "%s:%u:%u: extends", loader->labels[loader->n - 1],
			mark.line, mark.column);
	if (r < 0)
		return qb_error_wrap(err, "profile");
	qb_text_copy(loader->labels[loader->n++], QB_PROFILE_FILE, loader->text.label);
	return qb_layer_read(
		loader->text.label, loader->text.bytes, loader->text.size, &loader->layer, err);
}

static int read_chain(
	struct loader *loader, const char *named, char *ret_missing, struct qb_error *err)
{
	char name[QB_PROFILE_FILE];

	qb_text_copy(name, sizeof(name), named);
	do {
		int r = read_profile(loader, name, ret_missing, err);

		if (r < 0)
			return r;
		if (loader->n == 1)
			identify(loader);
		apply_layer(loader);
		qb_text_copy(name, sizeof(name), loader->layer.parent);
	} while (name[0]);
	return 0;
}

static int fill_defaults(struct qb_profile *profile, struct qb_error *err)
{
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		bool all = key == QB_KEY_CPUS_COUNT &&
			   profile->set[QB_KEY_CPUS_LIST].kind != QB_SETTING_UNSET;

		if (profile->set[key].kind != QB_SETTING_UNSET || all || !qb_keys[key].dflt[0])
			continue;
		if (qb_setting_parse((enum qb_key)key, qb_keys[key].dflt, &profile->set[key], err) <
			0)
			return qb_error_wrap(err, "built-in default");
	}
	return 0;
}

/* What the list and the count say of each other; of the host, qb_select judges. */
static int check_cpus(const struct loader *loader, struct qb_error *err)
{
	const struct qb_setting *list = &loader->profile.set[QB_KEY_CPUS_LIST];
	const struct qb_setting *count = &loader->profile.set[QB_KEY_CPUS_COUNT];
	struct qb_cpus cpus;

	if (list->kind == QB_SETTING_UNSET)
		return 0;
	if (qb_cpus_parse_list(list->text, &cpus) >= 0 && count->kind == QB_SETTING_NUMBER &&
		count->number > qb_cpus_count(&cpus)) {
		qb_error_set(err, EINVAL,
			"cpus.count: expected at most the %u of cpus.list %s, found '%lld'",
			qb_cpus_count(&cpus), list->text, (long long)count->number);
		return at_origin(loader, QB_KEY_CPUS_COUNT, err);
	}
	return 0;
}

static int check_require(const struct loader *loader, struct qb_error *err)
{
	const struct qb_setting *require = &loader->profile.set[QB_KEY_REQUIRE];

	for (const char *name = NULL; (name = qb_setting_next(require, name));) {
		const struct qb_setting *setting = &loader->profile.set[qb_key_find(name)];

		if (!qb_setting_is(setting, "keep") && !qb_setting_is(setting, "none"))
			continue;
		qb_error_set(err, EINVAL,
			"require: %s is required and yet '%s': set it, or do not require it", name,
			setting->text);
		return at_origin(loader, QB_KEY_REQUIRE, err);
	}
	return 0;
}

static int check_services(const struct loader *loader, struct qb_error *err)
{
	const struct qb_setting *stop = &loader->profile.set[QB_KEY_SERVICES_STOP];
	const struct qb_setting *freeze = &loader->profile.set[QB_KEY_SERVICES_FREEZE];

	for (const char *a = NULL; (a = qb_setting_next(stop, a));)
		for (const char *b = NULL; (b = qb_setting_next(freeze, b));)
			if (strcmp(a, b) == 0) {
				qb_error_set(err, EINVAL,
					"services.freeze: %s is in services.stop, too", a);
				return at_origin(loader, QB_KEY_SERVICES_FREEZE, err);
			}
	return 0;
}

/* The kernel ignores nice for real-time tasks: asking for both is a misunderstanding. */
static int check_policy(const struct loader *loader, struct qb_error *err)
{
	const struct qb_setting *policy = &loader->profile.set[QB_KEY_PROCESS_POLICY];
	const struct qb_setting *nice = &loader->profile.set[QB_KEY_PROCESS_NICE];

	if (nice->number == 0 || (!qb_setting_is(policy, "fifo") && !qb_setting_is(policy, "rr")))
		return 0;
	qb_error_set(err, EINVAL, "process.nice: expected 0 under process.policy %s, found '%lld'",
		policy->text, (long long)nice->number);
	return at_origin(loader, QB_KEY_PROCESS_NICE, err);
}

int qb_profile_load(const struct qb_request *request, const int *fds, const char *const *dirs,
	bool guest, struct qb_profile *ret, char ret_missing[QB_PROFILE_NAME], struct qb_error *err)
{
	_cleanup_free_ struct loader *loader = calloc(1, sizeof(*loader));
	const char *name = request->profile;
	struct qb_error unwanted; /* wrapping needs an error: its code is what is returned */
	int r;

	if (!err)
		err = &unwanted;
	if (!loader)
		return qb_error_errno(err, ENOMEM, "read profile %s", name);
	loader->source = (struct qb_profile_source){request, fds, dirs};
	if (!name[0])
		name = guest ? "vm" : "default";
	r = apply_sets(loader, err);
	if (r >= 0)
		r = read_chain(loader, name, ret_missing, err);
	if (r >= 0)
		r = fill_defaults(&loader->profile, err);
	if (r >= 0)
		r = check_cpus(loader, err);
	if (r >= 0)
		r = check_require(loader, err);
	if (r >= 0)
		r = check_services(loader, err);
	if (r >= 0)
		r = check_policy(loader, err);
	if (r >= 0)
		*ret = loader->profile;
	return r;
}
