/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU sets, quantities, specifications, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants these first */
#include <base/clock.h>
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <quietbench/value.h>
#include <sys/wait.h>

#include "../sandbox.h"

static void lists_are_read_and_written(void **state)
{
	static const struct {
		const char *in, *list;
	} cases[] = {
		{"", ""},
		{"\n", ""},
		{"0", "0"},
		{" 0-3,8 \n", "0-3,8"},
		{"3,1,2", "1-3"},
		{"0-15:2/4", "0-1,4-5,8-9,12-13"},
		{"8191", "8191"},
	};
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_cpus set;
		char text[QB_CPUS_TEXT];

		assert_int_equal(qb_cpus_parse_list(cases[i].in, &set), 0);
		assert_int_equal(qb_cpus_format_list(&set, text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].list);
	}
}

static void bad_lists_are_refused(void **state)
{
	static const char *const bad[] = {"1,", ",1", "1,,2", "3-1", "-1", "1-", "a", "1 2",
		"0-3:", "0-3:2", "0-3:0/2", "0-3:3/2"};
	struct qb_cpus set = {.bits = {7}};

	for (size_t i = 0; i < QB_ARRAY_SIZE(bad); i++)
		assert_int_equal(qb_cpus_parse_list(bad[i], &set), -EINVAL);
	assert_int_equal(qb_cpus_parse_list("8192", &set), -ERANGE);
	assert_int_equal(qb_cpus_parse_list("99999999999", &set), -ERANGE);
	assert_int_equal(set.bits[0], 7); /* untouched on failure */
}

static void masks_are_the_kernels(void **state)
{
	struct qb_cpus set = {0};
	char text[4096];

	assert_int_equal(qb_cpus_parse_hex("00000002,00003333\n", &set), 0);
	assert_int_equal(qb_cpus_format_list(&set, text, sizeof(text)), 0);
	assert_string_equal(text, "0-1,4-5,8-9,12-13,33");
	assert_int_equal(qb_cpus_format_hex(&set, 64, text, sizeof(text)), 0);
	assert_string_equal(text, "00000002,00003333");
	assert_int_equal(qb_cpus_format_hex(&set, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "2,00003333");
	qb_cpus_zero(&set);
	assert_int_equal(qb_cpus_format_hex(&set, 8, text, sizeof(text)), 0);
	assert_string_equal(text, "00");
	assert_int_equal(qb_cpus_parse_hex("", &set), -EINVAL);
	assert_int_equal(qb_cpus_parse_hex("x", &set), -EINVAL);
	assert_int_equal(qb_cpus_parse_hex("1,2", &set), -EINVAL);
	assert_int_equal(qb_cpus_parse_hex(",00000001", &set), -EINVAL);
	assert_int_equal(qb_cpus_format_list(&set, text, 0), -ENOSPC);
	qb_cpus_add(&set, 8191);
	assert_int_equal(qb_cpus_format_hex(&set, 0, text, 100), -ENOSPC);
	assert_int_equal(qb_cpus_format_hex(&set, 0, text, sizeof(text)), 0);
	assert_int_equal(strlen(text), 8192 / 4 + 8192 / 32 - 1);
}

static void the_longest_list_fits(void **state)
{
	struct qb_cpus set = {0};
	char text[QB_CPUS_TEXT];

	for (unsigned cpu = 1; cpu < QB_CPUS_MAX; cpu += 2)
		qb_cpus_add(&set, cpu);
	assert_int_equal(qb_cpus_format_list(&set, text, sizeof(text)), 0);
	assert_int_equal(qb_cpus_count(&set), QB_CPUS_MAX / 2);
}

/* What is too long for a message is counted, and no number in it is cut. */
static void a_long_list_is_told_short(void **state)
{
	struct qb_cpus set = {0};
	char text[32];

	for (unsigned cpu = 1; cpu < 257; cpu += 2)
		qb_cpus_add(&set, cpu);
	assert_string_equal(qb_cpus_text(&set, text, sizeof(text)), "1,3,5,7,9,11,13,… (128 CPUs)");
	for (size_t size = 12; size < sizeof(text); size++) {
		const char *at = qb_cpus_text(&set, text, size);

		assert_true(strlen(at) < size && strstr(at, "128 CPUs"));
		for (unsigned cpu = 1; isdigit((unsigned char)*at) && strchr(at, ','); cpu += 2) {
			char *end;

			assert_int_equal(strtoul(at, &end, 10), cpu);
			assert_int_equal(*end, ',');
			at = end + 1;
		}
		assert_true(strncmp(at, "… (", strlen("… (")) == 0 || strcmp(at, "128 CPUs") == 0);
	}
	qb_cpus_zero(&set);
	qb_cpus_add(&set, 3);
	assert_string_equal(qb_cpus_text(&set, text, sizeof(text)), "3");
}

static void quantities_are_exact(void **state)
{
	static const struct {
		enum qb_quantity q;
		const char *in;
		int64_t value;
		const char *out;
	} cases[] = {
		{QB_QUANTITY_FREQUENCY, "2.4GHz", 2400000, "2.4 GHz"},
		{QB_QUANTITY_FREQUENCY, "2401000kHz", 2401000, "2.401 GHz"},
		{QB_QUANTITY_FREQUENCY, "800 MHz", 800000, "800 MHz"},
		{QB_QUANTITY_FREQUENCY, "2.133333GHz", 2133333, "2133.333 MHz"},
		/* more digits than a double has */
		{QB_QUANTITY_FREQUENCY, "9007199254740.993MHz", INT64_C(9007199254740993),
			"9007199254740.993 MHz"},
		{QB_QUANTITY_DURATION, "10us", 10000, "10 us"},
		{QB_QUANTITY_DURATION, "1.5s", 1500000000, "1500 ms"},
		{QB_QUANTITY_DURATION, "0", 0, "0"},
		{QB_QUANTITY_PERCENT, "0.05%", 500, "0.05%"},
		{QB_QUANTITY_PERCENT, "100%", 1000000, "100%"},
	};
	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		int64_t value = -1, again = -1;
		char text[64];

		assert_int_equal(qb_quantity_parse(cases[i].q, cases[i].in, &value), 0);
		assert_int_equal(value, cases[i].value);
		qb_quantity_format(cases[i].q, value, text, sizeof(text));
		assert_string_equal(text, cases[i].out);
		assert_int_equal(qb_quantity_parse(cases[i].q, text, &again), 0);
		assert_int_equal(again, value);
	}
}

