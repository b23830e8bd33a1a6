/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quietbench: the commands, and the way from argv to one of them. */
#include <base/macros.h>
#include <base/nearest.h>
#include <cli/command.h>
#include <client/say.h>
#include <errno.h>
#include <fcntl.h>

#define BITS(id) QB_OPTION_BIT(id)
#define ALL	 (BITS(HELP))
#define CHOOSING (BITS(PROFILE) | BITS(CPUS) | BITS(COUNT) | BITS(NODE) | BITS(SET))
#define ASKING	 (ALL | BITS(JSON) | BITS(ROOT))
#define LOUDNESS (BITS(QUIET) | BITS(VERBOSE))
#define WAITING	 (BITS(LOCK_WAIT) | BITS(NO_LOCK_WAIT))
#define MEASURING                                                                                  \
	(BITS(RECORD) | BITS(NO_CHECK) | BITS(SHARED) | BITS(TIMELINE) | BITS(FAIL_NOISY) |        \
		BITS(NOISY_STATUS))

#define REPEATING (BITS(RUNS) | BITS(WARMUP) | BITS(PREPARE) | BITS(CLEANUP))
#define EXPERIMENT                                                                                 \
	(BITS(RECORD) | BITS(NO_CHECK) | BITS(SEED) | BITS(SHELL) | BITS(SHOW_OUTPUT) | REPEATING)

/* clang-format off */
static const struct qb_command commands[] = {
	{"run", "[--] COMMAND [ARG...]", "condition the host, run COMMAND, restore",
		ALL | CHOOSING | BITS(REQUIRE) | MEASURING | REPEATING | BITS(TIME) |
			BITS(PRECISION) | WAITING | LOUDNESS,
		QB_EXIT_REFUSED, qb_cmd_run},
	{"plan", "", "what would change: lever, unit, from and to; and what cannot, and why",
		ASKING | CHOOSING | BITS(REQUIRE) | LOUDNESS, QB_EXIT_USAGE, qb_cmd_plan},
	{"check", "", "how quiet is the host, is that quiet enough, and what is the cause",
		ALL | CHOOSING | BITS(LIMITS) | BITS(DURATION) | BITS(QUICK) | BITS(TRACE) | BITS(SOAK) | BITS(MDE) |
			BITS(RUNS) | BITS(RUN_TIME) | BITS(CONDITIONED) | BITS(JSON) |
			BITS(RECORD) | BITS(GITHUB) | BITS(PROMETHEUS) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_check},
	{"apply", "", "condition the host for many commands; they reach its benchmark CPUs through run",
		ALL | CHOOSING | BITS(REQUIRE) | BITS(FOR) | BITS(WHILE) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_apply},
	{"restore", "", "end an apply, or put back what a killed run left behind",
		ALL | BITS(FORCE) | WAITING | LOUDNESS, QB_EXIT_USAGE, qb_cmd_restore},
	{"status", "", "is the host conditioned, by whom, since when; what drifted",
		ALL | BITS(JSON), QB_EXIT_USAGE, qb_cmd_status},
	{"doctor", "", "every lever: available here or not, why, and what would make it so",
		ASKING | CHOOSING | LOUDNESS, QB_EXIT_USAGE, qb_cmd_doctor},
	{"topology", "", "the CPUs as a picture, and which the benchmark gets",
		ASKING | CHOOSING, QB_EXIT_USAGE, qb_cmd_topology},
	{"profile", "list|show|validate [NAME|FILE]", "the profiles: which, what they say, are they valid",
		ASKING | BITS(SET), QB_EXIT_USAGE, qb_cmd_profile},
	{"prove", "[--] COMMAND [ARG...]", "the host as it is against conditioned, in turn: what does conditioning buy",
		ALL | CHOOSING | BITS(REQUIRE) | BITS(RECORD) | REPEATING | BITS(TIME) | BITS(SEED) | BITS(AGAINST) |
			BITS(EACH_LEVER) | BITS(SHOW_OUTPUT) | BITS(JSON) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_prove},
	{"compare", "'CMD A' 'CMD B' [...]", "two or more commands, conditioned and interleaved: which is faster, and is it real",
		ALL | CHOOSING | BITS(REQUIRE) | EXPERIMENT | BITS(TIME) | BITS(PRECISION) | BITS(MAX_RUNS) |
			BITS(MIN_EFFECT) | BITS(FAIL_SLOWER) | BITS(SELF) | BITS(MEASURE) | BITS(HIGHER) |
			BITS(PARAMETER) | BITS(RERUN) | BITS(MARKDOWN) | BITS(EXPORT_JSON) |
			BITS(EXPORT_CSV) | BITS(JSON) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_compare},
	{"report", "RECORD... -o FILE.html", "records as one page to look at: what was claimed, every run, what disturbed it",
		ALL | BITS(RECORD) | LOUDNESS, QB_EXIT_USAGE, qb_cmd_report},
	{"provision", "", "persistent settings of a benchmark host", 0, QB_EXIT_USAGE, NULL},
};
/* clang-format on */

