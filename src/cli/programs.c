/* SPDX-License-Identifier: GPL-2.0-or-later */
/* programs.h */
#include <base/macros.h>
#include <base/text.h>
#include <cli/programs.h>
#include <client/child.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

struct qb_program_text {
	char name[2];
	char *line; /* owned */
	bool split; /* words is to be freed */
	wordexp_t words;
	char *shell[4];
	char path[PATH_MAX];
};

/* ---- parameters ---- */

/* `text` with `value` for each {name}: malloc'd. */
static char *fill_in(
	const char *text, const char *name, size_t name_size, const char *value, size_t value_size)
{
	char *line = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&line, &size);

	if (!out)
		return NULL;
	while (*text) {
		if (*text == '{' && strncmp(text + 1, name, name_size) == 0 &&
			text[1 + name_size] == '}') {
			fwrite(value, 1, value_size, out);
			text += name_size + 2;
		} else {
			fputc(*text++, out);
		}
	}
	if (fclose(out) == 0)
		return line;
	free(line);
	return NULL;
}

/* NAME=a,b,c: the names' length and where its values are. */
static int split_parameter(
	const char *text, size_t *ret_name, const char **ret_values, struct qb_error *err)
{
	const size_t n = strcspn(text, "=");

	if (n == 0 || text[n] != '=' || !text[n + 1] || strchr(text + n, '{'))
		return qb_error_set(
			err, EINVAL, "--parameter %s: expected NAME=a,b,c, e.g. size=1k,1M", text);
	*ret_name = n;
	*ret_values = text + n + 1;
	return 0;
}

/* ---- one command ---- */

static const char *word_error(int r)
{
	switch (r) {
	case WRDE_BADCHAR:
		return "it holds | & ; < > ( ) { } outside of quotes; --shell gives it to sh -c";
	case WRDE_BADVAL: return "it names a variable that is not set";
	case WRDE_CMDSUB: return "it holds a command in $( ) or ` `; --shell gives it to sh -c";
	case WRDE_SYNTAX: return "a quote or bracket does not end";
	default: return "out of memory";
	}
}

static int split(struct qb_program_text *text, char *const **ret_argv, struct qb_error *err)
{
	const int r = wordexp(text->line, &text->words, WRDE_NOCMD | WRDE_UNDEF);

	if (r == 0)
		text->split = true;
	if (r != 0)
		return qb_error_set(err, EINVAL, "%s: %s", text->line, word_error(r));
	if (text->words.we_wordc == 0)
		return qb_error_set(err, EINVAL, "an empty command");
	*ret_argv = text->words.we_wordv;
	return 0;
}

/* Takes `line`. */
static int add(
	struct qb_programs *p, const struct qb_options *options, char *line, struct qb_error *err)
{
	struct qb_program_text *text = &p->texts[p->n];
	char *const *argv = NULL;
	int r = 0;

	if (!line)
		return qb_error_errno(err, ENOMEM, "keep a command");
	*text = (struct qb_program_text){.name = {(char)('A' + p->n)}, .line = line};
	p->n++;
	if (qb_option_given(options, SHELL)) {
		text->shell[0] = (char *)"sh";
		text->shell[1] = (char *)"-c";
		text->shell[2] = line;
		argv = text->shell;
	} else {
		r = split(text, &argv, err);
	}
	if (r == 0)
		r = qb_child_find(argv[0], text->path, sizeof(text->path), err);
	if (r < 0)
		return r;
	p->v[p->n - 1] = (struct qb_program){.name = text->name,
		.path = text->path,
		.argv = argv,
		.prepare = options->value[QB_OPTION_PREPARE],
		.cleanup = options->value[QB_OPTION_CLEANUP]};
	return 0;
}

/* One operand: once, or once for each value. */
static int add_all(struct qb_programs *p, const struct qb_options *options, const char *operand,
	struct qb_error *err)
{
	const char *parameter = options->value[QB_OPTION_PARAMETER], *values = NULL;
	char place[128];
	size_t name = 0;
	int r = parameter ? split_parameter(parameter, &name, &values, err) : 0;

	if (r == 0 && !values)
		return p->n < QB_PROGRAMS_MAX ? add(p, options, strdup(operand), err) : -E2BIG;
	snprintf(place, sizeof(place), "{%.*s}", (int)name, parameter ? parameter : "");
	if (r == 0 && !strstr(operand, place))
		return qb_error_set(err, EINVAL, "--parameter %s: there is no %s in: %s", parameter,
			place, operand);
	while (r == 0 && values) {
		const size_t size = strcspn(values, ",");

		if (p->n == QB_PROGRAMS_MAX)
			return -E2BIG;
		r = add(p, options, fill_in(operand, parameter, name, values, size), err);
		values = values[size] ? values + size + 1 : NULL;
	}
	return r;
}

int qb_programs_make(const struct qb_options *options, int argc, char *const *argv, unsigned times,
	struct qb_programs *ret, struct qb_error *err)
{
	struct qb_programs p = {.v = calloc(QB_PROGRAMS_MAX, sizeof(*p.v)),
		.texts = calloc(QB_PROGRAMS_MAX, sizeof(*p.texts))};
	int r = p.v && p.texts ? 0 : qb_error_errno(err, ENOMEM, "keep the commands");

	for (int i = 0; i < argc && r == 0; i++)
		for (unsigned j = 0; j < times && r == 0; j++)
			r = add_all(&p, options, argv[i], err);
	if (r == -E2BIG)
		r = qb_error_set(err, EINVAL, "more than %d commands", QB_PROGRAMS_MAX);
	if (r < 0)
		qb_programs_free(&p);
	else
		*ret = p;
	return r;
}

const char *qb_programs_text(const struct qb_programs *programs, unsigned i)
{
	return programs->texts[i].line;
}

void qb_programs_free(struct qb_programs *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (p->texts[i].split)
			wordfree(&p->texts[i].words);
		free(p->texts[i].line);
	}
	free(p->texts);
	free(p->v);
	*p = (struct qb_programs){0};
}
