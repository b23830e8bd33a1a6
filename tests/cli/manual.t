#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The pages: well-formed, and every lever that doctor reports, every key of a rule, every metric is there.
. "$(dirname "$0")/lib.sh"
page=$build/quietbench-levers.7

for name in levers.7 policy.5; do
	is "mandoc has nothing to say of $name" "$(mandoc -T lint -W warning "$build/quietbench-$name" 2>&1)" ""
done
for name in security.7 ci.7; do
	is "mandoc has nothing to say of $name" "$(mandoc -T lint -W warning "$source/contrib/man/quietbench-$name" 2>&1)" ""
done
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
mandoc -T ascii "$build/quietbench-policy.5" | col -b >"$tmp/page"
sed -n '/^#define QB_POLICY_KEYS/,/^$/s/.*X([A-Z_]*, "\([a-z_]*\)".*/\1/p' "$source/include/quietbench/policy.h" >"$tmp/keys"
is "a rule has keys" "$(wc -l <"$tmp/keys")" 10
while read -r key; do
	ok "$key has a paragraph" grep -q "^  *$key\b" "$tmp/page"
done <"$tmp/keys"
mandoc -T ascii "$source/contrib/man/quietbench-ci.7" | col -b | grep -o 'quietbench_check_[a-z_]*' | sort >"$tmp/page"
ok "metrics are written" "$build/san/tests/unit/cli/outputs" "$tmp/home"
ok "and some are explained" [ "$(wc -l <"$tmp/page")" -gt 5 ]
is "every metric is explained" "$(sed -n 's/^# HELP \([^ ]*\) .*/\1/p' "$tmp/home/loud.prom" | sort)" "$(cat "$tmp/page")"
finish
