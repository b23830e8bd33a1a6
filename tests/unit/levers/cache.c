/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache.l3: the arithmetic, and the whole protocol against a small resctrl of plain files in memory,
 * which knows of the kernel's what matters here: mount and unmount, what appears in a new group,
 * that masks must be blocks, and where it says why it refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <cmocka.h>
#include <levers/cache.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "../tree.h"

#define DIR   QB_RESCTRL_DIR
#define GROUP DIR "/" QB_CACHE_GROUP

/* ---- the resctrl of these tests ---- */

static bool sandboxed, mounted, full;
static const char *fresh_default = "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n";

static void put_file(const char *path, const char *text)
{
	assert_true(sandbox_put(path, text));
}

static void appear(void)
{
	assert_int_equal(syscall(SYS_mkdirat, AT_FDCWD, DIR "/info", 0755), 0);
	assert_int_equal(syscall(SYS_mkdirat, AT_FDCWD, DIR "/info/L3", 0755), 0);
	put_file(DIR "/info/L3/cbm_mask", "7ff\n");
	put_file(DIR "/info/L3/shareable_bits", "600\n");
	put_file(DIR "/info/L3/min_cbm_bits", "1\n");
	put_file(DIR "/info/last_cmd_status", "ok\n");
	put_file(DIR "/cpus_list", "0-7\n");
	put_file(DIR "/schemata", fresh_default);
	mounted = true;
}

static int wipe(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return ftw->level ? remove(path) : 0;
}

int statfs(const char *path, struct statfs *ret)
{
	*ret = (struct statfs){.f_type = mounted ? RDTGROUP_SUPER_MAGIC : SYSFS_MAGIC};
	return strcmp(path, DIR) == 0 ? 0 : (int)syscall(SYS_statfs, path, ret);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags,
	const void *data)
{
	if (strcmp(type ? type : "", "resctrl") != 0)
		return (int)syscall(SYS_mount, source, target, type, flags, data);
	assert_string_equal(target, DIR);
	assert_false(mounted);
	appear();
	return 0;
}

int umount2(const char *target, int flags)
{
	assert_string_equal(target, DIR);
	assert_true(mounted);
	mounted = false;
	return nftw(DIR, wipe, 16, FTW_DEPTH | FTW_PHYS);
}

int mkdir(const char *path, mode_t mode)
{
	if (strcmp(path, GROUP) == 0 && full) {
		put_file(DIR "/info/last_cmd_status", "Out of CLOSIDs\n");
		errno = ENOSPC;
		return -1;
	}
	if (syscall(SYS_mkdirat, AT_FDCWD, path, mode) < 0)
		return -1;
	if (strcmp(path, GROUP) == 0) {
		put_file(GROUP "/cpus_list", "\n");
		put_file(GROUP "/schemata", "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n");
	}
	return 0;
}

