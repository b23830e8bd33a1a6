/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory: huge pages, merging, migration, writing back. */
#include "table_internal.h"
#include <base/file.h>
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <levers/planning.h>

static int read_choice(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	char text[256];
	const char *word;
	ssize_t n = qb_file_read(lever->path, text, sizeof(text), err);

	if (n < 0)
		return (int)n;
	word = strchr(text, '[');
	if (!word || !strchr(word, ']') ||
		!qb_text_format(buf, size, "%.*s", (int)strcspn(word + 1, "]"), word + 1))
		return qb_error_set(
			err, EBADMSG, "read %s: expected a [word] in '%s'", lever->path, text);
	return 0;
}

static int judge_choice(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char offered[256];
	ssize_t n = qb_file_read(lever->path, offered, sizeof(offered), err);

	if (n < 0)
		return (int)n;
	for (char *c = offered; *c; c++)
		if (*c == '[' || *c == ']')
			*c = ' ';
	if (!qb_text_has_word(offered, text))
		return qb_error_set(
			err, EINVAL, "this kernel offers no '%s', only: %s", text, offered);
	return 0;
}

static int read_ksm(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	ssize_t n = qb_file_read(lever->path, buf, size, err);

	if (n < 0)
		return (int)n;
	/* Writing 2 again unmerges all pages once more. */
	if (strcmp(buf, "2") == 0)
		return qb_error_set(err, ENOENT, QB_KSM_UNMERGED);
	return 0;
}

static int write_once(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	char now[32];

	if (qb_file_read(lever->path, now, sizeof(now), NULL) >= 0 && strcmp(now, text) == 0)
		return 0;
	return qb_file_write(lever->path, text, err);
}

static int read_drop(const struct qb_lever *lever, const struct qb_unit *unit, char *buf,
	size_t size, struct qb_error *err)
{
	if (!qb_file_exists(lever->path))
		return qb_error_errno(err, ENOENT, "look at %s", lever->path);
	qb_text_copy(buf, size, "kept");
	return 0;
}

static int write_drop(const struct qb_lever *lever, const struct qb_unit *unit, const char *text,
	struct qb_error *err)
{
	(void)text; /* the judge lets no other in than "dropped", and nothing is ever put back */
	sync();	    /* what is not on the disk yet cannot be dropped */
	return qb_file_write(lever->path, "3", err);
}

const struct qb_lever_ops qb_choice_ops = {.read = read_choice, .judge = judge_choice};
const struct qb_lever_ops qb_ksm_ops = {.read = read_ksm};
const struct qb_lever_ops qb_once_ops = {.write = write_once};
const struct qb_lever_ops qb_drop_caches_ops = {.read = read_drop, .write = write_drop};

/* ---- planning ---- */

static const struct qb_plan_number numbers[] = {
	{QB_KEY_MEMORY_COMPACTION, QB_LEVER_COMPACTION,
		"this kernel does not compact ahead (vm.compaction_proactiveness is missing)"},
	{QB_KEY_MEMORY_ZONE_RECLAIM, QB_LEVER_ZONE_RECLAIM,
		"this kernel knows no memory nodes (CONFIG_NUMA)"},
	{QB_KEY_MEMORY_DIRTY_RATIO, QB_LEVER_DIRTY_RATIO, "vm.dirty_ratio is missing here"},
	{QB_KEY_MEMORY_DIRTY_BACKGROUND_RATIO, QB_LEVER_DIRTY_BACKGROUND_RATIO,
		"vm.dirty_background_ratio is missing here"},
};

static int remember(struct qb_steps *steps, enum qb_lever_id lever)
{
	return qb_plan_add(steps, lever, qb_unit_none(), NULL, NULL);
}

/* A word among those that the file itself offers. */
static int plan_choice(
	const struct qb_wish *wish, struct qb_steps *steps, enum qb_key key, enum qb_lever_id lever)
{
	const struct qb_lever *row = &qb_levers[lever];
	const struct qb_unit unit = qb_unit_none();
	const char *wanted = wish->profile->set[key].text;
	struct qb_error why = {0};

	if (!qb_plan_asks(wish, key))
		return 0;
	if (row->ops->judge(row, &unit, wanted, &why) == -EINVAL)
		return qb_steps_refuse(steps, lever, QB_STATUS_UNSUPPORTED, "%s", why.text);
	return qb_plan_add(steps, lever, unit, wanted,
		"this kernel or CPU has no transparent huge pages (CONFIG_TRANSPARENT_HUGEPAGE)");
}

