/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.h: the mount, the group, and what it gets. */
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <inttypes.h>
#include <levers/cache.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define GROUP_DIR QB_RESCTRL_DIR "/" QB_CACHE_GROUP

bool qb_cache_mounted(void)
{
	struct statfs fs;

	return statfs(QB_RESCTRL_DIR, &fs) == 0 && fs.f_type == RDTGROUP_SUPER_MAGIC;
}

int qb_cache_check_alone(struct qb_error *err)
{
	_cleanup_closedir_ DIR *dir = opendir(QB_RESCTRL_DIR);
	const struct dirent *entry;

	if (!dir)
		return qb_error_errno(err, errno, "list %s", QB_RESCTRL_DIR);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
			strcmp(entry->d_name, "info") != 0 &&
			strcmp(entry->d_name, "mon_data") != 0 &&
			strcmp(entry->d_name, "mon_groups") != 0 &&
			strcmp(entry->d_name, QB_CACHE_GROUP) != 0)
			return qb_error_set(err, EBUSY,
				"another program divides the cache (%s/%s): its ways are left alone",
				QB_RESCTRL_DIR, entry->d_name);
	return 0;
}

/* resctrl's errno says little; why it refused is in a file of its own. */
static int explain(int r, struct qb_error *err)
{
	char status[256];

	if (r < 0 &&
		qb_file_read(QB_RESCTRL_DIR "/info/last_cmd_status", status, sizeof(status), NULL) >
			0 &&
		strcmp(status, "ok") != 0)
		return qb_error_wrap(err, "the kernel says '%s'", status);
	return r;
}

static int read_mount(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	qb_text_copy(buf, size, qb_cache_mounted() ? "mounted" : "unmounted");
	return 0;
}

static int write_mount(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const bool on = strcmp(text, "mounted") == 0;

	if (on == qb_cache_mounted())
		return 0;
	if (on && mount("resctrl", QB_RESCTRL_DIR, "resctrl",
			  MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, NULL) < 0)
		return qb_error_errno(err, errno,
			"mount resctrl on %s (EBUSY: it is mounted in another mount namespace)",
			QB_RESCTRL_DIR);
	if (on)
		return 0;
	/* Unmounting would remove the groups that other programs have made since. */
	if (qb_cache_check_alone(err) < 0)
		return qb_error_wrap(err, "unmount %s", QB_RESCTRL_DIR);
	return umount2(QB_RESCTRL_DIR, 0) < 0
		       ? qb_error_errno(err, errno, "unmount %s", QB_RESCTRL_DIR)
		       : 0;
}

const struct qb_lever_ops qb_cache_mount_ops = {.read = read_mount, .write = write_mount};

static int read_group(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	int r = qb_file_find(GROUP_DIR, err);

	if (r < 0)
		return r;
	qb_text_copy(buf, size, r ? "present" : "absent");
	return 0;
}

static int write_group(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	const bool make = strcmp(text, "present") == 0;
	int r = 0;

	if (make && !qb_cache_mounted())
		return qb_error_set(err, ENOENT, "resctrl is not mounted");
	if (make)
		r = qb_cache_check_alone(err);
	if (r == 0 && (make ? mkdir(GROUP_DIR, 0755) : rmdir(GROUP_DIR)) < 0 &&
		(make || errno != ENOENT))
		r = qb_error_errno(
			err, errno, "%s the cache group %s", make ? "make" : "remove", GROUP_DIR);
	return explain(r, err);
}

const struct qb_lever_ops qb_cache_group_ops = {.read = read_group, .write = write_group};

static int read_hex(const char *path, uint64_t *ret, struct qb_error *err)
{
	char text[64], *end;
	ssize_t n = qb_file_read(path, text, sizeof(text), err);
	uint64_t value;

	if (n < 0)
		return (int)n;
	value = strtoull(text, &end, 16);
	if (!n || *end)
		return qb_error_set(err, EBADMSG, "%s reads '%s'", path, text);
	*ret = value;
	return 0;
}

/* With CDP code and data are alike, and their ways are of one cache. */
static int read_ways(struct qb_cache_ways *ret, struct qb_error *err)
{
	const char *name = qb_file_exists(QB_RESCTRL_DIR "/info/L3CODE") ? "L3CODE" : "L3";
	struct qb_cache_ways ways = {.min_bits = 1};
	long long least;
	char path[128];
	int r;

	qb_text_format(path, sizeof(path), QB_RESCTRL_DIR "/info/%s/cbm_mask", name);
	r = read_hex(path, &ways.all, err);
	qb_text_format(path, sizeof(path), QB_RESCTRL_DIR "/info/%s/shareable_bits", name);
	if (r == 0)
		r = read_hex(path, &ways.shared, err);
	qb_text_format(path, sizeof(path), QB_RESCTRL_DIR "/info/%s/min_cbm_bits", name);
	if (r == 0)
		r = qb_file_read_number(path, &least, err);
	if (r < 0)
		return r;
	ways.min_bits = (unsigned)least;
	*ret = ways;
	return 0;
}

