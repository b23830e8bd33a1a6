# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# strike-lib.sh: what guests that hit quietbench at chosen system calls share; sourced after guest-lib.sh. /bin/strike is
# tests/crash's, and its words are explained there.
# shellcheck disable=SC2154 # tests and the like are guest-lib.sh's
mkdir /tmp/calls
# argument NAME: of the kernel's command line, qb.NAME
argument() { sed -n "s|.*qb\.$1=\([^ ]*\).*|\1|p" /proc/cmdline; }

quick=-q # empty: looks are seen, too
# shellcheck disable=SC2086 # $quick may be no word
struck() { strike $quick -t 60 -l /tmp/log "$@" >/tmp/out 2>&1; }

# count NAME STRIKES COMMAND...: watches a run. calls/NAME.ROLE then holds the changes a role made, a line each,
# NAME.ROLE-look its looks, and NAME.ROLE.bench how many it had made when the benchmark began
count() {
	counted=$1
	shift
	: >/tmp/wrong
	struck -w "$@"
	awk -v calls="/tmp/calls/$counted." '
		$1 == "call" { role = $2; sub(/\//, "-", role); n[role]++; sub(/^call [^ ]* [0-9]* /, ""); print >(calls role) }
		$1 == "executed" && $2 !~ /^quietbench/ { for (role in n) print n[role] >(calls role ".bench") }
	' /tmp/log
	grep '^said ' /tmp/log >>/tmp/wrong
}

# judge: is all as it was, and nobody left? The complaints are added to /tmp/wrong.
judge() {
	grep -E '^left |^end [a-z]+ signal ([1-8]|1[0-46-9]|[2-9][0-9])$' /tmp/log >>/tmp/wrong
	quietbench status >/tmp/status 2>&1
	status="$? $(cat /tmp/status)"
	[ "$status" = "3 not conditioned" ] || echo "status says: $status" >>/tmp/wrong
	as_before >>/tmp/wrong 2>&1 || echo "not as before" >>/tmp/wrong
	[ -s /tmp/wrong ] || return 0
	# What comes later is judged by itself.
	quietbench restore --force >/dev/null 2>&1
	before
	return 1
}
# undisturbed NAME: the verdict on what was counted
undisturbed() { if judge; then pass "$1"; else fail "$1" /tmp/log /tmp/out /tmp/wrong; fi; }
