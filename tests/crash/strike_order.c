/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strike.h: the command line. */
#include "strike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: strike [-w] [-q] [-t SECONDS] [-c MS] [-o MS] [-l LOG] [-s STRIKE]... COMMAND [ARG...]\n"
	"  -s ROLE:N:ACTION       before the Nth change that ROLE makes; may be given several times\n"
	"  -s ROLE:N+:ACTION      right after it\n"
	"  -s ROLE/look:N:ACTION  the Nth time that ROLE looks at something\n"
	"  -s ROLE/call:N:ACTION  the Nth system call of ROLE, whatever it is\n"
	"     ROLE    client, child (the client's, before it executes), forker (one that forks such\n"
	"             children), guardian, monitor, recovery,\n"
	"             keeper (a child of the monitor's: a guest's guardian, or it becomes a program),\n"
	"             guest (serves a run that joins), planner, bus, watcher\n"
	"     ACTION  kill=ROLE[+ROLE...]   SIGKILL for these\n"
	"             stop=ROLE[+ROLE...]   SIGSTOP for these; nobody here continues them\n"
	"             delay=MS              ROLE stands still for so long, and goes on\n"
	"             fail=ERRNO            the call does not happen and fails with this number\n"
	"             bar=ERRNO             the same, and so do all its later ones on that file\n"
	"             short                 half of what it writes\n"
	"  -c MS    that long after the last strike the client is killed, if it still lives\n"
	"  -o MS    how long the others may live on when no client does, but for a guardian that is held up\n"
	"  -l LOG   what was seen: strikes, what the child executed, who ended how\n"
	"  -w       watches to the end: every change and every look, and what a helper writes to fd 2;\n"
	"           given twice: every call, also by its number among all\n"
	"  -q       quick: the kernel picks the changes, and nothing else is seen. Not on a substituted\n"
	"           host, whose own filter comes before this one.\n"
	"  -t       how long all may take (20)\n"
	"When all that is left is stopped, it stays so and is told of: `stopped ROLE PID`.\n"
	"Ends with 0; 1 if a strike's call never came; 2 on trouble; 3 if somebody did not end in time.\n";

const char *const role_names[ROLE_COUNT] = {"other", "client", "child", "forker", "guardian",
	"monitor", "recovery", "keeper", "guest", "planner", "bus", "watcher"};

static __attribute__((noreturn)) void misused(void)
{
	(void)fputs(usage, stderr);
	exit(STATUS_TROUBLE);
}

static enum role parse_role(const char *text, size_t length)
{
	for (enum role role = ROLE_CLIENT; role < ROLE_COUNT; role++)
		if (strlen(role_names[role]) == length &&
			strncmp(role_names[role], text, length) == 0)
			return role;
	misused();
}

static unsigned parse_victims(const char *text)
{
	unsigned victims = 0;
	size_t length;

	for (;; text += length + 1) {
		length = strcspn(text, "+");
		victims |= 1u << parse_role(text, length);
		if (!text[length])
			return victims;
	}
}

static int parse_number(const char *text, int least)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (end == text || *end || number < least || number > 1000000)
		misused();
	return (int)number;
}

/* What stands behind `word` and "=", if the action is that one. */
static const char *argument(const char *action, const char *word)
{
	size_t length = strlen(word);

	return strncmp(action, word, length) == 0 && action[length] == '=' ? action + length + 1
									   : NULL;
}

static void parse_action(const char *action, struct strike *strike)
{
	const char *given;

	if ((given = argument(action, "kill")) || (given = argument(action, "stop"))) {
		strike->action = *action == 'k' ? ACTION_KILL : ACTION_STOP;
		strike->victims = parse_victims(given);
	} else if ((given = argument(action, "delay"))) {
		strike->action = ACTION_DELAY;
		strike->ms = parse_number(given, 1);
	} else if ((given = argument(action, "fail")) || (given = argument(action, "bar"))) {
		strike->action = *action == 'f' ? ACTION_FAIL : ACTION_BAR;
		strike->error = parse_number(given, 1);
	} else if (strcmp(action, "short") == 0) {
		strike->action = ACTION_SHORT;
	} else {
		misused();
	}
	if (strike->after && strike->action > ACTION_DELAY)
		misused();
}

static struct strike parse_strike(const char *text)
{
	struct strike strike = {.kind = CALL_CHANGE};
	char *end;

	strike.role = parse_role(text, strcspn(text, "/:"));
	text += strcspn(text, "/:");
	if (strncmp(text, "/look", 5) == 0 || strncmp(text, "/call", 5) == 0) {
		strike.kind = text[1] == 'l' ? CALL_LOOK : CALL_ANY;
		text += 5;
	}
	strike.at = strtoul(text + (*text == ':'), &end, 10);
	strike.after = *end == '+';
	end += strike.after;
	if (*text != ':' || *end != ':' || !strike.at)
		misused();
	parse_action(end + 1, &strike);
	return strike;
}

void order_parse(int argc, char **argv, struct order *ret)
{
	const size_t most = sizeof(ret->strikes) / sizeof(ret->strikes[0]);
	int option;

	*ret = (struct order){.seconds = 20, .client_ms = -1, .outlive_ms = -1};
	while ((option = getopt(argc, argv, "+s:l:t:c:o:wq")) >= 0) {
		switch (option) {
		case 's':
			if (ret->n_strikes == most)
				misused();
			ret->strikes[ret->n_strikes++] = parse_strike(optarg);
			break;
		case 't': ret->seconds = parse_number(optarg, 1); break;
		case 'c': ret->client_ms = parse_number(optarg, 0); break;
		case 'o': ret->outlive_ms = parse_number(optarg, 0); break;
		case 'w': ret->watch++; break;
		case 'q': ret->filtered = true; break;
		case 'l': ret->log = optarg; break;
		default: misused();
		}
	}
	if (optind == argc)
		misused();
	ret->command = argv + optind;
}
