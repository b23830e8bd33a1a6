/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h: the parser. The table is in options_table.c. */
#include <base/macros.h>
#include <base/nearest.h>
#include <base/text.h>
#include <cli/options.h>
#include <errno.h>

/* How an option is called in a message. */
static const char *shown(const struct qb_option *option, char buf[32])
{
	if (option->letter)
		snprintf(buf, 32, "-%c, --%s", option->letter, option->name);
	else
		snprintf(buf, 32, "--%s", option->name);
	return buf;
}

static int find_key(const char *option, const char *name, struct qb_error *err)
{
	int key = qb_key_find(name);
	const char *nearest = key < 0 ? qb_key_nearest(name) : NULL;

	if (key >= 0)
		return key;
	if (nearest)
		return qb_error_set(err, EINVAL, "%s: no such key: %s; did you mean %s?", option,
			name, nearest);
	return qb_error_set(err, EINVAL, "%s: no such key: %s", option, name);
}

/* KEY=VALUE. The value is judged by the planner, as those of a profile are. */
static int gather_setting(struct qb_options *ret, const char *text, struct qb_error *err)
{
	const char *equals = strchr(text, '=');
	char name[QB_NAME_MAX];
	int key;

	if (!equals || equals == text)
		return qb_error_set(err, EINVAL,
			"-s %s: expected KEY=VALUE, e.g. -s frequency.turbo=false", text);
	qb_text_format(name, sizeof(name), "%.*s", (int)(equals - text), text);
	key = find_key("-s", name, err);
	if (key < 0)
		return key;
	if (strlen(text) >= QB_REQUEST_SET)
		return qb_error_set(err, EINVAL, "-s %s=...: longer than %d characters", name,
			QB_REQUEST_SET - 1);
	if (ret->n_set == QB_REQUEST_SETS)
		return qb_error_set(err, EINVAL, "-s %s: at most %d of them; write a profile", text,
			QB_REQUEST_SETS);
	ret->set[ret->n_set++] = text;
	return 0;
}

static int gather_key(struct qb_options *ret, const char *name, struct qb_error *err)
{
	int key = strcmp(name, "all") == 0 ? 0 : find_key("--require", name, err);

	if (key < 0)
		return key;
	if (ret->n_require == QB_REQUEST_REQUIRES)
		return qb_error_set(err, EINVAL, "--require: at most %d keys; or all of them: all",
			QB_REQUEST_REQUIRES);
	qb_text_copy(ret->require[ret->n_require++], QB_NAME_MAX, name);
	return 0;
}

static int gather_keys(struct qb_options *ret, const char *text, struct qb_error *err)
{
	while (true) {
		size_t n = strcspn(text, ",");
		char key[QB_NAME_MAX];
		int r;

		qb_text_format(key, sizeof(key), "%.*s", (int)n, text);
		r = gather_key(ret, key, err);
		if (r < 0 || !text[n])
			return r;
		text += n + 1;
	}
}

static int judge_number(
	const struct qb_option *option, const char *text, int64_t *ret, struct qb_error *err)
{
	char buf[32];
	int64_t number;

	if (qb_number_parse(text, &number) < 0 || number < option->min || number > option->max)
		return qb_error_set(err, EINVAL,
			"%s: expected a number from %lld to %lld, not \"%s\"", shown(option, buf),
			(long long)option->min, (long long)option->max, text);
	*ret = number;
	return 0;
}

static int judge_duration(
	const struct qb_option *option, const char *text, int64_t *ret, struct qb_error *err)
{
	char buf[32];
	int64_t ns;

	if (qb_quantity_parse(QB_QUANTITY_DURATION, text, &ns) < 0)
		return qb_error_set(err, EINVAL,
			"%s: expected a duration such as 30s or 10m, not \"%s\"",
			shown(option, buf), text);
	if (option->max && (ns < option->min || ns > option->max))
		return qb_error_set(err, EINVAL,
			"%s: expected a duration from %g s to %g s, not %s", shown(option, buf),
			(double)option->min / 1e9, (double)option->max / 1e9, text);
	*ret = ns;
	return 0;
}

/* Judges and stores the value of one option. */
static int store(
	struct qb_options *ret, enum qb_option_id id, const char *text, struct qb_error *err)
{
	const struct qb_option *option = &qb_options[id];
	struct qb_cpus cpus;
	char buf[32];
	int r = 0;

	switch (option->type) {
	case QB_OPTION_IS_FLAG: break;
	case QB_OPTION_IS_TEXT:
		if (!*text)
			r = qb_error_set(err, EINVAL, "%s: an empty %s", shown(option, buf),
				option->argument);
		break;
	case QB_OPTION_IS_CPULIST:
		if (qb_cpus_parse_list(text, &cpus) < 0 || qb_cpus_empty(&cpus))
			r = qb_error_set(err, EINVAL,
				"%s: expected a list of CPUs such as 2-3,8, not \"%s\"",
				shown(option, buf), text);
		break;
	case QB_OPTION_IS_COUNT:
		if (strcmp(text, "max") == 0 || strcmp(text, "all") == 0)
			ret->number[id] = 0; /* not that of an earlier -n */
		else
			r = judge_number(option, text, &ret->number[id], err);
		break;
	case QB_OPTION_IS_NUMBER: r = judge_number(option, text, &ret->number[id], err); break;
	case QB_OPTION_IS_DURATION: r = judge_duration(option, text, &ret->number[id], err); break;
	case QB_OPTION_IS_PERCENT:
		if (qb_quantity_parse(QB_QUANTITY_PERCENT, text, &ret->number[id]) < 0 ||
			ret->number[id] <= 0)
			r = qb_error_set(err, EINVAL,
				"%s: expected a percentage above 0 such as 1%%, not \"%s\"",
				shown(option, buf), text);
		break;
	case QB_OPTION_IS_SETTING: r = gather_setting(ret, text, err); break;
	case QB_OPTION_IS_KEYS: r = gather_keys(ret, text, err); break;
	}
	if (r < 0)
		return r;
	ret->given |= UINT64_C(1) << id;
	ret->value[id] = text;
	return 0;
}