static void quantities_want_units(void **state)
{
	int64_t value = 7;

	assert_int_equal(qb_quantity_parse(QB_QUANTITY_FREQUENCY, "2.4", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "10 parsecs", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "-1s", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "1.s", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "0..0", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_DURATION, "1.2.3s", &value), -EINVAL);
	assert_int_equal(qb_quantity_parse(QB_QUANTITY_PERCENT, "0.00001%", &value), -ERANGE);
	assert_int_equal(
		qb_quantity_parse(QB_QUANTITY_DURATION, "99999999999999999999d", &value), -ERANGE);
	assert_int_equal(qb_number_parse("12x", &value), -EINVAL);
	assert_int_equal(qb_number_parse("+1", &value), -EINVAL);
	assert_int_equal(qb_number_parse("99999999999999999999", &value), -ERANGE);
	assert_int_equal(value, 7);
}

static void values_are_judged(void **state)
{
	const struct qb_spec number = {QB_VALUE_NUMBER, 0, 1, NULL};
	const struct qb_spec choice = {QB_VALUE_WORD, 0, 0, "member root isolated"};
	const struct qb_spec word = {QB_VALUE_WORD, 0, 0, NULL};
	const struct qb_spec mask = {QB_VALUE_MASK, 0, 0, NULL};
	const struct qb_spec text = {QB_VALUE_TEXT, 0, 0, NULL};
	struct qb_error err = {0};

	assert_int_equal(qb_spec_judge(&number, "1", &err), 0);
	assert_int_equal(qb_spec_judge(&number, "2", &err), -ERANGE);
	assert_string_equal(err.text, "expected a number from 0 to 1, found 2");
	assert_int_equal(qb_spec_judge(&number, "1\n", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&choice, "root", &err), 0);
	assert_int_equal(qb_spec_judge(&choice, "roo", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&choice, "member root", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&choice, "", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&word, "../../etc", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&word, "performance", &err), 0);
	assert_int_equal(qb_spec_judge(&mask, "0", &err), -EINVAL);
	assert_int_equal(qb_spec_judge(&mask, "ff", &err), 0);
	assert_int_equal(qb_spec_judge(&text, "a\nb", &err), -EINVAL);
}

