/* SPDX-License-Identifier: GPL-2.0-or-later */
/* command.h: every command there is. */
#include <base/macros.h>
#include <cli/command.h>

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
/* The statuses, by command. */
#define USAGE {QB_EXIT_USAGE, "wrong usage"}
#define ASKED_WRONGLY {QB_EXIT_USAGE, "wrong usage, or no answer was possible"}
#define INCOMPLETE {QB_EXIT_INCOMPLETE, "the host could not be restored completely; what is missing is said"}
#define NOT_MEASURED {QB_EXIT_NOT_MEASURED, "it could not be measured, or not be written"}
#define NOT_STARTED {QB_EXIT_REFUSED, "quietbench could not do what was asked; no command was started"}
#define END {0, NULL}
static const struct qb_exit of_run[] = {
	{QB_EXIT_OWN, "that of COMMAND; 128+N when signal N ended it"},
	{QB_EXIT_NOISY, "--fail-noisy (or the N of --noisy-status): it succeeded, and the run was noisy"},
	INCOMPLETE,
	{QB_EXIT_REFUSED, "quietbench could not do what was asked; COMMAND was not started"},
	{QB_EXIT_NOT_EXECUTABLE, "COMMAND cannot be executed"},
	{QB_EXIT_NOT_FOUND, "COMMAND was not found"},
	END,
};
static const struct qb_exit of_plan[] = {
	{0, "told; with --require: all of it is available"},
	{QB_EXIT_FAILURE, "--require: something of it is not available"}, ASKED_WRONGLY, END,
};
static const struct qb_exit of_check[] = {
	{0, "quiet"}, {1, "noisy, or undecided"}, USAGE, NOT_MEASURED, INCOMPLETE, END,
};
static const struct qb_exit of_apply[] = {
	{0, "the host is conditioned, or stays so longer"}, {QB_EXIT_FAILURE, "it is not: what stands in the way is said"}, USAGE, END,
};
static const struct qb_exit of_restore[] = {
	{0, "restored, or nothing was to be restored"},
	{QB_EXIT_FAILURE, "something could not be restored, or not by this user"}, USAGE, END,
};
static const struct qb_exit of_status[] = {
	{0, "conditioned"}, {1, "something is left over, or drifted"}, USAGE, {3, "not conditioned"},
	{QB_EXIT_UNKNOWN, "unknown"}, END,
};
static const struct qb_exit of_question[] = {{0, "answered"}, ASKED_WRONGLY, END};
static const struct qb_exit of_profile[] = {
	{0, "answered; validate: it is valid"}, {QB_EXIT_FAILURE, "validate: it is not valid"}, ASKED_WRONGLY, END,
};
static const struct qb_exit of_prove[] = {
	{0, "less spread is shown"}, {1, "it is not shown"}, USAGE, NOT_MEASURED, INCOMPLETE, NOT_STARTED, END,
};
static const struct qb_exit of_compare[] = {
	{0, "measured; with --fail-slower: shown not slower by more"},
	{1, "--fail-slower: shown slower by more"},
	USAGE, NOT_MEASURED,
	{QB_EXIT_UNDECIDED, "--fail-slower: undecided"}, INCOMPLETE, NOT_STARTED, END,
};
static const struct qb_exit of_report[] = {
	{0, "FILE.html is written"}, {QB_EXIT_FAILURE, "it is not"}, USAGE, END,
};
static const struct qb_exit of_provision[] = {
	{0, "all of it: planned, written, in effect, or undone"},
	{QB_EXIT_FAILURE, "not all of it: what failed, is kept, refused or not in effect is said"}, ASKED_WRONGLY,
	{3, "verify: nothing is provisioned"}, END,
};

