/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text as a CPU list, a mask, a number, a quantity, and before the judge of single values. What
 * is understood is written out, and then understood as the same. The first byte chooses.
 */
#include "fuzz.h"
#include <errno.h>
#include <quietbench/step.h>
#include <quietbench/value.h>

/* A refusal leaves the result alone. */
static bool untouched(const struct qb_cpus *set)
{
	return set->bits[0] == 5 && qb_cpus_count(set) == 2;
}

static void check_set(const struct qb_cpus *set)
{
	static char text[QB_CPUS_TEXT];
	struct qb_cpus again;

	must(qb_cpus_format_list(set, text, sizeof(text)) == 0);
	must(qb_cpus_parse_list(text, &again) == 0 && qb_cpus_equal(set, &again));
	must(qb_cpus_format_list(set, text, strlen(text)) == -ENOSPC);
	must(qb_cpus_format_hex(set, 0, text, sizeof(text)) == 0);
	must(qb_cpus_parse_hex(text, &again) == 0 && qb_cpus_equal(set, &again));
	must(qb_cpus_format_hex(set, 0, text, strlen(text)) == -ENOSPC);
}

static void fuzz_cpus(int (*parse)(const char *, struct qb_cpus *), const char *text)
{
	struct qb_cpus set = {.bits = {5}};
	int r = parse(text, &set);

	must(r == 0 || ((r == -EINVAL || r == -ERANGE) && untouched(&set)));
	if (r == 0)
		check_set(&set);
}

static void fuzz_quantity(enum qb_quantity quantity, const char *text)
{
	int64_t value = -7, again;
	int r = qb_quantity_parse(quantity, text, &value);
	char buf[64];

	must(r == 0 || ((r == -EINVAL || r == -ERANGE) && value == -7));
	if (r < 0)
		return;
	qb_quantity_format(quantity, value, buf, sizeof(buf));
	must(qb_quantity_parse(quantity, buf, &again) == 0 && again == value);
}

static void fuzz_spec(const struct qb_spec *spec, const char *text)
{
	struct qb_error err = {0};
	int r = qb_spec_judge(spec, text, &err);

	must(r == 0 || (r == -err.code && err.text[0]));
	must(r < 0 || strlen(text) < QB_TEXT_MAX);
	must(r < 0 || spec->type == QB_VALUE_LIST || spec->type == QB_VALUE_MASK ||
		!strchr(text, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qb_spec specs[] = {
		{.type = QB_VALUE_NUMBER, .min = -20, .max = 1000},
		{.type = QB_VALUE_WORD, .choices = "on off forceoff"},
		{.type = QB_VALUE_WORD},
		{.type = QB_VALUE_LIST},
		{.type = QB_VALUE_MASK},
		{.type = QB_VALUE_TEXT},
	};
	_cleanup_free_ char *text = size ? text_of(data + 1, size - 1) : NULL;
	unsigned choice = size ? data[0] % 13u : 13;

	if (choice == 0)
		fuzz_cpus(qb_cpus_parse_list, text);
	else if (choice == 1)
		fuzz_cpus(qb_cpus_parse_hex, text);
	else if (choice < 7)
		fuzz_quantity((enum qb_quantity)(choice - 2), text);
	else if (choice < 13)
		fuzz_spec(&specs[choice - 7], text);
	return 0;
}
