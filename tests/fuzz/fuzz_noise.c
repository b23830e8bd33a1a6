/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel counts and traces, as any text: within bounds, and of a cut text no more than of
 * all of it. The first byte chooses the file, the second where it is cut.
 */
#include "fuzz.h"
#include <noise/cgroup.h>
#include <noise/counters.h>
#include <noise/trace.h>

#define ends(array) (memchr((array), '\0', sizeof(array)) != NULL)

/* Read in two pieces, as pipes are: the same comes of it, unless a line is longer than any. */
static void fuzz_trace(const char *text, size_t cut)
{
	static struct qb_trace_cpu whole, pieces;
	const struct qb_trace trace = {.from_ns = 1};
	_cleanup_free_ char *first = strndup(text, cut);

	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	must(first != NULL);
	qb_trace_take(&trace, &whole, text);
	qb_trace_take(&trace, &pieces, first);
	qb_trace_take(&trace, &pieces, text + strlen(first));
	must(whole.n <= QB_TRACE_ROWS && whole.depth <= QB_TRACE_DEPTH);
	must(ends(whole.rest) && ends(pieces.rest));
	for (size_t i = 0; i < whole.n; i++)
		must(ends(whole.rows[i].name) && whole.rows[i].name[0]);
	if (strlen(text) < sizeof(whole.rest))
		must(whole.n == pieces.n && whole.lost == pieces.lost &&
			memcmp(whole.rows, pieces.rows, sizeof(whole.rows)) == 0);
}

static void fuzz_sources(const char *text, unsigned cpu)
{
	static uint64_t counts[QB_SOURCES_MAX];
	struct qb_sources sources = {0};

	must(qb_sources_parse(text, &sources, NULL) == 0 && sources.n <= QB_SOURCES_MAX);
	for (size_t i = 0; i < sources.n; i++)
		must(ends(sources.v[i].label) && ends(sources.v[i].name));
	(void)qb_sources_take(&sources, text, cpu, counts, NULL);
	qb_sources_free(&sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = size > 2 ? text_of(data + 2, size - 2) : NULL;
	uint64_t number;

	if (!text)
		return 0;
	switch (data[0] % 4) {
	case 0: fuzz_trace(text, data[1]); break;
	case 1: fuzz_sources(text, data[1]); break;
	case 2:
		(void)qb_counters_steal(text, data[1], &number);
		(void)qb_counters_busy(text, data[1], &number);
		break;
	default: (void)qb_pressure_parse(text, &number); break;
	}
	return 0;
}
