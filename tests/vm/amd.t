#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A conditioned benchmark under amd-pstate, the driver itself, and the exact way back. The newer kernel has its active mode.
. "$(dirname "$0")/lib.sh"
guest "passive, 6.1" -k 6.1 -M amd -t 300 -s 1,4,1 guest/amd.sh
guest "active, 6.12" -k 6.12 -M amd-epp -t 300 -s 1,4,1 guest/amd-epp.sh
finish
