/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Completion from the tables that the program runs on: `completion sh|fish` copies stdin to stdout, and puts in the place of
 * a line @TABLE@ what the scripts of bash and zsh (or of fish) ask: functions that print
 *
 *	_quietbench_commands		"NAME tab TEXT" of each command
 *	_quietbench_options COMMAND	the same of its options
 *	_quietbench_value OPTION	of what kind its value is; nothing for a flag
 *	_quietbench_operand COMMAND N	of what kind its Nth operand is
 *	_quietbench_keys		the keys of a profile
 *	_quietbench_choices KEY		the words that are values of it
 *	_quietbench_profiles		the names of profiles
 *
 * A kind is profile, file, folder, process, command, keys, setting, rest (a command and its arguments), or words and these.
 * It follows from how help writes the argument. Makefile: $(COMPLETIONS).
 */
#include <base/macros.h>
#include <base/text.h>
#include <cli/command.h>
#include <cli/figures.h>
#include <ctype.h>
#include <quietbench/profile.h>

#define KIND_MAX 512

/* "words a b" of the words in small letters that `text` separates by "|", up to its first blank; "words": there are none. */
static void find_words(const char *text, char kind[KIND_MAX])
{
	qb_text_copy(kind, KIND_MAX, "words");
	while (*text && *text != ' ') {
		size_t n = strcspn(text, "| ");

		if (n && islower((unsigned char)*text) && !memchr(text, ',', n))
			qb_text_append(kind, KIND_MAX, " %.*s", (int)n, text);
		text += n + (text[n] == '|');
	}
}

static void kind_of_value(const struct qb_option *option, char kind[KIND_MAX])
{
	static const struct {
		const char *argument, *kind;
	} kinds[] = {
		{"NAME|FILE", "profile"},
		{"FILE", "file"},
		{"DIR", "folder"},
		{"COMMAND", "command"},
		{"PID", "process"},
		{"KEY=VALUE", "setting"},
		{"all|KEY,...", "keys"},
	};

	find_words(option->argument, kind);
	if (strcmp(option->argument, "KIND[:ARG]") == 0)
		qb_measure_words(kind + strlen(kind), KIND_MAX - strlen(kind));
	for (size_t i = 0; i < QB_ARRAY_SIZE(kinds); i++)
		if (strcmp(option->argument, kinds[i].argument) == 0)
			qb_text_copy(kind, KIND_MAX, kinds[i].kind);
}

/* Of the first operand, or of those behind it. */
static void kind_of_operand(const struct qb_command *command, bool first, char kind[KIND_MAX])
{
	static const struct {
		const char *operands, *first, *later;
	} kinds[] = {
		{"[--] COMMAND", "rest", "rest"},
		{"'CMD", "command", "command"},
		{"RECORD", "file", "file"},
		{"list|", NULL, "profile"},
	};

	find_words(first ? command->operands : "", kind);
	for (size_t i = 0; i < QB_ARRAY_SIZE(kinds); i++) {
		const char *known = first ? kinds[i].first : kinds[i].later;

		if (known && strncmp(command->operands, kinds[i].operands,
				     strlen(kinds[i].operands)) == 0)
			qb_text_copy(kind, KIND_MAX, known);
	}
	if (first && strcmp(command->operands, "[NAME]") == 0)
		for (size_t i = 0; i < qb_n_commands; i++)
			qb_text_append(kind, KIND_MAX, " %s", qb_commands[i].name);
}

/* Words that are a value of this key. */
static void put_choices(enum qb_key key)
{
	printf("%s%s%s", qb_keys[key].type == QB_KEY_BOOL ? "true false" : "",
		qb_keys[key].type == QB_KEY_BOOL && *qb_keys[key].choices ? " " : "",
		qb_keys[key].choices);
}

/* Inside of single quotes; `quote` is how that shell writes one there. */
static void put_text(const char *text, const char *quote)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs(quote, stdout);
		else
			putchar(*text);
}

#define SH_QUOTE "'\\''"

static void put_sh_options(const struct qb_command *command)
{
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		if (!(command->options >> id & 1))
			continue;
		if (qb_options[id].letter)
			printf(" '-%c\t", qb_options[id].letter);
		if (qb_options[id].letter)
			put_text(qb_options[id].text, SH_QUOTE);
		printf("%s '--%s\t", qb_options[id].letter ? "'" : "", qb_options[id].name);
		put_text(qb_options[id].text, SH_QUOTE);
		putchar('\'');
	}
}

static void put_sh_commands(void)
{
	printf("_quietbench_commands()\n{\n\tprintf '%%s\\n'");
	for (size_t i = 0; i < qb_n_commands; i++) {
		printf(" '%s\t", qb_commands[i].name);
		put_text(qb_commands[i].text, SH_QUOTE);
		putchar('\'');
	}
	printf("\n}\n_quietbench_options()\n{\n\tcase $1 in\n");
	for (size_t i = 0; i < qb_n_commands; i++) {
		printf("\t%s) printf '%%s\\n'", qb_commands[i].name);
		put_sh_options(&qb_commands[i]);
		printf(" ;;\n");
	}
	printf("\tesac\n}\n_quietbench_operand()\n{\n\tcase \"$1 $2\" in\n");
	for (size_t i = 0; i < qb_n_commands; i++) {
		char first[KIND_MAX], later[KIND_MAX];

		kind_of_operand(&qb_commands[i], true, first);
		kind_of_operand(&qb_commands[i], false, later);
		printf("\t'%s 1') echo %s ;;\n\t'%s '*) echo %s ;;\n", qb_commands[i].name, first,
			qb_commands[i].name, later);
	}
	printf("\tesac\n}\n");
}

