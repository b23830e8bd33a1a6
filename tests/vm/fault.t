#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The fault matrix for what a substituted host does not have: cgroups, and threads that others started. Without QB_FULL
# (make check-full) a few of the faults.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$vm_build/tests/strike" -f "$vm_here/strike-lib.sh:/qb/strike-lib.sh")

# faults WAY CALLS OF: every OFth fault
faults() {
	local options=(-s 1,2,1 -t "${QB_FULL:+5}400" -a "qb.way=$1 qb.calls=$2 qb.part=1/$3")
	case $1 in
		shield) v1_guest "$1, $2" "${options[@]}" guest/fault.sh ;;
		*) guest "$1, $2" "${options[@]}" guest/fault.sh ;;
	esac
}

faults partition changes "${QB_FULL:-55}"
faults affinity changes "${QB_FULL:-113}"
faults shield changes "${QB_FULL:-401}"
# A look takes ten times as long to be found.
[ -z "${QB_FULL:-}" ] || for way in partition affinity shield; do faults "$way" looks 101; done
finish
