/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache.l3: ways of the L3 cache for the benchmark alone, through resctrl.
 *
 * A group of ours gets the CPUs of the benchmark and a block of ways; the default group, which is
 * everybody else, loses these ways. Only in the caches that the benchmark's CPUs have. Where the
 * file system is not mounted we mount it, and unmount it in the end, which resets everything.
 *
 * A plan cannot know the ways, since nobody tells before the mount. So it says "25% of 0,2" (of
 * the caches with the ids 0 and 2), and what that means is worked out when it is written. What is
 * read, and put back, is the kernel's text: "L3:0=7ff;1=7ff", with CDP "L3CODE:… L3DATA:…"; "" is
 * a group that is not there, or the default group of a fresh mount.
 *
 * The arithmetic is in cache_ways.c.
 */
#ifndef QB_LEVERS_CACHE_H
#define QB_LEVERS_CACHE_H

#include <quietbench/lever.h>

extern const struct qb_lever_ops qb_cache_mount_ops; /* "unmounted" | "mounted" */
extern const struct qb_lever_ops qb_cache_group_ops; /* "absent" | "present" */
extern const struct qb_lever_ops qb_cache_l3_ops;    /* the benchmark's ways */
extern const struct qb_lever_ops qb_cache_rest_ops;  /* everybody else's */
extern const struct qb_lever_ops qb_cache_cpus_ops;  /* a list, "" where the group is not there */

#define QB_RESCTRL_DIR "/sys/fs/resctrl"
#define QB_CACHE_GROUP "quietbench"

bool qb_cache_mounted(void);
/* Groups that are not ours: -EBUSY, naming one. We cannot take their ways. */
int qb_cache_check_alone(struct qb_error *err);

/* What one resource ("L3"; with CDP "L3CODE" and "L3DATA", which are alike) has to give. */
struct qb_cache_ways {
	uint64_t all;	   /* a bit per way */
	uint64_t shared;   /* those that devices use as well */
	unsigned min_bits; /* the least ways of a group */
};

/* "25% of 0,2": 0, or -EINVAL. */
struct qb_cache_wish {
	int64_t share; /* millionths */
	struct qb_cpus ids;
};
int qb_cache_wish_parse(const char *text, struct qb_cache_wish *ret);

/*
 * The benchmark's ways: a block at one end, so that what is left is a block too; at the upper end, or
 * at the lower one where devices share the upper. -ENOSPC: there is no such block.
 */
int qb_cache_block(
	const struct qb_cache_ways *ways, int64_t share, uint64_t *ret, struct qb_error *err);

/* What becomes of the caches of a group. */
enum qb_cache_part {
	QB_CACHE_SAME,	/* what they are, written in our way */
	QB_CACHE_WHOLE, /* all of them get all ways, as after a mount */
	QB_CACHE_BLOCK, /* those of the wish get the benchmark's block */
	QB_CACHE_REST,	/* those of the wish lose it */
};
/*
 * `current` ("L3:0=7ff;1=7ff") with that done. `wish` may be NULL for the first two. -EBADMSG: no
 * such text, or a cache of the wish is not in it. -ENOSPC: not enough would be left.
 */
int qb_cache_divide(const char *current, enum qb_cache_part part, const struct qb_cache_wish *wish,
	const struct qb_cache_ways *ways, char *buf, size_t size, struct qb_error *err);

/* Of the text of a schemata file the lines of the L3, in one: "L3CODE:0=f L3DATA:0=f". */
int qb_cache_lines(const char *schemata, char *buf, size_t size, struct qb_error *err);

#endif