static void errors_gather_context(void **state)
{
	struct qb_error err = {0};
	char long_text[2 * QB_ERROR_MAX];

	assert_int_equal(qb_error_errno(&err, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(qb_error_wrap(&err, "policy%d", 3), -ENOENT);
	assert_string_equal(err.text, "policy3: open x: No such file or directory");
	assert_int_equal(err.code, ENOENT);
	qb_error_errno(&err, 524, "write");
	assert_string_equal(err.text, "write: not supported by this kernel or CPU (524)");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	qb_error_set(&err, EIO, "%s", long_text);
	assert_int_equal(strlen(err.text), QB_ERROR_MAX - 1);
	assert_int_equal(qb_error_set(NULL, EIO, "nobody listens"), -EIO);
}

static void words_are_whole(void **state)
{
	char text[4];

	assert_true(qb_text_has_word("performance powersave \n", "powersave"));
	assert_false(qb_text_has_word("performance powersave", "power"));
	assert_false(qb_text_has_word("performance", ""));
	assert_false(qb_text_copy(text, sizeof(text), "four"));
	assert_string_equal(text, "fou");
	assert_false(qb_text_is_word("a b"));
	assert_false(qb_text_is_word("a/b"));
}

/* readdir says NULL for both; whoever takes an error for the end finds nothing to restore. */
static void a_folder_that_fails_has_not_ended(void **state)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/self");
	const struct dirent *entry;
	struct qb_error err = {0};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), r;

	assert_non_null(dir);
	while ((r = qb_dir_next(dir, "/proc/self", &entry, &err)) > 0)
		;
	assert_int_equal(r, 0);
	rewinddir(dir);
	assert_int_equal(dup2(null, dirfd(dir)), dirfd(dir));
	close(null);
	assert_int_equal(qb_dir_next(dir, "/proc/self", &entry, &err), -ENOTDIR);
	assert_string_equal(err.text, "list /proc/self: Not a directory");
}

/* A file that is not there is one thing, one that cannot be read another, and that has a reason. */
static void what_is_missing_is_not_unreadable(void **state)
{
	struct qb_error err = {0};
	char text[16], name[512];

	assert_int_equal(qb_file_read_or("/proc/none", "all", text, sizeof(text), &err), 0);
	assert_string_equal(text, "all");
	assert_string_equal(err.text, "");
	assert_int_equal(qb_file_read_or("/proc", "all", text, sizeof(text), &err), -EISDIR);
	assert_string_equal(err.text, "read /proc: Is a directory");

	assert_int_equal(qb_file_find("/proc", &err), 1);
	assert_int_equal(qb_file_find("/proc/none", &err), 0);
	assert_false(qb_file_exists("/proc/none"));
	/* Nobody can look there: that it is not there, nobody can say. */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(qb_file_find(name, &err), -ENAMETOOLONG);
	assert_true(qb_file_exists(name));
}

static void texts_grow_within_their_bounds(void **state)
{
	char text[12] = "";

	assert_true(qb_text_join(text, sizeof(text), ", ", "%s", "a"));
	assert_true(qb_text_join(text, sizeof(text), ", ", "%d", 12));
	assert_true(qb_text_append(text, sizeof(text), "%s", " of 3"));
	assert_string_equal(text, "a, 12 of 3");
	assert_true(qb_text_append(text, sizeof(text), "%s", "!"));
	assert_false(qb_text_append(text, sizeof(text), "%s", "?"));
	assert_string_equal(text, "a, 12 of 3!");
	text[10] = '\0';
	assert_false(qb_text_join(text, sizeof(text), ", ", "%s", "b"));
	assert_string_equal(text, "a, 12 of 3,");
	assert_true(qb_text_append(text, sizeof(text), "%s", ""));
}

static void times_are_written_for_people(void **state)
{
	static const struct {
		int64_t seconds;
		const char *age;
	} ages[] = {{-5, "0 s"}, {0, "0 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"},
		{7200, "2 h"}, {172799, "47 h"}, {172800, "2 days"}};
	const struct timespec t = qb_ns_timespec(3 * QB_NS_PER_S + 7);
	int64_t before = qb_ns_now(CLOCK_MONOTONIC);
	char text[32];

	for (size_t i = 0; i < QB_ARRAY_SIZE(ages); i++) {
		qb_time_age(ages[i].seconds, text, sizeof(text));
		assert_string_equal(text, ages[i].age);
	}
	setenv("TZ", "UTC-1", 1);
	tzset();
	qb_time_format(86400, "%F %T", text, sizeof(text));
	assert_string_equal(text, "1970-01-02 01:00:00");
	qb_time_format(INT64_MAX, "%F %T", text, sizeof(text));
	assert_string_equal(text, "?");
	assert_int_equal(t.tv_sec, 3);
	assert_int_equal(t.tv_nsec, 7);
	assert_true(before > 0 && qb_ns_now(CLOCK_MONOTONIC) >= before);
}

