/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What resctrl says of the L3 caches, and the share of them that is wished for: refused, or divided
 * into parts that share no way and together are all. {ways, shared ways, least ways, a wish up to a
 * newline, the text of schemata}.
 */
#include "fuzz.h"
#include <errno.h>
#include <levers/cache.h>

#define HEAD 5
#define LINE 2048

static uint64_t low_bits(unsigned n)
{
	return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* Written in our way it is read as the same. */
static bool normalise(const char *line, const struct qb_cache_ways *ways, char *buf, size_t size)
{
	char again[LINE];
	struct qb_error err = {0};
	int r = qb_cache_divide(line, QB_CACHE_SAME, NULL, ways, buf, size, &err);

	must(r == 0 || r == -err.code);
	if (r < 0)
		return false;
	must(qb_cache_divide(buf, QB_CACHE_SAME, NULL, ways, again, sizeof(again), NULL) == 0);
	must(strcmp(buf, again) == 0);
	return true;
}

static void divide(
	const char *line, const struct qb_cache_wish *wish, const struct qb_cache_ways *ways)
{
	char ours[LINE], rest[LINE], all[LINE], again[LINE];
	uint64_t block = 0;
	struct qb_error err = {0};
	int r = qb_cache_block(ways, wish->share, &block, &err);

	must(r == 0 || (r == -ENOSPC && err.code == ENOSPC && !block));
	if (r == 0) {
		must(block && (block & ~ways->all) == 0 && block != ways->all);
		must((unsigned)__builtin_popcountll(block) >= ways->min_bits);
		must((unsigned)__builtin_popcountll(ways->all & ~block) >= ways->min_bits);
		must(!(block & ways->shared));
	}
	if (qb_cache_divide(line, QB_CACHE_WHOLE, NULL, ways, all, sizeof(all), NULL) < 0 ||
		qb_cache_divide(all, QB_CACHE_REST, wish, ways, rest, sizeof(rest), NULL) < 0)
		return;
	must(r == 0);
	must(qb_cache_divide(line, QB_CACHE_BLOCK, wish, ways, ours, sizeof(ours), &err) == 0 ||
		err.code == ENOSPC || err.code == EFBIG);
	must(qb_cache_divide(rest, QB_CACHE_WHOLE, wish, ways, again, sizeof(again), NULL) == 0);
	must(strcmp(all, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct qb_cache_ways ways;
	struct qb_cache_wish wish;
	_cleanup_free_ char *text = NULL;
	char line[LINE], same[LINE];
	struct qb_error err = {0};
	char *schemata;
	int r;

	if (size < HEAD)
		return 0;
	ways.all = low_bits(data[0] % 66);
	ways.shared = (uint64_t)data[1] << data[2] % 56;
	ways.min_bits = data[3] == 0xff ? UINT32_C(0x80000000) : data[3];
	if (data[4] == 0xff)
		ways.all ^= 2; /* a hole */
	text = text_of(data + HEAD, size - HEAD);
	schemata = text + strcspn(text, "\n");
	if (*schemata)
		*schemata++ = '\0';
	r = qb_cache_lines(schemata, line, sizeof(line), &err);
	must(r == 0 || (r == -err.code && (r == -EFBIG || r == -ENOTSUP)));
	if (r < 0 || !normalise(line, &ways, same, sizeof(same)))
		return 0;
	if (qb_cache_wish_parse(text, &wish) == 0) {
		must(wish.share > 0 && wish.share < 1000000 && !qb_cpus_empty(&wish.ids));
		divide(line, &wish, &ways);
	}
	return 0;
}
