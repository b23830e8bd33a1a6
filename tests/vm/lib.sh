# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh: what the .t scripts of tests/vm share. Each runs one or more guests and passes their TAP on:
#
#   . "$(dirname "$0")/lib.sh"
#   guest "2 sockets" -s 2,2,2 guest/conditioned.sh     # the last argument is the script, the others are boot's
#   finish
#
# The script is looked for beside the .t. A guest script begins with `. /qb/guest-lib.sh` and ends with `done_testing`. A guest that crashes, hangs or stops
# halfway is a failed test. QB_BUILD names the build folder whose programs are tested (default: build), QB_VM_MACHINE the machine
# (see machines.sh); for one of arm64 the programs are those in the build folder's arm64.
set -euo pipefail
vm_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_scripts=$(cd "$(dirname "$0")" && pwd)
vm_top=$(cd "$vm_here/../.." && pwd)
vm_build=${QB_BUILD:-$vm_top/build}
vm_cc=cc vm_jq=$(command -v jq)
case ${QB_VM_MACHINE:-intel} in
	biglittle | uefi)
		vm_build=$vm_build/arm64
		vm_cc="aarch64-linux-gnu-gcc --sysroot=$vm_build/root" vm_jq=$vm_build/root/usr/bin/jq
		;;
esac
vm_tests=0
vm_failed=0

# vm_tool NAME SOURCE: compiles a static test program into the build folder if that is older; concurrent callers are safe
vm_tool() {
	local program=$vm_build/tests/vm/$1
	mkdir -p "$vm_build/tests/vm"
	if [ ! -e "$program" ] || [ "$2" -nt "$program" ]; then
		# shellcheck disable=SC2086 # a list of words
		$vm_cc -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -O2 -static -pthread -o "$program.$$" "$2"
		mv "$program.$$" "$program"
	fi
	echo "$program:/bin/$1"
}

# vm_files: fills the array vm_file with boot's -f options for the tools and the programs under test
vm_files() {
	local tool program
	vm_file=(-f "$vm_here/guest-lib.sh:/qb/guest-lib.sh")
	tool=$(vm_tool hostshot "$vm_top/tests/lib/hostshot.c")
	vm_file+=(-f "$tool")
	tool=$(vm_tool oddthreads "$vm_here/oddthreads.c")
	vm_file+=(-f "$tool" -f "$vm_jq")
	[ -z "${QB_VM_NO_PROGRAMS:-}" ] || return 0
	for program in quietbench quietbench-helper quietbench-planner quietbench-watcher quietbench-bus; do
		[ -e "$vm_build/$program" ] || continue # built without libsystemd: no quietbench-bus
		vm_file+=(-f "$vm_build/$program:/qb/build/$program")
	done
	vm_file+=(-f "$vm_top/profiles:/qb/profiles")
}

# vm_result VERDICT TEXT: one TAP line of our own numbering
vm_result() {
	vm_tests=$((vm_tests + 1))
	echo "$1 $vm_tests - $2"
	[ "$1" = ok ] || vm_failed=$((vm_failed + 1))
}

guest() {
	local name=$1 status=none planned="" line seen=0
	shift
	local options=("${@:1:$#-1}") script=$vm_scripts/${*: -1}
	while IFS= read -r line; do
		case $line in
			"ok "*) seen=$((seen + 1)) && vm_result ok "$name: ${line#ok * - }" ;;
			"not ok "*) seen=$((seen + 1)) && vm_result "not ok" "$name: ${line#not ok * - }" ;;
			1..*) planned=${line#1..} ;;
			"boot-status "*) status=${line#boot-status } ;;
			*) echo "# ${line#\# }" ;;
		esac
	done < <(
		"$vm_here/boot" "${vm_file[@]}" ${options[@]+"${options[@]}"} "$script" 2>&1 && ended=0 || ended=$?
		echo "boot-status $ended"
	)
	if [ "$status" = 0 ] && [ "$planned" = "$seen" ]; then
		vm_result ok "$name: the guest came to its end"
	else
		vm_result "not ok" "$name: the guest came to its end (status $status, $seen tests of ${planned:-unknown})"
	fi
}

# v1_guest: a guest with cgroup v1, where the kernel has such cpusets
v1_guest() {
	local name=$1
	shift
	case ${QB_VM_KERNEL:-} in
		6.12) echo "# $name: not run, for Debian's 6.12 has no cgroup v1 cpusets" ;;
		*) guest "$name" -a qb.cgroup=v1 "$@" ;;
	esac
}

finish() {
	echo "1..$vm_tests"
	[ "$vm_failed" = 0 ]
}

vm_files