static const char *folder_of(bool rest)
{
	return rest ? QB_RESCTRL_DIR : GROUP_DIR;
}

/* The L3 of a group; "" where the group is not there, or nothing is mounted. */
static int read_l3(bool rest, char *buf, size_t size, struct qb_error *err)
{
	char path[128], schemata[QB_TEXT_MAX];
	ssize_t n;

	buf[0] = '\0';
	if (!qb_cache_mounted() || !qb_file_exists(folder_of(rest)))
		return 0;
	qb_text_format(path, sizeof(path), "%s/schemata", folder_of(rest));
	n = qb_file_read(path, schemata, sizeof(schemata), err);
	return n < 0 ? (int)n : qb_cache_lines(schemata, buf, size, err);
}

/* The masks that a text stands for where the caches are `current`: a wish, "" or masks already. */
static int masks_of(const char *text, bool rest, const char *current, char *buf, size_t size,
	struct qb_error *err)
{
	struct qb_cache_wish wish;
	struct qb_cache_ways ways;
	int r = read_ways(&ways, err);

	if (r < 0)
		return r;
	if (!*text)
		return qb_cache_divide(current, QB_CACHE_WHOLE, NULL, &ways, buf, size, err);
	if (qb_cache_wish_parse(text, &wish) < 0)
		return qb_cache_divide(text, QB_CACHE_SAME, NULL, &ways, buf, size, err);
	return qb_cache_divide(
		current, rest ? QB_CACHE_REST : QB_CACHE_BLOCK, &wish, &ways, buf, size, err);
}

static int write_l3(bool rest, const char *text, struct qb_error *err)
{
	char current[QB_TEXT_MAX], masks[QB_TEXT_MAX], path[128];
	int r = read_l3(rest, current, sizeof(current), err);

	if (r < 0)
		return r;
	/* Without the group there is nothing to give, nor to give back. */
	if (!*current)
		return *text ? qb_error_set(err, ENOENT, "%s is not there", folder_of(rest)) : 0;
	r = masks_of(text, rest, current, masks, sizeof(masks), err);
	if (r < 0)
		return r;
	for (char *blank = masks; (blank = strchr(blank, ' '));)
		*blank = '\n';
	qb_text_format(path, sizeof(path), "%s/schemata", folder_of(rest));
	return explain(qb_file_write(path, masks, err), err);
}

static bool is_masks(const char *text)
{
	struct qb_cache_wish wish;

	return *text && qb_cache_wish_parse(text, &wish) < 0;
}

static bool same_l3(bool rest, const char *a, const char *b)
{
	const char *current = is_masks(a) ? a : b;
	char x[QB_TEXT_MAX], y[QB_TEXT_MAX];

	return strcmp(a, b) == 0 ||
	       (is_masks(current) && masks_of(a, rest, current, x, sizeof(x), NULL) == 0 &&
		       masks_of(b, rest, current, y, sizeof(y), NULL) == 0 && strcmp(x, y) == 0);
}

static int judge_l3(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cache_wish wish;

	if (qb_cache_wish_parse(text, &wish) < 0)
		return qb_error_set(err, EINVAL,
			"expected a share of some caches ('25%% of 0'): '%.64s'", text);
	return 0;
}

static int read_bench(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	return read_l3(false, buf, size, err);
}

static int write_bench(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	return write_l3(false, text, err);
}

static bool same_bench(const char *a, const char *b)
{
	return same_l3(false, a, b);
}

const struct qb_lever_ops qb_cache_l3_ops = {
	.read = read_bench, .write = write_bench, .judge = judge_l3, .same = same_bench};

static int read_rest(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	return read_l3(true, buf, size, err);
}

/* Other groups lose no ways that the benchmark did not get. */
static int write_rest(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	struct qb_cache_wish wish;
	char theirs[QB_TEXT_MAX];

	if (qb_cache_wish_parse(text, &wish) == 0 &&
		(read_l3(false, theirs, sizeof(theirs), NULL) < 0 || !same_bench(theirs, text)))
		return qb_error_set(err, ECANCELED, "the benchmark did not get its ways");
	return write_l3(true, text, err);
}

static bool same_rest(const char *a, const char *b)
{
	return same_l3(true, a, b);
}

const struct qb_lever_ops qb_cache_rest_ops = {
	.read = read_rest, .write = write_rest, .judge = judge_l3, .same = same_rest};

static int read_cpus(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	ssize_t n;

	buf[0] = '\0';
	if (!qb_file_exists(GROUP_DIR))
		return 0;
	n = qb_file_read(GROUP_DIR "/cpus_list", buf, size, err);
	return n < 0 ? (int)n : 0;
}

static int write_cpus(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	if (!*text && !qb_file_exists(GROUP_DIR))
		return 0;
	return explain(qb_file_write(GROUP_DIR "/cpus_list", text, err), err);
}