static bool knows(uint64_t known, unsigned id)
{
	return (known >> id & 1) != 0;
}

/* The long option `name` (not NUL-terminated), or -EINVAL with the nearest one. */
static int find_long(uint64_t known, const char *name, size_t length, struct qb_error *err)
{
	char word[64];
	struct qb_nearest nearest = {.word = word};

	for (unsigned id = 0; id < QB_OPTIONS; id++)
		if (knows(known, id) && strlen(qb_options[id].name) == length &&
			memcmp(qb_options[id].name, name, length) == 0)
			return (int)id;
	qb_text_format(word, sizeof(word), "%.*s", (int)length, name);
	for (unsigned id = 0; id < QB_OPTIONS; id++)
		if (knows(known, id))
			qb_nearest_offer(&nearest, qb_options[id].name);
	if (nearest.best[0])
		return qb_error_set(
			err, EINVAL, "unknown option --%s; did you mean --%s?", word, nearest.best);
	return qb_error_set(err, EINVAL, "unknown option --%s", word);
}

static int find_letter(uint64_t known, char letter, struct qb_error *err)
{
	for (unsigned id = 0; id < QB_OPTIONS; id++)
		if (knows(known, id) && qb_options[id].letter == letter)
			return (int)id;
	return qb_error_set(err, EINVAL, "unknown option -%c", letter);
}

/* "--name", "--name=value" or "--name" "value". Returns how many arguments it took. */
static int parse_long(
	uint64_t known, int left, char **argv, struct qb_options *ret, struct qb_error *err)
{
	const char *name = argv[0] + 2;
	size_t length = strcspn(name, "=");
	const char *value = name[length] ? name + length + 1 : NULL;
	int id = find_long(known, name, length, err);
	int r, used = 1;

	if (id < 0)
		return id;
	if (!qb_options[id].argument && value)
		return qb_error_set(err, EINVAL, "--%s takes no value", qb_options[id].name);
	if (qb_options[id].argument && !value) {
		if (left < 2)
			return qb_error_set(err, EINVAL, "--%s needs a value: --%s %s",
				qb_options[id].name, qb_options[id].name, qb_options[id].argument);
		value = argv[1];
		used = 2;
	}
	r = store(ret, (enum qb_option_id)id, value, err);
	return r < 0 ? r : used;
}

/* "-q", "-qv", "-p NAME", "-pNAME". Returns how many arguments it took. */
static int parse_letters(
	uint64_t known, int left, char **argv, struct qb_options *ret, struct qb_error *err)
{
	for (const char *letter = argv[0] + 1; *letter; letter++) {
		int id = find_letter(known, *letter, err);
		const char *value = NULL;
		int r, used = 1;

		if (id < 0)
			return id;
		if (qb_options[id].argument && letter[1]) {
			value = letter + 1;
		} else if (qb_options[id].argument) {
			if (left < 2)
				return qb_error_set(err, EINVAL, "-%c needs a value: -%c %s",
					*letter, *letter, qb_options[id].argument);
			value = argv[1];
			used = 2;
		}
		r = store(ret, (enum qb_option_id)id, value, err);
		if (r < 0)
			return r;
		if (value)
			return used;
	}
	return 1;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] && strcmp(word, "--") != 0;
}

/* One option, or several letters. Returns how many arguments it took. */
static int parse_one(
	uint64_t known, int left, char **argv, struct qb_options *ret, struct qb_error *err)
{
	return argv[0][1] == '-' ? parse_long(known, left, argv, ret, err)
				 : parse_letters(known, left, argv, ret, err);
}

int qb_options_parse(
	uint64_t known, int argc, char **argv, struct qb_options *ret, struct qb_error *err)
{
	int i = 0;

	while (i < argc && is_option(argv[i])) {
		int used = parse_one(known, argc - i, argv + i, ret, err);

		if (used < 0)
			return used;
		i += used;
	}
	return i < argc && strcmp(argv[i], "--") == 0 ? i + 1 : i;
}

int qb_options_gather(
	uint64_t known, int argc, char **argv, struct qb_options *ret, struct qb_error *err)
{
	bool ended = false;
	int n = 0;

	for (int i = 0, used; i < argc; i += used) {
		used = 1;
		if (!ended && strcmp(argv[i], "--") == 0) {
			ended = true;
		} else if (!ended && is_option(argv[i])) {
			used = parse_one(known, argc - i, argv + i, ret, err);
			if (used < 0)
				return used;
		} else {
			argv[n++] = argv[i];
		}
	}
	argv[n] = NULL;
	return n;
}

void qb_options_help(uint64_t known)
{
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		const struct qb_option *option = &qb_options[id];
		char name[48];

		if (!knows(known, id))
			continue;
		snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");
		if (option->letter)
			printf("  -%c, %-22s %s\n", option->letter, name, option->text);
		else
			printf("      %-22s %s\n", name, option->text);
	}
}
