#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is in a run's group and is not its user's: set-uid programs. They are moved back to where the run came from, and never ended or
# frozen with it. Whoever a client calls the benchmark (BORN) is that only where the rules say so. In each way of keeping others off; on cgroup v1, too.
. "$(dirname "$0")/lib.sh"
vm_file+=(-f "$(vm_tool sudo "$vm_here/sudo.c")" -f "$vm_build/tests/attacker")
guest "v2" -s 1,4,1 -t 300 guest/moved.sh
v1_guest "v1" -s 1,4,1 -t 300 guest/moved.sh
finish