static void put_sh(void)
{
	put_sh_commands();
	printf("_quietbench_value()\n{\n\tcase $1 in\n");
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		char kind[KIND_MAX];

		if (!qb_options[id].argument)
			continue;
		printf("\t");
		if (qb_options[id].letter)
			printf("-%c | ", qb_options[id].letter);
		kind_of_value(&qb_options[id], kind);
		printf("--%s) echo %s ;;\n", qb_options[id].name, kind);
	}
	printf("\tesac\n}\n_quietbench_keys()\n{\n\tprintf '%%s\\n'");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		printf(" %s", qb_keys[key].name);
	printf("\n}\n_quietbench_choices()\n{\n\tcase $1 in\n");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		printf("\t%s) echo ", qb_keys[key].name);
		put_choices(key);
		printf(" ;;\n");
	}
	printf("\tesac\n}\n_quietbench_profiles()\n{\n"
	       "\tfind \"${XDG_CONFIG_HOME:-$HOME/.config}/quietbench/profiles\" "
	       "/etc/quietbench/profiles '%s/profiles' \\\n"
	       "\t\t-maxdepth 1 -name '*.yaml' 2>/dev/null | sed 's|.*/||; s|\\.yaml$||'\n}\n",
		QB_DATADIR);
}

/* A kind as what stands behind the condition of fish's complete. */
static void put_fish_kind(const char *kind)
{
	static const struct {
		const char *kind, *words;
	} kinds[] = {
		{"profile", "-x -a '(__quietbench_profiles)'"},
		{"file", "-r -F"},
		{"folder", "-x -a '(__fish_complete_directories)'"},
		{"process", "-x -a '(__fish_complete_pids)'"},
		{"command", "-x -a '(complete -C (commandline -ct))'"},
		{"keys", "-x -a '(__quietbench_sequence)'"},
		{"setting", "-x -a '(__quietbench_settings)'"},
		{"rest", "-x -a '(__quietbench_rest)'"},
	};

	for (size_t i = 0; i < QB_ARRAY_SIZE(kinds); i++)
		if (strcmp(kind, kinds[i].kind) == 0) {
			printf(" %s", kinds[i].words);
			return;
		}
	printf(" -x -a '%s'", kind + strcspn(kind, " "));
}

static void put_fish_option(const struct qb_command *command, unsigned id)
{
	char kind[KIND_MAX];

	kind_of_operand(command, true, kind);
	printf("complete -c quietbench -n '__quietbench_option%s %s'",
		strcmp(kind, "rest") == 0 ? "" : "_anywhere", command->name);
	if (qb_options[id].letter)
		printf(" -s %c", qb_options[id].letter);
	printf(" -l %s", qb_options[id].name);
	if (qb_options[id].argument) {
		kind_of_value(&qb_options[id], kind);
		put_fish_kind(kind);
	}
	printf(" -d '");
	put_text(qb_options[id].text, "\\'");
	printf("'\n");
}

static void put_fish_command(const struct qb_command *command)
{
	char first[KIND_MAX], later[KIND_MAX];

	printf("complete -c quietbench -n 'test -z \"$(__quietbench_place)\"' -a %s -d '",
		command->name);
	put_text(command->text, "\\'");
	printf("'\n");
	for (unsigned id = 0; id < QB_OPTIONS; id++)
		if (command->options >> id & 1)
			put_fish_option(command, id);
	if (!*command->operands)
		return;
	kind_of_operand(command, true, first);
	kind_of_operand(command, false, later);
	printf("complete -c quietbench -n '__quietbench_operand %s 1'", command->name);
	put_fish_kind(first);
	printf("\ncomplete -c quietbench -n '__quietbench_operand %s 2+'", command->name);
	put_fish_kind(later);
	printf("\n");
}

static void put_fish(void)
{
	printf("set -g __quietbench_shipped %s/profiles\nset -g __quietbench_valued", QB_DATADIR);
	for (unsigned id = 0; id < QB_OPTIONS; id++) {
		if (qb_options[id].argument && qb_options[id].letter)
			printf(" -%c", qb_options[id].letter);
		if (qb_options[id].argument)
			printf(" --%s", qb_options[id].name);
	}
	printf("\nset -g __quietbench_keys");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++)
		printf(" %s", qb_keys[key].name);
	printf("\nfunction __quietbench_choices\n\tswitch $argv[1]\n");
	for (enum qb_key key = 0; key < QB_KEY_COUNT; key++) {
		printf("\tcase %s\n\t\tprintf '%%s\\n' ", qb_keys[key].name);
		put_choices(key);
		printf("\n");
	}
	printf("\tend\nend\n");
	for (size_t i = 0; i < qb_n_commands; i++)
		put_fish_command(&qb_commands[i]);
}

int main(int argc, char **argv)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin))
		if (strcmp(line, "@TABLE@\n") != 0)
			fputs(line, stdout);
		else if (argc == 2 && strcmp(argv[1], "fish") == 0)
			put_fish();
		else
			put_sh();
	return ferror(stdin) || fflush(stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