int rmdir(const char *path)
{
	if (strcmp(path, GROUP) == 0)
		nftw(GROUP, wipe, 16, FTW_DEPTH | FTW_PHYS);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

static bool is_block(const char *masks)
{
	for (const char *at = masks; (at = strchr(at, '=')) && at < strstr(masks, "MB:");) {
		uint64_t mask = strtoull(++at, NULL, 16);

		if (!mask || mask & ~UINT64_C(0x7ff) ||
			(mask >> __builtin_ctzll(mask)) & ((mask >> __builtin_ctzll(mask)) + 1))
			return false;
	}
	return true;
}

/* Of a schemata file only the lines that are written change; here that is the one of the L3. */
ssize_t write(int fd, const void *buf, size_t size)
{
	char link[64], path[256] = "", text[512];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	/* The tests' own begin with a blank, as the kernel's do. */
	if (n <= 0 || !strstr(path, "/schemata") || *(const char *)buf == ' ')
		return syscall(SYS_write, fd, buf, size);
	snprintf(text, sizeof(text), "    %.*s    MB:0=100;1=100\n", (int)size, (const char *)buf);
	if (!is_block(text)) {
		put_file(DIR "/info/last_cmd_status", "The mask has non-consecutive 1-bits\n");
		errno = EINVAL;
		return -1;
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_true(syscall(SYS_write, fd, text, strlen(text)) > 0);
	return (ssize_t)size;
}

static int enter(void **state)
{
	sandboxed = sandbox_enter();
	return 0;
}

static int fresh(void **state)
{
	mounted = full = false;
	if (sandboxed &&
		(!sandbox_empty("/sys/fs") || syscall(SYS_mkdirat, AT_FDCWD, DIR, 0755) < 0))
		return -1;
	return 0;
}

/* ---- the steps of a session ---- */

static const struct {
	enum qb_lever_id lever;
	const char *wanted;
} levers[] = {
	{QB_LEVER_CACHE_MOUNT, "mounted"},
	{QB_LEVER_CACHE_GROUP, "present"},
	{QB_LEVER_CACHE_L3, "25% of 1"},
	{QB_LEVER_CACHE_CPUS, "3"},
	{QB_LEVER_CACHE_REST, "25% of 1"},
};
#define N QB_ARRAY_SIZE(levers)

static const struct qb_unit none;
static char before[N][QB_TEXT_MAX];

static const char *now(enum qb_lever_id lever)
{
	static char text[QB_TEXT_MAX];

	assert_int_equal(qb_lever_read(lever, &none, text, sizeof(text), NULL), 0);
	return text;
}

/* Judged, read, written and read back. Returns the first error of a write. */
static int apply(struct qb_error *err)
{
	int first = 0;

	for (size_t i = 0; i < N; i++) {
		assert_int_equal(qb_lever_judge(levers[i].lever, &none, levers[i].wanted, NULL), 0);
		qb_text_copy(before[i], sizeof(before[i]), now(levers[i].lever));
	}
	for (size_t i = 0; i < N; i++) {
		int r = qb_lever_same(levers[i].lever, before[i], levers[i].wanted)
				? 0
				: qb_lever_write(levers[i].lever, &none, levers[i].wanted,
					  first ? NULL : err);

		assert_int_equal(r == 0,
			qb_lever_same(levers[i].lever, now(levers[i].lever), levers[i].wanted));
		first = first ? first : r;
	}
	return first;
}

static void restore(void)
{
	for (int rank = 0; rank < 100; rank++)
		for (size_t i = 0; i < N; i++) {
			if (qb_levers[levers[i].lever].restore != rank ||
				qb_lever_same(levers[i].lever, now(levers[i].lever), before[i]))
				continue;
			assert_int_equal(
				qb_lever_write(levers[i].lever, &none, before[i], NULL), 0);
			assert_true(
				qb_lever_same(levers[i].lever, now(levers[i].lever), before[i]));
		}
}

static void mounted_for_the_run_and_not_after_it(void **state)
{
	struct qb_error err = {0};

	if (!sandboxed)
		skip();
	assert_int_equal(apply(&err), 0);
	assert_true(mounted);
	/* Devices use the upper two ways, so it is the lower end. */
	assert_string_equal(now(QB_LEVER_CACHE_L3), "L3:0=7ff;1=7");
	assert_string_equal(now(QB_LEVER_CACHE_REST), "L3:0=7ff;1=7f8");
	assert_string_equal(now(QB_LEVER_CACHE_CPUS), "3");
	restore();
	assert_false(mounted);
	assert_string_equal(now(QB_LEVER_CACHE_REST), "");
}

static void what_was_mounted_stays_as_it_was(void **state)
{
	struct qb_error err = {0};

	if (!sandboxed)
		skip();
	appear();
	put_file(DIR "/schemata", "    L3:0=0ff;1=3ff\n    MB:0=100;1=100\n");
	assert_int_equal(apply(&err), 0);
	assert_string_equal(now(QB_LEVER_CACHE_REST), "L3:0=ff;1=3f8");
	restore();
	assert_true(mounted);
	assert_string_equal(now(QB_LEVER_CACHE_REST), "L3:0=ff;1=3ff");
	assert_string_equal(now(QB_LEVER_CACHE_GROUP), "absent");
}

static void no_group_no_loss(void **state)
{
	struct qb_error err = {0};

	if (!sandboxed)
		skip();
	full = true;
	assert_int_equal(apply(&err), -ENOSPC);
	assert_string_equal(err.text,
		"the kernel says 'Out of CLOSIDs': make the cache group " GROUP
		": No space left on device");
	assert_string_equal(now(QB_LEVER_CACHE_REST), "L3:0=7ff;1=7ff");
	restore();
	assert_false(mounted);
}

static void others_are_left_alone(void **state)
{
	struct qb_error err = {0};

	if (!sandboxed)
		skip();
	assert_int_equal(apply(&err), 0);
	assert_int_equal(syscall(SYS_mkdirat, AT_FDCWD, DIR "/tenant", 0755), 0);
	assert_int_equal(qb_lever_write(QB_LEVER_CACHE_GROUP, &none, "absent", &err), 0);
	assert_int_equal(qb_lever_write(QB_LEVER_CACHE_REST, &none, "", &err), 0);
	assert_string_equal(now(QB_LEVER_CACHE_REST), "L3:0=7ff;1=7ff");
	assert_int_equal(qb_lever_write(QB_LEVER_CACHE_MOUNT, &none, "unmounted", &err), -EBUSY);
	assert_string_equal(err.text, "unmount " DIR ": another program divides the cache (" DIR
				      "/tenant): its ways are left alone");
	assert_int_equal(qb_lever_write(QB_LEVER_CACHE_GROUP, &none, "present", &err), -EBUSY);
}

static void plans_give_no_masks(void **state)
{
	struct qb_error err = {0};

	assert_int_equal(qb_lever_judge(QB_LEVER_CACHE_REST, &none, "L3:0=1", &err), -EINVAL);
	assert_int_equal(qb_lever_judge(QB_LEVER_CACHE_MOUNT, &none, "unmounted", &err), -EINVAL);
	assert_int_equal(qb_lever_judge(QB_LEVER_CACHE_GROUP, &none, "absent", &err), -EINVAL);
}

/* ---- the arithmetic ---- */

static void a_block_at_one_end(void **state)
{
	static const struct {
		uint64_t all, shared;
		unsigned least;
		int64_t share;
		uint64_t block; /* 0: -ENOSPC */
	} cases[] = {
		{0x7ff, 0, 1, 250000, 0x700},
		{0x7ff, 0, 1, 10000, 0x400},
		{0x7ff, 0, 2, 10000, 0x600},
		{0x7ff, 0, 1, 900000, 0x7fe},
		{0x7ff, 0, 2, 900000, 0x7fc},
		{0x7ff, 0x600, 1, 250000, 0x7},
		{0x7ff, 0x600, 1, 900000, 0},
		{0x7ff, 0x601, 1, 250000, 0},
		{0x7ff, 0x3, 1, 500000, 0x7e0},
		{0x3, 0, 1, 500000, 0x2},
		{0x1, 0, 1, 500000, 0},
		{0x7, 0, 2, 500000, 0},
		{0x5, 0, 1, 500000, 0},
		{0x7ff, 0, 0x80000000u, 250000, 0},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		const struct qb_cache_ways ways = {cases[i].all, cases[i].shared, cases[i].least};
		uint64_t block = 0;

		assert_int_equal(qb_cache_block(&ways, cases[i].share, &block, NULL),
			cases[i].block ? 0 : -ENOSPC);
		assert_int_equal(block, cases[i].block);
	}
}

static void texts_are_divided(void **state)
{
	static const struct qb_cache_ways ways = {0xfff, 0, 1};
	static const struct {
		const char *current, *wish;
		enum qb_cache_part part;
		const char *text; /* NULL: an error */
	} cases[] = {
		{"L3:0=fff;1=fff", "25% of 0", QB_CACHE_BLOCK, "L3:0=e00;1=fff"},
		{"L3:0=fff;1=fff", "25% of 0-1", QB_CACHE_REST, "L3:0=1ff;1=1ff"},
		{"L3CODE:0=fff L3DATA:0=0ff", "50% of 0", QB_CACHE_REST, "L3CODE:0=3f L3DATA:0=3f"},
		{"L3CODE:0=fff L3DATA:0=fff", "50% of 0", QB_CACHE_BLOCK,
			"L3CODE:0=fc0 L3DATA:0=fc0"},
		{"L3:0=e00", "25% of 0", QB_CACHE_REST, NULL},
		{"L3:0=fff", "25% of 1", QB_CACHE_BLOCK, NULL},
		{"L3:0=00f;2=1", NULL, QB_CACHE_WHOLE, "L3:0=fff;2=fff"},
		{"L3:0=00f;2=1", NULL, QB_CACHE_SAME, "L3:0=f;2=1"},
		{"MB:0=100", NULL, QB_CACHE_SAME, NULL},
		{"L3:0=", NULL, QB_CACHE_SAME, NULL},
		{"", NULL, QB_CACHE_SAME, NULL},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(cases); i++) {
		struct qb_cache_wish wish;
		char text[64];
		int r;

		if (cases[i].wish)
			assert_int_equal(qb_cache_wish_parse(cases[i].wish, &wish), 0);
		r = qb_cache_divide(cases[i].current, cases[i].part, cases[i].wish ? &wish : NULL,
			&ways, text, sizeof(text), NULL);
		assert_int_equal(r == 0, cases[i].text != NULL);
		if (cases[i].text)
			assert_string_equal(text, cases[i].text);
	}
	assert_int_equal(
		qb_cache_divide("L3:0=f;1=f", QB_CACHE_SAME, NULL, &ways, (char[8]){0}, 8, NULL),
		-EFBIG);
}

static void wishes_are_judged(void **state)
{
	static const char *const bad[] = {"", "25%", "% of 0", "0% of 0", "100% of 0", "25% of",
		"25% of ", "25% of x", "7ff"};
	struct qb_cache_wish wish;

	for (size_t i = 0; i < QB_ARRAY_SIZE(bad); i++)
		assert_int_equal(qb_cache_wish_parse(bad[i], &wish), -EINVAL);
	assert_int_equal(qb_cache_wish_parse("12.5% of 0,2-3", &wish), 0);
	assert_int_equal(wish.share, 125000);
	assert_int_equal(qb_cpus_count(&wish.ids), 3);
}

/* ---- the plan ---- */

static void tell_plan(FILE *out)
{
	static struct qb_profile profile;
	struct qb_topology topology = {0};
	struct qb_selection selection = {0};
	const struct qb_wish wish = {
		.profile = &profile, .topology = &topology, .selection = &selection};
	_cleanup_(qb_steps_free) struct qb_steps steps = {0};

	qb_cpus_add(&selection.bench, 3);
	assert_int_equal(
		qb_setting_parse(QB_KEY_CACHE_L3, "25%", &profile.set[QB_KEY_CACHE_L3], NULL), 0);
	assert_int_equal(qb_cache_plan(&wish, &steps, NULL), 0);
	for (size_t i = 0; i < steps.n; i++)
		fprintf(out, "%s%s%s\n", qb_levers[steps.v[i].lever].part,
			steps.v[i].wanted ? " " : ": ",
			steps.v[i].wanted ? steps.v[i].wanted : steps.v[i].reason);
}

static void the_caches_of_the_benchmark_are_divided(void **state)
{
	char text[1024];

	mounted = false;
	tree_begin();
	tree_put("proc/filesystems", "nodev\tsysfs\nnodev\tresctrl\n");
	tree_put("proc/cpuinfo", "flags\t\t: fpu vme\n");
	tree_run(tell_plan, text, sizeof(text));
	assert_string_equal(text,
		"benchmark: this CPU cannot divide its L3 cache, or the kernel cannot (cat_l3 in "
		"/proc/cpuinfo, resctrl in /proc/filesystems)\n");
	tree_put("proc/cpuinfo", "flags\t\t: fpu cat_l3 vme\n");
	tree_run(tell_plan, text, sizeof(text));
	assert_string_equal(text,
		"benchmark: the host does not tell which L3 cache the benchmark's "
		"CPUs have (cpuN/cache/indexM/id)\n");
	tree_put("sys/devices/system/cpu/cpu3/cache/index0/level", "1\n");
	tree_put("sys/devices/system/cpu/cpu3/cache/index1/level", "3\n");
	tree_put("sys/devices/system/cpu/cpu3/cache/index1/id", "1\n");
	tree_run(tell_plan, text, sizeof(text));
	tree_end();
	assert_string_equal(text, "resctrl mounted\ngroup present\nbenchmark 25% of 1\n"
				  "cpus_list 3\nothers 25% of 1\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, fresh)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_at_one_end),
		cmocka_unit_test(texts_are_divided),
		cmocka_unit_test(wishes_are_judged),
		cmocka_unit_test(the_caches_of_the_benchmark_are_divided),
		TEST(mounted_for_the_run_and_not_after_it),
		TEST(what_was_mounted_stays_as_it_was),
		TEST(no_group_no_loss),
		TEST(others_are_left_alone),
		cmocka_unit_test(plans_give_no_masks),
	};

	return cmocka_run_group_tests_name("cache", tests, enter, NULL);
}
