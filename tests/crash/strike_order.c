/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strike.h: the command line. */
#include "strike.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: strike [-w] [-q] [-t SECONDS] [-l LOG] [-s STRIKE]... COMMAND [ARG...]\n"
	"  -s ROLE:N:ACTION       at the Nth change that ROLE makes; may be given several times\n"
	"  -s ROLE/look:N:ACTION  at the Nth time that ROLE looks at something\n"
	"     ROLE    client, child (the client's, before it executes), guardian, monitor, recovery\n"
	"     ACTION  kill=ROLE[+ROLE...]   SIGKILL for these, before the call happens\n"
	"             after=ROLE[+ROLE...]  the same, right after it\n"
	"             fail=ERRNO            it does not happen and fails with this number\n"
	"             bar=ERRNO             the same, and so do all its later ones on that file\n"
	"             short                 half of what it writes\n"
	"  -l LOG   what was seen: strikes, what the child executed, who ended how\n"
	"  -w       watches to the end: every call that counts, and what a helper writes to fd 2\n"
	"  -q       quick: the kernel picks the changes, and looks are not seen. Not on a substituted\n"
	"           host, whose own filter comes before this one.\n"
	"  -t       how long all may take (20)\n"
	"Ends with 0; 1 if a strike's call never came; 2 on trouble; 3 if somebody did not end.\n";

const char *const role_names[ROLE_COUNT] = {
	"other", "client", "child", "guardian", "monitor", "recovery", "planner"};

static __attribute__((noreturn)) void misused(void)
{
	(void)fputs(usage, stderr);
	exit(STATUS_TROUBLE);
}

static enum role parse_role(const char *text, size_t length)
{
	for (enum role role = ROLE_CLIENT; role < ROLE_PLANNER; role++)
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

static struct strike parse_strike(const char *text)
{
	struct strike strike = {.kind = CALL_CHANGE};
	const char *action;
	char *end;

	strike.role = parse_role(text, strcspn(text, "/:"));
	text += strcspn(text, "/:");
	if (strncmp(text, "/look", 5) == 0) {
		strike.kind = CALL_LOOK;
		text += 5;
	}
	strike.at = strtoul(text + (*text == ':'), &end, 10);
	action = end + 1;
	if (*text != ':' || *end != ':' || !strike.at)
		misused();
	if (strncmp(action, "kill=", 5) == 0 || strncmp(action, "after=", 6) == 0) {
		strike.action = *action == 'k' ? ACTION_KILL : ACTION_AFTER;
		strike.victims = parse_victims(strchr(action, '=') + 1);
	} else if ((strncmp(action, "fail=", 5) == 0 || strncmp(action, "bar=", 4) == 0) &&
		   atoi(strchr(action, '=') + 1) > 0) {
		strike.action = *action == 'f' ? ACTION_FAIL : ACTION_BAR;
		strike.error = atoi(strchr(action, '=') + 1);
	} else if (strcmp(action, "short") == 0) {
		strike.action = ACTION_SHORT;
	} else {
		misused();
	}
	return strike;
}

void order_parse(int argc, char **argv, struct order *ret)
{
	const size_t most = sizeof(ret->strikes) / sizeof(ret->strikes[0]);
	int option;

	*ret = (struct order){.seconds = 20};
	while ((option = getopt(argc, argv, "+s:l:t:wq")) >= 0) {
		switch (option) {
		case 's':
			if (ret->n_strikes == most)
				misused();
			ret->strikes[ret->n_strikes++] = parse_strike(optarg);
			break;
		case 't': ret->seconds = atoi(optarg); break;
		case 'w': ret->watch = true; break;
		case 'q': ret->filtered = true; break;
		case 'l': ret->log = optarg; break;
		default: misused();
		}
	}
	if (optind == argc || ret->seconds <= 0)
		misused();
	ret->command = argv + optind;
}
