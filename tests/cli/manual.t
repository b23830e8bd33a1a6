#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The pages: well-formed, help and manual say the same, and every lever that doctor reports, every key of a rule, every metric is there.
. "$(dirname "$0")/lib.sh"
man=$build/man
page=$man/man7/quietbench-levers.7

# What a page says, as one line. mandoc shows "-" as it was written, and joins nothing across lines but blanks.
said() { mandoc -T ascii "$1" | col -b | tr -s '[:space:]' ' '; }

for file in "$man"/man*/*; do
	# Whether another page is installed on this machine is no fault of this one.
	is "mandoc has nothing to say of ${file##*/}" \
		"$(mandoc -T lint "$file" 2>&1 | grep -v -e 'outdated mandoc.db' -e 'referenced manual not found')" ""
done
is "every page refers to pages that are there" "$(
	for file in "$man"/man*/*; do
		sed -n 's/^\.\(BR\|Xr\) \(quietbench[a-z\\-]*\) (*\([1-8]\).*/\2.\3/p' "$file" | tr -d '\\'
	done | sort -u | while read -r name; do [ -e "$man/man${name##*.}/$name" ] || echo "$name"; done
)" ""

# Help and manual agree: every command has its page, with each line of its help.
run help
sed -n 's/^  \([a-z]*\)  *\(.*\)/\1 \2/p' "$tmp/out" >"$tmp/commands"
ok "help lists commands" [ "$(wc -l <"$tmp/commands")" -ge 14 ]
said "$man/man1/quietbench.1" >"$tmp/line"
while read -r command text; do
	ok "quietbench(1) has $command" grep -qF -- "$text" "$tmp/line"
	case $command in help | version) continue ;; esac
	said "$man/man1/quietbench-$command.1" >"$tmp/page"
	run help "$command"
	is "$command: the page has what help says of it" "$(
		sed -n -e 's/^ *\(-., \)*\(--[a-z-]*\) *\(.*\)/\1\2 \3/p' -e 's/^  *\(own\|[0-9][0-9]*\)  /\1 /p' \
			-e 's/^Usage: //p' "$tmp/out" | tr -s ' ' |
			while read -r line; do grep -qF -- "$line" "$tmp/page" || echo "$line"; done
	)" ""
	is "$command: and the page has no other option" \
		"$(mandoc -T ascii "$man/man1/quietbench-$command.1" | col -b | sed -n '/^OPTIONS/,/^EXIT/s/^ *\(-., \)*\(--[a-z-]*\).*/\2/p')" \
		"$(sed -n '/^Options:/,/^Exit/s/^ *\(-., \)*\(--[a-z-]*\).*/\2/p' "$tmp/out")"
done <"$tmp/commands"
is "no page but those of commands" "$(cd "$man/man1" && ls | grep -v '^quietbench\.1$')" \
	"$(sed 's/ .*//' "$tmp/commands" | grep -v -e '^help$' -e '^version$' | sort | sed 's/.*/quietbench-&.1/')"

# has WHAT LEAST PAGE [PREFIX]: the page has each line of $tmp/keys, behind PREFIX; and there are more than LEAST of them
has() {
	ok "${3##*/}: there are $1" [ "$(wc -l <"$tmp/keys")" -gt "$2" ]
	said "$man/$3" >"$tmp/page"
	is "${3##*/} has the $1" "$(
		while read -r key; do grep -qF -- "${4:-}$key" "$tmp/page" || echo "$key"; done <"$tmp/keys"
	)" ""
}
sed -n 's/^\tX([A-Z_0-9]*, "\([a-z_0-9.]*\)", .*, "\(.*\)").*/\1 \2/p' "$source/include/quietbench/profile.h" >"$tmp/keys"
has keys 50 man5/quietbench-profile.5
is "and the shipped profiles" "$(
	for file in "$source"/profiles/*.yaml; do
		name=${file##*/}
		grep -q -- " ${name%.yaml} " "$tmp/page" || echo "$name"
	done
)" ""

mandoc -T ascii "$page" | col -b >"$tmp/page"
"$qb" doctor --json | jq -r '.levers[].lever' | sort -u >"$tmp/levers"
ok "doctor reports levers" [ -s "$tmp/levers" ]
while read -r lever; do
	ok "$lever has a paragraph" grep -q "^  *$lever\$" "$tmp/page"
done <"$tmp/levers"
tr -s '[:space:]' ' ' <"$tmp/page" >"$tmp/line"
for effect in 'it ends it (worth a finding unless it reads performance or userspace)' \
	'each sample interrupts whatever runs (worth a finding from 100 to 99999)' \
	'turbo off under intel_pstate (/sys/devices/system/cpu/intel_pstate/no_turbo): the clock rises and falls with heat'; do
	ok "the page tells what a setting does: $effect" grep -qF "$effect" "$tmp/line"
done
mandoc -T ascii "$man/man5/quietbench-policy.5" | col -b >"$tmp/page"
sed -n '/^#define QB_POLICY_KEYS/,/^$/s/.*X([A-Z_]*, "\([a-z_]*\)".*/\1/p' "$source/include/quietbench/policy.h" >"$tmp/keys"
is "a rule has keys" "$(wc -l <"$tmp/keys")" 10
while read -r key; do
	ok "$key has a paragraph" grep -q "^  *$key\b" "$tmp/page"
done <"$tmp/keys"
sed -n 's/.*\.price = "\([^"]*\)".*/\1/p' "$source/src/provision/table.c" >"$tmp/keys"
has prices 25 man1/quietbench-provision.1 'Price: '
mandoc -T ascii "$man/man7/quietbench-ci.7" | col -b | grep -o 'quietbench_check_[a-z_]*' | sort >"$tmp/page"
ok "metrics are written" "$build/san/tests/unit/cli/outputs" "$tmp/home"
ok "and some are explained" [ "$(wc -l <"$tmp/page")" -gt 5 ]
is "every metric is explained" "$(sed -n 's/^# HELP \([^ ]*\) .*/\1/p' "$tmp/home/loud.prom" | sort)" "$(cat "$tmp/page")"
finish
