#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A conditioned benchmark under amd-pstate (passive), the driver itself, and the exact way back.
export QB_VM_MACHINE=amd
. "$(dirname "$0")/lib.sh"
guest "amd-pstate" -t 300 -s 1,4,1 guest/amd.sh
finish
