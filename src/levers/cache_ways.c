/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.h: which ways, and the texts that say so. Touches no file. */
#include <base/macros.h>
#include <base/text.h>
#include <errno.h>
#include <inttypes.h>
#include <levers/cache.h>

#define OF	   "% of "
#define MILLIONTHS 1000000

int qb_cache_wish_parse(const char *text, struct qb_cache_wish *ret)
{
	const char *of = strstr(text, OF);
	struct qb_cache_wish wish;
	char share[32];

	if (!of || !qb_text_format(share, sizeof(share), "%.*s", (int)(of - text + 1), text) ||
		qb_quantity_parse(QB_QUANTITY_PERCENT, share, &wish.share) < 0 || wish.share <= 0 ||
		wish.share >= MILLIONTHS || qb_cpus_parse_list(of + strlen(OF), &wish.ids) < 0 ||
		qb_cpus_empty(&wish.ids))
		return -EINVAL;
	*ret = wish;
	return 0;
}

int qb_cache_block(
	const struct qb_cache_ways *ways, int64_t share, uint64_t *ret, struct qb_error *err)
{
	const unsigned total = (unsigned)__builtin_popcountll(ways->all);
	const unsigned least = ways->min_bits ? ways->min_bits : 1;
	unsigned n = (unsigned)((total * share + MILLIONTHS / 2) / MILLIONTHS);
	uint64_t low, high;

	/* The ways of a cache are numbered from 0 without holes. */
	if (total == 64 || ways->all != (UINT64_C(1) << total) - 1 || least > total / 2)
		return qb_error_set(err, ENOSPC,
			"an L3 cache of the ways %" PRIx64 ", at least %u to a group, cannot be "
			"divided",
			ways->all, least);
	n = n < least ? least : n > total - least ? total - least : n;
	low = (UINT64_C(1) << n) - 1;
	high = low << (total - n);
	if (high & ways->shared && low & ways->shared)
		return qb_error_set(err, ENOSPC,
			"devices share the ways %" PRIx64 " of %" PRIx64
			": no %u at either end are free of them; ask for a smaller share",
			ways->shared, ways->all, n);
	*ret = high & ways->shared ? low : high;
	return 0;
}

/* One "0=7ff" of a line, at *at; moves on to the next, or to the line's end. */
static bool next_cache(const char **at, unsigned *ret_id, uint64_t *ret_mask)
{
	int used = 0;

	if (sscanf(*at, "%u=%" SCNx64 "%n", ret_id, ret_mask, &used) != 2 || !used)
		return false;
	*at += used;
	*at += **at == ';';
	return true;
}

struct division {
	enum qb_cache_part part;
	const struct qb_cache_wish *wish;
	const struct qb_cache_ways *ways;
	uint64_t block;
	struct qb_cpus seen; /* the caches that the text told of */
	bool empty;	     /* too little would be left of one */
	FILE *out;
};

static uint64_t mask_of(const struct division *d, unsigned id, uint64_t now)
{
	switch (d->part) {
	case QB_CACHE_SAME: break;
	case QB_CACHE_WHOLE: return d->ways->all;
	case QB_CACHE_BLOCK: return qb_cpus_has(&d->wish->ids, id) ? d->block : now;
	case QB_CACHE_REST: return qb_cpus_has(&d->wish->ids, id) ? now & ~d->block : now;
	}
	return now;
}

/* One line, up to a blank or the end. */
static bool divide_line(struct division *d, const char **at)
{
	const char *colon = strchr(*at, ':'), *before = "";

	if (!colon || strncmp(*at, "L3", 2) != 0)
		return false;
	fprintf(d->out, "%.*s", (int)(colon + 1 - *at), *at);
	for (*at = colon + 1; **at && **at != ' '; before = ";") {
		uint64_t mask;
		unsigned id;

		if (!next_cache(at, &id, &mask))
			return false;
		mask = mask_of(d, id, mask);
		d->empty |= (unsigned)__builtin_popcountll(mask) < d->ways->min_bits;
		fprintf(d->out, "%s%u=%" PRIx64, before, id, mask);
		qb_cpus_add(&d->seen, id);
	}
	return true;
}

static bool divide_lines(struct division *d, const char *at)
{
	bool good = *at;

	while (good && *at) {
		good = divide_line(d, &at);
		if (good && *at == ' ' && at++)
			fputc(' ', d->out);
	}
	return good && (!d->wish || qb_cpus_subset(&d->wish->ids, &d->seen));
}

int qb_cache_divide(const char *current, enum qb_cache_part part, const struct qb_cache_wish *wish,
	const struct qb_cache_ways *ways, char *buf, size_t size, struct qb_error *err)
{
	struct division d = {.part = part, .wish = wish, .ways = ways};
	int r = wish ? qb_cache_block(ways, wish->share, &d.block, err) : 0;
	bool fits, good;

	if (r < 0)
		return r;
	d.out = fmemopen(buf, size, "w");
	if (!d.out)
		return qb_error_errno(err, errno, "divide the L3 cache");
	good = divide_lines(&d, current);
	fits = fflush(d.out) == 0 && (size_t)ftell(d.out) < size;
	fclose(d.out);
	if (!good)
		return qb_error_set(err, EBADMSG,
			"resctrl lists the L3 caches '%s': those of the benchmark's CPUs are not among them",
			current);
	if (d.empty)
		return qb_error_set(err, ENOSPC,
			"of the L3 caches '%s' too little would be left for everybody else",
			current);
	return fits ? 0 : qb_error_set(err, EFBIG, "resctrl's list of L3 caches is too long");
}

int qb_cache_lines(const char *schemata, char *buf, size_t size, struct qb_error *err)
{
	buf[0] = '\0';
	for (const char *line = schemata; *line; line += strcspn(line, "\n")) {
		line += strspn(line, " \n");
		if (strncmp(line, "L3", 2) != 0)
			continue;
		if (!qb_text_join(buf, size, " ", "%.*s", (int)strcspn(line, "\n"), line))
			return qb_error_set(err, EFBIG, "resctrl's list of L3 caches is too long");
	}
	return *buf ? 0
		    : qb_error_set(err, ENOTSUP,
			      "resctrl offers no L3 cache to divide (no CAT for it, or rdt=!l3cat)");
}
