#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# apply, and what others do meanwhile: runs that join, strangers, the owner's restore, kills; on cgroup v2 and v1.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$(vm_tool sudo "$vm_here/sudo.c")")
guest "v2" -s 2,2,2 -t 300 guest/lease.sh
v1_guest "v1" -s 2,2,2 -t 300 guest/lease.sh
finish
