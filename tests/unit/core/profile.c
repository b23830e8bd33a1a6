/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading profiles: where they are found, inheritance, -s, contradictions between layers. */
#include "../profile_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>

static void test_complete(void **state)
{
	_cleanup_ask_ struct ask ask = {0};

	attach(&ask, "/home/u/mine.yaml",
		"%YAML 1.1\n---\nversion: '1'\ndescription: >-\n  Folded \xe2\x80\x94\n  twice.\n"
		"cpus: {count: max, exempt: []}\nfrequency:\n  \"turbo\": \"false\"\n"
		"require: [frequency.turbo]\n...\n");
	load(&ask, "/home/u/mine.yaml");
	assert_loaded(&ask);
	assert_string_equal(ask.profile.name, "mine");
	assert_string_equal(ask.profile.file, "/home/u/mine.yaml");
	assert_string_equal(ask.profile.description, "Folded \xe2\x80\x94 twice.");
	assert_setting(&ask, QB_KEY_CPUS_COUNT, "max");
	assert_setting(&ask, QB_KEY_CPUS_EXEMPT, "[]");
	assert_setting(&ask, QB_KEY_FREQUENCY_TURBO, "false");
	assert_true(ask.profile.set[QB_KEY_FREQUENCY_TURBO].explicit_);
	/* what nobody mentions has its default, and says so */
	for (int key = 0; key < QB_KEY_COUNT; key++) {
		const struct qb_setting *setting = &ask.profile.set[key];
		struct qb_setting dflt = {0};

		if (setting->explicit_)
			continue;
		if (qb_keys[key].dflt[0])
			qb_setting_parse((enum qb_key)key, qb_keys[key].dflt, &dflt, NULL);
		assert_memory_equal(setting, &dflt, sizeof(dflt));
	}
}

static void test_sha256(void **state)
{
	_cleanup_ask_ struct ask ask = {0};

	attach(&ask, "p", "version: 1\n");
	load(&ask, "p");
	assert_loaded(&ask);
	/* printf 'version: 1\n' | sha256sum */
	assert_string_equal(ask.profile.sha256,
		"09bfcc6a14b83e2192b8673677725c84883ee9cd0c70e45c9ec09daa8f2b2847");
}

static void test_inheritance(void **state)
{
	_cleanup_ask_ struct ask ask = {0};

	attach(&ask, "child",
		"version: 1\nextends: mother\ncpus: {count: 2, exempt: [cron]}\n"
		"irqs: {move: true}\n");
	attach(&ask, "/x/mother.yaml",
		"version: 1\nname: m\ndescription: of the mother\nextends: granny\n"
		"cpus: {count: 3, exempt: [sshd, dbus]}\nprocess: {nice: 5}\n");
	attach(&ask, "granny", "version: 1\nprocess: {nice: 7, lock: true}\nirqs: {move: false}\n");
	load(&ask, "child");
	assert_loaded(&ask);
	assert_string_equal(ask.profile.description, "");
	assert_setting(&ask, QB_KEY_CPUS_COUNT, "2");
	assert_setting(&ask, QB_KEY_CPUS_EXEMPT, "[cron]"); /* a list replaces a list */
	assert_setting(&ask, QB_KEY_IRQS_MOVE, "true");
	assert_setting(&ask, QB_KEY_PROCESS_NICE, "5");
	assert_setting(&ask, QB_KEY_PROCESS_LOCK, "true");
}

/* A parent is judged, too, also where the child overrides it; and errors name the parent's line. */
static void test_parent_errors(void **state)
{
	_cleanup_ask_ struct ask bad = {0}, contradicted = {0};

	attach(&bad, "a", "version: 1\nextends: b\nirqs: {move: true}\n");
	attach(&bad, "/x/b.yaml", "version: 1\nirqs:\n  move: maybe\n");
	load(&bad, "a");
	assert_refused(&bad, "/x/b.yaml:3:9: irqs.move: expected true or false, found 'maybe'");

	attach(&contradicted, "a", "version: 1\nextends: b\nprocess: {policy: rr}\n");
	attach(&contradicted, "/x/b.yaml", "version: 1\n\nprocess: {nice: 3}\n");
	load(&contradicted, "a");
	assert_refused(&contradicted,
		"/x/b.yaml:3:17: process.nice: expected 0 under process.policy rr, found '3'");
}

