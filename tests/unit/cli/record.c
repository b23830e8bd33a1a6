/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record: what is written is whole, says what happened, and replaces the old one at once.
 *
 * With a folder as its argument it writes two records there instead, the fullest and the barest,
 * for tests/cli/schema.t to hold against the schema.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../record_sample.h"

static char folder[] = "/tmp/quietbench-record-XXXXXX";
static char file[64];

static int enter(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(file, sizeof(file), "%s/record.json", folder);
	return 0;
}

static int leave(void **state)
{
	unlink(file);
	return rmdir(folder); /* fails, and so does the test, when anything was left behind */
}

static json_t *written(struct session *s)
{
	struct qb_error err = {0};
	json_error_t why;
	if (qb_record_write(file, &s->record, &err) < 0)
		fail_msg("%s", err.text);
	json_t *json = json_load_file(file, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		fail_msg("%s:%d: %s", file, why.line, why.text);
	return json;
}

static const char *text_at(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void test_head(void **state)
{
	struct session *s = full();
	json_t *json = written(s), *cpus = json_object_get(json, "cpus");

	assert_string_equal(text_at(json, "schema"), "quietbench/record/1");
	assert_string_equal(text_at(json, "started_at"), "2025-11-22T18:20:11.123Z");
	assert_string_equal(text_at(json, "conditioned"), "partial");
	assert_string_equal(text_at(cpus, "benchmark"), "1");
	assert_string_equal(text_at(cpus, "reserved"), "3");
	assert_string_equal(text_at(cpus, "housekeeping"), "0,2");
	assert_string_equal(text_at(json_object_get(json, "check"), "verdict"), "noisy");
	assert_string_equal(text_at(json_object_get(json, "host"), "virtualization"), "none");
	json_decref(json);
	session_free(s);
}

static void test_profile(void **state)
{
	struct session *s = full();
	json_t *json = written(s), *profile = json_object_get(json, "profile");
	json_t *effective = json_object_get(profile, "effective");
	json_t *range = json_object_get(effective, "frequency.range");
	json_t *exempt = json_object_get(effective, "cpus.exempt");

	assert_string_equal(text_at(profile, "description"), "One \"quiet\" core.");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(profile, "overrides"), 0)),
		"frequency.turbo=false");
	assert_int_equal(json_object_size(effective), QB_KEY_COUNT);
	assert_true(json_is_false(json_object_get(effective, "frequency.turbo")));
	assert_string_equal(text_at(range, "min"), "2GHz");
	assert_string_equal(text_at(range, "max"), "2.4GHz");
	assert_string_equal(text_at(effective, "idle.max_latency"), "10us");
	assert_int_equal(json_array_size(exempt), 2);
	assert_string_equal(json_string_value(json_array_get(exempt, 1)), "cron");
	assert_int_equal(json_integer_value(json_object_get(effective, "process.nice")), -5);
	assert_string_equal(text_at(effective, "memory.thp"), "keep");
	json_decref(json);
	session_free(s);
}

static void test_levers(void **state)
{
	struct session *s = full();
	json_t *json = written(s), *levers = json_object_get(json, "levers");
	json_t *first = json_array_get(levers, 0), *last = json_array_get(levers, 3);

	assert_int_equal(json_array_size(levers), 4); /* without the thread that nothing changed */
	assert_string_equal(text_at(first, "lever"), "frequency.governor");
	assert_string_equal(text_at(first, "unit"), "policy0");
	assert_string_equal(text_at(first, "status"), "applied");
	assert_string_equal(text_at(first, "before"), "powersave");
	assert_string_equal(text_at(first, "wanted"), "performance");
	assert_string_equal(text_at(first, "after"), "performance");
	assert_string_equal(text_at(first, "restored"), "yes");
	assert_string_equal(text_at(last, "unit"), ""); /* the lever as a whole */
	assert_string_equal(text_at(last, "status"), "unsupported");
	assert_string_equal(text_at(last, "reason"), "this driver has none");
	assert_true(json_is_null(json_object_get(last, "restored")));
	json_decref(json);
	session_free(s);
}

/* A watched attribute that one of our writes changed is part of the story. */
static void test_coupled(void **state)
{
	struct session *s = full();
	add_step(s, QB_LEVER_MAX_FREQ, 0, QB_STATUS_PLANNED, QB_RESTORED_YES, "4700000", NULL,
		"2100000", NULL);
	json_t *json = written(s), *levers = json_object_get(json, "levers");
	json_t *coupled = json_array_get(levers, 4);

	assert_int_equal(json_array_size(levers), 5);
	assert_true(json_is_null(json_object_get(coupled, "wanted")));
	assert_string_equal(text_at(coupled, "status"), "applied");
	assert_string_equal(text_at(coupled, "after"), "2100000");
	json_decref(json);
	session_free(s);
}

