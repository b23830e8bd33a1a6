#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A caller whose control groups enforce something, and one that leaves everything to its helper.
. "$(dirname "$0")/lib.sh"
for tool in sudo groupfilter; do vm_file+=(-f "$(vm_tool $tool "$vm_here/$tool.c")"); done
vm_file+=(-f "$(vm_tool hostile "$vm_top/tests/attack/hostile.c")")
guest "v2" -s 2,2,2 -t 300 guest/confined.sh
finish