static int plan_huge_pages(const struct qb_wish *wish, struct qb_steps *steps)
{
	int r = plan_choice(wish, steps, QB_KEY_MEMORY_THP, QB_LEVER_THP);

	if (r == 0)
		r = plan_choice(wish, steps, QB_KEY_MEMORY_THP_DEFRAG, QB_LEVER_THP_DEFRAG);
	if (r == 0)
		r = plan_choice(wish, steps, QB_KEY_MEMORY_THP_SHMEM, QB_LEVER_THP_SHMEM);
	/* Newer kernels compute the reserve anew for shared memory, too. */
	if (r == 0 && (qb_plan_asks(wish, QB_KEY_MEMORY_THP) ||
			      qb_plan_asks(wish, QB_KEY_MEMORY_THP_SHMEM)))
		r = remember(steps, QB_LEVER_MIN_FREE);
	return r;
}

static int plan_ksm(const struct qb_wish *wish, struct qb_steps *steps)
{
	const bool on = wish->profile->set[QB_KEY_MEMORY_KSM].number != 0;
	long long run;

	if (!qb_plan_asks(wish, QB_KEY_MEMORY_KSM))
		return 0;
	if (qb_file_read_number(qb_levers[QB_LEVER_KSM].path, &run, NULL) == 0 && run == 2)
		return qb_steps_refuse(steps, QB_LEVER_KSM,
			on ? QB_STATUS_UNSUPPORTED : QB_STATUS_UNCHANGED, QB_KSM_UNMERGED);
	return qb_plan_add(steps, QB_LEVER_KSM, qb_unit_none(), on ? "1" : "0",
		"this kernel merges no pages (CONFIG_KSM)");
}

/* A mask: 1 balances between nodes, 2 demotes to slower memory. */
static int plan_numa_balancing(const struct qb_wish *wish, struct qb_steps *steps)
{
	const bool on = wish->profile->set[QB_KEY_MEMORY_NUMA_BALANCING].number != 0;
	long long before;
	char wanted[24];

	if (!qb_plan_asks(wish, QB_KEY_MEMORY_NUMA_BALANCING))
		return 0;
	if (qb_file_read_number(qb_levers[QB_LEVER_NUMA_BALANCING].path, &before, NULL) < 0)
		before = 0;
	snprintf(wanted, sizeof(wanted), "%lld", on ? before | 1 : 0);
	return qb_plan_add(steps, QB_LEVER_NUMA_BALANCING, qb_unit_none(), wanted,
		"this kernel moves no pages between nodes (CONFIG_NUMA_BALANCING)");
}

/* Ratio and bytes zero each other: whichever was in force comes back. */
static int plan_dirty(const struct qb_wish *wish, struct qb_steps *steps)
{
	int r = 0;

	if (qb_plan_asks(wish, QB_KEY_MEMORY_DIRTY_RATIO))
		r = remember(steps, QB_LEVER_DIRTY_BYTES);
	if (r == 0 && qb_plan_asks(wish, QB_KEY_MEMORY_DIRTY_BACKGROUND_RATIO))
		r = remember(steps, QB_LEVER_DIRTY_BACKGROUND_BYTES);
	return r;
}

static int plan_drop_caches(const struct qb_wish *wish, struct qb_steps *steps)
{
	if (!wish->profile->set[QB_KEY_MEMORY_DROP_CACHES].number)
		return 0;
	return qb_plan_add(steps, QB_LEVER_DROP_CACHES, qb_unit_none(), "dropped",
		"this kernel cannot drop its caches (vm.drop_caches is missing)");
}

int qb_memory_plan(const struct qb_wish *wish, struct qb_steps *steps, struct qb_error *err)
{
	int r = plan_huge_pages(wish, steps);

	if (r == 0)
		r = plan_ksm(wish, steps);
	if (r == 0)
		r = plan_numa_balancing(wish, steps);
	if (r == 0)
		r = qb_plan_numbers(wish, steps, numbers, QB_ARRAY_SIZE(numbers));
	if (r == 0)
		r = plan_dirty(wish, steps);
	if (r == 0)
		r = plan_drop_caches(wish, steps);
	return r < 0 ? qb_error_errno(err, -r, "plan memory") : 0;
}
