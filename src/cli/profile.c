/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench profile list|show|validate: which profiles there are, what they amount to, whether
 * they are valid. The planner reads them all; this file only lists folders.
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/lines.h>
#include <cli/profile.h>
#include <cli/query.h>
#include <client/say.h>
#include <core/profile.h>
#include <errno.h>
#include <limits.h>

#define ETC_PROFILES "/etc/quietbench/profiles"

/* Asks for one profile by name or path; NULL for the one that a run would take. */
static int ask(const struct qb_cli *cli, const char *profile, struct qb_asked *asked,
	struct qb_answer *answer, struct qb_error *err)
{
	struct qb_cli one = *cli;
	if (profile)
		one.options.value[QB_OPTION_PROFILE] = profile;
	return qb_query_ask(&one, QB_REQUEST_PROFILE, asked, answer, NULL, err);
}

/* A profile as the list shows it: `text` is its description, or what is wrong with it. */
struct listed {
	const struct qb_profile_name *name;
	const char *file;
	bool valid;
	const char *text;
};

static void put_listed(struct qb_json *json, const struct listed *listed)
{
	qb_json_object(json, NULL);
	qb_json_text(json, "name", listed->name->name);
	qb_json_text(json, "file", listed->file);
	qb_json_bool(json, "valid", listed->valid);
	qb_json_text(json, "description", listed->valid ? listed->text : NULL);
	qb_json_text(json, "error", listed->valid ? NULL : listed->text);
	qb_json_end(json);
}

static void print_listed(const struct listed *listed)
{
	char first[QB_PROFILE_NAME + 4];

	qb_text_format(first, sizeof(first), "%-12s ", listed->name->name);
	qb_lines_wrap(stdout, first, "             ", listed->text);
	printf("             %s\n", listed->file);
}

/* json NULL: as text. */
static void list_one(
	const struct qb_cli *cli, const struct qb_profile_name *name, struct qb_json *json)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	struct qb_error err = {0};
	bool valid = ask(cli, name->name, &asked, &answer, &err) == 0;
	const struct listed listed = {
		.name = name,
		.file = valid ? answer.profile.file : name->file,
		.valid = valid,
		.text = valid ? answer.profile.description : err.text,
	};

	if (json)
		put_listed(json, &listed);
	else
		print_listed(&listed);
}

/* Where the shipped profiles are: beside a build folder, else where they were installed. */
static void shipped_folder(char *buf, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	for (int parents = 0; parents < 2; parents++) {
		char *slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
	}
	if (!qb_text_format(buf, size, "%s/profiles", self) || access(buf, R_OK) < 0)
		qb_text_copy(buf, size, QB_DATADIR "/profiles");
}

static int list(const struct qb_cli *cli, bool as_json, struct qb_error *err)
{
	_cleanup_(qb_json_freep) struct qb_json *json = as_json ? qb_json_new() : NULL;
	_cleanup_free_ struct qb_profile_name *names = NULL;
	char own[PATH_MAX], shipped[PATH_MAX];
	size_t n = 0;

	shipped_folder(shipped, sizeof(shipped));
	/* The order in which a name is looked for; the last two are the NULL at the end. */
	const char *dirs[] = {ETC_PROFILES, shipped, NULL, NULL};
	if (qb_request_folder(own, sizeof(own))) {
		dirs[0] = own;
		dirs[1] = ETC_PROFILES;
		dirs[2] = shipped;
	}
	if (qb_profile_names(dirs, &names, &n, err) < 0)
		return qb_query_fail(err);
	if (as_json) {
		qb_json_text(json, "schema", "quietbench/profiles/1");
		qb_json_array(json, "profiles");
	}
	for (size_t i = 0; i < n; i++)
		list_one(cli, &names[i], json);
	return as_json ? qb_query_print(json, EXIT_SUCCESS) : EXIT_SUCCESS;
}

/* Beside a list of CPUs a count counts, also the default one. */
static bool is_default(const struct qb_profile *profile, enum qb_key key)
{
	char text[QB_SETTING_FORMAT];

	if (!profile->set[key].explicit_)
		return true;
	if (key == QB_KEY_CPUS_COUNT && profile->set[QB_KEY_CPUS_LIST].kind != QB_SETTING_UNSET)
		return false;
	qb_setting_format(key, &profile->set[key], text, sizeof(text));
	return strcmp(text, qb_keys[key].dflt) == 0;
}

