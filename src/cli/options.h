/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The options, in one table: it generates parsing, --help and the usage errors, and is what manual
 * and completion are made of.
 *
 * Parsing ends at the first argument that is no option, or after `--`. `-p NAME`, `-pNAME`, `-qv`,
 * `--profile NAME` and `--profile=NAME` are understood; long names are not abbreviated, so that a
 * new option never changes what a script means. An option given twice counts the last time, except
 * those that gather (-s, --require).
 */
#ifndef QB_CLI_OPTIONS_H
#define QB_CLI_OPTIONS_H

#include <quietbench/error.h>
#include <quietbench/protocol.h>
#include <quietbench/value.h>
#include <stdbool.h>
#include <stdint.h>

enum qb_option_id {
	QB_OPTION_PROFILE,
	QB_OPTION_CPUS,
	QB_OPTION_COUNT,
	QB_OPTION_NODE,
	QB_OPTION_SET,
	QB_OPTION_REQUIRE,
	QB_OPTION_ROOT,
	QB_OPTION_RECORD,
	QB_OPTION_NO_CHECK,
	QB_OPTION_LOCK_WAIT,
	QB_OPTION_NO_LOCK_WAIT,
	QB_OPTION_SHARED,
	QB_OPTION_TIMELINE,
	QB_OPTION_FAIL_NOISY,
	QB_OPTION_NOISY_STATUS,
	QB_OPTION_FORCE,
	QB_OPTION_FOR,
	QB_OPTION_WHILE,
	QB_OPTION_LIMITS,
	QB_OPTION_DURATION,
	QB_OPTION_QUICK,
	QB_OPTION_TRACE,
	QB_OPTION_SOAK,
	QB_OPTION_MDE,
	QB_OPTION_RUNS,
	QB_OPTION_RUN_TIME,
	QB_OPTION_WARMUP,
	QB_OPTION_TIME,
	QB_OPTION_PRECISION,
	QB_OPTION_MAX_RUNS,
	QB_OPTION_MIN_EFFECT,
	QB_OPTION_FAIL_SLOWER,
	QB_OPTION_SELF,
	QB_OPTION_MEASURE,
	QB_OPTION_HIGHER,
	QB_OPTION_SHELL,
	QB_OPTION_PREPARE,
	QB_OPTION_CLEANUP,
	QB_OPTION_PARAMETER,
	QB_OPTION_RERUN,
	QB_OPTION_SHOW_OUTPUT,
	QB_OPTION_SEED,
	QB_OPTION_MARKDOWN,
	QB_OPTION_EXPORT_JSON,
	QB_OPTION_EXPORT_CSV,
	QB_OPTION_AGAINST,
	QB_OPTION_EACH_LEVER,
	QB_OPTION_CONDITIONED,
	QB_OPTION_GITHUB,
	QB_OPTION_PROMETHEUS,
	QB_OPTION_JSON,
	QB_OPTION_QUIET,
	QB_OPTION_VERBOSE,
	QB_OPTION_HELP,
	QB_OPTIONS, /* how many */
};
#define QB_OPTION_BIT(id) (UINT64_C(1) << QB_OPTION_##id)

enum qb_option_type {
	QB_OPTION_IS_FLAG,
	QB_OPTION_IS_TEXT,     /* not empty */
	QB_OPTION_IS_CPULIST,  /* not empty */
	QB_OPTION_IS_COUNT,    /* 1…QB_CPUS_MAX, max or all */
	QB_OPTION_IS_NUMBER,   /* min…max */
	QB_OPTION_IS_DURATION, /* with its unit; min…max, if there is a max */
	QB_OPTION_IS_PERCENT,  /* millionths, above 0 */
	QB_OPTION_IS_SETTING,  /* KEY=VALUE, gathered */
	QB_OPTION_IS_KEYS,     /* KEY,… or all, gathered */
};

struct qb_option {
	char letter;	      /* 0: none */
	const char *name;     /* without the dashes */
	const char *argument; /* as help shows it; NULL for a flag */
	enum qb_option_type type;
	int64_t min, max; /* of a number */
	const char *text; /* one line */
};
extern const struct qb_option qb_options[QB_OPTIONS];

struct qb_options {
	uint64_t given;		       /* bits of QB_OPTION_… */
	const char *value[QB_OPTIONS]; /* as written; NULL when not given */
	int64_t number[QB_OPTIONS];    /* of numbers and durations */
	const char *set[QB_REQUEST_SETS];
	char require[QB_REQUEST_REQUIRES][QB_NAME_MAX];
	unsigned n_set, n_require;
};

#define qb_option_given(options, id) (((options)->given & QB_OPTION_BIT(id)) != 0)

/*
 * Parses argv[0…argc) with the options in `known`. Returns the index of the first operand, or
 * -EINVAL with a text for people.
 */
int qb_options_parse(
	uint64_t known, int argc, char **argv, struct qb_options *ret, struct qb_error *err);
/*
 * The same where options may stand behind operands, too: operands move to the front, in their order.
 * Behind "--" all are operands. Returns the number of operands, argv[that] is NULL.
 */
int qb_options_gather(
	uint64_t known, int argc, char **argv, struct qb_options *ret, struct qb_error *err);

/* The lines of --help for the options in `known`, on stdout. */
void qb_options_help(uint64_t known);

#endif
