#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The fault matrix for what a substituted host does not have: cgroups, and threads that others started. Without QB_FULL
# (make check-full) a few of the faults.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$vm_build/tests/strike" -f "$vm_here/strike-lib.sh:/qb/strike-lib.sh")

# faults WAY OF: every OFth of its faults
faults() {
	local way=$1 of=${QB_FULL:+1}
	shift
	of=${of:-$1}
	local options=(-s 1,2,1 -t "${QB_FULL:+5}400" -a "qb.way=$way qb.part=1/$of")
	case $way in
		shield) v1_guest "$way" "${options[@]}" guest/fault.sh ;;
		*) guest "$way" "${options[@]}" guest/fault.sh ;;
	esac
}
faults partition 55
faults affinity 113
faults shield 401
finish
