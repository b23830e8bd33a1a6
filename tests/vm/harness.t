#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The test machine itself: what it offers, that hostshot sees changes, and that no failure of a guest goes unnoticed.
QB_VM_NO_PROGRAMS=1
. "$(dirname "$0")/lib.sh"

# ends TEXT STATUS GUEST-COMMAND [boot's options]: boot itself ends with STATUS
ends() {
	local text=$1 wanted=$2 script got=0
	script=$(mktemp)
	echo "$3" >"$script"
	shift 3
	"$vm_here/boot" "$@" "$script" >"$script.out" 2>&1 || got=$?
	if [ "$got" = "$wanted" ]; then
		vm_result ok "$text"
	else
		vm_result "not ok" "$text (status $got, wanted $wanted)"
		sed 's/^/# /' "$script.out"
	fi
	rm -f "$script" "$script.out"
}

guest "8 CPUs" -t 300 guest/harness.sh
ends "the script's status, and cgroup v1 on demand" 7 "[ -e /sys/fs/cgroup/cpuset/cpuset.cpus ] && exit 7" -s 1,1,1 -a qb.cgroup=v1
ends "a crash" 251 "echo c >/proc/sysrq-trigger" -s 1,1,1
ends "a hang" 252 "sleep 1000" -s 1,1,1 -t 8
ends "a kernel argument that init does not know" 250 "exit 0" -s 1,1,1 -a qb.cgroup=v3
ends "a file that is not there" 250 "exit 0" -f /nonexistent
finish