static int help(void)
{
	puts("quietbench makes a Linux host quiet for a benchmark, and puts it back.\n\n"
	     "Usage: quietbench COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
	for (size_t i = 0; i < QB_ARRAY_SIZE(commands); i++)
		if (commands[i].run)
			printf("  %-10s %s\n", commands[i].name, commands[i].text);
	puts("\nStart with: quietbench plan\n"
	     "More about one: quietbench COMMAND --help");
	return EXIT_SUCCESS;
}

static int help_command(const struct qb_command *command)
{
	printf("Usage: quietbench %s [OPTION...]%s%s\n\n%s\n\nOptions:\n", command->name,
		*command->operands ? " " : "", command->operands, command->text);
	qb_options_help(command->options);
	return EXIT_SUCCESS;
}

/* Output that did not arrive (a full disk) must not look like success. */
static int flush(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	qb_say(QB_SAY_ERROR, "write to standard output: %s", strerror(errno));
	return status == EXIT_SUCCESS ? QB_EXIT_FAILURE : status;
}

static const struct qb_command *find(const char *name)
{
	struct qb_nearest nearest = {.word = name};

	for (size_t i = 0; i < QB_ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			if (commands[i].run)
				return &commands[i];
			qb_say(QB_SAY_ERROR, "%s: not in this version", name);
			return NULL;
		}
		if (commands[i].run)
			qb_nearest_offer(&nearest, commands[i].name);
	}
	if (nearest.best[0])
		qb_say(QB_SAY_ERROR, "unknown command: %s; did you mean %s?", name, nearest.best);
	else
		qb_say(QB_SAY_ERROR, "unknown command: %s; quietbench --help lists them", name);
	return NULL;
}

static int dispatch(const struct qb_command *command, int argc, char **argv)
{
	struct qb_cli cli = {.command = command};
	struct qb_error err = {0};
	int first = qb_options_parse(command->options, argc, argv, &cli.options, &err);

	if (first < 0) {
		qb_say(QB_SAY_ERROR, "%s: %s", command->name, err.text);
		return command->usage;
	}
	if (qb_option_given(&cli.options, HELP))
		return help_command(command);
	if (!*command->operands && first < argc) {
		qb_say(QB_SAY_ERROR, "%s: takes no argument: %s", command->name, argv[first]);
		return command->usage;
	}
	if (qb_option_given(&cli.options, QUIET))
		qb_say_limit(QB_SAY_ERROR);
	else if (qb_option_given(&cli.options, VERBOSE))
		qb_say_limit(QB_SAY_DETAIL);
	cli.argc = argc - first;
	cli.argv = argv + first;
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

	keep_standard_fds();
	qb_say_begin();
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0)
		return flush(help());
	if (strcmp(argv[1], "--version") == 0) {
		puts("quietbench " QB_VERSION);
		return flush(EXIT_SUCCESS);
	}
	if (argv[1][0] == '-') {
		qb_say(QB_SAY_ERROR, "%s: options come after the command; quietbench --help",
			argv[1]);
		return QB_EXIT_USAGE;
	}
	command = find(argv[1]);
	if (!command)
		return QB_EXIT_USAGE;
	return flush(dispatch(command, argc - 2, argv + 2));
}