static void test_circles(void **state)
{
	_cleanup_ask_ struct ask self = {0}, three = {0};

	attach(&self, "a", "version: 1\nextends: a\n");
	load(&self, "a");
	assert_refused(&self, "a:2:10: extends: expected an end, found a circle: a -> a");

	attach(&three, "/x/a.yaml", "version: 1\nextends: b\n");
	attach(&three, "b", "version: 1\nextends: c\n");
	attach(&three, "c", "extends:   a\nversion: 1\n");
	load(&three, "/x/a.yaml");
	assert_refused(
		&three, "c:1:12: extends: expected an end, found a circle: a -> b -> c -> a");
}

static void test_sets(void **state)
{
	static const char *const refused[][2] = {
		{"frequency.turbo=yes", "-s frequency.turbo=yes: frequency.turbo: expected true, "
					"false or keep, found "
					"'yes'; did you mean 'true'?"},
		{"frequncy.turbo=true", "-s frequncy.turbo=true: expected a key of a profile, "
					"found 'frequncy.turbo'; "
					"did you mean 'frequency.turbo'?"},
		{"version=1", "-s version=1: expected a key of a profile, found 'version'"},
		{"frequency.turbo", "-s frequency.turbo: expected KEY=VALUE"},
		{"", "-s : expected KEY=VALUE"},
		{"=", "-s =: expected a key of a profile, found ''"},
		{"cpus.count=", "-s cpus.count=: cpus.count: expected a number from 1 to 8192, max "
				"or all, found ''"},
		{"a\x1b[m=", "-s a?[m=: expected a key of a profile, found 'a?[m'"},
		{"process.nice=1", "-s process.nice=1: process.nice: expected 0 under "
				   "process.policy fifo, found '1'"},
	};
	_cleanup_ask_ struct ask ask = {0};

	attach(&ask, "p",
		"version: 1\nfrequency: {turbo: false}\nirqs: {move: true}\n"
		"process: {policy: fifo}\n");
	set(&ask, "frequency.turbo=true");
	set(&ask, "cpus.count=2");
	set(&ask, "cpus.count=3");
	set(&ask, "frequency.range={min: 2GHz, max: 2GHz}");
	set(&ask, "cpus.exempt=cron,dbus");
	load(&ask, "p");
	assert_loaded(&ask);
	assert_setting(&ask, QB_KEY_FREQUENCY_TURBO, "true");
	assert_setting(&ask, QB_KEY_CPUS_COUNT, "3");
	assert_setting(&ask, QB_KEY_IRQS_MOVE, "true");
	assert_setting(&ask, QB_KEY_FREQUENCY_RANGE, "{min: 2GHz, max: 2GHz}");
	assert_setting(&ask, QB_KEY_CPUS_EXEMPT, "[cron, dbus]");
	assert_true(ask.profile.set[QB_KEY_CPUS_COUNT].explicit_);
	for (size_t i = 0; i < QB_ARRAY_SIZE(refused); i++) {
		ask.request.n_set = 0;
		set(&ask, refused[i][0]);
		load(&ask, "p");
		assert_refused(&ask, refused[i][1]);
	}
}

/* -c puts the profile's count and node aside; a count beside the list takes that many of it. */
static void test_list_and_count(void **state)
{
	static const char counted[] = "version: 1\ncpus: {count: 4, node: 1}\n";
	static const char listed[] = "version: 1\ncpus: {list: \"2-5\"}\n";
	_cleanup_ask_ struct ask list = {0}, both = {0}, count = {0}, much = {0}, own = {0};

	attach(&list, "p", counted);
	set(&list, "cpus.list=2-3");
	load(&list, "p");
	assert_loaded(&list);
	assert_setting(&list, QB_KEY_CPUS_LIST, "2-3");
	assert_int_equal(list.profile.set[QB_KEY_CPUS_COUNT].kind, QB_SETTING_UNSET);
	assert_false(list.profile.set[QB_KEY_CPUS_COUNT].explicit_);
	assert_setting(&list, QB_KEY_CPUS_NODE, "auto");

	attach(&both, "p", counted);
	set(&both, "cpus.count=1");
	set(&both, "cpus.list=2-3");
	set(&both, "cpus.node=0");
	load(&both, "p");
	assert_loaded(&both);
	assert_setting(&both, QB_KEY_CPUS_COUNT, "1");
	assert_setting(&both, QB_KEY_CPUS_LIST, "2-3");
	assert_setting(&both, QB_KEY_CPUS_NODE, "0");

	attach(&count, "p", listed);
	set(&count, "cpus.count=2");
	load(&count, "p");
	assert_loaded(&count);
	assert_setting(&count, QB_KEY_CPUS_COUNT, "2");
	assert_setting(&count, QB_KEY_CPUS_LIST, "2-5");

	attach(&much, "p", listed);
	set(&much, "cpus.count=5");
	load(&much, "p");
	assert_refused(&much, "-s cpus.count=5: cpus.count: expected at most the 4 of cpus.list "
			      "2-5, found '5'");

	attach(&own, "p", "version: 1\nextends: q\ncpus: {list: \"7\"}\n");
	attach(&own, "q", counted);
	load(&own, "p");
	assert_loaded(&own);
	assert_int_equal(own.profile.set[QB_KEY_CPUS_COUNT].kind, QB_SETTING_UNSET);
}