/* In a process of its own, whose /sys/kernel is a folder in memory. 0: as it should be. */
static int keep_attributes(void)
{
	static const char path[] = "/sys/kernel/attribute", other[] = "/sys/kernel/other";
	char text[64];

	if (!sandbox_enter() || !sandbox_empty("/sys/kernel") || !sandbox_put(path, "first\n"))
		return 77;
	qb_file_keep();
	if (qb_file_read(path, text, sizeof(text), NULL) != 5 || strcmp(text, "first") != 0)
		return 1;
	/* whatever is written to the same file is seen, and a shorter text leaves no rest */
	if (!sandbox_put(path, "second one\n") ||
		qb_file_read(path, text, sizeof(text), NULL) != 10)
		return 2;
	if (qb_file_write(path, "a", NULL) < 0 ||
		qb_file_read_changing(path, text, sizeof(text), NULL) != 1 || text[0] != 'a' ||
		qb_file_write(path, "long again", NULL) < 0 || qb_file_write(path, "b", NULL) < 0 ||
		qb_file_read(path, text, sizeof(text), NULL) != 1 || text[0] != 'b')
		return 3;
	/* another file has its name now */
	if (!sandbox_put(other, "other\n") || rename(other, path) < 0)
		return 77;
	qb_file_keep_fresh();
	if (qb_file_read(path, text, sizeof(text), NULL) != 5 || strcmp(text, "other") != 0)
		return 4;
	if (qb_file_write(path, "c", NULL) < 0 || unlink(path) < 0)
		return 5;
	qb_file_keep_fresh();
	if (qb_file_read(path, text, sizeof(text), NULL) != -ENOENT ||
		qb_file_write(path, "d", NULL) != -ENOENT)
		return 6;
	/* more than the table begins with */
	for (int i = 0; i < 500; i++) {
		char name[64];

		snprintf(name, sizeof(name), "/sys/kernel/%d", i % 250);
		if (!sandbox_put(name, name) || qb_file_read(name, text, sizeof(text), NULL) < 0 ||
			strcmp(text, name) != 0)
			return 7;
	}
	qb_file_keep_none();
	return qb_file_read("/sys/kernel/7", text, sizeof(text), NULL) == 13 ? 0 : 8;
}

/* The same with one of the kernel's seq_files, as those of /proc/irq are: it takes no pwrite(2). */
static int keep_seq_file(void)
{
	static const char path[] = "/sys/kernel/seq";

	if (!sandbox_enter() || !sandbox_empty("/sys/kernel") || !sandbox_put(path, "") ||
		mount("/proc/self/timerslack_ns", path, NULL, MS_BIND, NULL) < 0)
		return 77;
	qb_file_keep();
	for (int i = 1; i <= 3; i++) {
		char wanted[16], text[64];

		snprintf(wanted, sizeof(wanted), "%d", 60000 + i);
		if (qb_file_write(path, wanted, NULL) < 0)
			return 1;
		if (qb_file_read_changing(path, text, sizeof(text), NULL) < 0 ||
			strcmp(text, wanted) != 0)
			return 2;
	}
	return 0;
}

static void in_a_child(int (*test)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(test());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void kept_files_are_the_files(void **state)
{
	in_a_child(keep_attributes);
}

static void kept_seq_files_are_written(void **state)
{
	in_a_child(keep_seq_file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_and_written),
		cmocka_unit_test(bad_lists_are_refused),
		cmocka_unit_test(masks_are_the_kernels),
		cmocka_unit_test(the_longest_list_fits),
		cmocka_unit_test(a_long_list_is_told_short),
		cmocka_unit_test(quantities_are_exact),
		cmocka_unit_test(quantities_want_units),
		cmocka_unit_test(values_are_judged),
		cmocka_unit_test(errors_gather_context),
		cmocka_unit_test(words_are_whole),
		cmocka_unit_test(a_folder_that_fails_has_not_ended),
		cmocka_unit_test(what_is_missing_is_not_unreadable),
		cmocka_unit_test(texts_grow_within_their_bounds),
		cmocka_unit_test(times_are_written_for_people),
		cmocka_unit_test(kept_files_are_the_files),
		cmocka_unit_test(kept_seq_files_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
