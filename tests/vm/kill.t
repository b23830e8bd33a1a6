#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# SIGKILL for each of the processes, and for all at once, while a benchmark runs on a conditioned host.
. "$(dirname "$0")/lib.sh"
guest "v2" -s 2,2,2 -t 450 guest/kill.sh
v1_guest "v1" -s 2,2,2 -t 450 guest/kill.sh
finish
