/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manual, from the tables that the programs run on: `manual PAGE` copies stdin to stdout and puts in the place of a line
 *
 *	@COMMAND@	the head of a command's page, up to its synopsis; PAGE is quietbench-NAME.1
 *	@OPTIONS@	its options, as --help has them
 *	@STATUSES@	its exit statuses, alike
 *	@COMMANDS@	all commands
 *	@KEYS@		every key of a profile
 *	@LEVERS@	the levers, by key
 *	@RULE@		the keys of a rule of the policy
 *	@PROVISIONS@	what can be provisioned
 *
 * Makefile: $(MANUAL).
 */
#include <base/macros.h>
#include <cli/command.h>
#include <ctype.h>
#include <inttypes.h>
#include <provision/provision.h>
#include <quietbench/lever.h>
#include <quietbench/policy.h>

/* Of the pages that have no date of their own. */
#define DATE "2026-11-30"

#define LINE_MAX_BYTES 80

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

/* The head of a paragraph, and what the table of keys says. */
static void put_key(enum qb_key key)
{
	char values[256];

	qb_key_describe(key, values, sizeof(values));
	printf(".TP\n.B ");
	put(qb_keys[key].name);
	printf("\n");
	put(qb_keys[key].help);
	printf(".\nValue: ");
	put(values);
	printf("; default ");
	put(*qb_keys[key].dflt ? qb_keys[key].dflt : "unset");
	printf(".\n");
}

/* Keys whose names begin alike are a section. */
static void put_section(enum qb_key key, const char **section)
{
	const char *name = qb_keys[key].name;
	size_t length = strcspn(name, ".");

	if (strncmp(*section, name, length + 1) != 0)
		printf(".SS %.*s\n", (int)length, name);
	*section = name;
}

static void put_keys(void)
{
	const char *section = "";

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		put_section(key, &section);
		put_key(key);
	}
}

static void put_levers(void)
{
	const char *section = "";

	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		if (!has_row(key))
			continue;
		put_section(key, &section);
		put_key(key);
		printf("Class %c.\n.RS\n", QB_RISK_LETTERS[risk_of(key)]);
		for (unsigned i = 0; i < QB_LEVER_COUNT; i++)
			if (qb_levers[i].key == key)
				put_row(&qb_levers[i]);
		printf(".RE\n");
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

/* By where it stands; of each what is written, the key that asks for it, its reason and its price. */
static void put_provisions(void)
{
	for (enum qb_provision_kind kind = 0; kind < QB_PROVISION_KINDS; kind++) {
		printf(".SS ");
		put(qb_provision_kind_where(kind));
		printf("\n");
		for (size_t i = 0; i < qb_provisions_n; i++) {
			const struct qb_provision_row *row = &qb_provisions[i];

			if (row->kind != kind)
				continue;
			printf(".TP\n.B ");
			put(row->text ? row->text : qb_levers[row->lever].path);
			printf("\n");
			put(row->why);
			printf(".\nPrice: ");
			put(row->price);
			printf(".\nKey: \\fB");
			put(qb_keys[row->key].name);
			printf("\\fP.\n");
		}
	}
}

/* What is to be filled in is in capitals, and shown in italics; the rest is written as it stands. */
static void put_argument(const char *text)
{
	while (*text) {
		size_t capitals = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		size_t n = capitals ? capitals : strcspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)n, text);
		printf(capitals ? "\\fI" : "");
		put(word);
		printf(capitals ? "\\fP" : "");
		text += n;
	}
}

static void put_options(const struct qb_command *command)
{
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		const struct qb_option *option = &qb_options[id];

		if (!(command->options >> id & 1))
			continue;
		printf(".TP\n");
		if (option->letter)
			printf("\\fB\\-%c\\fP, ", option->letter);
		printf("\\fB\\-\\-");
		put(option->name);
		printf(option->argument ? "\\fP " : "\\fP");
		put_argument(option->argument ? option->argument : "");
		printf("\n");
		put(option->text);
		printf("\n");
	}
}

static void put_statuses(const struct qb_command *command)
{
	char buf[12];

	for (const struct qb_exit *exit = command->exits; exit->text; exit++) {
		printf(".TP\n.B %s\n", qb_exit_text(exit->status, buf));
		put(exit->text);
		printf("\n");
	}
}

