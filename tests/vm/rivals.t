#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A rival changes during a run what quietbench had set.
. "$(dirname "$0")/lib.sh"
guest "rivals" -s 2,2,2 -t 240 guest/rivals.sh
finish
