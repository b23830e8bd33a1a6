#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# 50 runs in a row on a real kernel; tests/cli/endurance.t has many more on a substituted host.
. "$(dirname "$0")/../vm/lib.sh"
guest "v2" -s 1,4,2 -t 900 -a qb.runs=50 guest/endurance.sh
finish