static void put_head(const struct qb_command *command)
{
	printf(".TH QUIETBENCH\\-");
	for (const char *c = command->name; *c; c++)
		putchar(toupper(*c));
	printf(" 1 " DATE " quietbench \"quietbench manual\"\n.SH NAME\nquietbench\\-%s \\- ",
		command->name);
	put(command->text);
	printf("\n.SH SYNOPSIS\n\\fBquietbench %s\\fP [\\fIOPTION\\fP...]%s", command->name,
		*command->operands ? " " : "");
	put_argument(command->operands);
	printf("\n");
}

static void put_commands(void)
{
	for (size_t i = 0; i < qb_n_commands; i++) {
		printf(".TP\n\\fB%s\\fP%s", qb_commands[i].name,
			*qb_commands[i].operands ? " " : "");
		put_argument(qb_commands[i].operands);
		printf("\n");
		put(qb_commands[i].text);
		printf("\n");
	}
}

/* Puts in what the line stands for. False: it stands for itself. */
static bool put_for(const char *line, const struct qb_command *command)
{
	static const struct {
		const char *line;
		void (*of_command)(const struct qb_command *command);
		void (*of_all)(void);
	} places[] = {
		{"@COMMAND@\n", put_head, NULL},
		{"@OPTIONS@\n", put_options, NULL},
		{"@STATUSES@\n", put_statuses, NULL},
		{"@COMMANDS@\n", NULL, put_commands},
		{"@KEYS@\n", NULL, put_keys},
		{"@LEVERS@\n", NULL, put_levers},
		{"@RULE@\n", NULL, put_rule},
		{"@PROVISIONS@\n", NULL, put_provisions},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(places); i++) {
		if (strcmp(line, places[i].line) != 0)
			continue;
		if (places[i].of_all)
			places[i].of_all();
		else if (command)
			places[i].of_command(command);
		else
			return false;
		return true;
	}
	return false;
}

/* The command whose page it is; NULL: it is another page. */
static const struct qb_command *command_of(const char *page)
{
	for (size_t i = 0; i < qb_n_commands; i++) {
		char name[64];

		snprintf(name, sizeof(name), "quietbench-%s.1", qb_commands[i].name);
		if (strcmp(page, name) == 0)
			return &qb_commands[i];
	}
	return NULL;
}

/*
 * Lines of text at most 80 bytes long, as mandoc's lint wants them; requests, and what stands as it is (.EX), are left
 * alone. A line that begins with "." or "'" would be a request.
 */
static void put_folded(char *text)
{
	bool literal = false;

	for (char *line = text, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		literal = strncmp(line, ".EX", 3) == 0 || (literal && strncmp(line, ".EE", 3) != 0);
		for (char *space; !literal && *line != '.' && end - line > LINE_MAX_BYTES;) {
			space = memrchr(line, ' ', LINE_MAX_BYTES + 1);
			if (!space || space[1] == '.' || space[1] == '\'')
				break;
			*space = '\n';
			fwrite(line, 1, (size_t)(space + 1 - line), stdout);
			line = space + 1;
		}
		fwrite(line, 1, (size_t)(end + 1 - line), stdout);
	}
}

int main(int argc, char **argv)
{
	const struct qb_command *command = argc == 2 ? command_of(argv[1]) : NULL;
	char line[1024], *text = NULL;
	int status = EXIT_SUCCESS;
	FILE *out = stdout;
	size_t size;

	stdout = open_memstream(&text, &size);
	if (!stdout)
		return EXIT_FAILURE;
	while (fgets(line, sizeof(line), stdin)) {
		if (put_for(line, command))
			continue;
		if (line[0] == '@') {
			fprintf(stderr, "%s: nothing to put in for %s", argv[argc - 1], line);
			status = EXIT_FAILURE;
		}
		fputs(line, stdout);
	}
	if (fclose(stdout) != 0)
		return EXIT_FAILURE;
	stdout = out;
	put_folded(text);
	free(text);
	return ferror(stdin) || fflush(stdout) != 0 ? EXIT_FAILURE : status;
}