static void test_runs(void **state)
{
	struct session *s = full();
	json_t *json = written(s), *runs = json_object_get(json, "runs");
	json_t *first = json_array_get(runs, 0), *second = json_array_get(runs, 1);
	json_t *ended = json_object_get(first, "exit"), *killed = json_object_get(second, "exit");
	json_t *command = json_object_get(second, "command");

	assert_int_equal(json_integer_value(json_object_get(ended, "code")), 3);
	assert_true(json_is_null(json_object_get(ended, "signal")));
	assert_int_equal(json_integer_value(json_object_get(first, "wall_ns")), 12410000000);
	assert_string_equal(text_at(first, "verdict"), "noisy");
	assert_int_equal(json_array_size(json_object_get(first, "reasons")), 1);
	assert_true(json_is_null(json_object_get(killed, "code")));
	assert_int_equal(json_integer_value(json_object_get(killed, "signal")), 9);
	/* Bytes that are not UTF-8 are replaced, UTF-8 is kept, an empty argument is one. */
	assert_int_equal(json_array_size(command), 3);
	assert_string_equal(json_string_value(json_array_get(command, 0)), "./b\xef\xbf\xbdnch");
	assert_string_equal(json_string_value(json_array_get(command, 1)), "\xc3\xa4");
	json_decref(json);
	session_free(s);
}

static void test_restore(void **state)
{
	struct session *s = full();
	json_t *json = written(s), *restore = json_object_get(json, "restore");
	json_t *conflicts = json_object_get(restore, "conflicts");
	json_t *failures = json_object_get(restore, "failures");

	assert_true(json_is_false(json_object_get(restore, "complete")));
	assert_int_equal(json_array_size(conflicts), 1);
	assert_string_equal(json_string_value(json_array_get(conflicts, 0)),
		"frequency.governor policy1: reads schedutil now");
	assert_string_equal(json_string_value(json_array_get(failures, 0)),
		"irqs.move irq33: write 33: Input/output error");
	json_decref(json);
	session_free(s);
}

static void test_bare(void **state)
{
	struct session *s = bare();
	json_t *json = written(s), *host = json_object_get(json, "host");

	assert_true(json_is_null(json_object_get(json, "restore")));
	assert_int_equal(json_array_size(json_object_get(json, "runs")), 0);
	assert_string_equal(text_at(host, "virtualization"), "unknown");
	assert_true(json_is_null(json_object_get(host, "cpufreq_driver")));
	assert_true(json_is_null(json_object_get(host, "base_khz")));
	json_decref(json);
	session_free(s);
}

static unsigned entries(void)
{
	DIR *dir = opendir(folder);
	unsigned n = 0;
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void test_prepare_leaves_nothing(void **state)
{
	unlink(file);
	assert_int_equal(qb_record_prepare(file, NULL), 0);
	assert_int_equal(entries(), 0);
}

static void test_replaces(void **state)
{
	struct session *s = full();
	struct stat before, after;
	mode_t mask = umask(027);

	json_decref(written(s));
	umask(mask);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(before.st_mode & 0777, 0640); /* what the umask leaves */
	assert_int_equal(chmod(file, 0604), 0);
	json_decref(written(s));
	assert_int_equal(stat(file, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino); /* never half a record */
	assert_int_equal(after.st_mode & 0777, 0604);
	assert_int_equal(entries(), 1);
	session_free(s);
}

static void test_follows_links(void **state)
{
	struct session *s = full();
	struct qb_error err = {0};
	char link[64];
	struct stat st;

	snprintf(link, sizeof(link), "%s/link", folder);
	json_decref(written(s));
	assert_int_equal(symlink("record.json", link), 0);
	assert_int_equal(qb_record_write(link, &s->record, &err), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	unlink(link);
	session_free(s);
}

static void test_refuses(void **state)
{
	struct qb_error err = {0};

	assert_int_equal(qb_record_prepare("/dev/null", &err), -EINVAL);
	assert_non_null(strstr(err.text, "/dev/null"));
	assert_non_null(strstr(err.text, "regular file"));
	assert_int_equal(qb_record_prepare(folder, &err), -EINVAL);
	assert_int_equal(qb_record_prepare("/nonexistent/record.json", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/record.json"));
}

static int write_to(const char *path, const char *name, struct session *s)
{
	struct qb_error err = {0};
	char target[4096];
	snprintf(target, sizeof(target), "%s/%s", path, name);
	int r = qb_record_write(target, &s->record, &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	session_free(s);
	return r;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_levers),
		cmocka_unit_test(test_coupled),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_bare),
		cmocka_unit_test(test_prepare_leaves_nothing),
		cmocka_unit_test(test_replaces),
		cmocka_unit_test(test_follows_links),
		cmocka_unit_test(test_refuses),
	};

	if (argc == 2)
		return write_to(argv[1], "full.json", full()) < 0 ||
		       write_to(argv[1], "bare.json", bare()) < 0;
	return cmocka_run_group_tests(tests, enter, leave);
}