/* Two folders of the system. */
struct folders {
	char top[64], etc[80], share[80];
};

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_folders(void **state)
{
	struct folders *f = calloc(1, sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/test_profile.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	snprintf(f->etc, sizeof(f->etc), "%s/etc", f->top);
	snprintf(f->share, sizeof(f->share), "%s/share", f->top);
	assert_int_equal(mkdir(f->etc, 0755), 0);
	assert_int_equal(mkdir(f->share, 0755), 0);
	put(f->share, "base.yaml", "version: 1\nname: base\nprocess: {nice: 1}\n");
	put(f->share, "default.yaml", "version: 1\nextends: base\n");
	put(f->share, "vm.yaml", "version: 1\n");
	put(f->etc, "default.yaml",
		"version: 1\nname: default\nextends: base\nirqs: {move: true}\n");
	put(f->etc, "site.yaml", "version: 1\nextends: nowhere\n");
	put(f->etc, "README", "no profile\n");
	put(f->etc, "a b.yaml", "no name of a profile\n");
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

static int remove_folders(void **state)
{
	struct folders *f = *state;

	assert_int_equal(nftw(f->top, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static void search(struct ask *ask, const struct folders *f)
{
	ask->dirs[0] = "/nonexistent/profiles";
	ask->dirs[1] = f->etc;
	ask->dirs[2] = f->share;
}

static void test_search(void **state)
{
	struct folders *f = *state;
	_cleanup_ask_ struct ask ask = {0};
	char path[PATH_MAX];

	search(&ask, f);
	load(&ask, "");
	assert_loaded(&ask);
	snprintf(path, sizeof(path), "%s/default.yaml", f->etc);
	assert_string_equal(ask.profile.file, path);
	assert_setting(&ask, QB_KEY_IRQS_MOVE, "true");
	assert_setting(&ask, QB_KEY_PROCESS_NICE, "1");
	ask.guest = true;
	load(&ask, "");
	assert_loaded(&ask);
	assert_string_equal(ask.profile.name, "vm");
	load(&ask, "base");
	assert_loaded(&ask);
	load(&ask, "../etc/default");
	assert_refused(&ask, "profile: expected the name of a profile (letters, digits, _ and -, "
			     "at most 63), found '../etc/default'");
}

/* The caller's file goes before the system's, but a profile of the system keeps its parents. */
static void test_own_first(void **state)
{
	struct folders *f = *state;
	_cleanup_ask_ struct ask ask = {0};

	search(&ask, f);
	attach(&ask, "/home/u/mine.yaml", "version: 1\nextends: base\n");
	attach(&ask, "/home/u/base.yaml", "version: 1\nprocess: {nice: 2}\n");
	load(&ask, "/home/u/mine.yaml");
	assert_loaded(&ask);
	assert_setting(&ask, QB_KEY_PROCESS_NICE, "2");
	load(&ask, "default");
	assert_loaded(&ask);
	assert_setting(&ask, QB_KEY_PROCESS_NICE, "1");
}

static void test_missing(void **state)
{
	struct folders *f = *state;
	_cleanup_ask_ struct ask ask = {0};
	char text[QB_ERROR_MAX];

	search(&ask, f);
	load(&ask, "defualt");
	snprintf(text, sizeof(text),
		"profile: no profile 'defualt' among your own or in /nonexistent/profiles, %s, %s; "
		"did you mean 'default'?",
		f->etc, f->share);
	assert_refused(&ask, text);
	assert_int_equal(ask.r, -ENOENT);
	assert_string_equal(ask.missing, "defualt");

	attach(&ask, "mine", "version: 1\nextends: mother\n");
	load(&ask, "mine");
	snprintf(text, sizeof(text),
		"mine:2:10: extends: no profile 'mother' among your own or in "
		"/nonexistent/profiles, %s, %s",
		f->etc, f->share);
	assert_refused(&ask, text);
	assert_int_equal(ask.r, -ENOENT);
	assert_string_equal(ask.missing, "mother");
	attach(&ask, "mother", "version: 1\n"); /* what the client does then */
	load(&ask, "mine");
	assert_loaded(&ask);

	load(&ask, "site");
	snprintf(text, sizeof(text),
		"%s/site.yaml:2:10: extends: no profile 'nowhere' in /nonexistent/profiles, %s, %s",
		f->etc, f->etc, f->share);
	assert_refused(&ask, text);
}

/* The helper's planner reaches the shipped profiles through an fd: people are told of the folder. */
static void test_folder_of_an_fd(void **state)
{
	struct folders *f = *state;
	_cleanup_ask_ struct ask ask = {0};
	_cleanup_free_ char *real = realpath(f->share, NULL);
	char text[QB_ERROR_MAX], through[64];
	int fd = open(f->share, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0 && real);
	snprintf(through, sizeof(through), "/proc/self/fd/%d", fd);
	search(&ask, f);
	ask.dirs[2] = through;
	load(&ask, "defualt");
	snprintf(text, sizeof(text),
		"profile: no profile 'defualt' among your own or in /nonexistent/profiles, %s, %s; "
		"did you mean 'default'?",
		f->etc, real);
	assert_refused(&ask, text);
	put(f->share, "bad.yaml", "version: 1\nextends: nowhere\n");
	load(&ask, "bad");
	snprintf(text, sizeof(text),
		"%s/bad.yaml:2:10: extends: no profile 'nowhere' in /nonexistent/profiles, %s, %s",
		real, f->etc, real);
	assert_refused(&ask, text);
	put(f->share, "good.yaml", "version: 1\n");
	load(&ask, "good");
	assert_loaded(&ask);
	snprintf(text, sizeof(text), "%s/good.yaml", real);
	assert_string_equal(ask.profile.file, text);
	close(fd);
}

static void test_depth(void **state)
{
	struct folders *f = *state;
	_cleanup_ask_ struct ask ask = {0};
	char name[32], text[QB_ERROR_MAX];

	search(&ask, f);
	for (int i = 1; i <= 9; i++) {
		snprintf(name, sizeof(name), "deep%d.yaml", i);
		snprintf(text, sizeof(text), "version: 1\nextends: deep%d\n", i - 1);
		put(f->share, name, i > 1 ? text : "version: 1\n");
	}
	load(&ask, "deep8");
	assert_loaded(&ask);
	load(&ask, "deep9");
	snprintf(text, sizeof(text),
		"%s/deep2.yaml:2:10: extends: expected at most 8 profiles, found deep9 -> deep8 -> "
		"deep7 -> deep6 -> deep5 -> deep4 -> deep3 -> deep2 -> deep1",
		f->share);
	assert_refused(&ask, text);
}

static void test_names(void **state)
{
	static const char *const expected[] = {"base", "default", "site", "vm"};
	struct folders *f = *state;
	const char *dirs[] = {"/nonexistent", f->etc, f->share, NULL};
	struct qb_profile_name *names;
	char path[PATH_MAX];
	size_t n;

	assert_int_equal(qb_profile_names(dirs, &names, &n, NULL), 0);
	assert_int_equal(n, QB_ARRAY_SIZE(expected));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(names[i].name, expected[i]);
	snprintf(path, sizeof(path), "%s/default.yaml", f->etc);
	assert_string_equal(names[1].file, path);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_parent_errors),
		cmocka_unit_test(test_circles),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_list_and_count),
		cmocka_unit_test_setup_teardown(test_search, make_folders, remove_folders),
		cmocka_unit_test_setup_teardown(test_own_first, make_folders, remove_folders),
		cmocka_unit_test_setup_teardown(test_missing, make_folders, remove_folders),
		cmocka_unit_test_setup_teardown(test_folder_of_an_fd, make_folders, remove_folders),
		cmocka_unit_test_setup_teardown(test_depth, make_folders, remove_folders),
		cmocka_unit_test_setup_teardown(test_names, make_folders, remove_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
