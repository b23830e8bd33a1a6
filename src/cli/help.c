/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * quietbench help [NAME], version: what the tables of commands and options say, as text. The manual says the same
 * (contrib/man).
 */
#include <base/macros.h>
#include <base/nearest.h>
#include <cli/command.h>
#include <client/say.h>

static void list_commands(void)
{
	puts("quietbench makes a Linux host quiet for a benchmark, and puts it back.\n\n"
	     "Usage: quietbench COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
	for (size_t i = 0; i < qb_n_commands; i++)
		printf("  %-10s %s\n", qb_commands[i].name, qb_commands[i].text);
	puts("\nStart with: quietbench plan\n"
	     "More about one: quietbench COMMAND --help, man quietbench-COMMAND");
}

const char *qb_exit_text(int status, char buf[12])
{
	snprintf(buf, 12, "%d", status);
	return status == QB_EXIT_OWN ? "own" : buf;
}

void qb_help_command(const struct qb_command *command)
{
	char buf[12];

	printf("Usage: quietbench %s [OPTION...]%s%s\n\n%s\n\nOptions:\n", command->name,
		*command->operands ? " " : "", command->operands, command->text);
	qb_options_help(command->options);
	puts("\nExit status:");
	for (const struct qb_exit *exit = command->exits; exit->text; exit++)
		printf("  %4s  %s\n", qb_exit_text(exit->status, buf), exit->text);
}

const struct qb_command *qb_command_find(const char *name)
{
	struct qb_nearest nearest = {.word = name};

	for (size_t i = 0; i < qb_n_commands; i++) {
		if (strcmp(qb_commands[i].name, name) == 0)
			return &qb_commands[i];
		qb_nearest_offer(&nearest, qb_commands[i].name);
	}
	if (nearest.best[0])
		qb_say(QB_SAY_ERROR, "unknown command: %s; did you mean %s?", name, nearest.best);
	else
		qb_say(QB_SAY_ERROR, "unknown command: %s; quietbench --help lists them", name);
	return NULL;
}

int qb_cmd_help(struct qb_cli *cli)
{
	const struct qb_command *command;

	if (cli->argc == 0) {
		list_commands();
		return EXIT_SUCCESS;
	}
	if (cli->argc > 1) {
		qb_say(QB_SAY_ERROR, "help: one command at a time: %s", cli->argv[1]);
		return QB_EXIT_USAGE;
	}
	command = qb_command_find(cli->argv[0]);
	if (!command)
		return QB_EXIT_USAGE;
	qb_help_command(command);
	return EXIT_SUCCESS;
}

int qb_cmd_version(struct qb_cli *cli)
{
	puts("quietbench " QB_VERSION);
	return EXIT_SUCCESS;
}
