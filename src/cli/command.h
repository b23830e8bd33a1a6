/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A command of quietbench: one row in the table of commands_table.c, one function in a file of its name.
 * The table generates --help, manual and completion (contrib/man).
 *
 * The function gets the parsed options and the operands, and returns the exit status. It speaks to
 * people through say.h alone; query commands print their answer on stdout.
 */
#ifndef QB_CLI_COMMAND_H
#define QB_CLI_COMMAND_H

#include <cli/options.h>

/* Exit statuses that do not belong to one command alone. */
#define QB_EXIT_FAILURE	       1
#define QB_EXIT_USAGE	       2
#define QB_EXIT_NOT_MEASURED   3   /* check, prove, compare: nothing is claimed */
#define QB_EXIT_UNDECIDED      4   /* compare --fail-slower */
#define QB_EXIT_UNKNOWN	       4   /* status */
#define QB_EXIT_NOISY	       123 /* run --fail-noisy: it succeeded, disturbed */
#define QB_EXIT_INCOMPLETE     124 /* run: the host is not as it was */
#define QB_EXIT_REFUSED	       125 /* run: quietbench could not do what was asked */
#define QB_EXIT_NOT_EXECUTABLE 126
#define QB_EXIT_NOT_FOUND      127

struct qb_cli {
	const struct qb_command *command;
	struct qb_options options;
	int argc;    /* operands: what is no option */
	char **argv; /* ends with NULL */
};

/* What a status of a command means. A list of them ends with text NULL. */
struct qb_exit {
	int status; /* QB_EXIT_OWN: that of what was run */
	const char *text;
};
#define QB_EXIT_OWN (-1)

struct qb_command {
	const char *name;
	const char *operands; /* "[--] COMMAND [ARG...]"; "" when it takes none */
	const char *text;     /* one line for the list of commands */
	uint64_t options;     /* bits of QB_OPTION_…: what it understands */
	int usage;	      /* exit status of a usage error */
	int (*run)(struct qb_cli *cli);
	const struct qb_exit *exits;
	int unwritten; /* exit status when the answer did not arrive (a full disk): never that of an answer */
};
extern const struct qb_command qb_commands[];
extern const size_t qb_n_commands;

/* The command of this name; NULL, with a line for people, if there is none. */
const struct qb_command *qb_command_find(const char *name);
/* "own" for QB_EXIT_OWN, else the number. */
const char *qb_exit_text(int status, char buf[12]);
/* --help of one command, on stdout. */
void qb_help_command(const struct qb_command *command);

int qb_cmd_run(struct qb_cli *cli);
int qb_cmd_apply(struct qb_cli *cli);
int qb_cmd_check(struct qb_cli *cli);
int qb_cmd_plan(struct qb_cli *cli);
int qb_cmd_doctor(struct qb_cli *cli);
int qb_cmd_topology(struct qb_cli *cli);
int qb_cmd_status(struct qb_cli *cli);
int qb_cmd_restore(struct qb_cli *cli);
int qb_cmd_profile(struct qb_cli *cli);
int qb_cmd_compare(struct qb_cli *cli);
int qb_cmd_prove(struct qb_cli *cli);
int qb_cmd_report(struct qb_cli *cli);
int qb_cmd_provision(struct qb_cli *cli);
int qb_cmd_help(struct qb_cli *cli);
int qb_cmd_version(struct qb_cli *cli);

#endif
