#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run --shared: several runs on one host, on CPUs of their own; the last one restores it. On cgroup v2, in full on v1, too.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$(vm_tool sudo "$vm_here/sudo.c")")
guest "v2" -s 1,4,2 -t 300 guest/shared.sh
[ -z "${QB_FULL:-}" ] || v1_guest "v1" -s 1,4,2 -t 300 guest/shared.sh
finish
