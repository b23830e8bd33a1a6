/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any words as a command line: refused with a text, or understood; and then the same options,
 * written as --name=value, are understood as the same. The first byte says which options there are.
 */
#include "fuzz.h"
#include <cli/options.h>
#include <errno.h>

#define WORDS 64
#define TEXT  4096

/* argv, its words ended by the NULs in the text. */
static int split(char *text, size_t size, char **argv)
{
	int argc = 0;

	for (size_t at = 0; at < size && argc < WORDS; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	return argc;
}

struct line {
	char text[TEXT];
	size_t used;
	char *argv[QB_OPTIONS + QB_REQUEST_SETS + QB_REQUEST_REQUIRES];
	int argc;
};

static void add(struct line *line, unsigned id, const char *value)
{
	char *word = line->text + line->used;
	int n = snprintf(word, sizeof(line->text) - line->used, "--%s%s%s", qb_options[id].name,
		value ? "=" : "", value ? value : "");

	must(n > 0 && (size_t)n < sizeof(line->text) - line->used);
	line->used += (size_t)n + 1;
	line->argv[line->argc++] = word;
}

static void write_anew(const struct qb_options *options, struct line *line)
{
	for (unsigned id = 0; id < QB_OPTIONS; id++)
		if ((options->given >> id & 1) && id != QB_OPTION_SET && id != QB_OPTION_REQUIRE)
			add(line, id, qb_options[id].argument ? options->value[id] : NULL);
	for (unsigned i = 0; i < options->n_set; i++)
		add(line, QB_OPTION_SET, options->set[i]);
	for (unsigned i = 0; i < options->n_require; i++)
		add(line, QB_OPTION_REQUIRE, options->require[i]);
}

static void check_same(const struct qb_options *a, const struct qb_options *b)
{
	must(a->given == b->given && a->n_set == b->n_set && a->n_require == b->n_require);
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		must(a->number[id] == b->number[id]);
		must(!a->value[id] == !b->value[id]);
		if (a->value[id] && id != QB_OPTION_SET && id != QB_OPTION_REQUIRE)
			must(strcmp(a->value[id], b->value[id]) == 0);
	}
	for (unsigned i = 0; i < a->n_set; i++)
		must(strcmp(a->set[i], b->set[i]) == 0);
	for (unsigned i = 0; i < a->n_require; i++)
		must(strcmp(a->require[i], b->require[i]) == 0);
}

/* With options behind operands, too: what is refused at the front is refused, and operands are counted. */
static void check_gathered(uint64_t known, int argc, char **argv, int parsed)
{
	struct qb_options options = {0};
	struct qb_error err = {0};
	int r = qb_options_gather(known, argc, argv, &options, &err);

	must((r >= 0 && r <= argc && !argv[r]) || (r == -EINVAL && err.text[0]));
	must(parsed >= 0 || r < 0);
	must((options.given & ~known) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t every = (UINT64_C(1) << QB_OPTIONS) - 1;
	struct qb_options options = {0}, again = {0};
	struct qb_error err = {0};
	_cleanup_free_ char *text = NULL;
	char *argv[WORDS + 1] = {0}, *operands[WORDS + 1];
	struct line line = {.used = 0};
	uint64_t known;
	int argc, r;

	if (size < 2 || size > TEXT / 2)
		return 0;
	known = data[0] % 4 ? every : every >> data[0] / 16;
	text = text_of(data + 1, size - 1);
	argc = split(text, size - 1, argv);
	r = qb_options_parse(known, argc, argv, &options, &err);
	must((r >= 0 && r <= argc) || (r == -EINVAL && err.text[0]));
	must((options.given & ~known) == 0);
	memcpy(operands, argv, sizeof(argv));
	check_gathered(known, argc, operands, r);
	if (r < 0)
		return 0;
	must(r == argc || r == 0 || argv[r][0] != '-' || !argv[r][1] ||
		strcmp(argv[r - 1], "--") == 0);
	write_anew(&options, &line);
	must(qb_options_parse(known, line.argc, line.argv, &again, NULL) == line.argc);
	check_same(&options, &again);
	return 0;
}