static void print_setting(const struct qb_profile *profile, enum qb_key key)
{
	const char *name = qb_keys[key].name, *dot = strchr(name, '.');
	char text[QB_SETTING_FORMAT];

	if (profile->set[key].kind == QB_SETTING_UNSET)
		return;
	qb_setting_format(key, &profile->set[key], text, sizeof(text));
	printf("%s%s%s: %s\n", profile->set[key].explicit_ ? "" : "# ", dot ? "  " : "",
		dot ? dot + 1 : name, text);
}

static bool same_section(enum qb_key a, enum qb_key b)
{
	size_t length = strcspn(qb_keys[a].name, ".");
	return strncmp(qb_keys[a].name, qb_keys[b].name, length + 1) == 0;
}

/* The defaults are comments: written out, they would contradict, as a default cpus.count does a cpus.list. */
void qb_profile_print(const struct qb_profile *profile, bool brief)
{
	for (enum qb_key key = 0, end; key < QB_KEY_COUNT; key = end) {
		bool written = false, differs = false;
		for (end = key; end < QB_KEY_COUNT && same_section(key, end); end++) {
			written = written || profile->set[end].explicit_;
			differs = differs || !is_default(profile, end);
		}
		if (brief && !differs)
			continue;
		if (strchr(qb_keys[key].name, '.'))
			printf("%s%.*s:\n", written ? "" : "# ",
				(int)strcspn(qb_keys[key].name, "."), qb_keys[key].name);
		for (enum qb_key k = key; k < end; k++)
			if (!brief || !is_default(profile, k))
				print_setting(profile, k);
	}
}

static int show(const struct qb_cli *cli, const char *name, bool as_json, struct qb_error *err)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};

	if (ask(cli, name, &asked, &answer, err) < 0)
		return qb_query_fail(err);
	if (as_json) {
		_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
		qb_json_text(json, "schema", "quietbench/profile/1");
		qb_json_profile(json, "profile", &answer.profile, &asked.request);
		return qb_query_print(json, EXIT_SUCCESS);
	}
	if (!name)
		printf("# without -p, run takes this one here: %s\n", answer.profile.name);
	printf("# %s\n", answer.profile.file);
	for (unsigned i = 0; i < asked.request.n_set; i++)
		printf("# with -s %s\n", asked.request.set[i]);
	printf("version: 1\nname: %s\ndescription: ", answer.profile.name);
	if (qb_json_quote(stdout, answer.profile.description) < 0)
		return qb_query_fail(&(struct qb_error){ENOMEM, "out of memory"});
	putchar('\n');
	qb_profile_print(&answer.profile, false);
	return EXIT_SUCCESS;
}

static int validate(const struct qb_cli *cli, const char *name, bool as_json, struct qb_error *err)
{
	_cleanup_(qb_asked_free) struct qb_asked asked = QB_ASKED_NONE;
	_cleanup_(qb_answer_free) struct qb_answer answer = {0};
	bool valid = ask(cli, name, &asked, &answer, err) == 0;
	int status = valid ? EXIT_SUCCESS : QB_EXIT_FAILURE;

	if (as_json) {
		_cleanup_(qb_json_freep) struct qb_json *json = qb_json_new();
		qb_json_text(json, "schema", "quietbench/validity/1");
		qb_json_bool(json, "valid", valid);
		qb_json_text(json, "file", valid ? answer.profile.file : NULL);
		qb_json_text(json, "error", valid ? NULL : err->text);
		return qb_query_print(json, status);
	}
	if (valid)
		printf("%s: ok\n", answer.profile.file);
	else
		qb_say(QB_SAY_ERROR, "%s", err->text);
	return status;
}

static int usage(const char *problem, const char *word)
{
	qb_say(QB_SAY_ERROR, "profile: %s%s; expected: profile list|show|validate [NAME|FILE]",
		problem, word);
	return QB_EXIT_USAGE;
}

int qb_cmd_profile(struct qb_cli *cli)
{
	const char *verb = cli->argc ? cli->argv[0] : "list";
	const char *name = cli->argc > 1 ? cli->argv[1] : NULL;
	const bool as_json = qb_option_given(&cli->options, JSON);
	struct qb_error err = {0};

	if (cli->argc > 2)
		return usage("one profile at a time: ", cli->argv[2]);
	if (strcmp(verb, "list") == 0)
		return name ? usage("list takes no name: ", name) : list(cli, as_json, &err);
	if (strcmp(verb, "show") == 0)
		return show(cli, name, as_json, &err);
	if (strcmp(verb, "validate") == 0)
		return validate(cli, name, as_json, &err);
	return usage("unknown: ", verb);
}
