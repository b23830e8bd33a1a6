#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The command line: help, version, what is wrong with it and what might have been meant.
. "$(dirname "$0")/lib.sh"

run
is "no arguments: status" "$status" 0
like "no arguments: help" "$out" '^  run  '
is "no arguments: nothing on stderr" "$err" ""
run --help
like "--help: the commands" "$out" '^  topology  '
run help
is "help says the same" "$out" "$(run --help; echo "$out")"
for version in --version -V version; do
	run $version
	is "$version: status" "$status" 0
	like "$version" "$out" '^quietbench [0-9]+\.[0-9]+\.[0-9]+$'
done
# Every command: `help NAME` is NAME --help, and tells the statuses, that of a usage error among them.
for command in $(run help; sed -n 's/^  \([a-z]*\)  .*/\1/p' "$tmp/out"); do
	run help $command
	is "help $command: status" "$status" 0
	cp "$tmp/out" "$tmp/help"
	run $command --help
	is "help $command is $command --help" "$out" "$(cat "$tmp/help")"
	sed '1,/^Exit status:$/d' "$tmp/help" >"$tmp/statuses"
	run $command --no-such-option
	ok "$command: a usage error is among its statuses" grep -q "^ *$status  " "$tmp/statuses"
done
ok "all commands were asked" [ "$tests" -gt 30 ]
run run --help
is "run --help: status" "$status" 0
like "run --help: usage" "$out" '^Usage: quietbench run '
for option in '-p, --profile NAME' '-c, --cpus LIST' '-n, --count N' '--node N' '-s, --set KEY=VALUE' \
	'--require all' '-o, --record FILE' '--lock-wait DURATION' '-q, --quiet' '-v, --verbose'; do
	like "run --help: $option" "$out" "$(printf %s "$option" | sed 's/[|]/\\|/g')"
done

# wrong STATUS TEXT ARG...: one line on stderr, that status, nothing on stdout
wrong() {
	wanted=$1
	text=$2
	shift 2
	run "$@"
	is "$*: status" "$status" "$wanted"
	is "$*: says" "$err" "quietbench: $text"
	is "$*: nothing on stdout" "$out" ""
}
wrong 2 'unknown command: rnu; did you mean run?' rnu
wrong 2 'unknown command: frobnicate; quietbench --help lists them' frobnicate
wrong 2 'unknown command: rnu; did you mean run?' help rnu
wrong 2 'help: one command at a time: plan' help run plan
wrong 2 'version: takes no argument: x' version x
wrong 2 'apply: --for: expected a duration such as 30s or 10m, not "1"' apply --for 1
wrong 2 'apply: --for: expected a duration above 0' apply --for 0
wrong 2 'apply: --while: expected a number from 2 to 2147483647, not "1"' apply --while 1
wrong 2 'apply: --for and --while: choose one' apply --for 1h --while 812
wrong 2 'apply: takes no argument: make' apply make
wrong 2 '-q: options come after the command; quietbench --help' -q run
wrong 2 'plan: unknown option --profle; did you mean --profile?' plan --profle x
wrong 2 'plan: unknown option -z' plan -z
wrong 2 'plan: takes no argument: x' plan x
wrong 2 'plan: unknown option --record' plan --record x
wrong 125 'run: unknown option --jsn' run --jsn -- true
wrong 125 'run: -p needs a value: -p NAME|FILE' run -p
wrong 125 'run: --profile needs a value: --profile NAME|FILE' run --profile
wrong 125 'run: --quiet takes no value' run --quiet=yes -- true
wrong 125 'run: -p, --profile: an empty NAME|FILE' run -p '' -- true
wrong 125 'run: -c, --cpus: expected a list of CPUs such as 2-3,8, not "a"' run -c a -- true
wrong 125 'run: -c, --cpus: expected a list of CPUs such as 2-3,8, not ""' run --cpus= -- true
wrong 125 'run: -n, --count: expected a number from 1 to 8192, not "0"' run -n 0 -- true
wrong 125 'run: --node: expected a number from 0 to 1023, not "-1"' run --node -1 -- true
wrong 125 'run: --lock-wait: expected a duration such as 30s or 10m, not "5"' run --lock-wait 5 -- true
wrong 125 'run: -s turbo: expected KEY=VALUE, e.g. -s frequency.turbo=false' run -s turbo -- true
wrong 125 'run: -s: no such key: frequency.turo; did you mean frequency.turbo?' run -s frequency.turo=1 -- true
wrong 125 'run: --require: no such key: frequency.turo; did you mean frequency.turbo?' \
	run --require cpus.isolation,frequency.turo -- true
wrong 125 'run: --noisy-status: expected a number from 1 to 255, not "0"' run --noisy-status 0 -- true
wrong 2 'check: --json and --github: choose one' check --github --json
wrong 2 'check: --prometheus: an empty FILE' check --prometheus=
wrong 2 'check: --limits: expected ci, bare or lab, not "loud"' check --limits loud
wrong 125 'run: no command given: quietbench run [OPTION...] [--] COMMAND [ARG...]' run
wrong 125 'run: no command given: quietbench run [OPTION...] [--] COMMAND [ARG...]' run -q --

wrong 2 'compare: unknown option --jsn; did you mean --json?' compare true false --jsn
run profile show default --json
like "options behind arguments" "$out" '^  "schema": "quietbench/profile/1"'
run profile -- show --json
like "but not behind --" "$err" '--json'
run run -q -- sh -c 'echo "$1"' x --help
is "options end at --" "$out" "--help"
run run --no-check -q echo -q --version
is "options end at the command" "$out" "-q --version"
run run --no-check -qvq -c0 -- echo x
is "letters in one word" "$out" x
$user "$qb" --version >/dev/full 2>"$tmp/err"
is "a full disk is no success" "$?" 1
$user "$qb" status >/dev/full 2>"$tmp/err"
is "nor an answer: status" "$?" 4
$user "$qb" plan >/dev/full 2>"$tmp/err"
is "nor an answer: plan" "$?" 2
$user "$qb" --version >/dev/full 2>"$tmp/err"
like "a full disk is told" "$(cat "$tmp/err")" '^quietbench: write to standard output: No space'
finish