const struct qb_command qb_commands[] = {
	{"run", "[--] COMMAND [ARG...]", "condition the host, run COMMAND, restore",
		ALL | CHOOSING | BITS(REQUIRE) | MEASURING | REPEATING | BITS(TIME) |
			BITS(PRECISION) | WAITING | LOUDNESS,
		QB_EXIT_REFUSED, qb_cmd_run, of_run, QB_EXIT_FAILURE},
	{"plan", "", "what would change: lever, unit, from and to; and what cannot, and why",
		ASKING | CHOOSING | BITS(REQUIRE) | LOUDNESS, QB_EXIT_USAGE, qb_cmd_plan, of_plan, QB_EXIT_USAGE},
	{"check", "", "how quiet is the host, is that quiet enough, and what is the cause",
		ALL | CHOOSING | BITS(LIMITS) | BITS(DURATION) | BITS(QUICK) | BITS(TRACE) | BITS(SOAK) | BITS(MDE) |
			BITS(RUNS) | BITS(RUN_TIME) | BITS(CONDITIONED) | BITS(JSON) |
			BITS(RECORD) | BITS(GITHUB) | BITS(PROMETHEUS) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_check, of_check, QB_EXIT_NOT_MEASURED},
	{"apply", "", "condition the host for many commands; they reach its benchmark CPUs through run",
		ALL | CHOOSING | BITS(REQUIRE) | BITS(FOR) | BITS(WHILE) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_apply, of_apply, QB_EXIT_FAILURE},
	{"restore", "", "end an apply, or put back what a killed run left behind",
		ALL | BITS(FORCE) | WAITING | LOUDNESS, QB_EXIT_USAGE, qb_cmd_restore, of_restore, QB_EXIT_FAILURE},
	{"status", "", "is the host conditioned, by whom, since when; what drifted",
		ALL | BITS(JSON), QB_EXIT_USAGE, qb_cmd_status, of_status, QB_EXIT_UNKNOWN},
	{"doctor", "", "every lever: available here or not, why, and what would make it so",
		ASKING | CHOOSING | LOUDNESS, QB_EXIT_USAGE, qb_cmd_doctor, of_question, QB_EXIT_USAGE},
	{"topology", "", "the CPUs as a picture, and which the benchmark gets",
		ASKING | CHOOSING, QB_EXIT_USAGE, qb_cmd_topology, of_question, QB_EXIT_USAGE},
	{"profile", "list|show|validate [NAME|FILE]", "the profiles: which, what they say, are they valid",
		ASKING | BITS(SET), QB_EXIT_USAGE, qb_cmd_profile, of_profile, QB_EXIT_USAGE},
	{"prove", "[--] COMMAND [ARG...]", "the host as it is against conditioned, in turn: what does conditioning buy",
		ALL | CHOOSING | BITS(REQUIRE) | BITS(RECORD) | REPEATING | BITS(TIME) | BITS(SEED) | BITS(AGAINST) |
			BITS(EACH_LEVER) | BITS(SHOW_OUTPUT) | BITS(JSON) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_prove, of_prove, QB_EXIT_NOT_MEASURED},
	{"compare", "'CMD A' 'CMD B' [...]", "two or more commands, conditioned and interleaved: which is faster, and is it real",
		ALL | CHOOSING | BITS(REQUIRE) | EXPERIMENT | BITS(TIME) | BITS(PRECISION) | BITS(MAX_RUNS) |
			BITS(MIN_EFFECT) | BITS(FAIL_SLOWER) | BITS(SELF) | BITS(MEASURE) | BITS(HIGHER) |
			BITS(PARAMETER) | BITS(RERUN) | BITS(MARKDOWN) | BITS(EXPORT_JSON) |
			BITS(EXPORT_CSV) | BITS(JSON) | WAITING | LOUDNESS,
		QB_EXIT_USAGE, qb_cmd_compare, of_compare, QB_EXIT_NOT_MEASURED},
	{"report", "RECORD... -o FILE.html", "records as one page to look at: what was claimed, every run, what disturbed it",
		ALL | BITS(RECORD) | LOUDNESS, QB_EXIT_USAGE, qb_cmd_report, of_report, QB_EXIT_FAILURE},
	{"provision", "plan|apply|verify|undo", "kernel arguments and settings of a dedicated benchmark host, from the next boot on",
		ALL | CHOOSING | BITS(FORCE) | BITS(JSON) | LOUDNESS, QB_EXIT_USAGE, qb_cmd_provision, of_provision, QB_EXIT_FAILURE},
	{"help", "[NAME]", "this list, or the options and statuses of one command",
		ALL, QB_EXIT_USAGE, qb_cmd_help, of_question, QB_EXIT_FAILURE},
	{"version", "", "the version of quietbench",
		ALL, QB_EXIT_USAGE, qb_cmd_version, of_question, QB_EXIT_FAILURE},
};
const size_t qb_n_commands = QB_ARRAY_SIZE(qb_commands);
/* clang-format on */
