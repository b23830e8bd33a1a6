#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The generated page of levers: well-formed, and every key that doctor reports is on it.
. "$(dirname "$0")/lib.sh"
page=$build/quietbench-levers.7

is "mandoc has nothing to say" "$(mandoc -T lint -W warning "$page" 2>&1)" ""
mandoc -T ascii "$page" | col -b >"$tmp/page"
"$qb" doctor --json | jq -r '.levers[].lever' | sort -u >"$tmp/levers"
ok "doctor reports levers" [ -s "$tmp/levers" ]
while read -r lever; do
	ok "$lever has a paragraph" grep -q "^  *$lever\$" "$tmp/page"
done <"$tmp/levers"
finish
