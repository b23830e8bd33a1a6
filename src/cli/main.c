/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench: the way from argv to one of the commands. */
#include <base/macros.h>
#include <cli/command.h>
#include <client/say.h>
#include <errno.h>
#include <fcntl.h>

/*
 * Output that did not arrive (a full disk) must not look like success, nor like an answer: where 1 is one,
 * --fail-slower's or a noisy host's, it does not stand for this.
 */
static int flush(const struct qb_command *command, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	qb_say(QB_SAY_ERROR, "write to standard output: %s", strerror(errno));
	return status == QB_EXIT_INCOMPLETE ? status : command->unwritten;
}

/*
 * Options and operands in any order, but where the operands are a command, whose options are its own.
 * Those end with the NULL of argv.
 */
static int parse(struct qb_cli *cli, int argc, char **argv, struct qb_error *err)
{
	const struct qb_command *command = cli->command;
	const bool verbatim = strncmp(command->operands, "[--]", 4) == 0;
	int r = verbatim ? qb_options_parse(command->options, argc, argv, &cli->options, err)
			 : qb_options_gather(command->options, argc, argv, &cli->options, err);

	if (r < 0)
		return r;
	cli->argc = verbatim ? argc - r : r;
	cli->argv = verbatim ? argv + r : argv;
	return 0;
}

static int dispatch(const struct qb_command *command, int argc, char **argv)
{
	struct qb_cli cli = {.command = command};
	struct qb_error err = {0};

	if (parse(&cli, argc, argv, &err) < 0) {
		qb_say(QB_SAY_ERROR, "%s: %s", command->name, err.text);
		return command->usage;
	}
	if (qb_option_given(&cli.options, HELP)) {
		qb_help_command(command);
		return EXIT_SUCCESS;
	}
	if (!*command->operands && cli.argc) {
		qb_say(QB_SAY_ERROR, "%s: takes no argument: %s", command->name, cli.argv[0]);
		return command->usage;
	}
	if (qb_option_given(&cli.options, QUIET))
		qb_say_limit(QB_SAY_ERROR);
	else if (qb_option_given(&cli.options, VERBOSE))
		qb_say_limit(QB_SAY_DETAIL);
	return command->run(&cli);
}

/*
 * Where the caller closed one of 0-2, the next file we open would get that number, and a message
 * could be written into it. /dev/null keeps the place, opened so that using it still fails; it is
 * closed on exec, so that the benchmark finds the number closed, as the caller left it.
 */
static void keep_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

int main(int argc, char **argv)
{
	const struct qb_command *command;
	const char *word;

	keep_standard_fds();
	qb_say_begin();
	if (argc < 2)
		word = "help";
	else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		word = "help";
	else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		word = "version";
	else
		word = argv[1];
	if (word[0] == '-') {
		qb_say(QB_SAY_ERROR, "%s: options come after the command; quietbench --help", word);
		return QB_EXIT_USAGE;
	}
	command = qb_command_find(word);
	if (!command)
		return QB_EXIT_USAGE;
	return flush(command, argc < 2 ? dispatch(command, 0, argv + argc)
				       : dispatch(command, argc - 2, argv + 2));
}