const struct qb_lever_ops qb_cache_cpus_ops = {.read = read_cpus, .write = write_cpus};

/* ---- planning: can the L3 be divided here, and which caches ---- */

/* Of one CPU; first-level data and code have one each. */
#define LEVELS_MAX 10

static int refuse(struct qb_steps *steps, const char *why)
{
	return qb_steps_refuse(steps, QB_LEVER_CACHE_L3, QB_STATUS_UNSUPPORTED, "%s", why);
}

/* Is a blank-separated word anywhere in this file (cpuinfo tells flags that way)? */
static bool file_has_word(const char *path, const char *word)
{
	_cleanup_free_ char *text = NULL;

	if (qb_file_read_all(path, &text, NULL) < 0)
		return false;
	for (char *c = text; *c; c++)
		*c = *c == '\n' || *c == '\t' ? ' ' : *c;
	return qb_text_has_word(text, word);
}

/* Can it be? What a mount would show is known only after it. */
static int offered(const struct qb_topology *topology, struct qb_error *why)
{
	if (qb_cache_mounted()) {
		if (!qb_file_exists(QB_RESCTRL_DIR "/info/L3/cbm_mask") &&
			!qb_file_exists(QB_RESCTRL_DIR "/info/L3CODE/cbm_mask"))
			return qb_error_set(
				why, ENOTSUP, "resctrl offers no L3 cache to divide on this host");
		return qb_cache_check_alone(why);
	}
	if (file_has_word("/proc/filesystems", "resctrl") &&
		file_has_word("/proc/cpuinfo", "cat_l3"))
		return 0;
	return qb_error_set(why, ENOTSUP, "%s",
		topology->guest ? "the hypervisor keeps the division of caches to itself"
				: "this CPU cannot divide its L3 cache, or the kernel cannot "
				  "(cat_l3 in /proc/cpuinfo, resctrl in /proc/filesystems)");
}

/* The id of the L3 that a CPU has, as resctrl counts them. */
static int l3_of(unsigned cpu, unsigned *ret)
{
	for (unsigned i = 0; i < LEVELS_MAX; i++) {
		long long level, id;
		char path[128];

		qb_text_format(path, sizeof(path),
			"/sys/devices/system/cpu/cpu%u/cache/index%u/level", cpu, i);
		if (qb_file_read_number(path, &level, NULL) < 0 || level != 3)
			continue;
		qb_text_format(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/cache/index%u/id",
			cpu, i);
		if (qb_file_read_number(path, &id, NULL) < 0 || id < 0 || id >= QB_CPUS_MAX)
			return -ENOENT;
		*ret = (unsigned)id;
		return 0;
	}
	return -ENOENT;
}

/* "25% of 0,2" */
static int wish_text(const struct qb_wish *wish, char *buf, size_t size)
{
	char share[32], ids[256];
	struct qb_cpus caches = {0};

	qb_cpus_foreach (cpu, &wish->selection->bench) {
		unsigned id;

		if (l3_of(cpu, &id) < 0)
			return -ENOENT;
		qb_cpus_add(&caches, id);
	}
	qb_quantity_format(QB_QUANTITY_PERCENT, wish->profile->set[QB_KEY_CACHE_L3].number, share,
		sizeof(share));
	return qb_cpus_format_list(&caches, ids, sizeof(ids)) == 0 &&
			       qb_text_format(buf, size, "%s of %s", share, ids)
		       ? 0
		       : -EFBIG;
}

int qb_cache_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	char share[512], cpus[QB_TEXT_MAX];
	struct qb_error why = {0};
	const struct {
		enum qb_lever_id lever;
		const char *wanted;
	} rows[] = {
		{QB_LEVER_CACHE_MOUNT, "mounted"},
		{QB_LEVER_CACHE_GROUP, "present"},
		{QB_LEVER_CACHE_L3, share},
		{QB_LEVER_CACHE_CPUS, cpus},
		{QB_LEVER_CACHE_REST, share},
	};
	int r = 0;

	if (qb_setting_is(&wish->profile->set[QB_KEY_CACHE_L3], "keep"))
		return 0;
	if (offered(wish->topology, &why) < 0)
		r = refuse(steps, why.text);
	else if (wish_text(wish, share, sizeof(share)) < 0)
		r = refuse(steps, "the host does not tell which L3 cache the benchmark's CPUs have "
				  "(cpuN/cache/indexM/id)");
	else if (qb_cpus_format_list(&wish->selection->bench, cpus, sizeof(cpus)) < 0)
		r = refuse(steps, "the list of the benchmark's CPUs is too long");
	else
		for (size_t i = 0; i < QB_ARRAY_SIZE(rows) && r == 0; i++)
			r = qb_steps_add(steps, rows[i].lever, qb_unit_none(), NULL, rows[i].wanted)
				    ? 0
				    : -ENOMEM;
	return r < 0 ? qb_error_errno(err, -r, "plan the cache") : 0;
}
