/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manual's pages of levers and of the policy, from the tables that the programs run on: copies
 * stdin to stdout and puts the levers where a line reads @LEVERS@, the keys of a rule where one reads
 * @RULE@. Makefile: $(MANUAL).
 */
#include <base/macros.h>
#include <inttypes.h>
#include <quietbench/lever.h>
#include <quietbench/policy.h>

/* roff takes "-" for a hyphen and "\" for itself. */
static void put(const char *text)
{
	for (; *text; text++)
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
}

/* A path with its holes as words: N, M for numbers, NAME for an entry of that folder. */
static void put_path(const char *path)
{
	const char *number = "\\fIN\\fP";

	for (; *path; path++) {
		if (*path != '%') {
			put((char[]){*path, '\0'});
			continue;
		}
		path++;
		fputs(*path == 's' ? "\\fINAME\\fP" : number, stdout);
		if (*path == 'u')
			number = "\\fIM\\fP";
	}
}

/* Which values doctor and check tell of. */
static void put_worth(const struct qb_effect *effect)
{
	if (effect->fine) {
		printf("(worth a finding unless it reads\n.BR ");
		for (const char *c = effect->fine; *c; c++)
			fputs(*c == ' ' ? " \" or \" " : (char[]){*c, '\0'}, stdout);
		printf(" )\n");
	} else if (effect->low || effect->high) {
		printf("(worth a finding from %" PRId64 " to %" PRId64 ")\n", effect->low,
			effect->high);
	}
}

static void put_row(const struct qb_lever *row)
{
	printf(".IP \\(bu 3\n");
	put(row->text);
	if (row->where == QB_LEVER_HOST && row->path) {
		printf(" (\\fB");
		put_path(row->path);
		printf("\\fP)");
	}
	if (row->effect.text) {
		printf(":\n");
		put(row->effect.text);
	}
	printf("\n");
	put_worth(&row->effect);
}

static bool has_row(enum qb_key key)
{
	for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
		if (qb_levers[i].key == key)
			return true;
	return false;
}

/* A lever has the risk of the worst of its rows. */
static enum qb_risk risk_of(enum qb_key key)
{
	enum qb_risk worst = QB_RISK_SAFE;

	for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
		if (qb_levers[i].key == key && qb_levers[i].risk > worst)
			worst = qb_levers[i].risk;
	return worst;
}

static void put_key(enum qb_key key)
{
	char values[256];

	qb_key_describe(key, values, sizeof(values));
	printf(".TP\n.B ");
	put(qb_keys[key].name);
	printf("\n");
	put(qb_keys[key].help);
	printf(".\nClass %c; ", QB_RISK_LETTERS[risk_of(key)]);
	put(values);
	printf("; default ");
	put(*qb_keys[key].dflt ? qb_keys[key].dflt : "unset");
	printf(".\n.RS\n");
	for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
		if (qb_levers[i].key == key)
			put_row(&qb_levers[i]);
	printf(".RE\n");
}

static void put_levers(void)
{
	const char *section = "";

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		const char *name = qb_keys[key].name;
		size_t length = strcspn(name, ".");

		if (!has_row(key))
			continue;
		if (strncmp(section, name, length + 1) != 0)
			printf(".SS %.*s\n", (int)length, name);
		section = name;
		put_key(key);
	}
}

static void put_rule(void)
{
	for (int key = 0; key < QB_POLICY_KEY_COUNT; key++) {
		const struct qb_policy_key_info *info = &qb_policy_keys[key];

		printf(".TP\n.B ");
		put(info->name);
		printf("\n");
		put(info->help);
		printf(".\nValue: ");
		put(info->expected);
		printf("; ");
		put(info->dflt[0] ? "default " : "must be written");
		put(info->dflt);
		printf(".\n");
	}
}

int main(void)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin))
		if (strcmp(line, "@LEVERS@\n") == 0)
			put_levers();
		else if (strcmp(line, "@RULE@\n") == 0)
			put_rule();
		else
			fputs(line, stdout);
	return ferror(stdin) || fflush(stdout) != 0;
}
